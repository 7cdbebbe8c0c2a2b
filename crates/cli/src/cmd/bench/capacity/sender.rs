//! The sender: a crowd's frames, each when it is due, to where the recorder listens.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use earwitness_capture::MemoryEntry;
use earwitness_load::Crowd;
use earwitness_model::PacketTime;
use nix::sys::resource::{UsageWho, getrusage};

use crate::{cmd::bench::measured::processor_time, instruments::resident_bytes};

/// How long a sender waits for the recorder to take what it sent.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often an interface is asked again that has no room for a frame.
const REFUSALS: u32 = 1_000;

/// Where frames go.
pub(super) enum Way {
    /// Into rings in memory, one for each capture thread; both directions of a flow into the same.
    Memory(Vec<MemoryEntry>),
    /// Onto an interface.
    Wire(Box<pcap::Capture<pcap::Active>>),
}

/// What all processes of this box, the recorder and the sender took and did until a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) at: Instant,
    /// Processor time of this process.
    pub(super) all: Duration,
    /// And of these the sender's.
    pub(super) sender: Duration,
    /// Frames sent.
    pub(super) frames: u64,
    /// And dropped because the ring was full; of an interface the recorder knows.
    pub(super) dropped: u64,
    /// Memory of this process, in KiB; 0 where `/proc` does not tell.
    pub(super) rss_kib: u64,
    /// The share of the ring that is in use.
    pub(super) fill: f64,
}

/// What was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) frames: u64,
    pub(super) dropped: u64,
    /// Before the first frame, from when on all calls talk, and when the last frame was sent.
    pub(super) moments: [Moment; 3],
    /// How late the last frame was.
    pub(super) late: Duration,
    /// The most of the ring that was in use.
    pub(super) fill: f64,
}

impl Way {
    /// Sends on an interface.
    ///
    /// # Errors
    /// When it may not be sent on.
    pub(super) fn wire(interface: &str) -> Result<Self, pcap::Error> {
        let mut handle = pcap::Capture::from_device(interface)?.snaplen(64).open()?;
        // Nothing is to be received on this handle: no frame is so short.
        handle.filter("less 1", true)?;
        Ok(Self::Wire(Box::new(handle)))
    }

    fn send(&mut self, time: PacketTime, frame: &[u8]) {
        match self {
            Self::Memory(rings) => {
                let place = if rings.len() > 1 { flow(frame) % rings.len() } else { 0 };
                rings[place].offer(time, frame);
            }
            Self::Wire(handle) => {
                let mut refusals = 0;
                // A frame that the interface never takes is lost: the recorder misses it, and so does the figure.
                while handle.sendpacket(frame).is_err() && refusals < REFUSALS {
                    refusals += 1;
                    thread::sleep(Duration::from_micros(50));
                }
            }
        }
    }

    fn handle_time(&mut self, now: PacketTime) {
        match self {
            Self::Memory(rings) => rings.iter_mut().for_each(|ring| ring.handle_time(now)),
            Self::Wire(_) => {}
        }
    }

    fn hand_over(&mut self) {
        match self {
            Self::Memory(rings) => rings.iter_mut().for_each(MemoryEntry::hand_over),
            Self::Wire(_) => {}
        }
    }

    fn fill(&self) -> f64 {
        match self {
            Self::Memory(rings) => rings.iter().map(MemoryEntry::fill).fold(0.0, f64::max),
            Self::Wire(_) => 0.0,
        }
    }

    fn dropped(&self) -> u64 {
        match self {
            Self::Memory(rings) => rings.iter().map(|ring| ring.counts().1).sum(),
            Self::Wire(_) => 0,
        }
    }
}

/// A number that both directions of a flow have: the sum of its ports, which are even.
fn flow(frame: &[u8]) -> usize {
    let port =
        |at: usize| frame.get(at..at + 2).map_or(0, |port| usize::from(port[0]) << 8 | usize::from(port[1]));
    (port(34) + port(36)) / 4
}

/// Sends all of `crowd`, from `base` on; `hold_ms` before its end all calls talk. Ends early when `over` is set.
pub(super) fn send(
    crowd: &mut Crowd,
    (way, base): (&mut Way, PacketTime),
    (hold_ms, over): (u32, &AtomicBool),
) -> Sent {
    hurry();
    let begun = Instant::now();
    let hold = crowd.lasts_ms().saturating_sub(hold_ms);
    let (mut frames, mut tick, mut most) = (0, 0_u32, 0.0_f64);
    let first = Moment::now(way, frames);
    let mut holding = first;
    loop {
        let due = Duration::from_millis(u64::from(tick));
        thread::sleep(due.saturating_sub(begun.elapsed()));
        if tick == hold {
            holding = Moment::now(way, frames);
        }
        let sent = crowd.advance(&mut |offset, frame| {
            frames += 1;
            way.send(base.plus_nanos(offset), frame);
        });
        tick += 1;
        way.handle_time(base.plus_nanos(i64::from(tick) * 1_000_000));
        most = most.max(way.fill());
        if !sent || over.load(Relaxed) {
            break;
        }
    }
    let late = begun.elapsed().saturating_sub(Duration::from_millis(u64::from(tick)));
    way.hand_over();
    let last = Moment::now(way, frames);
    let waited = Instant::now();
    while way.fill() > 0.0 && waited.elapsed() < PATIENCE && !over.load(Relaxed) {
        thread::sleep(Duration::from_millis(5));
    }
    Sent { frames, dropped: way.dropped(), moments: [first, holding, last], late, fill: most }
}

impl Moment {
    fn now(way: &Way, frames: u64) -> Self {
        Self {
            at: Instant::now(),
            all: cpu(UsageWho::RUSAGE_SELF),
            sender: cpu(UsageWho::RUSAGE_THREAD),
            frames,
            dropped: way.dropped(),
            rss_kib: resident_bytes().unwrap_or(0) >> 10,
            fill: way.fill(),
        }
    }
}

/// Frames come whether or not the recorder has time: the sender goes first, where that is permitted.
fn hurry() {
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), -10).unwrap_or_default();
}

fn cpu(who: UsageWho) -> Duration {
    // A process may always ask for itself.
    getrusage(who).map(|usage| processor_time(&usage)).unwrap_or_default()
}
