//! The way back of ring buffers to the threads that fill them. Nobody waits for it and nobody is woken by it: buffers lie there
//! until their thread comes round. There are never more of them than the rings' budget.

use std::sync::{Arc, Mutex, PoisonError};

use earwitness_engine::Returned;
use earwitness_model::{Segment, SegmentContent, TrackIndex};

/// A place for the buffers of each shard of the engine's media half.
#[derive(Clone)]
pub(crate) struct WayBack {
    shards: Arc<[Mutex<Vec<Returned>>]>,
}

impl WayBack {
    pub(crate) fn new(shards: usize) -> Self {
        Self { shards: (0..shards).map(|_| Mutex::default()).collect() }
    }

    /// A segment that nobody sealed.
    pub(crate) fn give_plain(&self, segment: Segment) {
        let first = match segment.content {
            SegmentContent::Media => segment.media().next().map(|packet| packet.track),
            SegmentContent::Signalling => None,
        };
        self.give(first.unwrap_or(TrackIndex(0)), [Returned::Plain(segment)]);
    }

    /// Buffers of segments that were sealed, each with the track of its first packet.
    pub(crate) fn give_sealed(&self, buffers: impl Iterator<Item = (TrackIndex, Vec<u8>)>) {
        if self.shards.len() == 1 {
            return self.give(TrackIndex(0), buffers.map(|(_, buffer)| Returned::Sealed(buffer)));
        }
        buffers.for_each(|(track, buffer)| self.give(track, [Returned::Sealed(buffer)]));
    }

    /// What came back to a shard, behind what is in `taken`. A thread that is no shard gets nothing.
    pub(crate) fn take(&self, shard: usize, taken: &mut Vec<Returned>) {
        if let Some(place) = self.shards.get(shard) {
            taken.append(&mut place.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// To the shard that numbered the track: see [`earwitness_engine::ShardPlace`].
    fn give(&self, track: TrackIndex, returned: impl IntoIterator<Item = Returned>) {
        let place = &self.shards[usize::from(track.0) % self.shards.len()];
        place.lock().unwrap_or_else(PoisonError::into_inner).extend(returned);
    }
}
