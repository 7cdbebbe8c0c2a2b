//! SIP over TCP and WebSocket comes to what SIP over UDP comes to, however its streams are cut, and whatever else is on the
//! wire.

mod support;

use earwitness_engine::Limits;
use earwitness_model::SipTransport;
use earwitness_rules::RuleSet;
use earwitness_testkit::{Random, script::parse_over};
use earwitness_wire::stream::StreamLoss;
use proptest::prelude::*;
use support::{
    Replayed,
    carried::{Told, calls, carriages, hostile, texts},
    desks, lab, replay, told,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_script_over_tcp_however_it_is_cut_and_reordered_is_the_script_over_udp(
        text in prop::sample::select(texts()),
        carriage in carriages(
            [SipTransport::Tcp, SipTransport::Ws],
            prop_oneof![1..20_usize, 20..1460_usize, 1460..9000_usize],
        ),
        rules in prop_oneof![Just(RuleSet::lab()), Just(desks())],
    ) {
        let expected = replay(&told(&text), rules.clone(), Limits::default());
        let frames = parse_over(&text, carriage).unwrap().frames();
        let found = replay(&frames, rules, Limits::default());
        prop_assert_eq!(calls(&found), calls(&expected));
        prop_assert_eq!(found.counts.streams.iter().map(|(_, count)| count).sum::<u64>(), 0);
    }
}

const CALL: &str = "transport tcp cut=200
at 0 10.1.0.5:40001 > 10.1.0.9:5060 INVITE call-1 from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA
at 1 10.1.0.9:5060 > 10.1.0.5:40001 200 call-1 sdp=10.1.0.9:4002/PCMA
at 1.02 10.1.0.5:40001 > 10.1.0.9:5060 ACK call-1
rtp call-1 caller from=1.04 to=3 ssrc=0x11
at 3 10.1.0.5:40001 > 10.1.0.9:5060 BYE call-1
at 3.01 10.1.0.9:5060 > 10.1.0.5:40001 200 call-1
";

/// What forged segments carry.
const FORGED: [&[u8]; 5] = [
    b"INVITE sip:x SIP/2.0\r\nContent-Length: 4294967295\r\n\r\n",
    b"INVITE sip:x SIP/2.0\r\nX: never ending",
    b"BYE sip:x SIP/2.0\r\nCall-ID: call-1@10.1.0.5\r\nCSeq: 1 BYE\r\n",
    b"",
    b"\x16\x03\x01\x02\x00\x01",
];

#[test]
fn a_call_is_not_harmed_by_forged_segments_between_each_two_of_its_own() {
    let quiet = told(CALL);
    let expected = lab(&quiet);
    for seed in 0..10 {
        let mut random = Random::new(seed);
        let mut frames = Vec::new();
        for (index, frame) in quiet.iter().enumerate() {
            frames.push(frame.clone());
            // After the connection is open, in the middle of its messages too.
            if index >= 3 && index % 5 < 3 {
                frames.extend(hostile("10.1.0.9:5060", &FORGED, (&mut random, frame.time)));
            }
        }
        let found = lab(&frames);
        let ours = |replayed: &Replayed| -> Vec<Told> {
            let all = calls(replayed).into_iter();
            all.filter(|call| call.3.sip_call_ids.iter().any(|id| id.expose() == "call-1@10.1.0.5")).collect()
        };
        let (found_ours, expected_ours) = (ours(&found), ours(&expected));
        let summaries = |all: &[Told]| all.iter().map(|call| call.3.clone()).collect::<Vec<_>>();
        assert_eq!(summaries(&found_ours), summaries(&expected_ours), "seed {seed}");
        assert!(found_ours == expected_ours, "seed {seed}");
        assert!(
            found.counts.segments > 1000 && found.counts.streams.of(StreamLoss::Outside) > 0,
            "seed {seed}"
        );
    }
}

#[test]
fn what_a_mirror_lost_is_counted_and_the_call_goes_on() {
    let frames = told(&CALL.replace("ACK call-1", "ACK call-1 unseen"));
    let replayed = lab(&frames);
    let call = replayed.only();
    assert!(call.answer.is_some() && call.end.as_ref().is_some_and(|end| end.by.is_some()));
    assert_eq!(replayed.counts.streams.of(StreamLoss::Gap), 1);
    assert_eq!(replayed.counts.messages, 4);
}
