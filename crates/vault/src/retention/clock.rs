//! What the ledger tells of the office's clock: whether it can be believed when it says that something is due.
//!
//! A clock that was set back makes nothing due. What is recorded meanwhile is dated too early, and would be due too early when
//! the clock is right again: it is kept as if it had been recorded at the latest time that the clock had shown. So is what began
//! before the clock was set ahead and ended after it: a machine without a clock of its own begins in 1970. A clock that leaps
//! ahead makes everything due at once: a leap is believed when somebody confirms it, or when others are told to keep the clock
//! right.

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
    /// The time of the last row.
    last: Option<WallTime>,
    /// To where it was set ahead since the recorder began, or set back to since: what began before that and ends now began by a
    /// clock that was wrong.
    set_ahead: Option<WallTime>,
}

impl Clock {
    /// The next row.
    pub(super) fn row(&mut self, kind: LedgerKind, at: WallTime) {
        // What is told of a recording afterwards has the time of the recording.
        if kind == LedgerKind::Recorded && self.latest.is_some_and(|latest| at < latest) {
            return;
        }
        self.follow(kind, at);
        if kind == LedgerKind::ClockConfirmed {
            *self = Self { latest: Some(at), leap: None, is_behind: false, ..*self };
            return;
        }
        let Some(latest) = self.latest else {
            self.latest = Some(at);
            return;
        };
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
            *self = Self { latest: Some(leap.map_or(at, |leap| leap.to)), leap, is_behind: false, ..*self };
        } else {
            self.is_behind = true;
        }
    }

    /// From row to row. No recording runs from before a recorder's beginning to after it.
    fn follow(&mut self, kind: LedgerKind, at: WallTime) {
        let before = self.last.replace(at);
        let is_ahead = |before: WallTime| at.nanos().saturating_sub(before.nanos()) > BACK;
        if kind == LedgerKind::RecorderStarted {
            self.set_ahead = None;
        } else if before.is_some_and(is_ahead) {
            self.set_ahead = Some(at);
        } else {
            self.set_ahead = self.set_ahead.map(|to| to.min(at));
        }
    }

    /// Somebody keeps it in time: it did leap, or the machine was off. One that is behind is not believed by that.
    pub(super) const fn is_kept_right(&mut self) {
        if !self.is_behind {
            self.leap = None;
        }
    }

    /// Whether something that is told of now may have begun by a clock that was wrong: [`Self::begun_after`] says it.
    pub(super) const fn is_in_doubt(&self) -> bool {
        self.is_behind || self.set_ahead.is_some()
    }

    /// When something really began that is told of now, if the clock that says `begun` was wrong: not before this, or shortly
    /// before.
    pub(super) fn begun_after(&self, begun: WallTime) -> Option<WallTime> {
        let is_from_before = self.set_ahead.is_some_and(|to| begun.nanos() < to.nanos().saturating_sub(BACK));
        self.latest.filter(|_| self.is_behind || is_from_before)
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

    use LedgerKind::{Alive, ClockConfirmed, ClockStatus, Recorded, RecorderStarted};

    #[test]
    fn an_ordinary_clock_is_believed() {
        let clock = clock(&[(Alive, 1), (Recorded, 1), (Alive, 2), (Alive, 4)]);
        assert_eq!((clock.leap(day(5)), clock.begun_after(day(4))), (None, None));
    }

    #[test]
    fn what_is_recorded_by_a_clock_that_was_set_back_is_as_of_the_latest_time() {
        let back = clock(&[(Alive, 1000), (Alive, 3), (Recorded, 3)]);
        assert_eq!(back.begun_after(day(3)), Some(day(1000)));
        let right = clock(&[(Alive, 1000), (Alive, 3), (Alive, 1001)]);
        assert_eq!((right.begun_after(day(1001)), right.leap(day(1001))), (None, None));
    }

    #[test]
    fn a_recording_that_is_told_of_late_does_not_set_the_clock_back() {
        assert_eq!(clock(&[(Alive, 1000), (Recorded, 3), (Recorded, 3)]).begun_after(day(3)), None);
    }

    #[test]
    fn a_leap_is_told_until_somebody_confirms_it_or_the_clock_is_right_again() {
        let leap = Leap { from: day(2), to: day(900) };
        assert_eq!(clock(&[(Alive, 1), (Alive, 2), (Alive, 900), (Alive, 901)]).leap(day(901)), Some(leap));
        assert_eq!(clock(&[(Alive, 2)]).leap(day(900)), Some(leap), "nothing was written since");
        assert_eq!(clock(&[(Alive, 2), (Alive, 900), (ClockConfirmed, 900)]).leap(day(901)), None);
        let right = clock(&[(Alive, 2), (Alive, 900), (Alive, 3), (Recorded, 3)]);
        assert_eq!((right.leap(day(4)), right.begun_after(day(3))), (None, None));
    }

    #[test]
    fn what_began_before_the_clock_was_set_ahead_and_is_told_of_after_it_is_as_of_the_latest_time() {
        let rows = [(Alive, 1000), (RecorderStarted, 1), (Alive, 1), (Alive, 1001), (Recorded, 1001)];
        let set = clock(&rows);
        assert_eq!((set.is_in_doubt(), set.begun_after(day(1))), (true, Some(day(1001))));
        assert_eq!(set.begun_after(day(1001)), None, "it began by the right clock");
        assert_eq!(
            clock(&rows[1..]).begun_after(day(1)),
            Some(day(1001)),
            "the first that the vault ever saw"
        );
        let next = [&rows[..], &[(RecorderStarted, 1002), (Recorded, 1003)]].concat();
        assert!(!clock(&next).is_in_doubt(), "no call is older than its recorder");
        let long = clock(&[(RecorderStarted, 1), (Alive, 1), (Alive, 2), (Alive, 3), (Recorded, 4)]);
        assert_eq!(long.begun_after(day(1)), None, "a call of three days is a long call");
    }

    #[test]
    fn a_leap_is_believed_while_somebody_keeps_the_clock_and_a_clock_that_is_behind_is_not() {
        let off = &[(Alive, 1), (RecorderStarted, 11), (ClockStatus, 11)];
        let mut kept = clock(off);
        kept.is_kept_right();
        assert_eq!(kept.leap(day(11)), None);
        for at in [4, 5] {
            kept.row(Alive, day(at));
            assert_eq!(kept.begun_after(day(at)), Some(day(11)), "set back, though not to before the leap");
        }
        kept.is_kept_right();
        assert_eq!(kept.begun_after(day(5)), Some(day(11)));
    }
}
