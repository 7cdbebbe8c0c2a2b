//! Lost RTP, and who lost it. A network loses packets of one stream or one link; a mirror whose destination port is full
//! loses packets of everybody at the same moment.

use std::collections::VecDeque;

use earwitness_model::{Flow, PacketTime};

use super::Sight;
use crate::{
    Code, Evidence, Finding, Severity,
    bounded::Bounded,
    pair::Pair,
    report::{Examples, percent},
    streams::{Step, Streams},
};

/// One moment.
const WINDOW_NS: i64 = 100_000_000;
/// Moments that stay open for late packets: a second.
const OPEN_WINDOWS: usize = 10;
/// Pairs of machines that are followed in one moment.
const MOST_PAIRS: usize = 4_096;
/// Unrelated pairs that must lose at once.
const FEWEST_PAIRS: usize = 3;
/// And the share of those that talk at that moment.
const FEWEST_PERCENT: f64 = 30.0;
/// Lost packets from which on it is worth a note, and their share.
const NOTE_PACKETS: u64 = 10;
const NOTE_PERCENT: f64 = 0.5;

/// Packets lost by pair, in one moment.
#[derive(Debug)]
struct Window {
    index: i64,
    first_frame: u64,
    pairs: Bounded<Pair, u64>,
}

/// Puts gaps to moments.
#[derive(Debug, Default)]
pub(crate) struct Loss {
    windows: VecDeque<Window>,
    full_moments: u64,
    lost_at_once: u64,
    lost_alone: u64,
    left_out: u64,
    examples: Examples,
}

impl Loss {
    /// Takes what a packet of a stream told.
    pub(crate) fn handle_step(&mut self, flow: Flow, step: Step, at: Sight) {
        let (pair, _) = Pair::of(flow);
        match step {
            Step::Next { .. } => self.add(pair, 0, at),
            Step::Gap(missing) => self.add(pair, u64::from(missing), at),
            Step::Filled { lost, noticed } => {
                let index = window_of(noticed);
                let window = self.windows.iter_mut().find(|window| window.index == index);
                if let Some(count) = window.and_then(|window| window.pairs.get_mut(&pair)) {
                    *count = count.saturating_sub(u64::from(lost));
                }
            }
            Step::Other => {}
        }
    }

    fn add(&mut self, pair: Pair, missing: u64, at: Sight) {
        let index = window_of(at.time);
        if self.windows.back().is_none_or(|newest| newest.index < index) {
            self.windows.push_back(Window { index, first_frame: at.number, pairs: Bounded::new(MOST_PAIRS) });
            while self.windows.len() > OPEN_WINDOWS {
                self.close_oldest();
            }
        }
        let Some(window) = self.windows.iter_mut().rfind(|window| window.index == index) else {
            self.lost_alone += missing;
            return;
        };
        window.pairs.add(pair, missing);
    }

    fn close_oldest(&mut self) {
        let Some(window) = self.windows.pop_front() else { return };
        self.left_out += window.pairs.left_out();
        let losing = window.pairs.values().filter(|lost| **lost > 0).count();
        let lost: u64 = window.pairs.values().sum();
        let share = percent(losing as u64, window.pairs.len() as u64);
        if losing >= FEWEST_PAIRS && share >= FEWEST_PERCENT {
            self.full_moments += 1;
            self.lost_at_once += lost;
            self.examples.add(window.first_frame);
        } else {
            self.lost_alone += lost;
        }
    }

    /// Judges the moments that are still open.
    pub(crate) fn close(&mut self) {
        while !self.windows.is_empty() {
            self.close_oldest();
        }
    }

    /// By chance many lose at once now and then: it is the mirror where that is most of the loss.
    pub(crate) fn finish_mirror(&self) -> Option<Finding> {
        if self.full_moments == 0 || self.lost_at_once < self.lost_alone {
            return None;
        }
        Some(Finding {
            code: Code::MirrorOverloaded,
            severity: Severity::Defect,
            sentence: format!(
                "at {} moments of 100 ms unrelated streams lost packets together: {} of {} that are missing",
                self.full_moments,
                self.lost_at_once,
                self.lost_at_once + self.lost_alone
            ),
            evidence: Evidence::counted([
                ("moments", self.full_moments),
                ("lost_together", self.lost_at_once),
                ("lost_alone", self.lost_alone),
            ])
            .at(&self.examples),
        })
    }

    /// What single streams lost, when the mirror did not.
    pub(crate) fn finish_network(&self, streams: &Streams) -> Option<Finding> {
        if self.finish_mirror().is_some() {
            return None;
        }
        let (lost, packets) =
            streams.believed().fold((0, 0), |sum, (_, s)| (sum.0 + s.lost, sum.1 + s.packets));
        let share = percent(lost, lost + packets);
        if lost < NOTE_PACKETS || share < NOTE_PERCENT {
            return None;
        }
        let mut worst: Vec<_> =
            streams.believed().filter(|(_, s)| s.lost > 0).map(|(flow, s)| (s.lost, flow)).collect();
        worst.sort_unstable_by_key(|(lost, flow)| (std::cmp::Reverse(*lost), *flow));
        Some(Finding {
            code: Code::LossInNetwork,
            severity: Severity::Note,
            sentence: format!(
                "{lost} of {} RTP packets ({share:.1} %) never came, in {} streams and at moments of their own",
                lost + packets,
                worst.len()
            ),
            evidence: Evidence::counted([
                ("lost", lost),
                ("packets", packets),
                ("streams", worst.len() as u64),
            ])
            .between(worst.into_iter().map(|(_, flow)| flow)),
        })
    }

    pub(crate) fn left_out(&self) -> u64 {
        let open: u64 = self.windows.iter().map(|window| window.pairs.left_out()).sum();
        self.left_out + open
    }
}

fn window_of(time: PacketTime) -> i64 {
    time.nanos().div_euclid(WINDOW_NS)
}
