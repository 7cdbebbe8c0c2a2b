//! Whether the recorder lives: its threads write down the time as they come round, and who does not is stuck.

use std::time::{Duration, Instant};

use earwitness_model::WallTime;
use earwitness_recorder::Health;

/// The threads that capture, and the one that follows the calls, write once a second.
const CAPTURE_SILENT: Duration = Duration::from_secs(10);
/// The writer waits for the disk, and a disk may take its time: a restart makes no disk faster.
const WRITER_SILENT: Duration = Duration::from_secs(120);

/// Who is stuck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stuck {
    /// Nobody has captured anything yet.
    Begin,
    /// A thread that captures, or the one that follows the calls.
    Capture(String),
    /// The thread that writes.
    Writer,
}

/// What the threads wrote down last.
#[derive(Debug, Clone, Default)]
pub(super) struct Signs {
    /// Each thread that captures or follows the calls. None before recording began.
    capture: Vec<(String, Option<WallTime>)>,
    writer: Option<WallTime>,
}

impl Signs {
    /// Those that `health` shows. Itself it is a sign of the thread that wrote it, which is one of them.
    pub(super) fn of(health: &Health) -> Self {
        let threads = health.threads.iter();
        Self {
            capture: threads.map(|thread| (thread.name.clone(), thread.alive)).collect(),
            writer: health.written.alive,
        }
    }
}

/// When each of them was last seen to move. What they write down is compared, not read: the office's clock may step.
pub(super) struct Pulse {
    begun: Instant,
    capture: Vec<(String, Beat)>,
    writer: Beat,
}

struct Beat {
    wrote: Option<WallTime>,
    moved: Instant,
}

impl Beat {
    fn look(&mut self, wrote: Option<WallTime>, now: Instant) {
        if self.wrote != wrote {
            *self = Self { wrote, moved: now };
        }
    }

    fn is_silent(&self, limit: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.moved) > limit
    }
}

impl Pulse {
    /// Nobody has moved yet, and nobody is late.
    pub(super) const fn new(now: Instant) -> Self {
        Self { begun: now, capture: Vec::new(), writer: Beat { wrote: None, moved: now } }
    }

    /// What the threads wrote down last, and when that was read.
    pub(super) fn handle_look(&mut self, signs: &Signs, now: Instant) {
        for (name, wrote) in &signs.capture {
            match self.capture.iter_mut().find(|(known, _)| known == name) {
                Some((_, beat)) => beat.look(*wrote, now),
                None => self.capture.push((name.clone(), Beat { wrote: *wrote, moved: now })),
            }
        }
        self.writer.look(signs.writer, now);
    }

    /// Who has not moved for too long.
    pub(super) fn stuck(&self, now: Instant) -> Option<Stuck> {
        if self.capture.is_empty() && now.saturating_duration_since(self.begun) > CAPTURE_SILENT {
            return Some(Stuck::Begin);
        }
        if let Some((name, _)) = self.capture.iter().find(|(_, beat)| beat.is_silent(CAPTURE_SILENT, now)) {
            return Some(Stuck::Capture(name.clone()));
        }
        self.writer.is_silent(WRITER_SILENT, now).then_some(Stuck::Writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(second: i64) -> Option<WallTime> {
        Some(WallTime::from_nanos(second * 1_000_000_000))
    }

    /// A recorder with two capture threads.
    fn signs(signalling: i64, capture: [i64; 2], writer: i64) -> Signs {
        let threads = [("signalling", signalling), ("capture 0", capture[0]), ("capture 1", capture[1])];
        let capture = threads.map(|(name, wrote)| (name.to_owned(), wall(wrote))).into();
        Signs { capture, writer: wall(writer) }
    }

    fn hangs(name: &str) -> Option<Stuck> {
        Some(Stuck::Capture(name.to_owned()))
    }

    #[test]
    fn who_moves_is_not_stuck_and_who_does_not_is() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pulse = Pulse::new(start);
        for second in 0..300 {
            pulse.handle_look(&signs(second, [second; 2], second), at(second as u64));
            assert_eq!(pulse.stuck(at(second as u64)), None);
        }
        pulse.handle_look(&signs(299, [299; 2], 300), at(309));
        assert_eq!(pulse.stuck(at(309)), None);
        assert_eq!(pulse.stuck(at(310)), hangs("signalling"));
    }

    #[test]
    fn one_of_several_capture_threads_that_hangs_stops_the_pulse() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for stalled in 0..2 {
            let mut pulse = Pulse::new(start);
            for second in 0..=31 {
                let mut capture = [second; 2];
                capture[stalled] = second.min(20);
                pulse.handle_look(&signs(second, capture, second), at(second as u64));
                let expected = if second > 30 { hangs(["capture 0", "capture 1"][stalled]) } else { None };
                assert_eq!(pulse.stuck(at(second as u64)), expected, "at second {second}");
            }
            pulse.handle_look(&signs(32, [32; 2], 32), at(32));
            assert_eq!(pulse.stuck(at(32)), None, "it goes on");
        }
    }

    #[test]
    fn a_thread_that_never_came_round_is_stuck() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        for second in 0..=11 {
            let mut signs = signs(second, [second; 2], second);
            signs.capture[2].1 = None;
            pulse.handle_look(&signs, start + Duration::from_secs(second as u64));
        }
        assert_eq!(pulse.stuck(start + Duration::from_secs(11)), hangs("capture 1"));
    }

    #[test]
    fn a_slow_disk_is_waited_for_longer() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pulse = Pulse::new(start);
        for second in 0..=121 {
            pulse.handle_look(&signs(second, [second; 2], 0), at(second as u64));
        }
        assert_eq!(pulse.stuck(at(120)), None);
        assert_eq!(pulse.stuck(at(121)), Some(Stuck::Writer));
    }

    #[test]
    fn a_clock_that_steps_stops_nobody() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        for (step, wrote) in [0, 3600, 3601, -90_000, -89_999].into_iter().enumerate() {
            let now = start + Duration::from_secs(step as u64);
            pulse.handle_look(&signs(wrote, [wrote; 2], wrote), now);
            assert_eq!(pulse.stuck(now), None);
        }
    }

    #[test]
    fn a_recorder_that_never_wrote_anything_is_stuck_in_the_end() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        pulse.handle_look(&Signs::default(), start + Duration::from_secs(9));
        assert_eq!(pulse.stuck(start + Duration::from_secs(9)), None);
        assert_eq!(pulse.stuck(start + Duration::from_secs(11)), Some(Stuck::Begin));
    }
}
