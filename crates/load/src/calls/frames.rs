//! The capture of a load as a stream: memory for one cursor per call and lane, whatever the length.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, binary_heap::PeekMut},
};

use earwitness_model::{Codec, Flow, Leg, PacketTime};

use super::{
    Load, SipCarrier,
    signalling::{STEPS, is_in_two},
};
use crate::{
    Frame,
    datagram::Datagram,
    rtp::Header,
    segment::{ACK, PSH, Segment},
};

/// What a cursor walks along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Signalling,
    Caller,
    Callee,
}

/// The next frame of one lane of one call. Ordered by time, then by call and lane, so that the order is total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cursor {
    time: PacketTime,
    call: u32,
    lane: Lane,
    /// The message or the slot.
    step: u32,
}

/// What does not change from packet to packet of a leg.
#[derive(Debug, Clone, Copy)]
struct Stream {
    flow: Flow,
    ssrc: u32,
    first_sequence: u16,
    first_timestamp: u32,
}

/// The frames of a [`Load`] in the order of time.
#[derive(Debug)]
pub struct Frames {
    load: Load,
    packets_per_leg: u32,
    /// Of calls that have begun.
    cursors: BinaryHeap<Reverse<Cursor>>,
    /// The first call that has not.
    next_call: u32,
    /// Both legs of each call that has begun.
    streams: Vec<[Stream; 2]>,
    /// Of each direction of a connection, the number of its next byte.
    sequences: HashMap<Flow, u32>,
    /// The second segment of the last message.
    rest: Option<Vec<u8>>,
    packet: Vec<u8>,
    last: Frame,
    /// Whether `last` is due once more.
    again: bool,
}

impl Frames {
    pub(super) fn new(load: Load) -> Self {
        Self {
            packets_per_leg: if load.rtp { load.packets_per_leg() } else { 0 },
            cursors: BinaryHeap::new(),
            next_call: 0,
            streams: Vec::new(),
            sequences: HashMap::new(),
            rest: None,
            packet: Vec::new(),
            last: Frame { time: load.start, bytes: Vec::new() },
            again: false,
            load,
        }
    }

    /// The next frame, lent until the next call: for writers that copy it anyway.
    pub fn advance(&mut self) -> Option<&Frame> {
        if std::mem::take(&mut self.again) {
            return Some(&self.last);
        }
        if let Some(rest) = self.rest.take() {
            self.last.bytes = rest;
            self.again = self.load.duplicate;
            return Some(&self.last);
        }
        loop {
            self.admit();
            let Reverse(cursor) = *self.cursors.peek()?;
            let made = self.make(cursor);
            self.move_on(cursor);
            if made {
                self.last.time = cursor.time;
                self.again = self.load.duplicate;
                return Some(&self.last);
            }
        }
    }

    /// Lets calls begin whose first frame is due before every other one.
    fn admit(&mut self) {
        while self.next_call < self.load.calls {
            let call = self.next_call;
            let time = self.load.call_start(call);
            if self.cursors.peek().is_some_and(|Reverse(first)| first.time < time) {
                return;
            }
            self.cursors.push(Reverse(Cursor { time, call, lane: Lane::Signalling, step: 0 }));
            let answer = self.load.answer(call);
            for (lane, leg) in [(Lane::Caller, Leg::Caller), (Lane::Callee, Leg::Callee)] {
                if self.packets_per_leg > 0 {
                    let time = self.load.slot_time(call, leg, answer, 0);
                    self.cursors.push(Reverse(Cursor { time, call, lane, step: 0 }));
                }
            }
            self.streams.push([self.stream(call, Leg::Caller), self.stream(call, Leg::Callee)]);
            self.next_call += 1;
        }
    }

    fn stream(&self, call: u32, leg: Leg) -> Stream {
        let (ssrc, first_sequence, first_timestamp) = self.load.stream(call, leg);
        let (src, dst) = self.load.media(call, leg);
        Stream { flow: Flow { src, dst }, ssrc, first_sequence, first_timestamp }
    }

    /// Makes `last` the frame of `cursor`, unless it is lost.
    fn make(&mut self, cursor: Cursor) -> bool {
        let vlan = self.load.vlan.map(|vlan| [vlan]);
        let vlans = vlan.as_ref().map_or(&[][..], |vlan| &vlan[..]);
        let leg = match cursor.lane {
            Lane::Signalling => {
                let (flow, message) = self.load.step(cursor.call, cursor.step as u8);
                match self.load.carrier {
                    SipCarrier::Udp => {
                        self.last.bytes.clear();
                        Datagram { vlans, ..Datagram::new(flow, &message) }.frame_into(&mut self.last.bytes);
                    }
                    SipCarrier::Tcp => self.send(vlans, flow, &message, is_in_two(cursor.step as u8)),
                }
                return true;
            }
            Lane::Caller => Leg::Caller,
            Lane::Callee => Leg::Callee,
        };
        let index = self.load.index_in_slot(cursor.call, leg, cursor.step);
        if self.load.is_lost(cursor.call, leg, index) {
            return false;
        }
        let stream = &self.streams[cursor.call as usize][usize::from(leg == Leg::Callee)];
        let length = self.load.payload_length();
        let header = Header {
            payload_type: if self.load.codec == Codec::Pcma { 8 } else { 0 },
            marker: index == 0,
            sequence: stream.first_sequence.wrapping_add(index as u16),
            timestamp: stream.first_timestamp.wrapping_add(index.wrapping_mul(length as u32)),
            ssrc: stream.ssrc,
        };
        self.packet.resize(12 + length, 0);
        let (head, payload) = self.packet.split_at_mut(12);
        head.copy_from_slice(&header.bytes());
        self.load.payload_into(cursor.call, leg, index, payload);
        self.last.bytes.clear();
        Datagram { vlans, ..Datagram::new(stream.flow, &self.packet) }.frame_into(&mut self.last.bytes);
        true
    }

    /// Makes `last` the segment of a message, and `rest` another where it is in two.
    fn send(&mut self, vlans: &[u16], flow: Flow, message: &[u8], in_two: bool) {
        let acknowledged = self.sequences.get(&flow.reversed()).copied().unwrap_or(1);
        let sequence = self.sequences.entry(flow).or_insert(1);
        let mut segment = |payload: &[u8]| {
            let segment =
                Segment { flow, vlans, sequence: *sequence, acknowledged, flags: PSH | ACK, payload };
            *sequence = sequence.wrapping_add(payload.len() as u32);
            segment.frame()
        };
        let (first, second) = message.split_at(if in_two { message.len() / 2 } else { message.len() });
        self.last.bytes = segment(first);
        self.rest = in_two.then(|| segment(second));
    }

    /// Puts the first cursor where its lane goes on, or takes it away.
    fn move_on(&mut self, cursor: Cursor) {
        let step = cursor.step + 1;
        let (end, time) = match cursor.lane {
            Lane::Signalling => (u32::from(STEPS), self.load.step_time(cursor.call, step as u8)),
            Lane::Caller => (self.packets_per_leg, self.slot(cursor.call, Leg::Caller, step)),
            Lane::Callee => (self.packets_per_leg, self.slot(cursor.call, Leg::Callee, step)),
        };
        let Some(mut first) = self.cursors.peek_mut() else { return };
        if step < end {
            *first = Reverse(Cursor { time, step, ..cursor });
        } else {
            PeekMut::pop(first);
        }
    }

    fn slot(&self, call: u32, leg: Leg, slot: u32) -> PacketTime {
        self.load.slot_time(call, leg, self.load.answer(call), slot)
    }
}

impl Iterator for Frames {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        self.advance().cloned()
    }
}
