//! What can be asked of a call, in 34 bytes: enough to pass over nearly every call that is not meant.
//!
//! Nothing here is the last word. A call that is asked for always passes, one that is not may, and whoever asks compares
//! the entry itself. So texts are 32 bits of a checksum, a number is its last four digits, and times and shares are rounded
//! to the side that lets more pass.
//!
//! ```text
//! outcome and mode (1) | extension (2) | numbers (4 × 2) | loss, 1/100 % (2) | talk, ms (4) | department (4) | notice (4)
//! SIP Call-IDs (2 × 4) | what there is more of (1)          all LE
//! ```

use earwitness_model::{CallSummary, Decision, Mode, Outcome, Pii};

use super::number::{self, Ending};
use crate::entry::Entry;

/// Bytes of a call.
pub(super) const TRAITS: usize = 34;

/// No packet was expected.
const NO_LOSS: u16 = u16::MAX;
const MANY_NUMBERS: u8 = 1;
const MANY_SIP_CALL_IDS: u8 = 2;
/// The row could not be read: it passes whatever is asked, and is told as what it is when it is read again.
const UNKNOWN: u8 = 4;

/// What is known of one call without its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traits {
    outcome_and_mode: u8,
    extension: Ending,
    numbers: [Ending; 4],
    loss: u16,
    talk: u32,
    department: u32,
    notice: u32,
    sip_call_ids: [u32; 2],
    more: u8,
}

impl Traits {
    /// Of a row that could not be read.
    pub(super) const UNREADABLE: Self = Self {
        outcome_and_mode: 0,
        extension: Ending::NONE,
        numbers: [Ending::NONE; 4],
        loss: 0,
        talk: 0,
        department: 0,
        notice: 0,
        sip_call_ids: [0; 2],
        more: UNKNOWN,
    };

    pub(super) fn of(entry: &Entry) -> Self {
        let (summary, verdict) = (&entry.summary, &entry.summary.verdict);
        let mut traits = Self {
            outcome_and_mode: outcome_code(summary.outcome) | mode_code(verdict.mode) << 4,
            extension: verdict.extension.as_ref().map_or(Ending::NONE, |own| number::ending(own.expose())),
            loss: summary.worst_loss().map_or(NO_LOSS, loss_code),
            talk: u32::try_from(summary.talk_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX),
            department: verdict.department.as_deref().map_or(0, word),
            notice: match &verdict.decision {
                Decision::Admit(keep) => word(&keep.notice),
                Decision::Refuse(_) => 0,
            },
            more: 0,
            ..Self::UNREADABLE
        };
        traits.add_numbers(summary);
        traits.add_sip_call_ids(&summary.sip_call_ids);
        traits
    }

    fn add_numbers(&mut self, summary: &CallSummary) {
        let mut known = 0;
        for party in summary.numbers() {
            let ending = number::ending(party.expose());
            if self.numbers[..known].contains(&ending) {
                continue;
            }
            let Some(place) = self.numbers.get_mut(known) else {
                self.more |= MANY_NUMBERS;
                return;
            };
            *place = ending;
            known += 1;
        }
    }

    fn add_sip_call_ids(&mut self, ids: &[Pii<String>]) {
        for (place, id) in self.sip_call_ids.iter_mut().zip(ids) {
            *place = word(id.expose());
        }
        if ids.len() > self.sip_call_ids.len() {
            self.more |= MANY_SIP_CALL_IDS;
        }
    }

    pub(super) fn to_bytes(self) -> [u8; TRAITS] {
        let mut bytes = [0; TRAITS];
        bytes[0] = self.outcome_and_mode;
        bytes[1..3].copy_from_slice(&self.extension.code().to_le_bytes());
        for (place, ending) in bytes[3..11].chunks_exact_mut(2).zip(self.numbers) {
            place.copy_from_slice(&ending.code().to_le_bytes());
        }
        bytes[11..13].copy_from_slice(&self.loss.to_le_bytes());
        bytes[13..17].copy_from_slice(&self.talk.to_le_bytes());
        bytes[17..21].copy_from_slice(&self.department.to_le_bytes());
        bytes[21..25].copy_from_slice(&self.notice.to_le_bytes());
        bytes[25..29].copy_from_slice(&self.sip_call_ids[0].to_le_bytes());
        bytes[29..33].copy_from_slice(&self.sip_call_ids[1].to_le_bytes());
        bytes[33] = self.more;
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; TRAITS]) -> Self {
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Self {
            outcome_and_mode: bytes[0],
            extension: Ending::from_code(u16_at(1)),
            numbers: [3, 5, 7, 9].map(|at| Ending::from_code(u16_at(at))),
            loss: u16_at(11),
            talk: u32_at(13),
            department: u32_at(17),
            notice: u32_at(21),
            sip_call_ids: [u32_at(25), u32_at(29)],
            more: bytes[33],
        }
    }

    pub(super) const fn is_unknown(&self) -> bool {
        self.more & UNKNOWN != 0
    }

    pub(super) fn has_outcome(&self, codes: u8) -> bool {
        codes >> (self.outcome_and_mode & 0xf) & 1 != 0
    }

    pub(super) fn has_mode(&self, codes: u8) -> bool {
        codes >> (self.outcome_and_mode >> 4) & 1 != 0
    }

    pub(super) fn may_be_of(&self, extension: Ending) -> bool {
        extension.may_be(self.extension)
    }

    pub(super) fn may_have(&self, number: Ending) -> bool {
        self.more & MANY_NUMBERS != 0 || self.numbers.iter().any(|own| number.may_be(*own))
    }

    pub(super) const fn has_department(&self, word: u32) -> bool {
        self.department == word
    }

    pub(super) const fn has_notice(&self, word: u32) -> bool {
        self.notice == word
    }

    pub(super) fn may_have_sip_call_id(&self, word: u32) -> bool {
        self.more & MANY_SIP_CALL_IDS != 0 || self.sip_call_ids.contains(&word)
    }

    /// Whether it may have been talked for so many ms.
    pub(super) const fn may_last(&self, least: u32) -> bool {
        self.talk >= least
    }

    /// Whether it may have lost more than so many percent.
    pub(super) fn may_lose(&self, percent: f64) -> bool {
        match self.loss {
            NO_LOSS | 0 => false,
            loss => f64::from(loss) + 1.0 > percent * 100.0,
        }
    }
}

/// A text in 32 bits; 0 is none.
pub(super) fn word(text: &str) -> u32 {
    crc32c::crc32c(text.as_bytes()).max(1)
}

/// Rounded up, so that 0 is no loss at all.
fn loss_code(percent: f64) -> u16 {
    // A share in percent is at most 100.
    (percent * 100.0).ceil().clamp(0.0, 10_001.0) as u16
}

pub(super) const fn outcome_code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Answered => 0,
        Outcome::Busy => 1,
        Outcome::NoAnswer => 2,
        Outcome::Cancelled => 3,
        Outcome::Declined => 4,
        Outcome::Failed => 5,
        Outcome::InProgress => 6,
    }
}

pub(super) const fn mode_code(mode: Option<Mode>) -> u8 {
    match mode {
        Some(Mode::Blanket) => 0,
        Some(Mode::Selective) => 1,
        Some(Mode::Never) => 2,
        None => 3,
    }
}
