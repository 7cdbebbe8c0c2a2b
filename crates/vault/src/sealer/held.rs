//! What a sealed segment holds, told beside it: whoever has no place for it cannot open it to see what is missing then.

use earwitness_model::{MediaPacket, PacketTime, Segment, TrackIndex};

/// The content of one segment, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// Of media: the streams that came first, which are all that a telephone call has at once.
    few: [Option<HeldStream>; 2],
    /// The others.
    more: Vec<HeldStream>,
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
    /// Of a segment that began at `base`; nothing yet.
    pub(crate) const fn new(base: PacketTime) -> Self {
        Self { few: [None; 2], more: Vec::new(), messages: 0, span: (base, base) }
    }

    /// The messages of a signalling segment.
    pub(crate) fn messages_of(segment: &Segment) -> Self {
        let mut held = Self::new(segment.base);
        for message in segment.signalling() {
            held.span.1 = held.span.1.max(message.time);
            held.messages += 1;
        }
        held
    }

    /// One more packet.
    pub(crate) fn add_packet(&mut self, packet: &MediaPacket<'_>) {
        self.span.1 = self.span.1.max(packet.arrival);
        self.add(HeldStream {
            track: packet.track,
            payload_type: packet.payload_type,
            packets: 1,
            bytes: packet.payload.len() as u64,
            first: packet.arrival,
        });
    }

    /// More of a stream.
    fn add(&mut self, more: HeldStream) {
        for place in &mut self.few {
            match place {
                Some(held) if held.is_same(&more) => return held.join(&more),
                Some(_) => {}
                None => return *place = Some(more),
            }
        }
        match self.more.iter_mut().find(|held| held.is_same(&more)) {
            Some(held) => held.join(&more),
            None => self.more.push(more),
        }
    }

    /// The streams in the order of their first packets.
    pub(crate) fn streams(&self) -> impl Iterator<Item = &HeldStream> {
        self.few.iter().flatten().chain(&self.more)
    }

    /// RTP packets.
    pub(crate) fn packets(&self) -> u64 {
        self.streams().map(|stream| stream.packets).sum()
    }

    /// This and what came behind it.
    pub(crate) fn join(&mut self, other: &Self) {
        other.streams().for_each(|&more| self.add(more));
        self.messages += other.messages;
        self.span = (self.span.0.min(other.span.0), self.span.1.max(other.span.1));
    }
}

impl HeldStream {
    fn is_same(&self, other: &Self) -> bool {
        (self.track, self.payload_type) == (other.track, other.payload_type)
    }

    fn join(&mut self, more: &Self) {
        self.packets += more.packets;
        self.bytes += more.bytes;
        self.first = self.first.min(more.first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_is_counted_however_many_there_are() {
        let stream = |track, packets, first| HeldStream {
            track: TrackIndex(track),
            payload_type: 8,
            packets,
            bytes: packets * 160,
            first: PacketTime::from_nanos(first),
        };
        let held = |base, streams: &[HeldStream]| {
            let mut held = Held::new(PacketTime::from_nanos(base));
            streams.iter().for_each(|&one| held.add(one));
            held
        };
        let mut all = held(10, &[stream(0, 1, 10), stream(1, 2, 11), stream(2, 3, 12), stream(1, 1, 13)]);
        all.join(&held(5, &[stream(2, 1, 5), stream(3, 1, 6), stream(0, 1, 7)]));
        let expected = [stream(0, 2, 7), stream(1, 3, 11), stream(2, 4, 5), stream(3, 1, 6)];
        assert_eq!(all.streams().copied().collect::<Vec<_>>(), expected);
        assert_eq!((all.packets(), all.span.0), (10, PacketTime::from_nanos(5)));
    }
}
