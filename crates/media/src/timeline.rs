//! Where each packet's samples belong: the sender's clock for what lies within a run, the capture's for where runs begin.
//!
//! ```text
//!   RTP time   160   320   480            9,920     sender restarts: 77  237
//!   samples  |-----|-----|-----|  silence  |-----|                 |-----|-----|
//!            └──────────── run, anchored once ───┘                 └── run ────┘
//! ```
//!
//! A run is a stretch of one track in which RTP time and arrival agree. Within it the distances are RTP time's,
//! sample for sample, so network jitter never moves audio and loss or silence suppression is a hole of the right length.
//! The run as a whole lies where its least delayed packet puts it: what every packet waits at least is not audible.

use earwitness_model::{PacketTime, RtpTime};
use g711::Law;

use crate::{
    CallAudio, TrackAudio,
    audio::Packet,
    codec::{SAMPLE_NANOS, SAMPLE_RATE},
};

/// The longest timeline that is written, in hours.
pub const MAX_HOURS: u32 = 24;

/// [`MAX_HOURS`] in samples.
pub(crate) const MAX_SAMPLES: i64 = MAX_HOURS as i64 * 3600 * SAMPLE_RATE as i64;

/// RTP time that departs from arrival by more than this, since the packet before or since the run's anchor, begins a new
/// run: 2 s. Networks do not delay packets so long; a sender that restarts its clock, or stops it on hold, does, and
/// shorter stops must not add up.
const JUMP_NANOS: u64 = 2_000_000_000;

/// The least delayed packet is looked for in the first 10 s of a run. Later ones would move the beginning by what the
/// sender's crystal has gained by then: 50 ppm are 180 ms in an hour.
const ANCHOR_SAMPLES: i64 = 10 * SAMPLE_RATE as i64;

/// One packet with its law and its place in its run.
#[derive(Clone, Copy)]
pub(crate) struct RunPacket<'c> {
    /// Samples from the run's origin, negative where the sender's clock stepped back.
    pub(crate) position: i64,
    /// What decodes it.
    pub(crate) law: Law,
    /// The samples, one octet each; never empty.
    pub(crate) payload: &'c [u8],
    /// Sequence numbers between the audio packet before and this one did not come.
    pub(crate) after_loss: bool,
}

/// Packets of one track whose RTP times and arrivals agree.
pub(crate) struct Run<'c> {
    /// In sequence order; never empty.
    pub(crate) packets: Vec<RunPacket<'c>>,
    /// The capture time of its origin, ns.
    origin: i64,
}

impl Run<'_> {
    /// Capture time of its earliest sample, ns.
    pub(crate) fn begins(&self) -> i64 {
        let earliest = self.packets.iter().map(|packet| packet.position).min().unwrap_or(0);
        self.time_of(earliest)
    }

    /// Samples from `start` to its origin, to the nearest.
    pub(crate) const fn offset(&self, start: PacketTime) -> i64 {
        samples_in(self.origin.saturating_sub(start.nanos()))
    }

    const fn time_of(&self, position: i64) -> i64 {
        self.origin.saturating_add(position.saturating_mul(SAMPLE_NANOS))
    }
}

/// Whole samples nearest to `nanos`; halves go up.
pub(crate) const fn samples_in(nanos: i64) -> i64 {
    nanos.saturating_add(SAMPLE_NANOS / 2).div_euclid(SAMPLE_NANOS)
}

/// RTP time without its wrap: samples since the first packet it was shown.
struct SenderClock {
    last: RtpTime,
    position: i64,
}

impl SenderClock {
    const fn starting_at(first: RtpTime) -> Self {
        Self { last: first, position: 0 }
    }

    fn advance(&mut self, to: RtpTime) -> i64 {
        self.position = self.position.saturating_add(i64::from(to.since(self.last)));
        self.last = to;
        self.position
    }
}

/// The runs of a track's decodable audio, in sequence order.
pub(crate) fn runs(track: &TrackAudio) -> Vec<Run<'_>> {
    let laws = track.laws();
    let mut runs = Vec::new();
    let mut open: Option<OpenRun<'_>> = None;
    let mut before: Option<(usize, u32)> = None;
    for (index, packet) in track.packets().iter().enumerate() {
        let (Some(law), payload) = (law_of(&laws, packet), track.payload(packet)) else { continue };
        if payload.is_empty() {
            continue;
        }
        // Packets of other kinds stand between in `packets` too: what the indices do not account for was lost.
        let after_loss = before.replace((index, packet.sequence)).is_some_and(|(before, sequence)| {
            u64::from(packet.sequence - sequence) > (index - before) as u64
        });
        let shown = Shown { packet, law, payload, after_loss };
        open = Some(match open.take() {
            None => OpenRun::begin(&shown),
            Some(run) => run.extend_or_begin(&shown, &mut runs),
        });
    }
    runs.extend(open.map(OpenRun::close));
    runs
}

/// The law of an audio packet that can be decoded.
fn law_of(laws: &[Option<Law>; 128], packet: &Packet) -> Option<Law> {
    use earwitness_model::PayloadKind::{Audio, ComfortNoise, TelephoneEvent, Unknown};
    match packet.kind {
        Audio => laws[usize::from(packet.payload_type & 0x7f)],
        TelephoneEvent | ComfortNoise | Unknown => None,
    }
}

/// A decodable packet on its way into a run.
struct Shown<'c> {
    packet: &'c Packet,
    law: Law,
    payload: &'c [u8],
    after_loss: bool,
}

struct OpenRun<'c> {
    packets: Vec<RunPacket<'c>>,
    clock: SenderClock,
    /// Arrival minus RTP time of the packet before.
    transit: i64,
    /// The least of them so far, within [`ANCHOR_SAMPLES`].
    least: i64,
}

impl<'c> OpenRun<'c> {
    fn begin(shown: &Shown<'c>) -> Self {
        let transit = shown.packet.arrival.nanos();
        let clock = SenderClock::starting_at(shown.packet.rtp_time);
        let mut run = Self { packets: Vec::new(), clock, transit, least: transit };
        run.push(shown, 0);
        run
    }

    fn extend_or_begin(mut self, shown: &Shown<'c>, closed: &mut Vec<Run<'c>>) -> Self {
        let position = self.clock.advance(shown.packet.rtp_time);
        let transit = shown.packet.arrival.nanos().saturating_sub(position.saturating_mul(SAMPLE_NANOS));
        let least = if position < ANCHOR_SAMPLES { self.least.min(transit) } else { self.least };
        if transit.abs_diff(self.transit).max(transit.abs_diff(least)) > JUMP_NANOS {
            closed.push(self.close());
            return Self::begin(shown);
        }
        (self.transit, self.least) = (transit, least);
        self.push(shown, position);
        self
    }

    fn push(&mut self, shown: &Shown<'c>, position: i64) {
        let Shown { law, payload, after_loss, .. } = *shown;
        self.packets.push(RunPacket { position, law, payload, after_loss });
    }

    fn close(self) -> Run<'c> {
        Run { packets: self.packets, origin: self.least }
    }
}

/// From where to where a call's audio goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// The answer, or the first sample where that is earlier.
    pub(crate) start: PacketTime,
    /// To the end of the call, or to the last sample where that is later: nothing that was kept is cut off.
    pub(crate) samples: i64,
}

impl Span {
    /// The span of `call` with the `runs` of all its tracks.
    pub(crate) fn of(call: &CallAudio, runs: &[&Run<'_>]) -> Self {
        let first = runs.iter().map(|run| run.begins()).min();
        let start = first.map_or(call.answer, |first| call.answer.min(PacketTime::from_nanos(first)));
        let called = samples_in(call.end.since(start));
        let heard = runs.iter().flat_map(|run| {
            let offset = run.offset(start);
            run.packets.iter().map(move |packet| {
                offset.saturating_add(packet.position).saturating_add(packet.payload.len() as i64)
            })
        });
        Self { start, samples: heard.max().unwrap_or(0).max(called).max(0) }
    }
}
