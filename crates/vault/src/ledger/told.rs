//! What the ledger says of whole days, of anchors and of clocks: payloads of rows that are written seldom.

use chrono::NaiveDate;
use earwitness_model::{Decision, Refusal};
use serde::{Deserialize, Serialize};

use crate::{civil, entry::Entry};

/// Calls that a recorder saw end, since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ended {
    /// All of them.
    pub calls: u64,
    /// Those of them that the vault had already: the same frames were read before.
    pub known: u64,
}

/// Why a call that was seen is not kept: by the rules, or because there was nothing to keep. Stored: new ones come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ExcludedBecause {
    /// No rule names a party's extension.
    NoRule,
    /// A rule of mode `never` names it.
    Never,
    /// Both parties are the office's, and the rule excludes such calls.
    InternalCall,
    /// The rule covers the other direction only.
    Direction,
    /// The rule is selective and nobody pressed the key.
    SelectiveNotStarted,
    /// A rule keeps it, and nobody answered.
    NotAnswered,
    /// A rule keeps it, and there was no audio.
    NoAudio,
}

/// Why a call that the rules keep was not kept. Stored: new ones come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FailedBecause {
    /// An earlier program did not say.
    Unsaid,
    /// There was no room on the disk when it began, and none came.
    NoRoom,
    /// There was no memory for its audio.
    NoMemory,
    /// Its key could not be made or wrapped.
    KeyNotWrapped,
    /// Its first block could not be written.
    NotOpened,
    /// The block that ends it is larger than any that can be read back.
    TooLarge,
    /// The recorder ended out of order between seeing its end and telling the ledger.
    RecorderDied,
}

impl ExcludedBecause {
    /// Every one, in the order in which they are told.
    pub const ALL: [Self; 7] = [
        Self::NoRule,
        Self::Never,
        Self::InternalCall,
        Self::Direction,
        Self::SelectiveNotStarted,
        Self::NotAnswered,
        Self::NoAudio,
    ];

    /// Why the call of this entry, which has no recording, has none.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        match &entry.summary.verdict.decision {
            Decision::Refuse(Refusal::NoRule) => Self::NoRule,
            Decision::Refuse(Refusal::Never) => Self::Never,
            Decision::Refuse(Refusal::InternalCall) => Self::InternalCall,
            Decision::Refuse(Refusal::Direction) => Self::Direction,
            Decision::Refuse(Refusal::SelectiveNotStarted) => Self::SelectiveNotStarted,
            Decision::Admit(_) if entry.summary.answer.is_none() => Self::NotAnswered,
            Decision::Admit(_) => Self::NoAudio,
        }
    }

    /// Its name for scripts: stable.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoRule => "no_rule",
            Self::Never => "never",
            Self::InternalCall => "internal_call",
            Self::Direction => "direction",
            Self::SelectiveNotStarted => "selective_not_started",
            Self::NotAnswered => "not_answered",
            Self::NoAudio => "no_audio",
        }
    }
}

impl FailedBecause {
    /// Every one, in the order in which they are told.
    pub const ALL: [Self; 7] = [
        Self::Unsaid,
        Self::NoRoom,
        Self::NoMemory,
        Self::KeyNotWrapped,
        Self::NotOpened,
        Self::TooLarge,
        Self::RecorderDied,
    ];

    /// Its name for scripts: stable.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsaid => "unsaid",
            Self::NoRoom => "no_room",
            Self::NoMemory => "no_memory",
            Self::KeyNotWrapped => "key_not_wrapped",
            Self::NotOpened => "not_opened",
            Self::TooLarge => "too_large",
            Self::RecorderDied => "recorder_died",
        }
    }
}

/// What stands before the entry of a call that failed, since rows say why. No entry begins with it.
const WITH_REASON: u8 = 0xfa;

/// The payload of a row that says `Failed`.
pub(crate) fn failed_row(because: FailedBecause, entry: &Entry) -> Vec<u8> {
    let mut bytes = vec![WITH_REASON, because as u8];
    bytes.extend_from_slice(&entry.to_bytes());
    bytes
}

/// What a row that says `Failed` says; `None` when it is of no call.
pub(crate) fn read_failed_row(payload: &[u8]) -> Option<(FailedBecause, Entry)> {
    let (because, entry) = match payload {
        [WITH_REASON, because, entry @ ..] => {
            (FailedBecause::ALL.into_iter().find(|one| *one as u8 == *because)?, entry)
        }
        entry => (FailedBecause::Unsaid, entry),
    };
    Entry::from_bytes(entry).ok().map(|entry| (because, entry))
}

/// When a day was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Closing {
    /// When it was over, by the recorder that ran.
    InTime,
    /// Later, by whoever opened the vault: nobody recorded when it was over, or it could not be told then.
    Late,
}

/// A day was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayClosed {
    /// The civil day of the vault's zone.
    #[serde(with = "civil::as_days")]
    pub day: NaiveDate,
    /// When.
    pub closing: Closing,
    /// The number of the first row that belongs to it: where the day before ended.
    pub from: u64,
    /// The number of the first row that does not belong to it any more.
    pub to: u64,
    /// Where the counter of the recorder that ran on stood.
    pub counter: Counter,
    /// What its rows tell.
    pub counts: DayCounts,
}

/// The counter of a recorder at a day's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Counter {
    /// No recorder ran then.
    #[default]
    NoRecorder,
    /// One did, and nobody wrote down where it stood.
    Unknown,
    /// It stood there.
    At(Ended),
}

/// Whether somebody else than the ledger counted the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Counted {
    /// The recorders did, all of them.
    #[default]
    ByRecorders,
    /// Not all of them: of the others the rows are all there is.
    InPart,
}

/// What a day comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DayCounts {
    /// Calls that were seen, as the recorders counted them where the engine gives them out, those that a recorder left
    /// interrupted among them.
    pub seen: u64,
    /// Whether that is another hand's number than those that follow.
    pub counted: Counted,
    /// Calls with a recording.
    pub recorded: u64,
    /// Those of them that were cut short: the recorder ended in mid-call, or the disk was full.
    pub interrupted: u64,
    /// Calls without one, by reason; none of zero, in order.
    pub excluded: Vec<(ExcludedBecause, u64)>,
    /// Calls that should have one and have not, by reason; none of zero, in order.
    pub failed: Vec<(FailedBecause, u64)>,
    /// Rows beyond the first of a call: its second part after a restart, or the same call seen again.
    pub again: u64,
    /// Times a recorder began.
    pub started: u64,
    /// Times one stopped in order.
    pub stopped: u64,
    /// Times one ended without being stopped.
    pub died: u64,
    /// Times other rules came into force.
    pub rules_changed: u64,
    /// Times the clock was stepped.
    pub clock_steps: u64,
    /// Gaps that recorders told of.
    pub gaps: u64,
    /// Alarms that were raised.
    pub alarms: u64,
    /// Times a recording was listened to.
    pub listened: u64,
    /// Times one was exported.
    pub exported: u64,
    /// Holds that were laid.
    pub held: u64,
    /// Holds that were lifted.
    pub released: u64,
    /// Recordings whose keys were destroyed.
    pub disposed: u64,
    /// Rows that a later program wrote, or that cannot be read.
    pub unread: u64,
}

impl DayCounts {
    /// Calls that the rows account for: recorded, excluded and failed.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        self.recorded + self.excluded() + self.failed()
    }

    /// Calls that were not kept by the rules, or for want of anything to keep.
    #[must_use]
    pub fn excluded(&self) -> u64 {
        self.excluded.iter().map(|(_, count)| count).sum()
    }

    /// Calls that should have been kept.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.iter().map(|(_, count)| count).sum()
    }

    /// Whether every call that was seen is accounted for, to the unit.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.seen == self.accounted()
    }
}

/// A head was anchored: somebody else can tell since when it was so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchored {
    /// How many rows the head has.
    pub size: u64,
    /// Its root.
    pub root: [u8; 32],
    /// To whom.
    pub by: AnchoredBy,
}

/// Where a head was anchored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnchoredBy {
    /// It was printed.
    Printed,
    /// The hook of the day's closing was given it, and took it.
    Hook,
    /// A time-stamping authority (RFC 3161) signed it.
    Authority {
        /// Seconds since 1970, UTC, at which the authority says that it was there.
        at_seconds: i64,
        /// The serial number of the token, hexadecimal.
        serial: String,
    },
}

/// What the system says of its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStatus {
    /// Whether somebody keeps it in time.
    pub synchronised: Synchronised,
    /// What is still to be corrected, in nanoseconds.
    pub offset_nanos: i64,
    /// By how much it may be wrong as the system estimates, in microseconds.
    pub estimated_error_micros: u64,
    /// By how much it may be wrong at most, in microseconds.
    pub maximum_error_micros: u64,
}

/// Whether a clock is kept in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Synchronised {
    /// Somebody keeps it (NTP, PTP).
    Yes,
    /// Nobody does.
    No,
}
