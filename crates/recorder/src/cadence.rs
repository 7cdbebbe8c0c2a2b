//! When the writer hands what it has to the operating system, and when to the medium.
//!
//! What a crash costs a running call is the age of what lies in this process alone: a segment fills for
//! [`Timer::Segment`](earwitness_engine::Timer::Segment), and is written out [`WRITE_EVERY`] later at the latest. A power cut
//! costs what is not synced: that is [`COMMIT_EVERY`] instead. To write costs a system call for each open volume, to sync
//! costs the disk its time.

use std::time::Instant;

use crate::queue::{COMMIT_BYTES, COMMIT_EVERY, WRITE_EVERY};

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing.
    Nothing,
    /// What was appended is to be written out.
    Write,
    /// All is to be committed.
    Commit,
}

/// The next times.
#[derive(Debug)]
pub(crate) struct Cadence {
    commit: Instant,
    /// `None` while all is written.
    write: Option<Instant>,
}

impl Cadence {
    pub(crate) fn new(now: Instant) -> Self {
        Self { commit: now + COMMIT_EVERY, write: None }
    }

    /// When something will be due, if nothing comes.
    pub(crate) fn next(&self) -> Instant {
        self.write.map_or(self.commit, |write| write.min(self.commit))
    }

    /// What is due, with so many bytes `uncommitted`.
    pub(crate) fn due(&self, now: Instant, uncommitted: u64) -> Due {
        if now >= self.commit || uncommitted >= COMMIT_BYTES {
            Due::Commit
        } else if self.write.is_some_and(|write| now >= write) {
            Due::Write
        } else {
            Due::Nothing
        }
    }

    /// Something was appended.
    pub(crate) fn appended(&mut self, now: Instant) {
        self.write.get_or_insert(now + WRITE_EVERY);
    }

    /// All that was appended is written.
    pub(crate) const fn wrote(&mut self) {
        self.write = None;
    }

    /// All is committed.
    pub(crate) fn committed(&mut self, now: Instant) {
        *self = Self::new(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use earwitness_engine::Timer;

    use super::*;

    #[test]
    fn nothing_lies_in_this_process_alone_for_longer_than_a_twentieth_of_a_second() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut cadence = Cadence::new(start);
        let (mut oldest, mut worst, mut writes, mut commits) = (None, 0, 0, 0);
        for ms in 0..10_000_u64 {
            if ms % 7 == 0 && ms % 1000 < 800 {
                cadence.appended(at(ms));
                oldest.get_or_insert(ms);
            }
            match cadence.due(at(ms), 0) {
                Due::Nothing => continue,
                Due::Write => {
                    cadence.wrote();
                    writes += 1;
                }
                Due::Commit => {
                    cadence.committed(at(ms));
                    commits += 1;
                }
            }
            worst = worst.max(oldest.take().map_or(0, |oldest| ms - oldest));
        }
        assert_eq!(worst, 50);
        assert_eq!(commits, 19, "as before: every half second");
        assert!((100..180).contains(&writes), "{writes}");
    }

    #[test]
    fn a_kill_costs_what_fills_and_what_waits_to_be_written_and_no_more() {
        let fills = Duration::from_nanos(Timer::Segment.nanos().unsigned_abs());
        assert!(fills + WRITE_EVERY <= Duration::from_millis(550));
    }

    #[test]
    fn an_idle_writer_wakes_for_its_commits_only() {
        let start = Instant::now();
        let mut cadence = Cadence::new(start);
        assert_eq!(cadence.next(), start + COMMIT_EVERY);
        cadence.appended(start);
        assert_eq!(cadence.next(), start + WRITE_EVERY);
        assert_eq!(cadence.due(start, COMMIT_BYTES), Due::Commit);
    }
}
