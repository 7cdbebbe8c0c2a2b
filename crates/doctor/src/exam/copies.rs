//! Frames that are mirrored twice.

use std::hash::{BuildHasher, Hash, Hasher};

use earwitness_wire::{Datagram, IpOutline};
use foldhash::fast::RandomState;

use super::Sight;
use crate::{
    Code, Evidence, Finding, Severity,
    report::{Examples, percent},
};

/// Packets that are remembered: at 100,000 a second, more than half a second.
const REMEMBERED: usize = 1 << 16;
/// A copy comes at once; SIP is sent again after 500 ms at the earliest (RFC 3261, 17.1.1.1).
const MOST_DELAY_NS: u64 = 50_000_000;
/// From this share of copies on it is the mirror and not a whim.
const DEFECT_PERCENT: f64 = 5.0;
/// Fewer are no pattern.
const FEWEST: u64 = 5;

/// Remembers UDP packets by a hash of what routing does not change.
#[derive(Debug)]
pub(crate) struct Copies {
    hasher: RandomState,
    remembered: Box<[Option<Remembered>]>,
    packets: u64,
    copies: u64,
    copies_with_other_tags: u64,
    examples: Examples,
}

#[derive(Debug, Clone, Copy)]
struct Remembered {
    hash: u64,
    at: Sight,
}

impl Copies {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::default(),
            remembered: vec![None; REMEMBERED].into_boxed_slice(),
            packets: 0,
            copies: 0,
            copies_with_other_tags: 0,
            examples: Examples::default(),
        }
    }

    /// Takes an IP packet that lies in no tunnel; only UDP is looked at.
    pub(crate) fn handle_ip(&mut self, ip: &IpOutline<'_>, at: Sight) {
        const UDP: u8 = 17;
        if ip.protocol == UDP {
            self.handle((ip.src, ip.dst, ip.id, ip.fragment_offset, ip.len), ip.payload, at);
        }
    }

    /// Takes a datagram out of a tunnel: two mirrors that send the same to one place number their own packets.
    pub(crate) fn handle_tunnelled(&mut self, datagram: &Datagram<'_>, at: Sight) {
        self.handle(datagram.flow, datagram.payload, at);
    }

    fn handle(&mut self, header: impl Hash, payload: &[u8], at: Sight) {
        self.packets += 1;
        let mut state = self.hasher.build_hasher();
        header.hash(&mut state);
        state.write(payload);
        let hash = state.finish();
        let Some(place) = self.remembered.get_mut(hash as usize % REMEMBERED) else { return };
        match place {
            Some(known)
                if known.hash == hash && at.time.since(known.at.time).unsigned_abs() <= MOST_DELAY_NS =>
            {
                self.copies += 1;
                self.copies_with_other_tags += u64::from(known.at.tags != at.tags);
                self.examples.add(at.number);
            }
            Some(_) | None => *place = Some(Remembered { hash, at }),
        }
    }

    pub(crate) fn finish(&self) -> Option<Finding> {
        let share = percent(self.copies, self.packets);
        if self.copies < FEWEST || share < 1.0 {
            return None;
        }
        let how = if self.copies_with_other_tags * 2 > self.copies {
            ", under another VLAN tag: the mirror shows them before and after routing"
        } else {
            ""
        };
        Some(Finding {
            code: Code::FramesDoubled,
            severity: if share >= DEFECT_PERCENT { Severity::Defect } else { Severity::Note },
            sentence: format!(
                "{} of {} UDP frames ({share:.1} %) are copies of one before them{how}",
                self.copies, self.packets
            ),
            evidence: Evidence::counted([
                ("udp_frames", self.packets),
                ("copies", self.copies),
                ("copies_with_other_tags", self.copies_with_other_tags),
            ])
            .at(&self.examples),
        })
    }
}
