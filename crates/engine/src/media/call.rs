//! What the media half knows of one call: its ring, its tracks, its keys and gaps.

use std::net::SocketAddr;

use earwitness_model::{
    CallId, Dtmf, DtmfVia, Flag, Gap, GapCause, Leg, MediaPacket, PacketTime, Pii, RtpTime, RunningCall,
    StreamSummary, Track, TrackIndex,
};

use super::{
    MAX_PAYLOAD,
    cause::Trail,
    far_end::FarEnds,
    keypress::{KeyEvent, Pressed},
    lock,
    losses::Losses,
    ring::Ring,
    track::{Fate, TrackState},
};
use crate::{
    limits::MAX_LISTED,
    order::{Heard, Keeping, MediaSummary},
    output::Opened,
    presses::{Press, Seen},
    shard::ShardPlace,
    timer::Timer,
};

/// One call's media.
#[derive(Debug)]
pub(super) struct MediaCall {
    pub(super) id: CallId,
    /// Capture time less engine time, as the call is told.
    pub(super) base: i64,
    /// Media of it came under another setting of the clock than that of its beginning.
    pub(super) clock_stepped: bool,
    /// Tells this call from an earlier one in the same slot.
    pub(super) birth: u32,
    pub(super) keeping: Keeping,
    /// Its signalling ended: what still comes is in flight.
    pub(super) over: bool,
    /// What is said before the first packet, where only its packets show that there is a call.
    pub(super) opened: Option<Box<Opened>>,
    /// What is said after that.
    pub(super) running: Option<Box<RunningCall>>,
    pub(super) answered: Option<PacketTime>,
    /// Packets that waited for their SDP from before are not kept.
    pub(super) since: Option<PacketTime>,
    pub(super) held: bool,
    /// How long it may be silent, once it was heard, before it is taken to be over.
    pub(super) silence: Timer,
    /// When its silence is looked at; other deadlines of it are stale.
    pub(super) silence_due: Option<PacketTime>,
    pub(super) truncated: bool,
    /// An SDP of it said SRTP, or offered it.
    pub(super) secured: bool,
    /// Places in the track slab, by track index.
    pub(super) tracks: Vec<u32>,
    table: Vec<Track>,
    pub(super) endpoints: Vec<SocketAddr>,
    /// Where RTCP is expected that is not beside its media.
    pub(super) controls: Vec<SocketAddr>,
    ring: Option<Ring>,
    /// Counts the rings, so that a deadline knows whether it is meant.
    pub(super) ring_number: u32,
    presses: Vec<Press>,
    /// What is reported of its streams; nothing yet in most calls.
    far_ends: Option<Box<FarEnds>>,
    /// Sources were left out: the call has more than are told apart.
    pub(super) crowded: bool,
    /// The shard that this is a part of the call in.
    pub(super) place: Option<ShardPlace>,
    /// The signalling half was told that the shard does not hear the call.
    pub(super) asleep: bool,
    /// The signalling half was asked to say that there is a call.
    asked: bool,
}

impl MediaCall {
    pub(super) const fn new(id: CallId, keeping: Keeping, birth: u32) -> Self {
        Self {
            id,
            base: 0,
            clock_stepped: false,
            birth,
            keeping,
            over: false,
            opened: None,
            running: None,
            answered: None,
            since: None,
            held: false,
            silence: Timer::MediaSilence,
            silence_due: None,
            truncated: false,
            secured: false,
            tracks: Vec::new(),
            table: Vec::new(),
            endpoints: Vec::new(),
            controls: Vec::new(),
            ring: None,
            ring_number: 0,
            presses: Vec::new(),
            far_ends: None,
            crowded: false,
            place: None,
            asleep: false,
            asked: false,
        }
    }

    /// What happens to packets now.
    pub(super) const fn fate(&self) -> Fate {
        let keeps = match self.keeping {
            Keeping::FromStart => true,
            Keeping::FromAnswer => self.answered.is_some(),
            Keeping::Never => false,
        };
        let waits = match self.keeping {
            Keeping::FromStart | Keeping::FromAnswer if keeps => self.opened.is_some(),
            Keeping::FromAnswer => !self.over,
            Keeping::FromStart | Keeping::Never => false,
        };
        match (keeps, self.over) {
            _ if self.place.is_some() && waits => Fate::Wait,
            (_, false) if self.asleep => Fate::Asleep,
            (true, false) => Fate::Keep,
            (true, true) => Fate::Linger,
            (false, false) => Fate::Drop,
            (false, true) => Fate::LingerDrop,
        }
    }

    pub(super) fn handle_answer(&mut self, at: PacketTime) {
        self.answered = Some(at);
        self.over = false;
        self.asleep = false;
        if self.keeping == Keeping::FromAnswer {
            self.since = Some(at);
        }
    }

    pub(super) fn far_ends(&mut self) -> &mut FarEnds {
        self.far_ends.get_or_insert_default()
    }

    pub(super) fn add_track(&mut self, of: Track, slot: u32, most: usize) -> Option<TrackIndex> {
        let index = u16::try_from(self.table.len()).ok().filter(|&n| usize::from(n) < most)?;
        let number = match self.place {
            Some(place) => place.number(index)?,
            None => index,
        };
        self.table.push(of);
        self.tracks.push(slot);
        Some(TrackIndex(number))
    }

    /// The place in the track slab of the track with this number in the call's table.
    pub(super) fn track(&self, index: TrackIndex) -> Option<u32> {
        let local = self.place.map_or(index.0, |place| place.local(index.0));
        self.tracks.get(usize::from(local)).copied()
    }

    /// Whether the signalling half is to be asked, now and not again, to say that there is a call: its packets show it.
    pub(super) const fn asks_to_be_opened(&mut self) -> bool {
        let is_kept = match self.keeping {
            Keeping::FromStart => true,
            Keeping::FromAnswer => self.answered.is_some(),
            Keeping::Never => false,
        };
        let asks = is_kept && self.opened.is_some() && !self.asked;
        self.asked |= asks;
        asks
    }

    /// Notes that the call announced `endpoint`. Of more than `most` it lets go of the one that it did not announce again
    /// for the longest time: a call that moves often is heard where it is now.
    pub(super) fn add_endpoint(&mut self, endpoint: SocketAddr, most: usize) -> Option<SocketAddr> {
        self.endpoints.retain(|known| *known != endpoint);
        self.endpoints.push(endpoint);
        (self.endpoints.len() > most).then(|| self.endpoints.remove(0))
    }

    /// Whether the open ring takes a payload of `length`.
    #[inline]
    pub(super) fn has_room(&self, length: usize) -> bool {
        self.ring.as_ref().is_some_and(|ring| ring.has_room(length)) || length > MAX_PAYLOAD
    }

    /// Puts the packet into the open ring; `false` when there is none, or the packet would fit in none.
    #[inline]
    pub(super) fn append(&mut self, packet: &MediaPacket<'_>) -> bool {
        self.ring.as_mut().is_some_and(|ring| ring.append(packet))
    }

    /// Where the next packet goes.
    #[inline]
    pub(super) fn ring_end(&self) -> Option<&[u8]> {
        self.ring.as_ref().map(Ring::end)
    }

    pub(super) fn open_ring(&mut self, base: PacketTime, buffer: Vec<u8>) {
        self.ring_number = self.ring_number.wrapping_add(1);
        self.ring = Some(Ring::new(base, buffer));
    }

    /// The time from which its packets count, and they.
    pub(super) fn close_ring(&mut self) -> Option<(PacketTime, Vec<u8>)> {
        self.ring.take().map(Ring::close)
    }

    /// A telephone-event packet: the first of a key lists it, the later ones say how long it is.
    pub(super) fn handle_key(
        &mut self,
        track: &mut TrackState,
        key: KeyEvent,
        rtp_time: RtpTime,
        at: PacketTime,
    ) {
        let ms = track.current().map_or(0, |stream| stream.ms(key.duration));
        match track.pressed {
            Some(pressed) if pressed.rtp_time == rtp_time => {
                if let Some(Press { key, .. }) = self.presses.get_mut(pressed.place) {
                    key.ms = key.ms.max(ms);
                }
            }
            Some(pressed) if pressed.is_straggler(rtp_time) => {}
            _ if self.presses.len() < MAX_LISTED => {
                track.pressed = Some(Pressed { rtp_time, place: self.presses.len() });
                let (leg, via) = (track.leg(), DtmfVia::Rfc4733);
                let key = Dtmf { at, digit: Pii::new(key.digit), leg, via, ms };
                self.presses.push(Press { key, seen: Seen::Track(track.of) });
            }
            _ => {}
        }
    }

    /// What the call's media came to, given its tracks and when the capture lost frames.
    pub(super) fn summary(self, tracks: &[TrackState], losses: &Losses) -> MediaSummary {
        let keeps = self.keeping != Keeping::Never;
        let heard = |leg| tracks.iter().any(|t| t.leg() == leg && t.is_heard());
        let trails: Vec<Trail> = tracks.iter().map(|track| track.trail(self.base)).collect();
        let gaps: Vec<Gap> = trails.iter().flat_map(Trail::gaps).collect();
        let mut flags = Vec::new();
        flags.extend((self.crowded || is_incomplete(tracks, &gaps, losses)).then_some(Flag::CaptureLoss));
        flags.extend(self.truncated.then_some(Flag::Truncated));
        flags.extend(self.clock_stepped.then_some(Flag::ClockStepped));
        for leg in [Leg::Caller, Leg::Callee] {
            let locks = tracks.iter().filter(|track| track.leg() == leg).filter_map(|t| t.lock.as_deref());
            flags.extend(lock::flags(locks));
        }
        let told = |at: PacketTime| at.plus_nanos(self.base);
        let streams = tracks.iter().flat_map(TrackState::summaries).filter(is_listed);
        let presses = self.presses.into_iter().map(|Press { key, seen }| {
            let key = Dtmf { at: told(key.at), ..key };
            Press { key, seen }
        });
        let mut media = MediaSummary {
            tracks: if keeps { self.table } else { Vec::new() },
            streams: streams
                .map(|mut s| {
                    s.course.stretches.iter_mut().for_each(|stretch| stretch.at = told(stretch.at));
                    StreamSummary { first: told(s.first), last: told(s.last), ..s }
                })
                .collect(),
            presses: presses.collect(),
            gaps,
            trails,
            far_ends: self.far_ends.map(|far_ends| *far_ends).unwrap_or_default(),
            flags,
            heard: match keeps && self.answered.is_some() {
                true => Heard::Parties { caller: heard(Leg::Caller), callee: heard(Leg::Callee) },
                false => Heard::NotListened,
            },
            opened: self.opened,
            last: tracks.iter().map(|track| track.last).max(),
        };
        media.gaps.sort_by_key(|gap| (gap.at, gap.leg));
        media
    }
}

/// A stream that the call lists: something of it was kept, or should have been.
const fn is_listed(stream: &StreamSummary) -> bool {
    stream.packets > 0 || stream.lost > 0
}

/// Whether this recorder misses packets of the call, or may: a source that was heard while the capture lost frames and not
/// after it may have sent more.
fn is_incomplete(tracks: &[TrackState], gaps: &[Gap], losses: &Losses) -> bool {
    gaps.iter().any(|gap| gap.cause == GapCause::Capture)
        || tracks
            .iter()
            .any(|track| track.has_left_out() || (track.is_heard() && losses.touch(track.last, track.last)))
}
