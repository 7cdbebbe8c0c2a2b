//! The pcapng: its blocks byte by byte, and what tshark makes of it.
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod script;

use earwitness_media::export::{Exported, pcapng};
use earwitness_model::{Flow, Leg, PayloadKind, SignallingMessage, SipTransport};
use script::{MS, Outline, START, Spoken, program::piped, spoken};

const INVITE: &str = "INVITE sip:4001@10.1.0.9 SIP/2.0\r\n\
Via: SIP/2.0/UDP 10.1.0.5:5060;branch=z9hG4bK1\r\nFrom: <sip:100@10.1.0.5>;tag=1\r\nTo: <sip:4001@10.1.0.9>\r\n\
Call-ID: one@10.1.0.5\r\nCSeq: 1 INVITE\r\nContact: <sip:100@10.1.0.5:5060>\r\nContent-Type: application/sdp\r\n\
Content-Length: 146\r\n\r\nv=0\r\no=- 1 1 IN IP4 10.1.0.5\r\ns=-\r\nc=IN IP4 10.1.0.5\r\nt=0 0\r\n\
m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";

const OK: &str = "SIP/2.0 200 OK\r\n\
Via: SIP/2.0/UDP 10.1.0.5:5060;branch=z9hG4bK1\r\nFrom: <sip:100@10.1.0.5>;tag=1\r\nTo: <sip:4001@10.1.0.9>;tag=2\r\n\
Call-ID: one@10.1.0.5\r\nCSeq: 1 INVITE\r\nContact: <sip:4001@10.1.0.9:5060>\r\nContent-Type: application/sdp\r\n\
Content-Length: 146\r\n\r\nv=0\r\no=- 1 1 IN IP4 10.1.0.9\r\ns=-\r\nc=IN IP4 10.1.0.9\r\nt=0 0\r\n\
m=audio 5000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";

fn message(ms: i64, bytes: &[u8], from: Leg) -> SignallingMessage<'_> {
    let flow = Flow { src: "10.1.0.5:5060".parse().unwrap(), dst: "10.1.0.9:5060".parse().unwrap() };
    let flow = if from == Leg::Caller { flow } else { flow.reversed() };
    SignallingMessage { time: START.plus_nanos(ms * MS), flow, transport: SipTransport::Udp, bytes }
}

fn written(packets: &[Spoken], messages: &[SignallingMessage<'_>]) -> (Vec<u8>, Exported) {
    let mut out = Vec::new();
    let exported = pcapng(&Outline::default().call(packets), messages.iter().copied(), &mut out).unwrap();
    assert_eq!(exported.bytes, out.len() as u64);
    (out, exported)
}

/// Type and body of each block; both lengths are checked.
fn blocks(mut bytes: &[u8]) -> Vec<(u32, &[u8])> {
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let mut blocks = Vec::new();
    while !bytes.is_empty() {
        let total = word(&bytes[4..8]) as usize;
        assert_eq!((total % 4, word(&bytes[total - 4..total]) as usize), (0, total));
        blocks.push((word(&bytes[..4]), &bytes[8..total - 4]));
        bytes = &bytes[total..];
    }
    blocks
}

/// Capture time in ns and frame of an enhanced packet block.
fn frame(body: &[u8]) -> (u64, &[u8]) {
    let word = |at: usize| u32::from_le_bytes(body[at..at + 4].try_into().unwrap());
    assert_eq!((word(0), word(12)), (0, word(16)));
    (u64::from(word(4)) << 32 | u64::from(word(8)), &body[20..20 + word(12) as usize])
}

#[test]
fn a_call_without_anything_is_a_section_and_an_interface() {
    let (out, exported) = written(&[], &[]);
    #[rustfmt::skip]
    assert_eq!(out, [
        0x0a, 0x0d, 0x0d, 0x0a, 48, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        4, 0, 10, 0, b'e', b'a', b'r', b'w', b'i', b't', b'n', b'e', b's', b's', 0, 0, 0, 0, 0, 0, 48, 0, 0, 0,
        1, 0, 0, 0, 32, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0,
    ]);
    assert_eq!((exported.packets, exported.messages, exported.oversized), (0, 0, 0));
}

#[test]
fn a_packet_becomes_the_frame_that_carried_it() {
    let packet = Spoken {
        payload_type: 101,
        kind: PayloadKind::TelephoneEvent,
        marker: true,
        payload: b"\x01\x8a\x03".to_vec(),
        ..spoken(0x0001_fffe, 0xdead_beef, 5, (0, 0))
    };
    let (out, exported) = written(&[packet], &[]);
    let blocks = blocks(&out);
    assert_eq!(blocks.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [0x0a0d_0d0a, 1, 6]);
    let (time, frame) = frame(blocks[2].1);
    assert_eq!(time as i64, START.nanos() + 5 * MS);
    assert_eq!(&frame[..14], [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
    assert_eq!(&frame[26..38], [10, 1, 0, 5, 10, 1, 0, 9, 0x0f, 0xa0, 0x13, 0x88]);
    assert_eq!(&frame[42..], [0x80, 0xe5, 0xff, 0xfe, 0xde, 0xad, 0xbe, 0xef, 0x12, 0x34, 0, 0, 1, 0x8a, 3]);
    assert_eq!(exported.packets, 1);
}

#[test]
fn frames_are_in_the_order_of_capture_and_messages_go_first() {
    let callee = |at| Spoken { track: 1, ..spoken(1, 0, at, (2, 160)) };
    // By sequence the caller's second packet comes first, by capture it does not.
    let packets = [spoken(2, 160, 10, (1, 160)), spoken(1, 0, 30, (1, 160)), callee(20)];
    let messages = [message(30, b"BYE", Leg::Callee), message(0, INVITE.as_bytes(), Leg::Caller)];
    let (out, exported) = written(&packets, &messages);
    let blocks = blocks(&out);
    let frames: Vec<_> = blocks[2..].iter().map(|(_, body)| frame(body)).collect();
    let first: Vec<_> = frames.iter().map(|&(t, f)| ((t as i64 - START.nanos()) / MS, f[42])).collect();
    assert_eq!(first, [(0, b'I'), (10, 0x80), (20, 0x80), (30, b'B'), (30, 0x80)]);
    assert_eq!(frames[0].1[42..], *INVITE.as_bytes());
    assert_eq!((exported.packets, exported.messages), (3, 2));
}

#[test]
fn a_message_longer_than_a_datagram_is_left_out_and_counted() {
    let long = vec![b'x'; 65_508];
    let (out, exported) =
        written(&[], &[message(0, &long, Leg::Caller), message(1, &long[1..], Leg::Caller)]);
    assert_eq!((exported.messages, exported.oversized), (1, 1));
    assert_eq!(frame(blocks(&out)[2].1).1.len(), 42 + 65_507);
}

#[test]
fn a_time_before_1970_becomes_1970() {
    let early = SignallingMessage {
        time: earwitness_model::PacketTime::from_nanos(-1),
        ..message(0, b"BYE", Leg::Caller)
    };
    assert_eq!(frame(blocks(&written(&[], &[early]).0)[2].1).0, 0);
}

#[test]
fn a_message_over_tcp_is_in_segments_however_long_it_is() {
    let long = vec![b'x'; 2 * 65_495 + 7];
    let tcp =
        |ms, bytes| SignallingMessage { transport: SipTransport::Tcp, ..message(ms, bytes, Leg::Caller) };
    let (out, exported) = written(&[], &[tcp(0, &long), tcp(5, b"BYE")]);
    assert_eq!((exported.messages, exported.oversized), (2, 0));
    let frames: Vec<(u64, Vec<u8>, u32)> = blocks(&out)[2..]
        .iter()
        .map(|(_, body)| {
            let (time, frame) = frame(body);
            let sequence = u32::from_be_bytes(frame[38..42].try_into().unwrap());
            ((time as i64 - START.nanos()) as u64 / MS as u64, frame[54..].to_vec(), sequence)
        })
        .collect();
    let sizes: Vec<_> = frames.iter().map(|(ms, bytes, sequence)| (*ms, bytes.len(), *sequence)).collect();
    assert_eq!(sizes, [(0, 65_495, 1), (0, 65_495, 65_496), (0, 7, 130_991), (5, 3, 130_998)]);
    assert_eq!(frames[3].1, b"BYE");
}

/// What tshark prints of `capture`; `None` where it is not installed.
fn tshark(capture: &[u8], args: &[&str]) -> Option<String> {
    let printed = piped("tshark", &[&["-n", "-r", "-"], args].concat(), capture.to_vec())?;
    Some(String::from_utf8(printed).unwrap())
}

#[test]
fn tshark_sees_one_voip_call_with_the_streams_and_packets_of_the_call() {
    let mut packets = Vec::new();
    for n in 0..50u32 {
        packets.push(spoken(65_500 + n, n * 160, 40 + 20 * i64::from(n), (n as u8, 160)));
        packets.push(Spoken { track: 1, ..spoken(9 + n, n * 160, 45 + 20 * i64::from(n), (0x2a, 160)) });
    }
    // Two packets of the callee are lost.
    packets.retain(|packet| packet.track == 0 || !(20..22).contains(&packet.sequence));
    packets.push(Spoken {
        payload_type: 101,
        kind: PayloadKind::TelephoneEvent,
        marker: true,
        payload: vec![1, 0x8a, 3, 0x20],
        ..spoken(65_550, 8_000, 1_040, (0, 0))
    });
    let messages = [message(0, INVITE.as_bytes(), Leg::Caller), message(30, OK.as_bytes(), Leg::Callee)];
    let (out, _) = written(&packets, &messages);

    let Some(streams) = tshark(&out, &["-q", "-z", "rtp,streams"]) else {
        println!("left out: tshark is not installed");
        return;
    };
    let rows: Vec<Vec<&str>> = streams
        .lines()
        .filter(|line| line.contains("0x1234"))
        .map(|line| line.split_whitespace().skip(2).take(9).collect())
        .collect();
    let caller = ["10.1.0.5", "4000", "10.1.0.9", "5000", "0x12340000"];
    let callee = ["10.1.0.9", "5000", "10.1.0.5", "4000", "0x12340100"];
    assert_eq!(rows.len(), 2, "{streams}");
    assert!(
        rows.iter().any(|row| row[..5] == caller && row.contains(&"51") && row.contains(&"0")),
        "{streams}"
    );
    assert!(
        rows.iter().any(|row| row[..5] == callee && row.contains(&"48") && row.contains(&"2")),
        "{streams}"
    );

    let fields =
        ["-T", "fields", "-e", "frame.protocols", "-e", "_ws.malformed", "-o", "udp.check_checksum:TRUE"];
    let checks = ["-o", "ip.check_checksum:TRUE", "-e", "ip.checksum.status", "-e", "udp.checksum.status"];
    let rows = tshark(&out, &[&fields[..], &checks[..]].concat()).unwrap();
    let count = |protocols: &str| rows.lines().filter(|row| *row == format!("{protocols}\t\t1\t1")).count();
    assert_eq!(count("eth:ethertype:ip:udp:sip:sdp"), 2, "{rows}");
    assert_eq!(count("eth:ethertype:ip:udp:rtp"), 98, "{rows}");
    assert_eq!(count("eth:ethertype:ip:udp:rtp:rtpevent"), 1, "{rows}");
    assert_eq!(rows.lines().count(), 101, "{rows}");
}

#[test]
fn tshark_reads_sip_over_tcp_and_has_nothing_to_say_about_its_segments() {
    let long = INVITE.replace("Contact:", &format!("Subject: {}\r\nContact:", "x".repeat(70_000)));
    let messages = [
        (0, long.as_str(), Leg::Caller, SipTransport::Tcp),
        (30, OK, Leg::Callee, SipTransport::Tcp),
        (40, INVITE, Leg::Caller, SipTransport::Tcp),
        (50, OK, Leg::Callee, SipTransport::Ws),
    ]
    .map(|(ms, text, leg, transport)| SignallingMessage { transport, ..message(ms, text.as_bytes(), leg) });
    let (out, exported) = written(&[], &messages);
    assert_eq!((exported.messages, exported.oversized), (4, 0));

    let checks = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"];
    let fields = [
        "-T",
        "fields",
        "-E",
        "separator=|",
        "-e",
        "frame.protocols",
        "-e",
        "sip.CSeq",
        "-e",
        "tcp.checksum.status",
    ];
    let more = ["-e", "tcp.analysis.flags", "-e", "_ws.malformed"];
    let Some(rows) = tshark(&out, &[&checks[..], &fields, &more].concat()) else {
        println!("left out: tshark is not installed");
        return;
    };
    let whole = "eth:ethertype:ip:tcp:sip:sdp|1 INVITE|1||";
    let first = "eth:ethertype:ip:tcp|||1||".replacen("||", "|", 1);
    assert_eq!(rows.lines().collect::<Vec<_>>(), [first.as_str(), whole, whole, whole, whole], "{rows}");
}
