//! How calls begin, go on and end, beyond what the scripts of `fixtures/calls` tell.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use earwitness_engine::{Engine, Limits};
use earwitness_model::{EndedBy, Flag, Flow, Leg, Outcome, SegmentContent};
use earwitness_rules::RuleSet;
use earwitness_testkit::{Frame, MORNING, datagram::Datagram};
use support::{Replayed, desks, lab, named, raw, replay, told};

const A: &str = "10.1.0.5:5060 > 10.1.0.9:5060";
const B: &str = "10.1.0.9:5060 > 10.1.0.5:5060";

/// A call that is up from second `at` to `at + 3`, told with its media ports and SSRCs.
fn ordinary(name: &str, at: u32, to: &str, ports: (u16, u16)) -> String {
    let (up, end) = (at + 1, at + 3);
    let (caller, callee) = ports;
    format!(
        "at {at}.000 {A} INVITE {name} from=0312221111 to={to} sdp=10.1.0.5:{caller}/PCMA\n\
         at {at}.100 {B} 180 {name}\n\
         at {up}.000 {B} 200 {name} sdp=10.1.0.9:{callee}/PCMA\n\
         at {up}.020 {A} ACK {name}\n\
         rtp {name} caller from={up}.040 to={end}.000 ssrc=0 tone=440\n\
         rtp {name} callee from={up}.040 to={end}.000 ssrc=0 tone=660\n\
         at {end}.000 {A} BYE {name}\n\
         at {end}.005 {B} 200 {name}\n"
    )
}

/// Packets of each stream of the call to `to`.
fn packets(replayed: &Replayed, to: &str) -> Vec<(Leg, u64)> {
    let is_to =
        |user: &Option<earwitness_model::Pii<String>>| user.as_ref().is_some_and(|u| u.expose() == to);
    let call = replayed.summaries().into_iter().find(|call| is_to(&call.facts.to.user)).unwrap();
    call.streams.iter().map(|stream| (stream.of.leg, stream.packets)).collect()
}

#[test]
fn calls_one_after_the_other_on_the_same_ports_and_ssrc_are_kept_apart() {
    let text = ordinary("first", 0, "4001", (4000, 4002)) + &ordinary("second", 4, "4002", (4000, 4002));
    let replayed = lab(&told(&text));
    let expected = [(Leg::Caller, 98), (Leg::Callee, 98)];
    assert_eq!(
        (packets(&replayed, "4001"), packets(&replayed, "4002")),
        (expected.to_vec(), expected.to_vec())
    );
}

#[test]
fn a_call_after_a_refused_one_on_the_same_ports_and_ssrc_is_kept_whole() {
    let text = ordinary("first", 0, "4900", (4000, 4002)) + &ordinary("second", 4, "4001", (4000, 4002));
    let replayed = replay(&told(&text), desks(), Limits::default());
    assert_eq!(packets(&replayed, "4001"), [(Leg::Caller, 98), (Leg::Callee, 98)]);
    assert_eq!(packets(&replayed, "4900"), []);
}

#[test]
fn a_refused_call_after_one_that_was_kept_on_the_same_ports_and_ssrc_is_not_kept() {
    let text = ordinary("first", 0, "4001", (4000, 4002)) + &ordinary("second", 4, "4900", (4000, 4002));
    let replayed = replay(&told(&text), desks(), Limits::default());
    assert_eq!(packets(&replayed, "4001"), [(Leg::Caller, 98), (Leg::Callee, 98)]);
    assert_eq!((replayed.counts.media.kept, replayed.counts.media.dropped), (196, 196));
}

#[test]
fn packets_in_flight_stay_with_their_call_while_the_next_one_rings() {
    let first = ordinary("first", 0, "4001", (4000, 4002));
    let text = first.replace("to=3.000 ssrc=0 tone=440", "to=3.200 ssrc=0 tone=440")
        + &format!("at 3.050 {A} INVITE second from=0312221111 to=4002 sdp=10.1.0.5:4000/PCMA\n")
        + &format!("at 5.000 {B} 486 second\n");
    let replayed = lab(&told(&text));
    assert_eq!(packets(&replayed, "4001"), [(Leg::Caller, 108), (Leg::Callee, 98)]);
    assert_eq!(packets(&replayed, "4002"), []);
}

#[test]
fn audio_before_any_sdp_waits_until_it_is_claimed() {
    // A delayed offer: the INVITE has no SDP, the 200 has the offer, the ACK the answer.
    let frames = told(&format!(
        "at 0.000 {A} INVITE late from=0312221111 to=4001\n\
         rtp late caller from=0.500 to=2.000 src=10.1.0.5:4000 dst=10.1.0.9:4002 ssrc=1 tone=440\n\
         at 1.000 {B} 200 late sdp=10.1.0.9:4002/PCMA\n\
         at 1.010 {A} ACK late sdp=10.1.0.5:4000/PCMA\n\
         at 2.000 {A} BYE late\n"
    ));
    let replayed = lab(&frames);
    assert_eq!(packets(&replayed, "4001"), [(Leg::Caller, 75)]);
    assert_eq!((replayed.counts.media.unclaimed, replayed.counts.media.kept), (0, 75));
    let from_the_answer = replay(&frames, desks(), Limits::default()).counts.media;
    assert_eq!(
        (from_the_answer.kept, from_the_answer.dropped),
        (50, 25),
        "it waited, and is still from before"
    );
    let first = &replayed.only().streams[0];
    assert_eq!(
        first.first.since(replayed.only().facts.start),
        500_000_000,
        "its own arrival, not the claim's"
    );
}

#[test]
fn a_call_seen_by_its_responses_only_is_one_when_its_media_is_heard() {
    let told_with = |rtp: &str| {
        told(&format!(
            "at 0.000 {A} INVITE half from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA unseen\n\
             at 0.100 {B} 180 half\nat 1.000 {B} 200 half sdp=10.1.0.9:4002/PCMA\n\
             at 1.010 {A} ACK half unseen\n{rtp}at 3.000 {A} BYE half unseen\nat 3.010 {B} 200 half\n"
        ))
    };
    let heard = lab(&told_with("rtp half caller from=1.040 to=3.000 ssrc=1\n"));
    let call = heard.only();
    assert_eq!((call.outcome, call.streams[0].packets), (Outcome::Answered, 98));
    assert!(call.flags.contains(&Flag::MidCall));
    let silent = lab(&told_with(""));
    assert!(silent.calls.is_empty(), "nothing is opened that does not end");
}

#[test]
fn bye_lost_after_a_hold_call_ends_after_media_silence() {
    let replayed = lab(&told(&format!(
        "at 0.000 {A} INVITE call-1 from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA\n\
         at 1.000 {B} 200 call-1 sdp=10.1.0.9:4002/PCMA\nat 1.010 {A} ACK call-1\n\
         rtp call-1 callee from=1.040 to=2.000 ssrc=2\n\
         at 2.000 {B} INVITE call-1 sdp=10.1.0.9:4002/PCMA dir=inactive\n\
         at 2.010 {A} 200 call-1 sdp=10.1.0.5:4000/PCMA\nat 2.020 {B} ACK call-1\n\
         at 300.000 {B} INVITE call-1 sdp=10.1.0.9:4002/PCMA\n\
         at 300.010 {A} 200 call-1 sdp=10.1.0.5:4000/PCMA\nat 300.020 {B} ACK call-1\n\
         rtp call-1 callee from=300.040 to=302.000 ssrc=2\n\
         at 600.000 {A} OPTIONS other from=monitor\n"
    )));
    let call = replayed.only();
    let end = call.end.clone().unwrap();
    assert_eq!((end.by, end.at.since(call.facts.start)), (Some(EndedBy::Timeout), 301_980_000_000));
    assert_eq!(call.streams[0].packets, 48 + 98, "the hold is no end");
}

#[test]
fn a_silent_call_whose_signalling_goes_on_is_not_over() {
    let refresh = |at: u32| format!("at {at}.000 {A} UPDATE x\nat {at}.010 {B} 200 x\n");
    let replayed = lab(&told(&format!(
        "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\n\
         at 1.000 {B} 200 x sdp=10.1.0.9:4002/PCMA\nat 1.010 {A} ACK x\n\
         rtp x caller from=1.040 to=2.000 ssrc=1\n{}\
         rtp x caller from=400.000 to=401.000 ssrc=1\nat 401.000 {A} BYE x\n",
        [90, 180, 270, 360].map(refresh).concat()
    )));
    let call = replayed.only();
    assert_eq!((call.streams[0].packets, call.end.as_ref().unwrap().by), (98, Some(EndedBy::Caller)));
}

#[test]
fn an_answered_call_without_media_leaves_the_table_after_ten_silent_minutes() {
    // The BYE is lost; a message 500 s after the answer makes it wait anew.
    for (refresh, over) in [("", 601), (&*format!("at 500.000 {A} UPDATE x\n"), 1100)] {
        let frames = told(&format!(
            "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\n\
             at 1.000 {B} 200 x sdp=10.1.0.9:4002/PCMA\nat 1.000 {A} ACK x\n{refresh}"
        ));
        let mut engine = Engine::new(RuleSet::lab(), Limits::default());
        let mut replayed = Replayed::default();
        for (number, frame) in frames.iter().enumerate() {
            engine.handle_frame(&raw(frame, number as u64 + 1));
        }
        for (second, calls) in [(over + 4, 1), (over + 5, 0)] {
            engine.handle_time(MORNING.plus_nanos(second * 1_000_000_000));
            assert_eq!(engine.calls(), calls, "at {second} s");
        }
        replayed.poll(&mut engine);
        let call = replayed.only();
        assert_eq!(call.end.as_ref().and_then(|end| end.by), Some(EndedBy::Timeout));
        assert_eq!(call.flags, [Flag::NoBye, Flag::NoMedia]);
    }
}

#[test]
fn a_held_call_without_media_is_waited_for_longer() {
    let replayed = lab(&told(&format!(
        "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA dir=inactive\n\
         at 1.000 {B} 200 x sdp=10.1.0.9:4002/PCMA\nat 1.010 {A} ACK x\nat 3600.000 {A} BYE x\n"
    )));
    assert_eq!(replayed.only().end.as_ref().and_then(|end| end.by), Some(EndedBy::Caller));
}

#[test]
fn either_party_hangs_up_and_a_bye_before_the_answer_is_a_cancel() {
    let by = |bye: &str| {
        let text = ordinary("call-1", 0, "4001", (4000, 4002));
        let text = text.replace(&format!("at 3.000 {A} BYE call-1\n"), &format!("at {bye} BYE call-1\n"));
        let replayed = lab(&told(&text));
        let call = replayed.only();
        (call.outcome, call.end.as_ref().unwrap().by)
    };
    assert_eq!(by(&format!("3.000 {A}")), (Outcome::Answered, Some(EndedBy::Caller)));
    assert_eq!(by(&format!("3.000 {B}")), (Outcome::Answered, Some(EndedBy::Callee)));
    let early = lab(&told(&format!(
        "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\nat 0.100 {B} 180 x\nat 1.000 {A} BYE x\n"
    )));
    assert_eq!((early.only().outcome, early.only().end.as_ref().unwrap().by), (Outcome::Cancelled, None));
}

#[test]
fn each_final_answer_has_its_outcome() {
    for (status, expected) in [
        (486, Outcome::Busy),
        (600, Outcome::Busy),
        (408, Outcome::NoAnswer),
        (480, Outcome::NoAnswer),
        (487, Outcome::Cancelled),
        (403, Outcome::Declined),
        (603, Outcome::Declined),
        (302, Outcome::Failed),
        (404, Outcome::Failed),
        (503, Outcome::Failed),
    ] {
        let replayed = lab(&told(&format!(
            "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\nat 0.100 {B} {status} x\nat 0.110 {A} ACK x\n"
        )));
        let call = replayed.only();
        assert_eq!((call.outcome, call.sip_status), (expected, Some(status)));
        assert_eq!(call.end.as_ref().map(|end| end.at.since(call.facts.start)), Some(100_000_000));
    }
}

#[test]
fn a_proxy_that_cancels_one_branch_does_not_cancel_the_call() {
    let hop = "10.1.0.9:5060 > 10.1.1.7:5060";
    let replayed = lab(&told(&format!(
        "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\n\
         at 0.010 {hop} INVITE x repeat\n\
         at 5.000 {hop} CANCEL x as=caller\n\
         at 5.010 10.1.1.7:5060 > 10.1.0.9:5060 487 x of=INVITE as=callee\n\
         at 5.100 {B} 486 x of=INVITE\n"
    )));
    assert_eq!((replayed.only().outcome, replayed.only().sip_status), (Outcome::Busy, Some(486)));
}

#[test]
fn an_attempt_after_a_cancelled_one_under_the_same_call_id_has_its_own_outcome() {
    let replayed = lab(&told(&format!(
        "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\nat 0.100 {B} 180 x\n\
         at 1.000 {A} CANCEL x\nat 1.010 {B} 487 x of=INVITE\nat 1.020 {A} ACK x\n\
         at 2.000 {A} INVITE x sdp=10.1.0.5:4000/PCMA\nat 2.100 {B} 486 x\nat 2.110 {A} ACK x\n"
    )));
    assert_eq!((replayed.only().outcome, replayed.only().messages), (Outcome::Busy, 8));
}

#[test]
fn a_phone_that_rings_long_is_waited_for_whatever_fails_beside_it() {
    let hop = "10.1.1.7:5060 > 10.1.0.9:5060";
    let replayed = lab(&told(&format!(
        "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\nat 0.010 {B} 407 x\nat 0.020 {A} ACK x\n\
         at 0.030 {A} INVITE x sdp=10.1.0.5:4000/PCMA\nat 0.500 {B} 180 x\n\
         at 0.520 {B} 407 x repeat\n\
         at 1.000 {hop} 486 x of=INVITE tag=busy as=callee\n\
         at 100.000 {B} 200 x of=INVITE sdp=10.1.0.9:4002/PCMA\nat 100.010 {A} ACK x\n\
         rtp x caller from=100.040 to=102.000 ssrc=1\nat 102.000 {A} BYE x\n"
    )));
    let call = replayed.only();
    assert_eq!((call.outcome, call.sip_status, call.streams[0].packets), (Outcome::Answered, Some(200), 98));
    assert_eq!(call.end.as_ref().and_then(|end| end.by), Some(EndedBy::Caller));
    assert_eq!(call.flags, [Flag::OneWay]);
}

#[test]
fn a_challenge_waits_for_its_answer() {
    let replayed = lab(&told(&format!(
        "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\nat 0.100 {B} 407 x\nat 0.110 {A} ACK x\n\
         at 20.000 {A} INVITE x sdp=10.1.0.5:4000/PCMA\nat 21.000 {B} 200 x sdp=10.1.0.9:4002/PCMA\n\
         at 21.010 {A} ACK x\nat 22.000 {A} BYE x\n"
    )));
    let call = replayed.only();
    assert_eq!(call.answer.map(|at| at.since(call.facts.start)), Some(21_000_000_000));
    assert_eq!((call.outcome, call.messages), (Outcome::Answered, 7));
}

#[test]
fn the_bye_to_a_second_phone_that_answered_ends_no_call() {
    let bye = format!("at 1.300 {A} BYE x header=\"X-Branch: b\"\n");
    let frames = told(&format!(
        "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\n\
         at 1.000 {B} 200 x tag=a sdp=10.1.0.9:4002/PCMA\nat 1.010 {A} ACK x\n\
         at 1.200 {B} 200 x tag=b of=INVITE sdp=10.1.0.8:4002/PCMA\n{bye}\
         rtp x caller from=1.400 to=20.000 dst=10.1.0.9:4002 ssrc=1\nat 20.000 {A} BYE x\n"
    ));
    // The script language has one dialog a call: the To tags of the two BYEs are put in here.
    let tagged: Vec<_> = frames.into_iter().map(with_bye_tags).collect();
    let replayed = lab(&tagged);
    let call = replayed.only();
    assert_eq!(call.end.as_ref().map(|end| end.at.since(call.facts.start)), Some(20_000_000_000));
    assert_eq!((call.streams[0].packets, call.messages), (930, 6));
}

/// A BYE at 1.3 s is to the phone with tag b, any other to the one with tag a.
fn with_bye_tags(frame: Frame) -> Frame {
    let payload = &frame.bytes[42..];
    if !payload.starts_with(b"BYE ") {
        return frame;
    }
    let tag = if frame.time.since(MORNING) < 2_000_000_000 { "b" } else { "a" };
    let text = String::from_utf8(payload.to_vec()).unwrap();
    let lines = text.split("\r\n").map(|line| {
        match line.strip_prefix("To: ").and_then(|to| to.split_once(";tag=")) {
            Some((to, _)) => format!("To: {to};tag={tag}"),
            None => line.to_owned(),
        }
    });
    let payload = lines.collect::<Vec<_>>().join("\r\n");
    let flow = Flow { src: "10.1.0.5:5060".parse().unwrap(), dst: "10.1.0.9:5060".parse().unwrap() };
    Frame { time: frame.time, bytes: Datagram::new(flow, payload.as_bytes()).frame() }
}

#[test]
fn an_attempt_after_one_that_a_bye_ended_before_its_answer_is_answered() {
    let replayed = lab(&told(&format!(
        "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\nat 0.100 {B} 180 x\n\
         at 1.000 {A} BYE x\nat 1.010 {B} 200 x\nat 1.020 {B} 487 x of=INVITE\nat 1.030 {A} ACK x\n\
         at 2.000 {A} INVITE x sdp=10.1.0.5:4010/PCMA\nat 3.000 {B} 200 x sdp=10.1.0.9:4002/PCMA\nat 3.010 {A} ACK x\n\
         rtp x caller from=3.040 to=5.000 ssrc=1\nrtp x callee from=3.040 to=5.000 ssrc=2\n\
         at 5.000 {A} BYE x\nat 5.010 {B} 200 x\n"
    )));
    let call = replayed.only();
    assert_eq!((call.outcome, replayed.counts.media.kept), (Outcome::Answered, 196));
    assert_eq!(call.streams.len(), 2);
}

#[test]
fn a_call_is_handed_over_five_seconds_after_its_bye() {
    let frames = told(&ordinary("x", 0, "4001", (4000, 4002)));
    let bye = frames[frames.len() - 2].time;
    let mut engine = Engine::new(RuleSet::lab(), Limits::default());
    for (number, frame) in frames.iter().enumerate() {
        engine.handle_frame(&raw(frame, number as u64));
    }
    let mut replayed = Replayed::default();
    engine.handle_time(bye.plus_nanos(4_900_000_000));
    replayed.poll(&mut engine);
    assert_eq!(replayed.summaries().len(), 0, "packets in flight");
    engine.handle_time(bye.plus_nanos(5_000_000_000));
    replayed.poll(&mut engine);
    assert_eq!((replayed.only().streams.len(), engine.calls()), (2, 0));
}

#[test]
fn an_attempt_that_nobody_answers_ends_with_its_last_message() {
    let replayed = lab(&told(&format!(
        "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\n\
         at 0.500 {A} INVITE x repeat\nat 300.000 {A} OPTIONS other from=monitor\n"
    )));
    let call = replayed.only();
    let end = call.end.as_ref().unwrap();
    assert_eq!((call.outcome, end.by), (Outcome::NoAnswer, None));
    assert_eq!(end.at.since(call.facts.start), 500_000_000);
}

#[test]
fn an_answer_after_the_attempt_was_given_up_brings_the_call_back() {
    let replayed = lab(&told(&format!(
        "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\n\
         at 34.000 {B} 200 x sdp=10.1.0.9:4002/PCMA\nat 34.010 {A} ACK x\n\
         rtp x caller from=34.040 to=60.000 ssrc=1\nat 60.000 {A} BYE x\n"
    )));
    let call = replayed.only();
    assert_eq!((call.outcome, call.streams[0].packets), (Outcome::Answered, 1298));
    assert_eq!(call.end.as_ref().unwrap().by, Some(EndedBy::Caller));
}

#[test]
fn an_answer_that_crosses_a_cancel_or_a_bye_holds_no_place_in_the_table() {
    for end in [
        format!("at 1.000 {A} CANCEL x\nat 1.010 {B} 487 x of=INVITE\nat 1.020 {A} ACK x\n"),
        format!("at 1.000 {A} BYE x\n"),
    ] {
        let frames = told(&format!(
            "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\nat 0.100 {B} 180 x\n{end}\
             at 2.000 {B} 200 x of=INVITE sdp=10.1.0.9:4002/PCMA\n"
        ));
        let mut engine = Engine::new(RuleSet::lab(), Limits::default());
        let mut replayed = Replayed::default();
        for (number, frame) in frames.iter().enumerate() {
            engine.handle_frame(&raw(frame, number as u64 + 1));
            replayed.poll(&mut engine);
        }
        assert_eq!(engine.calls(), 1);
        engine.handle_time(MORNING.plus_nanos(12_000_000_000));
        replayed.poll(&mut engine);
        assert_eq!((engine.calls(), replayed.only().outcome), (0, Outcome::Cancelled));
        assert_eq!(replayed.only().answer, None);
    }
}

#[test]
fn a_call_id_used_again_after_the_call_is_another_call() {
    let text = ordinary("one", 0, "4001", (4000, 4002)).replace("from=0312221111", "from=0312221111 id=same")
        + &ordinary("two", 4, "4002", (4010, 4012)).replace("from=0312221111", "from=0312221111 id=same");
    let replayed = lab(&told(&text));
    assert_eq!(packets(&replayed, "4001"), [(Leg::Caller, 98), (Leg::Callee, 98)]);
    assert_eq!(packets(&replayed, "4002"), [(Leg::Caller, 98), (Leg::Callee, 98)]);
}

#[test]
fn a_call_that_runs_when_the_capture_ends_says_so() {
    let text = ordinary("call-1", 0, "4001", (4000, 4002));
    let running: Vec<_> =
        told(&text).into_iter().filter(|f| !f.bytes.windows(4).any(|w| w == b"BYE ")).collect();
    let replayed = lab(&running[..running.len() - 1]);
    let call = replayed.only();
    assert_eq!(call.end.as_ref().unwrap().by, Some(EndedBy::CaptureEnd));
    assert_eq!((call.outcome, call.flags.contains(&Flag::NoBye)), (Outcome::Answered, true));
    let ringing = lab(&told(&format!("at 0.000 {A} INVITE x from=1 to=4001\nat 0.1 {B} 180 x\n")));
    assert_eq!(ringing.only().outcome, Outcome::InProgress);
}

#[test]
fn keys_of_both_kinds_stand_in_order_of_time_and_repeats_once() {
    let replayed = lab(&told(&format!(
        "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA,DTMF\n\
         at 1.000 {B} 200 x sdp=10.1.0.9:4002/PCMA,DTMF\nat 1.010 {A} ACK x\n\
         rtp x caller from=1.040 to=6.000 ssrc=1\n\
         dtmf x caller at=2.000 digit=1\n\
         at 3.000 {B} INFO x type=application/dtmf-relay body=\"Signal=#\\r\\nDuration=90\\r\\n\"\n\
         at 3.500 {B} INFO x repeat\n\
         dtmf x caller at=4.000 digit=1\n\
         at 6.000 {A} BYE x\n"
    )));
    let keys: Vec<_> =
        replayed.only().dtmf.iter().map(|key| (*key.digit.expose(), key.leg, key.ms)).collect();
    assert_eq!(keys, [('1', Leg::Caller, 160), ('#', Leg::Callee, 90), ('1', Leg::Caller, 160)]);
}

#[test]
fn a_key_shown_late_by_the_mirror_is_not_pressed_again() {
    let mut frames = told(&format!(
        "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA,DTMF\n\
         at 1.000 {B} 200 x sdp=10.1.0.9:4002/PCMA,DTMF\nat 1.010 {A} ACK x\n\
         rtp x caller from=1.040 to=4.000 ssrc=1\n\
         dtmf x caller at=2.000 digit=1\ndtmf x caller at=2.400 digit=2\nat 4.000 {A} BYE x\n"
    ));
    let is_key = |frame: &Frame| frame.bytes[43] & 0x7f == 101 && frame.bytes[54] == 1;
    let mut late = frames.iter().find(|frame| is_key(frame)).unwrap().clone();
    late.time = late.time.plus_nanos(450_000_000);
    let at = frames.iter().position(|frame| frame.time > late.time).unwrap();
    frames.insert(at, late);
    let replayed = lab(&frames);
    let keys: Vec<char> = replayed.only().dtmf.iter().map(|key| *key.digit.expose()).collect();
    assert_eq!(keys, ['1', '2']);
}

#[test]
fn the_messages_of_a_call_are_kept_as_they_were_in_order() {
    let frames = told(&ordinary("call-1", 0, "4001", (4000, 4002)));
    let replayed = lab(&frames);
    let came = replayed.calls.values().next().unwrap();
    let mut kept = Vec::new();
    for piece in came.pieces.iter().filter(|piece| piece.content == SegmentContent::Signalling) {
        kept.extend(
            earwitness_model::SignallingMessages::new(&piece.bytes).map(|m| (m.time, m.bytes.to_vec())),
        );
    }
    let port = |frame: &Frame| u16::from_be_bytes([frame.bytes[34], frame.bytes[35]]);
    let sent: Vec<_> =
        frames.iter().filter(|f| port(f) == 5060).map(|f| (f.time, f.bytes[42..].to_vec())).collect();
    assert_eq!(kept.len(), 6);
    assert_eq!(kept, sent);
}

#[test]
fn update_moves_the_media_like_a_second_invite() {
    let replayed = lab(&told(&format!(
        "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\n\
         at 1.000 {B} 200 x sdp=10.1.0.9:4002/PCMA\nat 1.010 {A} ACK x\n\
         at 2.000 {A} UPDATE x sdp=10.1.0.6:7000/PCMU\nat 2.010 {B} 200 x sdp=10.1.0.8:7002/PCMU\n\
         rtp x caller from=2.040 to=4.000 ssrc=1\nat 4.000 {A} BYE x\n"
    )));
    let stream = &replayed.only().streams[0];
    assert_eq!(named(&stream.of), "10.1.0.6:7000>10.1.0.8:7002/0x1");
    assert_eq!((stream.of.leg, stream.packets), (Leg::Caller, 98));
    assert_eq!(stream.codec.as_ref().unwrap().to_string(), "PCMU");
}

#[test]
fn a_call_that_moves_often_is_heard_where_it_is_now() {
    let moves: String = (1..=40)
        .map(|n| {
            let (port, other) = (7000 + 2 * n, 8000 + 2 * n);
            format!("at {n}.500 {A} UPDATE x sdp=10.1.0.5:{port}/PCMA\nat {n}.510 {B} 200 x sdp=10.1.0.9:{other}/PCMA\n")
        })
        .collect();
    let replayed = lab(&told(&format!(
        "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\n\
         at 1.000 {B} 200 x sdp=10.1.0.9:4002/PCMA\nat 1.010 {A} ACK x\n{moves}\
         rtp x caller from=41.000 to=42.000 ssrc=1\nrtp x callee from=41.000 to=42.000 ssrc=2\nat 42.000 {A} BYE x\n"
    )));
    assert_eq!(packets(&replayed, "4001"), [(Leg::Caller, 50), (Leg::Callee, 50)]);
    assert_eq!(replayed.counts.media.endpoints_refused, 82 - 32);
}

#[test]
fn a_mirror_that_is_off_for_more_than_a_minute_is_loss_of_that_length() {
    let frames: Vec<_> = told(&format!(
        "at 0.000 {A} INVITE x from=1 to=4001 sdp=10.1.0.5:4000/PCMA\n\
         at 1.000 {B} 200 x sdp=10.1.0.9:4002/PCMA\nat 1.010 {A} ACK x\n\
         rtp x caller from=2.000 to=100.000 ssrc=1\nat 100.000 {A} BYE x\n"
    ))
    .into_iter()
    .filter(|frame| !(10_000_000_000..80_000_000_000).contains(&frame.time.since(MORNING)))
    .collect();
    let replayed = lab(&frames);
    let call = replayed.only();
    assert_eq!((call.streams[0].packets, call.streams[0].lost), (28 * 50, 70 * 50));
    assert_eq!(call.gaps.iter().map(|gap| gap.ms).collect::<Vec<_>>(), [70_000]);
}

#[test]
fn what_came_before_its_senders_sdp_is_kept_also_where_the_receivers_was_never_seen() {
    // The caller's INVITE does not cross the mirror: nobody announced where the callee's voice goes.
    let text = "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE a from=0312221111 to=4001 unseen sdp=10.1.0.5:4000/PCMA\n\
        rtp a callee from=0.500 to=3.000 ssrc=0x22 tone=660 src=10.1.0.9:4002 dst=10.1.0.5:4000\n\
        at 0.610 10.1.0.9:5060 > 10.1.0.5:5060 183 a sdp=10.1.0.9:4002/PCMA\n\
        at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 a sdp=10.1.0.9:4002/PCMA\n";
    let replayed = lab(&told(text));
    let streams: Vec<_> = replayed.only().streams.iter().map(|s| (s.of.leg, s.packets, s.lost)).collect();
    assert_eq!((streams, replayed.counts.media.unclaimed), (vec![(Leg::Callee, 125, 0)], 0));
}
