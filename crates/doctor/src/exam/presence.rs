//! Whether there is anything to record at all.

use crate::{Code, Evidence, Finding, Severity, report::Seen};

/// Packets from which on RTP without SIP is worth a word: a second of one party.
const FEWEST_PACKETS: u64 = 50;

/// Why SIP may be there and not be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hidden {
    /// It hides in nothing.
    No,
    /// In tunnels, TLS, another language than SIP or behind a snap length; another finding says so.
    Yes,
}

/// Interfaces from which nothing can come.
pub(crate) fn finish_down(down: &[String]) -> Option<Finding> {
    let sentence = match down {
        [] => return None,
        [one] => format!("the interface {one} is down"),
        several => format!("the interfaces {} are down", several.join(", ")),
    };
    let evidence = Evidence::counted([("down", down.len() as u64)]).of(down.iter().cloned());
    Some(Finding { code: Code::InterfaceDown, severity: Severity::Defect, sentence, evidence })
}

/// The first of: no frame, neither SIP nor RTP, RTP without SIP.
pub(crate) fn finish(seen: &Seen, hidden: Hidden) -> Option<Finding> {
    let (code, sentence) = match (seen.frames, seen.messages, seen.packets, hidden) {
        (0, ..) => (Code::NothingSeen, "no frame was seen".to_owned()),
        (frames, 0, 0, Hidden::No) => {
            (Code::NoPhoneTraffic, format!("{frames} frames, and neither SIP nor RTP among them"))
        }
        (_, 0, packets @ FEWEST_PACKETS.., Hidden::No) => (
            Code::NoSignalling,
            format!("{packets} RTP packets in {} streams, and no SIP message", seen.streams),
        ),
        (..) => return None,
    };
    let counts = [("frames", seen.frames), ("rtp_packets", seen.packets)];
    Some(Finding { code, severity: Severity::Defect, sentence, evidence: Evidence::counted(counts) })
}
