//! The recorder stops in mid-call and another engine goes on: both parts together are the call.

#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::{collections::BTreeMap, fs, net::SocketAddr};

use earwitness_engine::{Engine, Limits};
use earwitness_model::{CallEnd, CallSummary, EndedBy, Flag, Leg, PacketTime, RunningCall};
use earwitness_rules::{RuleSet, SourceText};
use earwitness_testkit::{
    Frame,
    datagram::{Datagram, flow},
};
use proptest::prelude::*;
use support::{Replayed, desks, lab, raw, replay, scripts, told};

const SECOND: i64 = 1_000_000_000;

const CALL: &str = "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE call-1 from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA\n\
    at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1 sdp=10.1.0.9:4002/PCMA\n\
    at 1.020 10.1.0.5:5060 > 10.1.0.9:5060 ACK call-1\n\
    rtp call-1 caller from=1.040 to=5.000 ssrc=0x11 tone=440\n\
    rtp call-1 callee from=1.040 to=5.000 ssrc=0x22 tone=660\n\
    at 5.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE call-1\n";

/// What an engine says of `frames` that is killed after them: nothing ends, but what lay in its rings is there.
fn killed(frames: &[Frame], rules: RuleSet) -> Replayed {
    let mut engine = Engine::new(rules, Limits::default());
    let mut replayed = Replayed::default();
    for (number, frame) in frames.iter().enumerate() {
        engine.handle_frame(&raw(frame, number as u64 + 1));
        replayed.poll(&mut engine);
    }
    engine.handle_end();
    replayed.poll(&mut engine);
    replayed
}

/// The calls of `before` that had not ended, as they were told last, in the order of their names.
fn running(before: &Replayed) -> Vec<RunningCall> {
    let cut = |end: &CallEnd| end.by == Some(EndedBy::CaptureEnd);
    let is_cut = |call: &CallSummary| call.end.as_ref().is_some_and(cut);
    let calls = before.calls.values().filter(|came| came.ended.as_ref().is_some_and(is_cut));
    calls.filter_map(|came| came.running.last().cloned()).collect()
}

fn go_on(frames: &[Frame], taken_up: Vec<RunningCall>, rules: RuleSet) -> Replayed {
    let mut engine = Engine::new(rules, Limits::default());
    let mut replayed = Replayed::default();
    for call in taken_up {
        let old = call.id;
        let id = engine.handle_resumed(call, frames[0].time).unwrap();
        replayed.poll(&mut engine);
        assert_ne!(id, old);
    }
    for (number, frame) in frames.iter().enumerate() {
        engine.handle_frame(&raw(frame, number as u64 + 1));
        replayed.poll(&mut engine);
    }
    engine.handle_end();
    replayed.poll(&mut engine);
    replayed
}

/// The packets of all calls by their places.
fn packets(replayed: &Replayed) -> BTreeMap<support::Place, Vec<u8>> {
    replayed.calls.values().flat_map(support::Came::packets).collect()
}

/// Cuts `frames` at `cut` and asserts the law; how many calls were taken up.
fn both_parts_are_the_call(frames: &[Frame], cut: usize, rules: &RuleSet) -> usize {
    let whole = replay(frames, rules.clone(), Limits::default());
    let (first, second) = frames.split_at(cut);
    let before = killed(first, rules.clone());
    let taken_up = running(&before);
    let names: Vec<String> =
        taken_up.iter().map(|call| String::from_utf8_lossy(call.sip_call_id.expose()).into_owned()).collect();
    let after = go_on(second, taken_up, rules.clone());
    let expected: BTreeMap<_, _> = whole
        .calls
        .values()
        .filter(|came| names.contains(came.ended.as_ref().unwrap().sip_call_ids[0].expose()))
        .flat_map(support::Came::packets)
        .collect();
    let mut found = packets(&before);
    for (place, payload) in packets(&after) {
        let before = found.insert(place, payload.clone());
        assert!(before.is_none_or(|before| before == payload), "the mirror's copy at most");
    }
    for (place, payload) in &expected {
        assert_eq!(found.get(place), Some(payload), "cut at {cut}: {place:?}");
    }
    for call in after.summaries().into_iter().filter(|call| call.flags.contains(&Flag::Resumed)) {
        let same = |other: &&CallSummary| other.sip_call_ids == call.sip_call_ids;
        let uncut = whole.summaries().into_iter().find(same).unwrap();
        assert_eq!((&call.facts, &call.verdict, call.answer), (&uncut.facts, &uncut.verdict, uncut.answer));
        let ended = |call: &CallSummary| call.end.clone().map(|end| (end.at, end.by, end.reason));
        let by = uncut.end.as_ref().and_then(|end| end.by);
        if matches!(by, Some(EndedBy::Caller | EndedBy::Callee)) {
            assert_eq!(ended(call), ended(uncut), "cut at {cut}");
        }
    }
    names.len()
}

#[test]
fn a_call_cut_at_any_frame_is_whole_in_two_parts_and_ends_by_its_bye() {
    let frames = told(CALL);
    for rules in [RuleSet::lab(), desks()] {
        let taken_up =
            (1..frames.len()).filter(|&cut| both_parts_are_the_call(&frames, cut, &rules) == 1).count();
        // All but the INVITE alone; after the BYE there is nothing left to cut.
        assert_eq!(taken_up, frames.len() - 2);
    }
}

#[test]
fn every_script_cut_anywhere_is_whole_in_two_parts() {
    let folders = fs::read_dir(scripts()).unwrap().map(|entry| entry.unwrap().path());
    let mut taken_up = 0;
    for path in folders.map(|folder| folder.join("script.call")).filter(|path| path.exists()) {
        let text = fs::read_to_string(&path).unwrap();
        if text.contains("srtp=") {
            // Keys are not told to whoever takes a call up: tests/srtp.rs.
            continue;
        }
        if path.ends_with("tcp-one-in-many/script.call") {
            // A connection is picked up at a segment that shows a whole start line, and none of these does.
            continue;
        }
        let frames = told(&text);
        for eighth in 1..8 {
            let cut = frames.len() * eighth / 8;
            if (1..frames.len()).contains(&cut) {
                taken_up += both_parts_are_the_call(&frames, cut, &RuleSet::lab());
            }
        }
    }
    assert!(taken_up > 40, "{taken_up}");
}

#[test]
fn a_resumed_call_without_media_and_messages_ends_by_silence() {
    let frames = told(CALL);
    let before = killed(&frames[..20], RuleSet::lab());
    let call = running(&before).remove(0);
    let later = frames[20].time.plus_nanos(3600 * SECOND);
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let id = engine.handle_resumed(call.clone(), later).unwrap();
    assert_eq!(engine.handle_resumed(call, later), None, "once");
    engine.handle_time(later.plus_nanos(599 * SECOND));
    assert_eq!(engine.calls(), 1);
    for minute in 10..12 {
        engine.handle_time(later.plus_nanos(minute * 60 * SECOND + 10 * SECOND));
    }
    let mut replayed = Replayed::default();
    replayed.poll(&mut engine);
    let ended = replayed.calls[&id].ended.as_ref().unwrap();
    assert_eq!(ended.end.as_ref().unwrap().by, Some(EndedBy::Timeout));
    assert_eq!(ended.flags, [Flag::NoBye, Flag::NoMedia, Flag::Resumed]);
    assert_eq!(engine.calls(), 0);
}

/// Rules under which nothing is recorded.
fn nobody() -> RuleSet {
    let text = "schema = 1\ncountry = \"82\"\ninternal = [\"4000-4999\"]\n\n[[rule]]\nname = \"nobody\"\n\
        mode = \"never\"\nextensions = [\"4000-4999\"]\n";
    RuleSet::load(&[SourceText { name: "nobody.toml", text }]).unwrap()
}

#[test]
fn a_change_of_rules_does_not_touch_a_call_that_runs() {
    let mut engine = Engine::new(desks(), Limits::default());
    let mut replayed = Replayed::default();
    let mut later = told(&CALL.replace("call-1", "call-2").replace("10.1", "10.7"));
    later.iter_mut().for_each(|frame| frame.time = frame.time.plus_nanos(3 * SECOND));
    let mut frames = [told(CALL), later].concat();
    frames.sort_by_key(|frame| frame.time);
    let changed = frames[0].time.plus_nanos(2 * SECOND);
    for (number, frame) in frames.iter().enumerate() {
        if frame.time > changed {
            engine.handle_rules(nobody());
        }
        engine.handle_frame(&raw(frame, number as u64));
        replayed.poll(&mut engine);
    }
    engine.handle_end();
    replayed.poll(&mut engine);
    let [runs, begins] = replayed.summaries()[..] else { panic!("two calls") };
    assert_eq!((runs.verdict.rule_set, runs.streams.len()), (desks().hash(), 2));
    assert_eq!((begins.verdict.rule_set, begins.streams.len()), (nobody().hash(), 0));
    assert_eq!(packets(&replayed).len(), 396);
}

#[test]
fn a_change_of_rules_does_not_touch_a_call_that_is_taken_up() {
    let frames = told(CALL);
    let before = killed(&frames[..100], desks());
    let calls = running(&before);
    let after = go_on(&frames[100..], calls.clone(), nobody());
    assert_eq!(after.only().verdict, calls[0].verdict);
    assert_eq!(packets(&after).len() + packets(&before).len(), 396);
}

#[test]
fn what_is_told_of_a_running_call_is_told_once_and_again_when_it_changed() {
    let plain = lab(&told(CALL));
    let told_of = |replayed: &Replayed| replayed.calls.values().next().unwrap().running.clone();
    let [call, over] = &told_of(&plain)[..] else { panic!("at the answer, not at the ACK, and at the end") };
    assert_eq!((&call.over, &over.over), (&None, &plain.only().end));
    assert_eq!(call.answered, plain.only().answer);
    let legs: Vec<(u16, Leg)> = call.endpoints.iter().map(|end| (end.at.port(), end.leg)).collect();
    assert_eq!(legs, [(4000, Leg::Callee), (4002, Leg::Caller)]);
    assert!(call.holding.is_empty());
    let hold = lab(&told(&fs::read_to_string(scripts().join("hold/script.call")).unwrap()));
    let holding: Vec<Vec<Leg>> = told_of(&hold).into_iter().map(|call| call.holding).collect();
    let (caller, callee) = (Leg::Caller, Leg::Callee);
    assert_eq!(holding, [vec![], vec![callee], vec![caller, callee], vec![caller], vec![], vec![]]);
}

#[test]
fn a_call_known_by_its_answers_only_is_told_after_it_was_opened_and_is_taken_up() {
    // The requests do not cross the mirror.
    let from_callee = |frame: &&Frame| frame.bytes.len() == 214 || frame.bytes[29] == 9;
    let frames: Vec<Frame> = told(CALL).iter().filter(from_callee).cloned().collect();
    let before = killed(&frames[..100], RuleSet::lab());
    let taken_up = running(&before);
    assert_eq!(taken_up.len(), 1);
    let after = go_on(&frames[100..], taken_up, RuleSet::lab());
    assert_eq!(packets(&before).len() + packets(&after).len(), packets(&lab(&frames)).len());
    assert!(packets(&after).len() > 200);
}

#[test]
fn a_second_part_says_that_its_audio_is_encrypted() {
    let secure = |frame: Frame| {
        let text = String::from_utf8_lossy(&frame.bytes[42..]).into_owned();
        if !text.contains("RTP/AVP") {
            return frame;
        }
        let length = text.split("Content-Length: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
        let longer = length.parse::<usize>().unwrap() + 1;
        let text = text
            .replace("RTP/AVP", "RTP/SAVP")
            .replace(&format!("Content-Length: {length}"), &format!("Content-Length: {longer}"));
        let end = |ip: usize| SocketAddr::new([10, 1, 0, ip as u8].into(), 5060);
        let flow = flow(end(usize::from(frame.bytes[29])), end(usize::from(frame.bytes[33])));
        Frame { time: frame.time, bytes: Datagram::new(flow, text.as_bytes()).frame() }
    };
    let frames: Vec<Frame> = told(CALL).into_iter().map(secure).collect();
    assert!(lab(&frames).only().flags.contains(&Flag::Encrypted));
    let before = killed(&frames[..100], RuleSet::lab());
    let after = go_on(&frames[100..], running(&before), RuleSet::lab());
    assert_eq!(after.only().flags, [Flag::Encrypted, Flag::Resumed, Flag::KeysUnknown]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn twice_cut_is_whole_too(one in 10..200usize, other in 200..390usize) {
        let frames = told(CALL);
        let first = killed(&frames[..one], RuleSet::lab());
        let taken_up = running(&first);
        prop_assert_eq!(taken_up.len(), 1);
        let second = go_on(&frames[one..other], taken_up, RuleSet::lab());
        let third = go_on(&frames[other..], running(&second), RuleSet::lab());
        let count = [&first, &second, &third].map(|part| packets(part).len());
        prop_assert_eq!(count.iter().sum::<usize>(), 396);
        prop_assert_eq!(third.only().end.as_ref().and_then(|end| end.by), Some(EndedBy::Caller));
        let start: PacketTime = third.only().facts.start;
        prop_assert_eq!(start, frames[0].time);
    }
}
