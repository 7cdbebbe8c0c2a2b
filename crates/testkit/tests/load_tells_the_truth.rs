//! The truth of a load is what a reader of its frames counts, and its payloads are those it promised.

use std::collections::HashMap;

use earwitness_model::{Codec, Leg};
use earwitness_testkit::{Frame, Load, load::SipCarrier};

/// UDP payload of an untagged or once tagged IPv4 frame, with its ports.
fn payload(frame: &Frame) -> (&[u8], u16) {
    let ip = if frame.bytes[12..14] == [0x81, 0] { 18 } else { 14 };
    let udp = ip + 20;
    (&frame.bytes[udp + 8..], u16::from_be_bytes([frame.bytes[udp], frame.bytes[udp + 1]]))
}

#[derive(Default)]
struct Seen {
    /// By sequence number: how often.
    times: HashMap<u16, u64>,
    reordered: u64,
    highest: Option<u16>,
}

fn hard() -> Load {
    Load {
        calls: 12,
        seconds: 20.0,
        seed: 42,
        loss_percent: 2.0,
        reorder_percent: 3.0,
        jitter_ms: 15,
        duplicate: true,
        vlan: Some(100),
        codec: Codec::Pcmu,
        start_spread_s: 3.0,
        ..Load::default()
    }
}

#[test]
fn a_reader_counts_what_the_truth_says() {
    let load = hard();
    let truth = load.truth();
    let frames: Vec<Frame> = load.frames().collect();
    assert_eq!(frames.len() as u64, truth.frames);
    assert!(frames.is_sorted_by_key(|frame| frame.time));

    let mut streams: HashMap<u32, Seen> = HashMap::new();
    for frame in &frames {
        let (packet, port) = payload(frame);
        if port == 5060 {
            continue;
        }
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        let seen = streams.entry(ssrc).or_default();
        let times = seen.times.entry(sequence).or_default();
        *times += 1;
        if *times == 1 {
            let late = seen.highest.is_some_and(|highest| sequence.wrapping_sub(highest) > 0x8000);
            seen.reordered += u64::from(late);
            seen.highest = if late { seen.highest } else { Some(sequence) };
        }
    }

    assert_eq!(streams.len(), 24);
    for direction in truth.calls.iter().flat_map(|call| &call.directions) {
        let seen = &streams[&direction.ssrc];
        assert_eq!(seen.times.len() as u64, direction.packets);
        assert_eq!(seen.times.values().sum::<u64>(), direction.packets + direction.duplicates);
        assert_eq!(seen.reordered, direction.reordered);
        let last = direction.first_sequence.wrapping_add(direction.indices as u16 - 1);
        assert!(seen.times.contains_key(&direction.first_sequence) && seen.times.contains_key(&last));
        assert_eq!(direction.packets + direction.lost, u64::from(direction.indices));
        assert_eq!(direction.payload_bytes, direction.packets * 160);
    }
    let sum = |f: fn(&earwitness_testkit::DirectionTruth) -> u64| -> u64 {
        truth.calls.iter().flat_map(|call| &call.directions).map(f).sum()
    };
    let (packets, lost, reordered) = (sum(|d| d.packets), sum(|d| d.lost), sum(|d| d.reordered));
    assert!((packets / 70..packets / 35).contains(&lost), "{lost} of {packets} lost at 2 %");
    assert!((packets / 45..packets / 25).contains(&reordered), "{reordered} of {packets} reordered at 3 %");
}

#[test]
fn payloads_are_those_promised() {
    let load = Load { calls: 2, seconds: 1.0, ..Load::default() };
    let truth = load.truth();
    for (call, expected) in truth.calls.iter().enumerate() {
        for direction in &expected.directions {
            let packets: Vec<Frame> = load
                .frames()
                .filter(|frame| payload(frame).0.get(8..12) == Some(&direction.ssrc.to_be_bytes()))
                .collect();
            let all: Vec<u8> = packets.iter().flat_map(|frame| &payload(frame).0[12..]).copied().collect();
            assert_eq!(all, load.leg_payload(call as u32, direction.leg));
            let sent: Vec<u32> = load.sent(call as u32, direction.leg).collect();
            assert_eq!((packets.len(), sent.len()), (46, 46));
            for (frame, index) in packets.iter().zip(sent) {
                assert_eq!(payload(frame).0[12..], load.payload(call as u32, direction.leg, index));
            }
        }
    }
    assert_ne!(load.payload(0, Leg::Caller, 0), load.payload(0, Leg::Callee, 0));
    assert_ne!(load.payload(0, Leg::Caller, 0), load.payload(1, Leg::Caller, 0));
}

#[test]
fn longer_packets_begin_with_what_shorter_ones_hold_and_losses_are_left_out() {
    let load = Load { calls: 1, seconds: 3.0, ptime_ms: 30, loss_percent: 10.0, ..Load::default() };
    let direction = load.truth().calls[0].directions[1].clone();
    assert_eq!((direction.leg, direction.indices), (Leg::Callee, 97));
    assert!(direction.lost > 0, "10 % of 97 packets");
    let all = load.leg_payload(0, Leg::Callee);
    assert_eq!(all.len() as u64, direction.payload_bytes);
    assert_eq!(all.len() as u64, direction.packets * 240);
    for (packet, index) in all.chunks(240).zip(load.sent(0, Leg::Callee)) {
        assert_eq!(packet[..160], load.payload(0, Leg::Callee, index));
    }
}

#[test]
fn signalling_alone_is_seven_messages_a_call() {
    let load = Load { calls: 3, rtp: false, ..Load::default() };
    let texts: Vec<String> =
        load.frames().map(|frame| String::from_utf8(payload(&frame).0.to_vec()).unwrap()).collect();
    assert_eq!(texts.len(), 21);
    assert_eq!(load.truth().frames, 21);
    let call_id = &load.truth().calls[1].sip_call_id;
    let starts: Vec<&str> = texts
        .iter()
        .filter(|text| text.contains(&format!("Call-ID: {call_id}\r\n")))
        .map(|text| text.split("\r\n").next().unwrap())
        .collect();
    let caller = &load.truth().calls[1].from;
    let expected = [
        "INVITE sip:4002@10.129.0.9:5060 SIP/2.0".to_owned(),
        "SIP/2.0 100 Trying".to_owned(),
        "SIP/2.0 180 Ringing".to_owned(),
        "SIP/2.0 200 OK".to_owned(),
        "ACK sip:4002@10.129.0.9:5060 SIP/2.0".to_owned(),
        format!("BYE sip:{caller}@10.1.0.5:5060 SIP/2.0"),
        "SIP/2.0 200 OK".to_owned(),
    ];
    assert_eq!(starts, expected);
}

#[test]
fn the_same_seed_gives_the_same_frames_and_another_does_not() {
    let load = Load { calls: 3, seconds: 2.0, ..hard() };
    assert!(load.frames().eq(load.frames()));
    assert!(!load.frames().eq(Load { seed: 43, ..load.clone() }.frames()));
}

#[test]
fn many_concurrent_calls_have_media_endpoints_of_their_own() {
    let load = Load { calls: 65_000, seconds: 1.0, ..Load::default() };
    let truth = load.truth();
    let mut endpoints: Vec<_> =
        truth.calls.iter().flat_map(|call| &call.directions).map(|direction| direction.src).collect();
    let mut call_ids: Vec<_> = truth.calls.iter().map(|call| &call.sip_call_id).collect();
    endpoints.sort_unstable();
    endpoints.dedup();
    call_ids.sort_unstable();
    call_ids.dedup();
    assert_eq!((endpoints.len(), call_ids.len()), (130_000, 65_000));
}

#[test]
fn a_load_of_nothing_ends() {
    assert_eq!(Load { calls: 0, ..Load::default() }.frames().count(), 0);
    let shortest = Load { calls: 1, seconds: 0.0, ptime_ms: 0, ..Load::default() };
    assert_eq!(shortest.frames().count() as u64, shortest.truth().frames);
}

#[test]
fn over_tcp_the_messages_of_a_load_are_those_over_udp_on_one_connection() {
    let load = Load { calls: 4, rtp: false, carrier: SipCarrier::Tcp, ..Load::default() };
    let frames: Vec<Frame> = load.frames().collect();
    assert_eq!(frames.len() as u64, load.truth().frames);
    let mut streams: HashMap<Vec<u8>, (u32, Vec<u8>)> = HashMap::new();
    for frame in &frames {
        let sequence = u32::from_be_bytes(frame.bytes[38..42].try_into().unwrap());
        let (next, bytes) = streams.entry(frame.bytes[26..38].to_vec()).or_insert((1, Vec::new()));
        assert_eq!((frame.bytes[23], *next), (6, sequence), "a segment follows the one before it");
        bytes.extend(&frame.bytes[54..]);
        *next += frame.bytes.len() as u32 - 54;
    }
    assert_eq!(streams.len(), 2);
    let text: String = streams.values().map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect();
    let over_udp = Load { carrier: SipCarrier::Udp, ..load }.frames();
    let udp: Vec<String> =
        over_udp.map(|frame| String::from_utf8(payload(&frame).0.to_vec()).unwrap()).collect();
    assert!(udp.iter().all(|message| text.contains(&message.replace("SIP/2.0/UDP", "SIP/2.0/TCP"))));
}
