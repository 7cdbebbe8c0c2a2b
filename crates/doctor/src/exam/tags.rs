//! VLAN tags: on one direction only, or more than one of them.

use earwitness_model::Flow;
use earwitness_wire::Tags;

use super::{Sight, vlan};
use crate::{
    Code, Evidence, Finding, Severity,
    bounded::Bounded,
    pair::{Sender, Sides},
    report::{Examples, percent},
};

/// Frames of each direction from which on a pair is judged.
const FEWEST: u64 = 5;
/// Kinds of stacks that are counted.
const MOST_STACKS: usize = 4_096;

/// Frames of one direction, without and with tags.
#[derive(Debug, Clone, Copy, Default)]
struct Direction {
    bare: u64,
    tagged: u64,
}

/// Tags by pair and direction.
#[derive(Debug)]
pub(crate) struct TagSides {
    pairs: Sides<Direction>,
    frames: u64,
    stacked: u64,
    stacks: Bounded<Tags, u64>,
    examples: Examples,
}

impl TagSides {
    pub(crate) fn new() -> Self {
        Self {
            pairs: Sides::new(),
            frames: 0,
            stacked: 0,
            stacks: Bounded::new(MOST_STACKS),
            examples: Examples::default(),
        }
    }

    /// Takes a frame with a UDP datagram. An identifier of 0 is a priority and no VLAN (IEEE 802.1Q, 9.6).
    pub(crate) fn handle_datagram(&mut self, flow: Flow, at: Sight) {
        self.frames += 1;
        let ids = at.tags.ids();
        let is_tagged = ids.iter().any(|id| *id != 0);
        if ids.len() > 1 {
            self.stacked += 1;
            self.examples.add(at.number);
            self.stacks.add(at.tags, 1);
        }
        let Some(direction) = self.pairs.direction(flow) else { return };
        *(if is_tagged { &mut direction.tagged } else { &mut direction.bare }) += 1;
    }

    /// Pairs that one direction of is tagged throughout and the other never.
    pub(crate) fn finish_sides(&self) -> Option<Finding> {
        let is_seen = |direction: &Direction| direction.bare + direction.tagged >= FEWEST;
        let judged = self.pairs.iter().filter(|(_, sides)| sides.iter().all(is_seen));
        let (mut both, mut split) = (0, Vec::new());
        for (pair, [low, high]) in judged {
            both += 1;
            match (low.tagged, low.bare, high.tagged, high.bare) {
                (1.., 0, 0, 1..) => split.push(pair.flow(Sender::Low)),
                (0, 1.., 1.., 0) => split.push(pair.flow(Sender::High)),
                _ => {}
            }
        }
        if split.is_empty() {
            return None;
        }
        let count = split.len() as u64;
        Some(Finding {
            code: Code::VlanOneSide,
            severity: if percent(count, both) >= 10.0 { Severity::Defect } else { Severity::Note },
            sentence: format!(
                "between {count} of {both} pairs of machines one direction carries a VLAN tag and the other none"
            ),
            evidence: Evidence::counted([("pairs", both), ("pairs_tagged_one_way", count)]).between(split),
        })
    }

    /// Frames with two tags or more.
    pub(crate) fn finish_stacked(&self) -> Option<Finding> {
        let share = percent(self.stacked, self.frames);
        if share < 1.0 {
            return None;
        }
        let stacks = self.stacks.by_count().into_iter().take(Evidence::EXAMPLES);
        Some(Finding {
            code: Code::VlanStacked,
            severity: Severity::Note,
            sentence: format!(
                "{} of {} UDP frames ({share:.1} %) carry two VLAN tags or more",
                self.stacked, self.frames
            ),
            evidence: Evidence::counted([("udp_frames", self.frames), ("stacked", self.stacked)])
                .at(&self.examples)
                .of(stacks.map(|(tags, count)| format!("{}: {count} frames", vlan(&tags)))),
        })
    }

    pub(crate) const fn left_out(&self) -> u64 {
        self.pairs.left_out() + self.stacks.left_out()
    }
}
