//! The queues between the threads: how much each may hold, how full it was, how often it was too full.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::health::QueueHealth;

/// Work that waits for a sealing thread: about a second of 500 calls.
pub const WORK: usize = 1024;
/// Sealed blocks that wait for the writer.
pub const WRITTEN: usize = 1024;
/// Outputs of the engine that found a queue full and wait in the capture thread, beside the audio that the ring budget
/// bounds: beyond them no new calls are followed.
pub const BACKLOG: usize = 64 * 1024;
/// What capture threads report and the signalling thread has not taken.
pub const SHARD_NEWS: usize = 16 * 1024;
/// Orders of the signalling thread that wait for each capture thread.
pub const SHARD_ORDERS: usize = 16 * 1024;
/// Capture threads on one interface.
pub const MOST_SHARDS: u16 = 16;
/// Rows of the ledger that found the queue of sealed blocks full. Beyond them like rows become one, so that nothing is untold.
pub const NOTES: usize = 256;
/// Steps of the wall clock between two looks of a thread. Beyond them the last two become one, by their sum.
pub const STEPS: usize = 16;
/// Questions that wait for the capture thread.
pub const ASKED: usize = 64;
/// Orders that wait for the capture thread: stop, other rules.
pub const ORDERED: usize = 16;
/// Between two commits: what a power cut may cost of a running call, beside the segment that fills.
pub const COMMIT_EVERY: Duration = Duration::from_millis(500);
/// How long what was sealed may lie in this process alone: what its end may cost of a running call, beside the segment that
/// fills.
pub const WRITE_EVERY: Duration = Duration::from_millis(50);
/// A commit comes earlier when this many bytes wait for it.
pub const COMMIT_BYTES: u64 = 64 << 20;
/// Threads that seal. One core stays with the engine.
#[must_use]
pub fn sealing_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).clamp(1, 8))
}

/// The sending end of a bounded queue that says how full it is.
pub(crate) struct Queue<T> {
    name: &'static str,
    sender: Sender<T>,
    gauge: Arc<Gauge>,
}

#[derive(Default)]
struct Gauge {
    high_water: AtomicUsize,
    refused: AtomicU64,
}

/// The other end is gone.
pub(crate) struct Closed;

/// What became of what was offered.
pub(crate) enum Offered<T> {
    Taken,
    Full(T),
}

impl<T> Queue<T> {
    /// A queue of `capacity` places.
    pub(crate) fn new(name: &'static str, capacity: usize) -> (Self, Receiver<T>) {
        let (sender, receiver) = bounded(capacity);
        (Self { name, sender, gauge: Arc::default() }, receiver)
    }

    /// Waits for a place.
    pub(crate) fn send(&self, item: T) -> Result<(), Closed> {
        match self.offer(item)? {
            Offered::Taken => Ok(()),
            Offered::Full(item) => {
                self.sender.send(item).map_err(|_gone| Closed)?;
                self.note();
                Ok(())
            }
        }
    }

    /// Takes a place if there is one; gives the item back if not.
    pub(crate) fn offer(&self, item: T) -> Result<Offered<T>, Closed> {
        match self.sender.try_send(item) {
            Ok(()) => {
                self.note();
                Ok(Offered::Taken)
            }
            Err(TrySendError::Full(item)) => {
                self.gauge.refused.fetch_add(1, Relaxed);
                Ok(Offered::Full(item))
            }
            Err(TrySendError::Disconnected(_)) => Err(Closed),
        }
    }

    /// How full it is and was.
    pub(crate) fn health(&self) -> QueueHealth {
        let length = self.sender.len();
        QueueHealth {
            name: self.name,
            capacity: self.sender.capacity().unwrap_or(usize::MAX),
            length,
            high_water: self.gauge.high_water.load(Relaxed).max(length),
            refused: self.gauge.refused.load(Relaxed),
        }
    }

    fn note(&self) {
        self.gauge.high_water.fetch_max(self.sender.len(), Relaxed);
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self { name: self.name, sender: self.sender.clone(), gauge: Arc::clone(&self.gauge) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_knows_how_full_it_was_and_how_often_it_was_too_full() {
        let (queue, received) = Queue::new("work", 2);
        assert!(matches!(queue.offer(1), Ok(Offered::Taken)));
        assert!(matches!(queue.offer(2), Ok(Offered::Taken)));
        assert!(matches!(queue.offer(3), Ok(Offered::Full(3))));
        assert_eq!(received.try_recv(), Ok(1));
        let health = queue.health();
        assert_eq!((health.capacity, health.length, health.high_water, health.refused), (2, 1, 2, 1));
        drop(received);
        assert!(matches!(queue.offer(4), Err(Closed)));
        assert!(matches!(queue.send(4), Err(Closed)));
    }
}
