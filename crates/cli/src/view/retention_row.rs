//! What the ledger says of how long recordings are kept: holds, changes by two persons, disposals.

use earwitness_vault::{Change, Hold, Proposal, RetentionNote, Subject};

use super::{counted, ledger_row::RowFacts, printable};

/// What was done about how long recordings are kept: by whom, and why.
pub(super) fn retention_facts(note: &RetentionNote) -> RowFacts {
    let says = match note {
        RetentionNote::Held(hold) => {
            let ends = hold
                .until
                .map_or_else(|| "until it is released".to_owned(), |day| format!("until {}", day.0));
            format!("hold {}: {} {ends}, by {}: {}", hold.id, subjects(&hold.subjects), hold.by, hold.reason)
        }
        RetentionNote::Released(release) => {
            format!("hold {}, by {}: {}", release.hold, release.by, release.reason)
        }
        RetentionNote::Proposed(proposal) => proposed(proposal),
        RetentionNote::Changed(change) => {
            format!("approved by {}: {}", change.approved_by, proposed(&change.proposal))
        }
        RetentionNote::Disposed(disposed) => {
            let subject = &disposed.subject;
            let what = format!("recording {}, {}", subject.recording, subject.class);
            format!("{what}, kept until {}, disposal {}", disposed.until.0, disposed.run)
        }
        RetentionNote::DisposalRun(run) => {
            let certificate = blake3::Hash::from(run.certificate).to_hex();
            let recordings = counted(run.recordings, "recording");
            format!(
                "disposal {}: {recordings} destroyed, by {}, certificate BLAKE3 {certificate}",
                run.run, run.by
            )
        }
        RetentionNote::ClockConfirmed { by } => format!("by {by}"),
    };
    let call = match note {
        RetentionNote::Held(Hold { subjects, .. })
        | RetentionNote::Proposed(Proposal { subjects, .. })
        | RetentionNote::Changed(Change { proposal: Proposal { subjects, .. }, .. }) => {
            match subjects.as_slice() {
                [only] => only.call,
                _none_or_several => None,
            }
        }
        RetentionNote::Disposed(disposed) => disposed.subject.call,
        RetentionNote::Released(_) | RetentionNote::DisposalRun(_) | RetentionNote::ClockConfirmed { .. } => {
            None
        }
    };
    RowFacts { call: call.map(|call| call.to_string()), says: printable(&says).into_owned() }
}

fn proposed(proposal: &Proposal) -> String {
    let Proposal { id, subjects: of, until, reason, by } = proposal;
    format!("proposal {id}: {} until {}, by {by}: {reason}", subjects(of), until.0)
}

/// Recordings, by name.
fn subjects(subjects: &[Subject]) -> String {
    let names: Vec<String> = subjects.iter().map(|subject| subject.recording.to_string()).collect();
    match names.as_slice() {
        [only] => format!("recording {only}"),
        _none_or_several => format!("recordings {}", names.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use earwitness_model::{CallId, RecordingId, RuleSetHash, WallTime};
    use earwitness_vault::*;

    use super::super::row_facts;

    fn row(kind: LedgerKind, payload: Vec<u8>) -> Row {
        Row { number: 1, kind, at: WallTime::from_nanos(5), payload }
    }

    fn subject(of: u8) -> Subject {
        let (call, recording) = (CallId::from_bytes([of; 16]), RecordingId::from_bytes([of; 16]));
        Subject {
            call: Some(call),
            recording,
            class: "citizen-90d".into(),
            day: "2026-11-20".parse().unwrap(),
        }
    }

    fn proposal() -> Proposal {
        let (id, until) = (RecordingId::from_bytes([9; 16]), Day("2031-01-01".parse().unwrap()));
        let subjects = vec![subject(1), subject(2)];
        Proposal { id, subjects, until, reason: "분쟁".into(), by: "uid 1 (kim)".into() }
    }

    fn retention() -> Vec<RetentionNote> {
        let id = RecordingId::from_bytes([9; 16]);
        let (by, until) = ("uid 2 (lee)".to_owned(), Day("2026-11-21".parse().unwrap()));
        vec![
            RetentionNote::Held(Hold {
                id,
                subjects: vec![subject(1)],
                reason: "소송\u{1b}[2J".into(),
                until: None,
                by: by.clone(),
            }),
            RetentionNote::Released(Release { hold: id, reason: "종결".into(), by: by.clone() }),
            RetentionNote::Proposed(proposal()),
            RetentionNote::Changed(Change { proposal: proposal(), approved_by: by.clone() }),
            RetentionNote::Disposed(Disposed { run: id, subject: subject(1), until }),
            RetentionNote::DisposalRun(DisposalRun {
                run: id,
                recordings: 3,
                certificate: [7; 32],
                by: by.clone(),
            }),
            RetentionNote::ClockConfirmed { by },
        ]
    }

    #[test]
    fn both_persons_the_reason_and_the_recordings_of_a_change_stand_in_its_row() {
        let said: Vec<_> =
            retention().iter().map(|note| row_facts(&row(note.kind(), note.to_bytes()))).collect();
        let (one, two) = (subject(1).recording.to_string(), subject(2).recording.to_string());
        let parts: [&[&str]; 7] = [
            &[&one, "until it is released", "uid 2 (lee)", "소송\u{fffd}[2J"],
            &["uid 2 (lee)", "종결"],
            &[&one, &two, "until 2031-01-01", "uid 1 (kim)", "분쟁"],
            &[&one, &two, "until 2031-01-01", "approved by uid 2 (lee)", "by uid 1 (kim)", "분쟁"],
            &[&one, "citizen-90d", "kept until 2026-11-21"],
            &["3 recordings destroyed", "uid 2 (lee)", "0707"],
            &["uid 2 (lee)"],
        ];
        for (facts, parts) in said.iter().zip(parts) {
            for part in parts {
                assert!(facts.says.contains(part), "{part}: {}", facts.says);
            }
        }
        let calls: Vec<_> = said.iter().map(|facts| facts.call.is_some()).collect();
        assert_eq!(calls, [true, false, false, false, true, false, false]);
        let later = row_facts(&row(LedgerKind::Held, vec![200]));
        assert_eq!((later.call, later.says.as_str()), (None, ""), "of a later version");
    }

    #[test]
    fn no_kind_of_row_says_nothing() {
        let watching =
            Watching { rule_set: RuleSetHash([7; 32]), interfaces: vec!["eth1".into()], ended: None };
        let (by, at) = ("uid 2".to_owned(), WallTime::from_nanos(1));
        let (recording, day) = (subject(1).recording, subject(1).day);
        let notes = [
            LedgerNote::RecorderStarted(watching.clone()),
            LedgerNote::RecorderStopped(watching.clone()),
            LedgerNote::RuleSetChanged(watching),
            LedgerNote::Alive(Alive::default()),
            LedgerNote::CoverageGap(CoverageGap {
                from: at,
                to: at,
                cause: CoverageCause::KernelDrops,
                frames: None,
                interface: None,
            }),
            LedgerNote::ClockStepped { by_nanos: 1 },
            LedgerNote::InterfaceChanged { interface: "eth1".into(), link: LinkState::Up },
            LedgerNote::Alarm { name: "disk_full".into(), state: AlarmState::Raised },
            LedgerNote::Recovered(Recovered::default()),
            LedgerNote::DayClosed(DayClosed {
                day,
                closing: Closing::InTime,
                from: 0,
                to: 1,
                counter: Counter::NoRecorder,
                counts: DayCounts::default(),
            }),
            LedgerNote::Anchored(Anchored { size: 1, root: [0; 32], by: AnchoredBy::Printed }),
            LedgerNote::ClockStatus(ClockStatus {
                synchronised: Synchronised::No,
                offset_nanos: 0,
                estimated_error_micros: 0,
                maximum_error_micros: 0,
            }),
            LedgerNote::KeysRotated(KeysRotated {
                from: "a".into(),
                to: "b".into(),
                days: 1,
                by: by.clone(),
            }),
            LedgerNote::KeysBackedUp(KeysBackedUp {
                backup: [1; 8],
                label: "safe".into(),
                keys: 1,
                wiped: 0,
                by: by.clone(),
            }),
            LedgerNote::KeysSplit(KeysSplit { officer: "a".into(), shares: 5, threshold: 3, by: by.clone() }),
            LedgerNote::BackedUp(BackedUp { files: 1, bytes: 1, rows: 1, by: by.clone() }),
            LedgerNote::Restored(RestoredNote {
                rows: 1,
                head: [0; 32],
                files: 1,
                kept_destroyed: 0,
                by: by.clone(),
            }),
            LedgerNote::Imported(Imported {
                recordings: 1,
                known: 0,
                refused: 0,
                list: [0; 32],
                class: "c".into(),
                by,
            }),
        ];
        let act = Act::Words { recording, words: "wav by uid 1".into() }.to_bytes();
        let mut rows: Vec<Row> = notes.iter().map(|note| row(note.kind(), note.to_bytes())).collect();
        rows.extend(retention().iter().map(|note| row(note.kind(), note.to_bytes())));
        rows.extend([
            row(LedgerKind::Exported, act.clone()),
            row(LedgerKind::Listened, act),
            row(LedgerKind::IndexRebuilt, vec![]),
        ]);
        for row in &rows {
            assert!(!row_facts(row).says.is_empty(), "{:?}", row.kind);
        }
        // Those of calls are only made by a vault, and shown by `ledger show` as tests of the program see.
        let of_calls = [LedgerKind::Recorded, LedgerKind::Excluded, LedgerKind::Failed];
        let all: BTreeSet<_> = rows.iter().map(|row| row.kind).chain(of_calls).collect();
        assert_eq!(all, LedgerKind::ALL.iter().copied().collect(), "a kind is not shown");
    }
}
