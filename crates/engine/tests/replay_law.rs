//! The replay law: the same frames give the same outputs, whatever the batching, the hour, or the neighbours; leaving
//! frames out only removes audio or adds gaps.

#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::{collections::BTreeSet, fs};

use earwitness_engine::{Engine, Limits};
use earwitness_model::{CallId, CallSummary, Codec, PacketTime};
use earwitness_rules::RuleSet;
use earwitness_testkit::{Frame, Load, MORNING, Random, datagram::Datagram};
use proptest::prelude::*;
use support::{Came, Piece, Polling, Replayed, desks, lab, raw, replay, scripts, told};

const SECOND: i64 = 1_000_000_000;

/// All scripts' frames, by name.
fn fixtures() -> Vec<Vec<Frame>> {
    let folders = fs::read_dir(scripts()).unwrap().map(|entry| entry.unwrap().path());
    let mut scripts: Vec<_> =
        folders.map(|folder| folder.join("script.call")).filter(|p| p.exists()).collect();
    scripts.sort();
    scripts.iter().map(|path| told(&fs::read_to_string(path).unwrap())).collect()
}

/// A small capture: a load, or a script.
fn capture() -> impl Strategy<Value = Vec<Frame>> {
    let load = (1..6u32, 1.0..6.0f64, any::<u16>(), 0..8u8, 0..18u32, any::<bool>());
    let loads = load.prop_map(|(calls, seconds, seed, bad, jitter_ms, duplicate)| {
        let load = Load {
            calls,
            seconds,
            seed: u64::from(seed),
            loss_percent: f64::from(bad),
            reorder_percent: f64::from(bad) / 2.0,
            jitter_ms,
            duplicate,
            codec: if seed % 2 == 0 { Codec::Pcma } else { Codec::Pcmu },
            start_spread_s: 3.0,
            ..Load::default()
        };
        load.frames().collect()
    });
    prop_oneof![loads, prop::sample::select(fixtures())]
}

fn rules() -> impl Strategy<Value = RuleSet> {
    prop_oneof![Just(RuleSet::lab()), Just(desks())]
}

/// What came out of one call: when it opened, its segments, its summary.
type Whole<'r> = (CallId, Option<PacketTime>, &'r [Piece], &'r CallSummary);

/// What came out of each call.
fn each(replayed: &Replayed) -> Vec<Whole<'_>> {
    let calls = replayed.calls.iter();
    calls.map(|(id, came)| (*id, came.opened, &came.pieces[..], came.ended.as_ref().unwrap())).collect()
}

/// As [`replay`], with time moved on between the frames and outputs fetched when `polling` says.
fn replay_ticking(frames: &[Frame], rules: RuleSet, polling: Polling, seed: u64) -> Replayed {
    let mut engine = Engine::new(rules, Limits::default());
    let (mut replayed, mut random) = (Replayed::default(), Random::new(seed));
    let mut before = frames[0].time;
    for (number, frame) in frames.iter().enumerate() {
        let apart = frame.time.since(before).max(0) as u64;
        let mut steps: Vec<u64> = (0..random.below(4)).map(|_| random.below(apart + 1)).collect();
        steps.sort_unstable();
        for step in steps {
            engine.handle_time(before.plus_nanos(step as i64));
        }
        // An earlier time changes nothing.
        engine.handle_time(before.plus_nanos(-SECOND));
        engine.handle_frame(&raw(frame, number as u64 + 1));
        if polling == Polling::EachFrame || random.happens(5.0) {
            replayed.poll(&mut engine);
        }
        before = frame.time;
    }
    engine.handle_end();
    replayed.poll(&mut engine);
    replayed
}

/// What else is on the wire: other calls, other UDP, other frames, at the times of `frames`.
fn neighbours(frames: &[Frame], seed: u64) -> Vec<Frame> {
    let mut random = Random::new(seed);
    let (first, last) = (frames[0].time, frames[frames.len() - 1].time);
    let calls = Load { calls: 3, seconds: 4.0, seed, start: first, start_spread_s: 2.0, ..Load::default() };
    // Loads share their first addresses: the neighbours' frames are moved to a network of their own.
    let mut all: Vec<Frame> = calls.frames().map(elsewhere).filter(|frame| frame.time <= last).collect();
    for n in 0..200u16 {
        let time = first.plus_nanos(random.below(last.since(first).max(1) as u64) as i64);
        let mut payload = vec![0; random.below(200) as usize];
        random.fill(&mut payload);
        let flow = earwitness_model::Flow {
            src: std::net::SocketAddr::new([203, 0, 113, 1].into(), n + 1),
            dst: std::net::SocketAddr::new([203, 0, 113, 2].into(), 2000 + n % 50),
        };
        let mut bytes = Datagram::new(flow, &payload).frame();
        if n % 3 == 0 {
            bytes.truncate(random.below(60) as usize);
        }
        all.push(Frame { time, bytes });
    }
    all.sort_by_key(|frame| frame.time);
    all
}

/// The frame in 172.x.y.z instead of 10.x.y.z, in its headers and, if it is SIP, in its text.
fn elsewhere(mut frame: Frame) -> Frame {
    frame.bytes[26] = 172;
    frame.bytes[30] = 172;
    let payload = frame.bytes.split_off(42);
    let flow =
        earwitness_model::Flow { src: address(&frame.bytes, 26, 34), dst: address(&frame.bytes, 30, 36) };
    let payload = match String::from_utf8(payload) {
        Ok(text) => text.replace("10.1.0.5", "172.1.0.5").replace("10.129.0.9", "172.129.0.9").into_bytes(),
        Err(error) => error.into_bytes(),
    };
    let payload = with_content_length(payload);
    Frame { time: frame.time, bytes: Datagram::new(flow, &payload).frame() }
}

fn address(bytes: &[u8], ip: usize, port: usize) -> std::net::SocketAddr {
    let octets: [u8; 4] = bytes[ip..ip + 4].try_into().unwrap();
    std::net::SocketAddr::new(octets.into(), u16::from_be_bytes([bytes[port], bytes[port + 1]]))
}

fn with_content_length(payload: Vec<u8>) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&payload) else { return payload };
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return payload };
    let Some((before, _)) = head.split_once("Content-Length: ") else { return payload };
    format!("{before}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The summary as it would be `nanos` later.
fn shifted(call: &CallSummary, nanos: i64) -> CallSummary {
    let later = |at: PacketTime| at.plus_nanos(nanos);
    let mut call = call.clone();
    let renamed = |id: CallId, start: PacketTime| {
        let mut tail = [0; 16];
        tail[6..].copy_from_slice(&id.to_bytes()[6..]);
        CallId::new(start.nanos().div_euclid(1_000_000), u128::from_be_bytes(tail))
    };
    call.facts.start = later(call.facts.start);
    call.id = renamed(call.id, call.facts.start);
    // Only the time in their names is known of related calls; it is shifted in whole ms.
    for related in &mut call.related {
        related.call = renamed(related.call, PacketTime::EPOCH);
    }
    call.answer = call.answer.map(later);
    call.end.iter_mut().for_each(|end| end.at = later(end.at));
    call.dtmf.iter_mut().for_each(|key| key.at = later(key.at));
    call.gaps.iter_mut().for_each(|gap| gap.at = later(gap.at));
    for stream in &mut call.streams {
        (stream.first, stream.last) = (later(stream.first), later(stream.last));
        stream.course.stretches.iter_mut().for_each(|stretch| stretch.at = later(stretch.at));
    }
    call
}

/// The summary as [`shifted`] has it: of the names of related calls only what does not depend on their times.
fn without_times_of_related(call: &CallSummary) -> CallSummary {
    CallSummary { related: shifted(call, 0).related, ..call.clone() }
}

/// Every packet that was kept, whatever its call.
fn kept(replayed: &Replayed) -> BTreeSet<(support::Place, Vec<u8>)> {
    replayed.calls.values().flat_map(Came::packets).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn batching_and_ticking_change_nothing(frames in capture(), rules in rules(), seed: u64, late: bool) {
        let expected = replay(&frames, rules.clone(), Limits::default());
        let polling = if late { Polling::AtTheEnd } else { Polling::EachFrame };
        let found = replay_ticking(&frames, rules, polling, seed);
        prop_assert!(each(&found) == each(&expected));
    }

    #[test]
    fn neighbours_change_nothing(frames in capture(), rules in rules(), seed: u64) {
        let expected = replay(&frames, rules.clone(), Limits::default());
        let mut together = [frames.clone(), neighbours(&frames, seed)].concat();
        together.sort_by_key(|frame| frame.time);
        let found = replay(&together, rules, Limits::default());
        let ours: Vec<_> =
            each(&found).into_iter().filter(|call| expected.calls.contains_key(&call.0)).collect();
        prop_assert!(ours == each(&expected));
        prop_assert!(found.calls.len() > expected.calls.len() || frames.len() < 10, "there were others");
    }

    #[test]
    fn a_shift_of_time_shifts_times_only(frames in capture(), rules in rules(), nanos in -SECOND * 1_000_000_000..SECOND * 1_000_000_000) {
        let expected = replay(&frames, rules.clone(), Limits::default());
        let moved: Vec<Frame> = frames
            .into_iter()
            .map(|frame| Frame { time: frame.time.plus_nanos(nanos), ..frame })
            .collect();
        let found = replay(&moved, rules, Limits::default());
        let later: Vec<_> = each(&expected).into_iter().map(|call| shifted(call.3, nanos)).collect();
        let summaries: Vec<CallSummary> = each(&found).into_iter().map(|call| without_times_of_related(call.3)).collect();
        prop_assert!(summaries == later);
        for ((.., before, _), (.., after, _)) in each(&expected).into_iter().zip(each(&found)) {
            prop_assert_eq!(before.len(), after.len());
            for (before, after) in before.iter().zip(after) {
                prop_assert_eq!(before.base.plus_nanos(nanos), after.base);
                let is_media = before.content == earwitness_model::SegmentContent::Media;
                prop_assert!(!is_media || before.bytes == after.bytes, "arrivals count from the base");
            }
        }
    }

    #[test]
    fn frames_left_out_remove_audio_and_add_none(frames in capture(), percent in 1..40u8, seed: u64) {
        // Without the messages of ZRTP that confirm its keys (RFC 6189, 5.7) nothing shows that what follows is encrypted.
        prop_assume!(!frames.iter().any(|frame| frame.bytes.windows(4).any(|bytes| bytes == b"ZRTP")));
        let expected = kept(&lab(&frames));
        let mut random = Random::new(seed);
        let fewer: Vec<Frame> =
            frames.into_iter().filter(|_| !random.happens(f64::from(percent))).collect();
        let replayed = lab(&fewer);
        prop_assert!(kept(&replayed).is_subset(&expected));
        for call in replayed.summaries() {
            let packets: u64 = call.streams.iter().map(|stream| stream.packets).sum();
            let came = replayed.calls[&call.id].packets().len() as u64;
            prop_assert_eq!(packets, came, "what is counted is there");
        }
    }
}

#[test]
fn a_leap_over_many_deadlines_sees_what_a_ticking_clock_sees() {
    // The BYE is lost; 895 s later the same source sends again, to a call that is long over.
    let mut frames = told(&fs::read_to_string(scripts().join("bye-lost/script.call")).unwrap());
    let mut again = frames[20].clone();
    again.time = MORNING.plus_nanos(900 * SECOND);
    frames.insert(frames.len() - 3, again);
    let leap = lab(&frames);
    let ticking = replay_ticking(&frames, RuleSet::lab(), Polling::EachFrame, 3);
    assert!(each(&leap) == each(&ticking));
    assert_eq!((leap.counts.media.kept, leap.counts.media.unclaimed), (396, 1));
}
