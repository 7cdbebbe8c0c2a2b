//! Segments of one call, without end: what the sealing pool gets.

use earwitness_engine::RING_BYTES;
use earwitness_load::{MORNING, Random};
use earwitness_model::{
    CallId, MediaPacket, PACKET_HEADER, PacketTime, PayloadKind, RtpTime, Segment, SegmentContent,
    TrackIndex, pack_media,
};

use crate::treadmill::{PACKETS_PER_LEG, PAYLOAD, TURN_NANOS};

/// Bytes of a packed packet.
const PACKED: usize = PACKET_HEADER + PAYLOAD;

/// Half-second segments of a call, both legs, one after the other.
pub struct Tape {
    /// The segments of this round.
    pub segments: Vec<Segment>,
    /// The same, in buffers of their own.
    copies: Vec<Segment>,
}

impl Tape {
    /// Rounds of `segments` segments of `call`.
    #[must_use]
    pub fn new(call: CallId, segments: u32) -> Self {
        let segments: Vec<_> = (0..segments).map(|place| segment(call, place)).collect();
        let copies = segments.iter().map(copy).collect();
        Self { segments, copies }
    }

    /// The segments of this round, once, to be sealed where they lie.
    pub fn take(&mut self) -> Vec<Segment> {
        std::mem::take(&mut self.copies)
    }

    /// Packets of a round.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.segments.len() as u64 * 2 * u64::from(PACKETS_PER_LEG)
    }

    /// Goes on to the next round: later segments of the same call, so that sequence numbers go on.
    pub fn turn(&mut self) {
        let segments = i64::try_from(self.segments.len()).expect("a tape is short");
        let step = self.segments.len() as u32 * u32::from(PACKETS_PER_LEG);
        for segment in &mut self.segments {
            segment.base = segment.base.plus_nanos(segments * TURN_NANOS);
            for packet in segment.bytes.as_chunks_mut::<PACKED>().0 {
                // The sequence number's place: model::segment draws it.
                let sequence = u32::from_le_bytes([packet[6], packet[7], packet[8], packet[9]]);
                packet[6..10].copy_from_slice(&sequence.wrapping_add(step).to_le_bytes());
            }
        }
        self.copies = self.segments.iter().map(copy).collect();
    }
}

/// In a buffer as the engine gives one: with room for a tag.
fn copy(segment: &Segment) -> Segment {
    let mut bytes = Vec::with_capacity(RING_BYTES + 16);
    bytes.extend_from_slice(&segment.bytes);
    Segment { call: segment.call, content: segment.content, base: segment.base, bytes }
}

fn segment(call: CallId, place: u32) -> Segment {
    let base = MORNING.plus_nanos(i64::from(place) * TURN_NANOS);
    let mut bytes = Vec::with_capacity(2 * usize::from(PACKETS_PER_LEG) * PACKED);
    for number in 0..u32::from(PACKETS_PER_LEG) {
        for track in [0, 1] {
            pack(&mut bytes, base, TrackIndex(track), place * u32::from(PACKETS_PER_LEG) + number);
        }
    }
    Segment { call, content: SegmentContent::Media, base, bytes }
}

fn pack(bytes: &mut Vec<u8>, base: PacketTime, track: TrackIndex, number: u32) {
    let mut payload = [0; PAYLOAD];
    Random::keyed(&[u64::from(track.0), u64::from(number)]).fill(&mut payload);
    let in_segment = i64::from(number % u32::from(PACKETS_PER_LEG));
    let packet = MediaPacket {
        track,
        payload_type: 8,
        marker: false,
        kind: PayloadKind::Audio,
        sequence: 70_000 + number,
        rtp_time: RtpTime(number * PAYLOAD as u32),
        arrival: base.plus_nanos(in_segment * 20_000_000),
        payload: &payload,
    };
    pack_media(bytes, base, &packet);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_go_on_over_the_rounds() {
        let mut tape = Tape::new(CallId::new(0, 0), 3);
        let sequences = |tape: &Tape, track| -> Vec<u32> {
            let packets = tape.segments.iter().flat_map(Segment::media);
            packets.filter(|packet| packet.track == TrackIndex(track)).map(|packet| packet.sequence).collect()
        };
        let mut all = sequences(&tape, 1);
        tape.turn();
        all.extend(sequences(&tape, 1));
        assert_eq!(all, (70_000..70_150).collect::<Vec<_>>());
        assert_eq!((tape.packets(), sequences(&tape, 0).len()), (150, 75));
    }
}
