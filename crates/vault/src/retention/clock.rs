//! What the ledger tells of the office's clock: whether it can be believed when it says that something is due.
//!
//! A clock that was set back makes nothing due. What is recorded meanwhile is dated too early, and would be due too early when
//! the clock is right again: it is kept as if it had been recorded at the latest time that the clock had shown. A clock that
//! leaps ahead makes everything due at once: a leap is believed when somebody confirms it, or when the clock is set by others.

use earwitness_model::WallTime;

use crate::ledger::LedgerKind;

const HOUR: i64 = 3_600_000_000_000;
/// Further back than this is a clock that was set back. Rows of calls that recovery ends are some hours old.
const BACK: i64 = 24 * HOUR;
/// Longer without a row is a leap, or a machine that was off for so long.
const LEAP: i64 = 3 * 24 * HOUR;

/// The clock jumped ahead, or nothing was written for days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leap {
    /// The last time before it.
    pub from: WallTime,
    /// The first one after it.
    pub to: WallTime,
}

/// The clock, as the times of the ledger's rows show it, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Clock {
    latest: Option<WallTime>,
    leap: Option<Leap>,
    is_behind: bool,
}

impl Clock {
    /// The next row.
    pub(super) fn row(&mut self, kind: LedgerKind, at: WallTime) {
        if kind == LedgerKind::ClockConfirmed {
            *self = Self { latest: Some(at), leap: None, is_behind: false };
            return;
        }
        let Some(latest) = self.latest else {
            self.latest = Some(at);
            return;
        };
        // What is told of a recording afterwards has the time of the recording.
        if kind == LedgerKind::Recorded && at < latest {
            return;
        }
        let ahead = at.nanos().saturating_sub(latest.nanos());
        if ahead >= -BACK {
            self.is_behind = false;
            if ahead > LEAP {
                self.leap.get_or_insert(Leap { from: latest, to: at });
            }
            self.latest = Some(latest.max(at));
        } else if let Some(leap) = self.leap.filter(|leap| at.nanos() >= leap.from.nanos() - BACK) {
            // It was wrong, and is right again.
            let still = at.nanos().saturating_sub(leap.from.nanos()) > LEAP;
            let leap = still.then_some(Leap { to: at, ..leap });
            *self = Self { latest: Some(leap.map_or(at, |leap| leap.to)), leap, is_behind: false };
        } else {
            self.is_behind = true;
        }
    }

    /// When something was really recorded that is told of now, if the clock was set back then: not before this.
    pub(super) fn recorded_after(&self) -> Option<WallTime> {
        self.latest.filter(|_| self.is_behind)
    }

    /// A leap that nobody confirmed, among the rows or from the last one to `now`.
    pub(super) fn leap(&self, now: WallTime) -> Option<Leap> {
        let since = |from: WallTime| now.nanos().saturating_sub(from.nanos()) > LEAP;
        self.leap.or_else(|| self.latest.filter(|&from| since(from)).map(|from| Leap { from, to: now }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> WallTime {
        WallTime::from_nanos(day * 24 * HOUR)
    }

    fn clock(rows: &[(LedgerKind, i64)]) -> Clock {
        let mut clock = Clock::default();
        rows.iter().for_each(|&(kind, at)| clock.row(kind, day(at)));
        clock
    }

    use LedgerKind::{Alive, ClockConfirmed, Recorded};

    #[test]
    fn an_ordinary_clock_is_believed() {
        let clock = clock(&[(Alive, 1), (Recorded, 1), (Alive, 2), (Alive, 4)]);
        assert_eq!((clock.leap(day(5)), clock.recorded_after()), (None, None));
    }

    #[test]
    fn what_is_recorded_by_a_clock_that_was_set_back_is_as_of_the_latest_time() {
        let back = clock(&[(Alive, 1000), (Alive, 3), (Recorded, 3)]);
        assert_eq!(back.recorded_after(), Some(day(1000)));
        let right = clock(&[(Alive, 1000), (Alive, 3), (Alive, 1001)]);
        assert_eq!((right.recorded_after(), right.leap(day(1001))), (None, None));
    }

    #[test]
    fn a_recording_that_is_told_of_late_does_not_set_the_clock_back() {
        assert_eq!(clock(&[(Alive, 1000), (Recorded, 3), (Recorded, 3)]).recorded_after(), None);
    }

    #[test]
    fn a_leap_is_told_until_somebody_confirms_it_or_the_clock_is_right_again() {
        let leap = Leap { from: day(2), to: day(900) };
        assert_eq!(clock(&[(Alive, 1), (Alive, 2), (Alive, 900), (Alive, 901)]).leap(day(901)), Some(leap));
        assert_eq!(clock(&[(Alive, 2)]).leap(day(900)), Some(leap), "nothing was written since");
        assert_eq!(clock(&[(Alive, 2), (Alive, 900), (ClockConfirmed, 900)]).leap(day(901)), None);
        let right = clock(&[(Alive, 2), (Alive, 900), (Alive, 3), (Recorded, 3)]);
        assert_eq!((right.leap(day(4)), right.recorded_after()), (None, None));
    }
}
