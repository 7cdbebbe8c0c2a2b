//! Tells a step of the wall clock from time that passed, by the monotonic clock beside it.

use std::time::Instant;

use earwitness_model::{PacketTime, WallTime};

use crate::queue::STEPS;

/// Clocks that drift further apart than this between two looks were not slewed (at most 500 ppm): one of them was set.
const STEP_NANOS: i64 = 1_000_000_000;

/// A frame that is further than this from the engine's time makes the thread look whether the clock was set.
const LEAP_NANOS: i64 = 1_000_000_000;

/// A step of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockStep {
    /// What the clock showed when it was noticed.
    pub(super) at: WallTime,
    /// By so much; negative: it was set back.
    pub(super) by_nanos: i64,
}

/// Steps that nobody was told of yet, in order.
#[derive(Debug, Default)]
pub(super) struct ClockSteps(Vec<ClockStep>);

impl ClockSteps {
    /// One more. Of more than [`STEPS`] the last two become one: what the clock was set by in all stays true.
    pub(super) fn add(&mut self, step: ClockStep) {
        let is_full = self.0.len() >= STEPS;
        match self.0.last_mut().filter(|_| is_full) {
            Some(last) => {
                *last = ClockStep { at: step.at, by_nanos: last.by_nanos.saturating_add(step.by_nanos) };
            }
            None => self.0.push(step),
        }
    }

    /// All of them.
    pub(super) fn take(&mut self) -> Vec<ClockStep> {
        std::mem::take(&mut self.0)
    }
}

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

    /// How the wall clock was set, if a frame of `time` shows that it may have been: far ahead of the engine's `now`, it was
    /// set or time passed unseen; far behind, it was set back or the frame waited in its ring.
    #[inline]
    pub(super) fn look_at_frame(
        &mut self,
        time: PacketTime,
        now: PacketTime,
        clock: impl Fn() -> WallTime,
    ) -> Option<ClockStep> {
        let is_far = time.since(now).saturating_abs() > LEAP_NANOS;
        is_far.then(|| self.look(clock(), Instant::now())).flatten()
    }

    /// How the wall clock was set since the last look, if it was.
    pub(super) fn look(&mut self, wall: WallTime, monotonic: Instant) -> Option<ClockStep> {
        let passed = monotonic.saturating_duration_since(self.monotonic).as_nanos();
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        let by_nanos = wall.nanos().saturating_sub(self.wall.nanos()).saturating_sub(passed);
        *self = Self { wall, monotonic };
        (by_nanos.saturating_abs() >= STEP_NANOS).then_some(ClockStep { at: wall, by_nanos })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn a_pause_is_no_step_and_a_step_is_told_once() {
        let start = Instant::now();
        let mut watch = ClockWatch::new(WallTime::from_nanos(0), start);
        let mut look = |wall: i64, passed: u64| {
            watch.look(WallTime::from_nanos(wall * SECOND), start + Duration::from_secs(passed))
        };
        let step = |at: i64, by: i64| {
            Some(ClockStep { at: WallTime::from_nanos(at * SECOND), by_nanos: by * SECOND })
        };
        assert_eq!(look(60, 60), None, "the process slept for a minute");
        assert_eq!(look(3661, 61), step(3661, 3600), "set on by an hour");
        assert_eq!(look(3662, 62), None);
        assert_eq!(look(63, 63), step(63, -3600), "and back");
    }

    #[test]
    fn every_step_between_two_looks_is_told_and_of_too_many_the_sum() {
        let step = |n: i64| ClockStep { at: WallTime::from_nanos(n), by_nanos: n * SECOND };
        let mut steps = ClockSteps::default();
        steps.add(step(3600));
        steps.add(step(-7200));
        assert_eq!(steps.take(), [step(3600), step(-7200)]);
        assert_eq!(steps.take(), []);
        let many = 2 * STEPS as i64;
        (1..=many).for_each(|n| steps.add(step(n)));
        let told = steps.take();
        assert_eq!(told.len(), STEPS);
        assert_eq!(told.iter().map(|step| step.by_nanos).sum::<i64>(), (1..=many).sum::<i64>() * SECOND);
        assert_eq!(told.last().map(|last| last.at), Some(WallTime::from_nanos(many)));
    }
}
