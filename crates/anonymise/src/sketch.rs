//! A frame with new headers that waits for what it carries.

use earwitness_model::{LinkType, PacketTime, RawFrame};
use earwitness_wire::{Carried, Encapsulation, decode};

use crate::{
    Frame,
    frame::{Headers, Sum},
};

/// A frame whose headers are written.
#[derive(Debug)]
pub(crate) struct Sketch {
    number: u64,
    time: PacketTime,
    link: LinkType,
    wire_len: u32,
    bytes: Vec<u8>,
    sums: Vec<Sum>,
    payload_at: usize,
    payload_len: usize,
    read: Option<Reading>,
}

/// How `wire` reads a frame, but for whom it is between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    kind: u8,
    /// Where what it carries begins, how long that is and how much of it was cut.
    place: usize,
    len: usize,
    cut: u32,
    /// Ports of datagrams and segments; identification and offset of pieces.
    numbers: [u32; 4],
    hop_limit: u8,
    tunnel: Option<(Encapsulation, u8)>,
}

impl Reading {
    fn of(frame: &RawFrame<'_>) -> Option<Self> {
        let place = |part: &[u8]| part.as_ptr().addr().wrapping_sub(frame.bytes.as_ptr().addr());
        let (kind, bytes, cut, numbers, hop_limit, tunnel) = match decode(frame).ok()? {
            Carried::Udp(datagram) => {
                let ports = [datagram.flow.src, datagram.flow.dst].map(|end| u32::from(end.port()));
                let numbers = [ports[0], ports[1], 0, 0];
                (0, datagram.payload, datagram.cut, numbers, datagram.hop_limit, datagram.tunnel)
            }
            Carried::Tcp(segment) => {
                let ports = [segment.flow.src, segment.flow.dst].map(|end| u32::from(end.port()));
                let numbers = [ports[0], ports[1], segment.sequence, segment.acknowledged.unwrap_or(0)];
                (1, segment.payload, segment.cut, numbers, segment.hop_limit, segment.tunnel)
            }
            Carried::Fragment(piece) => {
                let numbers = [piece.id, u32::from(piece.offset), u32::from(piece.more), 0];
                (2, piece.bytes, piece.cut, numbers, piece.hop_limit, piece.tunnel)
            }
            Carried::Icmp | Carried::OtherIp(_) | Carried::NotIp(_) => return None,
        };
        let tunnel = tunnel.map(|tunnel| (tunnel.kind, tunnel.layers));
        Some(Self { kind, place: place(bytes), len: bytes.len(), cut, numbers, hop_limit, tunnel })
    }
}

impl Sketch {
    /// That of `frame`, with these headers.
    pub(crate) fn of(frame: &RawFrame<'_>, headers: Headers<'_>) -> Self {
        Self {
            number: frame.number,
            time: frame.time,
            link: frame.link,
            wire_len: frame.wire_len,
            read: Reading::of(frame),
            sums: headers.sums,
            payload_at: headers.payload.at,
            payload_len: headers.payload.len(),
            bytes: headers.sheet.into_new(),
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The frame that carries `payload`; `None` where it is not read as the one in whose place it is.
    pub(crate) fn filled(self, payload: &[u8]) -> Option<Frame> {
        let Self { number, time, link, wire_len, mut bytes, sums, payload_at, payload_len, read } = self;
        let place = bytes.get_mut(payload_at..payload_at + payload_len)?;
        if payload.len() != place.len() {
            return None;
        }
        place.copy_from_slice(payload);
        sums.iter().rev().for_each(|sum| sum.write(&mut bytes));
        let again = Reading::of(&RawFrame { time, number, link, wire_len, bytes: &bytes });
        (again == read).then_some(Frame { number, time, link, wire_len, bytes })
    }
}
