//! Packets that the network card joined (GRO, LRO): several RTP packets in one datagram, of which only the first is read.

use earwitness_model::{LinkType, RawFrame};
use earwitness_wire::{IpOutline, rtp};

use super::Sight;
use crate::{Code, Evidence, Finding, Severity, report::Examples};

/// Jumbo frames of 9,000 bytes with Ethernet's header and checksum; more is on no wire.
const MOST_ON_A_WIRE: u32 = 9_018 + 16;
/// An Ethernet of usual size carries IP packets of up to 1,500 bytes.
const USUAL_MTU: u32 = 1_500;

/// Counts joined packets.
#[derive(Debug, Default)]
pub(crate) struct SuperFrames {
    rtp: u64,
    tcp: u64,
    huge: u64,
    largest: u64,
    examples: Examples,
}

impl SuperFrames {
    /// Takes a frame with an IP packet. Loopback has no wire and no limit.
    pub(crate) fn handle_ip(&mut self, frame: &RawFrame<'_>, ip: &IpOutline<'_>, at: Sight) {
        const UDP_HEADER: usize = 8;
        let on_loopback = matches!(frame.link, LinkType::Null | LinkType::Loop) || ip.src.is_loopback();
        if on_loopback || ip.is_fragment || ip.len <= USUAL_MTU {
            return;
        }
        let is_rtp = ip.protocol == 17
            && ip
                .payload
                .get(UDP_HEADER..)
                .is_some_and(|payload| rtp::looks_like(payload) && has_a_second(payload));
        let count = match ip.protocol {
            _ if is_rtp => &mut self.rtp,
            _ if frame.wire_len > MOST_ON_A_WIRE => &mut self.huge,
            6 => &mut self.tcp,
            _ => return,
        };
        *count += 1;
        self.largest = self.largest.max(u64::from(frame.wire_len));
        self.examples.add(at.number);
    }

    /// Whether packets are missing because they were joined to others.
    pub(crate) const fn hides_packets(&self) -> bool {
        self.rtp > 0
    }

    pub(crate) fn finish(&self) -> Option<Finding> {
        let Self { rtp, tcp, huge, largest, .. } = *self;
        if rtp + tcp + huge == 0 {
            return None;
        }
        let (severity, sentence) = if rtp > 0 {
            (
                Severity::Defect,
                format!(
                    "{rtp} frames hold several RTP packets joined by receive offloading; all but the first of each are lost"
                ),
            )
        } else {
            (
                Severity::Note,
                format!(
                    "{} frames are larger than any on the wire, up to {largest} bytes: receive offloading is on; it does not touch RTP so far",
                    tcp + huge
                ),
            )
        };
        Some(Finding {
            code: Code::SuperFrames,
            severity,
            sentence,
            evidence: Evidence::counted([
                ("joined_rtp", rtp),
                ("joined_tcp", tcp),
                ("beyond_any_mtu", huge),
                ("largest_bytes", largest),
            ])
            .at(&self.examples),
        })
    }
}

/// Whether the header of the next packet of the same source stands further on: UDP GRO joins packets of one length.
fn has_a_second(payload: &[u8]) -> bool {
    let Some(first) = payload.first_chunk::<12>() else { return false };
    let next = u16::from_be_bytes([first[2], first[3]]).wrapping_add(1).to_be_bytes();
    let ssrc = [first[8], first[9], first[10], first[11]];
    memchr::memmem::find_iter(payload.get(12..).unwrap_or_default(), &ssrc).any(|found| {
        // The SSRC stands 8 bytes into its header, the sequence number 2.
        let header = payload.get(found + 4..found + 8);
        header.is_some_and(|header| header[0] >> 6 == 2 && header[2..4] == next)
    })
}
