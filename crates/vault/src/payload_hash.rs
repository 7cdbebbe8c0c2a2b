//! `payload_blake3`: what a recording's audio streams hash to, while it is being sealed.

use std::{collections::BTreeSet, hint::black_box};

use earwitness_model::{MediaPacket, PayloadKind, Segment, TrackIndex};

use crate::{
    entry::StreamHash,
    payload_order::{Ordered, PayloadOrder, Sink, wipe},
};

/// Payloads are hashed so many bytes at a time: BLAKE3 works on eight of its chunks at once, and on one packet at a
/// fraction of that speed.
const BATCH: usize = 8 << 10;
/// Streams of one recording that are hashed. More of them is no telephone call; theirs are absent.
const MAX_STREAMS: usize = 256;

/// The hashes of one recording.
#[derive(Default)]
pub(crate) struct PayloadHashes {
    /// In the order of their first packets: a call has few.
    tracks: Vec<TrackState>,
    streams: usize,
    /// Streams beyond [`MAX_STREAMS`], by name only and as many again.
    unhashed: BTreeSet<(TrackIndex, u8)>,
}

struct TrackState {
    track: TrackIndex,
    order: PayloadOrder,
    streams: Vec<StreamState>,
    touched: bool,
}

struct StreamState {
    payload_type: u8,
    hasher: Box<blake3::Hasher>,
    /// Wiped when the stream is over.
    waiting: Vec<u8>,
    late: bool,
}

impl PayloadHashes {
    /// Takes a media segment.
    pub(crate) fn handle_segment(&mut self, segment: &Segment) {
        segment.media().for_each(|packet| self.handle_packet(&packet));
        self.handle_segment_end();
    }

    /// Takes the next packet of a media segment.
    pub(crate) fn handle_packet(&mut self, packet: &MediaPacket<'_>) {
        let audio = match packet.kind {
            PayloadKind::Audio => true,
            PayloadKind::TelephoneEvent | PayloadKind::ComfortNoise | PayloadKind::Unknown => false,
        };
        let full = self.streams >= MAX_STREAMS;
        let track = match self.tracks.iter().position(|state| state.track == packet.track) {
            Some(place) => &mut self.tracks[place],
            None if full => return self.note_unhashed(packet.track, packet.payload_type, audio),
            None => {
                self.tracks.push(TrackState::new(packet.track));
                self.tracks.last_mut().expect("one was pushed")
            }
        };
        let hashed = audio && {
            let known = track.streams.iter().any(|stream| stream.payload_type == packet.payload_type);
            if !known && !full {
                track.streams.push(StreamState::new(packet.payload_type));
                self.streams += 1;
            }
            known || !full
        };
        let ordered = Ordered {
            sequence: packet.sequence,
            payload_type: packet.payload_type,
            payload: hashed.then_some(packet.payload),
        };
        track.touched = true;
        track.order.handle_packet(ordered, &mut Streams(&mut track.streams));
        if audio && !hashed {
            self.note_unhashed(packet.track, packet.payload_type, audio);
        }
    }

    /// The segment is over.
    pub(crate) fn handle_segment_end(&mut self) {
        for track in self.tracks.iter_mut().filter(|track| track.touched) {
            track.touched = false;
            track.order.handle_segment_end(&mut Streams(&mut track.streams));
        }
    }

    /// The hashes, by track and payload type.
    pub(crate) fn finish(mut self) -> Vec<StreamHash> {
        let mut hashes: Vec<_> = self
            .unhashed
            .iter()
            .map(|&(track, payload_type)| StreamHash { track, payload_type, blake3: None })
            .collect();
        for state in &mut self.tracks {
            let track = state.track;
            state.order.finish(&mut Streams(&mut state.streams));
            hashes.extend(state.streams.iter_mut().map(|stream| StreamHash {
                track,
                payload_type: stream.payload_type,
                blake3: stream.finish(),
            }));
        }
        hashes.sort_by_key(|hash| (hash.track, hash.payload_type));
        hashes
    }

    fn note_unhashed(&mut self, track: TrackIndex, payload_type: u8, audio: bool) {
        if audio && self.unhashed.len() < MAX_STREAMS {
            self.unhashed.insert((track, payload_type));
        }
    }
}

impl TrackState {
    fn new(track: TrackIndex) -> Self {
        Self { track, order: PayloadOrder::default(), streams: Vec::new(), touched: false }
    }
}

impl StreamState {
    fn new(payload_type: u8) -> Self {
        let waiting = Vec::with_capacity(BATCH);
        Self { payload_type, hasher: Box::default(), waiting, late: false }
    }

    fn handle_payload(&mut self, mut payload: &[u8]) {
        while self.waiting.len() + payload.len() >= BATCH {
            let (fits, rest) = payload.split_at(BATCH - self.waiting.len());
            self.waiting.extend_from_slice(fits);
            self.hasher.update(&self.waiting);
            self.waiting.clear();
            payload = rest;
        }
        self.waiting.extend_from_slice(payload);
    }

    fn finish(&mut self) -> Option<[u8; 32]> {
        self.hasher.update(&self.waiting);
        (!self.late).then(|| *self.hasher.finalize().as_bytes())
    }
}

/// What was said does not stay in memory: neither what waited nor the last block in the hasher.
impl Drop for StreamState {
    fn drop(&mut self) {
        wipe(&mut self.waiting);
        self.hasher.reset();
        black_box(&self.hasher);
    }
}

/// The streams of one track, as the order's sink.
struct Streams<'s>(&'s mut Vec<StreamState>);

impl Streams<'_> {
    fn of(&mut self, payload_type: u8) -> Option<&mut StreamState> {
        self.0.iter_mut().find(|stream| stream.payload_type == payload_type)
    }
}

impl Sink for Streams<'_> {
    fn in_order(&mut self, packet: Ordered<'_>) {
        if let (Some(payload), Some(stream)) = (packet.payload, self.of(packet.payload_type)) {
            stream.handle_payload(payload);
        }
    }

    fn late(&mut self, packet: Ordered<'_>) {
        if let (Some(_), Some(stream)) = (packet.payload, self.of(packet.payload_type)) {
            stream.late = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use earwitness_model::{CallId, PacketTime, RtpTime, SegmentContent, pack_media};

    use super::*;

    type Sent = (u16, u8, PayloadKind, u32);

    fn payload(sequence: u32) -> Vec<u8> {
        vec![sequence as u8; 160]
    }

    fn segment(packets: &[Sent]) -> Segment {
        let mut bytes = Vec::new();
        for &(track, payload_type, kind, sequence) in packets {
            let packet = MediaPacket {
                track: TrackIndex(track),
                payload_type,
                marker: false,
                kind,
                sequence,
                rtp_time: RtpTime(0),
                arrival: PacketTime::EPOCH,
                payload: &payload(sequence),
            };
            pack_media(&mut bytes, PacketTime::EPOCH, &packet);
        }
        let call = CallId::new(0, 0);
        Segment { call, content: SegmentContent::Media, base: PacketTime::EPOCH, bytes }
    }

    fn hashes(segments: &[&[Sent]]) -> Vec<(u16, u8, Option<[u8; 32]>)> {
        let mut hashes = PayloadHashes::default();
        segments.iter().for_each(|packets| hashes.handle_segment(&segment(packets)));
        hashes.finish().into_iter().map(|h| (h.track.0, h.payload_type, h.blake3)).collect()
    }

    fn hash_of(sequences: impl IntoIterator<Item = u32>) -> Option<[u8; 32]> {
        let bytes: Vec<u8> = sequences.into_iter().flat_map(payload).collect();
        Some(*blake3::hash(&bytes).as_bytes())
    }

    const AUDIO: PayloadKind = PayloadKind::Audio;
    const EVENT: PayloadKind = PayloadKind::TelephoneEvent;

    #[test]
    fn each_audio_stream_hashes_its_own_packets_in_sequence() {
        let first = [(0, 8, AUDIO, 2), (1, 8, AUDIO, 70_000), (0, 101, EVENT, 3), (0, 8, AUDIO, 1)];
        let second = [(0, 0, AUDIO, 5), (0, 8, AUDIO, 4), (1, 8, AUDIO, 70_001)];
        assert_eq!(
            hashes(&[&first, &second]),
            [(0, 0, hash_of([5])), (0, 8, hash_of([1, 2, 4])), (1, 8, hash_of([70_000, 70_001]))]
        );
    }

    #[test]
    fn long_streams_hash_as_one_piece_whatever_the_batches() {
        let packets: Vec<Sent> = (0..333).map(|n| (0, 8, AUDIO, n)).collect();
        let segments: Vec<&[Sent]> = packets.chunks(25).collect();
        assert_eq!(hashes(&segments), [(0, 8, hash_of(0..333))]);
    }

    #[test]
    fn a_late_packet_takes_the_hash_of_its_stream_and_of_no_other() {
        let segments: [&[Sent]; 4] = [
            &[(0, 8, AUDIO, 1), (1, 8, AUDIO, 1)],
            &[(0, 8, AUDIO, 3), (1, 8, AUDIO, 2)],
            &[(0, 8, AUDIO, 4)],
            &[(0, 8, AUDIO, 2)],
        ];
        assert_eq!(hashes(&segments), [(0, 8, None), (1, 8, hash_of([1, 2]))]);
    }

    #[test]
    fn a_late_event_takes_no_hash() {
        let segments: [&[Sent]; 4] =
            [&[(0, 8, AUDIO, 1)], &[(0, 8, AUDIO, 3)], &[(0, 8, AUDIO, 4)], &[(0, 101, EVENT, 2)]];
        assert_eq!(hashes(&segments), [(0, 8, hash_of([1, 3, 4]))]);
    }

    #[test]
    fn streams_beyond_the_bound_are_named_and_not_hashed() {
        let packets: Vec<Sent> = (0..300).map(|track| (track, 8, AUDIO, 1)).collect();
        let hashes = hashes(&[&packets]);
        assert_eq!(hashes.len(), 300);
        assert_eq!(hashes.iter().filter(|(_, _, hash)| hash.is_some()).count(), MAX_STREAMS);
        assert_eq!(hashes[0], (0, 8, hash_of([1])));
    }
}
