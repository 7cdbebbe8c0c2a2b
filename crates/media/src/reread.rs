//! A call out of its own pcapng: what [`placed_pcapng()`](crate::export::placed_pcapng()) wrote becomes a [`CallAudio`] again.
//!
//! It reads nothing else: a frame of media that is not, to the byte, the one that would be written for its track is an error.
//! So whoever compares what comes of it with hashes or with a WAV has compared the file.

use earwitness_model::{
    CallSummary, MediaPacket, PacketTime, RtpTime, Segment, SegmentContent, Track, pack_media,
};

use crate::{
    CallAudio, LeftOut,
    export::{
        Carrier, ENHANCED_PACKET, EPB_PACKETID, INTERFACE_DESCRIPTION, PacketPlace, SECTION_HEADER, rebuild,
    },
};

const BYTE_ORDER_MAGIC: [u8; 4] = 0x1a2b_3c4d_u32.to_le_bytes();
/// Ethernet, and the header of UDP.
const AROUND_IP: usize = 14 + 8;
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const RTP_HEADER: usize = 12;

/// What a pcapng holds.
pub struct Reread {
    /// The media packets.
    pub audio: CallAudio,
    /// How many they are.
    pub packets: u64,
    /// Frames that are no media: SIP.
    pub messages: u64,
}

/// Why a file is not a pcapng of this call, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RereadError {
    /// It does not begin as one of ours.
    #[error("it does not begin like a pcapng of this program")]
    NotOurs,
    /// It ends within a block, or a block makes no sense.
    #[error("the block at byte {at} is damaged")]
    Block {
        /// Where it begins.
        at: usize,
    },
    /// The call has no such track.
    #[error("the packet at byte {at} says a track that the call does not have")]
    NoSuchTrack {
        /// Where its block begins.
        at: usize,
    },
    /// Addresses, SSRC, sequence number, a length or a checksum are not those of the track.
    #[error("the packet at byte {at} is not one of the track that it says")]
    OtherTrack {
        /// Where its block begins.
        at: usize,
    },
    /// Two packets have one place.
    #[error("{count} packets are there more than once")]
    Repeated {
        /// How many.
        count: u64,
    },
}

/// Reads the pcapng of the call that `summary` describes.
///
/// # Errors
/// Those of [`RereadError`].
pub fn reread(summary: &CallSummary, pcapng: &[u8]) -> Result<Reread, RereadError> {
    let mut blocks = Blocks { bytes: pcapng, at: 0 };
    let section = blocks.next().ok_or(RereadError::NotOurs)??;
    let interface = blocks.next().ok_or(RereadError::NotOurs)??;
    let is_ours = section.kind == SECTION_HEADER
        && section.body.starts_with(&BYTE_ORDER_MAGIC)
        && interface.kind == INTERFACE_DESCRIPTION;
    if !is_ours {
        return Err(RereadError::NotOurs);
    }
    let mut builder = CallAudio::builder(summary);
    let (mut packets, mut messages) = (0, 0);
    for block in blocks {
        let block = block?;
        let captured = Captured::read(&block).ok_or(RereadError::Block { at: block.at })?;
        let Some(place) = captured.place else {
            messages += 1;
            continue;
        };
        let tracks = summary.tracks.get(usize::from(place.track.0));
        let track = tracks.ok_or(RereadError::NoSuchTrack { at: block.at })?;
        let packet = captured.packet(place, track).ok_or(RereadError::OtherTrack { at: block.at })?;
        let mut bytes = Vec::new();
        pack_media(&mut bytes, captured.time, &packet);
        let (call, content, base) = (summary.id, SegmentContent::Media, captured.time);
        builder.add(&Segment { call, content, base, bytes });
        packets += 1;
    }
    let audio = builder.finish();
    match audio.left_out {
        LeftOut { duplicates: 0, .. } => Ok(Reread { audio, packets, messages }),
        LeftOut { duplicates: count, .. } => Err(RereadError::Repeated { count }),
    }
}

/// A block: its type and what is between its lengths.
struct Block<'b> {
    at: usize,
    kind: u32,
    body: &'b [u8],
}

/// The blocks of a file; ends behind the first that is damaged.
struct Blocks<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Blocks<'b> {
    fn read(&self) -> Option<(Block<'b>, usize)> {
        let rest = self.bytes.get(self.at..)?;
        let total = usize::try_from(word(rest, 4)?).ok()?;
        let block = rest.get(..total).filter(|_| total >= 12 && total.is_multiple_of(4))?;
        let is_closed = word(block, total - 4)? == word(block, 4)?;
        let body = block.get(8..total - 4).filter(|_| is_closed)?;
        Some((Block { at: self.at, kind: word(block, 0)?, body }, self.at + total))
    }
}

impl<'b> Iterator for Blocks<'b> {
    type Item = Result<Block<'b>, RereadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let at = self.at;
        let Some((block, next)) = self.read() else {
            self.at = self.bytes.len();
            return Some(Err(RereadError::Block { at }));
        };
        self.at = next;
        Some(Ok(block))
    }
}

/// A frame and what its block says of it.
struct Captured<'b> {
    time: PacketTime,
    place: Option<PacketPlace>,
    frame: &'b [u8],
}

impl<'b> Captured<'b> {
    fn read(block: &Block<'b>) -> Option<Self> {
        let body = block.body;
        if block.kind != ENHANCED_PACKET || word(body, 0)? != 0 || word(body, 12)? != word(body, 16)? {
            return None;
        }
        let nanos = u64::from(word(body, 4)?) << 32 | u64::from(word(body, 8)?);
        let length = usize::try_from(word(body, 12)?).ok()?;
        let (frame, rest) = body.get(20..)?.split_at_checked(length)?;
        let (padding, options) = rest.split_at_checked(length.next_multiple_of(4) - length)?;
        if padding.iter().any(|byte| *byte != 0) {
            return None;
        }
        let place = match options {
            [] => None,
            options => Some(place_in(options)?),
        };
        Some(Self { time: PacketTime::from_nanos(i64::try_from(nanos).ok()?), place, frame })
    }

    /// The media packet in the frame, if it is one of `track` at its place.
    fn packet(&self, place: PacketPlace, track: &Track) -> Option<MediaPacket<'b>> {
        let flow = track.flow;
        let ip = if flow.src.is_ipv4() && flow.dst.is_ipv4() { IPV4_HEADER } else { IPV6_HEADER };
        let rtp = self.frame.get(AROUND_IP + ip..)?;
        let (header, payload) = rtp.split_first_chunk::<RTP_HEADER>()?;
        let [_, flags, s0, s1, t0, t1, t2, t3, ..] = *header;
        let rtp_time = u32::from_be_bytes([t0, t1, t2, t3]);
        let expected =
            [&[0x80, flags, s0, s1, t0, t1, t2, t3][..], &track.ssrc.to_be_bytes(), payload].concat();
        let mut frame = Vec::with_capacity(self.frame.len());
        rebuild(flow, Carrier::Udp, &expected, &mut frame).ok()?;
        let is_its = frame == self.frame && u16::from_be_bytes([s0, s1]) == place.sequence as u16;
        is_its.then_some(MediaPacket {
            track: place.track,
            payload_type: flags & 0x7f,
            marker: flags & 0x80 != 0,
            kind: place.kind,
            sequence: place.sequence,
            rtp_time: RtpTime(rtp_time),
            arrival: self.time,
            payload,
        })
    }
}

/// The one option that packets of ours have: their place.
fn place_in(options: &[u8]) -> Option<PacketPlace> {
    let (head, rest) = options.split_first_chunk::<4>()?;
    let (id, end) = rest.split_first_chunk::<8>()?;
    let [c0, c1, l0, l1] = *head;
    let is_ours =
        u16::from_le_bytes([c0, c1]) == EPB_PACKETID && u16::from_le_bytes([l0, l1]) == 8 && end == [0; 4];
    if is_ours { PacketPlace::from_id(u64::from_le_bytes(*id)) } else { None }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
