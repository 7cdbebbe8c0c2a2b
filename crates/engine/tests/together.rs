//! Frames that are handed in together come to what they come to one by one.

mod support;

use earwitness_engine::{Engine, Limits};
use earwitness_model::RawFrame;
use earwitness_rules::RuleSet;
use earwitness_testkit::{Frame, Load, Random};
use support::{Replayed, lab, raw};

/// As [`lab`], in batches of up to `most` frames.
fn in_batches(frames: &[Frame], most: u64) -> Replayed {
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let (mut replayed, mut random, mut next) = (Replayed::default(), Random::new(most), 0);
    while next < frames.len() {
        let end = frames.len().min(next + 1 + random.below(most) as usize);
        let batch: Vec<RawFrame<'_>> =
            (next..end).map(|place| raw(&frames[place], place as u64 + 1)).collect();
        engine.handle_frames(&batch);
        replayed.poll(&mut engine);
        next = end;
    }
    engine.handle_end();
    replayed.poll(&mut engine);
    replayed.counts = engine.counts();
    replayed
}

fn check(frames: &[Frame]) {
    let expected = lab(frames);
    for most in [2, 32, 100] {
        let came = in_batches(frames, most);
        assert_eq!(format!("{:?}", came.counts), format!("{:?}", expected.counts));
        assert!(came.calls.keys().eq(expected.calls.keys()));
        for (id, call) in &came.calls {
            let alone = &expected.calls[id];
            assert_eq!((call.opened, &call.ended), (alone.opened, &alone.ended));
            assert!(call.pieces == alone.pieces, "the same packets, in segments that begin where they did");
        }
    }
}

#[test]
fn calls_by_the_hundred_are_the_same_in_batches() {
    let load = Load {
        calls: 300,
        seconds: 3.0,
        start_spread_s: 2.0,
        loss_percent: 2.0,
        reorder_percent: 2.0,
        jitter_ms: 15,
        ..Load::default()
    };
    for load in [load.clone(), Load { duplicate: true, vlan: Some(7), seed: 2, ..load }] {
        check(&load.frames().collect::<Vec<_>>());
    }
}

#[test]
fn frames_that_a_glance_takes_for_others_are_the_same_in_batches() {
    let load = Load { calls: 200, seconds: 2.0, start_spread_s: 0.5, ..Load::default() };
    let mut frames: Vec<Frame> = load.frames().collect();
    let mut random = Random::new(7);
    // Cut, with another header, in pieces, of another kind.
    for frame in frames.iter_mut().filter(|frame| frame.bytes.len() == 214) {
        let at = [12, 14, 20, 23, 42, 43][random.below(6) as usize];
        match random.below(20) {
            0 => frame.bytes.truncate(random.below(214) as usize),
            1 => frame.bytes[at] ^= 1 << random.below(8),
            _ => {}
        }
    }
    check(&frames);
}
