//! pcapng: the call's SIP and RTP as frames that Wireshark's *VoIP Calls* opens and plays.
//!
//! ```text
//!  SHB                     byte order, version 1.0, section length unknown; who wrote it
//!  IDB  Ethernet           if_tsresol 9: nanoseconds
//!  EPB  EPB  EPB …         one per message or packet, in the order of capture
//! ```
//!
//! Blocks as in draft-ietf-opsawg-pcapng, sections 4.1 to 4.3, little-endian. Payload, sequence number, RTP time, SSRC,
//! payload type, marker, addresses and ports are those that were captured. CSRCs, header extensions, padding, repeats of
//! a packet and the headers below UDP were not kept, and are not in it. Messages that came over TCP are segments of
//! connections whose numbers begin at 1; those that came over WebSocket are, too, without the frames around them.

use std::io::{self, Write};

use earwitness_model::{PacketTime, PayloadKind, SignallingMessage, SipTransport, TrackIndex};

use super::{
    Counted, ExportError, Exported,
    connections::Connections,
    ethernet::{self, Carrier},
};
use crate::{CallAudio, TrackAudio, audio::Packet};

pub(crate) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
pub(crate) const INTERFACE_DESCRIPTION: u32 = 1;
pub(crate) const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const LINKTYPE_ETHERNET: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_TSRESOL: u16 = 9;
pub(crate) const EPB_PACKETID: u16 = 5;
const END_OF_OPTIONS: [u8; 4] = [0; 4];

/// Writes the call's messages and media packets of every kind, ordered by capture time; where times are equal, messages
/// come first and packets in the order of tracks and sequence numbers. `signalling` may come in any order.
///
/// # Errors
/// [`ExportError::Write`]. What no IP datagram holds is left out and counted in [`Exported::oversized`].
pub fn pcapng<'s>(
    call: &CallAudio,
    signalling: impl Iterator<Item = SignallingMessage<'s>>,
    out: impl Write,
) -> Result<Exported, ExportError> {
    write(call, signalling, (Places::Untold, out))
}

/// [`pcapng()`], in which each media packet also has its place in the call: its packet identifier (`epb_packetid`) is the
/// track (16 bits), the kind (8), a zero byte and the sequence number without wrap (32). Of what [`crate::reread()`] reads
/// back nothing has to be guessed.
///
/// # Errors
/// Those of [`pcapng()`].
pub fn placed_pcapng<'s>(
    call: &CallAudio,
    signalling: impl Iterator<Item = SignallingMessage<'s>>,
    out: impl Write,
) -> Result<Exported, ExportError> {
    write(call, signalling, (Places::Told, out))
}

/// Whether media packets tell their places.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Places {
    Untold,
    Told,
}

fn write<'s>(
    call: &CallAudio,
    signalling: impl Iterator<Item = SignallingMessage<'s>>,
    (places, out): (Places, impl Write),
) -> Result<Exported, ExportError> {
    let mut parts: Vec<Part<'_>> = signalling.map(Part::Message).collect();
    for (index, track) in (0..).map(TrackIndex).zip(&call.tracks) {
        parts.extend(track.packets().iter().map(|packet| Part::Packet((index, track), *packet)));
    }
    parts.sort_by_key(Part::time);

    let mut out = Counted::new(out);
    section_header(&mut out)?;
    interface_description(&mut out)?;
    let mut exported = Exported::default();
    let (mut frame, mut rtp) = (Vec::new(), Vec::new());
    let mut connections = Connections::default();
    for part in &parts {
        let (flow, payload, count) = match part {
            Part::Message(message) if message.transport != SipTransport::Udp => {
                segments(message, &mut connections, (&mut frame, &mut out))?;
                exported.messages += 1;
                continue;
            }
            Part::Message(message) => (message.flow, message.bytes, &mut exported.messages),
            Part::Packet((_, track), packet) => {
                rebuild_rtp(track, packet, &mut rtp);
                (track.track.flow, rtp.as_slice(), &mut exported.packets)
            }
        };
        match ethernet::rebuild(flow, Carrier::Udp, payload, &mut frame) {
            Ok(()) => {
                let place = part.place().filter(|_| places == Places::Told);
                enhanced_packet((part.time(), place), &frame, &mut out)?;
                *count += 1;
            }
            Err(ethernet::Oversized) => exported.oversized += 1,
        }
    }
    Ok(Exported { bytes: out.finish()?, ..exported })
}

/// Writes a message as the segments of its connection: one, unless it is longer than IP can carry.
fn segments(
    message: &SignallingMessage<'_>,
    connections: &mut Connections,
    (frame, out): (&mut Vec<u8>, &mut Counted<impl Write>),
) -> io::Result<()> {
    for segment in message.bytes.chunks(ethernet::MOST_SEGMENT) {
        let carrier = connections.take(message.flow, segment.len());
        if ethernet::rebuild(message.flow, carrier, segment, frame).is_ok() {
            enhanced_packet((message.time, None), frame, out)?;
        }
    }
    Ok(())
}

/// What becomes a frame.
enum Part<'c> {
    Message(SignallingMessage<'c>),
    Packet((TrackIndex, &'c TrackAudio), Packet),
}

impl Part<'_> {
    const fn time(&self) -> PacketTime {
        match self {
            Self::Message(message) => message.time,
            Self::Packet(_, packet) => packet.arrival,
        }
    }

    /// The place of a media packet in its call.
    fn place(&self) -> Option<PacketPlace> {
        match self {
            Self::Message(_) => None,
            Self::Packet((track, _), packet) => {
                Some(PacketPlace { track: *track, kind: packet.kind, sequence: packet.sequence })
            }
        }
    }
}

/// Where a media packet belongs, as its packet identifier tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PacketPlace {
    pub(crate) track: TrackIndex,
    pub(crate) kind: PayloadKind,
    pub(crate) sequence: u32,
}

impl PacketPlace {
    fn to_id(self) -> u64 {
        let kind: u64 = match self.kind {
            PayloadKind::Audio => 1,
            PayloadKind::TelephoneEvent => 2,
            PayloadKind::ComfortNoise => 3,
            PayloadKind::Unknown => 4,
        };
        u64::from(self.track.0) << 48 | kind << 40 | u64::from(self.sequence)
    }

    /// The inverse of [`Self::to_id`].
    pub(crate) fn from_id(id: u64) -> Option<Self> {
        let kind = match id >> 32 & 0xffff {
            0x100 => PayloadKind::Audio,
            0x200 => PayloadKind::TelephoneEvent,
            0x300 => PayloadKind::ComfortNoise,
            0x400 => PayloadKind::Unknown,
            _ => return None,
        };
        Some(Self { track: TrackIndex((id >> 48) as u16), kind, sequence: id as u32 })
    }
}

/// The RTP packet (RFC 3550, 5.1): version 2, no padding, no extension, no CSRC.
fn rebuild_rtp(track: &TrackAudio, packet: &Packet, rtp: &mut Vec<u8>) {
    rtp.clear();
    rtp.extend_from_slice(&[0x80, u8::from(packet.marker) << 7 | packet.payload_type & 0x7f]);
    rtp.extend_from_slice(&(packet.sequence as u16).to_be_bytes());
    rtp.extend_from_slice(&packet.rtp_time.0.to_be_bytes());
    rtp.extend_from_slice(&track.track.ssrc.to_be_bytes());
    rtp.extend_from_slice(track.payload(packet));
}

fn section_header(out: &mut Counted<impl Write>) -> io::Result<()> {
    let mut body = BYTE_ORDER_MAGIC.to_le_bytes().to_vec();
    body.extend_from_slice(&1u16.to_le_bytes());
    body.extend_from_slice(&0u16.to_le_bytes());
    body.extend_from_slice(&u64::MAX.to_le_bytes());
    option(SHB_USERAPPL, b"earwitness", &mut body);
    body.extend_from_slice(&END_OF_OPTIONS);
    block(SECTION_HEADER, &[&body], out)
}

fn interface_description(out: &mut Counted<impl Write>) -> io::Result<()> {
    let mut body = LINKTYPE_ETHERNET.to_le_bytes().to_vec();
    // Reserved, and a snap length of 0: no limit.
    body.extend_from_slice(&[0; 6]);
    option(IF_TSRESOL, &[9], &mut body);
    body.extend_from_slice(&END_OF_OPTIONS);
    block(INTERFACE_DESCRIPTION, &[&body], out)
}

/// Times before 1970 have no place in the format and become 1970.
fn enhanced_packet(
    (time, place): (PacketTime, Option<PacketPlace>),
    frame: &[u8],
    out: &mut Counted<impl Write>,
) -> io::Result<()> {
    let nanos = time.nanos().max(0).unsigned_abs();
    let length = frame.len() as u32;
    let mut head = [0; 20];
    head[4..8].copy_from_slice(&((nanos >> 32) as u32).to_le_bytes());
    head[8..12].copy_from_slice(&(nanos as u32).to_le_bytes());
    head[12..16].copy_from_slice(&length.to_le_bytes());
    head[16..20].copy_from_slice(&length.to_le_bytes());
    let mut options = Vec::new();
    if let Some(place) = place {
        options.extend_from_slice(padding(frame.len()));
        option(EPB_PACKETID, &place.to_id().to_le_bytes(), &mut options);
        options.extend_from_slice(&END_OF_OPTIONS);
    }
    block(ENHANCED_PACKET, &[&head, frame, &options], out)
}

/// One block: type, length, body filled up to 32 bits, length again.
fn block(kind: u32, body: &[&[u8]], out: &mut Counted<impl Write>) -> io::Result<()> {
    let length: usize = body.iter().map(|part| part.len()).sum();
    let total = (12 + length.next_multiple_of(4)) as u32;
    out.put(&kind.to_le_bytes())?;
    out.put(&total.to_le_bytes())?;
    body.iter().try_for_each(|part| out.put(part))?;
    out.put(padding(length))?;
    out.put(&total.to_le_bytes())
}

fn option(code: u16, value: &[u8], body: &mut Vec<u8>) {
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&(value.len() as u16).to_le_bytes());
    body.extend_from_slice(value);
    body.extend_from_slice(padding(value.len()));
}

/// What is missing to a multiple of 4.
const fn padding(length: usize) -> &'static [u8] {
    match length % 4 {
        1 => &[0; 3],
        2 => &[0; 2],
        3 => &[0; 1],
        _ => &[],
    }
}
