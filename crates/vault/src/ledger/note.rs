//! What the ledger says of the recorder: payloads of rows that are not of one recording.
//!
//! A payload is a schema byte and postcard. The rows of the recorder's beginning and end had 32 bytes, the hash of the
//! rules, before they had a schema; those are still read. What a later program wrote is not, and the row stands as a row of its
//! kind without content.

use earwitness_model::{RuleSetHash, WallTime};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    LedgerKind, Row,
    told::{Anchored, ClockStatus, DayClosed, Ended},
};
use crate::coverage::CoverageGap;

const NOTE_SCHEMA: u8 = 1;
/// The payload of a recorder's beginning and end before it had a schema: it read files.
const HASH_ONLY: usize = 32;

/// Something that happened to the recorder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerNote {
    /// It began to watch.
    RecorderStarted(Watching),
    /// It stopped in order.
    RecorderStopped(Watching),
    /// Other rules are in force.
    RuleSetChanged(Watching),
    /// It runs: written once a minute while it watches interfaces.
    Alive(Alive),
    /// Calls may have passed unseen.
    CoverageGap(CoverageGap),
    /// The machine's clock was stepped.
    ClockStepped {
        /// By so much; negative: it was set back.
        by_nanos: i64,
    },
    /// The link of an interface changed.
    InterfaceChanged {
        /// Its name.
        interface: String,
        /// What it is now.
        link: LinkState,
    },
    /// Something needs to be looked at, or does not any more.
    Alarm {
        /// The alarm's name for scripts.
        name: String,
        /// Whether it stands.
        state: AlarmState,
    },
    /// A vault that was not closed in order was opened.
    Recovered(Recovered),
    /// A day is over.
    DayClosed(DayClosed),
    /// A signed head was anchored.
    Anchored(Anchored),
    /// What the system says of its clock: at a recorder's beginning, when it changes, and once an hour.
    ClockStatus(ClockStatus),
    /// The vault has another officer.
    KeysRotated(KeysRotated),
    /// A backup of the keys was taken, or refreshed.
    KeysBackedUp(KeysBackedUp),
    /// The officer's key was put on paper.
    KeysSplit(KeysSplit),
    /// A backup of volumes and ledger was taken, or brought up to date.
    BackedUp(BackedUp),
    /// The vault was made again of a backup.
    Restored(Restored),
    /// Recordings of an earlier recorder were imported.
    Imported(Imported),
}

/// The officer's key on paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysSplit {
    /// The officer's public key.
    pub officer: String,
    /// Shares that were made; 1: the whole key on one sheet.
    pub shares: u8,
    /// How many of them make the key.
    pub threshold: u8,
    /// The account that did it.
    pub by: String,
}

/// A backup of volumes and ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUp {
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Rows of the ledger in it.
    pub rows: u64,
    /// Who had it taken.
    pub by: String,
}

/// Recordings of an earlier recorder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// How many were kept.
    pub recordings: u64,
    /// How many were there already.
    pub known: u64,
    /// Lines of the list that are no recording.
    pub refused: u64,
    /// BLAKE3 of the list.
    pub list: [u8; 32],
    /// The retention class that they got.
    pub class: String,
    /// Who imported them.
    pub by: String,
}

/// A vault that was made again of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// Rows of the ledger that the backup had.
    pub rows: u64,
    /// The hash that the next row of it continued.
    pub head: [u8; 32],
    /// Files of it.
    pub files: u64,
    /// Keys of recordings that had been disposed of, which were not restored.
    pub kept_destroyed: u64,
    /// Who restored it.
    pub by: String,
}

/// Another officer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysRotated {
    /// The public key of the officer before, as age writes it.
    pub from: String,
    /// That of the officer from then on.
    pub to: String,
    /// Day keys that there were.
    pub days: u64,
    /// The account that did it.
    pub by: String,
}

/// A backup of the keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysBackedUp {
    /// Its name.
    pub backup: [u8; 8],
    /// What the officer called it.
    pub label: String,
    /// Keys of recordings in it.
    pub keys: u64,
    /// Files that the vault had destroyed, and that were destroyed in it now.
    pub wiped: u64,
    /// The account that did it.
    pub by: String,
}

/// What a recorder watches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Watching {
    /// The rules in force.
    pub rule_set: RuleSetHash,
    /// The interfaces; none: it reads files, and covers no time of the day.
    pub interfaces: Vec<String>,
    /// At its end: how many calls it saw end. `None` at other times, and of an earlier program.
    pub ended: Option<Ended>,
}

/// [`Watching`] of a program that counted no calls.
#[derive(Deserialize)]
struct WatchingOnly {
    rule_set: RuleSetHash,
    interfaces: Vec<String>,
}

/// A sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Alive {
    /// Frames seen since it began to watch.
    pub frames: u64,
    /// Calls running.
    pub calls: u32,
    /// How many calls it saw end since it began; `None` of an earlier program.
    pub ended: Option<Ended>,
}

/// [`Alive`] of a program that counted no calls.
#[derive(Deserialize)]
struct AliveOnly {
    frames: u64,
    calls: u32,
}

/// What opening a vault found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Recovered {
    /// The time of the last row before it.
    pub last_row: Option<WallTime>,
    /// Volumes that were not closed.
    pub volumes: u32,
    /// Bytes cut from the ends of files: never acknowledged.
    pub cut_bytes: u64,
    /// Bytes of damage left in place.
    pub damaged_bytes: u64,
    /// Recordings that were finished as interrupted ones.
    pub interrupted: u32,
    /// Finished calls that were listed anew.
    pub listed: u32,
}

/// The link of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LinkState {
    /// It carries.
    Up,
    /// It does not.
    Down,
    /// There is no such interface any more.
    Gone,
}

/// Whether an alarm stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AlarmState {
    /// It was raised.
    Raised,
    /// It is over.
    Cleared,
}

impl LedgerNote {
    /// The kind of its row.
    #[must_use]
    pub const fn kind(&self) -> LedgerKind {
        match self {
            Self::RecorderStarted(_) => LedgerKind::RecorderStarted,
            Self::RecorderStopped(_) => LedgerKind::RecorderStopped,
            Self::RuleSetChanged(_) => LedgerKind::RuleSetChanged,
            Self::Alive(_) => LedgerKind::Alive,
            Self::CoverageGap(_) => LedgerKind::CoverageGap,
            Self::ClockStepped { .. } => LedgerKind::ClockStepped,
            Self::InterfaceChanged { .. } => LedgerKind::InterfaceChanged,
            Self::Alarm { .. } => LedgerKind::Alarm,
            Self::Recovered(_) => LedgerKind::Recovered,
            Self::DayClosed(_) => LedgerKind::DayClosed,
            Self::Anchored(_) => LedgerKind::Anchored,
            Self::ClockStatus(_) => LedgerKind::ClockStatus,
            Self::KeysRotated(_) => LedgerKind::KeysRotated,
            Self::KeysBackedUp(_) => LedgerKind::KeysBackedUp,
            Self::KeysSplit(_) => LedgerKind::KeysSplit,
            Self::BackedUp(_) => LedgerKind::BackedUp,
            Self::Restored(_) => LedgerKind::Restored,
            Self::Imported(_) => LedgerKind::Imported,
        }
    }

    /// The payload of its row.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::RecorderStarted(watching)
            | Self::RecorderStopped(watching)
            | Self::RuleSetChanged(watching) => written(watching),
            Self::Alive(alive) => written(alive),
            Self::CoverageGap(gap) => written(gap),
            Self::ClockStepped { by_nanos } => written(by_nanos),
            Self::InterfaceChanged { interface, link } => written(&(interface, link)),
            Self::Alarm { name, state } => written(&(name, state)),
            Self::Recovered(recovered) => written(recovered),
            Self::DayClosed(closed) => written(closed),
            Self::Anchored(anchored) => written(anchored),
            Self::ClockStatus(status) => written(status),
            Self::KeysRotated(rotated) => written(rotated),
            Self::KeysBackedUp(backed_up) => written(backed_up),
            Self::KeysSplit(split) => written(split),
            Self::BackedUp(backed_up) => written(backed_up),
            Self::Restored(restored) => written(restored),
            Self::Imported(imported) => written(imported),
        }
    }

    /// What a row says; `None` when it is of one recording or call, or was written by a later version.
    #[must_use]
    pub fn of(row: &Row) -> Option<Self> {
        let bytes = row.payload.as_slice();
        Some(match row.kind {
            LedgerKind::RecorderStarted => Self::RecorderStarted(watching(bytes)?),
            LedgerKind::RecorderStopped => Self::RecorderStopped(watching(bytes)?),
            LedgerKind::RuleSetChanged => Self::RuleSetChanged(watching(bytes)?),
            LedgerKind::Alive => Self::Alive(alive(bytes)?),
            LedgerKind::CoverageGap => Self::CoverageGap(read(bytes)?),
            LedgerKind::ClockStepped => Self::ClockStepped { by_nanos: read(bytes)? },
            LedgerKind::InterfaceChanged => {
                let (interface, link) = read(bytes)?;
                Self::InterfaceChanged { interface, link }
            }
            LedgerKind::Alarm => {
                let (name, state) = read(bytes)?;
                Self::Alarm { name, state }
            }
            LedgerKind::Recovered => Self::Recovered(read(bytes)?),
            LedgerKind::DayClosed => Self::DayClosed(read(bytes)?),
            LedgerKind::Anchored => Self::Anchored(read(bytes)?),
            LedgerKind::ClockStatus => Self::ClockStatus(read(bytes)?),
            LedgerKind::KeysRotated => Self::KeysRotated(read(bytes)?),
            LedgerKind::KeysBackedUp => Self::KeysBackedUp(read(bytes)?),
            LedgerKind::KeysSplit => Self::KeysSplit(read(bytes)?),
            LedgerKind::BackedUp => Self::BackedUp(read(bytes)?),
            LedgerKind::Restored => Self::Restored(read(bytes)?),
            LedgerKind::Imported => Self::Imported(read(bytes)?),
            LedgerKind::Recorded
            | LedgerKind::Excluded
            | LedgerKind::Failed
            | LedgerKind::Listened
            | LedgerKind::Exported
            | LedgerKind::Held
            | LedgerKind::Released
            | LedgerKind::Disposed
            | LedgerKind::IndexRebuilt
            | LedgerKind::RetentionProposed
            | LedgerKind::RetentionChanged
            | LedgerKind::ClockConfirmed
            | LedgerKind::DisposalRun => return None,
        })
    }
}

fn written<T: Serialize>(content: &T) -> Vec<u8> {
    postcard::to_stdvec(&(NOTE_SCHEMA, content)).expect("a note has no map and no sequence of unknown length")
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (schema, rest) = bytes.split_first()?;
    let read = || postcard::from_bytes(rest).ok();
    (*schema == NOTE_SCHEMA).then(read).flatten()
}

fn watching(bytes: &[u8]) -> Option<Watching> {
    match <[u8; HASH_ONLY]>::try_from(bytes) {
        Ok(hash) => Some(Watching { rule_set: RuleSetHash(hash), ..Watching::default() }),
        Err(_longer) => read(bytes).or_else(|| {
            let WatchingOnly { rule_set, interfaces } = read(bytes)?;
            Some(Watching { rule_set, interfaces, ended: None })
        }),
    }
}

fn alive(bytes: &[u8]) -> Option<Alive> {
    read(bytes).or_else(|| {
        let AliveOnly { frames, calls } = read(bytes)?;
        Some(Alive { frames, calls, ended: None })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        coverage::CoverageCause,
        ledger::told::{
            AnchoredBy, Closing, Counter, DayCounts, ExcludedBecause, FailedBecause, Synchronised,
        },
    };

    fn row(kind: LedgerKind, payload: Vec<u8>) -> Row {
        Row { number: 0, kind, at: WallTime::from_nanos(5), payload }
    }

    #[test]
    fn every_note_reads_back() {
        let at = WallTime::from_nanos;
        let interfaces = vec!["eth1".into()];
        let watching = Watching { rule_set: RuleSetHash([7; 32]), interfaces, ended: None };
        let ended = Some(Ended { calls: 300, known: 2 });
        let gap = CoverageGap {
            from: at(1),
            to: at(2),
            cause: CoverageCause::KernelDrops,
            frames: Some(9),
            interface: Some("eth1".into()),
        };
        for note in [
            LedgerNote::RecorderStarted(watching.clone()),
            LedgerNote::RecorderStopped(Watching { ended, ..watching.clone() }),
            LedgerNote::RuleSetChanged(watching),
            LedgerNote::Alive(Alive { frames: 1 << 40, calls: 3, ended }),
            LedgerNote::DayClosed(DayClosed {
                day: chrono::NaiveDate::from_ymd_opt(2026, 11, 21).unwrap(),
                closing: Closing::Late,
                from: 3,
                to: 70_000,
                counter: Counter::At(Ended { calls: 5, known: 0 }),
                counts: DayCounts {
                    seen: 9,
                    excluded: vec![(ExcludedBecause::Never, 4)],
                    failed: vec![(FailedBecause::RecorderDied, 1)],
                    ..DayCounts::default()
                },
            }),
            LedgerNote::Anchored(Anchored {
                size: 70_001,
                root: [8; 32],
                by: AnchoredBy::Authority { at_seconds: 1_795_219_200, serial: "0a".into() },
            }),
            LedgerNote::ClockStatus(ClockStatus {
                synchronised: Synchronised::Yes,
                offset_nanos: -12,
                estimated_error_micros: 3,
                maximum_error_micros: 900,
            }),
            LedgerNote::CoverageGap(gap),
            LedgerNote::ClockStepped { by_nanos: -5 },
            LedgerNote::InterfaceChanged { interface: "eth1".into(), link: LinkState::Gone },
            LedgerNote::Alarm { name: "disk_full".into(), state: AlarmState::Raised },
            LedgerNote::Recovered(Recovered {
                last_row: Some(at(4)),
                interrupted: 2,
                ..Recovered::default()
            }),
            LedgerNote::KeysRotated(KeysRotated {
                from: "age1a".into(),
                to: "age1b".into(),
                days: 90,
                by: "uid 0 (root)".into(),
            }),
            LedgerNote::Imported(Imported {
                recordings: 3,
                known: 1,
                refused: 2,
                list: [8; 32],
                class: "old-3y".into(),
                by: "uid 0".into(),
            }),
            LedgerNote::BackedUp(BackedUp { files: 9, bytes: 1 << 33, rows: 70, by: "uid 0".into() }),
            LedgerNote::Restored(Restored {
                rows: 70,
                head: [3; 32],
                files: 9,
                kept_destroyed: 2,
                by: "uid 0".into(),
            }),
            LedgerNote::KeysBackedUp(KeysBackedUp {
                backup: [1; 8],
                label: "safe".into(),
                keys: 7,
                wiped: 1,
                by: "uid 0 (root)".into(),
            }),
            LedgerNote::KeysSplit(KeysSplit {
                officer: "age1b".into(),
                shares: 5,
                threshold: 3,
                by: "uid 0 (root)".into(),
            }),
        ] {
            let stored = row(note.kind(), note.to_bytes());
            assert_eq!(LedgerNote::of(&stored), Some(note));
            let mut later = stored.clone();
            later.payload[0] = 2;
            assert_eq!(LedgerNote::of(&later), None, "{:?} of a later version", stored.kind);
            assert_ne!(stored.payload.len(), HASH_ONLY, "{:?}", stored.kind);
        }
    }

    #[test]
    fn a_recorder_of_files_is_read_as_it_was_written_before_there_was_a_schema() {
        let expected = Watching { rule_set: RuleSetHash([1; 32]), ..Watching::default() };
        let started = LedgerNote::of(&row(LedgerKind::RecorderStarted, vec![1; 32]));
        assert_eq!(started, Some(LedgerNote::RecorderStarted(expected)));
        assert_eq!(LedgerNote::of(&row(LedgerKind::RecorderStarted, vec![1; 31])), None);
        let before = written(&(7u64, 3u32));
        let alive = Alive { frames: 7, calls: 3, ended: None };
        assert_eq!(LedgerNote::of(&row(LedgerKind::Alive, before)), Some(LedgerNote::Alive(alive)));
        let before = written(&(RuleSetHash([2; 32]), vec!["eth1".to_owned()]));
        let stopped = LedgerNote::of(&row(LedgerKind::RecorderStopped, before));
        let interfaces = vec!["eth1".to_owned()];
        let watching = Watching { rule_set: RuleSetHash([2; 32]), interfaces, ended: None };
        assert_eq!(stopped, Some(LedgerNote::RecorderStopped(watching)));
        assert_eq!(LedgerNote::of(&row(LedgerKind::Recorded, vec![1; 32])), None);
    }
}
