//! Losses second by second become coverage gaps: one row of the ledger for a window, not one for a frame.

use earwitness_model::WallTime;
use earwitness_vault::{CoverageCause, CoverageGap};

/// A window that goes on is told in pieces of this length, so that a crash loses no more of it.
const PIECE_NANOS: i64 = 60_000_000_000;
/// Threads look once a second, each at its own moment: a window goes on when the next look adds to it.
const QUIET_NANOS: i64 = 1_500_000_000;

/// What a lapse is about: one window for each is open at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) cause: CoverageCause,
    pub(super) interface: Option<String>,
}

/// The windows that are open.
#[derive(Debug, Default)]
pub(super) struct Lapses {
    open: Vec<(Subject, CoverageGap)>,
}

impl Lapses {
    /// Between `from` and `to` something was lost: `frames` of it, where that is known.
    pub(super) fn add(&mut self, subject: Subject, (from, to): (WallTime, WallTime), frames: Option<u64>) {
        match self.open.iter_mut().find(|(open, gap)| *open == subject && gap.to >= from) {
            Some((_, gap)) => {
                gap.to = gap.to.max(to);
                gap.frames = match (gap.frames, frames) {
                    (Some(before), Some(more)) => Some(before + more),
                    (known, None) | (None, known) => known,
                };
            }
            None => {
                let Subject { cause, interface } = subject.clone();
                self.open.push((subject, CoverageGap { from, to, cause, frames, interface }));
            }
        }
    }

    /// The windows that are over at `now`: the looks since have added nothing, or they are long enough for a piece.
    pub(super) fn take_over(&mut self, now: WallTime) -> Vec<CoverageGap> {
        let is_over = |gap: &CoverageGap| {
            now.nanos().saturating_sub(gap.to.nanos()) > QUIET_NANOS
                || gap.to.nanos().saturating_sub(gap.from.nanos()) >= PIECE_NANOS
        };
        self.open.extract_if(.., |(_, gap)| is_over(gap)).map(|(_, gap)| gap).collect()
    }

    /// All windows: the recorder stops.
    pub(super) fn take_all(&mut self) -> Vec<CoverageGap> {
        self.open.drain(..).map(|(_, gap)| gap).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> WallTime {
        WallTime::from_nanos(seconds * 1_000_000_000)
    }

    fn drops() -> Subject {
        Subject { cause: CoverageCause::KernelDrops, interface: Some("eth1".to_owned()) }
    }

    #[test]
    fn losses_of_seconds_that_touch_are_one_window() {
        let mut lapses = Lapses::default();
        lapses.add(drops(), (at(1), at(2)), Some(5));
        assert_eq!(lapses.take_over(at(2)), []);
        assert_eq!(lapses.take_over(at(3)), [], "another thread may have looked at less of this second");
        lapses.add(drops(), (at(2), at(3)), Some(7));
        let gaps = lapses.take_over(at(5));
        assert_eq!(gaps.len(), 1);
        assert_eq!((gaps[0].from, gaps[0].to, gaps[0].frames), (at(1), at(3), Some(12)));
        assert_eq!(lapses.take_all(), []);
    }

    #[test]
    fn a_window_without_end_is_told_in_pieces() {
        let mut lapses = Lapses::default();
        let down = Subject { cause: CoverageCause::InterfaceDown, interface: Some("eth1".to_owned()) };
        let mut told = Vec::new();
        for second in 0..150 {
            lapses.add(down.clone(), (at(second), at(second + 1)), None);
            told.extend(lapses.take_over(at(second + 1)));
        }
        told.extend(lapses.take_all());
        let spans: Vec<_> = told.iter().map(|gap| (gap.from, gap.to)).collect();
        assert_eq!(spans, [(at(0), at(60)), (at(60), at(120)), (at(120), at(150))]);
    }
}
