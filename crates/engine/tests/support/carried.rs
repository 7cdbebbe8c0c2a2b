//! Scripts that came over UDP, carried by streams instead: what must come of them all the same.

#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]

use std::fs;

use earwitness_model::{CallId, CallSummary, Flow, PacketTime, SegmentContent, SipTransport};
use earwitness_testkit::{
    Carriage, Frame, Opening, Random, SegmentOrder,
    segment::{ACK, PSH, SYN, Segment},
};
use proptest::prelude::*;

use super::{Piece, Replayed, scripts};

/// The scripts whose messages come over UDP.
pub(crate) fn texts() -> Vec<String> {
    let folders = fs::read_dir(scripts()).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = folders.map(|folder| folder.join("script.call")).filter(|p| p.exists()).collect();
    paths.sort();
    let texts = paths.iter().map(|path| fs::read_to_string(path).unwrap());
    // The demo office is longer than all the others together.
    let texts: Vec<String> =
        texts.filter(|text| !text.contains("transport ") && text.lines().count() < 60).collect();
    assert!(texts.len() >= 20, "{} scripts", texts.len());
    texts
}

/// What came of a call, without what differs: how often the mirror showed a message.
pub(crate) type Told = (CallId, Option<PacketTime>, Vec<Piece>, CallSummary);

pub(crate) fn calls(replayed: &Replayed) -> Vec<Told> {
    let calls = replayed.calls.iter();
    calls
        .map(|(id, came)| {
            let pieces = came.pieces.iter().filter(|piece| piece.content == SegmentContent::Media).cloned();
            let summary = CallSummary { messages: 0, ..came.ended.clone().unwrap() };
            (*id, came.opened, pieces.collect(), summary)
        })
        .collect()
}

/// By one of `transports`, in segments of at most `largest` bytes, in any order.
pub(crate) fn carriages(
    transports: [SipTransport; 2],
    largest: impl Strategy<Value = usize>,
) -> impl Strategy<Value = Carriage> {
    let orders =
        prop_oneof![1 => Just(SegmentOrder::AsSent), 3 => any::<u64>().prop_map(SegmentOrder::Random)];
    (prop::sample::select(transports.to_vec()), largest, orders).prop_map(|(transport, largest, order)| {
        Carriage { transport, largest, order, opening: Opening::Seen }
    })
}

/// What a hostile sender puts on the wire at `time`: forged segments of the connection from 10.1.0.5:40001 to `server`, and of
/// others, that carry one of `texts`.
pub(crate) fn hostile(
    server: &str,
    texts: &[&[u8]],
    (random, time): (&mut Random, PacketTime),
) -> Vec<Frame> {
    let phone = "10.1.0.5:40001".parse().unwrap();
    let server = server.parse().unwrap();
    let stranger = format!("203.0.113.9:{}", 1024 + random.below(60_000)).parse().unwrap();
    let own = Flow { src: phone, dst: server };
    let flows = [own, own.reversed(), Flow { src: stranger, dst: server }];
    // RST, FIN, SYN and segments that carry something: none of them where the connection's own numbers are.
    let flags = [0x04, 0x01 | ACK, SYN, PSH | ACK];
    (0..30)
        .map(|_| {
            let segment = Segment {
                flow: flows[random.below(3) as usize],
                vlans: &[],
                sequence: random.bits() as u32,
                acknowledged: random.bits() as u32,
                flags: flags[random.below(4) as usize],
                payload: texts[random.below(texts.len() as u64) as usize],
            };
            Frame { time, bytes: segment.frame() }
        })
        .collect()
}
