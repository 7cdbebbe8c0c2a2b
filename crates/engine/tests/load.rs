//! Many calls over a bad mirror: every one is found, every byte of audio is there, every loss is counted.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::collections::HashMap;

use earwitness_engine::{Engine, Limits};
use earwitness_model::{CallSummary, Codec, EndedBy, Outcome};
use earwitness_rules::RuleSet;
use earwitness_testkit::{CallTruth, Load};
use support::{Came, Replayed, raw};

fn bad(calls: u32, seconds: f64) -> Load {
    Load {
        calls,
        seconds,
        loss_percent: 1.0,
        reorder_percent: 1.0,
        jitter_ms: 10,
        duplicate: true,
        vlan: Some(100),
        codec: Codec::Pcmu,
        start_spread_s: 5.0,
        ..Load::default()
    }
}

fn run(load: &Load) -> Replayed {
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let mut replayed = Replayed::default();
    let mut frames = load.frames();
    let mut number = 0;
    while let Some(frame) = frames.advance() {
        number += 1;
        engine.handle_frame(&raw(frame, number));
        replayed.poll(&mut engine);
    }
    engine.handle_end();
    replayed.poll(&mut engine);
    replayed.counts = engine.counts();
    replayed
}

fn check_call(load: &Load, number: u32, truth: &CallTruth, call: &CallSummary, came: &Came) {
    let by = if number.is_multiple_of(2) { EndedBy::Caller } else { EndedBy::Callee };
    let end = call.end.as_ref().unwrap();
    assert_eq!((call.outcome, end.by, end.at), (Outcome::Answered, Some(by), truth.end));
    assert_eq!((call.facts.start, call.answer), (truth.start, Some(truth.answer)));
    let users = [&call.facts.from.user, &call.facts.to.user].map(|user| user.as_ref().unwrap().expose());
    assert_eq!(users, [&truth.from, &truth.to]);
    assert_eq!((call.streams.len(), call.flags.as_slice(), call.messages), (2, &[][..], 14));
    for direction in &truth.directions {
        let stream = call.streams.iter().find(|stream| stream.of.leg == direction.leg).unwrap();
        let (flow, ssrc) = (stream.of.flow, stream.of.ssrc);
        assert_eq!((flow.src, flow.dst, ssrc), (direction.src, direction.dst, direction.ssrc));
        let found = (stream.packets, stream.lost, stream.duplicates, stream.reordered, stream.payload_bytes);
        let expected = (
            direction.packets,
            direction.lost,
            direction.duplicates,
            direction.reordered,
            direction.payload_bytes,
        );
        assert_eq!(found, expected, "packets, lost, duplicates, reordered, bytes of call {number}");
        let audio = came.audio(stream.track, stream.payload_type);
        assert!(audio == load.leg_payload(number, direction.leg), "call {number}, {:?}", direction.leg);
        let gaps = call.gaps.iter().filter(|gap| gap.leg == direction.leg);
        assert_eq!(gaps.map(|gap| u64::from(gap.ms)).sum::<u64>(), direction.lost * 20);
    }
}

fn check(load: &Load) {
    let truth = load.truth();
    let replayed = run(load);
    assert_eq!((replayed.counts.frames, replayed.calls.len()), (truth.frames, truth.calls.len()));
    let by_call_id: HashMap<_, _> = replayed
        .calls
        .values()
        .map(|came| (came.ended.as_ref().unwrap().sip_call_ids[0].expose().clone(), came))
        .collect();
    for (number, expected) in truth.calls.iter().enumerate() {
        let came = by_call_id[&expected.sip_call_id];
        check_call(load, number as u32, expected, came.ended.as_ref().unwrap(), came);
    }
    let kept: u64 = truth.calls.iter().flat_map(|call| &call.directions).map(|leg| leg.packets).sum();
    assert_eq!((replayed.counts.media.kept, replayed.counts.media.packets), (kept, 2 * kept));
    assert_eq!((replayed.counts.lost_packets(), replayed.counts.media.unclaimed), (0, 0));
}

#[test]
fn two_hundred_calls_over_a_bad_mirror_are_exact() {
    check(&bad(200, 10.0));
}

#[test]
fn calls_of_long_packets_without_loss_are_exact() {
    check(&Load { loss_percent: 0.0, reorder_percent: 0.0, ptime_ms: 30, seed: 7, ..bad(50, 10.0) });
}

#[test]
#[ignore = "a minute in debug builds; cargo test --release -- --ignored"]
fn a_thousand_calls_over_a_bad_mirror_are_exact() {
    check(&bad(1000, 30.0));
}
