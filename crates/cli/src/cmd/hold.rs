//! `earwitness hold`: what must not be destroyed, whatever its class says.

use std::io::Write;

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use earwitness_vault::{Entry, NewHold, Release, StandingHold, Vault};
use serde_json::json;

use super::{Form, Needs};
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    filter::find_call,
    view::{counted, printable},
};

/// Keep recordings beyond their time: add, release, list
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earwitness hold add 01KAJ5V2Q0 --reason \"소송 2026가합1234\"                 until it is released
  earwitness hold add 01KAJ5V2Q0 --reason \"정보공개 청구\" --until 2027-03-31  until the end of that day
  earwitness hold list
  earwitness hold release 01KB2M --reason \"종결\"

Of a call that a restart of the recorder cut in two, both parts are held, whichever is named; a part that still runs is not yet.

A hold is in force when the command returns: it stands in the ledger, which every disposal asks before it destroys a key.
When it ends or is released, what is due falls due at once.")]
pub(crate) struct Hold {
    #[command(subcommand)]
    command: HoldCommand,
}

#[derive(Debug, Subcommand)]
enum HoldCommand {
    /// Lay a hold on calls
    Add {
        /// Calls: ids, unique beginnings of ids, or SIP Call-IDs
        #[arg(value_name = "CALL", required = true)]
        calls: Vec<String>,
        /// Why: it stands in the ledger and in the certificates
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The last day on which it is in force [default: until it is released]
        #[arg(long, value_name = "DATE")]
        until: Option<NaiveDate>,
    },
    /// Lift a hold
    Release {
        /// Its name, or the beginning of it
        hold: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// The holds that were not released
    List {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
}

impl Hold {
    pub(super) const fn needs(&self) -> Needs {
        match self.command {
            HoldCommand::Add { .. } | HoldCommand::Release { .. } => Needs::Acting,
            HoldCommand::List { .. } => Needs::Reading,
        }
    }

    pub(crate) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        match &self.command {
            HoldCommand::Add { calls, reason, until } => add(context, vault, (calls, reason, *until)),
            HoldCommand::Release { hold, reason } => release(context, vault, (hold, reason)),
            HoldCommand::List { json } => list(context, vault, Form::asked(*json)),
        }
    }
}

fn add(
    context: &Context,
    vault: &Vault,
    (calls, reason, until): (&[String], &str, Option<NaiveDate>),
) -> Outcome {
    let reason = said(reason)?;
    let entries: Vec<Entry> = calls.iter().map(|call| find_call(vault, call)).collect::<Result<_, _>>()?;
    if let Some(none) = entries.iter().find(|entry| entry.recording.is_none()) {
        let why = format_args!("call {} has no recording: there is nothing to keep", none.summary.id);
        return Err(Failure::new(Exit::NotFound, why));
    }
    let now = Context::now();
    if let Some(day) = until.filter(|day| *day < vault.civil_day(now)) {
        return Err(Failure::new(Exit::Usage, format_args!("--until {day} is over: it would hold nothing")));
    }
    let by = context.seat().account().to_string();
    let hold = vault.hold(now, NewHold { entries: &entries, reason, until, by: &by })?;
    let ends = hold.until.map_or_else(|| "until it is released".to_owned(), |day| format!("until {}", day.0));
    writeln!(context.out(), "{}  {} held {ends}", hold.id, counted(hold.subjects.len() as u64, "recording"))?;
    Ok(Exit::Done)
}

fn release(context: &Context, vault: &Vault, (name, reason): (&str, &str)) -> Outcome {
    let reason = said(reason)?.to_owned();
    let by = context.seat().account().to_string();
    let hold = vault.find_act(name)?;
    let released = vault.release(Context::now(), &Release { hold, reason, by })?;
    let recordings = counted(released.subjects.len() as u64, "recording");
    writeln!(context.out(), "{}  released: {recordings} not held by it any more", released.id)?;
    Ok(Exit::Done)
}

fn list(context: &Context, vault: &Vault, form: Form) -> Outcome {
    let mut out = context.out();
    let holds = vault.holds(Context::now())?;
    if holds.is_empty() && form == Form::Page {
        context.say("no hold is in force");
    }
    for StandingHold { hold, has_lapsed } in holds {
        let until = hold.until.map(|day| day.0.to_string());
        if form == Form::Json {
            let calls: Vec<_> =
                hold.subjects.iter().map(|subject| subject.call.map(|call| call.to_string())).collect();
            let recordings: Vec<_> =
                hold.subjects.iter().map(|subject| subject.recording.to_string()).collect();
            let object = json!({
                "schema": 1, "hold": hold.id.to_string(), "calls": calls, "recordings": recordings,
                "reason": hold.reason, "until": until, "lapsed": has_lapsed, "by": hold.by,
            });
            writeln!(out, "{object}")?;
            continue;
        }
        let ends = match (until, has_lapsed) {
            (None, _) => "until released".to_owned(),
            (Some(day), false) => format!("until {day}"),
            (Some(day), true) => format!("ended {day}"),
        };
        writeln!(out, "{}  {ends}  by {}  {}", hold.id, printable(&hold.by), printable(&hold.reason))?;
        for subject in &hold.subjects {
            let call = subject.call.map_or_else(|| "-".to_owned(), |call| call.to_string());
            let listed = subject.call.map(|call| vault.index().get(call)).transpose()?.flatten();
            let is_apart =
                listed.and_then(|entry| entry.recording).is_some_and(|recording| recording.is_apart());
            let apart = if is_apart { "  its time is over: kept apart" } else { "" };
            writeln!(out, "    call {call}  {} {}{apart}", subject.class, subject.day)?;
        }
    }
    Ok(Exit::Done)
}

/// A reason that says something, on one line: it is shown to whoever approves, and must not look like another proposal.
pub(super) fn said(reason: &str) -> Result<&str, Failure> {
    match reason.trim() {
        "" => Err(Failure::new(Exit::Usage, "--reason is empty: the ledger keeps why it was done")),
        reason if reason.len() > 4096 => Err(Failure::new(Exit::Usage, "--reason is longer than 4 KiB")),
        reason if printable(reason) != reason => {
            let why = "--reason has line breaks, control characters, or others that nobody sees: write it on one line";
            Err(Failure::new(Exit::Usage, why))
        }
        reason => Ok(reason),
    }
}
