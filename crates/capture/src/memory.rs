//! A ring in memory that another thread fills, as the kernel fills that of an interface: in blocks, which are handed over when
//! they are full or [`HAND_OVER`] after their first frame; and a frame that finds no block free is dropped and counted.
//!
//! For measuring a recorder without a network: what the kernel's capture costs is not in it, everything after that is.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
        mpsc::{Receiver, Sender, channel},
    },
};

use earwitness_model::{LinkType, PacketTime, RawFrame};
use rustix::event::{EventfdFlags, eventfd};

use crate::{CaptureError, Losses, Polled, Source};

/// The size of a block, as libpcap has it.
const BLOCK: usize = 256 << 10;
/// A batch is over after so many frames.
const BATCH_FRAMES: usize = 256;
/// How long after its first frame a block is handed over at the latest, in ns.
const HAND_OVER: i64 = 20_000_000;

/// Frames, one behind the other.
#[derive(Debug, Default)]
struct Block {
    bytes: Vec<u8>,
    /// When each passed, and where it ends.
    frames: Vec<(PacketTime, usize)>,
}

/// What both ends count.
#[derive(Debug, Default)]
struct Counts {
    taken: AtomicU64,
    dropped: AtomicU64,
    /// Blocks that have frames, at either end or between.
    in_use: AtomicUsize,
}

/// The end that is filled.
#[derive(Debug)]
pub struct MemoryEntry {
    filling: Option<Block>,
    free: Receiver<Block>,
    filled: Sender<Block>,
    counts: Arc<Counts>,
    wake: Arc<OwnedFd>,
    blocks: usize,
}

/// The end that is read: a live source of Ethernet frames.
#[derive(Debug)]
pub struct MemorySource {
    name: String,
    /// The block that is read, and how many of its frames were.
    reading: Option<(Block, usize)>,
    filled: Receiver<Block>,
    free: Sender<Block>,
    counts: Arc<Counts>,
    wake: Arc<OwnedFd>,
    number: u64,
    /// Of [`Counts`], what was told.
    told: Losses,
}

/// A ring of `bytes`, rounded up to whole blocks of 256 KiB; at least two.
///
/// # Errors
/// When the system has no descriptor left for the wake-up.
pub fn memory_ring(name: &str, bytes: usize) -> io::Result<(MemoryEntry, MemorySource)> {
    let wake = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
    let (to_free, free) = channel();
    let (filled, to_read) = channel();
    let blocks = bytes.div_ceil(BLOCK).max(2);
    for _ in 0..blocks {
        // The kernel's ring is all there from the beginning, too: each page is written once.
        let mut bytes = vec![0xff; BLOCK];
        bytes.clear();
        to_free.send(Block { bytes, frames: Vec::with_capacity(BLOCK / 64) }).unwrap_or_default();
    }
    let counts = Arc::new(Counts::default());
    let entry = MemoryEntry {
        filling: None,
        free,
        filled,
        counts: Arc::clone(&counts),
        wake: Arc::clone(&wake),
        blocks,
    };
    let source = MemorySource {
        name: name.to_owned(),
        reading: None,
        filled: to_read,
        free: to_free,
        counts,
        wake,
        number: 1,
        told: Losses::default(),
    };
    Ok((entry, source))
}

impl MemoryEntry {
    /// A frame passes at `time`: it is copied, or dropped where there is no room, as one longer than a block always is.
    pub fn offer(&mut self, time: PacketTime, frame: &[u8]) {
        self.counts.taken.fetch_add(1, Relaxed);
        if self.filling.as_ref().is_some_and(|block| block.bytes.len() + frame.len() > BLOCK) {
            self.hand_over();
        }
        if self.filling.is_none() {
            self.filling = self.free.try_recv().ok();
            self.counts.in_use.fetch_add(usize::from(self.filling.is_some()), Relaxed);
        }
        match &mut self.filling {
            Some(block) if frame.len() <= BLOCK => {
                block.bytes.extend_from_slice(frame);
                block.frames.push((time, block.bytes.len()));
            }
            Some(_) | None => drop(self.counts.dropped.fetch_add(1, Relaxed)),
        }
    }

    /// It is `now`: a block that waits long enough is handed over.
    pub fn handle_time(&mut self, now: PacketTime) {
        let began = self.filling.as_ref().and_then(|block| block.frames.first());
        if began.is_some_and(|(began, _)| now.since(*began) >= HAND_OVER) {
            self.hand_over();
        }
    }

    /// Nothing more comes for now: what is there is handed over.
    pub fn hand_over(&mut self) {
        if let Some(block) = self.filling.take() {
            // Nobody reads any more: then nobody waits, either.
            self.filled.send(block).unwrap_or_default();
            rustix::io::write(&*self.wake, &1_u64.to_ne_bytes()).map(drop).unwrap_or_default();
        }
    }

    /// Which share of the ring is in use, from 0 to 1.
    #[must_use]
    pub fn fill(&self) -> f64 {
        self.counts.in_use.load(Relaxed) as f64 / self.blocks as f64
    }

    /// Frames that were offered, and of these the ones that were dropped.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.counts.taken.load(Relaxed), self.counts.dropped.load(Relaxed))
    }
}

impl MemorySource {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What came and what was lost since the last call.
    pub fn take_losses(&mut self) -> Losses {
        let now = Losses {
            received: self.counts.taken.load(Relaxed),
            kernel: self.counts.dropped.load(Relaxed),
            interface: 0,
        };
        let before = std::mem::replace(&mut self.told, now);
        Losses { received: now.received - before.received, kernel: now.kernel - before.kernel, interface: 0 }
    }

    /// What becomes readable when something came.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    fn next_block(&mut self) -> Option<(Block, usize)> {
        if let Some(reading) = self.reading.take() {
            return Some(reading);
        }
        // Before it is looked whether anything is there: what comes after this wakes again. Nothing to read is no error.
        rustix::io::read(&*self.wake, &mut [0; 8]).map(drop).unwrap_or_default();
        self.filled.try_recv().ok().map(|block| (block, 0))
    }
}

impl Source for MemorySource {
    fn poll(&mut self, visit: &mut dyn FnMut(&RawFrame<'_>)) -> Result<Polled, CaptureError> {
        let Some((mut block, done)) = self.next_block() else { return Ok(Polled::Idle) };
        let until = block.frames.len().min(done + BATCH_FRAMES);
        let mut begin = done.checked_sub(1).map_or(0, |before| block.frames[before].1);
        for (time, end) in &block.frames[done..until] {
            let bytes = &block.bytes[begin..*end];
            visit(&RawFrame {
                time: *time,
                number: self.number,
                link: LinkType::Ethernet,
                wire_len: bytes.len() as u32,
                bytes,
            });
            self.number += 1;
            begin = *end;
        }
        if until < block.frames.len() {
            self.reading = Some((block, until));
        } else {
            block.bytes.clear();
            block.frames.clear();
            self.counts.in_use.fetch_sub(1, Relaxed);
            // Nobody fills any more: it is not needed.
            self.free.send(block).unwrap_or_default();
        }
        Ok(Polled::Frames)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::Feed;

    fn at(ms: i64) -> PacketTime {
        PacketTime::from_nanos(1_000_000_000_000 + ms * 1_000_000)
    }

    fn read(source: &mut MemorySource) -> Vec<(u64, Vec<u8>)> {
        let mut all = Vec::new();
        while source.poll(&mut |frame| all.push((frame.number, frame.bytes.to_vec()))).unwrap()
            == Polled::Frames
        {}
        all
    }

    #[test]
    fn frames_come_out_as_they_went_in_when_their_block_is_due() {
        let (mut entry, mut source) = memory_ring("made up", 1).unwrap();
        let frames: Vec<Vec<u8>> = (0..600_u32).map(|number| number.to_be_bytes().repeat(16)).collect();
        frames.iter().for_each(|frame| entry.offer(at(0), frame));
        entry.handle_time(at(19));
        assert_eq!(read(&mut source), [], "the block is neither full nor old");
        entry.handle_time(at(20));
        let came = read(&mut source);
        assert!(came.iter().map(|(number, _)| *number).eq(1..=600));
        assert!(came.into_iter().map(|(_, bytes)| bytes).eq(frames));
        assert_eq!(source.take_losses(), Losses { received: 600, kernel: 0, interface: 0 });
        assert!(entry.fill() < 0.01);
    }

    #[test]
    fn what_finds_the_ring_full_is_dropped_and_counted_and_nothing_else() {
        let (mut entry, mut source) = memory_ring("made up", 2 * BLOCK).unwrap();
        let frame = vec![7; BLOCK / 4];
        (0..11).for_each(|_| entry.offer(at(0), &frame));
        assert_eq!((entry.counts(), entry.fill()), ((11, 3), 1.0));
        entry.hand_over();
        assert_eq!(read(&mut source).len(), 8);
        assert_eq!(source.take_losses(), Losses { received: 11, kernel: 3, interface: 0 });
        entry.offer(at(1), &frame);
        entry.offer(at(1), &vec![0; BLOCK + 1]);
        entry.hand_over();
        assert_eq!(read(&mut source).len(), 1, "there is room again, but not for one longer than a block");
        assert_eq!(source.take_losses(), Losses { received: 2, kernel: 1, interface: 0 });
    }

    #[test]
    fn who_waits_is_woken_by_a_block() {
        let (mut entry, source) = memory_ring("made up", 1).unwrap();
        let feed = Feed::from(source);
        let (waits, waited_for) = channel();
        let waited = std::thread::scope(|scope| {
            scope.spawn(move || {
                waited_for.recv().unwrap();
                // Nobody sees another thread fall asleep.
                std::thread::sleep(Duration::from_millis(100));
                entry.offer(at(0), &[1; 60]);
                entry.hand_over();
            });
            waits.send(()).unwrap();
            let began = Instant::now();
            Feed::wait(&[&feed], Duration::from_secs(30));
            began.elapsed()
        });
        assert!(waited > Duration::from_millis(50), "the block was there before anybody waited: {waited:?}");
        assert!(waited < Duration::from_secs(20), "{waited:?}");
    }
}
