//! Frames onto an interface, in their own time.

use std::{
    error::Error,
    fmt,
    thread::sleep,
    time::{Duration, Instant},
};

use earwitness_testkit::Frame;
use pcap::{Active, Capture};

/// Whether frames are made while they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Supply {
    /// Each when it is due: any length, at the price of making them beside the sending.
    OnTheFly,
    /// All before the first is sent: as fast as the interface takes them, at the price of memory.
    Preloaded,
}

/// Where frames are sent.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    /// The interface.
    pub(crate) interface: String,
    /// When they are made.
    pub(crate) supply: Supply,
}

/// What was sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    frames: u64,
    bytes: u64,
    /// Times that the kernel had no room; the frame was sent again.
    refusals: u64,
    /// How late the latest frame was.
    late: Duration,
    took: Duration,
}

/// Hands the next frame to the function it is given; false when there is none.
pub(crate) type Next<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&Frame)) -> bool;

impl Wire {
    /// Sends every frame when it is due, counted from the first.
    pub(crate) fn send(&self, next: Next<'_>) -> Result<Sent, Box<dyn Error>> {
        let mut handle = Capture::from_device(self.interface.as_str())?.snaplen(64).open()?;
        // Nothing is to be received on this handle: no frame is so short.
        handle.filter("less 1", true)?;
        let mut sender = Sender { handle, begun: None, sent: Sent::default(), failure: None };
        match self.supply {
            Supply::OnTheFly => {
                while sender.failure.is_none()
                    && next(&mut |frame| sender.one(frame.time.nanos(), &frame.bytes))
                {}
            }
            Supply::Preloaded => {
                let (mut all, mut index) = (Vec::new(), Vec::new());
                while next(&mut |frame| {
                    index.push((frame.time.nanos(), frame.bytes.len()));
                    all.extend_from_slice(&frame.bytes);
                }) {}
                let mut at = 0;
                for (time, length) in index {
                    sender.one(time, &all[at..at + length]);
                    at += length;
                }
            }
        }
        sender.finish()
    }
}

/// The sending of one list of frames.
struct Sender {
    handle: Capture<Active>,
    /// When the first frame was sent, and its time.
    begun: Option<(Instant, i64)>,
    sent: Sent,
    failure: Option<pcap::Error>,
}

impl Sender {
    /// Sends a frame when it is due.
    fn one(&mut self, time: i64, bytes: &[u8]) {
        let (begun, first) = *self.begun.get_or_insert_with(|| (Instant::now(), time));
        let due = Duration::from_nanos(u64::try_from(time - first).unwrap_or(0));
        let early = due.saturating_sub(begun.elapsed());
        if !early.is_zero() {
            sleep(early);
        }
        self.sent.late = self.sent.late.max(begun.elapsed().saturating_sub(due));
        while let Err(error) = self.handle.sendpacket(bytes) {
            self.sent.refusals += 1;
            if self.sent.refusals > 1_000_000 {
                self.failure = Some(error);
                return;
            }
            sleep(Duration::from_micros(50));
        }
        self.sent.frames += 1;
        self.sent.bytes += bytes.len() as u64;
        self.sent.took = begun.elapsed();
    }

    fn finish(self) -> Result<Sent, Box<dyn Error>> {
        self.failure.map_or(Ok(self.sent), |error| Err(error.into()))
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{{\"frames\": {}, \"bytes\": {}, \"refusals\": {}, \"late_ms\": {:.3}, \"took_s\": {:.6}}}",
            self.frames,
            self.bytes,
            self.refusals,
            self.late.as_secs_f64() * 1e3,
            self.took.as_secs_f64()
        )
    }
}
