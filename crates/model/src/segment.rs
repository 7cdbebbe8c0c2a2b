//! A closed piece of one call on its way from the ring to the vault: packets packed one behind the other.
//!
//! Media, little-endian, [`PACKET_HEADER`] bytes before each payload:
//!
//! ```text
//!   0        2        4    5    6                 10                14                18
//!   +--------+--------+----+----+-----------------+-----------------+-----------------+---------
//!   | length | track  | PT | K  | sequence (ext.) | RTP time        | arrival         | payload
//!   +--------+--------+----+----+-----------------+-----------------+-----------------+---------
//!   length   of the payload            PT  bit 7 the marker, bits 6-0 the payload type
//!   K        1 audio, 2 telephone-event, 3 comfort noise, 4 unknown
//!   sequence extended to 32 bits: cycles counted in the upper half (RFC 3550, A.1)
//!   arrival  ns after the segment's first packet; may wrap negative for a capture that steps back (i32)
//! ```
//!
//! Signalling, one SIP message after the other:
//!
//! ```text
//!   length u32 | time i64 | T F u8 | src port u16 | dst port u16 | src 4/16 | dst 4/16 | message
//!   T        upper half: 0 UDP, which is all that versions before TCP was read wrote; 1 TCP, 2 WebSocket
//!   F        lower half: the address family, 4 or 6
//! ```

use std::net::{IpAddr, SocketAddr};

use crate::{CallId, Flow, PacketTime, PayloadKind, RtpTime, SipTransport, TrackIndex};

/// Bytes before each payload of a packed media packet.
pub const PACKET_HEADER: usize = 18;

/// What a segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SegmentContent {
    /// RTP payloads, read by [`Segment::media`].
    Media,
    /// SIP messages, read by [`Segment::signalling`].
    Signalling,
}

/// At most half a second of one call, owned.
pub struct Segment {
    /// The call.
    pub call: CallId,
    /// What the bytes are.
    pub content: SegmentContent,
    /// Arrival of its first packet or message; packed arrivals count from here.
    pub base: PacketTime,
    /// Packed packets or messages. The buffer belongs to the engine's pool and goes back there.
    pub bytes: Vec<u8>,
}

/// What a packed packet carries.
pub type PacketKind = PayloadKind;

/// One RTP packet as it was packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaPacket<'b> {
    /// The track it belongs to.
    pub track: TrackIndex,
    /// The RTP payload type.
    pub payload_type: u8,
    /// The RTP marker bit.
    pub marker: bool,
    /// What it carries.
    pub kind: PacketKind,
    /// The extended sequence number.
    pub sequence: u32,
    /// The RTP timestamp.
    pub rtp_time: RtpTime,
    /// When it was captured.
    pub arrival: PacketTime,
    /// The payload, without padding.
    pub payload: &'b [u8],
}

/// One SIP message as it was packed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SignallingMessage<'b> {
    /// When it was captured.
    pub time: PacketTime,
    /// From where to where.
    pub flow: Flow,
    /// What carried it.
    pub transport: SipTransport,
    /// The message.
    pub bytes: &'b [u8],
}

impl Segment {
    /// The packets of a media segment, in arrival order.
    #[must_use]
    pub fn media(&self) -> MediaPackets<'_> {
        MediaPackets::new(self.base, &self.bytes)
    }

    /// The messages of a signalling segment, in arrival order.
    #[must_use]
    pub fn signalling(&self) -> SignallingMessages<'_> {
        SignallingMessages::new(&self.bytes)
    }
}

/// Appends one media packet to `bytes`. A payload longer than 65,535 bytes cannot come out of UDP; it is cut there.
pub fn pack_media(bytes: &mut Vec<u8>, base: PacketTime, packet: &MediaPacket<'_>) {
    let payload = &packet.payload[..packet.payload.len().min(usize::from(u16::MAX))];
    let begin = bytes.len();
    bytes.resize(begin + PACKET_HEADER + payload.len(), 0);
    pack_media_into(&mut bytes[begin..], base, &MediaPacket { payload, ..*packet });
}

/// Packs one media packet at the beginning of `room`, and says how many bytes it takes; `None`, and nothing is written, when
/// there is not so much room, or the payload is longer than 65,535 bytes.
#[inline]
pub fn pack_media_into(room: &mut [u8], base: PacketTime, packet: &MediaPacket<'_>) -> Option<usize> {
    let length = u16::try_from(packet.payload.len()).ok()?;
    let (header, rest) = room.split_first_chunk_mut::<PACKET_HEADER>()?;
    let body = rest.get_mut(..packet.payload.len())?;
    let arrival = packet.arrival.since(base).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
    // Put together in two words: stored in its eight parts it would have to be gathered again to be copied.
    let low = u64::from(length)
        | u64::from(packet.track.0) << 16
        | u64::from(u8::from(packet.marker) << 7 | packet.payload_type & 0x7f) << 32
        | u64::from(kind_code(packet.kind)) << 40
        | u64::from(packet.sequence as u16) << 48;
    let high = u64::from(packet.sequence >> 16)
        | u64::from(packet.rtp_time.0) << 16
        | u64::from(arrival as u16) << 48;
    header[..8].copy_from_slice(&low.to_le_bytes());
    header[8..16].copy_from_slice(&high.to_le_bytes());
    header[16..].copy_from_slice(&((arrival >> 16) as u16).to_le_bytes());
    body.copy_from_slice(packet.payload);
    Some(PACKET_HEADER + packet.payload.len())
}

/// Appends one SIP message to `bytes`.
pub fn pack_signalling(bytes: &mut Vec<u8>, message: &SignallingMessage<'_>) {
    bytes.extend_from_slice(&(message.bytes.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&message.time.nanos().to_le_bytes());
    let (src, dst) = (message.flow.src, message.flow.dst);
    let family = if src.is_ipv4() && dst.is_ipv4() { 4 } else { 6 };
    bytes.push(transport_code(message.transport) << 4 | family);
    bytes.extend_from_slice(&src.port().to_le_bytes());
    bytes.extend_from_slice(&dst.port().to_le_bytes());
    for ip in [src.ip(), dst.ip()] {
        match ip {
            IpAddr::V4(v4) if family == 4 => bytes.extend_from_slice(&v4.octets()),
            IpAddr::V4(v4) => bytes.extend_from_slice(&v4.to_ipv6_mapped().octets()),
            IpAddr::V6(v6) => bytes.extend_from_slice(&v6.octets()),
        }
    }
    bytes.extend_from_slice(message.bytes);
}

const fn kind_code(kind: PacketKind) -> u8 {
    match kind {
        PayloadKind::Audio => 1,
        PayloadKind::TelephoneEvent => 2,
        PayloadKind::ComfortNoise => 3,
        PayloadKind::Unknown => 4,
    }
}

const fn kind_from_code(code: u8) -> Option<PacketKind> {
    Some(match code {
        1 => PayloadKind::Audio,
        2 => PayloadKind::TelephoneEvent,
        3 => PayloadKind::ComfortNoise,
        4 => PayloadKind::Unknown,
        _ => return None,
    })
}

const fn transport_code(transport: SipTransport) -> u8 {
    match transport {
        SipTransport::Udp => 0,
        SipTransport::Tcp => 1,
        SipTransport::Ws => 2,
        SipTransport::Tls => 3,
        SipTransport::Wss => 4,
    }
}

const fn transport_from_code(code: u8) -> Option<SipTransport> {
    Some(match code {
        0 => SipTransport::Udp,
        1 => SipTransport::Tcp,
        2 => SipTransport::Ws,
        3 => SipTransport::Tls,
        4 => SipTransport::Wss,
        _ => return None,
    })
}

/// Walks packed media packets; stops where the bytes stop making sense.
#[derive(Debug, Clone)]
pub struct MediaPackets<'b> {
    base: PacketTime,
    rest: &'b [u8],
}

impl<'b> MediaPackets<'b> {
    /// Over `bytes` packed against `base`.
    #[must_use]
    pub const fn new(base: PacketTime, bytes: &'b [u8]) -> Self {
        Self { base, rest: bytes }
    }

    /// Bytes not walked: empty when every packet made sense.
    #[must_use]
    pub const fn rest(&self) -> &'b [u8] {
        self.rest
    }
}

impl<'b> Iterator for MediaPackets<'b> {
    type Item = MediaPacket<'b>;

    fn next(&mut self) -> Option<MediaPacket<'b>> {
        let (header, body) = self.rest.split_first_chunk::<PACKET_HEADER>()?;
        let length = usize::from(u16::from_le_bytes([header[0], header[1]]));
        let kind = kind_from_code(header[5])?;
        let (payload, rest) = body.split_at_checked(length)?;
        self.rest = rest;
        let long = |at: usize| [header[at], header[at + 1], header[at + 2], header[at + 3]];
        Some(MediaPacket {
            track: TrackIndex(u16::from_le_bytes([header[2], header[3]])),
            payload_type: header[4] & 0x7f,
            marker: header[4] & 0x80 != 0,
            kind,
            sequence: u32::from_le_bytes(long(6)),
            rtp_time: RtpTime(u32::from_le_bytes(long(10))),
            arrival: self.base.plus_nanos(i64::from(i32::from_le_bytes(long(14)))),
            payload,
        })
    }
}

/// Walks packed SIP messages; stops where the bytes stop making sense.
#[derive(Debug, Clone)]
pub struct SignallingMessages<'b> {
    rest: &'b [u8],
}

impl<'b> SignallingMessages<'b> {
    /// Over `bytes`.
    #[must_use]
    pub const fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not walked: empty when every message made sense.
    #[must_use]
    pub const fn rest(&self) -> &'b [u8] {
        self.rest
    }
}

impl<'b> Iterator for SignallingMessages<'b> {
    type Item = SignallingMessage<'b>;

    fn next(&mut self) -> Option<SignallingMessage<'b>> {
        let (head, rest) = self.rest.split_first_chunk::<17>()?;
        let [l0, l1, l2, l3, t @ .., kind, s0, s1, d0, d1] = *head;
        let transport = transport_from_code(kind >> 4)?;
        let (src_port, dst_port) = (u16::from_le_bytes([s0, s1]), u16::from_le_bytes([d0, d1]));
        let (src, dst, rest) = match kind & 0x0f {
            4 => {
                let (src, rest) = rest.split_first_chunk::<4>()?;
                let (dst, rest) = rest.split_first_chunk::<4>()?;
                (IpAddr::from(*src), IpAddr::from(*dst), rest)
            }
            6 => {
                let (src, rest) = rest.split_first_chunk::<16>()?;
                let (dst, rest) = rest.split_first_chunk::<16>()?;
                (IpAddr::from(*src), IpAddr::from(*dst), rest)
            }
            _ => return None,
        };
        let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes([l0, l1, l2, l3]) as usize)?;
        self.rest = rest;
        Some(SignallingMessage {
            time: PacketTime::from_nanos(i64::from_le_bytes(t)),
            flow: Flow { src: SocketAddr::new(src, src_port), dst: SocketAddr::new(dst, dst_port) },
            transport,
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_read_back_as_they_were_packed() {
        let base = PacketTime::from_nanos(1_000_000_000);
        let packet = |sequence, arrival, payload| MediaPacket {
            track: TrackIndex(3),
            payload_type: 101,
            marker: true,
            kind: PayloadKind::TelephoneEvent,
            sequence,
            rtp_time: RtpTime(u32::MAX),
            arrival: base.plus_nanos(arrival),
            payload,
        };
        let packets =
            [packet(65_536, 0, &b"abc"[..]), packet(7, -20_000_000, &[]), packet(8, 499_999_999, &[0; 160])];
        let mut bytes = Vec::new();
        packets.iter().for_each(|p| pack_media(&mut bytes, base, p));
        let mut walk = MediaPackets::new(base, &bytes);
        assert_eq!(walk.by_ref().collect::<Vec<_>>(), packets);
        assert!(walk.rest().is_empty());
    }

    #[test]
    fn a_cut_segment_gives_its_whole_packets_and_shows_the_rest() {
        let base = PacketTime::EPOCH;
        let packet = MediaPacket {
            track: TrackIndex(0),
            payload_type: 0,
            marker: false,
            kind: PayloadKind::Audio,
            sequence: 1,
            rtp_time: RtpTime(0),
            arrival: base,
            payload: &[0xff; 160],
        };
        let mut bytes = Vec::new();
        pack_media(&mut bytes, base, &packet);
        pack_media(&mut bytes, base, &packet);
        for cut in 0..bytes.len() {
            let mut walk = MediaPackets::new(base, &bytes[..cut]);
            let whole = walk.by_ref().count();
            assert_eq!((whole, walk.rest().len()), (cut / 178, cut % 178));
        }
    }

    #[test]
    fn messages_read_back_with_mixed_addresses_and_transports() {
        let messages = [
            ("10.1.0.5:5060", "10.1.0.9:5061", SipTransport::Udp),
            ("[2001:db8::1]:5060", "[2001:db8::2]:5060", SipTransport::Tcp),
            ("10.1.0.5:40000", "10.1.0.9:80", SipTransport::Ws),
            ("10.1.0.5:40000", "10.1.0.9:5061", SipTransport::Tls),
            ("10.1.0.5:40000", "10.1.0.9:443", SipTransport::Wss),
        ];
        let messages = messages.map(|(src, dst, transport)| SignallingMessage {
            time: PacketTime::from_nanos(-5),
            flow: Flow { src: src.parse().unwrap(), dst: dst.parse().unwrap() },
            transport,
            bytes: b"BYE",
        });
        let mut bytes = Vec::new();
        messages.iter().for_each(|message| pack_signalling(&mut bytes, message));
        let mut walk = SignallingMessages::new(&bytes);
        let read: Vec<_> = walk.by_ref().collect();
        assert!(read == messages && walk.rest().is_empty());
    }

    #[test]
    fn what_was_packed_before_there_was_tcp_is_udp_and_an_unknown_transport_stops_the_walk() {
        let mut bytes =
            vec![3, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 4, 0xc4, 0x13, 0xc5, 0x13, 10, 1, 0, 5, 10, 1, 0, 9];
        bytes.extend(b"BYE");
        let read: Vec<_> = SignallingMessages::new(&bytes).collect();
        let [message] = read[..] else { panic!("one message") };
        assert_eq!(
            (message.transport, message.time.nanos(), message.bytes),
            (SipTransport::Udp, 7, &b"BYE"[..])
        );
        assert_eq!(message.flow.src.to_string(), "10.1.0.5:5060");

        bytes[12] |= 0x50;
        let mut walk = SignallingMessages::new(&bytes);
        assert!(walk.next().is_none());
        assert_eq!(walk.rest().len(), bytes.len());
    }
}
