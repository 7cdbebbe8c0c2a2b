//! One number of calls at once, in a process of its own: the real recorder with all its threads, a real vault, and a sender
//! beside it. A process of its own, so that memory is counted from nothing and what goes wrong goes no further.

use std::{
    io::Write,
    num::NonZeroU16,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use chrono_tz::Tz;
use clap::Args;
use earwitness_capture::{Fanout, Feed, LiveOptions, LiveSource, memory_ring};
use earwitness_engine::Limits;
use earwitness_load::Crowd;
use earwitness_model::PacketTime;
use earwitness_recorder::{Finished, Health, Recorder, watch};
use earwitness_rules::RuleSet;
use earwitness_vault::{Access, CipherSuite, NewVault, Vault};
use serde::{Deserialize, Serialize};

use super::{
    kept::{Kept, kept},
    sender::{Sent, Way, send},
};
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
};

/// Record so many made-up calls at once, and tell what it took
#[derive(Debug, Clone, Args)]
pub(in crate::cmd::bench) struct Step {
    /// Calls at once
    #[arg(long)]
    pub(super) at_once: u32,
    /// Within how many ms they begin
    #[arg(long)]
    pub(super) spread_ms: u32,
    /// For how many ms all of them talk
    #[arg(long)]
    pub(super) hold_ms: u32,
    #[command(flatten)]
    pub(super) setting: Setting,
}

/// What is the same for every number of calls.
#[derive(Debug, Clone, PartialEq, Eq, Args, Serialize, Deserialize)]
pub(in crate::cmd::bench) struct Setting {
    /// Send the frames on this interface, for one that receives them: both ends of a cable or of a pair of one's own that carries
    /// nothing else. One with routes, addresses or interfaces above it is refused, and one on which others are heard in a second
    #[arg(long, value_name = "IFACE", requires = "receive")]
    pub(super) send: Option<String>,
    /// Record on this interface
    #[arg(long, value_name = "IFACE", requires = "send")]
    pub(super) receive: Option<String>,
    /// The ring in front of the recorder, in MiB: 1 to 1024
    #[arg(short = 'B', long = "buffer-size", value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(super) buffer: u32,
    /// Capture threads, as `record` has them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub(super) threads: u16,
    /// Memory for audio on its way to the disk, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub(super) memory: u32,
}

/// What a number of calls came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Level {
    /// Calls at once.
    pub(super) calls: u32,
    /// Calls of which every packet is in the vault, byte for byte.
    pub(super) calls_whole: u32,
    /// Legs that say to be whole, and are not what was sent.
    pub(super) inexact: u32,
    /// Frames that were sent.
    pub(super) frames: u64,
    /// Of these, frames that found the ring full.
    pub(super) dropped: u64,
    /// Media packets that are in no recording.
    pub(super) missing: u64,
    /// Frames a second, sent while all calls talked,
    pub(super) frames_per_second: f64,
    /// and taken.
    pub(super) taken_per_second: f64,
    /// The recorder's processor time for a frame in that time, all threads and the kernel's share, in µs.
    pub(super) cpu_us: f64,
    /// Processors that the recorder kept busy.
    pub(super) processors: f64,
    /// The sender's processor time for a frame, in µs.
    pub(super) sender_cpu_us: f64,
    /// How late the sender's last frame was, in ms.
    pub(super) late_ms: f64,
    /// The most of the ring that was in use, from 0 to 1,
    pub(super) fill_most: f64,
    /// and what was at the end.
    pub(super) fill_end: f64,
    /// From the arrival of a frame until it was safe on the disk, in ms: the middle one,
    pub(super) lag_p50_ms: Option<f64>,
    /// 99 of 100,
    pub(super) lag_p99_ms: Option<f64>,
    /// the worst.
    pub(super) lag_most_ms: Option<f64>,
    /// Bytes a second written to the vault while all calls talked: all of them by the time in which that many did.
    pub(super) disk_bytes_per_second: f64,
    /// Memory while all calls talked, in KiB,
    pub(super) rss_kib: u64,
    /// and before the first frame.
    pub(super) rss_before_kib: u64,
}

impl Level {
    /// Memory for a call, in KiB.
    pub(super) fn kib_per_call(&self) -> f64 {
        self.rss_kib.saturating_sub(self.rss_before_kib) as f64 / f64::from(self.calls.max(1))
    }
}

impl Step {
    pub(in crate::cmd::bench) fn run(&self, context: &Context) -> Outcome {
        let level = self.measure(&context.vault)?;
        let line = serde_json::to_string(&level).map_err(std::io::Error::from)?;
        writeln!(context.out(), "{line}")?;
        Ok(Exit::Done)
    }

    fn measure(&self, dir: &std::path::Path) -> Result<Level, Failure> {
        let new = NewVault {
            access: Access::Open,
            cipher: CipherSuite::Aes256Gcm,
            zone: Tz::UTC,
            passphrase: None,
            officer_key: None,
            now: Context::now(),
        };
        earwitness_vault::create(dir, new)?;
        let vault = Vault::open(dir)?;
        let (mut way, mut sources) = self.ends()?;
        let mut crowd = Crowd::new(self.at_once, (self.spread_ms, self.hold_ms), 1);
        let limits = Limits {
            ring_bytes: (self.setting.memory as usize) << 20,
            calls: Limits::default().calls.max(self.at_once as usize + 1_000),
            ..Limits::default()
        };
        let recorder = Recorder { vault: &vault, rules: RuleSet::lab(), limits, clock: Context::now };
        let (watch, post) = watch();
        let over = AtomicBool::new(false);
        let base = PacketTime::from_nanos(Context::now().nanos());
        let (finished, sent, health) = thread::scope(|scope| {
            let sending = scope.spawn(|| {
                let sent = send(&mut crowd, (&mut way, base), (self.hold_ms, &over));
                // What was written last is told with the next look, once a second.
                thread::sleep(Duration::from_millis(1_200));
                let health = watch.health();
                watch.stop().map(|()| (sent, health))
            });
            let finished = match sources.pop() {
                Some(only) if sources.is_empty() => recorder.watch(only, post),
                last => recorder.watch_sharded(sources.into_iter().chain(last).collect(), post),
            };
            over.store(true, Relaxed);
            let sent = sending.join().map_err(|_panic| Failure::new(Exit::Failed, "the sender fell over"))?;
            // When it could not record, that is why the sender had no answer.
            let finished = finished?;
            let (sent, health) = sent.map_err(|gone| Failure::new(Exit::Failed, gone))?;
            Ok::<_, Failure>((finished, sent, health))
        })?;
        let kept = kept(&vault, &crowd, self.at_once)?;
        Ok(self.level(&sent, (&finished, health.as_deref()), kept))
    }

    /// The sender's end and, for each capture thread, what it reads.
    fn ends(&self) -> Result<(Way, Vec<Vec<Feed>>), Failure> {
        let Setting { send, receive, buffer, threads, .. } = &self.setting;
        let ring_bytes = (*buffer as usize) << 20;
        let (Some(send), Some(receive)) = (send, receive) else {
            let each = ring_bytes / usize::from((*threads).max(1));
            let rings = (0..*threads).map(|_| memory_ring("made up", each)).collect::<Result<Vec<_>, _>>()?;
            let (entries, sources): (Vec<_>, Vec<_>) = rings.into_iter().unzip();
            let sources = sources.into_iter().map(|source| vec![Feed::from(source)]).collect();
            return Ok((Way::Memory(entries), sources));
        };
        let failed = |cause: &dyn std::fmt::Display| Failure::new(Exit::Failed, cause);
        let group = NonZeroU16::new(std::process::id() as u16).unwrap_or(NonZeroU16::MAX);
        let fanout = (*threads > 1).then_some(Fanout { group });
        let options = LiveOptions { ring_bytes, fanout, ..LiveOptions::default() };
        let open = || LiveSource::open(receive, &options).map_err(|cause| failed(&cause));
        let sources: Result<Vec<_>, _> =
            (0..*threads).map(|_| open().map(|source| vec![Feed::from(source)])).collect();
        let way = Way::wire(send).map_err(|cause| failed(&format_args!("{send}: {cause}")))?;
        Ok((way, sources?))
    }

    fn level(&self, sent: &Sent, (finished, health): (&Finished, Option<&Health>), kept: Kept) -> Level {
        let [first, holding, last] = &sent.moments;
        let seconds = last.at.saturating_duration_since(holding.at).as_secs_f64().max(1e-3);
        let frames = last.frames - holding.frames;
        // What an interface drops the kernel tells of the whole time: it is shared out evenly.
        let share = finished.dropped as f64 / sent.frames.max(1) as f64;
        let taken = match self.setting.receive {
            None => frames.saturating_sub(last.dropped - holding.dropped),
            Some(_) => (frames as f64 * (1.0 - share.min(1.0))) as u64,
        };
        let sender = last.sender.saturating_sub(holding.sender);
        let recorder = last.all.saturating_sub(holding.all).saturating_sub(sender);
        let total = last.at.saturating_duration_since(first.at).as_secs_f64().max(1e-3);
        let lag = health.map(|health| health.written.lag).filter(|lag| lag.segments > 0);
        // While they begin there are half as many, for as long as that takes.
        let written = finished.bytes as f64 / (total - f64::from(self.spread_ms) / 2e3).max(0.1);
        Level {
            calls: self.at_once,
            calls_whole: kept.whole,
            inexact: kept.inexact,
            frames: sent.frames,
            dropped: sent.dropped.max(finished.dropped),
            missing: kept.missing,
            frames_per_second: frames as f64 / seconds,
            taken_per_second: taken as f64 / seconds,
            cpu_us: recorder.as_secs_f64() * 1e6 / taken.max(1) as f64,
            processors: recorder.as_secs_f64() / seconds,
            sender_cpu_us: sender.as_secs_f64() * 1e6 / frames.max(1) as f64,
            late_ms: sent.late.as_secs_f64() * 1e3,
            fill_most: sent.fill,
            fill_end: last.fill,
            lag_p50_ms: lag.map(|lag| lag.p50_ms as f64),
            lag_p99_ms: lag.map(|lag| lag.p99_ms as f64),
            lag_most_ms: lag.map(|lag| lag.most_ms as f64),
            disk_bytes_per_second: written,
            rss_kib: last.rss_kib,
            rss_before_kib: first.rss_kib,
        }
    }
}
