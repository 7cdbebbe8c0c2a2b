//! The capture's clock is set in mid-call: talk time, audio, ends and deadlines are as if it had not been.

#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::fs;

use earwitness_engine::{Engine, Limits, Output};
use earwitness_model::{CallId, CallSummary, Course, EndedBy, Flag, GapCause, PacketTime, SegmentContent};
use earwitness_rules::RuleSet;
use earwitness_testkit::{Frame, Load, MORNING, Random};
use proptest::prelude::*;
use support::{Piece, Replayed, lab, raw, scripts, told};

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SECOND;

const CALL: &str = "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE call-1 from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA\n\
    at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1 sdp=10.1.0.9:4002/PCMA\n\
    at 1.020 10.1.0.5:5060 > 10.1.0.9:5060 ACK call-1\n\
    rtp call-1 caller from=1.040 to=5.000 ssrc=0x11 tone=440\n\
    rtp call-1 callee from=1.040 to=5.000 ssrc=0x22 tone=660\n\
    at 5.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE call-1\n";

/// The call, without its BYE.
fn without_bye() -> Vec<Frame> {
    told(CALL.rsplit_once("at 5.000").unwrap().0)
}

fn set(frames: &mut [Frame], nanos: i64) {
    frames.iter_mut().for_each(|frame| frame.time = frame.time.plus_nanos(nanos));
}

/// The summary without its flag of a step.
fn apart_from_the_flag(call: &CallSummary) -> CallSummary {
    let mut call = call.clone();
    call.flags.retain(|flag| *flag != Flag::ClockStepped);
    call
}

/// Asserts that the times of both differ by no more than what two frames lie apart, and nothing else at all.
fn same_but_for_a_frames_distance(found: &CallSummary, expected: &CallSummary) {
    let near = |a: PacketTime, b: PacketTime| assert!(a.since(b).abs() <= 25_000_000, "{}", a.since(b));
    let (mut found, expected) = (apart_from_the_flag(found), expected.clone());
    for (f, e) in found.streams.iter_mut().zip(&expected.streams) {
        near(f.last, e.last);
        near(f.first, e.first);
        (f.first, f.last) = (e.first, e.last);
        let apart = f.jitter_ms.zip(e.jitter_ms).map(|(a, b)| (a - b).abs());
        assert!(apart.is_none_or(|ms| ms < 2.0), "{apart:?}");
        f.jitter_ms = e.jitter_ms;
        f.course = e.course.clone();
    }
    if let (Some(f), Some(e)) = (&mut found.end, &expected.end) {
        near(f.at, e.at);
        f.at = e.at;
    }
    assert_eq!(found, expected);
}

#[test]
fn a_step_back_in_mid_call_keeps_talk_time_audio_and_the_bye() {
    let (expected, mut frames) = (lab(&told(CALL)), told(CALL));
    let middle = frames.len() / 2;
    set(&mut frames[middle..], -HOUR);
    let found = lab(&frames);
    same_but_for_a_frames_distance(found.only(), expected.only());
    assert!(found.only().flags.contains(&Flag::ClockStepped));
    assert_eq!((found.counts.clock_steps, expected.counts.clock_steps), (1, 0));
    let packets = |replayed: &Replayed| replayed.calls.values().next().unwrap().packets();
    assert!(packets(&found) == packets(&expected));
}

#[test]
fn after_a_step_back_a_call_without_bye_still_ends_by_silence_in_time() {
    let mut frames = without_bye();
    let middle = frames.len() / 2;
    set(&mut frames[middle..], -HOUR);
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let mut replayed = Replayed::default();
    frames.iter().enumerate().for_each(|(n, frame)| engine.handle_frame(&raw(frame, n as u64)));
    let last = frames.last().unwrap().time;
    engine.handle_time(last.plus_nanos(119 * SECOND));
    replayed.poll(&mut engine);
    assert!(replayed.summaries().is_empty(), "it may talk on");
    engine.handle_time(last.plus_nanos(126 * SECOND));
    replayed.poll(&mut engine);
    let end = replayed.only().end.as_ref().unwrap();
    assert_eq!(end.by, Some(EndedBy::Timeout));
    let since_answer = end.at.since(replayed.only().answer.unwrap());
    assert!((since_answer - 3_980_000_000).abs() <= 25_000_000, "{since_answer}");
}

#[test]
fn a_call_after_the_step_is_told_by_the_new_clock() {
    let mut later = told(&CALL.replace("call-1", "call-2"));
    set(&mut later, 10 * SECOND);
    let mut frames = told(CALL);
    set(&mut later, -HOUR);
    frames.extend(later);
    let found = lab(&frames);
    let starts: Vec<PacketTime> = found.summaries().iter().map(|call| call.facts.start).collect();
    assert_eq!(starts, [MORNING.plus_nanos(10 * SECOND - HOUR), MORNING]);
    assert!(found.summaries().iter().all(|call| !call.flags.contains(&Flag::ClockStepped)), "neither saw it");
}

/// Both calls of `frames` live, with the clock set by `by` where a third of the frames is over; announced when `announced`
/// says, relative to the first frame of the new setting.
fn live(mut frames: Vec<Frame>, by: i64, announced: isize) -> Replayed {
    let third = frames.len() / 3;
    set(&mut frames[third..], by);
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let mut replayed = Replayed::default();
    for (n, frame) in frames.iter().enumerate() {
        let announces = n as isize == third as isize + announced;
        if announces {
            engine.handle_clock_step(by);
        }
        engine.handle_frame(&raw(frame, n as u64));
        // The caller tells the time only when it has looked at both clocks.
        let is_between =
            (third as isize + announced.min(0)..=third as isize + announced.max(0)).contains(&(n as isize));
        if n % 10 == 0 && !is_between {
            engine.handle_time(frame.time);
        }
        replayed.poll(&mut engine);
    }
    engine.handle_end();
    replayed.poll(&mut engine);
    replayed.counts = engine.counts();
    replayed
}

#[test]
fn a_live_step_ends_no_call_and_adds_no_hour_whenever_it_is_announced() {
    let expected = lab(&told(CALL));
    for by in [HOUR, -HOUR, 24 * HOUR, 3 * SECOND, -3 * SECOND] {
        // A step back shows in the frames before anybody looks at the clock.
        let latest = if by < 0 { 5 } else { 0 };
        for announced in [-5, 0, latest] {
            let found = live(told(CALL), by, announced);
            same_but_for_a_frames_distance(found.only(), expected.only());
            assert_eq!(found.counts.clock_steps, 1, "{by} {announced}");
            assert!(found.only().flags.contains(&Flag::ClockStepped));
            assert_eq!(found.counts.media.kept, 396);
        }
    }
}

#[test]
fn a_link_that_was_quiet_is_no_step() {
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let mut replayed = Replayed::default();
    let frames = without_bye();
    frames.iter().enumerate().for_each(|(n, frame)| engine.handle_frame(&raw(frame, n as u64)));
    let last = frames.last().unwrap().time;
    (1..=130).for_each(|second| engine.handle_time(last.plus_nanos(second * SECOND)));
    replayed.poll(&mut engine);
    assert_eq!(replayed.only().end.as_ref().unwrap().by, Some(EndedBy::Timeout));
    assert_eq!(engine.counts().clock_steps, 0);
}

/// Two interfaces, and for six seconds nobody read their rings: what waited in the second comes after the first's.
fn two_rings_after_a_stall() -> Vec<Frame> {
    let mut frames = told(&CALL.replace("to=5.000", "to=12.000").replace("at 5.000", "at 12.000"));
    let from_callee = |frame: &Frame| frame.bytes[26..30] == [10, 1, 0, 9];
    let stalled = |frame: &Frame| (3 * SECOND..9 * SECOND).contains(&frame.time.since(MORNING));
    let first = frames.iter().position(stalled).unwrap();
    let count = frames.iter().filter(|frame| stalled(frame)).count();
    frames[first..first + count].sort_by_key(from_callee);
    frames
}

#[test]
fn frames_that_waited_in_the_ring_of_another_interface_are_no_step() {
    let mut in_order = two_rings_after_a_stall();
    in_order.sort_by_key(|frame| frame.time);
    let expected = lab(&in_order);
    let mut engine = Engine::live(RuleSet::lab(), Limits::default());
    let mut found = Replayed::default();
    for (n, frame) in two_rings_after_a_stall().iter().enumerate() {
        engine.handle_frame(&raw(frame, n as u64));
        found.poll(&mut engine);
    }
    engine.handle_end();
    found.poll(&mut engine);
    let counts = engine.counts();
    assert_eq!((counts.clock_steps, counts.media.kept), (0, expected.counts.media.kept));
    let without_jitter = |call: &CallSummary| {
        let mut call = call.clone();
        call.streams.iter_mut().for_each(|stream| {
            (stream.jitter_ms, stream.course) = (None, Course::default());
        });
        call
    };
    assert_eq!(without_jitter(found.only()), without_jitter(expected.only()));
    assert_eq!(lab(&two_rings_after_a_stall()).counts.clock_steps, 1, "in a file nobody could tell");
}

#[test]
fn two_clocks_that_take_turns_are_two_calls_without_a_step() {
    // Two machines captured one call each, and their files were merged in order of arrival.
    let (one, mut other) = (told(CALL), told(&CALL.replace("call-1", "call-2").replace("10.1", "10.7")));
    set(&mut other, -HOUR);
    let expected = [lab(&other), lab(&one)];
    let both: Vec<Frame> = one.into_iter().zip(other).flat_map(|(a, b)| [a, b]).collect();
    let found = lab(&both);
    assert_eq!(found.counts.clock_steps, 1);
    for (found, expected) in found.summaries().iter().zip(&expected) {
        assert_eq!(**found, *expected.only());
    }
}

/// What is left of a call when its times are taken away.
fn timeless(call: &CallSummary) -> CallSummary {
    let mut call = apart_from_the_flag(call);
    call.id = CallId::new(0, 0);
    let none = PacketTime::EPOCH;
    call.facts.start = none;
    call.answer = call.answer.map(|_| none);
    call.end.iter_mut().for_each(|end| end.at = none);
    call.dtmf.iter_mut().for_each(|key| key.at = none);
    call.gaps.iter_mut().for_each(|gap| gap.at = none);
    for stream in &mut call.streams {
        (stream.first, stream.last, stream.jitter_ms) = (none, none, None);
        stream.course = Course::default();
    }
    call
}

fn payloads(pieces: &[Piece]) -> Vec<u8> {
    let media = pieces.iter().filter(|piece| piece.content == SegmentContent::Media);
    let packets = media.flat_map(|piece| earwitness_model::MediaPackets::new(piece.base, &piece.bytes));
    packets.flat_map(|packet| packet.payload.to_vec()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn steps_back_between_frames_change_only_times(seed: u64, steps in 1..8u32, load: bool) {
        let frames: Vec<Frame> = if load {
            Load { calls: 3, seconds: 4.0, seed, start_spread_s: 1.0, ..Load::default() }.frames().collect()
        } else {
            told(CALL)
        };
        let expected = lab(&frames);
        let mut stepped = frames;
        let mut random = Random::new(seed);
        for _ in 0..steps {
            let from = random.below(stepped.len() as u64) as usize;
            // Each lies further back than the one before: none goes back to a clock that is remembered.
            set(&mut stepped[from..], -(3 * SECOND + random.below(5_000_000) as i64 * SECOND));
        }
        let found = lab(&stepped);
        let sorted = |replayed: &Replayed| {
            let mut all: Vec<_> = replayed.calls.values().map(|came| {
                let call = timeless(came.ended.as_ref().unwrap());
                (call.sip_call_ids[0].expose().clone(), call, payloads(&came.pieces))
            }).collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all
        };
        let (found_calls, expected_calls) = (sorted(&found), sorted(&expected));
        prop_assert_eq!(found_calls.len(), expected_calls.len());
        for (f, e) in found_calls.iter().zip(&expected_calls) {
            prop_assert_eq!(&f.1, &e.1);
            prop_assert!(f.2 == e.2, "audio");
        }
        for call in found.summaries() {
            let same = expected.summaries().into_iter().find(|e| e.sip_call_ids == call.sip_call_ids).unwrap();
            let length = |call: &CallSummary| call.end.as_ref().unwrap().at.since(call.facts.start);
            // Each step costs at most what its frame came after the one before.
            prop_assert!((length(call) - length(same)).abs() <= i64::from(steps) * 1_100_000_000);
        }
    }
}

#[test]
fn every_script_with_its_clock_set_back_tells_the_same() {
    let folders = fs::read_dir(scripts()).unwrap().map(|entry| entry.unwrap().path());
    let mut seen = 0;
    for path in folders.map(|folder| folder.join("script.call")).filter(|path| path.exists()) {
        let mut frames = told(&fs::read_to_string(&path).unwrap());
        let expected = lab(&frames);
        let middle = frames.len() / 2;
        set(&mut frames[middle..], -HOUR);
        let found = lab(&frames);
        let all = |replayed: &Replayed| {
            let mut all: Vec<_> = replayed
                .calls
                .values()
                .map(|came| {
                    let call = came.ended.as_ref().unwrap();
                    (call.sip_call_ids[0].expose().clone(), timeless(call).outcome, came.packets())
                })
                .collect();
            all.sort_by(|a, b| (&a.0, &a.2).cmp(&(&b.0, &b.2)));
            all
        };
        assert!(all(&found) == all(&expected), "{}", path.display());
        seen += 1;
    }
    assert!(seen > 10);
}

#[test]
fn losses_are_told_by_the_clock_of_their_time_and_listed_by_that_of_the_call() {
    let mut frames = told(CALL);
    let middle = frames.len() / 2;
    set(&mut frames[middle..], -HOUR);
    // Half a second after the step is missing, and the capture says so by its new clock.
    let missing = middle + 20..middle + 70;
    let (from, to) = (frames[missing.start].time, frames[missing.end].time);
    let expected_at = from.plus_nanos(HOUR);
    frames.drain(missing);
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    frames.iter().enumerate().for_each(|(n, frame)| engine.handle_frame(&raw(frame, n as u64)));
    engine.handle_losses(from, to);
    engine.handle_end();
    let mut replayed = Replayed::default();
    replayed.poll(&mut engine);
    let call = replayed.only();
    assert_eq!(call.flags, [Flag::CaptureLoss, Flag::ClockStepped]);
    assert_eq!(call.gaps.len(), 2);
    for gap in &call.gaps {
        assert_eq!((gap.cause, gap.ms), (GapCause::Capture, 500));
        assert!(gap.at.since(expected_at).abs() < 60_000_000, "{}", gap.at.since(expected_at));
    }
}

#[test]
fn a_segment_that_nobody_takes_is_a_gap_by_the_calls_clock_also_after_a_step() {
    let mut frames = told(CALL);
    let middle = frames.len() / 2;
    set(&mut frames[middle..], -HOUR);
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let mut replayed = Replayed::default();
    let (mut segments, mut refused_at) = (0, None);
    for (n, frame) in frames.iter().enumerate() {
        engine.handle_frame(&raw(frame, n as u64));
        while let Some(output) = engine.poll_output() {
            match output {
                Output::Segment(segment) if segment.content == SegmentContent::Media && n > middle + 100 => {
                    segments += 1;
                    if segments == 1 {
                        refused_at = Some(segment.base);
                        engine.handle_refused(segment);
                    } else {
                        engine.handle_returned(segment);
                    }
                }
                other @ (Output::Opened(_)
                | Output::Running(_)
                | Output::Stream(_)
                | Output::Segment(_)
                | Output::Ended(_)) => replayed.take(other),
            }
        }
    }
    engine.handle_end();
    while let Some(output) = engine.poll_output() {
        if matches!(output, Output::Ended(_)) {
            replayed.take(output);
        }
    }
    let (call, refused_at) = (replayed.only(), refused_at.unwrap());
    assert!(refused_at > call.facts.start && refused_at < call.end.as_ref().unwrap().at);
    assert_eq!(call.gaps.len(), 2);
    for gap in &call.gaps {
        assert!(gap.at.since(refused_at).abs() < 60_000_000 && gap.cause == GapCause::Capture);
    }
}
