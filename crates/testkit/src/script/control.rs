//! What both ends of a run report of it: RTCP with the counts of what was really sent and received.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use earwitness_model::Flow;

use super::{
    line::{Line, address, number, seconds},
    media::Run,
};
use crate::rtcp::{Block, Metrics, description, extended_report, receiver_report, sender_report};

const SECOND: i64 = 1_000_000_000;
const MILLISECOND: i64 = 1_000_000;
/// A receiver answers the sender's report of so long before.
const ANSWERS_AFTER: i64 = SECOND;

/// How the ends of a run report.
#[derive(Debug, Clone)]
pub(super) struct Reporting {
    every: i64,
    delay: i64,
    place: Place,
    /// What the receiver measures, each time.
    metrics: Option<Metrics>,
}

/// Where RTCP goes.
#[derive(Debug, Clone, Copy)]
enum Place {
    NextPort,
    SamePort,
    /// From here, to the port behind the sender's.
    From(SocketAddr),
}

/// A datagram and when it passes.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) nanos: i64,
    pub(super) flow: Flow,
    pub(super) bytes: Vec<u8>,
}

/// What the receivers of all sources had heard, where a source goes on in another run.
#[derive(Debug, Default)]
pub(super) struct Heard(BTreeMap<(Flow, u32), Before>);

/// What was sent before a run, and how much of it was lost.
#[derive(Debug, Clone, Copy)]
struct Before {
    /// The first number, from which the receiver counts wraps.
    first: u16,
    sent: u32,
    lost: i32,
}

impl Reporting {
    /// `reports=SECONDS [delay=MS] [mux | rtcp=ADDRESS] [xr=NAME:VALUE,…]`.
    pub(super) fn read(line: &mut Line<'_>) -> Result<Option<Self>, String> {
        let every = line.value("reports", seconds)?;
        let delay = line.value("delay", number::<u32>)?.map_or(0, i64::from) * MILLISECOND;
        let place = match (line.flag("mux"), line.value("rtcp", address)?) {
            (true, None) => Place::SamePort,
            (false, Some(from)) => Place::From(from),
            (false, None) => Place::NextPort,
            (true, Some(_)) => {
                return Err("reports come on the port of RTP or from another, not both".to_owned());
            }
        };
        let metrics = line.value("xr", metrics)?;
        match every {
            None if metrics.is_some() => Err("`xr=` goes with `reports=`".to_owned()),
            Some(every) if every < 2 * ANSWERS_AFTER => Err("reports are 2 s apart, or more".to_owned()),
            every => Ok(every.map(|every| Self { every, delay, place, metrics })),
        }
    }

    /// From the receiver of `flow` to its sender, and from its sender.
    fn flows(&self, flow: Flow) -> (Flow, Flow) {
        let next = |end: SocketAddr| SocketAddr::new(end.ip(), end.port().wrapping_add(1));
        let behind = Flow { src: next(flow.src), dst: next(flow.dst) };
        match self.place {
            Place::NextPort => (behind.reversed(), behind),
            Place::SamePort => (flow.reversed(), flow),
            Place::From(from) => (Flow { src: from, dst: behind.src }, Flow { src: behind.src, dst: from }),
        }
    }
}

impl Heard {
    /// What both ends say of the run while it lasts, and at its end.
    pub(super) fn reports(&mut self, run: &Run) -> Vec<Report> {
        let sent = run.sent();
        let missed: BTreeSet<usize> = run.gone.iter().chain(&run.beyond).copied().collect();
        let key = (run.flow, run.ssrc);
        let before = *self.0.entry(key).or_insert(Before { first: run.sequence, sent: 0, lost: 0 });
        let lost_before = |index: usize| before.lost + missed.range(..index).count() as i32;
        self.0.insert(
            key,
            Before { sent: before.sent + sent.len() as u32, lost: lost_before(sent.len()), ..before },
        );
        let Some(reporting) = &run.reports else { return Vec::new() };
        let (from_receiver, from_sender) = reporting.flows(run.flow);
        let steps = (1..).map(|n| run.from + n * reporting.every).take_while(|at| *at < run.to);
        let mut reports = Vec::new();
        let mut told = (before.sent, before.lost);
        for at in steps.chain([run.to + reporting.delay]) {
            let asked = at - ANSWERS_AFTER;
            let until = |nanos: i64| sent.partition_point(|packet| packet.nanos <= nanos);
            let Some(highest) = (0..until(at - reporting.delay)).rev().find(|index| !missed.contains(index))
            else {
                continue;
            };
            let ntp = ntp(asked);
            let count = before.sent + until(asked) as u32;
            let said = sender_report(run.ssrc, ntp, 0, (count, count * 160));
            reports.push(compound(asked, from_sender, (run.ssrc, said)));
            let (number, lost) = (before.sent + highest as u32, lost_before(highest));
            let fraction = (lost - told.1).max(0) as u32 * 256 / (number + 1).saturating_sub(told.0).max(1);
            told = (number + 1, lost);
            let block = Block {
                ssrc: run.ssrc,
                fraction_lost: fraction.min(255) as u8,
                lost,
                highest: u32::from(before.first) + number,
                jitter: 8,
                last_sender_report: (ntp >> 16) as u32,
                delay_since: ((ANSWERS_AFTER - 2 * reporting.delay) * 65_536 / SECOND) as u32,
            };
            let ssrc = run.ssrc ^ 0x5555_5555;
            let mut said = compound(at, from_receiver, (ssrc, receiver_report(ssrc, &[block])));
            let measured = reporting.metrics.map(|metrics| Metrics { ssrc: run.ssrc, ..metrics });
            said.bytes.extend(measured.into_iter().flat_map(|metrics| extended_report(ssrc, &[metrics])));
            reports.push(said);
        }
        reports
    }
}

/// `NAME:VALUE,…`: what is not named has no value.
fn metrics(text: &str) -> Result<Metrics, String> {
    let mut metrics = Metrics::default();
    for part in text.split(',') {
        let (name, value) =
            part.split_once(':').ok_or_else(|| format!("`{part}` is not a name, `:` and a value"))?;
        let level = || value.parse().map_err(|_| format!("`{value}` is not a level"));
        match name {
            "loss" => metrics.loss_rate = number(value)?,
            "discard" => metrics.discard_rate = number(value)?,
            "burst-density" => metrics.burst_density = number(value)?,
            "gap-density" => metrics.gap_density = number(value)?,
            "burst" => metrics.burst_duration = number(value)?,
            "gap" => metrics.gap_duration = number(value)?,
            "trip" => metrics.round_trip_delay = number(value)?,
            "end" => metrics.end_system_delay = number(value)?,
            "signal" => metrics.signal_level = level()?,
            "noise" => metrics.noise_level = level()?,
            "rerl" => metrics.rerl = number(value)?,
            "r" => metrics.r_factor = number(value)?,
            "lq" => metrics.mos_lq = number(value)?,
            "cq" => metrics.mos_cq = number(value)?,
            _ => return Err(format!("nobody measures `{name}`")),
        }
    }
    Ok(metrics)
}

/// A report, and who says so.
fn compound(nanos: i64, flow: Flow, (ssrc, report): (u32, Vec<u8>)) -> Report {
    Report { nanos, flow, bytes: [report, description(ssrc, "phone@example")].concat() }
}

/// An NTP time for a time of the script.
fn ntp(nanos: i64) -> u64 {
    let (seconds, rest) = (nanos / SECOND, nanos % SECOND);
    ((0xe800_0000 + seconds as u64) << 32) | (((rest as u64) << 32) / SECOND as u64)
}
