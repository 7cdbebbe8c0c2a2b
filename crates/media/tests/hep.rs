//! The HEP stream: its bytes, and what this project reads of it.
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

use earwitness_media::export::{Exported, hep};
use earwitness_model::{Flow, PacketTime, SignallingMessage, SipTransport};
use earwitness_wire::hep::{Content, Packet};
use proptest::prelude::*;

fn flow(src: &str, dst: &str) -> Flow {
    Flow { src: src.parse().unwrap(), dst: dst.parse().unwrap() }
}

fn message(nanos: i64, flow: Flow, bytes: &[u8]) -> SignallingMessage<'_> {
    SignallingMessage { time: PacketTime::from_nanos(nanos), flow, transport: SipTransport::Udp, bytes }
}

fn written(messages: &[SignallingMessage<'_>]) -> (Vec<u8>, Exported) {
    let mut out = Vec::new();
    let exported = hep(messages.iter().copied(), &mut out).unwrap();
    assert_eq!(exported.bytes, out.len() as u64);
    (out, exported)
}

/// The packets of a stream, by their own lengths.
fn packets(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut packets = Vec::new();
    while !bytes.is_empty() {
        let (packet, rest) = bytes.split_at(usize::from(u16::from_be_bytes([bytes[4], bytes[5]])));
        packets.push(packet);
        bytes = rest;
    }
    packets
}

#[test]
fn a_message_is_a_packet_of_these_bytes() {
    let (out, exported) =
        written(&[message(1_795_219_200_250_001_999, flow("10.1.0.5:5060", "10.1.0.9:5061"), b"hello")]);
    #[rustfmt::skip]
    assert_eq!(out, [
        b'H', b'E', b'P', b'3', 0, 104,
        0, 0, 0, 1, 0, 7, 2, 0, 0, 0, 3, 0, 10, 10, 1, 0, 5, 0, 0, 0, 4, 0, 10, 10, 1, 0, 9, 0, 0, 0, 2, 0, 7, 17,
        0, 0, 0, 7, 0, 8, 0x13, 0xc4, 0, 0, 0, 8, 0, 8, 0x13, 0xc5, 0, 0, 0, 9, 0, 10, 0x6b, 0x00, 0xdf, 0x00,
        0, 0, 0, 10, 0, 10, 0, 0x03, 0xd0, 0x91, 0, 0, 0, 11, 0, 7, 1, 0, 0, 0, 12, 0, 10, 0, 0, 0, 0,
        0, 0, 0, 15, 0, 11, b'h', b'e', b'l', b'l', b'o',
    ]);
    assert_eq!((exported.messages, exported.packets, exported.oversized), (1, 0, 0));
}

#[test]
fn messages_are_in_the_order_of_time_and_one_that_is_too_long_is_counted() {
    let between = flow("10.1.0.5:5060", "10.1.0.9:5060");
    let (longest, too_long) = (vec![b'x'; 65_436], vec![b'x'; 65_437]);
    let (out, exported) = written(&[
        message(3_000, between, b"third"),
        message(1_000, between, b"first"),
        message(2_000, between, &too_long),
        message(2_000, between, &longest),
    ]);
    let read: Vec<&[u8]> =
        packets(&out).into_iter().map(|packet| Packet::parse(packet).unwrap().payload).collect();
    assert_eq!(read, [&b"first"[..], &longest, b"third"]);
    assert_eq!((exported.messages, exported.oversized), (3, 1));
}

proptest! {
    #[test]
    fn what_goes_out_is_what_comes_in(
        messages in prop::collection::vec(
            (0i64..4_000_000_000_000_000, any::<bool>(), any::<[u8; 4]>(), any::<[u16; 2]>(), prop::collection::vec(any::<u8>(), 0..200)),
            0..12,
        ),
    ) {
        let mut sent: Vec<(PacketTime, Flow, Vec<u8>)> = messages
            .into_iter()
            .map(|(micros, is_v6, [a, b, c, d], [from, to], bytes)| {
                let flow = if is_v6 {
                    flow(&format!("[2001:db8::{a:x}:{b:x}]:{from}"), &format!("[2001:db8::{c:x}:{d:x}]:{to}"))
                } else {
                    flow(&format!("10.0.{a}.{b}:{from}"), &format!("10.1.{c}.{d}:{to}"))
                };
                (PacketTime::from_nanos(micros * 1_000), flow, bytes)
            })
            .collect();
        let given: Vec<SignallingMessage<'_>> =
            sent.iter().map(|(time, flow, bytes)| message(time.nanos(), *flow, bytes)).collect();
        let (out, exported) = written(&given);
        prop_assert_eq!(exported.messages, given.len() as u64);
        let read: Vec<(PacketTime, Flow, Vec<u8>)> = packets(&out)
            .into_iter()
            .map(|packet| {
                let packet = Packet::parse(packet).unwrap();
                assert_eq!((packet.content, packet.transport, packet.cut), (Content::Sip, 17, 0));
                (packet.time.unwrap(), packet.flow, packet.payload.to_vec())
            })
            .collect();
        sent.sort_by_key(|(time, _, _)| *time);
        prop_assert_eq!(read, sent);
    }
}
