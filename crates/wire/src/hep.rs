//! HEP version 3: what the capture agents of SIP servers send to a collector (Homer's encapsulation protocol,
//! `draft-hep3` of the SIPCAPTURE project), as a view.

use std::net::{IpAddr, SocketAddr};

use earwitness_model::{Flow, PacketTime};

use crate::{Cause, Layer, WireError};

/// What every packet begins with.
const MAGIC: [u8; 4] = *b"HEP3";
/// Magic and length; vendor, type and length of a chunk.
const HEADER: usize = 6;
/// Chunks that are read; an agent sends about fifteen.
const MAX_CHUNKS: usize = 64;

/// A HEP packet: a message or packet that an agent saw, and between whom.
///
/// ```text
///  0             2             4             6
///  +-------------+-------------+-------------+
///  |  H      E   |   3      …  |   length    |   … of all, these six bytes included
///  +-------------+-------------+-------------+
///  |   vendor    |    type     |   length    |   a chunk; its length includes these six bytes
///  +-------------+-------------+-------------+
///  |                   …                     |
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<'b> {
    /// From where to where the agent saw it go.
    pub flow: Flow,
    /// The IP protocol that it went over there: 17 is UDP, 6 is TCP.
    pub transport: u8,
    /// What it is.
    pub content: Content,
    /// When the agent saw it, by the agent's clock.
    pub time: Option<PacketTime>,
    /// The message or packet.
    pub payload: &'b [u8],
    /// Bytes of the payload that were not captured.
    pub cut: u32,
}

/// What a HEP packet holds, by its protocol type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// 1: a SIP message.
    Sip,
    /// 4: an RTP packet.
    Rtp,
    /// 5: RTCP, as it was or told in JSON.
    Rtcp,
    /// Anything else: reports, logs, other signalling.
    Other(u8),
}

impl Content {
    const fn of(number: u8) -> Self {
        match number {
            1 => Self::Sip,
            4 => Self::Rtp,
            5 => Self::Rtcp,
            other => Self::Other(other),
        }
    }
}

/// Whether `bytes` begin like a HEP packet.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

impl<'b> Packet<'b> {
    /// Reads a packet. Chunks of vendors, and those that say nothing of the packet itself, are stepped over; of two of a kind
    /// the later counts.
    ///
    /// # Errors
    ///
    /// Where it is no HEP, a length contradicts itself, or addresses, protocol or payload are missing. A payload that the
    /// capture cut is none.
    pub fn parse(bytes: &'b [u8]) -> Result<Self, WireError> {
        let Some(&[m0, m1, m2, m3, l0, l1]) = bytes.first_chunk::<HEADER>() else {
            return Err(error(0, if looks_like(bytes) { Cause::Truncated } else { Cause::BadSyntax }));
        };
        if [m0, m1, m2, m3] != MAGIC {
            return Err(error(0, Cause::BadSyntax));
        }
        let end = usize::from(u16::from_be_bytes([l0, l1]));
        let mut chunks = Chunks::default();
        let mut at = HEADER;
        for _ in 0..MAX_CHUNKS {
            if at >= end {
                return chunks.packet().ok_or_else(|| error(at, Cause::Missing));
            }
            let rest = bytes.get(at..end.min(bytes.len())).unwrap_or_default();
            let Some(&[v0, v1, t0, t1, l0, l1]) = rest.first_chunk::<HEADER>() else {
                return chunks.packet().ok_or_else(|| error(at, Cause::Truncated));
            };
            let len = usize::from(u16::from_be_bytes([l0, l1]));
            if len < HEADER || at + len > end {
                return Err(error(at, Cause::BadLength));
            }
            if [v0, v1] == [0, 0] {
                let value = rest.get(HEADER..len).or_else(|| rest.get(HEADER..)).unwrap_or_default();
                chunks.take(u16::from_be_bytes([t0, t1]), value, len - HEADER - value.len());
            }
            at += len;
        }
        Err(error(at, Cause::TooDeep))
    }
}

/// What the chunks have said so far.
#[derive(Default)]
struct Chunks<'b> {
    transport: Option<u8>,
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    src_port: Option<u16>,
    dst_port: Option<u16>,
    seconds: Option<u32>,
    micros: Option<u32>,
    protocol: Option<u8>,
    payload: Option<(&'b [u8], usize)>,
}

impl<'b> Chunks<'b> {
    /// A chunk of the general vendor, of whose value `cut` bytes were not captured. One of another length than its kind has
    /// says nothing.
    fn take(&mut self, kind: u16, value: &'b [u8], cut: usize) {
        let one = || value.first().copied();
        let half = || value.first_chunk().map(|half| u16::from_be_bytes(*half));
        let word = || value.first_chunk().map(|word| u32::from_be_bytes(*word));
        let ipv4 = || value.first_chunk::<4>().map(|octets| IpAddr::from(*octets));
        let ipv6 = || value.first_chunk::<16>().map(|octets| IpAddr::from(*octets));
        match kind {
            2 => self.transport = one(),
            3 => self.src = ipv4(),
            4 => self.dst = ipv4(),
            5 => self.src = ipv6(),
            6 => self.dst = ipv6(),
            7 => self.src_port = half(),
            8 => self.dst_port = half(),
            9 => self.seconds = word(),
            10 => self.micros = word(),
            11 => self.protocol = one(),
            15 => self.payload = Some((value, cut)),
            _ => {}
        }
    }

    fn packet(&self) -> Option<Packet<'b>> {
        let (src, dst) = (self.src?, self.dst?);
        let (payload, cut) = self.payload?;
        let micros = self.micros.unwrap_or(0);
        let nanos = |seconds: u32| i64::from(seconds) * 1_000_000_000 + i64::from(micros) * 1_000;
        (src.is_ipv4() == dst.is_ipv4()).then_some(Packet {
            flow: Flow {
                src: SocketAddr::new(src, self.src_port?),
                dst: SocketAddr::new(dst, self.dst_port?),
            },
            transport: self.transport?,
            content: Content::of(self.protocol?),
            time: self.seconds.map(|seconds| PacketTime::from_nanos(nanos(seconds))),
            payload,
            cut: u32::try_from(cut).unwrap_or(u32::MAX),
        })
    }
}

#[cold]
fn error(at: usize, cause: Cause) -> WireError {
    WireError::new(Layer::Hep, at, cause)
}

/// Lengths and kinds, and no address: those are personal.
impl std::fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packet")
            .field("content", &self.content)
            .field("payload_len", &self.payload.len())
            .field("cut", &self.cut)
            .finish_non_exhaustive()
    }
}
