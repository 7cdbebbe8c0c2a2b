//! Where each packet's samples belong: the sender's clock for what lies within a run, the capture's for where runs begin.
//!
//! ```text
//!   RTP time   160   320   480            9,920     sender restarts: 77  237
//!   samples  |-----|-----|-----|  silence  |-----|                 |-----|-----|
//!            └──────────── run, anchored once ───┘                 └── run ────┘
//! ```
//!
//! A run is a stretch of one track in which RTP time and arrival agree, on one clock. Within it the distances are RTP
//! time's, sample for sample, so network jitter never moves audio and loss or silence suppression is a hole of the right
//! length. The run as a whole lies where its least delayed packet puts it: what every packet waits at least is not audible.

use earwitness_model::{PacketTime, RtpTime};

use crate::{
    CallAudio, TrackAudio,
    audio::{Packet, Reading},
    codec::Format,
    red,
};

/// The longest timeline that is written, in hours.
pub const MAX_HOURS: u32 = 24;

/// RTP time that departs from arrival by more than this, since the packet before or since the run's anchor, begins a new
/// run: 2 s. Networks do not delay packets so long; a sender that restarts its clock, or stops it on hold, does, and
/// shorter stops must not add up.
const JUMP_NANOS: u64 = 2_000_000_000;

/// The least delayed packet is looked for in the first 10 s of a run. Later ones would move the beginning by what the
/// sender's crystal has gained by then: 50 ppm are 180 ms in an hour.
const ANCHOR_SECONDS: i64 = 10;

/// One packet with its format and its place in its run.
#[derive(Clone, Copy)]
pub(crate) struct RunPacket<'c> {
    /// Clock units from the run's origin, negative where the sender's clock stepped back.
    pub(crate) position: i64,
    /// What decodes it.
    pub(crate) format: Format,
    /// Of at least one sample.
    pub(crate) payload: &'c [u8],
    /// Sequence numbers between the audio packet before and this one did not come.
    pub(crate) after_loss: bool,
    pub(crate) origin: Origin,
}

/// Where a payload was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In its own packet.
    Sent,
    /// Its packet did not come, and a later one carried it again (RFC 2198).
    Recovered,
}

/// Packets of one track whose RTP times and arrivals agree.
pub(crate) struct Run<'c> {
    /// In sequence order; never empty.
    pub(crate) packets: Vec<RunPacket<'c>>,
    /// RTP clock units per second, the same for all of them.
    pub(crate) clock: u32,
    /// The capture time of its origin, ns.
    origin: i64,
}

impl Run<'_> {
    /// Capture time of its earliest sample, ns.
    pub(crate) fn begins(&self) -> i64 {
        let earliest = self.packets.iter().map(|packet| packet.position).min().unwrap_or(0);
        self.nanos_at(earliest)
    }

    /// Capture time of a position, ns.
    pub(crate) const fn nanos_at(&self, position: i64) -> i64 {
        self.origin.saturating_add(nanos_in(position, self.clock))
    }

    /// Where each of its packets begins, in samples of `rate` from `start`.
    pub(crate) fn starts(&self, start: PacketTime, rate: u32) -> impl Iterator<Item = i64> {
        let offset = samples_in(self.origin.saturating_sub(start.nanos()), rate);
        let clock = self.clock;
        self.packets.iter().map(move |packet| offset.saturating_add(scaled(packet.position, rate, clock)))
    }
}

/// `units` of `from` per second, in units of `to` per second, as far as they are whole.
pub(crate) const fn scaled(units: i64, to: u32, from: u32) -> i64 {
    saturated((units as i128 * to as i128).div_euclid(from as i128))
}

/// Whole samples nearest to `nanos`; halves go up.
pub(crate) const fn samples_in(nanos: i64, rate: u32) -> i64 {
    saturated((nanos as i128 * rate as i128 + 500_000_000).div_euclid(1_000_000_000))
}

const fn nanos_in(units: i64, clock: u32) -> i64 {
    saturated((units as i128 * 1_000_000_000).div_euclid(clock as i128))
}

const fn saturated(value: i128) -> i64 {
    if value > i64::MAX as i128 {
        i64::MAX
    } else if value < i64::MIN as i128 {
        i64::MIN
    } else {
        value as i64
    }
}

/// RTP time without its wrap: units since the first packet it was shown.
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

/// What was said before the end of a call arrives at most so much later: one-way delays above 400 ms are not to be planned
/// with (ITU-T G.114, 6).
const IN_FLIGHT_NANOS: i64 = 400_000_000;

/// Whether a packet was sent on after a party hung up, and was not in flight then.
fn is_sent_on(packet: &Packet, hung_up: Option<PacketTime>) -> bool {
    hung_up.is_some_and(|at| packet.arrival > at.plus_nanos(IN_FLIGHT_NANOS))
}

/// Decodable packets of a track that are in none of its [`runs`], because a party `hung_up` before.
pub(crate) fn sent_on(track: &TrackAudio, hung_up: Option<PacketTime>) -> u64 {
    if hung_up.is_none() {
        return 0;
    }
    let readings = track.readings();
    let is_left_out = |packet: &&Packet| {
        is_sent_on(packet, hung_up) && is_audible(&readings, packet, track.payload(packet))
    };
    track.packets().iter().filter(is_left_out).count() as u64
}

/// The runs of a track's decodable audio, in sequence order. A phone that sends on after a party `hung_up` makes no recording
/// longer than the call: what it sends is in the payload and the pcapng, and counted by [`sent_on`].
pub(crate) fn runs(track: &TrackAudio, hung_up: Option<PacketTime>) -> Vec<Run<'_>> {
    let readings = track.readings();
    let (mut runs, mut open) = (Vec::new(), None);
    let mut before: Option<(usize, u32)> = None;
    for (index, packet) in track.packets().iter().enumerate() {
        let Some(audible) = audible(&readings, packet, track.payload(packet)) else { continue };
        if is_sent_on(packet, hung_up) {
            continue;
        }
        // Packets of other kinds stand between in `packets` too: what the indices do not account for was lost.
        let after_loss = before.replace((index, packet.sequence)).is_some_and(|(before, sequence)| {
            u64::from(packet.sequence - sequence) > (index - before) as u64
        });
        let earlier = if after_loss { audible.earlier } else { Vec::new() };
        for (units, format, payload) in earlier {
            let rtp_time = RtpTime(packet.rtp_time.0.wrapping_sub(u32::from(units)));
            let shown = Shown {
                rtp_time,
                format,
                payload,
                after_loss,
                arrival: packet.arrival,
                origin: Origin::Recovered,
            };
            if open.as_ref().is_none_or(|run: &OpenRun<'_>| run.ends_before(rtp_time)) {
                open = Some(OpenRun::extended(open, &shown, &mut runs));
            }
        }
        let (format, payload) = audible.newest;
        let (rtp_time, arrival) = (packet.rtp_time, packet.arrival);
        let shown = Shown { rtp_time, format, payload, after_loss, arrival, origin: Origin::Sent };
        open = Some(OpenRun::extended(open, &shown, &mut runs));
    }
    runs.extend(open.map(OpenRun::close));
    runs
}

/// What can be decoded of a packet.
struct Audible<'c> {
    newest: (Format, &'c [u8]),
    /// What it carries again, oldest first, and how many clock units before it.
    earlier: Vec<(u16, Format, &'c [u8])>,
}

/// The audio of an audio packet that can be decoded, and has at least one sample.
pub(crate) fn is_audible(readings: &[Reading; 128], packet: &Packet, payload: &[u8]) -> bool {
    audible(readings, packet, payload).is_some()
}

fn audible<'c>(readings: &[Reading; 128], packet: &Packet, payload: &'c [u8]) -> Option<Audible<'c>> {
    use earwitness_model::PayloadKind::{Audio, ComfortNoise, TelephoneEvent, Unknown};
    match packet.kind {
        Audio => {}
        TelephoneEvent | ComfortNoise | Unknown => return None,
    }
    let plain = |payload_type: u8, payload: &'c [u8]| match readings[usize::from(payload_type & 0x7f)] {
        Reading::Plain(format) => Some((format, payload)).filter(|_| format.samples(payload) > 0),
        Reading::Redundant | Reading::None => None,
    };
    match readings[usize::from(packet.payload_type & 0x7f)] {
        Reading::Redundant => {
            let mut blocks = red::blocks(payload)?;
            let newest = blocks.pop()?;
            let earlier = blocks.iter().filter_map(|block| {
                plain(block.payload_type, block.payload)
                    .map(|(format, payload)| (block.earlier, format, payload))
            });
            Some(Audible { earlier: earlier.collect(), newest: plain(newest.payload_type, newest.payload)? })
        }
        Reading::Plain(_) | Reading::None => {
            Some(Audible { newest: plain(packet.payload_type, payload)?, earlier: Vec::new() })
        }
    }
}

/// A decodable payload on its way into a run.
struct Shown<'c> {
    rtp_time: RtpTime,
    arrival: PacketTime,
    format: Format,
    payload: &'c [u8],
    after_loss: bool,
    origin: Origin,
}

struct OpenRun<'c> {
    packets: Vec<RunPacket<'c>>,
    rate: u32,
    clock: SenderClock,
    /// Arrival minus RTP time of the packet before.
    transit: i64,
    /// The least of them so far, within [`ANCHOR_SECONDS`].
    least: i64,
}

impl<'c> OpenRun<'c> {
    fn begin(shown: &Shown<'c>) -> Self {
        let transit = shown.arrival.nanos();
        let clock = SenderClock::starting_at(shown.rtp_time);
        let mut run = Self { packets: Vec::new(), rate: shown.format.clock, clock, transit, least: transit };
        run.push(shown, 0);
        run
    }

    /// The run with one packet more, or the next one, and this in `closed`.
    fn extended(open: Option<Self>, shown: &Shown<'c>, closed: &mut Vec<Run<'c>>) -> Self {
        let Some(mut run) = open else { return Self::begin(shown) };
        let position = run.clock.advance(shown.rtp_time);
        let transit = shown.arrival.nanos().saturating_sub(nanos_in(position, run.rate));
        let is_early = position < ANCHOR_SECONDS * i64::from(run.rate);
        let least = if is_early { run.least.min(transit) } else { run.least };
        let jump = transit.abs_diff(run.transit).max(transit.abs_diff(least));
        if jump > JUMP_NANOS || shown.format.clock != run.rate {
            closed.push(run.close());
            return Self::begin(shown);
        }
        (run.transit, run.least) = (transit, least);
        run.push(shown, position);
        run
    }

    /// Whether its last packet has ended when `time` begins.
    fn ends_before(&self, time: RtpTime) -> bool {
        let length = self.packets.last().map_or(0, |packet| {
            scaled(packet.format.samples(packet.payload) as i64, packet.format.clock, packet.format.rate)
        });
        i64::from(time.since(self.clock.last)) >= length
    }

    fn push(&mut self, shown: &Shown<'c>, position: i64) {
        let Shown { format, payload, after_loss, origin, .. } = *shown;
        self.packets.push(RunPacket { position, format, payload, after_loss, origin });
    }

    fn close(self) -> Run<'c> {
        Run { packets: self.packets, clock: self.rate, origin: self.least }
    }
}

/// From where to where a call's audio goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// The answer, or the first sample where that is earlier.
    pub(crate) start: PacketTime,
    /// To the end of the call, or to the last sample where that is later: no packet is cut.
    pub(crate) samples: i64,
    /// Samples per second.
    pub(crate) rate: u32,
}

impl Span {
    /// The span of `call` with the `runs` of all its tracks, in samples of `rate`.
    pub(crate) fn of<'r>(
        call: &CallAudio,
        runs: impl Iterator<Item = &'r Run<'r>> + Clone,
        rate: u32,
    ) -> Self {
        let first = runs.clone().map(Run::begins).min();
        let start = first.map_or(call.answer, |first| call.answer.min(PacketTime::from_nanos(first)));
        let called = samples_in(call.end.since(start), rate);
        let heard = runs.flat_map(|run| {
            run.starts(start, rate).zip(&run.packets).map(move |(start, packet)| {
                let length = packet.format.samples(packet.payload) as i64;
                start.saturating_add(scaled(length, rate, packet.format.rate))
            })
        });
        Self { start, samples: heard.max().unwrap_or(0).max(called).max(0), rate }
    }

    /// Its whole hours, when they are more than [`MAX_HOURS`].
    pub(crate) const fn too_many_hours(&self) -> Option<u64> {
        let second = self.rate as i64;
        let most = MAX_HOURS as i64 * 3600 * second;
        if self.samples > most { Some((self.samples / 3600 / second).unsigned_abs()) } else { None }
    }
}
