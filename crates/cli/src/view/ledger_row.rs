//! A row of the ledger in a line, and as an object for programs.

use earwitness_vault::{
    Act, AlarmState, AnchoredBy, Closing, Entry, ExcludedBecause, LedgerKind, LedgerNote, LinkState,
    RecordedRow, RetentionNote, Row, failed_call,
};
use serde_json::{Value, json};

use super::{clock_words, printable, retention_row::retention_facts};

/// The name of a kind for scripts: stable.
pub(crate) fn kind_name(kind: LedgerKind) -> String {
    let mut name = String::new();
    for letter in format!("{kind:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowFacts {
    /// The call it is of.
    pub(crate) call: Option<String>,
    /// The rest, in words without anybody's number; of a copy, for whom it was made.
    pub(crate) says: String,
}

impl RowFacts {
    /// The object that `ledger show --json` prints for a row.
    pub(crate) fn object(&self, row: &Row, at: &str) -> Value {
        json!({ "number": row.number, "at": at, "kind": kind_name(row.kind), "call": self.call, "says": self.says })
    }
}

/// What a row says, without parties: those are in the listing.
pub(crate) fn row_facts(row: &Row) -> RowFacts {
    if let Some(note) = LedgerNote::of(row) {
        return RowFacts { call: None, says: printable(&note_words(&note)).into_owned() };
    }
    if let Some(note) = RetentionNote::of(row) {
        return retention_facts(&note);
    }
    let of = |call: String, says: String| RowFacts { call: Some(call), says };
    let unread = || RowFacts { call: None, says: String::new() };
    if row.kind == LedgerKind::Recorded {
        return RecordedRow::from_bytes(&row.payload).map_or_else(unread, |told| {
            let cut = if told.interrupted { ", interrupted" } else { "" };
            of(told.call.to_string(), format!("recording {}{cut}", told.recording))
        });
    }
    if row.kind == LedgerKind::Excluded {
        return Entry::from_bytes(&row.payload).map_or_else(
            |_| unread(),
            |entry| of(entry.summary.id.to_string(), ExcludedBecause::of(&entry).name().to_owned()),
        );
    }
    if row.kind == LedgerKind::Failed {
        return failed_call(row)
            .map_or_else(unread, |(call, because)| of(call.to_string(), because.name().to_owned()));
    }
    if matches!(row.kind, LedgerKind::Exported | LedgerKind::Listened) {
        return RowFacts {
            call: None,
            says: Act::from_bytes(&row.payload).map(act_words).unwrap_or_default(),
        };
    }
    if row.kind == LedgerKind::IndexRebuilt {
        return RowFacts { call: None, says: "from volumes and ledger".to_owned() };
    }
    unread()
}

/// What was done with a recording and by whom; of a copy, whose it is and the hash that its file has.
fn act_words(act: Act) -> String {
    match act {
        Act::Words { recording, words } => format!("recording {recording}, {}", printable(&words)),
        Act::Copy { recording, given } => {
            let request = given.request.map(|request| format!(", request {request}")).unwrap_or_default();
            let words = format!(
                "recording {recording}, copy {} for {}: {}{request}, by {}, BLAKE3 {}",
                given.copy,
                given.recipient,
                given.purpose,
                given.by,
                blake3::Hash::from(given.blake3).to_hex()
            );
            printable(&words).into_owned()
        }
    }
}

fn note_words(note: &LedgerNote) -> String {
    match note {
        LedgerNote::RecorderStarted(watching)
        | LedgerNote::RecorderStopped(watching)
        | LedgerNote::RuleSetChanged(watching) => {
            let rules: String = watching.rule_set.to_string().chars().take(12).collect();
            let ended = watching.ended.map(|ended| format!(", {} calls", ended.calls)).unwrap_or_default();
            format!("rules {rules}, {}{ended}", watching.interfaces.join(" "))
        }
        LedgerNote::Alive(alive) => format!("{} frames, {} calls", alive.frames, alive.calls),
        LedgerNote::CoverageGap(gap) => {
            let interface = gap.interface.as_deref().unwrap_or_default();
            format!("{} {interface}", gap.cause.name()).trim_end().to_owned()
        }
        LedgerNote::ClockStepped { by_nanos } => format!("{:.3} s", *by_nanos as f64 / 1e9),
        LedgerNote::InterfaceChanged { interface, link } => {
            let link = match link {
                LinkState::Up => "up",
                LinkState::Down => "down",
                LinkState::Gone => "gone",
            };
            format!("{interface} {link}")
        }
        LedgerNote::Alarm { name, state } => match state {
            AlarmState::Raised => format!("{name} raised"),
            AlarmState::Cleared => format!("{name} cleared"),
        },
        LedgerNote::Recovered(found) => {
            format!(
                "{} interrupted, {} listed, {} bytes cut",
                found.interrupted, found.listed, found.cut_bytes
            )
        }
        LedgerNote::DayClosed(closed) => {
            let counts = &closed.counts;
            let late = match closed.closing {
                Closing::InTime => "",
                Closing::Late => ", late",
            };
            format!(
                "{}: {} seen = {} recorded + {} excluded + {} failed{late}",
                closed.day,
                counts.seen,
                counts.recorded,
                counts.excluded(),
                counts.failed()
            )
        }
        LedgerNote::Anchored(anchored) => {
            let by = match &anchored.by {
                AnchoredBy::Printed => "printed".to_owned(),
                AnchoredBy::Hook => "taken by the hook".to_owned(),
                AnchoredBy::Authority { serial, .. } => format!("time-stamped, serial {serial}"),
            };
            format!("{} rows {by}", anchored.size)
        }
        LedgerNote::ClockStatus(status) => clock_words(status),
        LedgerNote::KeysSplit(split) => {
            format!("{} of {} shares make the officer's key, by {}", split.threshold, split.shares, split.by)
        }
        LedgerNote::BackedUp(backed_up) => {
            format!("{} files, {} rows, by {}", backed_up.files, backed_up.rows, backed_up.by)
        }
        LedgerNote::Restored(restored) => {
            format!(
                "{} files, {} rows, {} keys stay destroyed, by {}",
                restored.files, restored.rows, restored.kept_destroyed, restored.by
            )
        }
        LedgerNote::Imported(imported) => format!(
            "{} recordings, {} there already, {} lines refused; class {}, by {}",
            imported.recordings, imported.known, imported.refused, imported.class, imported.by
        ),
        LedgerNote::KeysRotated(rotated) => {
            format!("officer {} instead of {}, by {}", rotated.to, rotated.from, rotated.by)
        }
        LedgerNote::KeysBackedUp(backed_up) => {
            format!(
                "{} ({}): {} keys, {} destroyed in it, by {}",
                hex::encode(backed_up.backup),
                backed_up.label,
                backed_up.keys,
                backed_up.wiped,
                backed_up.by
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_names_of_small_letters_and_no_two_the_same() {
        assert_eq!(kind_name(LedgerKind::CoverageGap), "coverage_gap");
        let mut names: Vec<_> = LedgerKind::ALL.iter().map(|kind| kind_name(*kind)).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
