//! Scripts in `fixtures/calls` and what the language makes of lines.
#![expect(clippy::unwrap_used, reason = "a test stops where something it counts on is not so")]

use std::{collections::BTreeMap, fs, path::Path};

use earwitness_testkit::{Frame, MORNING, demo, script};

/// Source port, destination port and UDP payload of an untagged IPv4 frame.
fn udp(frame: &Frame) -> (u16, u16, &[u8]) {
    let port = |at: usize| u16::from_be_bytes([frame.bytes[at], frame.bytes[at + 1]]);
    (port(34), port(36), &frame.bytes[42..])
}

fn frames(text: &str) -> Vec<Frame> {
    script::parse(text).unwrap().frames()
}

/// Messages as text, in order.
fn messages(text: &str) -> Vec<String> {
    frames(text).iter().map(|frame| String::from_utf8(udp(frame).2.to_vec()).unwrap()).collect()
}

/// Time in ms, payload type and marker, sequence, timestamp, SSRC of each RTP packet.
fn packets(text: &str) -> Vec<(i64, u8, u16, u32, u32)> {
    let word = |bytes: &[u8], at: usize| u32::from_be_bytes(*bytes[at..].first_chunk().unwrap());
    frames(text)
        .iter()
        .map(|frame| (frame.time.since(MORNING) / 1_000_000, udp(frame).2))
        .map(|(time, rtp)| (time, rtp[1], word(rtp, 0) as u16, word(rtp, 4), word(rtp, 8)))
        .collect()
}

fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("{name} in {message}"))
}

const MEDIA: &str = "src=10.0.0.1:4000 dst=10.0.0.2:4000";

#[test]
fn every_script_of_the_fixtures_is_read_and_gives_frames_in_order() {
    let calls = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/calls");
    let mut read = 0;
    for entry in fs::read_dir(calls).unwrap() {
        let directory = entry.unwrap().path();
        let text = fs::read_to_string(directory.join("script.call")).unwrap();
        let name = directory.display();
        let frames = script::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}")).frames();
        assert!(!frames.is_empty() && frames.is_sorted_by_key(|frame| frame.time), "{name}");
        assert!(fs::read_to_string(directory.join("README.md")).unwrap().contains("Origin: "), "{name}");
        read += 1;
    }
    assert!(read >= 24, "{read} scripts");
}

#[test]
fn a_request_is_this_text() {
    let text = "at 0 4001@10.1.0.5:5060 > 10.1.0.9:5060 INVITE c from=0312221111 display=\"복지 1\" to=4001 sdp=10.1.0.5:4000/PCMA header=\"P-Asserted-Identity: <sip:1@x>\"";
    let expected = "INVITE sip:4001@10.1.0.9:5060 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 10.1.0.5:5060;branch=z9hG4bK-c-a0\r\n\
        From: \"복지 1\" <sip:0312221111@10.1.0.5>;tag=f-c\r\n\
        To: <sip:4001@10.1.0.9>\r\n\
        Call-ID: c@10.1.0.5\r\n\
        CSeq: 1 INVITE\r\n\
        Max-Forwards: 70\r\n\
        Contact: <sip:4001@10.1.0.5:5060>\r\n\
        P-Asserted-Identity: <sip:1@x>\r\n\
        Content-Type: application/sdp\r\n\
        Content-Length: 134\r\n\r\n\
        v=0\r\no=- 4000 1 IN IP4 10.1.0.5\r\ns=-\r\nc=IN IP4 10.1.0.5\r\nt=0 0\r\n\
        m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=ptime:20\r\na=sendrecv\r\n";
    assert_eq!(messages(text), [expected]);
}

#[test]
fn transactions_and_tags_are_those_of_rfc_3261() {
    let a = "10.0.0.1:5060 > 10.0.0.2:5060";
    let b = "10.0.0.2:5060 > 10.0.0.1:5060";
    let text = format!(
        "at 0 {a} INVITE c from=1 to=2\nat 1 {b} 401 c\nat 2 {a} ACK c\nat 3 {a} INVITE c\nat 4 {b} 180 c tag=x\n\
         at 5 {b} 200 c tag=y\nat 6 {a} ACK c\nat 7 {b} INVITE c\nat 8 {a} 200 c\nat 9 {b} ACK c\nat 10 {a} BYE c\nat 11 {b} 200 c\n"
    );
    let found: Vec<(String, String, String, String)> = messages(&text)
        .iter()
        .map(|message| {
            let branch = header(message, "Via").rsplit_once("z9hG4bK-c-").unwrap().1;
            let tag = |name| header(message, name).split_once(";tag=").map_or("", |(_, tag)| tag);
            (
                branch.to_owned(),
                header(message, "CSeq").to_owned(),
                tag("From").to_owned(),
                tag("To").to_owned(),
            )
        })
        .collect();
    let expected = [
        ("a0", "1 INVITE", "f-c", ""),
        ("a0", "1 INVITE", "f-c", "t-c"),
        ("a0", "1 ACK", "f-c", "t-c"),
        ("a2", "2 INVITE", "f-c", ""),
        ("a2", "2 INVITE", "f-c", "x"),
        ("a2", "2 INVITE", "f-c", "y"),
        ("a3", "2 ACK", "f-c", "y"),
        ("b0", "1 INVITE", "y", "f-c"),
        ("b0", "1 INVITE", "y", "f-c"),
        ("b1", "1 ACK", "y", "f-c"),
        ("a4", "3 BYE", "f-c", "y"),
        ("a4", "3 BYE", "f-c", "y"),
    ];
    let found: Vec<(&str, &str, &str, &str)> =
        found.iter().map(|(a, b, c, d)| (&a[..], &b[..], &c[..], &d[..])).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_cancel_belongs_to_the_invite_and_a_repeat_is_the_same_bytes() {
    let text = "at 0 10.0.0.1:5060 > 10.0.0.2:5060 INVITE c from=1 to=2\n\
                at 1 10.0.0.1:5060 > 10.0.0.2:5060 INVITE c repeat twice\n\
                at 2 10.0.0.1:5060 > 10.0.0.2:5060 CANCEL c\n\
                at 3 10.0.0.2:5060 > 10.0.0.1:5060 200 c\n\
                at 4 10.0.0.2:5060 > 10.0.0.1:5060 487 c of=INVITE\n";
    let found = messages(text);
    assert!(found[0] == found[1] && found[1] == found[2]);
    let lines: Vec<_> = found[2..].iter().map(|message| header(message, "CSeq")).collect();
    assert_eq!(lines, ["1 INVITE", "1 CANCEL", "1 CANCEL", "1 INVITE"]);
    assert_eq!(header(&found[3], "Via"), header(&found[0], "Via"));
}

#[test]
fn a_run_counts_on_and_a_later_one_of_the_source_goes_on() {
    let text = format!(
        "rtp c caller from=0 to=0.060 ssrc=5 seq=65534 ts=4294967200 {MEDIA}\nrtp c caller from=1 to=1.030 ssrc=5 codec=PCMU {MEDIA}"
    );
    let expected = [
        (0, 0x88, 65534, 4_294_967_200, 5),
        (20, 8, 65535, 64, 5),
        (40, 8, 0, 224, 5),
        (1000, 0x80, 1, 7_904, 5),
        (1020, 0, 2, 8_064, 5),
    ];
    assert_eq!(packets(&text), expected);
}

#[test]
fn lost_packets_leave_a_hole_and_late_ones_follow_their_successor() {
    let text = format!("rtp c callee from=0 to=0.2 seq=10 lost=2,4-5 late=7 {MEDIA}");
    let found: Vec<(i64, u16)> = packets(&text).iter().map(|packet| (packet.0, packet.2)).collect();
    assert_eq!(found, [(0, 10), (20, 11), (60, 13), (120, 16), (160, 18), (160, 17), (180, 19)]);
}

#[test]
fn a_key_keeps_its_timestamp_and_ends_three_times() {
    let text =
        format!("rtp c caller from=0 to=0.12 seq=1 ts=0 ssrc=9 {MEDIA}\ndtmf c caller at=0.04 digit=5 ms=60");
    let expected = [
        (0, 0x88, 1, 0, 9),
        (20, 8, 2, 160, 9),
        (40, 0x80 | 101, 3, 320, 9),
        (60, 101, 4, 320, 9),
        (80, 101, 5, 320, 9),
        (80, 101, 6, 320, 9),
        (80, 101, 7, 320, 9),
        (100, 8, 8, 800, 9),
    ];
    assert_eq!(packets(&text), expected);
    let durations: Vec<u16> = frames(&text)[2..7]
        .iter()
        .map(|frame| u16::from_be_bytes(*udp(frame).2.last_chunk().unwrap()))
        .collect();
    assert_eq!(durations, [160, 320, 480, 480, 480]);
}

#[test]
fn what_is_unseen_moves_the_call_on_without_a_frame() {
    let text = "at 0 10.0.0.1:5060 > 10.0.0.2:5060 INVITE c from=1 to=2 unseen sdp=10.0.0.1:4000/PCMU\n\
                at 1 10.0.0.2:5060 > 10.0.0.1:5060 200 c unseen sdp=10.0.0.2:4002/PCMU\n\
                rtp c caller from=2 to=2.02\n";
    let found = frames(text);
    assert_eq!(found.len(), 1);
    assert_eq!((udp(&found[0]).0, udp(&found[0]).1, udp(&found[0]).2[1] & 0x7f), (4000, 4002, 0));
}

#[test]
fn mistakes_are_named_with_their_line() {
    let cases = [
        ("\n# fine\nplay call-1", 3, "`play` is not one of: at, rtp, dtmf, vlan, transport, epoch"),
        ("at x 1.1.1.1:1 > 2.2.2.2:2 BYE c", 1, "`x` is not seconds"),
        ("at 0 1.1.1.1:1 > 2.2.2.2 BYE c", 1, "`2.2.2.2` is not an address with a port"),
        ("at 0 1.1.1.1:1 < 2.2.2.2:2 BYE c", 1, "`>` is to stand between the sender and the receiver"),
        ("at 0 1.1.1.1:1 > 2.2.2.2:2 200 c", 1, "`c` has no request before this response"),
        ("at 0 1.1.1.1:1 > 2.2.2.2:2 ACK c", 1, "ACK without an INVITE of this party before it"),
        (
            "at 0 1.1.1.1:1 > 2.2.2.2:2 INVITE c form=1",
            1,
            "`form=` is not understood here, or is there twice",
        ),
        ("at 0 1.1.1.1:1 > 2.2.2.2:2 INVITE c sdp=1.1.1.1:1/MP3", 1, "sdp: `MP3` is not a known encoding"),
        ("at 0 1.1.1.1:1 > 2.2.2.2:2 INVITE c repeat", 1, "there is no INVITE to repeat"),
        ("at 0 1.1.1.1:1 > 2.2.2.2:2 raw hex=0", 1, "`0` is not bytes in hexadecimal"),
        ("dtmf c caller at=1 digit=5", 1, "a key is pressed within the party's last `rtp` line"),
        (
            "rtp c caller from=0 to=9999999 src=1.1.1.1:1 dst=1.1.1.1:2",
            1,
            "a run goes from a time to a later one within a day, in packets of 1 to 200 ms",
        ),
        ("rtp c mouse from=0 to=1", 1, "`mouse` is neither `caller` nor `callee`"),
        (
            "rtp c caller from=0 to=1",
            1,
            "no SDP above this line says where `c` has its audio: src= and dst= are needed",
        ),
    ];
    for (text, line, what) in cases {
        let error = script::parse(text).unwrap_err();
        assert_eq!((error.line, &error.what[..]), (line, what));
    }
}

#[test]
fn the_office_has_nine_calls_and_their_audio() {
    let frames = demo::office();
    let mut started: BTreeMap<String, i64> = BTreeMap::new();
    let mut media = 0;
    for frame in &frames {
        let (port, _, payload) = udp(frame);
        if port != 5060 {
            media += 1;
        } else if payload.starts_with(b"INVITE") {
            let message = String::from_utf8(payload.to_vec()).unwrap();
            let call_id = header(&message, "Call-ID").to_owned();
            let seconds = frame.time.since(MORNING) / 1_000_000_000;
            started.entry(call_id).or_insert(seconds);
        }
    }
    let starts: Vec<i64> = started.values().copied().collect();
    assert_eq!(started.len(), 9);
    assert_eq!(starts.iter().max(), Some(&50));
    // Seconds of both parties' talk in packets of 20 ms, from 60 ms after each answer and BYE; see the README.
    assert!((17_000..18_500).contains(&media), "{media} packets of audio");
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(at|rtp|dtmf|vlan|epoch)?( (0|1\\.5|c|>|1\\.1\\.1\\.1:1|INVITE|200|raw|caller|repeat|from=1|to=2|at=0|digit=5|lost=1-9|late=0|ptime=0|sdp=1\\.1\\.1\\.1:1/PCMA|\"|x=\"\\\\))*\n?.{0,20}") {
        if let Err(error) = script::parse(&text) {
            proptest::prop_assert!(error.line >= 1 && !error.what.is_empty());
        }
    }
}
