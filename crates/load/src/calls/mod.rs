//! Ordinary calls by the thousand, and the truth about them.
//!
//! Each call is INVITE, 100, 180, 200, ACK, audio both ways, BYE, 200, between a gateway and a telephone system. What
//! happens to packet `index` of a leg of a call (its payload, its jitter, whether it is lost or swapped) is a function of
//! the seed and these three numbers, so the frames can stream and the truth can be told without them.

mod frames;
mod signalling;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use earwitness_model::{Codec, Leg, PacketTime};

pub use self::frames::Frames;
pub(crate) use self::signalling::STEPS;
use crate::{MORNING, Random};

/// What to generate. Times are those of the capture; one `Load` is one capture.
#[derive(Debug, Clone)]
pub struct Load {
    /// How many calls; at most 5 million get media ports of their own.
    pub calls: u32,
    /// From the answer to the BYE.
    pub seconds: f64,
    /// Decides everything that is not decided here.
    pub seed: u64,
    /// How many of 100 packets the capture never sees; never the first or the last of a stream.
    pub loss_percent: f64,
    /// How many of 100 packets come after their successor, at most 50; not the first two of a stream.
    pub reorder_percent: f64,
    /// Packets come up to so many ms late, but below `ptime_ms`, so that jitter alone reorders nothing.
    pub jitter_ms: u32,
    /// Every frame, signalling too, comes twice, back to back: a mirror of both directions of a port.
    pub duplicate: bool,
    /// The VLAN tag of every frame.
    pub vlan: Option<u16>,
    /// [`Codec::Pcma`], or [`Codec::Pcmu`] for anything else.
    pub codec: Codec,
    /// The calls begin evenly spread over so many seconds.
    pub start_spread_s: f64,
    /// Packet length.
    pub ptime_ms: u32,
    /// From the INVITE to the answer.
    pub ring_s: f64,
    /// What carries the messages.
    pub carrier: SipCarrier,
    /// Whether there is audio, or signalling only.
    pub rtp: bool,
    /// When the first call begins.
    pub start: PacketTime,
    /// How many extensions are called in turn, from 4001 on.
    pub extensions: u32,
}

impl Default for Load {
    /// 100 calls of 30 s within 10 s, PCMA, nothing lost.
    fn default() -> Self {
        Self {
            calls: 100,
            seconds: 30.0,
            seed: 1,
            loss_percent: 0.0,
            reorder_percent: 0.0,
            jitter_ms: 0,
            duplicate: false,
            vlan: None,
            codec: Codec::Pcma,
            start_spread_s: 10.0,
            ptime_ms: 20,
            ring_s: 1.0,
            carrier: SipCarrier::Udp,
            rtp: true,
            start: MORNING,
            extensions: 20,
        }
    }
}

/// What carries SIP in a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SipCarrier {
    /// A message in each datagram.
    Udp,
    /// One connection between the two ends of each pair of addresses, open since before the capture; every third message is
    /// in two segments.
    Tcp,
}

/// What a recorder should find.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// In order of their beginning.
    pub calls: Vec<CallTruth>,
    /// Frames in the capture.
    pub frames: u64,
}

/// What a recorder should find of one call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallTruth {
    /// The Call-ID header.
    pub sip_call_id: String,
    /// The user part of From.
    pub from: String,
    /// The user part of To.
    pub to: String,
    /// The INVITE's time.
    pub start: PacketTime,
    /// The time of the 200 to the INVITE.
    pub answer: PacketTime,
    /// The BYE's time; the caller sends it in every other call, beginning with the first.
    pub end: PacketTime,
    /// Caller's, then callee's; none without audio.
    pub directions: Vec<DirectionTruth>,
}

/// What a recorder should find of one leg.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectionTruth {
    /// Whose voice.
    pub leg: Leg,
    /// From where.
    pub src: SocketAddr,
    /// To where.
    pub dst: SocketAddr,
    /// The SSRC; never 0.
    pub ssrc: u32,
    /// The sequence number of the packet with index 0.
    pub first_sequence: u16,
    /// Indices sent, lost ones included: 0 to this, excluded.
    pub indices: u32,
    /// Unique packets in the capture.
    pub packets: u64,
    /// Packets that are not.
    pub lost: u64,
    /// Packets that are there once more.
    pub duplicates: u64,
    /// Packets (not counting their duplicates) that come after their successor.
    pub reordered: u64,
    /// Payload bytes of the unique packets.
    pub payload_bytes: u64,
}

/// Calls whose media ports are on one pair of addresses.
const CALLS_PER_ADDRESS: u32 = 20_000;
/// The first media port.
const FIRST_PORT: u16 = 10_000;
/// The two ends are silent so long after the answer and before the BYE.
const GUARD_NANOS: i64 = 40_000_000;

/// What is chosen at random for each call and leg: the domain of its random stream.
#[derive(Debug, Clone, Copy)]
enum Choice {
    Number = 1,
    Stream = 2,
    Payload = 3,
    Loss = 4,
    Swap = 5,
    Jitter = 6,
}

impl Load {
    /// The capture, in the order of time.
    #[must_use]
    pub fn frames(&self) -> Frames {
        Frames::new(self.clone())
    }

    /// What the capture holds.
    #[must_use]
    pub fn truth(&self) -> Truth {
        let calls: Vec<_> = (0..self.calls).map(|call| self.call_truth(call)).collect();
        let media: u64 = calls.iter().flat_map(|call| &call.directions).map(|leg| leg.packets).sum();
        let segments: u64 = match self.carrier {
            SipCarrier::Udp => 0,
            SipCarrier::Tcp => u64::from(self.calls) * signalling::IN_TWO,
        };
        let once = media + u64::from(self.calls) * u64::from(STEPS) + segments;
        Truth { calls, frames: if self.duplicate { once * 2 } else { once } }
    }

    /// The payload of a packet of 20 ms, or the first 160 bytes of a longer one: random bytes, not audio.
    #[must_use]
    pub fn payload(&self, call: u32, leg: Leg, index: u32) -> [u8; 160] {
        let mut payload = [0; 160];
        self.payload_into(call, leg, index, &mut payload);
        payload
    }

    /// Fills `payload`, which has the length that [`Load::payload_length`] says, with that packet's.
    pub fn payload_into(&self, call: u32, leg: Leg, index: u32, payload: &mut [u8]) {
        self.random(Choice::Payload, call, leg, index).fill(payload);
    }

    /// What a leg's payload hash is taken over: the payloads of the packets in the capture, in order of sequence.
    #[must_use]
    pub fn leg_payload(&self, call: u32, leg: Leg) -> Vec<u8> {
        let mut packet = vec![0; self.payload_length()];
        let mut all = Vec::new();
        for index in self.sent(call, leg) {
            self.payload_into(call, leg, index, &mut packet);
            all.extend_from_slice(&packet);
        }
        all
    }

    /// Bytes in a packet: 8 per ms.
    #[must_use]
    pub const fn payload_length(&self) -> usize {
        self.ptime_ms as usize * 8
    }

    /// The indices of a leg's packets that are in the capture, in order of sequence, not of arrival.
    pub fn sent(&self, call: u32, leg: Leg) -> impl Iterator<Item = u32> {
        (0..self.packets_per_leg()).filter(move |index| !self.is_lost(call, leg, *index))
    }

    fn call_truth(&self, call: u32) -> CallTruth {
        let legs: &[Leg] = if self.rtp { &[Leg::Caller, Leg::Callee] } else { &[] };
        CallTruth {
            sip_call_id: self.sip_call_id(call),
            from: self.caller_number(call),
            to: self.callee_number(call),
            start: self.call_start(call),
            answer: self.answer(call),
            end: self.end(call),
            directions: legs.iter().map(|leg| self.direction_truth(call, *leg)).collect(),
        }
    }

    fn direction_truth(&self, call: u32, leg: Leg) -> DirectionTruth {
        let indices = self.packets_per_leg();
        let packets =
            if self.loss_percent > 0.0 { self.sent(call, leg).count() as u64 } else { u64::from(indices) };
        let swaps = if self.reorder_percent > 0.0 {
            (0..indices / 2).filter(|pair| self.is_swapped(call, leg, *pair)).count() as u64
        } else {
            0
        };
        let (ssrc, first_sequence, _) = self.stream(call, leg);
        let (src, dst) = self.media(call, leg);
        DirectionTruth {
            leg,
            src,
            dst,
            ssrc,
            first_sequence,
            indices,
            packets,
            lost: u64::from(indices) - packets,
            duplicates: if self.duplicate { packets } else { 0 },
            reordered: swaps,
            payload_bytes: packets * self.payload_length() as u64,
        }
    }

    #[inline]
    fn random(&self, choice: Choice, call: u32, leg: Leg, index: u32) -> Random {
        let leg = u64::from(leg == Leg::Callee);
        let place = u64::from(call) << 32 | u64::from(index);
        Random::keyed(&[self.seed << 8 | (choice as u64) << 1 | leg, place])
    }

    fn caller_number(&self, call: u32) -> String {
        let number = self.random(Choice::Number, call, Leg::Caller, 0).below(90_000_000) + 10_000_000;
        format!("010{number}")
    }

    fn callee_number(&self, call: u32) -> String {
        (4001 + call % self.extensions.max(1)).to_string()
    }

    pub(crate) fn sip_call_id(&self, call: u32) -> String {
        format!("{:x}-{call:x}@{}", self.seed, self.address(call, Leg::Caller))
    }

    fn address(&self, call: u32, leg: Leg) -> IpAddr {
        let [.., high, low] = (call / CALLS_PER_ADDRESS).to_be_bytes();
        match leg {
            Leg::Caller => Ipv4Addr::new(10, 1 + high, low, 5),
            Leg::Callee => Ipv4Addr::new(10, 129 + high, low, 9),
        }
        .into()
    }

    /// From where to where a leg's audio goes.
    pub(crate) fn media(&self, call: u32, leg: Leg) -> (SocketAddr, SocketAddr) {
        let port = FIRST_PORT + (call % CALLS_PER_ADDRESS) as u16 * 2;
        let caller = SocketAddr::new(self.address(call, Leg::Caller), port);
        let callee = SocketAddr::new(self.address(call, Leg::Callee), port);
        match leg {
            Leg::Caller => (caller, callee),
            Leg::Callee => (callee, caller),
        }
    }

    /// SSRC, first sequence number, first timestamp.
    pub(crate) fn stream(&self, call: u32, leg: Leg) -> (u32, u16, u32) {
        let mut random = self.random(Choice::Stream, call, leg, 0);
        let ssrc = random.bits() as u32;
        (ssrc.max(1), random.bits() as u16, random.bits() as u32)
    }

    fn call_start(&self, call: u32) -> PacketTime {
        let step = self.start_spread_s * 1e9 / f64::from(self.calls.max(1));
        self.start.plus_nanos((step * f64::from(call)) as i64)
    }

    fn answer(&self, call: u32) -> PacketTime {
        // The 180 comes 60 ms after the INVITE: no answer comes before it.
        self.call_start(call).plus_nanos(((self.ring_s * 1e9) as i64).max(100_000_000))
    }

    fn end(&self, call: u32) -> PacketTime {
        self.answer(call).plus_nanos(((self.seconds * 1e9) as i64).max(2 * GUARD_NANOS))
    }

    fn packets_per_leg(&self) -> u32 {
        let talk = ((self.seconds * 1e9) as i64).max(2 * GUARD_NANOS) - 2 * GUARD_NANOS;
        u32::try_from(talk / self.slot_nanos()).unwrap_or(u32::MAX)
    }

    fn slot_nanos(&self) -> i64 {
        i64::from(self.ptime_ms.max(1)) * 1_000_000
    }

    /// When the packet of a slot passes: the slots of calls and legs lie at different phases.
    #[inline]
    fn slot_time(&self, call: u32, leg: Leg, answer: PacketTime, slot: u32) -> PacketTime {
        let phase = i64::from(call.wrapping_mul(2_654_435_761) >> 13)
            + if leg == Leg::Callee { 7_000_003 } else { 0 };
        let on_time = GUARD_NANOS + phase % self.slot_nanos().min(GUARD_NANOS / 2);
        let late = if self.jitter_ms == 0 {
            0
        } else {
            let most = (i64::from(self.jitter_ms) * 1_000_000).min(self.slot_nanos() - 1);
            self.random(Choice::Jitter, call, leg, slot).below(most as u64) as i64
        };
        answer.plus_nanos(on_time + i64::from(slot) * self.slot_nanos() + late)
    }

    #[inline]
    fn is_lost(&self, call: u32, leg: Leg, index: u32) -> bool {
        self.loss_percent > 0.0
            && index > 0
            && index + 1 < self.packets_per_leg()
            && self.random(Choice::Loss, call, leg, index).happens(self.loss_percent)
    }

    /// Whether packets 2 × `pair` and the one after it change places.
    #[inline]
    fn is_swapped(&self, call: u32, leg: Leg, pair: u32) -> bool {
        let (first, second) = (pair * 2, pair * 2 + 1);
        self.reorder_percent > 0.0
            && pair > 0
            && second < self.packets_per_leg()
            && self.random(Choice::Swap, call, leg, pair).happens(self.reorder_percent * 2.0)
            && !self.is_lost(call, leg, first)
            && !self.is_lost(call, leg, second)
    }

    /// Which packet passes in a slot.
    #[inline]
    fn index_in_slot(&self, call: u32, leg: Leg, slot: u32) -> u32 {
        if self.is_swapped(call, leg, slot / 2) { slot ^ 1 } else { slot }
    }
}
