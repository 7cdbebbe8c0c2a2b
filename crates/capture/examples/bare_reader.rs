//! The least that a capture can cost on this machine, the yardstick of everything that does more:
//!
//! ```text
//! cargo run --release -p earwitness-capture --example bare_reader -- -i IFACE [-B MiB] [--source] [SECONDS]
//! ```
//!
//! Frames are counted and nothing else is done with them: libpcap's `dispatch` and `poll(2)`, or, with `--source`, the
//! same through [`LiveSource`], whose own cost is the difference. Each second it prints the rate, and at the end (after
//! 10 s unless told) totals, what the kernel dropped, and the CPU per frame of this thread. What the kernel does for the
//! interface in interrupts is not in it.
#![expect(clippy::print_stdout, reason = "an example speaks to the terminal")]

use std::{
    env,
    error::Error,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use earwitness_capture::{LiveOptions, LiveSource, Losses, Polled, Source, wait};
use pcap::{Active, Capture, Precision};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    time::{ClockId, clock_gettime},
};

const USAGE: &str = "bare_reader -i IFACE [-B MiB] [--source] [SECONDS]";

/// How long an idle interface is waited for at a time.
const WAIT: Duration = Duration::from_millis(200);

/// One command line.
struct Order {
    interface: String,
    ring_bytes: usize,
    through_source: bool,
    seconds: f64,
}

/// What reads: both with the ring as the recorder has it.
enum Reader {
    Bare(Capture<Active>),
    Source(Box<LiveSource>),
}

#[derive(Default)]
struct Counted {
    frames: u64,
    bytes: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let order = order()?;
    let mut reader = Reader::open(&order)?;
    let (begun, cpu) = (Instant::now(), cpu_time());
    let (mut all, mut losses) = (Counted::default(), Losses::default());
    let (mut second, mut before) = (begun, 0);
    while begun.elapsed().as_secs_f64() < order.seconds {
        reader.turn(&mut all)?;
        if second.elapsed() >= Duration::from_secs(1) {
            let rate = (all.frames - before) as f64 / second.elapsed().as_secs_f64();
            (before, second) = (all.frames, Instant::now());
            reader.count(&mut losses)?;
            // `cargo xtask lab` reads the second number of the last such line.
            println!("{rate:.0} frames/s, {} dropped by the kernel so far", losses.kernel);
        }
    }
    let cpu = cpu_time() - cpu;
    reader.count(&mut losses)?;
    println!(
        "{}: {} frames, {} bytes in {:.1} s; the kernel had {}, and dropped {} of them; CPU {:.3} s, {:.0} ns per frame",
        order.interface,
        all.frames,
        all.bytes,
        begun.elapsed().as_secs_f64(),
        losses.received,
        losses.kernel,
        cpu.as_secs_f64(),
        cpu.as_nanos() as f64 / all.frames.max(1) as f64,
    );
    Ok(())
}

impl Reader {
    fn open(order: &Order) -> Result<Self, Box<dyn Error>> {
        let options = LiveOptions { ring_bytes: order.ring_bytes, ..LiveOptions::default() };
        if order.through_source {
            return Ok(Self::Source(Box::new(LiveSource::open(&order.interface, &options)?)));
        }
        let capture = Capture::from_device(order.interface.as_str())?
            .promisc(true)
            .snaplen(options.snap_len.cast_signed())
            .buffer_size(options.ring_bytes.try_into()?)
            .timeout(20)
            .precision(Precision::Nano);
        Ok(Self::Bare(capture.open()?.setnonblock()?))
    }

    /// Counts what is there, or waits.
    fn turn(&mut self, all: &mut Counted) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Source(source) => {
                let polled = source.poll(&mut |frame| {
                    all.frames += 1;
                    all.bytes += frame.bytes.len() as u64;
                })?;
                if polled == Polled::Idle {
                    wait(&[source], WAIT);
                }
            }
            Self::Bare(capture) => {
                let handed = capture.dispatch(None, |packet| {
                    all.frames += 1;
                    all.bytes += packet.data.len() as u64;
                })?;
                if handed == 0 {
                    let mut fds = [PollFd::from_borrowed_fd(capture.as_fd(), PollFlags::IN)];
                    poll(&mut fds, Some(&Timespec::try_from(WAIT)?))?;
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, total: &mut Losses) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Source(source) => {
                let losses = source.take_losses();
                total.received += losses.received;
                total.kernel += losses.kernel;
            }
            Self::Bare(capture) => {
                // Counts from the start, and is read long before it wraps.
                let stat = capture.stats()?;
                (total.received, total.kernel) = (stat.received.into(), stat.dropped.into());
            }
        }
        Ok(())
    }
}

fn order() -> Result<Order, Box<dyn Error>> {
    let ring_bytes = LiveOptions::default().ring_bytes;
    let mut order = Order { interface: String::new(), ring_bytes, through_source: false, seconds: 10.0 };
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "-i" => order.interface = words.next().ok_or(USAGE)?,
            "-B" => order.ring_bytes = words.next().ok_or(USAGE)?.parse::<usize>()? << 20,
            "--source" => order.through_source = true,
            seconds => order.seconds = seconds.parse().map_err(|_| USAGE)?,
        }
    }
    if order.interface.is_empty() { Err(USAGE.into()) } else { Ok(order) }
}

/// User and system time of this thread.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
