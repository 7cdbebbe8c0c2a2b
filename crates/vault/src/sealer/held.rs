//! What a sealed segment holds, told beside it: whoever has no place for it cannot open it to see what is missing then.

use earwitness_model::{PacketTime, Segment, SegmentContent, TrackIndex};

/// The content of one segment, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// Of media.
    pub(crate) streams: Vec<HeldStream>,
    /// Of signalling.
    pub(crate) messages: u64,
    /// The first and the last of it, in capture time.
    pub(crate) span: (PacketTime, PacketTime),
}

/// The packets of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldStream {
    pub(crate) track: TrackIndex,
    pub(crate) payload_type: u8,
    pub(crate) packets: u64,
    /// Bytes of their payloads.
    pub(crate) bytes: u64,
    /// Arrival of the first.
    pub(crate) first: PacketTime,
}

impl Held {
    pub(crate) fn of(segment: &Segment) -> Self {
        let mut held = Self { streams: Vec::new(), messages: 0, span: (segment.base, segment.base) };
        match segment.content {
            SegmentContent::Media => {
                for packet in segment.media() {
                    held.span.1 = held.span.1.max(packet.arrival);
                    held.add(HeldStream {
                        track: packet.track,
                        payload_type: packet.payload_type,
                        packets: 1,
                        bytes: packet.payload.len() as u64,
                        first: packet.arrival,
                    });
                }
            }
            SegmentContent::Signalling => {
                for message in segment.signalling() {
                    held.span.1 = held.span.1.max(message.time);
                    held.messages += 1;
                }
            }
        }
        held
    }

    /// More of a stream.
    pub(crate) fn add(&mut self, more: HeldStream) {
        let is_same =
            |held: &&mut HeldStream| (held.track, held.payload_type) == (more.track, more.payload_type);
        match self.streams.iter_mut().find(is_same) {
            Some(held) => {
                held.packets += more.packets;
                held.bytes += more.bytes;
                held.first = held.first.min(more.first);
            }
            None => self.streams.push(more),
        }
    }

    /// RTP packets.
    pub(crate) fn packets(&self) -> u64 {
        self.streams.iter().map(|stream| stream.packets).sum()
    }

    /// This and what came behind it.
    pub(crate) fn join(&mut self, other: &Self) {
        other.streams.iter().for_each(|&more| self.add(more));
        self.messages += other.messages;
        self.span = (self.span.0.min(other.span.0), self.span.1.max(other.span.1));
    }
}
