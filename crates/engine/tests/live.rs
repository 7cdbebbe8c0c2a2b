//! What a person sees of calls while they run.

mod support;

use std::collections::BTreeSet;

use earwitness_engine::{CallCounts, Engine, Limits, LiveCall, LiveState};
use earwitness_model::{Codec, Mode, Refusal};
use earwitness_rules::RuleSet;
use earwitness_testkit::{Frame, Load, MORNING};
use support::{Replayed, desks, raw, told};

const SECOND: i64 = 1_000_000_000;

const CALL: &str = "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE call-1 from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA\n\
    at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1 sdp=10.1.0.9:4002/PCMA\n\
    at 1.020 10.1.0.5:5060 > 10.1.0.9:5060 ACK call-1\n\
    rtp call-1 caller from=1.040 to=4.000 ssrc=0x11 tone=440\n\
    rtp call-1 callee from=1.040 to=3.000 ssrc=0x22 tone=660\n\
    at 3.000 10.1.0.9:5060 > 10.1.0.5:5060 INVITE call-1 sdp=10.1.0.9:4002/PCMA dir=sendonly\n\
    at 5.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE call-1\n";

/// An engine that saw `frames` up to `seconds`.
fn until(frames: &[Frame], seconds: f64, rules: RuleSet) -> Engine {
    let mut engine = Engine::new(rules, Limits::default());
    let mut replayed = Replayed::default();
    let end = MORNING.plus_nanos((seconds * 1e9) as i64);
    for (number, frame) in frames.iter().filter(|frame| frame.time <= end).enumerate() {
        engine.handle_frame(&raw(frame, number as u64));
        replayed.poll(&mut engine);
    }
    engine.handle_time(end);
    replayed.poll(&mut engine);
    engine
}

fn only(engine: &Engine) -> LiveCall {
    let mut calls = engine.live_calls(10);
    assert_eq!(calls.len(), 1);
    calls.remove(0)
}

#[test]
fn a_call_is_shown_ringing_answered_held_and_ending_with_its_legs_so_far() {
    let frames = told(CALL);
    let shown = |seconds| only(&until(&frames, seconds, desks()));
    let ringing = shown(0.5);
    assert_eq!((ringing.state, ringing.start, ringing.answered), (LiveState::Ringing, MORNING, None));
    assert_eq!(ringing.from.unwrap().expose(), "0312221111");
    assert_eq!(ringing.to.unwrap().expose(), "4001");
    assert_eq!(
        (ringing.rule.as_deref(), ringing.mode, ringing.refusal),
        (Some("desks"), Some(Mode::Blanket), None)
    );
    assert_eq!(ringing.legs, [None, None]);
    let answered = shown(2.0);
    assert_eq!((answered.state, answered.answered), (LiveState::Answered, Some(MORNING.plus_nanos(SECOND))));
    let legs = answered.legs.map(Option::unwrap);
    assert_eq!(legs.each_ref().map(|leg| (leg.packets, leg.lost)), [(49, 0), (49, 0)]);
    assert!(
        legs.iter().all(|leg| leg.codec == Some(Codec::Pcma) && leg.last == MORNING.plus_nanos(2 * SECOND))
    );
    let held = shown(3.5);
    assert_eq!(held.state, LiveState::Held);
    assert_eq!(held.legs.map(|leg| leg.unwrap().packets), [124, 98]);
    assert_eq!(shown(5.5).state, LiveState::Ending);
    assert!(until(&frames, 60.0, desks()).live_calls(10).is_empty());
}

#[test]
fn a_refused_call_says_why_and_its_legs_are_not_counted() {
    let shown = only(&until(&told(&CALL.replace("to=4001", "to=4901")), 2.0, desks()));
    assert_eq!((shown.refusal, shown.rule.as_deref()), (Some(Refusal::Never), Some("union")));
    assert_eq!(shown.legs, [None, None]);
}

#[test]
fn the_newest_calls_come_first_and_no_more_than_asked_for() {
    let load = Load { calls: 40, seconds: 20.0, start_spread_s: 5.0, ..Load::default() };
    let frames: Vec<Frame> = load.frames().collect();
    let engine = until(&frames, frames[0].time.since(MORNING) as f64 / 1e9 + 10.0, RuleSet::lab());
    let all = engine.live_calls(1000);
    assert_eq!(all.len(), 40);
    assert!(all.is_sorted_by(|newer, older| newer.id > older.id));
    assert!(engine.live_calls(7) == all[..7] && engine.live_calls(0).is_empty());
}

#[test]
fn calls_are_counted_as_they_begin_are_answered_and_end() {
    let refused =
        told(&CALL.replace("call-1", "call-2").replace("to=4001", "to=4901").replace("10.1", "10.7"));
    let mut frames = [told(CALL), refused].concat();
    frames.sort_by_key(|frame| frame.time);
    let counts = |seconds| until(&frames, seconds, desks()).call_counts();
    let begun = CallCounts { begun: 2, not_admitted: 1, ..CallCounts::default() };
    assert_eq!(counts(0.5), begun);
    assert_eq!(counts(2.0), CallCounts { answered: 2, ..begun });
    let mut twice = counts(60.0);
    assert_eq!(twice, CallCounts { answered: 2, ended: 2, ..begun });
    twice.add(&counts(60.0));
    assert_eq!((twice.begun, twice.ended, twice.not_admitted), (4, 4, 2));
}

#[test]
fn two_interfaces_that_are_read_in_turns_fill_each_others_holes() {
    let whole: Vec<Frame> = told(CALL);
    // Every third packet is seen by both, and one of the others by each.
    let shown = |tap: usize| {
        let seen = whole
            .iter()
            .enumerate()
            .filter(move |(place, frame)| frame.bytes.len() != 214 || place % 3 != tap);
        seen.map(|(_, frame)| frame.clone()).collect::<Vec<_>>()
    };
    let taps = [shown(0), shown(1)];
    let mut engine = Engine::live(RuleSet::lab(), Limits::default());
    let mut replayed = Replayed::default();
    // Each interface's ring is emptied in its turn: the second is always read late.
    for turn in 0..200 {
        let (from, to) = (turn * 40, (turn + 1) * 40);
        let is_now = |frame: &&Frame| (from..to).contains(&(frame.time.since(MORNING) / 1_000_000));
        for (place, frames) in taps.iter().enumerate() {
            engine.handle_tap(place);
            for frame in frames.iter().filter(is_now) {
                engine.handle_frame(&raw(frame, 1));
            }
        }
        replayed.poll(&mut engine);
    }
    engine.handle_end();
    replayed.poll(&mut engine);
    let call = replayed.only();
    let counted = call.streams.iter().map(|stream| (stream.packets, stream.lost));
    assert_eq!(counted.collect::<BTreeSet<_>>(), BTreeSet::from([(148, 0), (98, 0)]));
    assert!(call.gaps.is_empty() && call.flags.is_empty(), "{:?} {:?}", call.gaps, call.flags);
    for stream in &call.streams {
        let [first, second] = stream.quality.taps[..] else { panic!("{:?}", stream.quality) };
        assert!(
            first > second && second >= stream.packets / 3 - 2 && first + second == stream.packets,
            "{first} {second}"
        );
        assert!(stream.jitter_ms.unwrap() < 0.001, "the way of a tap is no jitter");
    }
}
