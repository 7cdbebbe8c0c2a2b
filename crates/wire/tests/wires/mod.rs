//! Segments of made-up connections.
#![allow(dead_code, reason = "each test file uses its part of it")]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use earwitness_model::{Flow, PacketTime};
use earwitness_wire::{
    TcpFlags, TcpSegment,
    stream::{StreamLimits, StreamLoss, StreamMessage, Streams},
};
use proptest::prelude::*;

const fn end(host: u8, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 1, 0, host)), port)
}

/// A phone and its switch.
pub(crate) const ENDS: Flow = Flow { src: end(5, 40_000), dst: end(9, 5060) };

/// So many ms after the beginning.
pub(crate) fn at(ms: i64) -> PacketTime {
    PacketTime::from_nanos(ms * 1_000_000)
}

/// A request with a body of so many bytes.
pub(crate) fn message(method: &str, call_id: &str, body: usize) -> String {
    format!(
        "{method} sip:4001@10.1.0.9 SIP/2.0\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\nContent-Length: {body}\r\n\r\n{}",
        "x".repeat(body)
    )
}

/// What was lost, by cause.
pub(crate) fn lost(streams: &Streams) -> Vec<(StreamLoss, u64)> {
    streams.losses().iter().filter(|(_, count)| *count > 0).collect()
}

/// A connection as a mirror shows it: side 0 opened it.
pub(crate) struct Wire {
    pub(crate) streams: Streams,
    flow: Flow,
    begins: [u32; 2],
    next: [u32; 2],
}

const NONE: TcpFlags = TcpFlags { syn: false, fin: false, rst: false };
pub(crate) const SYN: TcpFlags = TcpFlags { syn: true, ..NONE };
pub(crate) const FIN: TcpFlags = TcpFlags { fin: true, ..NONE };
pub(crate) const RST: TcpFlags = TcpFlags { rst: true, ..NONE };

impl Wire {
    /// A connection that was opened before the capture began.
    pub(crate) fn running(flow: Flow, next: u32) -> Self {
        let streams = Streams::new(StreamLimits::default());
        Self { streams, flow, begins: [next, 5000], next: [next, 5000] }
    }

    pub(crate) fn open(flow: Flow) -> Self {
        Self::open_at(flow, 1000)
    }

    /// A connection whose first byte has the number `begins`.
    pub(crate) fn open_at(flow: Flow, begins: u32) -> Self {
        let mut wire = Self::running(flow, begins);
        wire.shake_hands(at(0));
        wire
    }

    /// The same ends, opened once more.
    pub(crate) fn reopen(&mut self, begins: u32, at: PacketTime) {
        (self.begins, self.next) = ([begins, !begins], [begins, !begins]);
        self.shake_hands(at);
    }

    fn shake_hands(&mut self, at: PacketTime) {
        let [first, second] = self.begins;
        self.segment(0, (first.wrapping_sub(1), None, SYN), (b"", 0), at);
        self.segment(1, (second.wrapping_sub(1), Some(first), SYN), (b"", 0), at);
        self.segment(0, (first, Some(second), NONE), (b"", 0), at);
    }

    pub(crate) const fn begins(&self, side: usize) -> u32 {
        self.begins[side]
    }

    pub(crate) const fn next(&self, side: usize) -> u32 {
        self.next[side]
    }

    /// Sends the next bytes of `side`.
    pub(crate) fn send(&mut self, side: usize, bytes: &[u8], at: PacketTime) {
        self.send_cut(side, bytes, 0, at);
    }

    /// Sends the next bytes of `side`, of which the last `cut` are not captured.
    pub(crate) fn send_cut(&mut self, side: usize, bytes: &[u8], cut: usize, at: PacketTime) {
        let sequence = self.lose(side, bytes);
        let kept = &bytes[..bytes.len() - cut];
        self.segment(side, (sequence, None, NONE), (kept, cut as u32), at);
    }

    /// The next bytes of `side` are not seen; where they would be.
    pub(crate) fn lose(&mut self, side: usize, bytes: &[u8]) -> u32 {
        let sequence = self.next[side];
        self.next[side] = sequence.wrapping_add(bytes.len() as u32);
        sequence
    }

    /// Bytes of `side` at a place of their own.
    pub(crate) fn put(&mut self, side: usize, sequence: u32, bytes: &[u8], at: PacketTime) {
        self.segment(side, (sequence, None, NONE), (bytes, 0), at);
    }

    /// `side` has everything that the other sent, seen or not.
    pub(crate) fn acknowledge(&mut self, side: usize, at: PacketTime) {
        self.segment(side, (self.next[side], Some(self.next[1 - side]), NONE), (b"", 0), at);
    }

    pub(crate) fn close(&mut self, side: usize, at: PacketTime) {
        self.segment(side, (self.next[side], None, FIN), (b"", 0), at);
    }

    pub(crate) fn segment(
        &mut self,
        side: usize,
        (sequence, acknowledged, flags): (u32, Option<u32>, TcpFlags),
        (payload, cut): (&[u8], u32),
        at: PacketTime,
    ) {
        let flow = if side == 0 { self.flow } else { self.flow.reversed() };
        let segment =
            TcpSegment { flow, sequence, acknowledged, flags, payload, cut, hop_limit: 64, tunnel: None };
        self.streams.handle_segment(&segment, at);
    }

    /// What was told since.
    pub(crate) fn read(&mut self) -> Vec<StreamMessage> {
        std::iter::from_fn(|| self.streams.poll_message()).collect()
    }
}

/// A segment of any kind between few ends.
#[derive(Debug, Clone)]
pub(crate) struct AnySegment {
    ends: (u8, u8),
    sequence: u32,
    acknowledged: Option<u32>,
    flags: TcpFlags,
    payload: Vec<u8>,
    cut: u32,
}

impl AnySegment {
    pub(crate) fn segment(&self) -> TcpSegment<'_> {
        TcpSegment {
            flow: Flow { src: end(self.ends.0, 5060), dst: end(self.ends.1, 5060) },
            sequence: self.sequence,
            acknowledged: self.acknowledged,
            flags: self.flags,
            payload: &self.payload,
            cut: self.cut,
            hop_limit: 64,
            tunnel: None,
        }
    }
}

/// Any segment, and how many ms it comes after the one before.
pub(crate) fn any_segment() -> impl Strategy<Value = (AnySegment, u16)> {
    let numbers = prop_oneof![4 => 0..4000_u32, 1 => any::<u32>()];
    let texts = prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 0..60),
        (0..600_usize).prop_map(|body| message("INVITE", "m", body).into_bytes()),
        (0..60_usize).prop_map(|len| message("BYE", "m", 0).into_bytes()[..len].to_vec()),
        Just(b"INVITE sip:x SIP/2.0\r\nContent-Length: 4294967295\r\n\r\n".to_vec()),
        Just(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n".to_vec()),
        Just(b"\x81\x7e\x00\x20SIP/2.0 200 OK\r\nCall-ID: mmm\r\n\r\n".to_vec()),
    ];
    let flags = (prop::bool::weighted(0.1), prop::bool::weighted(0.05), prop::bool::weighted(0.05))
        .prop_map(|(syn, fin, rst)| TcpFlags { syn, fin, rst });
    let ends = (0..3_u8, 0..3_u8);
    let cut = prop_oneof![9 => Just(0), 1 => 0..2000_u32];
    let segments = (ends, numbers.clone(), prop::option::of(numbers), flags, texts, cut);
    let later = prop_oneof![5 => 0..50_u16, 1 => any::<u16>()];
    (segments, later).prop_map(|((ends, sequence, acknowledged, flags, payload, cut), later)| {
        (AnySegment { ends, sequence, acknowledged, flags, payload, cut }, later)
    })
}
