//! In the steady state a frame costs no allocation.

#![allow(unsafe_code, reason = "a global allocator that counts is an unsafe trait")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    num::NonZeroU16,
};

use earwitness_engine::{Engine, Limits, MediaShard, Output, ShardPlace, SignallingShard};
use earwitness_model::{LinkType, RawFrame};
use earwitness_rules::RuleSet;
use earwitness_testkit::{Frame, Load};

/// The system's allocator, counting what its own thread asks for.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is the system's condition.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the system's condition.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is the system's condition.
        unsafe { System.realloc(place, layout, size) }
    }
}

fn count() {
    // A thread that is being taken down has no counter any more, and is not the one that is measured.
    let counted = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
    debug_assert!(counted.is_ok() || std::thread::panicking());
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Hands `frames` in, gives segments back, and says how many segments there were.
fn feed(engine: &mut Engine, frames: &[Frame]) -> u64 {
    let mut segments = 0;
    for (number, frame) in frames.iter().enumerate() {
        engine.handle_frame(&RawFrame {
            time: frame.time,
            number: number as u64 + 1,
            link: LinkType::Ethernet,
            wire_len: frame.bytes.len() as u32,
            bytes: &frame.bytes,
        });
        while let Some(output) = engine.poll_output() {
            if let Output::Segment(segment) = output {
                segments += 1;
                engine.handle_returned(segment);
            }
        }
    }
    segments
}

/// Allocations of 50,000 frames of 100 calls in mid-talk.
fn allocations_of(load: &Load) -> u64 {
    const WARM: usize = 30_000;
    const MEASURED: usize = 50_000;
    let frames: Vec<Frame> = load.frames().take(WARM + MEASURED).collect();
    let (warm, measured) = frames.split_at(WARM);
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    feed(&mut engine, warm);
    let seen = engine.counts().media.packets;
    let before = ALLOCATIONS.get();
    let segments = feed(&mut engine, measured);
    let allocations = ALLOCATIONS.get() - before;
    assert_eq!(engine.counts().media.packets - seen, MEASURED as u64, "all of it is talk");
    assert!(segments >= 500, "{segments} segments went round");
    assert_eq!(engine.calls(), 100);
    allocations
}

fn talk() -> Load {
    Load { calls: 100, seconds: 20.0, start_spread_s: 0.5, ..Load::default() }
}

/// The same in the first of two shards, to which all frames are dealt; the other one only says how late it is.
fn feed_shards(shards: &mut [MediaShard], signalling: &mut SignallingShard, frames: &[Frame]) -> u64 {
    let mut segments = 0;
    for (number, frame) in frames.iter().enumerate() {
        shards[0].handle_frame(&RawFrame {
            time: frame.time,
            number: number as u64 + 1,
            link: LinkType::Ethernet,
            wire_len: frame.bytes.len() as u32,
            bytes: &frame.bytes,
        });
        shards[1].handle_time(frame.time);
        for shard in &mut *shards {
            while let Some(output) = shard.poll_output() {
                if let Output::Segment(segment) = output {
                    segments += 1;
                    shard.handle_returned(segment);
                }
            }
            while let Some(report) = shard.poll_report() {
                signalling.handle_report(report);
            }
        }
        while signalling.poll_output().is_some() {}
        while let Some(order) = signalling.poll_order() {
            shards.iter_mut().for_each(|shard| shard.handle_order(order.clone()));
        }
    }
    segments
}

#[test]
fn a_talk_in_a_shard_allocates_nothing() {
    let frames: Vec<Frame> = talk().frames().take(60_000).collect();
    let (warm, measured) = frames.split_at(30_000);
    let count = NonZeroU16::new(2).unwrap();
    let begun = frames[0].time;
    let mut shards: Vec<MediaShard> =
        ShardPlace::all(count).map(|place| MediaShard::new(Limits::default(), place, begun)).collect();
    let mut signalling = SignallingShard::new(RuleSet::lab(), Limits::default(), count, begun);
    feed_shards(&mut shards, &mut signalling, warm);
    let before = ALLOCATIONS.get();
    let segments = feed_shards(&mut shards, &mut signalling, measured);
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert!(segments >= 500, "{segments} segments went round");
    assert_eq!((signalling.calls(), shards[0].counts().lost_packets()), (100, 0));
}

#[test]
fn a_talk_without_loss_allocates_nothing() {
    assert_eq!(allocations_of(&talk()), 0);
}

#[test]
fn a_doubled_and_tagged_talk_allocates_nothing() {
    assert_eq!(allocations_of(&Load { duplicate: true, vlan: Some(100), ..talk() }), 0);
}

#[test]
fn losses_allocate_only_what_lists_them() {
    let load = Load { loss_percent: 1.0, reorder_percent: 1.0, ..talk() };
    let allocations = allocations_of(&load);
    // A list of holes doubles its room as it grows: a few times a stream, not once a hole.
    assert!((1..=200 * 4).contains(&allocations), "{allocations}");
}
