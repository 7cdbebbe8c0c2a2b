//! Calls in their steady state, without end and without the memory of it.
//!
//! Half a second of the audio of all calls is made once. Each turn moves its times, sequence numbers and RTP timestamps
//! on by half a second, so that an engine sees calls that go on for as long as somebody measures.

use earwitness_load::{Frame, Load};
use earwitness_model::{LinkType, PacketTime, RawFrame};

/// One turn.
pub const TURN_NANOS: i64 = 500_000_000;
/// Packets of a leg in one turn, of 20 ms each.
pub const PACKETS_PER_LEG: u16 = 25;
/// Payload bytes of each packet.
pub const PAYLOAD: usize = 160;

/// Where RTP begins: Ethernet, IPv4, UDP.
const RTP: usize = 14 + 20 + 8;
/// A whole frame.
const FRAME: usize = RTP + 12 + PAYLOAD;
/// All calls begin within so many seconds.
const SPREAD_S: f64 = 0.02;

/// The frames of `calls` calls that talk.
pub struct Treadmill {
    /// What comes before the first turn: the signalling, and the first packets.
    pub opening: Vec<Frame>,
    calls: u32,
    times: Vec<PacketTime>,
    /// One frame of [`FRAME`] bytes behind the other.
    bytes: Vec<u8>,
    number: u64,
}

impl Treadmill {
    /// `calls` calls, up to 50,000 and more, in the middle of their talk.
    #[must_use]
    pub fn new(calls: u32) -> Self {
        let load =
            Load { calls, seconds: 86_400.0, start_spread_s: SPREAD_S, ring_s: 1.0, ..Load::default() };
        let from = load.start.plus_nanos(1_200_000_000);
        let to = from.plus_nanos(TURN_NANOS);
        let mut made = Self { opening: Vec::new(), calls, times: Vec::new(), bytes: Vec::new(), number: 0 };
        let mut frames = load.frames();
        while let Some(frame) = frames.advance().filter(|frame| frame.time < to) {
            if frame.time < from {
                made.opening.push(frame.clone());
            } else {
                assert_eq!(frame.bytes.len(), FRAME, "nothing but audio in the steady state");
                made.times.push(frame.time);
                made.bytes.extend_from_slice(&frame.bytes);
            }
        }
        made.number = made.opening.len() as u64;
        assert_eq!(made.packets(), u64::from(calls) * 2 * u64::from(PACKETS_PER_LEG));
        made
    }

    /// Frames of a turn, each with a packet.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.times.len() as u64
    }

    /// Payload bytes of a turn.
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        self.packets() * PAYLOAD as u64
    }

    /// How many calls talk.
    #[must_use]
    pub const fn calls(&self) -> u32 {
        self.calls
    }

    /// The frames of this turn, in the order of time.
    pub fn frames(&self) -> impl Iterator<Item = RawFrame<'_>> {
        let numbers = self.number + 1..;
        let frames = self.bytes.as_chunks::<FRAME>().0;
        self.times.iter().zip(frames).zip(numbers).map(|((&time, bytes), number)| RawFrame {
            time,
            number,
            link: LinkType::Ethernet,
            wire_len: FRAME as u32,
            bytes,
        })
    }

    /// Goes on to the next turn.
    pub fn turn(&mut self) {
        self.number += self.packets();
        self.times.iter_mut().for_each(|time| *time = time.plus_nanos(TURN_NANOS));
        for frame in self.bytes.as_chunks_mut::<FRAME>().0 {
            let sequence = u16::from_be_bytes([frame[RTP + 2], frame[RTP + 3]]);
            let moved = sequence.wrapping_add(PACKETS_PER_LEG);
            frame[RTP + 2..RTP + 4].copy_from_slice(&moved.to_be_bytes());
            let stamp = [frame[RTP + 4], frame[RTP + 5], frame[RTP + 6], frame[RTP + 7]];
            let step = u32::from(PACKETS_PER_LEG) * PAYLOAD as u32;
            let moved = u32::from_be_bytes(stamp).wrapping_add(step);
            frame[RTP + 4..RTP + 8].copy_from_slice(&moved.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use earwitness_wire::{Carried, decode, rtp};

    use super::*;

    /// Time, source port, sequence number, RTP time of every frame.
    fn seen(treadmill: &Treadmill) -> Vec<(i64, u16, u16, u32)> {
        treadmill
            .frames()
            .map(|frame| {
                let Ok(Carried::Udp(datagram)) = decode(&frame) else { panic!("a datagram") };
                let packet = rtp::Packet::parse(datagram.payload).unwrap();
                assert_eq!(packet.payload().len(), PAYLOAD);
                (frame.time.nanos(), datagram.flow.src.port(), packet.sequence(), packet.timestamp().0)
            })
            .collect()
    }

    #[test]
    fn the_next_turn_goes_on_where_this_one_ends() {
        let mut treadmill = Treadmill::new(3);
        let first = seen(&treadmill);
        treadmill.turn();
        let second = seen(&treadmill);
        assert_eq!(first.len(), 150);
        assert!(first.is_sorted_by_key(|frame| frame.0));
        assert!(first.last().unwrap().0 < second[0].0);
        for (before, after) in first.iter().zip(&second) {
            let moved =
                (before.0 + TURN_NANOS, before.1, before.2.wrapping_add(25), before.3.wrapping_add(4000));
            assert_eq!(*after, moved);
        }
    }

    #[test]
    fn all_calls_are_up_before_the_first_turn() {
        let treadmill = Treadmill::new(5);
        let answers = treadmill.opening.iter().filter(|frame| frame.bytes[RTP..].starts_with(b"ACK")).count();
        assert_eq!(answers, 5);
    }
}
