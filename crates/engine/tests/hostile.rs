//! Floods, garbage, clocks that leap, memory that ends: everything is bounded and counted, and the real call is exact.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::net::SocketAddr;

use earwitness_engine::{Engine, Limits, Output, Pressure, RING_BYTES};
use earwitness_model::{Flag, Flow, GapCause, Leg, PacketTime, Pii, SegmentContent, TrackIndex};
use earwitness_rules::RuleSet;
use earwitness_testkit::{
    Frame, MORNING, Random,
    datagram::{Datagram, flow},
    rtp::Header,
    sip::Message,
};
use support::{Replayed, desks, lab, raw, replay, told};

const CALL: &str = "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE call-1 from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA\n\
    at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1 sdp=10.1.0.9:4002/PCMA\n\
    at 1.020 10.1.0.5:5060 > 10.1.0.9:5060 ACK call-1\n\
    rtp call-1 caller from=1.040 to=5.000 ssrc=0x11 tone=440\n\
    rtp call-1 callee from=1.040 to=5.000 ssrc=0x22 tone=660\n\
    at 5.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE call-1\n";

fn end(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn at(nanos: i64) -> PacketTime {
    MORNING.plus_nanos(nanos)
}

fn frame(time: PacketTime, flow: Flow, payload: &[u8]) -> Frame {
    Frame { time, bytes: Datagram::new(flow, payload).frame() }
}

fn request(method: &str, call_id: &str, cseq: u32) -> Message {
    Message::request(method, "sip:4001@10.1.0.9")
        .header("From", "<sip:9@10.9.9.9>;tag=x")
        .header("To", "<sip:4001@10.1.0.9>")
        .header("Call-ID", call_id)
        .header("CSeq", format_args!("{cseq} {method}"))
}

/// Both, in order of time.
fn merged(one: &[Frame], other: &[Frame]) -> Vec<Frame> {
    let mut all = [one, other].concat();
    all.sort_by_key(|frame| frame.time);
    all
}

/// Asserts that the real call came out as if it had been alone.
fn exact(found: &Replayed, real: &[Frame]) {
    let alone = lab(real);
    let (id, expected) = alone.calls.first_key_value().unwrap();
    let streams = &expected.ended.as_ref().unwrap().streams;
    assert_eq!(streams.len(), 2);
    for stream in streams {
        let came = &found.calls[id];
        let same = |other: &&earwitness_model::StreamSummary| {
            (other.of, other.payload_type) == (stream.of, stream.payload_type)
        };
        let other = came.ended.as_ref().unwrap().streams.iter().find(same).unwrap();
        assert_eq!((other.packets, other.lost), (stream.packets, 0));
        let audio = |came: &support::Came, index: TrackIndex| came.audio(index, stream.payload_type);
        assert!(audio(came, other.track) == audio(expected, stream.track));
    }
}

#[test]
fn a_flood_of_invites_is_bounded_and_counted() {
    let real = told(CALL);
    let flow = flow(end("198.51.100.7:5060"), end("10.1.0.9:5060"));
    let flood: Vec<Frame> = (0..100_000)
        .map(|n| {
            frame(at(1_100_000_000 + n * 20_000), flow, &request("INVITE", &format!("flood-{n}"), 1).finish())
        })
        .collect();
    let limits = Limits { calls: 1000, ..Limits::default() };
    let mut engine = Engine::new(RuleSet::lab(), limits);
    let mut replayed = Replayed::default();
    for (number, frame) in merged(&real, &flood).iter().enumerate() {
        engine.handle_frame(&raw(frame, number as u64));
        replayed.poll(&mut engine);
        assert!(engine.calls() <= 1000);
    }
    assert_eq!(engine.counts().calls_refused, 100_000 - 999);
    engine.handle_time(at(60_000_000_000));
    replayed.poll(&mut engine);
    assert_eq!(
        (engine.calls(), engine.ring_bytes(), replayed.summaries().len()),
        (0, ring_of(&replayed), 1000)
    );
    exact(&replayed, &real);
}

/// Bytes of ring buffers that were handed out and not given back.
fn ring_of(replayed: &Replayed) -> usize {
    let pieces = replayed.calls.values().flat_map(|came| &came.pieces);
    pieces.filter(|piece| piece.content == SegmentContent::Media).count() * RING_BYTES
}

#[test]
fn a_flood_of_sources_to_a_known_port_is_bounded_and_leaves_the_call_exact() {
    let real = told(CALL);
    let mut random = Random::new(1);
    let flow = flow(end("198.51.100.7:4000"), end("10.1.0.5:4000"));
    let flood: Vec<Frame> = (0..100_000)
        .map(|n| {
            let (ssrc, sequence) = (random.bits() as u32, random.bits() as u16);
            let header = Header { payload_type: 8, marker: false, sequence, timestamp: 0, ssrc };
            frame(at(2_000_000_000 + n * 20_000), flow, &header.packet(&[0x55; 160]))
        })
        .collect();
    let limits = Limits { tracks_per_call: 10, ..Limits::default() };
    let replayed = replay(&merged(&real, &flood), RuleSet::lab(), limits);
    assert_eq!(replayed.only().tracks.len(), 10);
    assert_eq!(replayed.counts.media.tracks_refused, 100_000 - 8);
    exact(&replayed, &real);
}

#[test]
fn numbers_that_jump_about_are_counted_as_noise() {
    let flow = flow(end("10.1.0.9:4002"), end("10.1.0.5:4000"));
    let noise: Vec<Frame> = (0..10_000u16)
        .map(|n| {
            let sequence = n % 2 * 30_000 + n / 2;
            let header = Header { payload_type: 8, marker: false, sequence, timestamp: 0, ssrc: 0x77 };
            frame(at(2_000_000_000 + i64::from(n) * 200_000), flow, &header.packet(&[0x55; 160]))
        })
        .collect();
    let real = told(CALL);
    let replayed = replay(&merged(&real, &noise), RuleSet::lab(), Limits::default());
    let media = replayed.counts.media;
    assert!(media.noise > 4_000, "{}", media.noise);
    assert_eq!(media.kept + media.noise, media.packets);
    exact(&replayed, &real);
}

#[test]
fn garbage_frames_are_counted_by_layer_and_change_nothing() {
    let real = told(CALL);
    let mut random = Random::new(2);
    let garbage: Vec<Frame> = (0..20_000)
        .map(|n| {
            let mut bytes = real[(n % real.len() as i64) as usize].bytes.clone();
            let keep = random.below(bytes.len() as u64 + 1) as usize;
            if n % 2 == 0 {
                bytes.truncate(keep.min(40));
            } else {
                // Not UDP, not IP, not anything: the headers themselves are random.
                random.fill(&mut bytes[..40]);
                bytes[12] |= 0x40;
            }
            Frame { time: at(n * 200_000), bytes }
        })
        .collect();
    let replayed = replay(&merged(&real, &garbage), RuleSet::lab(), Limits::default());
    let counts = &replayed.counts;
    assert!(counts.unreadable.values().sum::<u64>() > 5_000);
    assert_eq!(replayed.summaries().len(), 1);
    exact(&replayed, &real);
}

#[test]
fn a_clock_that_steps_back_an_hour_costs_no_audio() {
    let mut frames = told(CALL);
    let middle = frames.len() / 2;
    frames[middle..].iter_mut().for_each(|f| f.time = f.time.plus_nanos(-3_600_000_000_000));
    let replayed = lab(&frames);
    let call = replayed.only();
    assert_eq!(call.streams.iter().map(|s| (s.packets, s.lost)).collect::<Vec<_>>(), [(198, 0), (198, 0)]);
    for stream in &call.streams {
        let came = &replayed.calls[&call.id];
        assert_eq!(came.audio(stream.track, 8).len() as u64, stream.payload_bytes);
    }
}

#[test]
fn a_clock_that_steps_back_an_hour_costs_no_talk_that_is_kept_from_the_answer() {
    let mut frames = told(CALL);
    let middle = frames.len() / 2;
    frames[middle..].iter_mut().for_each(|f| f.time = f.time.plus_nanos(-3_600_000_000_000));
    let replayed = replay(&frames, desks(), Limits::default());
    assert_eq!((replayed.counts.media.kept, replayed.counts.media.dropped), (396, 0));
}

#[test]
fn packets_cut_by_the_snap_length_are_counted_and_stand_as_gaps() {
    let cut = |frame: &Frame| Frame { bytes: frame.bytes[..frame.bytes.len().min(100)].to_vec(), ..*frame };
    let real = told(CALL);
    let is_media = |frame: &&Frame| frame.bytes.len() == 214;
    let from = real.iter().filter(is_media).nth(100).unwrap().time;
    let frames: Vec<Frame> = real
        .iter()
        .map(|frame| if is_media(&frame) && frame.time >= from { cut(frame) } else { frame.clone() })
        .collect();
    let replayed = lab(&frames);
    let (call, media) = (replayed.only(), replayed.counts.media);
    assert_eq!((media.kept, media.truncated), (100, 296));
    assert!(call.flags.contains(&Flag::Truncated) && call.flags.contains(&Flag::CaptureLoss));
    let gaps: Vec<_> = call.gaps.iter().map(|gap| (gap.leg, gap.ms, gap.cause)).collect();
    let expected = [Leg::Caller, Leg::Callee].map(|leg| (leg, 148 * 20, GapCause::Capture));
    assert_eq!(gaps, expected, "said once: not as a hole in the numbers too");
    let unannounced: Vec<Frame> = real.iter().filter(is_media).map(cut).collect();
    let media = lab(&unannounced).counts.media;
    assert_eq!((media.truncated, media.unclaimed), (396, 0), "nobody waits for half a packet");
}

#[test]
fn payload_types_beyond_what_is_told_apart_are_a_gap() {
    let flow = flow(end("10.1.0.9:4002"), end("10.1.0.5:4000"));
    let many: Vec<Frame> = (0..20u16)
        .map(|n| {
            let payload_type = 96 + n as u8;
            let header = Header { payload_type, marker: false, sequence: n, timestamp: 0, ssrc: 0x77 };
            frame(at(2_000_000_000 + i64::from(n) * 20_000_000), flow, &header.packet(&[0x55; 160]))
        })
        .collect();
    let real = told(CALL);
    let replayed = lab(&merged(&real, &many));
    assert_eq!(replayed.counts.media.tracks_refused, 12);
    let gaps: Vec<_> = replayed.only().gaps.iter().map(|gap| (gap.leg, gap.ms, gap.cause)).collect();
    assert_eq!(gaps, [(Leg::Callee, 12 * 20, GapCause::Capture)]);
    exact(&replayed, &real);
}

#[test]
fn fragments_that_never_become_whole_are_counted() {
    let long = request("OPTIONS", "long", 1).body("text/plain", &"x".repeat(3000));
    let flow = flow(end("10.1.0.5:5060"), end("10.1.0.9:5060"));
    let fragments =
        |identification| Datagram { identification, ..Datagram::new(flow, &long) }.fragments(1480);
    let mut frames: Vec<Frame> = Vec::new();
    for (identification, pieces) in [(1, 1), (2, 3), (3, 2)] {
        let time = at(i64::from(identification) * 40_000_000_000);
        frames.extend(fragments(identification).into_iter().take(pieces).map(|bytes| Frame { time, bytes }));
    }
    let counts = lab(&frames).counts;
    assert_eq!((counts.fragments, counts.messages, counts.fragments_refused), (6, 1, 2));
}

#[test]
fn a_clock_that_steps_forward_a_day_ends_the_call_and_counts_what_comes_after() {
    let mut frames = told(CALL);
    let middle = frames.len() / 2;
    frames[middle..].iter_mut().for_each(|f| f.time = f.time.plus_nanos(86_400_000_000_000));
    let replayed = lab(&frames);
    let media = replayed.counts.media;
    assert_eq!(media.packets, 396);
    assert_eq!(media.kept + media.unclaimed + media.unclaimed_refused, 396);
    let by = replayed.only().end.as_ref().unwrap().by;
    assert_eq!(by, Some(earwitness_model::EndedBy::Timeout));
}

#[test]
fn the_ends_of_time_do_no_harm() {
    let mut frames = told(CALL);
    let nanos = [i64::MAX, i64::MIN, 0, i64::MAX - 1];
    for (frame, nanos) in frames.iter_mut().zip(nanos.iter().cycle()) {
        frame.time = PacketTime::from_nanos(*nanos);
    }
    let replayed = lab(&frames);
    let media = replayed.counts.media;
    assert_eq!(media.kept + media.unclaimed + media.unclaimed_refused + media.dropped, media.packets);
    assert_eq!(media.packets, 396);
}

#[test]
fn a_flood_of_byes_ends_nothing_twice_and_begins_nothing() {
    let real = told(CALL);
    let flow = flow(end("198.51.100.7:5060"), end("10.1.0.9:5060"));
    let flood: Vec<Frame> = (0..20_000)
        .map(|n| frame(at(n * 300_000), flow, &request("BYE", &format!("unknown-{n}"), 2).finish()))
        .collect();
    let replayed = lab(&merged(&real, &flood));
    assert_eq!(replayed.counts.messages, 20_000 + 4);
    exact(&replayed, &real);
    assert_eq!(replayed.summaries().len(), 1);
}

#[test]
fn a_call_that_rings_by_the_thousand_stands_once_in_the_queue_and_keeps_so_much() {
    let flow = flow(end("10.1.0.9:5060"), end("10.1.0.5:5060"));
    let ringing = |n: i64| {
        let message = Message::response(180, "Ringing")
            .header("From", "<sip:9@10.1.0.5>;tag=x")
            .header("To", format_args!("<sip:4001@10.1.0.9>;tag={n}"))
            .header("Call-ID", "rings")
            .header("CSeq", "1 INVITE");
        frame(at(1000 + n * 1_000_000), flow, &message.finish())
    };
    let mut frames = vec![frame(at(0), flow.reversed(), &request("INVITE", "rings", 1).finish())];
    frames.extend((0..20_000).map(ringing));
    let limits = Limits { signalling_bytes_per_call: 10_000, ..Limits::default() };
    let replayed = replay(&frames, RuleSet::lab(), limits);
    let came = replayed.calls.values().next().unwrap();
    let kept: usize = came.pieces.iter().map(|piece| piece.bytes.len()).sum();
    assert!((9_000..20_000).contains(&kept), "{kept} bytes with their headers");
    assert!(replayed.counts.messages_not_kept > 19_900, "{}", replayed.counts.messages_not_kept);
    assert_eq!(replayed.only().messages, 20_001);
}

#[test]
fn an_sdp_with_a_thousand_streams_announces_so_many_endpoints() {
    let mut sdp = "v=0\r\no=- 1 1 IN IP4 10.9.9.9\r\ns=-\r\nc=IN IP4 10.9.9.9\r\nt=0 0\r\n".to_owned();
    sdp.extend((0..1000).map(|n| format!("m=audio {} RTP/AVP 8\r\n", 10_000 + 2 * n)));
    let real = told(CALL);
    let flow = flow(end("198.51.100.7:5060"), end("10.1.0.9:5060"));
    let message = request("INVITE", "wide", 1).body("application/sdp", &sdp);
    let replayed = lab(&merged(&real, &[frame(at(500_000_000), flow, &message)]));
    assert!(replayed.counts.media.endpoints_refused <= 1000 - 32);
    assert!(replayed.counts.media.endpoints_refused > 0);
    exact(&replayed, &real);
}

#[test]
fn a_used_up_budget_of_rings_is_a_counted_gap_and_no_more() {
    let frames = told(CALL);
    let limits = Limits { ring_bytes: 3 * RING_BYTES, ..Limits::default() };
    let replayed = replay(&frames, RuleSet::lab(), limits);
    let (call, media) = (replayed.only(), replayed.counts.media);
    assert_eq!(ring_of(&replayed), 3 * RING_BYTES, "no buffer came back");
    assert_eq!(media.kept + media.no_ring, 396);
    assert!(media.no_ring > 200 && replayed.counts.lost_packets() == media.no_ring);
    assert!(call.flags.contains(&Flag::CaptureLoss));
    for leg in [Leg::Caller, Leg::Callee] {
        let gaps: Vec<_> = call.gaps.iter().filter(|gap| gap.leg == leg).collect();
        assert_eq!((gaps.len(), gaps[0].cause), (1, GapCause::Capture));
        let stream = call.streams.iter().find(|s| s.of.leg == leg).unwrap();
        assert_eq!((stream.packets + stream.lost, stream.payload_bytes), (198, stream.packets * 160));
    }
    assert_eq!(call.gaps.iter().map(|gap| u64::from(gap.ms)).sum::<u64>(), media.no_ring * 20);
}

#[test]
fn nothing_of_a_refused_call_comes_out() {
    let canary = [0xa7; 160];
    // It goes on for a second after its BYE: what is in flight is the refused call's too.
    let text = CALL.replace("call-1", "union-1").replace("to=4001", "to=4900").replace(":400", ":500");
    let refused = told(&text.replace("to=5.000", "to=6.000"));
    let mut frames = merged(&told(CALL), &refused);
    for frame in &mut frames {
        // The refused call's RTP, before its SDP and in its talk: every payload is the canary.
        if frame.bytes[34] == 0x13
            && frame.bytes[35] >= 0x88
            && frame.bytes[35] <= 0x8a
            && frame.bytes.len() == 214
        {
            frame.bytes[54..].copy_from_slice(&canary);
        }
    }
    let early: Vec<Frame> = (0..20u16)
        .map(|n| {
            let header = Header { payload_type: 8, marker: false, sequence: n, timestamp: 0, ssrc: 0x99 };
            let flow = flow(end("10.1.0.9:5002"), end("10.1.0.5:5000"));
            frame(at(-500_000_000 + i64::from(n) * 20_000_000), flow, &header.packet(&canary))
        })
        .collect();
    let mut engine = Engine::new(desks(), Limits::default());
    let (mut segments, mut ended) = (0, 0);
    for (number, frame) in merged(&early, &frames).iter().enumerate() {
        engine.handle_frame(&raw(frame, number as u64 + 1));
        while let Some(output) = engine.poll_output() {
            match output {
                Output::Segment(segment) => {
                    segments += 1;
                    assert!(!segment.bytes.windows(32).any(|bytes| bytes == &canary[..32]));
                    engine.handle_returned(segment);
                }
                Output::Ended(_) => ended += 1,
                Output::Opened(_) | Output::Running(_) | Output::Stream(_) => {}
            }
        }
    }
    engine.handle_time(at(60_000_000_000));
    while let Some(output) = engine.poll_output() {
        assert!(!matches!(output, Output::Opened(_)));
        ended += u32::from(matches!(output, Output::Ended(_)));
        if let Output::Segment(segment) = output {
            assert!(!segment.bytes.windows(32).any(|bytes| bytes == &canary[..32]));
            engine.handle_returned(segment);
        }
    }
    let media = engine.counts().media;
    assert!(segments > 8, "{segments}");
    assert_eq!((ended, engine.calls(), engine.ring_bytes()), (2, 0, 0), "every buffer is back, and wiped");
    assert_eq!((media.kept, media.dropped, media.unclaimed), (396, 2 * 248 + 20, 0));
}

#[test]
fn names_too_long_to_keep_are_refused_and_texts_are_cut() {
    let real = told(CALL);
    let flow = flow(end("198.51.100.7:5060"), end("10.1.0.9:5060"));
    let long = "n".repeat(5000);
    let tagged = Message::request("INVITE", "sip:4001@10.1.0.9")
        .header("From", format_args!("<sip:9@10.9.9.9>;tag={long}"))
        .header("To", "<sip:4001@10.1.0.9>")
        .header("Call-ID", "tagged")
        .header("CSeq", "1 INVITE");
    let wordy = Message::request("INVITE", format_args!("sip:{long}@10.1.0.9").to_string().as_str())
        .header("From", format_args!("\"{long}\" <sip:{long}@{long}>;tag=x"))
        .header("To", "<sip:4001@10.1.0.9>")
        .header("P-Asserted-Identity", vec!["<tel:+82312221111>"; 100].join(", "))
        .header("Call-ID", "wordy")
        .header("CSeq", "1 INVITE");
    let all = [
        frame(at(1), flow, &request("INVITE", &long, 1).finish()),
        frame(at(2), flow, &tagged.finish()),
        frame(at(3), flow, &wordy.finish()),
    ];
    let replayed = lab(&merged(&real, &all));
    assert_eq!((replayed.counts.messages_refused, replayed.summaries().len()), (2, 2));
    let facts = &replayed.summaries().into_iter().find(|call| call.messages == 1).unwrap().facts;
    let length = |text: &Option<Pii<String>>| text.as_ref().map(|text| text.expose().len());
    assert_eq!(length(&facts.from.user), Some(256));
    assert_eq!(length(&facts.from.display), Some(256));
    assert_eq!(length(&facts.from.host), Some(256));
    assert_eq!((length(&facts.request_user), facts.asserted.len()), (Some(256), 16));
    exact(&replayed, &real);
}

#[test]
fn gaps_are_listed_so_far_and_then_counted() {
    let flow = flow(end("10.1.0.9:4002"), end("10.1.0.5:4000"));
    // Four sources that lose every second packet: 256 holes are remembered of each, and one call lists 512.
    let holes: Vec<Frame> = (0..4000u16)
        .map(|n| {
            let (ssrc, sequence) = (0x70 + u32::from(n % 4), n / 4 * 2);
            let header = Header { payload_type: 8, marker: false, sequence, timestamp: 0, ssrc };
            frame(at(2_000_000_000 + i64::from(n) * 200_000), flow, &header.packet(&[0x55; 160]))
        })
        .collect();
    let real = told(CALL);
    let replayed = lab(&merged(&real, &holes));
    assert_eq!((replayed.only().gaps.len(), replayed.counts.media.gaps_unlisted), (512, 4 * 256 - 512));
    exact(&replayed, &real);
}

#[test]
fn a_refused_call_lists_no_tracks() {
    let replayed = replay(&told(&CALL.replace("to=4001", "to=4900")), desks(), Limits::default());
    let call = replayed.only();
    assert_eq!((call.tracks.len(), call.streams.len(), replayed.counts.media.dropped), (0, 0, 396));
}

/// Frames with a clock that leaps at random, most of the time by less than an hour and now and then to anywhere.
fn leaping(frames: &[Frame], random: &mut Random) -> Vec<Frame> {
    let mut shift = 0i64;
    let leap = |random: &mut Random| match random.below(50) {
        0 => random.bits() as i64,
        _ => random.below(7_200_000_000_000) as i64 - 3_600_000_000_000,
    };
    let shifted = frames.iter().map(|frame| {
        if random.happens(30.0) {
            shift = leap(random);
        }
        Frame { time: PacketTime::from_nanos(frame.time.nanos().saturating_add(shift)), ..frame.clone() }
    });
    shifted.collect()
}

#[test]
fn a_clock_that_leaps_at_random_costs_no_memory_and_stops_no_timer() {
    let flow = flow(end("198.51.100.7:5060"), end("10.1.0.9:5060"));
    for seed in 0..4 {
        let mut random = Random::new(seed);
        let mut frames = Vec::new();
        for call in 0..100 {
            frames.extend(told(&CALL.replace("call-1", &format!("call-{call}"))).into_iter().take(60));
            frames.push(frame(at(0), flow, &request("INVITE", &format!("lost-{call}"), 1).finish()));
        }
        let limits = Limits { calls: 50, ring_bytes: 100 * RING_BYTES, ..Limits::default() };
        let mut engine = Engine::new(RuleSet::lab(), limits);
        let mut replayed = Replayed::default();
        for (number, frame) in leaping(&frames, &mut random).iter().enumerate() {
            match random.below(10) {
                0 => engine.handle_time(PacketTime::from_nanos(random.bits() as i64)),
                1 => engine.handle_clock_step(random.bits() as i64),
                2 => engine.handle_time(frame.time),
                _ => {}
            }
            engine.handle_frame(&raw(frame, number as u64));
            assert!(engine.calls() <= 50);
            while let Some(output) = engine.poll_output() {
                match output {
                    Output::Segment(segment) => engine.handle_returned(segment),
                    Output::Ended(summary) => replayed.take(Output::Ended(summary)),
                    Output::Opened(_) | Output::Running(_) | Output::Stream(_) => {}
                }
            }
        }
        let counts = engine.counts();
        let media = counts.media;
        let placed = media.kept + media.dropped + media.no_ring + media.noise + media.tracks_refused;
        assert!(media.packets >= placed && media.kept > 0 && counts.clock_steps > 0);
        // Time goes on: what runs ends when it is silent for as long as its timers say, and nothing is left behind.
        let now = engine.capture_time();
        (1..=400).for_each(|minute| engine.handle_time(now.plus_nanos(minute * 60_000_000_000)));
        while let Some(output) = engine.poll_output() {
            if let Output::Segment(segment) = output {
                engine.handle_returned(segment);
            }
        }
        assert_eq!((engine.calls(), engine.ring_bytes()), (0, 0), "seed {seed}");
        let calls = engine.call_counts();
        assert_eq!(calls.begun, calls.ended);
        assert!(calls.begun >= 50 && calls.answered > 0);
    }
}

#[test]
fn outputs_that_nobody_fetches_end_what_is_begun_not_what_runs() {
    let real = told(CALL);
    let flow = flow(end("198.51.100.7:5060"), end("10.1.0.9:5060"));
    let flood: Vec<Frame> = (0..5_000)
        .map(|n| {
            frame(
                at(1_100_000_000 + n * 200_000),
                flow,
                &request("INVITE", &format!("flood-{n}"), 1).finish(),
            )
        })
        .collect();
    let limits = Limits { outputs: 1000, ..Limits::default() };
    let mut engine = Engine::new(RuleSet::lab(), limits);
    for (number, frame) in merged(&real, &flood).iter().enumerate() {
        engine.handle_frame(&raw(frame, number as u64));
    }
    let waiting = engine.pending_outputs();
    assert!((1000..1100).contains(&waiting), "{waiting}");
    let counts = engine.counts();
    // Each INVITE opens a call and is kept: two outputs.
    assert!((4_400..4_600).contains(&counts.calls_refused), "{}", counts.calls_refused);
    engine.handle_end();
    let mut replayed = Replayed::default();
    replayed.poll(&mut engine);
    exact(&replayed, &real);
}

#[test]
fn under_pressure_nothing_is_begun_and_what_runs_is_kept_without_its_messages() {
    let real = told(CALL);
    let second = told(&CALL.replace("call-1", "call-2").replace("10.1", "10.7"));
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    let mut replayed = Replayed::default();
    for (number, frame) in merged(&real, &second).iter().enumerate() {
        engine.handle_pressure(if number == 0 { Pressure::None } else { Pressure::NoNewCalls });
        engine.handle_frame(&raw(frame, number as u64));
        replayed.poll(&mut engine);
    }
    engine.handle_end();
    replayed.poll(&mut engine);
    let counts = engine.counts();
    // The second call's INVITE would have begun it, and so would its answer.
    assert_eq!((counts.calls_refused, counts.messages_not_kept), (2, 3));
    exact(&replayed, &real);
    assert_eq!(replayed.only().messages, 4);
}
