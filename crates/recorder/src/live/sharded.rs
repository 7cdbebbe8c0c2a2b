//! Several capture threads, and this one for the signalling half of the engine: what the single capture thread does in
//! [`super::Live`], shared out. How the halves stay in step is told in `earwitness_engine::MediaShard`.

use std::{collections::VecDeque, num::NonZeroU16, sync::Arc, thread, time::Instant};

use crossbeam_channel::bounded;
use earwitness_capture::Feed;
use earwitness_engine::{Limits, MediaShard, ShardPlace, SignallingShard};
use earwitness_model::WallTime;
use earwitness_vault::Watching;

use super::{
    backlog::Backlog, chronicle::Chronicle, looks::Looks, packet_time, shard::ShardThread,
    signalling::SignallingThread, taps::Taps,
};
use crate::{
    health::RingHealth,
    pipeline::{Pool, spawn},
    pulse::Pulse,
    queue::{SHARD_NEWS, SHARD_ORDERS},
    run::Finished,
    watch::Post,
};

/// What the threads are given.
pub(crate) struct ShardedCapture<'a, C> {
    pub(crate) signalling: SignallingShard,
    pub(crate) shards: NonZeroU16,
    /// For each shard, its source on each interface; those that are not shared come last in the first.
    pub(crate) sources: Vec<Vec<Feed>>,
    pub(crate) limits: Limits,
    pub(crate) begun: WallTime,
    pub(crate) watching: Watching,
    pub(crate) clock: &'a C,
    pub(crate) post: Post,
}

/// Captures until it is told to stop, then finishes what runs. `ends` has one for each thread, `pool` is for this one.
pub(crate) fn run<C: Fn() -> WallTime + Sync>(
    capture: ShardedCapture<'_, C>,
    ends: Vec<Pool>,
    pool: Pool,
) -> Finished {
    let ShardedCapture { signalling, shards, sources, limits, begun, watching, clock, post } = capture;
    let places = ShardPlace::all(shards);
    let (to_main, news) = bounded(SHARD_NEWS);
    thread::scope(|scope| {
        let (mut threads, mut pulses) = (Vec::new(), Vec::new());
        for ((place, sources), pool) in places.zip(sources).zip(ends) {
            let (orders, ordered) = bounded(SHARD_ORDERS);
            let pulse = Arc::new(Pulse::default());
            threads.push(orders);
            pulses.push(Arc::clone(&pulse));
            let thread = ShardThread {
                number: usize::from(place.index()),
                shard: MediaShard::new(limits, place, packet_time(begun)),
                taps: Taps::new(sources, clock),
                backlog: Backlog::new(&pool),
                pool,
                clock,
                orders: ordered,
                news: to_main.clone(),
                unsent: VecDeque::new(),
                pulse,
                looked: clock(),
                look_due: Instant::now(),
            };
            // When storage stopped, the writer says why.
            spawn(scope, "capture", || thread.run().unwrap_or(()));
        }
        drop(to_main);
        let main = SignallingThread {
            signalling,
            looks: Looks::of(threads.len()),
            pulses,
            shards: threads,
            news,
            held: VecDeque::new(),
            backlog: Backlog::new(&pool),
            pool,
            clock,
            post,
            chronicle: Chronicle::new(watching, begun),
            rings: RingHealth { budget: limits.ring_bytes, ..RingHealth::default() },
            done: 0,
            look_due: Instant::now(),
        };
        main.run()
    })
}
