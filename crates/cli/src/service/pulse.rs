//! Whether the recorder lives: its threads write down the time as they come round, and who does not is stuck.

use std::time::{Duration, Instant};

use earwitness_model::WallTime;

/// The capture thread writes once a second.
const CAPTURE_SILENT: Duration = Duration::from_secs(10);
/// The writer waits for the disk, and a disk may take its time: a restart makes no disk faster.
const WRITER_SILENT: Duration = Duration::from_secs(120);

/// Who is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stuck {
    /// The thread that captures.
    Capture,
    /// The thread that writes.
    Writer,
}

/// When each of them was last seen to move. What they write down is compared, not read: the office's clock may step.
pub(super) struct Pulse {
    capture: Beat,
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
}

impl Pulse {
    /// Nobody has moved yet, and nobody is late.
    pub(super) const fn new(now: Instant) -> Self {
        Self { capture: Beat { wrote: None, moved: now }, writer: Beat { wrote: None, moved: now } }
    }

    /// What the two threads wrote down last, and when that was read.
    pub(super) fn handle_look(&mut self, capture: Option<WallTime>, writer: Option<WallTime>, now: Instant) {
        self.capture.look(capture, now);
        self.writer.look(writer, now);
    }

    /// Who has not moved for too long.
    pub(super) fn stuck(&self, now: Instant) -> Option<Stuck> {
        let silent = |beat: &Beat, limit| now.saturating_duration_since(beat.moved) > limit;
        if silent(&self.capture, CAPTURE_SILENT) {
            return Some(Stuck::Capture);
        }
        silent(&self.writer, WRITER_SILENT).then_some(Stuck::Writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(second: i64) -> Option<WallTime> {
        Some(WallTime::from_nanos(second * 1_000_000_000))
    }

    #[test]
    fn who_moves_is_not_stuck_and_who_does_not_is() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pulse = Pulse::new(start);
        for second in 0..300 {
            pulse.handle_look(wall(second), wall(second), at(second as u64));
            assert_eq!(pulse.stuck(at(second as u64)), None);
        }
        pulse.handle_look(wall(299), wall(300), at(309));
        assert_eq!(pulse.stuck(at(309)), None);
        assert_eq!(pulse.stuck(at(310)), Some(Stuck::Capture));
    }

    #[test]
    fn a_slow_disk_is_waited_for_longer() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pulse = Pulse::new(start);
        for second in 0..=121 {
            pulse.handle_look(wall(second), wall(0), at(second as u64));
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
            pulse.handle_look(wall(wrote), wall(wrote), now);
            assert_eq!(pulse.stuck(now), None);
        }
    }

    #[test]
    fn a_recorder_that_never_wrote_anything_is_stuck_in_the_end() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        pulse.handle_look(None, None, start + Duration::from_secs(9));
        assert_eq!(pulse.stuck(start + Duration::from_secs(11)), Some(Stuck::Capture));
    }
}
