//! Bad input that aims at a call, beside a good one: what it may cost is bounded and counted, and the good call comes out
//! byte for byte as if it had been alone.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::net::SocketAddr;

use earwitness_engine::Limits;
use earwitness_model::{CallSummary, Flow, PacketTime};
use earwitness_rules::RuleSet;
use earwitness_testkit::{Frame, MORNING, datagram::Datagram, rtp::Header, sip::Message, wrap::Wrap};
use support::{Came, Replayed, lab, replay, told};

/// The call that is aimed at.
const TARGET: &str = "at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE target from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA\n\
    at 1.000 10.1.0.9:5060 > 10.1.0.5:5060 200 target sdp=10.1.0.9:4002/PCMA\n\
    at 1.020 10.1.0.5:5060 > 10.1.0.9:5060 ACK target\n\
    rtp target caller from=1.040 to=5.000 ssrc=0x11 speech-seed=1\n\
    rtp target callee from=1.040 to=5.000 ssrc=0x22 speech-seed=2\n\
    at 5.000 10.1.0.5:5060 > 10.1.0.9:5060 BYE target\n\
    at 5.005 10.1.0.9:5060 > 10.1.0.5:5060 200 target\n";

/// The one beside it, of other people.
const BESIDE: &str = "at 0.200 10.1.1.5:5060 > 10.1.0.9:5060 INVITE beside from=0312225555 to=4005 sdp=10.1.1.5:4000/PCMA\n\
    at 1.200 10.1.0.9:5060 > 10.1.1.5:5060 200 beside sdp=10.1.0.9:4012/PCMA\n\
    at 1.220 10.1.1.5:5060 > 10.1.0.9:5060 ACK beside\n\
    rtp beside caller from=1.240 to=5.000 ssrc=0x11 speech-seed=3\n\
    rtp beside callee from=1.240 to=5.000 ssrc=0x22 speech-seed=4\n\
    at 5.200 10.1.1.5:5060 > 10.1.0.9:5060 BYE beside\n\
    at 5.205 10.1.0.9:5060 > 10.1.1.5:5060 200 beside\n";

fn at(nanos: i64) -> PacketTime {
    MORNING.plus_nanos(nanos)
}

fn flow(src: &str, dst: &str) -> Flow {
    Flow { src: src.parse().unwrap(), dst: dst.parse().unwrap() }
}

fn frame(time: PacketTime, flow: Flow, payload: &[u8]) -> Frame {
    Frame { time, bytes: Datagram::new(flow, payload).frame() }
}

/// Both calls, and what is bad, in the order of time.
fn with(bad: impl IntoIterator<Item = Frame>) -> Vec<Frame> {
    let mut frames = [told(TARGET), told(BESIDE)].concat();
    frames.extend(bad);
    frames.sort_by_key(|frame| frame.time);
    frames
}

fn call<'r>(replayed: &'r Replayed, name: &str) -> (&'r Came, &'r CallSummary) {
    let ends = replayed.calls.values().filter_map(|came| Some((came, came.ended.as_ref()?)));
    let mut named = ends.filter(|(_, call)| call.sip_call_ids[0].expose().starts_with(name));
    let found = named.next().unwrap();
    assert!(named.next().is_none(), "one call of this name");
    found
}

/// Asserts that the call beside came out as if nothing had been.
fn beside_is_untouched(found: &Replayed) {
    let alone = lab(&told(BESIDE));
    let ((came, ended), (expected, summary)) = (call(found, "beside"), call(&alone, "beside"));
    assert!(came.pieces == expected.pieces, "byte for byte");
    assert_eq!(ended, summary);
}

/// Asserts that every packet of the target came out too, whatever else did.
fn target_is_whole(found: &Replayed) {
    let alone = lab(&told(TARGET));
    let (kept, expected) = (call(found, "target").0.packets(), call(&alone, "target").0.packets());
    assert_eq!(expected.len(), 396);
    assert!(expected.iter().all(|(place, payload)| kept.get(place) == Some(payload)));
}

#[test]
fn tunnels_in_tunnels_without_end_are_counted_and_lead_nowhere() {
    let voice = told(TARGET).into_iter().find(|frame| frame.bytes.len() == 214).unwrap().bytes;
    let mut bad = Vec::new();
    for wrap in [
        Wrap::Vxlan,
        Wrap::Gre,
        Wrap::GreEthernet,
        Wrap::IpInIpv4,
        Wrap::IpInIpv6,
        Wrap::Geneve,
        Wrap::ErspanII,
    ] {
        // A mirror that mirrors itself: each frame is in the next.
        let mut nested = voice.clone();
        for depth in 1..=60 {
            nested = wrap.frame(&nested);
            if depth > 8 {
                bad.push(Frame {
                    time: at(2_000_000_000 + bad.len() as i64 * 1_000_000),
                    bytes: nested.clone(),
                });
            }
        }
    }
    let sent = bad.len() as u64;
    let found = lab(&with(bad));
    assert_eq!((sent, found.counts.unreadable.values().sum::<u64>()), (7 * 52, sent));
    assert_eq!(found.counts.media.packets, 396 + 376, "nothing was taken out of them");
    beside_is_untouched(&found);
    target_is_whole(&found);
}

/// An INVITE of a stranger that has the target's Call-ID, and asks for its media at a port of its own.
fn forged(number: u32, to_tag: &str) -> Vec<u8> {
    let body = format!(
        "v=0\r\no=- {number} {number} IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio {} RTP/AVP 8\r\n",
        1024 + 2 * (number % 30_000)
    );
    Message::request("INVITE", "sip:4001@10.1.0.9")
        .header("Via", format_args!("SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKf{number}"))
        .header("From", format_args!("<sip:0312221111@10.1.0.5>;tag=forged-{number}"))
        .header("To", format_args!("<sip:4001@10.1.0.9>{to_tag}"))
        .header("Call-ID", "target@10.1.0.5")
        .header("CSeq", format_args!("{} INVITE", number + 100))
        .body("application/sdp", &body)
}

#[test]
fn invites_with_the_call_id_of_a_call_that_runs_take_nothing_from_it() {
    let stranger = flow("198.51.100.7:5060", "10.1.0.9:5060");
    // From the answer on: before the first packet is heard, and through the whole talk.
    for (from, step, count) in [(1_021_000_000, 100_000, 150), (1_100_000_000, 200_000, 19_000)] {
        let flood = (0..count).map(|n| frame(at(from + i64::from(n) * step), stranger, &forged(n, "")));
        let found = lab(&with(flood));
        assert_eq!(found.summaries().len(), 2, "no call more");
        assert_eq!(found.counts.messages, 5 + 5 + u64::from(count));
        beside_is_untouched(&found);
        target_is_whole(&found);
        let (_, ended) = call(&found, "target");
        assert_eq!((ended.messages, ended.streams.len()), (5 + count, 2));
    }
}

#[test]
fn invites_with_one_call_id_that_nobody_answers_are_one_call() {
    let stranger = flow("198.51.100.7:5060", "10.1.0.9:5060");
    let again = |n: u32| {
        let message = Message::request("INVITE", "sip:4001@10.1.0.9")
            .header("From", format_args!("<sip:9@198.51.100.7>;tag=x{n}"))
            .header("To", "<sip:4001@10.1.0.9>")
            .header("Call-ID", "again")
            .header("CSeq", format_args!("{n} INVITE"));
        frame(at(100_000_000 + i64::from(n) * 100_000), stranger, &message.finish())
    };
    let limits = Limits { signalling_bytes_per_call: 20_000, ..Limits::default() };
    let found = replay(&with((1..=40_000).map(again)), RuleSet::lab(), limits);
    assert_eq!(found.summaries().len(), 3);
    let (came, ended) = call(&found, "again");
    assert_eq!(ended.messages, 40_000);
    let kept: usize = came.pieces.iter().map(|piece| piece.bytes.len()).sum();
    assert!(kept < 40_000, "{kept}");
    assert!(found.counts.messages_not_kept > 39_000, "{}", found.counts.messages_not_kept);
    beside_is_untouched(&found);
    target_is_whole(&found);
}

#[test]
fn a_sender_that_takes_the_addresses_and_the_ssrc_of_a_party_is_kept_beside_it_and_costs_no_packet() {
    let as_the_caller = flow("10.1.0.5:4000", "10.1.0.9:4002");
    let forged = |n: u16| {
        let header =
            Header { payload_type: 8, marker: false, sequence: 5_000 + n, timestamp: 99, ssrc: 0x11 };
        frame(at(2_005_000_000 + i64::from(n) * 20_000_000), as_the_caller, &header.packet(&[0x55; 160]))
    };
    let found = lab(&with((0..100).map(forged)));
    let media = found.counts.media;
    assert_eq!(
        (media.kept, media.noise),
        (396 + 376 + 100, 0),
        "they cannot be told apart, and none is left out"
    );
    beside_is_untouched(&found);
    target_is_whole(&found);
}

#[test]
fn media_of_strangers_at_the_ports_of_a_call_is_bounded_and_costs_it_nothing() {
    let bad = (0..20_000_u32).map(|n| {
        let src = SocketAddr::new([203, 0, (n >> 8) as u8, n as u8].into(), 1024 + (n % 60_000) as u16);
        let flow = Flow { src, dst: "10.1.0.9:4002".parse().unwrap() };
        let header =
            Header { payload_type: (n % 64) as u8, marker: true, sequence: n as u16, timestamp: n, ssrc: n };
        frame(at(1_500_000_000 + i64::from(n) * 100_000), flow, &header.packet(&[n as u8; 160]))
    });
    let found = lab(&with(bad));
    let (_, target) = call(&found, "target");
    assert!(target.tracks.len() <= Limits::default().tracks_per_call, "{}", target.tracks.len());
    assert!(found.counts.media.tracks_refused > 19_000, "{}", found.counts.media.tracks_refused);
    beside_is_untouched(&found);
    target_is_whole(&found);
}

#[test]
fn a_forged_bye_and_an_invite_upon_it_do_not_begin_the_call_anew() {
    let bye = Message::request("BYE", "sip:4001@10.1.0.9")
        .header("From", "<sip:0312221111@10.1.0.5>;tag=x")
        .header("To", "<sip:4001@10.1.0.9>;tag=y")
        .header("Call-ID", "target@10.1.0.5")
        .header("CSeq", "1000 BYE");
    let stranger = flow("198.51.100.7:5060", "10.1.0.9:5060");
    let found = lab(&with([
        frame(at(2_000_000_000), stranger, &bye.finish()),
        frame(at(2_001_000_000), stranger, &forged(2_000, "")),
        frame(at(30_000_000_000), stranger, b"\r\n\r\n"),
    ]));
    assert_eq!(found.summaries().len(), 2, "no call more");
    beside_is_untouched(&found);
    target_is_whole(&found);
}

#[test]
fn forged_byes_that_nobody_answers_end_no_talk() {
    let bye = |n: i64, tags: [&str; 2]| {
        let [from, to] = tags;
        let message = Message::request("BYE", "sip:4001@10.1.0.9")
            .header("From", format_args!("<sip:0312221111@10.1.0.5>;tag={from}"))
            .header("To", format_args!("<sip:4001@10.1.0.9>;tag={to}"))
            .header("Call-ID", "target@10.1.0.5")
            .header("CSeq", format_args!("{} BYE", 1000 + n));
        frame(at(1_500_000_000 + n * 10_000_000), flow("10.1.0.5:5060", "10.1.0.9:5060"), &message.finish())
    };
    let tags = [["f-target", "t-target"], ["t-target", "f-target"], ["f-target", "unknown"], ["x", "y"]];
    let flood = (0..300).map(|n| bye(n, tags[n as usize % tags.len()]));
    // What lets time pass: a BYE that nobody answered is looked at five seconds later.
    let later = frame(at(30_000_000_000), flow("10.1.0.5:5060", "10.1.0.9:5060"), b"\r\n\r\n");
    let found = lab(&with(flood.chain([later])));
    beside_is_untouched(&found);
    target_is_whole(&found);
    let (_, target) = call(&found, "target");
    assert_eq!(target.end.as_ref().unwrap().at, at(5_000_000_000), "it ends by its own");
}
