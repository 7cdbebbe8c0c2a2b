//! Tells a step of the wall clock from time that passed, by the monotonic clock beside it.

use std::time::Instant;

use earwitness_model::{PacketTime, WallTime};

/// Clocks that drift further apart than this between two looks were not slewed (at most 500 ppm): one of them was set.
const STEP_NANOS: i64 = 1_000_000_000;

/// A frame that is further than this from the engine's time makes the thread look whether the clock was set.
const LEAP_NANOS: i64 = 1_000_000_000;

/// The two clocks at the last look.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockWatch {
    wall: WallTime,
    monotonic: Instant,
}

impl ClockWatch {
    pub(super) const fn new(wall: WallTime, monotonic: Instant) -> Self {
        Self { wall, monotonic }
    }

    /// By how many ns the wall clock was set, if a frame of `time` shows that it may have been: far ahead of the engine's
    /// `now`, it was set or time passed unseen; far behind, it was set back or the frame waited in its ring.
    #[inline]
    pub(super) fn look_at_frame(
        &mut self,
        time: PacketTime,
        now: PacketTime,
        clock: impl Fn() -> WallTime,
    ) -> Option<i64> {
        let is_far = time.since(now).saturating_abs() > LEAP_NANOS;
        is_far.then(|| self.look(clock(), Instant::now())).flatten()
    }

    /// By how many ns the wall clock was set since the last look, if it was.
    pub(super) fn look(&mut self, wall: WallTime, monotonic: Instant) -> Option<i64> {
        let passed = monotonic.saturating_duration_since(self.monotonic).as_nanos();
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        let step = wall.nanos().saturating_sub(self.wall.nanos()).saturating_sub(passed);
        *self = Self { wall, monotonic };
        (step.saturating_abs() >= STEP_NANOS).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_pause_is_no_step_and_a_step_is_told_once() {
        let (start, second) = (Instant::now(), 1_000_000_000);
        let mut watch = ClockWatch::new(WallTime::from_nanos(0), start);
        let mut look = |wall: i64, passed: u64| {
            watch.look(WallTime::from_nanos(wall * second), start + Duration::from_secs(passed))
        };
        assert_eq!(look(60, 60), None, "the process slept for a minute");
        assert_eq!(look(3661, 61), Some(3600 * second), "set on by an hour");
        assert_eq!(look(3662, 62), None);
        assert_eq!(look(63, 63), Some(-3600 * second), "and back");
    }
}
