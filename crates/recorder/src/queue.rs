//! The queues between the threads: how much each may hold, how full it was, how often it was too full.
//!
//! Things go in and come out many at a time: waking a thread costs more than sealing a segment, so it is done once for
//! [`AT_ONCE`] of them where they come fast, and nobody spins. Whoever waits for a place is woken when half of the queue is
//! empty, for the same reason.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::health::QueueHealth;

/// Work that waits for a sealing thread: about a second of 500 calls.
pub const WORK: usize = 1024;
/// Sealed blocks that wait for the writer.
pub const WRITTEN: usize = 1024;
/// As many of them as are handed over at once where they come fast.
pub const AT_ONCE: usize = 32;
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
    shared: Arc<Shared<T>>,
}

/// The receiving end.
pub(crate) struct Receiver<T>(Arc<Shared<T>>);

struct Shared<T> {
    capacity: usize,
    state: Mutex<State<T>>,
    /// Something came, or the last sender went.
    filled: Condvar,
    /// There is room, or the receiver went.
    emptied: Condvar,
}

struct State<T> {
    items: VecDeque<T>,
    senders: usize,
    receiver: End,
    /// Senders that wait for room.
    waiting: usize,
    high_water: usize,
    refused: u64,
}

/// What the receiving end does.
#[derive(PartialEq, Eq)]
enum End {
    Busy,
    Waits,
    Gone,
}

/// The other end is gone.
#[derive(Debug)]
pub(crate) struct Closed;

/// What became of what was offered.
pub(crate) enum Offered<T> {
    Taken,
    Full(T),
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Items,
    /// It is late, and nothing came.
    Nothing,
}

impl<T> Queue<T> {
    /// A queue of `capacity` places.
    pub(crate) fn new(name: &'static str, capacity: usize) -> (Self, Receiver<T>) {
        let state = State {
            items: VecDeque::new(),
            senders: 1,
            receiver: End::Busy,
            waiting: 0,
            high_water: 0,
            refused: 0,
        };
        let (filled, emptied) = (Condvar::new(), Condvar::new());
        let shared = Arc::new(Shared { capacity, state: Mutex::new(state), filled, emptied });
        (Self { name, shared: Arc::clone(&shared) }, Receiver(shared))
    }

    /// Waits for a place.
    pub(crate) fn send(&self, item: T) -> Result<(), Closed> {
        match self.offer(item)? {
            Offered::Taken => Ok(()),
            Offered::Full(item) => self.wait_with([item].into()),
        }
    }

    /// Waits for places for all of them, in order.
    pub(crate) fn send_all(&self, items: &mut VecDeque<T>) -> Result<(), Closed> {
        self.offer_all(items)?;
        if items.is_empty() { Ok(()) } else { self.wait_with(std::mem::take(items)) }
    }

    /// Takes a place if there is one; gives the item back if not.
    pub(crate) fn offer(&self, item: T) -> Result<Offered<T>, Closed> {
        let mut state = self.shared.open()?;
        if state.items.len() >= self.shared.capacity {
            state.refused += 1;
            return Ok(Offered::Full(item));
        }
        state.extend([item]);
        self.shared.wake_receiver(state);
        Ok(Offered::Taken)
    }

    /// Takes as many places as there are for the first of `items`. Those for which there is none stay, which counts once.
    pub(crate) fn offer_all(&self, items: &mut VecDeque<T>) -> Result<(), Closed> {
        if items.is_empty() {
            return Ok(());
        }
        let mut state = self.shared.open()?;
        state.take(items, self.shared.capacity);
        if !items.is_empty() {
            state.refused += 1;
        }
        self.shared.wake_receiver(state);
        Ok(())
    }

    /// How full it is and was.
    pub(crate) fn health(&self) -> QueueHealth {
        let state = self.shared.lock();
        QueueHealth {
            name: self.name,
            capacity: self.shared.capacity,
            length: state.items.len(),
            high_water: state.high_water,
            refused: state.refused,
        }
    }

    fn wait_with(&self, mut items: VecDeque<T>) -> Result<(), Closed> {
        let mut state = self.shared.open()?;
        loop {
            state.take(&mut items, self.shared.capacity);
            if state.receiver == End::Waits {
                self.shared.filled.notify_one();
            }
            if items.is_empty() {
                return Ok(());
            }
            state.waiting += 1;
            state = self.shared.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
            if state.receiver == End::Gone {
                return Err(Closed);
            }
        }
    }
}

impl<T> Receiver<T> {
    /// Waits until something is there, and takes it: at most `most`, behind what is in `items` already. Not longer than
    /// `until`, if that is given.
    pub(crate) fn receive(
        &self,
        items: &mut Vec<T>,
        most: usize,
        until: Option<Instant>,
    ) -> Result<Received, Closed> {
        let mut state = self.0.lock();
        while state.items.is_empty() {
            if state.senders == 0 {
                return Err(Closed);
            }
            state.receiver = End::Waits;
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => {
                    state.receiver = End::Busy;
                    return Ok(Received::Nothing);
                }
                Some(rest) => {
                    self.0.filled.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.0.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.receiver = End::Busy;
        }
        let count = state.items.len().min(most);
        items.extend(state.items.drain(..count));
        if state.waiting > 0 && state.items.len() <= self.0.capacity / 2 {
            self.0.emptied.notify_all();
        }
        Ok(Received::Items)
    }
}

impl<T> Shared<T> {
    /// A panic under this lock can only be a defect of ours; a queue is whole at any moment.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue, if its receiver is there.
    fn open(&self) -> Result<MutexGuard<'_, State<T>>, Closed> {
        let state = self.lock();
        if state.receiver == End::Gone { Err(Closed) } else { Ok(state) }
    }

    fn wake_receiver(&self, state: MutexGuard<'_, State<T>>) {
        if state.receiver == End::Waits {
            drop(state);
            self.filled.notify_one();
        }
    }
}

impl<T> State<T> {
    /// Takes what there is room for.
    fn take(&mut self, items: &mut VecDeque<T>, capacity: usize) {
        let count = capacity.saturating_sub(self.items.len()).min(items.len());
        self.extend(items.drain(..count));
    }

    fn extend(&mut self, items: impl IntoIterator<Item = T>) {
        self.items.extend(items);
        self.high_water = self.high_water.max(self.items.len());
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        self.shared.lock().senders += 1;
        Self { name: self.name, shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.senders -= 1;
        if state.senders == 0 {
            drop(state);
            self.shared.filled.notify_one();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.receiver = End::Gone;
        // Nobody will take them.
        let left = std::mem::take(&mut state.items);
        drop(state);
        drop(left);
        self.0.emptied.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn received<T>(receiver: &Receiver<T>, most: usize) -> Vec<T> {
        let mut items = Vec::new();
        receiver.receive(&mut items, most, Some(Instant::now())).unwrap();
        items
    }

    #[test]
    fn a_queue_knows_how_full_it_was_and_how_often_it_was_too_full() {
        let (queue, receiver) = Queue::new("work", 2);
        assert!(matches!(queue.offer(1), Ok(Offered::Taken)));
        assert!(matches!(queue.offer(2), Ok(Offered::Taken)));
        assert!(matches!(queue.offer(3), Ok(Offered::Full(3))));
        assert_eq!(received(&receiver, 1), [1]);
        let health = queue.health();
        assert_eq!((health.capacity, health.length, health.high_water, health.refused), (2, 1, 2, 1));
        let mut more = VecDeque::from([3, 4, 5]);
        queue.offer_all(&mut more).unwrap();
        assert_eq!((more, queue.health().refused), ([4, 5].into(), 2));
        assert_eq!(received(&receiver, 9), [2, 3]);
        assert_eq!(received(&receiver, 9), [0; 0]);
        drop(receiver);
        assert!(matches!(queue.offer(4), Err(Closed)));
        assert!(matches!(queue.send(4), Err(Closed)));
        assert!(matches!(queue.offer_all(&mut [4].into()), Err(Closed)));
    }

    #[test]
    fn everything_comes_once_and_in_order_however_it_was_sent() {
        let (queue, receiver) = Queue::new("work", 7);
        let sender = thread::spawn(move || {
            let (mut next, mut batch) = (0..10_000_u32, VecDeque::new());
            for size in (0..).map(|n| n % 23) {
                batch.extend(next.by_ref().take(size));
                match size {
                    0 => match next.next() {
                        Some(one) => queue.send(one).unwrap(),
                        None => break,
                    },
                    _ => queue.send_all(&mut batch).unwrap(),
                }
            }
        });
        let (mut all, mut most) = (Vec::new(), 0);
        while receiver.receive(&mut all, 1 + most, None).is_ok() {
            most = (most + 1) % 11;
        }
        sender.join().unwrap();
        assert!(all.iter().copied().eq(0..10_000));
    }

    #[test]
    fn whoever_waits_hears_that_the_other_end_is_gone() {
        let (queue, receiver) = Queue::new("work", 1);
        let waits = thread::spawn(move || queue.send_all(&mut (0..3).collect()).is_err());
        let mut items = Vec::new();
        receiver.receive(&mut items, 1, None).unwrap();
        drop(receiver);
        assert!(waits.join().unwrap());
        let (queue, receiver) = Queue::<u32>::new("work", 1);
        let other = queue.clone();
        let waits = thread::spawn(move || receiver.receive(&mut Vec::new(), 1, None).is_err());
        drop(queue);
        drop(other);
        assert!(waits.join().unwrap());
    }

    #[test]
    fn nothing_came_when_it_is_late() {
        let (queue, receiver) = Queue::<u32>::new("work", 1);
        let until = Some(Instant::now() + Duration::from_millis(2));
        assert_eq!(receiver.receive(&mut Vec::new(), 1, until).unwrap(), Received::Nothing);
        drop(queue);
        assert!(receiver.receive(&mut Vec::new(), 1, until).is_err());
    }
}
