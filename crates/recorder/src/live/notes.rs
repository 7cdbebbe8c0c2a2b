//! Rows of the ledger that found the writer's queue full. They are bounded, and nothing is untold: beyond the bound like rows
//! become one that says what both said.

use std::collections::VecDeque;

use earwitness_model::WallTime;
use earwitness_vault::{CoverageGap, LedgerNote};

use crate::{health::QueueHealth, queue::NOTES};

/// The rows that wait, in order.
#[derive(Debug, Default)]
pub(super) struct Notes {
    waiting: VecDeque<(WallTime, LedgerNote)>,
    high_water: usize,
    /// How often two rows became one.
    merged: u64,
}

impl Notes {
    /// One more. What does not fit joins one of its kind; rows that have none to join are as many as there are kinds of rows,
    /// interfaces and alarms.
    pub(super) fn push(&mut self, at: WallTime, note: LedgerNote) {
        self.waiting.push_back((at, note));
        if self.waiting.len() > NOTES {
            self.merge_two();
        }
        self.high_water = self.high_water.max(self.waiting.len());
    }

    /// The next row.
    pub(super) fn pop(&mut self) -> Option<(WallTime, LedgerNote)> {
        self.waiting.pop_front()
    }

    /// A row that nobody took is the next one again.
    pub(super) fn put_back(&mut self, at: WallTime, note: LedgerNote) {
        self.waiting.push_front((at, note));
    }

    /// How full it is and was; every two that became one found no place.
    pub(super) fn health(&self) -> QueueHealth {
        QueueHealth {
            name: "notes",
            capacity: NOTES,
            length: self.waiting.len(),
            high_water: self.high_water,
            refused: self.merged,
        }
    }

    /// The newest row that has one before it to join takes that one in. It stays where it is, so that the times of the rows
    /// stay in order.
    fn merge_two(&mut self) {
        for later in (1..self.waiting.len()).rev() {
            for earlier in (0..later).rev() {
                let both = joined(&self.waiting[earlier].1, &self.waiting[later].1);
                if let Some(both) = both {
                    self.waiting[later].1 = both;
                    self.waiting.remove(earlier);
                    self.merged += 1;
                    return;
                }
            }
        }
    }
}

/// What two rows, in order, say as one, if they are of one kind and about the same.
fn joined(earlier: &LedgerNote, later: &LedgerNote) -> Option<LedgerNote> {
    match (earlier, later) {
        (LedgerNote::CoverageGap(one), LedgerNote::CoverageGap(other))
            if (one.cause, &one.interface) == (other.cause, &other.interface) =>
        {
            Some(LedgerNote::CoverageGap(CoverageGap {
                from: one.from.min(other.from),
                to: one.to.max(other.to),
                cause: one.cause,
                frames: sum(one.frames, other.frames),
                interface: one.interface.clone(),
            }))
        }
        (LedgerNote::ClockStepped { by_nanos: one }, LedgerNote::ClockStepped { by_nanos: other }) => {
            Some(LedgerNote::ClockStepped { by_nanos: one.saturating_add(*other) })
        }
        // Frames are counted from the beginning: the later sign says all.
        (LedgerNote::Alive(_), LedgerNote::Alive(_)) => Some(later.clone()),
        // What it is now; how long it was otherwise is a gap of its own.
        (
            LedgerNote::InterfaceChanged { interface: one, .. },
            LedgerNote::InterfaceChanged { interface: other, .. },
        ) => (one == other).then(|| later.clone()),
        (LedgerNote::Alarm { name: one, .. }, LedgerNote::Alarm { name: other, .. }) => {
            (one == other).then(|| later.clone())
        }
        // What it says now.
        (LedgerNote::ClockStatus(_), LedgerNote::ClockStatus(_)) => Some(later.clone()),
        // Each call names the rules that it was decided by.
        (LedgerNote::RuleSetChanged(_), LedgerNote::RuleSetChanged(_)) => Some(later.clone()),
        (
            LedgerNote::RecorderStarted(_)
            | LedgerNote::RecorderStopped(_)
            | LedgerNote::RuleSetChanged(_)
            | LedgerNote::Alive(_)
            | LedgerNote::ClockStatus(_)
            | LedgerNote::CoverageGap(_)
            | LedgerNote::ClockStepped { .. }
            | LedgerNote::InterfaceChanged { .. }
            | LedgerNote::Alarm { .. }
            | LedgerNote::Recovered(_)
            | LedgerNote::KeysRotated(_)
            | LedgerNote::DayClosed(_)
            | LedgerNote::Anchored(_)
            | LedgerNote::KeysBackedUp(_)
            | LedgerNote::KeysSplit(_)
            | LedgerNote::BackedUp(_)
            | LedgerNote::Restored(_)
            | LedgerNote::Imported(_),
            _,
        ) => None,
    }
}

/// What is lost of both, as far as it is known.
const fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (known, None) | (None, known) => known,
    }
}

#[cfg(test)]
mod tests {
    use earwitness_vault::{AlarmState, Alive, CoverageCause, LinkState};

    use super::*;

    fn at(second: i64) -> WallTime {
        WallTime::from_nanos(second * 1_000_000_000)
    }

    fn gap(from: i64, cause: CoverageCause, frames: u64) -> LedgerNote {
        let (from, to) = (at(from), at(from + 60));
        LedgerNote::CoverageGap(CoverageGap { from, to, cause, frames: Some(frames), interface: None })
    }

    fn drain(notes: &mut Notes) -> Vec<(WallTime, LedgerNote)> {
        std::iter::from_fn(|| notes.pop()).collect()
    }

    #[test]
    fn rows_that_fit_come_out_as_they_went_in() {
        let mut notes = Notes::default();
        for minute in 0..NOTES as i64 {
            notes.push(at(minute * 60), gap(minute * 60, CoverageCause::DiskFull, 1));
        }
        assert_eq!(drain(&mut notes).len(), NOTES);
        let health = notes.health();
        assert_eq!((health.length, health.high_water, health.refused), (0, NOTES, 0));
    }

    #[test]
    fn on_a_disk_that_stays_full_the_rows_are_bounded_and_every_lost_packet_is_told() {
        let (mut notes, minutes) = (Notes::default(), 10_000);
        for minute in 0..minutes {
            let now = at(minute * 60);
            notes.push(now, gap(minute * 60, CoverageCause::DiskFull, 7));
            notes.push(now, gap(minute * 60, CoverageCause::KernelDrops, 3));
            notes.push(now, LedgerNote::Alive(Alive { frames: minute as u64, calls: 1, ended: None }));
            notes.push(now, LedgerNote::ClockStepped { by_nanos: 5 });
            let state = if minute % 2 == 0 { AlarmState::Raised } else { AlarmState::Cleared };
            notes.push(now, LedgerNote::Alarm { name: "frames_lost".to_owned(), state });
            let link = if minute % 2 == 0 { LinkState::Down } else { LinkState::Up };
            notes.push(now, LedgerNote::InterfaceChanged { interface: "eth1".to_owned(), link });
            assert!(notes.health().length <= NOTES);
        }
        assert_eq!(notes.health().refused as usize, minutes as usize * 6 - NOTES);
        let told = drain(&mut notes);
        assert!(told.is_sorted_by_key(|(at, _)| *at));
        let lost = |cause| {
            let gaps = told.iter().filter_map(|(_, note)| {
                let LedgerNote::CoverageGap(gap) = note else { return None };
                (gap.cause == cause).then_some(gap)
            });
            let (from, to) = (gaps.clone().map(|gap| gap.from).min(), gaps.clone().map(|gap| gap.to).max());
            (gaps.filter_map(|gap| gap.frames).sum::<u64>(), from, to)
        };
        let whole = (Some(at(0)), Some(at(minutes * 60)));
        assert_eq!(lost(CoverageCause::DiskFull), (70_000, whole.0, whole.1));
        assert_eq!(lost(CoverageCause::KernelDrops), (30_000, whole.0, whole.1));
        let steps = told.iter().filter_map(|(_, note)| {
            let LedgerNote::ClockStepped { by_nanos } = note else { return None };
            Some(*by_nanos)
        });
        assert_eq!(steps.sum::<i64>(), 5 * minutes);
        let last = |wanted: fn(&LedgerNote) -> bool| told.iter().rev().find(|(_, note)| wanted(note));
        let alarm = last(|note| matches!(note, LedgerNote::Alarm { .. }));
        assert!(matches!(alarm, Some((_, LedgerNote::Alarm { state: AlarmState::Cleared, .. }))));
        let link = last(|note| matches!(note, LedgerNote::InterfaceChanged { .. }));
        assert!(matches!(link, Some((_, LedgerNote::InterfaceChanged { link: LinkState::Up, .. }))));
        let alive = last(|note| matches!(note, LedgerNote::Alive(_)));
        assert!(matches!(alive, Some((_, LedgerNote::Alive(Alive { frames: 9_999, .. })))));
    }

    #[test]
    fn gaps_of_two_interfaces_are_not_one() {
        let down = |interface: &str| {
            let (cause, interface) = (CoverageCause::InterfaceDown, Some(interface.to_owned()));
            LedgerNote::CoverageGap(CoverageGap { from: at(0), to: at(1), cause, frames: None, interface })
        };
        assert_eq!(joined(&down("eth1"), &down("eth2")), None);
        assert_eq!(joined(&down("eth1"), &down("eth1")), Some(down("eth1")));
        assert_eq!(joined(&down("eth1"), &LedgerNote::ClockStepped { by_nanos: 1 }), None);
    }
}
