//! The engine's own time. It begins at zero with the first frame and goes on, whatever happens to the clock of the capture.
//!
//! Engine time is capture time less a base. When the capture's clock is set, the base changes and engine time does not, so
//! that no deadline waits an hour longer, none comes an hour early, and nothing is ever compared across two settings of a
//! clock. Inside the engine every time is engine time; what leaves it is given in the capture's time by the base under
//! which its call began: one call, one continuous clock.

use earwitness_model::PacketTime;

/// A frame so much earlier than the one before is out of order, and so much later was simply waited for: no step.
const TOLERANCE: i64 = 2_000_000_000;
/// How well a step that the frames show has to agree with one that was announced.
const AGREEMENT: i64 = 1_000_000_000;
/// More time than any call waits for anything. A longer leap lets so much pass, so that a capture with times from the end
/// of the calendar cannot use the engine's time up.
const LONGEST_LEAP: i64 = 24 * 3600 * 1_000_000_000;
/// Before the first frame.
pub(crate) const BEFORE: PacketTime = PacketTime::from_nanos(i64::MIN);

/// What said the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SaidBy {
    /// A frame.
    Frame,
    /// Whoever reads the capture.
    Caller,
}

/// Who says that the capture's clock was set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetBack {
    /// The frames show it: nobody else knows the clock of a capture file.
    Shown,
    /// The caller, before it hands in a frame from after: an earlier frame without that waited in another ring.
    Announced,
}

/// From capture time to engine time.
#[derive(Debug)]
pub(crate) struct Clock {
    set_back: SetBack,
    /// Capture time less engine time.
    base: i64,
    /// The base before, or the one that was announced: captures of two machines in one file go to and fro between two.
    other: Option<i64>,
    /// By how much a frame stepped back since the caller last told the time: it may still announce that step.
    seen: Option<i64>,
    steps: u64,
}

impl Clock {
    pub(crate) const fn new(set_back: SetBack) -> Self {
        Self { set_back, base: 0, other: None, seen: None, steps: 0 }
    }

    /// Capture time less engine time.
    #[inline]
    pub(crate) const fn base(&self) -> i64 {
        self.base
    }

    /// The engine time of a moment that was before `now`, by the setting of the clock under which it is nearer to that.
    pub(crate) fn nearest(&self, time: PacketTime, now: PacketTime) -> PacketTime {
        let under = |base| PacketTime::from_nanos(time.since(PacketTime::from_nanos(base)));
        let bases = [Some(self.base), self.other].into_iter().flatten();
        let apart = |at: &PacketTime| at.since(now).unsigned_abs();
        bases.map(under).min_by_key(apart).unwrap_or(time)
    }

    /// Times the clock was set, as far as that was noticed.
    pub(crate) const fn steps(&self) -> u64 {
        self.steps
    }

    /// The capture time of what happens at `at`.
    pub(crate) const fn told(&self, at: PacketTime) -> PacketTime {
        at.plus_nanos(self.base)
    }

    /// The engine time of a frame, when the engine's clock stands at `now`: never more than [`TOLERANCE`] before it.
    #[inline]
    pub(crate) fn handle_frame(&mut self, time: PacketTime, now: PacketTime) -> PacketTime {
        let at = self.engine_time(time);
        if at.since(now).unsigned_abs() <= TOLERANCE.unsigned_abs() {
            return at;
        }
        self.handle_leap(time, now, SaidBy::Frame)
    }

    /// The engine time of what the caller says is the time: an earlier one, unless a step to it was announced, says nothing.
    pub(crate) fn handle_time(&mut self, time: PacketTime, now: PacketTime) -> PacketTime {
        self.seen = None;
        let at = self.engine_time(time);
        if at.since(now).unsigned_abs() <= TOLERANCE.unsigned_abs() {
            return at;
        }
        self.handle_leap(time, now, SaidBy::Caller)
    }

    /// The capture's clock was set by `nanos`. Frames from before may still come; those from after may have come if it was
    /// set back.
    pub(crate) fn handle_step(&mut self, nanos: i64) {
        let agrees = |seen: i64| seen.saturating_sub(nanos).unsigned_abs() <= AGREEMENT.unsigned_abs();
        if let (Some(seen), Some(before)) = (self.seen.take(), self.other)
            && agrees(seen)
        {
            // What the frames showed has the pause between two of them in it; what was measured has not.
            self.base = before.saturating_add(nanos);
            return;
        }
        self.steps += 1;
        let announced = self.base.saturating_add(nanos);
        if nanos.unsigned_abs() <= TOLERANCE.unsigned_abs() {
            self.base = announced;
        } else {
            self.other = Some(announced);
        }
    }

    #[cold]
    fn handle_leap(&mut self, time: PacketTime, now: PacketTime, said_by: SaidBy) -> PacketTime {
        if now == BEFORE {
            self.base = time.nanos();
            return PacketTime::EPOCH;
        }
        let fits = |base: &i64| {
            let at = time.since(PacketTime::from_nanos(*base));
            PacketTime::from_nanos(at).since(now).unsigned_abs() <= TOLERANCE.unsigned_abs()
        };
        if let Some(other) = self.other.filter(fits) {
            self.other = Some(std::mem::replace(&mut self.base, other));
            self.seen = None;
            return self.engine_time(time);
        }
        let leap = self.engine_time(time).since(now);
        match said_by {
            SaidBy::Caller if leap < 0 => return now,
            SaidBy::Frame if leap < 0 => match self.set_back {
                SetBack::Shown => {
                    self.steps += 1;
                    self.other = Some(self.base);
                    self.base = time.since(now);
                    self.seen = Some(leap);
                }
                SetBack::Announced => return now.plus_nanos(-TOLERANCE),
            },
            SaidBy::Frame | SaidBy::Caller if leap > LONGEST_LEAP => {
                self.base = time.since(now.plus_nanos(LONGEST_LEAP));
            }
            SaidBy::Frame | SaidBy::Caller => {}
        }
        self.engine_time(time)
    }

    #[inline]
    const fn engine_time(&self, time: PacketTime) -> PacketTime {
        PacketTime::from_nanos(time.since(PacketTime::from_nanos(self.base)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const HOUR: i64 = 3600 * SECOND;
    const MORNING: i64 = 1_763_683_200 * SECOND;

    /// What is done to a clock, in seconds: capture times count from the first frame.
    enum Do {
        Frame(f64),
        Time(f64),
        Step(f64),
    }
    use Do::{Frame, Step, Time};

    /// Where the engine's clock stands after each, in seconds, and how many steps were counted.
    fn run(all: &[Do]) -> (Vec<f64>, u64) {
        run_with(Clock::new(SetBack::Shown), all)
    }

    fn run_with(mut clock: Clock, all: &[Do]) -> (Vec<f64>, u64) {
        let nanos = |seconds: f64| (seconds * 1e9) as i64;
        let at = |seconds: f64| PacketTime::from_nanos(MORNING + nanos(seconds));
        let mut now = clock.handle_frame(at(0.0), BEFORE);
        let stood = all.iter().map(|what| {
            now = now.max(match *what {
                Frame(seconds) => clock.handle_frame(at(seconds), now),
                Time(seconds) => clock.handle_time(at(seconds), now),
                Step(seconds) => {
                    clock.handle_step(nanos(seconds));
                    now
                }
            });
            now.nanos() as f64 / 1e9
        });
        (stood.collect(), clock.steps())
    }

    #[test]
    fn time_is_the_frames_and_goes_on_over_a_step_back() {
        let (stood, steps) = run(&[
            Frame(1.0),
            Frame(0.5),
            Frame(3.0),
            Frame(-3597.0),
            Frame(-3596.0),
            Time(-3590.0),
            Time(-9e3),
        ]);
        assert_eq!((stood, steps), (vec![1.0, 1.0, 3.0, 3.0, 4.0, 10.0, 10.0], 1));
    }

    #[test]
    fn a_leap_in_a_file_is_time_that_passed_and_a_century_a_day_of_it() {
        let (stood, steps) = run(&[Frame(1.0), Frame(3601.0), Frame(3e9), Frame(3e9 + 1.0)]);
        assert_eq!((stood, steps), (vec![1.0, 3601.0, 90_001.0, 90_002.0], 0));
    }

    #[test]
    fn two_clocks_that_take_turns_are_one_time() {
        let (stood, steps) = run(&[
            Frame(1.0),
            Frame(-3599.0),
            Frame(1.5),
            Frame(-3598.0),
            Frame(2.0),
            Frame(2.5),
            Frame(-3597.0),
        ]);
        assert_eq!((stood, steps), (vec![1.0, 1.0, 1.5, 2.0, 2.0, 2.5, 3.0], 1));
    }

    #[test]
    fn a_step_that_is_announced_is_taken_where_it_is_seen() {
        // Frames from before the step lie in the capture's buffer while it is announced.
        let (stood, steps) = run(&[
            Frame(1.0),
            Step(3600.0),
            Frame(1.1),
            Frame(3601.2),
            Time(3601.3),
            Frame(1.3),
            Frame(3602.0),
        ]);
        let expected = [1.0, 1.0, 1.1, 1.2, 1.3, 1.3, 2.0];
        assert_eq!(steps, 1);
        assert!(stood.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{stood:?}");
    }

    #[test]
    fn frames_may_show_a_step_back_before_it_is_announced() {
        let (stood, steps) = run(&[
            Frame(1.0),
            Frame(-3598.98),
            Frame(-3598.96),
            Step(-3600.0),
            Time(-3598.9),
            Frame(-3598.8),
        ]);
        let expected = [1.0, 1.0, 1.02, 1.02, 1.1, 1.2];
        assert_eq!(steps, 1);
        assert!(stood.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{stood:?}");
    }

    #[test]
    fn an_announced_step_is_taken_on_an_idle_link_too() {
        for by in [3600.0, -3600.0] {
            let (stood, steps) =
                run(&[Frame(1.0), Step(by), Time(1.5 + by), Time(9.0 + by), Frame(9.1 + by)]);
            let expected = [1.0, 1.0, 1.5, 9.0, 9.1];
            assert_eq!(steps, 1);
            assert!(stood.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{stood:?}");
        }
    }

    #[test]
    fn a_small_step_is_taken_at_once() {
        let (stood, steps) = run(&[Frame(1.0), Step(-1.5), Frame(-0.4), Frame(0.0), Step(1.5), Time(1.6)]);
        let expected = [1.0, 1.0, 1.1, 1.5, 1.5, 1.6];
        assert_eq!(steps, 2);
        assert!(stood.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{stood:?}");
    }

    #[test]
    fn where_steps_are_announced_an_early_frame_is_late_and_no_step() {
        let clock = || Clock::new(SetBack::Announced);
        // Two rings that nobody read for five seconds, one after the other.
        let (stood, steps) =
            run_with(clock(), &[Frame(1.0), Frame(6.0), Frame(1.1), Frame(3.0), Frame(6.1), Time(6.2)]);
        assert_eq!((stood, steps), (vec![1.0, 6.0, 6.0, 6.0, 6.1, 6.2], 0));
        let (stood, steps) =
            run_with(clock(), &[Frame(1.0), Step(-3600.0), Frame(-3598.9), Frame(1.2), Frame(-3598.0)]);
        let expected = [1.0, 1.0, 1.1, 1.2, 2.0];
        assert_eq!(steps, 1);
        assert!(stood.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{stood:?}");
    }

    #[test]
    fn the_ends_of_the_calendar_leave_time_to_come() {
        let mut clock = Clock::new(SetBack::Shown);
        let mut now = clock.handle_frame(PacketTime::from_nanos(i64::MIN), BEFORE);
        for n in 0..1000i64 {
            let time = [i64::MAX, MORNING, i64::MIN, MORNING + HOUR * n][n as usize % 4];
            now = now.max(clock.handle_frame(PacketTime::from_nanos(time), now));
        }
        assert!(now.nanos() <= 1000 * LONGEST_LEAP, "{now:?}");
    }
}
