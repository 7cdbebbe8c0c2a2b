//! Pieces of IP packets whose rest never comes.

use earwitness_model::{Flow, PacketTime};
use earwitness_wire::{Fragment, FragmentLoss, Reassembled, Reassembler, ReassemblyLimits};

use super::Sight;
use crate::{
    Code, Evidence, Finding, Severity,
    report::{Examples, percent},
};

/// What began later than this before the end may have gone on after it.
const GRACE_NS: i64 = 1_000_000_000;
/// Pieces whose places are noted.
const MOST_NOTED: usize = 64;

/// Puts fragments together, and counts what stays incomplete.
#[derive(Debug)]
pub(crate) struct Fragments {
    reassembler: Reassembler,
    whole: u64,
    pieces: u64,
    noted: Vec<(u32, u64, Flow)>,
}

impl Fragments {
    pub(crate) fn new() -> Self {
        Self {
            reassembler: Reassembler::new(ReassemblyLimits::default()),
            whole: 0,
            pieces: 0,
            noted: Vec::new(),
        }
    }

    /// Takes a piece.
    pub(crate) fn handle_fragment(&mut self, fragment: &Fragment<'_>, at: Sight) -> Reassembled<'_> {
        self.pieces += 1;
        if self.noted.len() < MOST_NOTED && !self.noted.iter().any(|(id, ..)| *id == fragment.id) {
            let flow = Flow { src: (fragment.src, 0).into(), dst: (fragment.dst, 0).into() };
            self.noted.push((fragment.id, at.number, flow));
        }
        let reassembled = self.reassembler.handle_fragment(fragment, at.time);
        if let Reassembled::Whole(_) = reassembled {
            self.whole += 1;
            self.noted.retain(|(id, ..)| *id != fragment.id);
        }
        reassembled
    }

    /// Gives up what began a second before `end` or earlier.
    pub(crate) fn finish(&mut self, end: PacketTime) -> Option<Finding> {
        self.reassembler.handle_time(end.plus_nanos(ReassemblyLimits::default().lifetime_ns - GRACE_NS));
        let losses = self.reassembler.losses();
        let missing = losses.of(FragmentLoss::Expired) + losses.of(FragmentLoss::TableFull);
        if missing == 0 {
            return None;
        }
        let all = self.whole + missing;
        let share = percent(missing, all);
        let frames: Examples = self.noted.iter().map(|(_, frame, _)| *frame).collect();
        let mut flows: Vec<Flow> = self.noted.iter().map(|(.., flow)| *flow).collect();
        flows.sort_unstable();
        flows.dedup();
        Some(Finding {
            code: Code::FragmentsMissing,
            severity: if share >= 1.0 { Severity::Defect } else { Severity::Note },
            sentence: format!(
                "of {missing} of {all} IP packets that came in pieces ({share:.1} %) some pieces never came"
            ),
            evidence: Evidence::counted([
                ("packets_in_pieces", all),
                ("incomplete", missing),
                ("pieces", self.pieces),
            ])
            .at(&frames)
            .between(flows),
        })
    }
}
