//! Messages in streams: connections over TCP, plain or in TLS, with WebSocket in them or not, and how they are cut into
//! segments.

use std::collections::HashMap;

use earwitness_model::{Flow, SipTransport};

use crate::{
    Random,
    segment::{ACK, PSH, SYN, Segment},
    tls::TlsPair,
};

/// How messages are carried.
#[derive(Debug, Clone, Copy)]
pub struct Carriage {
    /// All but [`SipTransport::Udp`]. In TLS, connections use one suite after the other of those that `tls` knows.
    pub transport: SipTransport,
    /// Bytes of a segment.
    pub largest: usize,
    /// Whether segments are of that size, or any up to it, in any order and now and then twice.
    pub order: SegmentOrder,
    /// Whether the capture saw the connections open.
    pub opening: Opening,
}

/// How the segments of a message come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentOrder {
    /// As they were sent, all but the last of one size.
    AsSent,
    /// Of any size, in any order, some twice, all by this seed.
    Random(u64),
}

/// Whether the capture saw connections open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It did.
    Seen,
    /// They were there before.
    Before,
}

/// The connections of a script.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    /// By their ends, the lower one first.
    open: HashMap<Flow, Connection>,
    /// Lines of those that are in TLS.
    key_log: String,
}

/// A connection; side 0 opened it.
#[derive(Debug)]
struct Connection {
    flow: Flow,
    next: [u32; 2],
    /// What waits to go in one segment with what comes next.
    held: [Vec<u8>; 2],
    sent: u64,
    tls: Option<Box<TlsPair>>,
}

/// A frame of a connection: none of a segment that the capture missed.
pub(crate) type Frames = Vec<Vec<u8>>;

/// A message, and which of its segments the capture missed.
#[derive(Debug)]
pub(crate) struct Sending<'m> {
    pub(crate) flow: Flow,
    pub(crate) vlans: &'m [u16],
    pub(crate) message: &'m [u8],
    pub(crate) lost: &'m [usize],
    /// It goes in one segment with the next message of this direction.
    pub(crate) is_held: bool,
}

impl Connections {
    /// The frames of a message; those that open its connection come first.
    pub(crate) fn send(&mut self, carriage: Carriage, sending: &Sending<'_>) -> Frames {
        let key = sending.flow.min(sending.flow.reversed());
        let (mut frames, place) = (Vec::new(), self.open.len());
        let key_log = &mut self.key_log;
        let connection = self.open.entry(key).or_insert_with(|| {
            let mut connection = Connection::new(sending.flow);
            let seed = match carriage.order {
                SegmentOrder::AsSent => 0,
                SegmentOrder::Random(seed) => (seed % 100) as usize,
            };
            if carriage.transport.is_in_tls() {
                connection.tls = Some(Box::new(TlsPair::new(place + seed)));
            }
            if carriage.opening == Opening::Seen {
                frames = connection.opened(carriage, sending.vlans);
            } else if let Some(tls) = &mut connection.tls {
                // They agreed before the capture began.
                tls.handshake();
            }
            key_log.extend(connection.tls.iter().map(|tls| tls.key_log()));
            connection
        });
        frames.extend(connection.send(carriage, sending));
        frames
    }

    /// What whoever was in these connections wrote down of their keys.
    pub(crate) fn into_key_log(self) -> String {
        self.key_log
    }
}

impl Connection {
    fn new(flow: Flow) -> Self {
        let key = [u64::from(flow.src.port()), u64::from(flow.dst.port())];
        let mut random = Random::keyed(&key);
        let next = [random.bits() as u32, random.bits() as u32];
        Self { flow, next, held: [Vec::new(), Vec::new()], sent: 0, tls: None }
    }

    /// SYN, SYN and ACK, and the handshakes of TLS and of the WebSocket (RFC 6455, 1.3).
    fn opened(&mut self, carriage: Carriage, vlans: &[u16]) -> Frames {
        let [first, second] = self.next;
        let syn = |side: usize, sequence: u32, acknowledged: u32, flags: u8| {
            let flow = if side == 0 { self.flow } else { self.flow.reversed() };
            Segment { flow, vlans, sequence, acknowledged, flags, payload: b"" }.frame()
        };
        let mut frames = vec![
            syn(0, first.wrapping_sub(1), 0, SYN),
            syn(1, second.wrapping_sub(1), first, SYN | ACK),
            syn(0, first, second, ACK),
        ];
        let flights = self.tls.as_mut().map_or_else(Vec::new, |tls| tls.handshake());
        for (side, flight) in flights {
            frames.extend(self.segments(side, &flight, carriage, (vlans, &[])));
        }
        if matches!(carriage.transport, SipTransport::Ws | SipTransport::Wss) {
            let ask = "GET / HTTP/1.1\r\nHost: 10.1.0.9\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\
                       Sec-WebSocket-Version: 13\r\n\r\n";
            let grant = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n";
            for (side, text) in [(0, ask), (1, grant)] {
                let bytes = self.said(side, text.as_bytes().to_vec());
                frames.push(self.segment(side, &bytes, vlans));
            }
        }
        frames
    }

    fn send(&mut self, carriage: Carriage, sending: &Sending<'_>) -> Frames {
        let side = usize::from(sending.flow != self.flow);
        self.sent += 1;
        let mut bytes = std::mem::take(&mut self.held[side]);
        match carriage.transport {
            SipTransport::Udp | SipTransport::Tcp | SipTransport::Tls => bytes.extend(sending.message),
            SipTransport::Ws | SipTransport::Wss => {
                self.frame(side, carriage.order, sending.message, &mut bytes)
            }
        }
        if sending.is_held {
            self.held[side] = bytes;
            return Vec::new();
        }
        let bytes = self.said(side, bytes);
        self.segments(side, &bytes, carriage, (sending.vlans, sending.lost))
    }

    /// What is sent so that `side` says this.
    fn said(&mut self, side: usize, text: Vec<u8>) -> Vec<u8> {
        match &mut self.tls {
            Some(tls) => tls.say(side, &text),
            None => text,
        }
    }

    /// The next bytes of `side`, as they are carried.
    fn segments(
        &mut self,
        side: usize,
        bytes: &[u8],
        carriage: Carriage,
        (vlans, lost): (&[u16], &[usize]),
    ) -> Frames {
        let sizes = sizes(bytes.len(), carriage, self.sent);
        let (mut frames, mut from) = (Vec::new(), 0);
        for (index, size) in sizes.into_iter().enumerate() {
            let frame = self.segment(side, &bytes[from..from + size], vlans);
            from += size;
            if !lost.contains(&index) {
                frames.push(frame);
            }
        }
        if let SegmentOrder::Random(seed) = carriage.order {
            shuffle(&mut frames, &mut Random::keyed(&[seed, self.sent, 2]));
        }
        frames
    }

    /// One message in WebSocket frames (RFC 6455, 5.2): masked from whoever opened the connection; by chance in two, with a
    /// ping between.
    fn frame(&self, side: usize, order: SegmentOrder, message: &[u8], bytes: &mut Vec<u8>) {
        let (seed, parts) = match order {
            SegmentOrder::AsSent => (0, 1),
            SegmentOrder::Random(seed) => (seed, 1 + Random::keyed(&[seed, self.sent, 3]).below(2) as usize),
        };
        let mut random = Random::keyed(&[seed, self.sent, side as u64]);
        let mut mask = || (side == 0).then(|| (random.bits() as u32).to_be_bytes());
        let half = if parts == 1 { message.len() } else { message.len() / 2 };
        let (head, tail) = message.split_at(half);
        if parts == 1 {
            websocket_frame(0x81, mask(), head, bytes);
        } else {
            websocket_frame(0x01, mask(), head, bytes);
            websocket_frame(0x89, mask(), b"ping", bytes);
            websocket_frame(0x80, mask(), tail, bytes);
        }
    }

    /// The next bytes of `side` in a segment.
    fn segment(&mut self, side: usize, payload: &[u8], vlans: &[u16]) -> Vec<u8> {
        let sequence = self.next[side];
        self.next[side] = sequence.wrapping_add(payload.len() as u32);
        let flow = if side == 0 { self.flow } else { self.flow.reversed() };
        let acknowledged = self.next[1 - side];
        Segment { flow, vlans, sequence, acknowledged, flags: PSH | ACK, payload }.frame()
    }
}

/// The sizes of the segments of `length` bytes.
fn sizes(length: usize, carriage: Carriage, sent: u64) -> Vec<usize> {
    let mut random = match carriage.order {
        SegmentOrder::AsSent => None,
        SegmentOrder::Random(seed) => Some(Random::keyed(&[seed, sent, 1])),
    };
    let (mut sizes, mut left) = (Vec::new(), length);
    while left > 0 {
        let largest = carriage.largest.max(1);
        let size = random.as_mut().map_or(largest, |random| 1 + random.below(largest as u64) as usize);
        sizes.push(size.min(left));
        left -= size.min(left);
    }
    sizes
}

/// Some frames twice, and all in another order.
fn shuffle(frames: &mut Frames, random: &mut Random) {
    for index in 0..frames.len() {
        if random.happens(10.0) {
            frames.push(frames[index].clone());
        }
    }
    for index in (1..frames.len()).rev() {
        // Not far: a mirror swaps neighbours.
        let other = index - (random.below(8) as usize).min(index);
        frames.swap(index, other);
    }
}

fn websocket_frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8], bytes: &mut Vec<u8>) {
    let is_masked = if mask.is_some() { 0x80 } else { 0 };
    bytes.push(first);
    match payload.len() {
        length @ 0..126 => bytes.push(is_masked | length as u8),
        length @ 126..0x1_0000 => {
            bytes.push(is_masked | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(is_masked | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(mask.into_iter().flatten());
    let key = mask.unwrap_or_default();
    bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
}
