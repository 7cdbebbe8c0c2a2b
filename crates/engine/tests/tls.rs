//! SIP in TLS comes to what SIP in the clear comes to, where there is a key log, and is counted where there is none.

mod support;

use earwitness_engine::{Engine, Limits};
use earwitness_model::{
    CallSummary, Flag, Flow, PacketTime, SegmentContent, SignallingMessages, SipTransport,
};
use earwitness_rules::RuleSet;
use earwitness_testkit::{
    Carriage, Frame, Opening, Random, SegmentOrder,
    script::parse_over,
    segment::{PSH, Segment},
};
use earwitness_wire::stream::{StreamLoss, TlsCounts};
use proptest::prelude::*;
use support::{
    Replayed,
    carried::{self, Told, carriages, texts},
    raw, replay, told,
};

/// What came of each call, without what differs: how often the mirror showed a message, and what carried it.
fn calls(replayed: &Replayed) -> Vec<Told> {
    let mut calls = carried::calls(replayed);
    calls.iter_mut().for_each(|(.., summary)| summary.flags.retain(|flag| *flag != Flag::Tls));
    calls
}

/// When an engine is given a key log: before the frame with this index, whole lines of it.
struct Given<'l> {
    key_log: &'l str,
    at: usize,
    ports: &'l [u16],
}

fn replay_with(frames: &[Frame], given: &Given<'_>) -> Replayed {
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let mut replayed = Replayed::default();
    // Somebody will give keys.
    engine.handle_key_log(b"", given.ports);
    for (index, frame) in frames.iter().enumerate() {
        if index == given.at {
            engine.handle_key_log(given.key_log.as_bytes(), &[]);
            replayed.poll(&mut engine);
        }
        engine.handle_frame(&raw(frame, index as u64 + 1));
        replayed.poll(&mut engine);
    }
    if given.at >= frames.len() {
        engine.handle_key_log(given.key_log.as_bytes(), &[]);
    }
    engine.handle_end();
    replayed.poll(&mut engine);
    replayed.counts = engine.counts();
    replayed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_script_over_tls_however_it_is_cut_and_reordered_is_the_script_over_udp(
        text in prop::sample::select(texts()),
        carriage in carriages(
            [SipTransport::Tls, SipTransport::Wss],
            prop_oneof![100..600_usize, 600..1460_usize, 1460..9000_usize],
        ),
    ) {
        let expected = replay(&told(&text), RuleSet::lab(), Limits::default());
        let script = parse_over(&text, carriage).unwrap();
        let found = replay_with(&script.frames(), &Given { key_log: script.key_log(), at: 0, ports: &[] });
        prop_assert_eq!(calls(&found), calls(&expected));
        prop_assert_eq!(found.counts.streams.iter().map(|(_, count)| count).sum::<u64>(), 0);
        let in_tls = |call: &&CallSummary| call.flags.contains(&Flag::Tls);
        prop_assert_eq!(found.summaries().into_iter().filter(in_tls).count(), found.calls.len());
    }
}

const CALL: &str =
    "at 0 10.1.0.5:40001 > 10.1.0.9:5061 INVITE call-1 from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA
at 0.1 10.1.0.9:5061 > 10.1.0.5:40001 180 call-1
at 1 10.1.0.9:5061 > 10.1.0.5:40001 200 call-1 sdp=10.1.0.9:4002/PCMA
at 1.02 10.1.0.5:40001 > 10.1.0.9:5061 ACK call-1
rtp call-1 caller from=1.04 to=3 ssrc=0x11
rtp call-1 callee from=1.04 to=3 ssrc=0x12
at 3 10.1.0.5:40001 > 10.1.0.9:5061 BYE call-1
at 3.01 10.1.0.9:5061 > 10.1.0.5:40001 200 call-1
";

fn over(transport: SipTransport) -> Carriage {
    Carriage { transport, largest: 1460, order: SegmentOrder::AsSent, opening: Opening::Seen }
}

#[test]
fn a_call_in_tls_without_keys_is_a_connection_that_is_counted() {
    let script = parse_over(CALL, over(SipTransport::Tls)).unwrap();
    let frames = script.frames();
    let never = replay(&frames, RuleSet::lab(), Limits::default());
    assert!(never.calls.is_empty());
    assert_eq!(never.counts.streams.of(StreamLoss::Encrypted), 1);
    assert_eq!(never.counts.tls, TlsCounts::default());
    let other = parse_over(CALL, over(SipTransport::Tls)).unwrap();
    let strange = replay_with(&frames, &Given { key_log: other.key_log(), at: 0, ports: &[] });
    assert!(strange.calls.is_empty());
    assert_eq!(strange.counts.streams.of(StreamLoss::Encrypted), 1);
    assert!(strange.counts.tls.secrets >= 4 && strange.counts.tls.opened == 0);
}

#[test]
fn keys_may_come_after_the_handshake_and_what_was_said_until_then_is_read_as_of_its_time() {
    let script = parse_over(CALL, over(SipTransport::Tls)).unwrap();
    let frames = script.frames();
    let expected = replay_with(&frames, &Given { key_log: script.key_log(), at: 0, ports: &[] });
    // In the clear, they are these.
    assert_eq!(calls(&expected), calls(&replay(&told(CALL), RuleSet::lab(), Limits::default())));
    assert_eq!((expected.counts.tls.opened, expected.only().flags.clone()), (1, vec![Flag::Tls]));
    let messages = |replayed: &Replayed| -> Vec<(i64, SipTransport)> {
        let pieces = replayed.calls.values().flat_map(|came| came.pieces.iter());
        let signalling = pieces.filter(|piece| piece.content == SegmentContent::Signalling);
        let all = signalling.flat_map(|piece| SignallingMessages::new(&piece.bytes).collect::<Vec<_>>());
        all.map(|message| (message.time.since(frames[0].time) / 1_000_000, message.transport)).collect()
    };
    let times = [0, 100, 1000, 1020, 3000, 3010].map(|ms| (ms, SipTransport::Tls));
    assert_eq!(messages(&expected), times);
    let answered = frames.iter().position(|frame| frame.time.since(frames[0].time) > 1_100_000_000).unwrap();
    for at in 1..answered {
        let found = replay_with(&frames, &Given { key_log: script.key_log(), at, ports: &[] });
        assert_eq!(messages(&found), times, "keys before frame {at}");
        // Media that waited for its SDP is told in the order of its endpoints.
        let summary = |replayed: &Replayed| {
            let mut summary = replayed.only().clone();
            summary.tracks.sort_by_key(|track| track.ssrc);
            summary.streams.sort_by_key(|stream| stream.of.ssrc);
            summary.streams.iter_mut().for_each(|stream| stream.track = earwitness_model::TrackIndex(0));
            summary
        };
        assert_eq!(summary(&found), summary(&expected), "keys before frame {at}");
    }
}

#[test]
fn half_a_minute_without_keys_is_enough() {
    let script = parse_over(CALL, over(SipTransport::Tls)).unwrap();
    let mut frames = script.frames();
    for (late, opened) in [(29_i64, 1), (31, 0)] {
        let mut engine = Engine::new(RuleSet::lab(), Limits::default());
        engine.handle_key_log(b"", &[]);
        frames.truncate(12);
        for (index, frame) in frames.iter().enumerate() {
            engine.handle_frame(&raw(frame, index as u64 + 1));
        }
        engine.handle_time(frames[0].time.plus_nanos(late * 1_000_000_000));
        engine.handle_key_log(script.key_log().as_bytes(), &[]);
        assert_eq!(engine.counts().tls.opened, opened, "after {late} s");
        assert_eq!(engine.counts().streams.of(StreamLoss::Encrypted), 1 - opened, "after {late} s");
    }
}

#[test]
fn other_ports_are_read_when_their_keys_are_there_or_when_they_are_named() {
    let text = CALL.replace(":5061", ":443");
    let script = parse_over(&text, over(SipTransport::Wss)).unwrap();
    let frames = script.frames();
    let late = frames.len() / 4;
    for (at, ports, expected) in [(0, &[][..], 1), (late, &[], 0), (late, &[443], 1)] {
        let found = replay_with(&frames, &Given { key_log: script.key_log(), at, ports });
        assert_eq!(found.calls.len(), expected, "keys before frame {at}, ports {ports:?}");
        // A mirror is full of connections to such ports: only those to ports that were named are missed.
        assert_eq!(found.counts.streams.of(StreamLoss::Encrypted), 0);
    }
}

#[test]
fn a_connection_is_read_from_its_hellos_on_when_its_syns_were_not_seen() {
    let script = parse_over(CALL, over(SipTransport::Tls)).unwrap();
    let frames = &script.frames()[3..];
    let found = replay_with(frames, &Given { key_log: script.key_log(), at: 0, ports: &[] });
    assert_eq!(calls(&found), calls(&replay(&told(CALL), RuleSet::lab(), Limits::default())));
    let running = Carriage { opening: Opening::Before, ..over(SipTransport::Tls) };
    let script = parse_over(CALL, running).unwrap();
    let unseen = replay_with(&script.frames(), &Given { key_log: script.key_log(), at: 0, ports: &[] });
    assert!(unseen.calls.is_empty(), "without its hellos nothing of it is read");
}

#[test]
fn a_lost_segment_costs_its_message_and_no_other() {
    let script = parse_over(CALL, over(SipTransport::Tls)).unwrap();
    let frames = script.frames();
    // The ACK: without it the call is the same.
    let is_ack = |frame: &&Frame| frame.time.since(frames[0].time) == 1_020_000_000;
    let lost: Vec<Frame> = frames.iter().filter(|frame| !is_ack(frame)).cloned().collect();
    assert_eq!(lost.len(), frames.len() - 1);
    let found = replay_with(&lost, &Given { key_log: script.key_log(), at: 0, ports: &[] });
    let call = found.only();
    assert_eq!((call.sip_status, call.messages, call.streams.len()), (Some(200), 5, 2));
    assert_eq!(call.end.as_ref().and_then(|end| end.by), Some(earwitness_model::EndedBy::Caller));
    assert_eq!(found.counts.streams.of(StreamLoss::Gap), 1);
    assert_eq!(found.counts.streams.of(StreamLoss::Unopened), 0);
}

#[test]
fn a_flood_of_hellos_is_bounded_and_the_calls_connection_stays() {
    let script = parse_over(CALL, over(SipTransport::Tls)).unwrap();
    let mut frames = Vec::new();
    for (index, frame) in script.frames().into_iter().enumerate() {
        frames.push(frame.clone());
        // After the connection brought a message: 80 hellos of connections of their own, of 1.4 KB.
        if index > 30 {
            for other in 0..80_u32 {
                let mut payload = vec![0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3];
                payload.resize(1400, 7);
                let source = 1024 + (index as u32 * 80 + other) % 60_000;
                let host = 1 + (index as u32 * 80 + other) / 60_000;
                let flow = Flow {
                    src: format!("203.0.113.{host}:{source}").parse().unwrap(),
                    dst: "10.1.0.9:5061".parse().unwrap(),
                };
                let segment =
                    Segment { flow, vlans: &[], sequence: 7, acknowledged: 0, flags: PSH, payload: &payload };
                frames.push(Frame { time: frame.time, bytes: segment.frame() });
            }
        }
    }
    let hellos = frames.len() as u64 - script.frames().len() as u64;
    assert!(hellos > 10_000, "{hellos}");
    let found = replay_with(&frames, &Given { key_log: script.key_log(), at: 0, ports: &[] });
    let ours = |call: &&CallSummary| call.sip_status == Some(200) && call.streams.len() == 2;
    assert_eq!(found.summaries().into_iter().filter(ours).count(), 1);
    assert_eq!(found.calls.len(), 1);
    let losses = found.counts.streams;
    assert_eq!(
        losses.of(StreamLoss::Evicted) + losses.of(StreamLoss::Encrypted),
        0,
        "they came to nothing yet"
    );
}

#[test]
fn a_connection_that_was_silent_for_hours_is_still_read() {
    let text = CALL.replace("at 3 ", "at 20000 ").replace("at 3.01 ", "at 20000.01 ");
    let script = parse_over(&text, over(SipTransport::Tls)).unwrap();
    let found = replay_with(&script.frames(), &Given { key_log: script.key_log(), at: 0, ports: &[] });
    // The call ended when its media stopped; what is said on the connection later is read as before.
    assert_eq!((found.counts.messages, found.counts.tls.opened), (6, 1));
}

/// The messages of all calls, as they are sealed.
fn messages(replayed: &Replayed) -> Vec<Vec<u8>> {
    let pieces = replayed.calls.values().flat_map(|came| came.pieces.iter());
    let signalling = pieces.filter(|piece| piece.content == SegmentContent::Signalling);
    let all = signalling.flat_map(|piece| SignallingMessages::new(&piece.bytes).collect::<Vec<_>>());
    all.map(|message| message.bytes.to_vec()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn frames_left_out_remove_messages_and_make_none_up(
        largest in prop_oneof![100..400_usize, 400..1460_usize],
        seed in 0..600_u64,
        share in 1..30_u8,
    ) {
        let order = if seed % 3 == 0 { SegmentOrder::AsSent } else { SegmentOrder::Random(seed) };
        let carriage = Carriage { largest, order, ..over(SipTransport::Tls) };
        let script = parse_over(CALL, carriage).unwrap();
        let given = Given { key_log: script.key_log(), at: 0, ports: &[] };
        let all = messages(&replay_with(&script.frames(), &given));
        prop_assert_eq!(all.len(), 6);
        let mut random = Random::new(seed);
        let frames: Vec<Frame> = script.frames().into_iter().filter(|_| !random.happens(f64::from(share))).collect();
        // What is cut off behind its head is handed over as it is.
        let is_of = |message: &Vec<u8>| all.iter().any(|whole| whole.starts_with(message));
        prop_assert!(messages(&replay_with(&frames, &given)).iter().all(is_of));
    }
}

/// Forged segments of the call's own connection, and others: hellos, records and alerts that make no sense.
fn forged(random: &mut Random, time: PacketTime) -> Vec<Frame> {
    let hello = |kind: u8| {
        [&[0x16, 3, 3, 0, 46, kind, 0, 0, 42, 3, 3][..], &[kind; 32], &[0, 0, 0x2f, 0, 0, 0, 0, 0]].concat()
    };
    let sealed = [&[0x17, 3, 3, 1, 0][..], &[0x5a; 256]].concat();
    let texts: [&[u8]; 6] = [
        &hello(1),
        &hello(2),
        &sealed,
        b"\x15\x03\x03\x00\x02\x02\x00",
        b"",
        b"BYE sip:x SIP/2.0\r\nCall-ID: call-1@10.1.0.5\r\nCSeq: 1 BYE\r\n",
    ];
    carried::hostile("10.1.0.9:5061", &texts, (random, time))
}

#[test]
fn a_call_in_tls_is_not_harmed_by_forged_segments_between_each_two_of_its_own() {
    for seed in 0..10 {
        let script = parse_over(CALL, over(SipTransport::Tls)).unwrap();
        let given = Given { key_log: script.key_log(), at: 0, ports: &[] };
        let quiet = script.frames();
        let expected = replay_with(&quiet, &given);
        let mut random = Random::new(seed);
        let mut frames = Vec::new();
        for (index, frame) in quiet.iter().enumerate() {
            frames.push(frame.clone());
            // From the client's hello on: before both have agreed, too.
            if index >= 3 && index % 5 < 3 {
                frames.extend(forged(&mut random, frame.time));
            }
        }
        let found = replay_with(&frames, &given);
        let is_ours = |call: &Told| call.3.sip_call_ids.iter().any(|id| id.expose() == "call-1@10.1.0.5");
        let ours: Vec<Told> = calls(&found).into_iter().filter(is_ours).collect();
        assert!(ours == calls(&expected), "seed {seed}");
        let losses = found.counts.streams;
        assert!(losses.of(StreamLoss::Outside) > 0 && found.counts.segments > 500, "seed {seed}: {losses:?}");
    }
}
