//! What the capture threads showed last, put together.

use earwitness_engine::Counts;

use super::shard::ShardLook;
use crate::health::{InterfaceHealth, QueueHealth};

/// The last look of each thread.
pub(super) struct Looks(Vec<Option<Box<ShardLook>>>);

impl Looks {
    pub(super) fn of(threads: usize) -> Self {
        Self((0..threads).map(|_| None).collect())
    }

    pub(super) fn put(&mut self, look: Box<ShardLook>) {
        let place = look.shard;
        self.0[place] = Some(look);
    }

    /// What a thread counted in the end.
    pub(super) fn put_counts(&mut self, shard: usize, counts: &Counts) {
        self.0[shard].iter_mut().for_each(|look| look.counts.clone_from(counts));
    }

    fn each(&self) -> impl Iterator<Item = &ShardLook> {
        self.0.iter().flatten().map(AsRef::as_ref)
    }

    /// Bytes of ring buffers in use.
    pub(super) fn ring_bytes(&self) -> usize {
        self.each().map(|look| look.ring_bytes).sum()
    }

    pub(super) fn backlogs(&self) -> impl Iterator<Item = QueueHealth> {
        self.each().map(|look| look.backlog)
    }

    /// Adds what the threads counted.
    pub(super) fn add_to(&self, counts: &mut Counts) {
        self.each().for_each(|look| counts.add(&look.counts));
    }

    /// The interfaces, each with what all threads took from it.
    pub(super) fn interfaces(&self) -> Vec<InterfaceHealth> {
        let mut looks = self.each();
        let Some(first) = looks.next() else { return Vec::new() };
        let mut all: Vec<InterfaceHealth> =
            first.interfaces.iter().map(|(health, _)| health.clone()).collect();
        for look in looks {
            for (sum, (health, _)) in all.iter_mut().zip(&look.interfaces) {
                sum.frames += health.frames;
                sum.bytes += health.bytes;
                sum.frames_per_second += health.frames_per_second;
                sum.bytes_per_second += health.bytes_per_second;
                sum.kernel_drops += health.kernel_drops;
                // The interface counts for all threads.
                sum.interface_drops = sum.interface_drops.max(health.interface_drops);
                sum.last_frame = sum.last_frame.max(health.last_frame);
                sum.hep = sum.hep.or(health.hep);
            }
        }
        all
    }

    /// Frames that kernel and interfaces dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.interfaces().iter().map(|interface| interface.kernel_drops + interface.interface_drops).sum()
    }
}
