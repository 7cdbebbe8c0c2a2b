//! What shards report, in the order of time.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use earwitness_model::PacketTime;

/// How far a shard may lag behind the first one before the others go on without it, ns.
const MOST_LAG_NANOS: i64 = 1_000_000_000;
/// Reports that wait for their turn; with more, the oldest do not wait for slow shards any more.
const MOST_WAITING: usize = 1 << 16;
/// Bytes of them, likewise.
const MOST_BYTES: usize = 64 << 20;

/// Reports that wait until no shard can have an earlier one.
#[derive(Debug)]
pub(super) struct OrderOfTime<T> {
    reached: Vec<PacketTime>,
    turns: BinaryHeap<Reverse<(PacketTime, u64)>>,
    waiting: BTreeMap<u64, (usize, T)>,
    bytes: usize,
    next: u64,
}

impl<T> OrderOfTime<T> {
    /// Of so many shards.
    pub(super) fn new(shards: u16) -> Self {
        Self {
            reached: vec![PacketTime::from_nanos(i64::MIN); usize::from(shards)],
            turns: BinaryHeap::new(),
            waiting: BTreeMap::new(),
            bytes: 0,
            next: 0,
        }
    }

    /// A shard has come to `now`.
    pub(super) fn handle_reached(&mut self, shard: u16, now: PacketTime) {
        if let Some(reached) = self.reached.get_mut(usize::from(shard)) {
            *reached = now.max(*reached);
        }
    }

    /// A shard reports something of `now`, of so many bytes.
    pub(super) fn handle(&mut self, shard: u16, now: PacketTime, (bytes, report): (usize, T)) {
        self.handle_reached(shard, now);
        self.turns.push(Reverse((now, self.next)));
        self.waiting.insert(self.next, (bytes, report));
        self.bytes += bytes;
        self.next += 1;
    }

    /// Up to when nothing more can come.
    pub(super) fn reached(&self) -> PacketTime {
        let (first, last) = (self.reached.iter().max(), self.reached.iter().min());
        let (Some(first), Some(&last)) = (first, last) else { return PacketTime::from_nanos(i64::MIN) };
        last.max(first.plus_nanos(-MOST_LAG_NANOS))
    }

    /// The time of the earliest report whose turn it is.
    pub(super) fn next_time(&self) -> Option<PacketTime> {
        let &Reverse((time, _)) = self.turns.peek()?;
        let is_full = self.turns.len() > MOST_WAITING || self.bytes > MOST_BYTES;
        (is_full || time <= self.reached()).then_some(time)
    }

    /// Takes the earliest report whose turn it is.
    pub(super) fn take(&mut self) -> Option<T> {
        self.next_time()?;
        self.take_any()
    }

    /// Takes the earliest report, whether or not an earlier one may come.
    pub(super) fn take_any(&mut self) -> Option<T> {
        let Reverse((_, number)) = self.turns.pop()?;
        let (bytes, report) = self.waiting.remove(&number)?;
        self.bytes -= bytes;
        Some(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> PacketTime {
        PacketTime::from_nanos(ms * 1_000_000)
    }

    fn taken(order: &mut OrderOfTime<u32>) -> Vec<u32> {
        std::iter::from_fn(|| order.take()).collect()
    }

    #[test]
    fn reports_come_in_the_order_of_time_once_every_shard_is_there() {
        let mut order = OrderOfTime::new(2);
        order.handle(0, at(30), (1, 3));
        order.handle(0, at(50), (1, 5));
        assert_eq!(taken(&mut order), [0; 0], "the other shard was not heard of");
        order.handle(1, at(10), (1, 1));
        assert_eq!(taken(&mut order), [1]);
        order.handle_reached(1, at(40));
        assert_eq!(taken(&mut order), [3]);
        order.handle(1, at(45), (1, 4));
        order.handle_reached(1, at(90));
        assert_eq!((taken(&mut order), order.reached()), (vec![4, 5], at(50)));
    }

    #[test]
    fn a_shard_that_stands_still_stops_nobody_for_longer_than_a_second() {
        let mut order = OrderOfTime::new(2);
        order.handle_reached(1, at(0));
        order.handle(0, at(500), (1, 1));
        order.handle_reached(0, at(1400));
        assert_eq!(taken(&mut order), [0; 0]);
        order.handle_reached(0, at(1500));
        assert_eq!(taken(&mut order), [1]);
    }

    #[test]
    fn a_flood_does_not_wait_for_slow_shards() {
        for (bytes, most) in [(0, MOST_WAITING), (1 << 16, MOST_BYTES >> 16)] {
            let mut order = OrderOfTime::new(2);
            for n in 0..100_000 {
                order.handle(0, at(0), (bytes, n));
                if order.next_time().is_some() {
                    assert_eq!(order.take(), Some(n - most as u32), "the oldest");
                }
            }
            assert_eq!((order.waiting.len(), order.bytes), (most, most * bytes));
        }
    }
}
