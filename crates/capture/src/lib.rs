//! Frames in: live interfaces, capture agents (HEP), and pcap, pcapng and gzip files, behind one source.
//!
//! This crate never looks inside a frame, never sends one, never reads the wall clock (times are those of the capture, or of
//! a clock that it is given; only a live source measures how long ago something was), never logs, and never allocates per frame: a frame is
//! lent to the `visit` closure from a reused buffer or from the kernel's ring, and is gone when it returns. It never drops
//! anything silently: a file either ends [`CaptureEnd::Complete`], or ends [`CaptureEnd::Cut`] after every frame before
//! the cut was handed over, or gives a [`CaptureError`] that names the file and the place; what a live source could not
//! take is in its [`Losses`].
//!
//! ```no_run
//! use earwitness_capture::{FileSource, Polled, Source};
//! # fn main() -> Result<(), earwitness_capture::CaptureError> {
//! let mut source = FileSource::open("office.pcapng.gz".as_ref())?;
//! let mut bytes = 0;
//! while let Polled::Frames = source.poll(&mut |frame| bytes += frame.bytes.len())? {}
//! # Ok(()) }
//! ```
//!
//! Several interfaces are read on one thread, and waited for together:
//!
//! ```no_run
//! use std::time::Duration;
//! use earwitness_capture::{LiveOptions, LiveSource, Polled, Source, wait};
//! # fn main() -> Result<(), earwitness_capture::CaptureError> {
//! let options = LiveOptions::default();
//! let mut sources = [LiveSource::open("eth1", &options)?, LiveSource::open("eth2", &options)?];
//! let mut next = 1;
//! loop {
//!     let mut is_idle = true;
//!     for source in &mut sources {
//!         source.number_from(next);
//!         is_idle &= source.poll(&mut |frame| println!("{}", frame.number))? == Polled::Idle;
//!         next = source.next_number();
//!         while let Some(event) = source.poll_event() {
//!             println!("{}: {event:?}", source.name());
//!         }
//!     }
//!     if is_idle {
//!         wait(&sources.each_ref(), Duration::from_millis(500));
//!     }
//! }
//! # }
//! ```
//!
//! Files are read 1 MiB at a time and not mapped: the walk costs less than the page faults it would save, a file that is
//! truncated under a map kills the process, and pipes and gzip streams cannot be mapped anyway. Both file formats are
//! walked here and not by `pcap-file` 2.0, which reads every pcapng time as nanoseconds whatever `if_tsresol` says,
//! stops at blocks larger than its buffer, and copies or allocates for options that nobody reads.

#![deny(unsafe_code)]

mod classic;
mod error;
mod feed;
mod file;
mod gzip;
mod hep;
mod kernel_clock;
mod live;
mod looks;
mod memory;
mod pcapng;
mod window;

use earwitness_model::RawFrame;

pub use crate::{
    error::{CaptureError, Damage},
    feed::Feed,
    file::{FileSource, Progress},
    hep::{HepCarrier, HepCounts, HepFraming, HepKey, HepOptions, HepSource, NotHep},
    kernel_clock::{Discipline, KernelClock, kernel_clock},
    live::{Fanout, FanoutFault, LinkEvent, LinkState, LiveOptions, LiveSource, Losses, Refusal, wait},
    looks::{Inside, Looks},
    memory::{MemoryEntry, MemorySource, memory_ring},
};

/// Where frames come from: a file, a live interface, or capture agents.
pub trait Source {
    /// Hands a batch of frames to `visit`, in the order of the capture, and returns: at most 256 frames or 1 MiB, so
    /// that the caller can do something else in between.
    ///
    /// After [`Polled::End`] every further call gives the same `End`. After an error the source has ended too: the next
    /// call gives [`CaptureEnd::Cut`] at the place of the error.
    ///
    /// # Errors
    ///
    /// [`CaptureError`] when the capture cannot be read on. All frames before the place it names were handed over.
    fn poll(&mut self, visit: &mut dyn FnMut(&RawFrame<'_>)) -> Result<Polled, CaptureError>;
}

/// What a poll came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled {
    /// A batch was handed over; there may be more.
    Frames,
    /// Nothing is there now, but there will be: only a live interface says so.
    Idle,
    /// There is no more. The frames before the end were handed over, some of them perhaps by this very call.
    End(CaptureEnd),
}

/// How a capture ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureEnd {
    /// After a whole frame or block, as it should.
    Complete,
    /// In the middle of something: the program or the disk that wrote it stopped short.
    Cut {
        /// The number of the frame that is missing its end, or would have come next.
        frame: u64,
        /// How many bytes the capture has; of a gzip file, how many came out of it.
        at_byte: u64,
        /// At least this many more bytes were to come.
        missing: u64,
    },
}
