//! RTCP (RFC 3550, section 6): the reports of a compound packet, one by one.

mod xr;

use std::fmt;

use earwitness_model::RtpTime;
use rtcp_types::{Bye, ReceiverReport, RtcpPacketParser, RtcpParseError, SenderReport};

pub use self::xr::Measures;
use crate::{Cause, Layer, WireError};

/// One packet of a compound.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Report<'b> {
    /// What a sender says of itself and of those it hears (SR, 200).
    SenderReport {
        /// The sender.
        ssrc: u32,
        /// Its wall clock, as NTP time: seconds since 1900 in 32.32 fixed point.
        ntp: u64,
        /// The same instant on its RTP clock.
        rtp_time: RtpTime,
        /// RTP packets it has sent.
        packets: u32,
        /// Payload bytes it has sent.
        octets: u32,
        /// What it received of others.
        blocks: Blocks<'b>,
    },
    /// What one that does not send says of those it hears (RR, 201).
    ReceiverReport {
        /// The receiver.
        ssrc: u32,
        /// What it received of others.
        blocks: Blocks<'b>,
    },
    /// Source description (SDES, 202): its first chunk that has a CNAME.
    Sdes {
        /// The source described.
        ssrc: u32,
        /// Its canonical name, which often is `user@host`: personal.
        cname: &'b [u8],
    },
    /// Sources that leave (BYE, 203).
    Bye {
        /// Which.
        sources: Sources<'b>,
    },
    /// What a receiver measured of those it hears (XR, 207; RFC 3611).
    Extended {
        /// Who measured.
        ssrc: u32,
        /// Its VoIP metrics; blocks of other types are passed over.
        measures: Measures<'b>,
    },
    /// A packet of another type, or a source description without a CNAME.
    Other {
        /// The RTCP packet type.
        packet_type: u8,
    },
    /// A packet that could not be read. Those after it are read when its length made sense.
    Malformed(WireError),
}

/// Walks the packets of a compound.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Reports<'b> {
    rest: &'b [u8],
    offset: usize,
}

/// Walks the report blocks of a sender's or receiver's report.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Blocks<'b> {
    rest: &'b [[u8; 24]],
}

/// Walks the sources that leave.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sources<'b> {
    rest: &'b [[u8; 4]],
}

/// What one receiver says of one source (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// The source.
    pub ssrc: u32,
    /// Packets lost since the last report, in 256ths of those expected.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; below 0 when duplicates arrived.
    pub lost: i32,
    /// The highest sequence number received; the wraps are in the upper 16 bits.
    pub highest_sequence: u32,
    /// Interarrival jitter, in units of the RTP clock.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time of the last sender's report received; 0 when there was none.
    pub last_sender_report: u32,
    /// How long ago that was, in 65536ths of a second.
    pub delay_since: u32,
}

/// Whether a datagram may be RTCP: version 2, a whole header, and a packet type from 192 to 223 (RFC 5761, section 4).
#[inline]
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    matches!(bytes, [first, 192..=223, _, _, ..] if first >> 6 == 2)
}

/// The packets of the compound in `bytes`, a datagram's payload.
#[must_use]
pub const fn reports(bytes: &[u8]) -> Reports<'_> {
    Reports { rest: bytes, offset: 0 }
}

/// ```text
///  0             1             2             3             4
///  +--+-+--------+-------------+---------------------------+
///  |2 |P| count  | packet type |   length in words - 1     |
///  +--+-+--------+-------------+---------------------------+
/// ```
///
/// `rtcp-types` reads the packets; its `Compound` is not used because it refuses the whole when one length is wrong and
/// stops at the first packet it cannot read, and its `Sdes` because it allocates and overflows on a PRIV item.
impl<'b> Iterator for Reports<'b> {
    type Item = Report<'b>;

    fn next(&mut self) -> Option<Report<'b>> {
        if self.rest.is_empty() {
            return None;
        }
        let offset = self.offset;
        let error = |cause| Some(Report::Malformed(WireError::new(Layer::Rtcp, offset, cause)));
        let rest = std::mem::take(&mut self.rest);
        let Some(&[first, packet_type, l0, l1]) = rest.first_chunk::<4>() else {
            return error(Cause::Truncated);
        };
        if first >> 6 != 2 {
            return error(Cause::BadVersion);
        }
        let len = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
        let Some((packet, rest)) = rest.split_at_checked(len) else {
            return error(Cause::Truncated);
        };
        (self.rest, self.offset) = (rest, offset + len);
        Some(
            read(packet_type, packet)
                .unwrap_or_else(|cause| Report::Malformed(WireError::new(Layer::Rtcp, offset, cause))),
        )
    }
}

fn read(packet_type: u8, packet: &[u8]) -> Result<Report<'_>, Cause> {
    Ok(match packet_type {
        200 => {
            let report = SenderReport::parse(packet).map_err(cause)?;
            Report::SenderReport {
                ssrc: report.ssrc(),
                ntp: report.ntp_timestamp(),
                rtp_time: RtpTime(report.rtp_timestamp()),
                packets: report.packet_count(),
                octets: report.octet_count(),
                blocks: Blocks::after(28, packet, report.n_reports()),
            }
        }
        201 => {
            let report = ReceiverReport::parse(packet).map_err(cause)?;
            Report::ReceiverReport {
                ssrc: report.ssrc(),
                blocks: Blocks::after(8, packet, report.n_reports()),
            }
        }
        202 => match cname(packet) {
            Some((ssrc, cname)) => Report::Sdes { ssrc, cname },
            None => Report::Other { packet_type },
        },
        203 => {
            Bye::parse(packet).map_err(cause)?;
            let count = usize::from(packet.first().map_or(0, |first| first & 0x1f));
            let words = packet.get(4..).unwrap_or_default().as_chunks::<4>().0;
            Report::Bye { sources: Sources { rest: words.get(..count).unwrap_or_default() } }
        }
        207 => {
            let (ssrc, measures) = xr::read(packet)?;
            Report::Extended { ssrc, measures }
        }
        _ => Report::Other { packet_type },
    })
}

impl<'b> Blocks<'b> {
    fn after(start: usize, packet: &'b [u8], count: u8) -> Self {
        let blocks = packet.get(start..).unwrap_or_default().as_chunks::<24>().0;
        Self { rest: blocks.get(..usize::from(count)).unwrap_or_default() }
    }
}

/// ```text
///  0             1             2             3             4
///  +-------------------------------------------------------+
///  |                    source (SSRC)                      |
///  +-------------+-----------------------------------------+
///  |fraction lost|       cumulative lost, signed           |
///  +-------------+-----------------------------------------+
///  |              highest sequence received                |
///  |                  interarrival jitter                  |
///  |                last sender's report                   |
///  |              delay since that report                  |
///  +-------------------------------------------------------+
/// ```
impl Iterator for Blocks<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let (block, rest) = self.rest.split_first()?;
        self.rest = rest;
        let word = |at: usize| {
            let bytes = block.get(at..).and_then(|from| from.first_chunk::<4>()).copied().unwrap_or_default();
            u32::from_be_bytes(bytes)
        };
        Some(Block {
            ssrc: word(0),
            fraction_lost: word(4).to_be_bytes()[0],
            lost: (word(4) << 8).cast_signed() >> 8,
            highest_sequence: word(8),
            jitter: word(12),
            last_sender_report: word(16),
            delay_since: word(20),
        })
    }
}

impl Iterator for Sources<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (source, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(u32::from_be_bytes(*source))
    }
}

/// The first CNAME of a source description: chunks of an SSRC and items of type, length and text, ended by a zero and
/// filled up with zeros to a word.
fn cname(packet: &[u8]) -> Option<(u32, &[u8])> {
    let mut rest = packet.get(4..)?;
    loop {
        let (ssrc, items) = rest.split_first_chunk::<4>()?;
        let mut at = items;
        while let [kind, len, text @ ..] = at
            && *kind != 0
        {
            let (text, after) = text.split_at_checked(usize::from(*len))?;
            if *kind == 1 {
                return Some((u32::from_be_bytes(*ssrc), text));
            }
            at = after;
        }
        let used = items.len() - at.len();
        rest = items.get((used + 4) & !3..)?;
    }
}

fn cause(error: RtcpParseError) -> Cause {
    if matches!(error, RtcpParseError::UnsupportedVersion(_)) {
        Cause::BadVersion
    } else if matches!(error, RtcpParseError::Truncated { .. }) {
        Cause::Truncated
    } else {
        Cause::BadLength
    }
}

/// Says how long things are, never what a CNAME is.
impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SenderReport { ssrc, ntp, rtp_time, packets, octets, blocks } => f
                .debug_struct("SenderReport")
                .field("ssrc", ssrc)
                .field("ntp", ntp)
                .field("rtp_time", rtp_time)
                .field("packets", packets)
                .field("octets", octets)
                .field("blocks", blocks)
                .finish(),
            Self::ReceiverReport { ssrc, blocks } => {
                f.debug_struct("ReceiverReport").field("ssrc", ssrc).field("blocks", blocks).finish()
            }
            Self::Sdes { ssrc, cname } => {
                f.debug_struct("Sdes").field("ssrc", ssrc).field("cname_len", &cname.len()).finish()
            }
            Self::Bye { sources } => f.debug_struct("Bye").field("sources", sources).finish(),
            Self::Extended { ssrc, measures } => {
                f.debug_struct("Extended").field("ssrc", ssrc).field("measures", measures).finish()
            }
            Self::Other { packet_type } => f.debug_struct("Other").field("packet_type", packet_type).finish(),
            Self::Malformed(error) => f.debug_tuple("Malformed").field(error).finish(),
        }
    }
}

impl fmt::Debug for Blocks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

impl fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}
