//! SIP and RTP without its end.

use earwitness_model::RawFrame;

use super::Sight;
use crate::{
    Code, Evidence, Finding, Severity,
    report::{Examples, percent},
};

/// Counts what was cut.
#[derive(Debug, Default)]
pub(crate) struct CutFrames {
    datagrams: u64,
    cut: u64,
    unreadable: u64,
    longest: u64,
    examples: Examples,
}

impl CutFrames {
    /// Takes a SIP or RTP datagram, or a piece of an IP packet: `cut` bytes of it are missing.
    pub(crate) fn handle_datagram(&mut self, cut: u32, frame: &RawFrame<'_>, at: Sight) {
        self.datagrams += 1;
        if cut > 0 {
            self.cut += 1;
            self.longest = self.longest.max(frame.bytes.len() as u64);
            self.examples.add(at.number);
        }
    }

    /// Takes a frame whose headers cannot be read; when it was cut, that may be why.
    pub(crate) fn handle_unreadable(&mut self, frame: &RawFrame<'_>, at: Sight) {
        if usize::try_from(frame.wire_len).is_ok_and(|len| len > frame.bytes.len()) {
            self.unreadable += 1;
            self.longest = self.longest.max(frame.bytes.len() as u64);
            self.examples.add(at.number);
        }
    }

    /// Whether headers are missing, so that nobody can say what is not there.
    pub(crate) const fn hides_headers(&self) -> bool {
        self.unreadable > 0
    }

    pub(crate) fn finish(&self) -> Option<Finding> {
        let cut = self.cut + self.unreadable;
        if cut == 0 {
            return None;
        }
        let all = self.datagrams + self.unreadable;
        Some(Finding {
            code: Code::FramesCut,
            severity: Severity::Defect,
            sentence: format!(
                "{cut} of {all} SIP and RTP frames ({:.1} %) were captured without their end; the longest of them has {} bytes",
                percent(cut, all),
                self.longest
            ),
            evidence: Evidence::counted([
                ("frames", all),
                ("cut", self.cut),
                ("cut_in_the_headers", self.unreadable),
                ("longest_captured_bytes", self.longest),
            ])
            .at(&self.examples),
        })
    }
}
