//! Digits that are sounded instead of signalled: the tones of a keypad in G.711 audio.
//!
//! Packets come as the capture has them. What is behind its time is left out, what is missing is a hole that a digit goes on
//! over, when it is short. Other encodings are not listened to: they carry tones badly, and who uses them signals digits.

mod tone;

use earwitness_model::{
    Codec, Dtmf, DtmfVia, Leg, MediaPacket, PacketTime, PayloadKind, Pii, RtpTime, Segment, SegmentContent,
    Track, TrackIndex,
};
use g711::Law;

use self::tone::{Tone, Tones};

/// Digits of one call; who plays more plays music.
const MOST_DIGITS: usize = 1000;
/// Tracks of one call that are listened to.
const MOST_TRACKS: usize = 16;
/// RTP time that goes on so far is another talkspurt, or another clock: 10 s.
const LONGEST_HOLE: i32 = 80_000;
/// The same digit of the same party, nearer than this to one that was signalled, is that one: exchanges signal what they
/// hear, and what they leave of the tone is in the audio.
const SAME_NANOS: i64 = 500_000_000;

/// Listens to the tracks of one call.
#[derive(Default)]
pub struct Digits {
    tracks: Vec<Voice>,
    found: Vec<Found>,
}

/// One track.
struct Voice {
    track: TrackIndex,
    leg: Leg,
    laws: Vec<(u8, Law)>,
    tones: Tones,
    /// What ended, and has no time of the capture yet.
    ended: Vec<Tone>,
    clock: Option<Clock>,
    press: Option<Pressed>,
}

/// In which packet the press that goes on began: between that and its end the sender may have paused.
#[derive(Clone, Copy)]
struct Pressed {
    from: u64,
    arrival: PacketTime,
    first: u64,
}

/// Where a track's samples lie: a sample count goes with its packets' arrivals.
#[derive(Clone, Copy)]
struct Clock {
    /// The RTP time that comes next, and how many samples came or were missing before it.
    next: RtpTime,
    samples: u64,
    /// When the packet before came, and its first sample.
    arrival: PacketTime,
    first: u64,
}

struct Found {
    track: TrackIndex,
    leg: Leg,
    at: PacketTime,
    digit: char,
    ms: u32,
}

impl Digits {
    /// Payload type `payload_type` of a track is `codec`.
    pub fn handle_stream(
        &mut self,
        (index, track): (TrackIndex, Track),
        payload_type: u8,
        codec: Option<&Codec>,
    ) {
        let law = match codec {
            Some(Codec::Pcma) => Law::A,
            Some(Codec::Pcmu) => Law::Mu,
            Some(Codec::G722 | Codec::G729 | Codec::Gsm | Codec::Other { .. }) | None => return,
        };
        let has_room = self.tracks.len() < MOST_TRACKS;
        match self.tracks.iter_mut().find(|voice| voice.track == index) {
            Some(voice) => voice.laws.push((payload_type, law)),
            None if has_room => self.tracks.push(Voice {
                track: index,
                leg: track.leg,
                laws: vec![(payload_type, law)],
                tones: Tones::new(),
                ended: Vec::new(),
                clock: None,
                press: None,
            }),
            None => {}
        }
    }

    /// The next packets of the call.
    pub fn handle_segment(&mut self, segment: &Segment) {
        match segment.content {
            SegmentContent::Media => {}
            SegmentContent::Signalling => return,
        }
        for packet in segment.media().filter(|packet| packet.kind == PayloadKind::Audio) {
            let Some(voice) = self.tracks.iter_mut().find(|voice| voice.track == packet.track) else {
                continue;
            };
            voice.handle_packet(&packet, &mut self.found);
            self.found.truncate(MOST_DIGITS);
        }
    }

    /// What was heard in all, but for what `signalled` has already; in order of time. A voice that is heard twice, before an
    /// exchange and behind it, pressed once.
    #[must_use]
    pub fn finish(mut self, signalled: &[Dtmf]) -> Vec<Dtmf> {
        for voice in &mut self.tracks {
            voice.tones.finish(&mut voice.ended);
            voice.tell(&mut self.found);
        }
        self.found.sort_by_key(|found| found.at);
        let mut told: Vec<Found> = Vec::new();
        for found in self.found {
            let is_signalled = signalled.iter().any(|press| {
                press.leg == found.leg
                    && *press.digit.expose() == found.digit
                    && is_near(found.at, (press.at, press.ms))
            });
            let is_copy = told.iter().rev().take(MOST_TRACKS).any(|other| {
                (other.leg, other.digit) == (found.leg, found.digit)
                    && other.track != found.track
                    && is_near(found.at, (other.at, other.ms))
            });
            if !is_signalled && !is_copy && told.len() < MOST_DIGITS {
                told.push(found);
            }
        }
        let press = |Found { leg, at, digit, ms, .. }| Dtmf {
            at,
            digit: Pii::new(digit),
            leg,
            via: DtmfVia::Inband,
            ms,
        };
        told.into_iter().map(press).collect()
    }
}

/// Whether `at` lies in or about a press that began at a time and was so many ms long.
fn is_near(at: PacketTime, (begin, ms): (PacketTime, u32)) -> bool {
    let end = begin.plus_nanos(i64::from(ms) * 1_000_000);
    begin.plus_nanos(-SAME_NANOS) <= at && at <= end.plus_nanos(SAME_NANOS)
}

impl Voice {
    fn handle_packet(&mut self, packet: &MediaPacket<'_>, found: &mut Vec<Found>) {
        let law = self.laws.iter().find(|(payload_type, _)| *payload_type == packet.payload_type);
        let Some(&(_, law)) = law else { return };
        let length = packet.payload.len() as u64;
        let begin = Clock { next: packet.rtp_time, samples: 0, arrival: packet.arrival, first: 0 };
        let mut clock = self.clock.unwrap_or(begin);
        match packet.rtp_time.since(clock.next) {
            0 => {}
            hole @ 1..=LONGEST_HOLE => {
                self.tones.handle_gap(hole.unsigned_abs().into(), &mut self.ended);
                clock.samples += u64::from(hole.unsigned_abs());
            }
            // It is late: its place was taken for a hole.
            behind if (-LONGEST_HOLE..0).contains(&behind) => return,
            _ => self.tones.finish(&mut self.ended),
        }
        // What ended before this packet goes by the packets before: how long the pause was, no sample says.
        self.tell(found);
        (clock.arrival, clock.first) = (packet.arrival, clock.samples);
        clock.next = RtpTime(packet.rtp_time.0.wrapping_add(packet.payload.len() as u32));
        clock.samples += length;
        self.clock = Some(clock);
        let samples = packet.payload.iter().map(|code| g711::decode_sample(law, *code));
        self.tones.handle_samples(samples, &mut self.ended);
        self.tell(found);
        let Clock { arrival, first, .. } = clock;
        self.press = self.tones.pressed_from().map(|from| match self.press {
            Some(press) if press.from == from => press,
            Some(_) | None => Pressed { from, arrival, first },
        });
    }

    /// Says when what ended was, in the time of the capture.
    fn tell(&mut self, found: &mut Vec<Found>) {
        for Tone { digit, from, samples } in self.ended.drain(..) {
            // As far from the packet in which it began as its samples lie from that; else it began in the latest.
            let press =
                self.press.filter(|press| press.from == from).map(|press| (press.arrival, press.first));
            let packet = press.or_else(|| self.clock.map(|clock| (clock.arrival, clock.first)));
            let at = packet.map_or(PacketTime::EPOCH, |(arrival, first)| {
                let behind =
                    i64::try_from(first).unwrap_or(i64::MAX) - i64::try_from(from).unwrap_or(i64::MAX);
                arrival.plus_nanos(behind.saturating_mul(-125_000))
            });
            let ms = u32::try_from(samples / 8).unwrap_or(u32::MAX);
            found.push(Found { track: self.track, leg: self.leg, at, digit, ms });
        }
    }
}
