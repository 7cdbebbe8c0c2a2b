//! `earwitness dispose`: what falls due, and its destruction.

mod certificate;
mod change;
mod plan;

use std::io::Write;

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use earwitness_vault::{ClockTrust, DisposalOrder, PastDamage, Vault};

use super::{Form, Needs};
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    view::counted,
};

/// Destroy what has been kept for its time: plan, run, certificate; keep longer or shorter: change, approve
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earwitness dispose plan                                  what is due now, and what holds keep of it
  earwitness dispose plan --by 2027-03-31                  what will be due by then
  earwitness dispose run                                   destroy it now; a running recorder does so by itself
  earwitness dispose certificate                           the certificates of all disposals
  earwitness dispose certificate 01KB2M…                   one of them, in Korean and English, to be printed
  earwitness dispose change 01KAJ5V2Q0 --until 2027-06-30 --reason \"분쟁\"
  earwitness dispose approve 01KB2N                        by another account than that which proposed it

To destroy a recording is to destroy its key: overwritten, synced and read back, so that no copy of the volumes, wherever
it is, can be opened any more. A full disk destroys nothing.")]
pub(crate) struct Dispose {
    #[command(subcommand)]
    command: DisposeCommand,
}

#[derive(Debug, Subcommand)]
enum DisposeCommand {
    /// What is due, by class and day
    Plan {
        /// What will be due before the end of this day or moment [default: now]
        #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
        by: Option<String>,
        /// One JSON object per recording and line
        #[arg(long)]
        json: bool,
    },
    /// Destroy what is due, and sign a certificate
    Run {
        /// The clock leapt, and it is right: said to the ledger
        #[arg(long)]
        confirm_clock: bool,
        /// Places of the ledger cannot be read, and somebody has looked: holds may have stood there
        #[arg(long)]
        past_damage: bool,
    },
    /// What was destroyed: the certificates, or one of them
    Certificate {
        /// Its name; without one, all are listed
        run: Option<String>,
        /// The signed JSON, as it is kept: `earwitness verify FILE --key recorder.pub` checks it anywhere
        #[arg(long)]
        json: bool,
    },
    /// Propose that recordings be kept longer or shorter than their class says
    Change {
        /// Calls: ids, unique beginnings of ids, or SIP Call-IDs
        #[arg(value_name = "CALL", required = true)]
        calls: Vec<String>,
        /// The last day on which they shall be kept
        #[arg(long, value_name = "DATE")]
        until: NaiveDate,
        /// Why: it stands in the ledger
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Approve what another account proposed; without a name, list what was proposed
    Approve {
        /// Its name, or the beginning of it
        proposal: Option<String>,
    },
}

impl Dispose {
    /// To propose changes nothing: whoever the recorder admits may.
    pub(super) const fn needs(&self) -> Needs {
        match &self.command {
            DisposeCommand::Plan { .. }
            | DisposeCommand::Certificate { .. }
            | DisposeCommand::Change { .. }
            | DisposeCommand::Approve { proposal: None } => Needs::Reading,
            DisposeCommand::Run { .. } | DisposeCommand::Approve { proposal: Some(_) } => Needs::Acting,
        }
    }

    pub(crate) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        match &self.command {
            DisposeCommand::Plan { by, json } => {
                plan::run(context, vault, (by.as_deref(), Form::asked(*json)))
            }
            DisposeCommand::Run { confirm_clock, past_damage } => {
                let clock = if *confirm_clock { ClockTrust::Confirmed } else { ClockTrust::Alone };
                let past_damage = if *past_damage { PastDamage::Accept } else { PastDamage::Refuse };
                let by = context.seat().account().to_string();
                run(context, vault, &DisposalOrder { by, clock, past_damage })
            }
            DisposeCommand::Certificate { run: None, .. } => certificate::list(context, vault),
            DisposeCommand::Certificate { run: Some(name), json } => {
                certificate::show(context, vault, (name, Form::asked(*json)))
            }
            DisposeCommand::Change { calls, until, reason } => {
                change::propose(context, vault, (calls, *until, reason))
            }
            DisposeCommand::Approve { proposal: None } => change::list(context, vault),
            DisposeCommand::Approve { proposal: Some(name) } => change::approve(context, vault, name),
        }
    }
}

fn run(context: &Context, vault: &Vault, order: &DisposalOrder) -> Outcome {
    let Some(certificate) = vault.dispose_due(Context::now(), order)? else {
        context.say("nothing is due");
        return Ok(Exit::Done);
    };
    let recordings = counted(certificate.recordings.len() as u64, "recording");
    let mut out = context.out();
    writeln!(out, "{}  {recordings} destroyed", certificate.run)?;
    if !certificate.held.is_empty() {
        context.say(format_args!("{} kept by holds", counted(certificate.held.len() as u64, "recording")));
    }
    for backup in &certificate.stale_key_backups {
        context.say(format_args!(
            "the backup of keys {:?} ({}) still holds {} of what was destroyed: refresh it with `earwitness keys backup`",
            backup.label,
            backup.id,
            counted(backup.keys, "key")
        ));
    }
    context.say(format_args!("`earwitness dispose certificate {}` prints the certificate", certificate.run));
    Ok(Exit::Done)
}
