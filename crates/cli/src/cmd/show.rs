//! `earwitness show`: everything known of one call.

use std::{
    fmt::Display,
    io::{BufWriter, Write},
};

use anstyle::AnsiColor;
use chrono::NaiveDate;
use clap::Args;
use earwitness_media::{CallAudio, sound};
use earwitness_model::{CallId, Flag, PacketTime, RecordingId, WallTime};
use earwitness_vault::{Entry, RecordingEntry, Vault};

use super::export::Unsealed;
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    filter::find_call,
    seat::Screen,
    socket::Grant,
    view::{
        MOS_HELP, call_object, clock_words, fitted, instant, is_recorded, ladder, page, section, steps,
        voices,
    },
};

/// Parties, times, verdict, streams, keys, gaps, evidence, what the voices are like, and the signalling as a ladder.
#[derive(Debug, Args)]
#[command(after_help = MOS_HELP)]
pub(crate) struct Show {
    /// An id, the beginning of one, or a SIP Call-ID
    call: String,
    /// The object that `list --json` prints
    #[arg(long)]
    json: bool,
}

impl Show {
    /// People are shown the messages, which are sealed.
    pub(super) fn grant(&self) -> Grant {
        if self.json { Grant::default() } else { Grant::default().with_key() }
    }

    pub(crate) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let mut entry = find_call(vault, &self.call)?;
        if let Some(recording) = &mut entry.recording {
            let changed = vault.changed_retention(Some(entry.summary.id), recording.id)?;
            recording.retention_until = changed.unwrap_or(recording.retention_until);
        }
        let screen = context.screen();
        let mut out = BufWriter::new(context.out());
        if self.json {
            writeln!(out, "{}", call_object(&entry, vault.zone(), None))?;
            out.flush()?;
            return Ok(Exit::Done);
        }
        write!(out, "{}", fitted(&page(&entry, vault.zone(), screen), screen))?;
        let mut exit = Exit::Done;
        if let Some(recording) = &entry.recording {
            // One that cannot be read is among the findings.
            let by_class = vault.manifest(&entry).ok().map(|manifest| manifest.retention_until);
            let findings = vault.verify(&entry, None);
            let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
            let mut evidence = evidence(recording, (parts_of(vault, recording, &entry), &found), screen);
            evidence += &kept((recording, by_class), entry.hold);
            evidence += &clock(vault, &entry);
            writeln!(out, "{}", fitted(&section("Evidence", &evidence, screen), screen))?;
            if !found.is_empty() {
                exit = Exit::Broken;
            }
        }
        // What is known without a key is shown before anybody is asked for a passphrase.
        out.flush()?;
        let opened = opened(context, vault, &entry);
        // What cannot be opened says why below.
        if is_recorded(&entry)
            && let Ok(unsealed) = &opened
        {
            writeln!(out, "{}", section("Voices", &heard(&unsealed.audio), screen))?;
        }
        write!(out, "{}", section("Signalling", &signalling(opened, &entry), screen))?;
        out.flush()?;
        Ok(exit)
    }
}

/// The call that this one goes on from, and the call that goes on where this one was cut off, with its recording.
fn parts_of(vault: &Vault, recording: &RecordingEntry, entry: &Entry) -> Parts {
    let (neighbours, failed) = vault.neighbours(entry);
    let of = |is_it: &dyn Fn(&RecordingEntry) -> bool| {
        neighbours.iter().find_map(|other| {
            let its = other.recording.as_ref().filter(|its| is_it(its))?;
            Some((other.summary.id, its.id))
        })
    };
    Parts {
        before: of(&|other| Some(other.id) == recording.continues).map(|(call, _)| call),
        after: of(&|other| other.continues == Some(recording.id)),
        unknown: failed.map(|error| error.to_string()),
    }
}

/// The other parts of a call that a restart cut.
#[derive(Default)]
struct Parts {
    before: Option<CallId>,
    after: Option<(CallId, RecordingId)>,
    /// Why there may be others.
    unknown: Option<String>,
}

/// Until when the recording is kept, and why not as its class says.
fn kept((recording, by_class): (&RecordingEntry, Option<NaiveDate>), is_held: bool) -> String {
    let until = recording.retention_until;
    let changed = by_class.filter(|by_class| *by_class != until);
    let changed =
        changed.map_or_else(String::new, |by_class| format!(", changed from {by_class} by two persons"));
    let held = if is_held { ", and held: `earwitness hold list`" } else { "" };
    format!("  {:<11} {until}{changed}{held}\n", "kept until")
}

/// What was told of the machine's clock before the call, in a line; nothing when nobody told of it, or the call's times are
/// another recorder's.
fn clock(vault: &Vault, entry: &Entry) -> String {
    if entry.summary.flags.contains(&Flag::Imported) {
        return String::new();
    }
    let start = entry.summary.facts.start;
    let told = vault.clock_status_at(WallTime::from_nanos(start.nanos()));
    let Ok(Some((at, status))) = told else { return String::new() };
    let at = instant(PacketTime::from_nanos(at.nanos()), vault.zone());
    format!("  {:<11} at {at}: {}\n", "clock", clock_words(&status))
}

/// Where the recording lies, what it goes on from and where it goes on, and whether it is as it was signed.
fn evidence(recording: &RecordingEntry, (parts, findings): (Parts, &[String]), screen: Screen) -> String {
    let fact = |name: &str, value: &str| format!("  {name:<11} {value}\n");
    let place = format!(
        "{}/{}/{}.vol, manifest at byte {}",
        recording.class, recording.day, recording.volume, recording.manifest_at
    );
    let mut text = fact("recording", &recording.id.to_string())
        + &fact("volume", &place)
        + &fact("sealed", &format!("{} bytes", recording.sealed_bytes));
    if let Some(before) = recording.continues {
        let call = parts.before.map_or_else(String::new, |call| format!("call {call}, "));
        text += &fact("continues", &format!("{call}recording {before}"));
    }
    if let Some((call, second)) = parts.after {
        text += &fact("goes on", &format!("in recording {second}, call {call}"));
    }
    if let Some(why) = parts.unknown {
        text += &fact("parts", &format!("others of this call may be missing here: {why}"));
    }
    if findings.is_empty() {
        let signed = "signed by this vault's recorder, and every sealed block is as it was signed";
        text += &fact("manifest", &screen.painted(signed, AnsiColor::Green));
    }
    for finding in findings {
        text += &fact("broken", &screen.painted(finding, AnsiColor::Red));
    }
    text
}

/// What is sealed of the call, or why it is not opened.
fn opened(context: &Context, vault: &Vault, entry: &Entry) -> Result<Unsealed, String> {
    if entry.recording.is_none() {
        return Err("no message of a call that is not kept is kept".to_owned());
    }
    let unsealed = context.unlock(vault).and_then(|opener| Ok(Unsealed::open(&opener, entry)?));
    unsealed.map_err(|failure| failure.to_string())
}

/// What stands in the place of a section.
fn not_shown(why: impl Display) -> String {
    format!("  not shown: {why}\n")
}

/// What the voices are like, or one line that says why that is not known.
fn heard(audio: &CallAudio) -> String {
    sound(audio).map_or_else(not_shown, |sounds| voices(&sounds))
}

/// The ladder, or one line that says why there is none.
fn signalling(opened: Result<Unsealed, String>, entry: &Entry) -> String {
    let unsealed = match opened {
        Ok(unsealed) => unsealed,
        Err(why) => return not_shown(why),
    };
    let steps = steps(unsealed.messages());
    let missing = match unsealed.damage.len() {
        0 => String::new(),
        damaged => format!("  incomplete: {damaged} sealed blocks cannot be opened\n"),
    };
    let lines: String =
        ladder(&steps, entry.summary.facts.start).iter().map(|line| format!("  {line}\n")).collect();
    if steps.is_empty() { not_shown("no message was kept") + &missing } else { lines + &missing }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample;

    #[test]
    fn what_two_persons_changed_and_a_hold_are_told_beside_the_last_day() {
        let recording = sample::answered().recording.unwrap();
        let by_class = |day: &str| Some(day.parse().unwrap());
        assert_eq!(kept((&recording, by_class("2027-02-19")), false), "  kept until  2027-02-19\n");
        assert_eq!(
            kept((&recording, by_class("2026-12-01")), true),
            "  kept until  2027-02-19, changed from 2026-12-01 by two persons, and held: `earwitness hold list`\n"
        );
    }

    #[test]
    fn voices_of_a_call_that_is_too_long_are_not_shown_and_the_reason_is() {
        let mut entry = sample::answered();
        let audio = |entry: &Entry| CallAudio::builder(&entry.summary).finish();
        let day_and_more = entry.summary.answer.unwrap().plus_nanos(30 * 3_600_000_000_000);
        entry.summary.end.as_mut().unwrap().at = day_and_more;
        let said = heard(&audio(&entry));
        assert!(said.starts_with("  not shown: the call's timeline is 30 h long"), "{said}");
        assert!(heard(&audio(&sample::answered())).starts_with("  caller  silent, all of 1:01"));
    }
}
