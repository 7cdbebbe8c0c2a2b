//! Times that step back, or leap while parties talk on.

use earwitness_model::PacketTime;

use super::Sight;
use crate::{ClockState, Code, Evidence, Finding, Severity, report::Examples, streams::Step};

/// Frames of several queues or interfaces come a little out of order; a clock is set back by more.
const STEP_BACK_NS: i64 = 100_000_000;
/// A silence of the whole link that may be a leap.
const LEAP_NS: i64 = 3_000_000_000;
/// Streams that went on as if nothing had been, from which on it was one.
const CONTINUED: u32 = 2;
/// After a leap, talk goes on within this time.
const AFTER_LEAP_NS: i64 = 500_000_000;
/// RTP time in a pause that was none, in units of whatever rate: half a second at 48 kHz.
const SMALL_STEP: i32 = 24_000;

/// Watches the times of frames.
#[derive(Debug, Default)]
pub(crate) struct FrameTimes {
    last: Option<PacketTime>,
    back: u64,
    furthest_back_ns: i64,
    leap: Option<Leap>,
    leaps: u64,
    longest_leap_ns: i64,
    examples: Examples,
}

/// A silence of the whole link, and how many streams went on after it without having paused.
#[derive(Debug, Clone, Copy)]
struct Leap {
    at: Sight,
    ns: i64,
    continued: u32,
}

impl FrameTimes {
    /// Takes any frame.
    pub(crate) fn handle_frame(&mut self, at: Sight) {
        let step = self.last.map_or(0, |last| at.time.since(last));
        if step <= -STEP_BACK_NS {
            self.back += 1;
            self.furthest_back_ns = self.furthest_back_ns.max(step.saturating_neg());
            self.examples.add(at.number);
        }
        if step >= LEAP_NS {
            self.leap = Some(Leap { at, ns: step, continued: 0 });
        }
        self.last = Some(at.time);
    }

    /// Takes what an RTP packet told of its stream.
    pub(crate) fn handle_step(&mut self, step: Step, at: Sight) {
        let Some(leap) = &mut self.leap else { return };
        if at.time.since(leap.at.time) > AFTER_LEAP_NS {
            self.leap = None;
            return;
        }
        let Step::Next { silence_ns, rtp_units } = step else { return };
        if silence_ns < leap.ns || !(1..SMALL_STEP).contains(&rtp_units) {
            return;
        }
        leap.continued += 1;
        if leap.continued == CONTINUED {
            self.leaps += 1;
            self.longest_leap_ns = self.longest_leap_ns.max(leap.ns);
            self.examples.add(leap.at.number);
        }
    }

    pub(crate) fn finish_steps(&self) -> Option<Finding> {
        let (back, leaps) = (self.back, self.leaps);
        let seconds = |ns: i64| ns as f64 / 1e9;
        let stepped = format!(
            "times of frames step back {back} times, by up to {:.3} s",
            seconds(self.furthest_back_ns)
        );
        let leapt = format!(
            "times of frames leap {leaps} times in the midst of talk, by up to {:.1} s",
            seconds(self.longest_leap_ns)
        );
        let sentence = match (back, leaps) {
            (0, 0) => return None,
            (_, 0) => stepped,
            (0, _) => leapt,
            (_, _) => format!("{stepped}; {leapt}"),
        };
        let ms = |ns: i64| u64::try_from(ns / 1_000_000).unwrap_or(0);
        Some(Finding {
            code: Code::ClockSteps,
            severity: Severity::Defect,
            sentence,
            evidence: Evidence::counted([
                ("steps_back", back),
                ("furthest_back_ms", ms(self.furthest_back_ns)),
                ("leaps", leaps),
                ("longest_leap_ms", ms(self.longest_leap_ns)),
            ])
            .at(&self.examples),
        })
    }
}

/// What the machine says of its clock.
pub(crate) fn finish_state(clock: ClockState) -> Option<Finding> {
    match clock {
        ClockState::Unknown | ClockState::Synchronised => None,
        ClockState::Unsynchronised => Some(Finding {
            code: Code::ClockUnsynchronised,
            severity: Severity::Defect,
            sentence: "the clock of this machine follows no other clock".to_owned(),
            evidence: Evidence::default(),
        }),
    }
}
