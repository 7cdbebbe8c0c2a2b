//! Calls that are all there at once, made as cheaply as can be: for whoever has to send a million packets a second beside
//! the recorder that is measured.
//!
//! The calls begin evenly spread, and then all of them talk, 50 packets a second each way, until the load ends in the
//! middle of all of them. Frames are copies of a template with another number, time stamp and payload; the payload is cut out
//! of one table of noise, at a place that the seed decides for each packet; UDP goes without a checksum (RFC 768). What comes
//! of it can be told without it, as for [`Load`].

use earwitness_model::{Flow, Leg, PacketTime};

use crate::{Load, Random, calls::STEPS, datagram::Datagram, rtp::Header};

/// Of a packet of 20 ms.
const PAYLOAD: usize = 160;
/// Ethernet, IPv4, UDP and RTP.
const HEADERS: usize = 14 + 20 + 8 + 12;
/// The bytes that payloads are cut out of, and a payload more.
const NOISE: usize = 1 << 16;
/// A frame every 20 ms on each leg: the places in which legs stand in turn, a millisecond each.
const PLACES: usize = 20;
/// A millisecond, in ns.
const TICK: i64 = 1_000_000;

/// A crowd.
#[derive(Debug)]
pub struct Crowd {
    load: Load,
    noise: Vec<u8>,
    /// Ticks that are over.
    ticks: u32,
    /// How many there are.
    until: u32,
    /// Of each message of a call, the call whose is next.
    steps: [u32; STEPS as usize],
    legs: Vec<Voice>,
    /// Legs that talk, by the millisecond in which they do.
    places: Vec<Vec<u32>>,
    frame: Vec<u8>,
}

/// A leg that talks.
#[derive(Debug, Clone)]
struct Voice {
    /// A frame without its payload.
    head: [u8; HEADERS],
    first_sequence: u16,
    first_timestamp: u32,
    /// Packets that were sent.
    sent: u32,
}

impl Crowd {
    /// `calls` that begin within `spread_ms`, and talk on for `hold_ms` after the last one was answered.
    #[must_use]
    pub fn new(calls: u32, (spread_ms, hold_ms): (u32, u32), seed: u64) -> Self {
        let load = Load {
            calls,
            seed,
            ring_s: 0.1,
            start_spread_s: f64::from(spread_ms) / 1e3,
            start: PacketTime::from_nanos(0),
            // Nobody hangs up.
            seconds: 1e6,
            ..Load::default()
        };
        let mut noise = vec![0; NOISE + PAYLOAD];
        Random::keyed(&[seed, 7]).fill(&mut noise);
        Self {
            noise,
            ticks: 0,
            until: spread_ms + 200 + hold_ms,
            steps: [0; STEPS as usize],
            legs: Vec::new(),
            places: vec![Vec::new(); PLACES],
            frame: Vec::with_capacity(1_500),
            load,
        }
    }

    /// How long it lasts, in ms.
    #[must_use]
    pub const fn lasts_ms(&self) -> u32 {
        self.until
    }

    /// Hands over the frames of the next millisecond, each with its time since the beginning in ns; false when there are no
    /// more milliseconds.
    pub fn advance(&mut self, visit: &mut dyn FnMut(i64, &[u8])) -> bool {
        if self.ticks >= self.until {
            return false;
        }
        let now = i64::from(self.ticks) * TICK;
        self.signal(now, visit);
        let place = self.ticks as usize % PLACES;
        let each = TICK / (self.places[place].len() as i64 + 1);
        let mut time = now;
        for leg in &self.places[place] {
            let voice = &mut self.legs[*leg as usize];
            let from = payload_at(self.load.seed, *leg, voice.sent);
            self.frame.clear();
            self.frame.extend_from_slice(voice.next_head());
            self.frame.extend_from_slice(&self.noise[from..from + PAYLOAD]);
            time += each;
            visit(time, &self.frame);
        }
        self.ticks += 1;
        true
    }

    /// The messages that are due.
    fn signal(&mut self, now: i64, visit: &mut dyn FnMut(i64, &[u8])) {
        for step in 0..STEPS {
            while self.steps[usize::from(step)] < self.load.calls {
                let call = self.steps[usize::from(step)];
                if self.load.step_time(call, step).nanos() > now {
                    break;
                }
                let (flow, message) = self.load.step(call, step);
                self.frame.clear();
                Datagram::new(flow, &message).frame_into(&mut self.frame);
                visit(now, &self.frame);
                self.steps[usize::from(step)] += 1;
                if step == ACK {
                    self.begin_to_talk(call);
                }
            }
        }
    }

    /// Both legs from the next millisecond on, at places that spread over the 20.
    fn begin_to_talk(&mut self, call: u32) {
        for leg in [Leg::Caller, Leg::Callee] {
            let number = self.legs.len() as u32;
            self.legs.push(Voice::new(&self.load, call, leg));
            self.places[number.wrapping_mul(7) as usize % PLACES].push(number);
        }
    }

    /// The Call-ID header of a call.
    #[must_use]
    pub fn sip_call_id(&self, call: u32) -> String {
        self.load.sip_call_id(call)
    }

    /// Packets of a leg that were handed over.
    #[must_use]
    pub fn sent(&self, call: u32, leg: Leg) -> u32 {
        self.legs.get(number(call, leg) as usize).map_or(0, |voice| voice.sent)
    }

    /// Their payloads, in the order of their sequence numbers.
    pub fn payloads(&self, call: u32, leg: Leg) -> impl Iterator<Item = &[u8]> {
        let number = number(call, leg);
        (0..self.sent(call, leg)).map(move |index| {
            let from = payload_at(self.load.seed, number, index);
            &self.noise[from..from + PAYLOAD]
        })
    }

    /// The SSRC of a leg.
    #[must_use]
    pub fn ssrc(&self, call: u32, leg: Leg) -> u32 {
        self.load.stream(call, leg).0
    }
}

/// The message after which both talk.
const ACK: u8 = 4;

/// Calls are answered in the order in which they begin.
fn number(call: u32, leg: Leg) -> u32 {
    call * 2 + u32::from(leg == Leg::Callee)
}

/// Where in the noise a packet's payload begins.
#[inline]
fn payload_at(seed: u64, leg: u32, index: u32) -> usize {
    Random::new(seed ^ (u64::from(leg) << 32 | u64::from(index))).bits() as usize % NOISE
}

impl Voice {
    fn new(load: &Load, call: u32, leg: Leg) -> Self {
        let (src, dst) = load.media(call, leg);
        let (ssrc, first_sequence, first_timestamp) = load.stream(call, leg);
        let rtp = Header { payload_type: 8, marker: false, sequence: 0, timestamp: 0, ssrc };
        let packet = rtp.packet(&[0; PAYLOAD]);
        let frame = Datagram::new(Flow { src, dst }, &packet).frame();
        let mut head = *frame.first_chunk().expect("a frame with a payload is longer than its headers");
        // No checksum.
        head[40..42].fill(0);
        Self { head, first_sequence, first_timestamp, sent: 0 }
    }

    /// The headers of the next packet.
    #[inline]
    fn next_head(&mut self) -> &[u8; HEADERS] {
        let sequence = self.first_sequence.wrapping_add(self.sent as u16);
        let timestamp = self.first_timestamp.wrapping_add(self.sent.wrapping_mul(PAYLOAD as u32));
        self.head[44..46].copy_from_slice(&sequence.to_be_bytes());
        self.head[46..50].copy_from_slice(&timestamp.to_be_bytes());
        self.sent += 1;
        &self.head
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_crowd_sends_what_it_says_it_sent_in_the_order_of_time() {
        let mut crowd = Crowd::new(30, (300, 1_000), 5);
        let mut streams: HashMap<u32, Vec<u8>> = HashMap::new();
        let (mut last, mut messages) = (0, 0);
        while crowd.advance(&mut |time, frame| {
            assert!(time >= last, "{time} after {last}");
            last = time;
            if frame.len() == HEADERS + PAYLOAD {
                let ssrc = u32::from_be_bytes(frame[50..54].try_into().unwrap());
                streams.entry(ssrc).or_default().extend(&frame[54..]);
            } else {
                messages += 1;
            }
        }) {}
        assert_eq!((messages, streams.len(), crowd.lasts_ms()), (30 * 5, 60, 1_500));
        assert!(last < 1_500_000_000);
        for call in 0..30 {
            for leg in [Leg::Caller, Leg::Callee] {
                let sent = crowd.sent(call, leg);
                assert!((48..80).contains(&sent), "{sent} packets in a second or a little more");
                let promised: Vec<u8> = crowd.payloads(call, leg).flatten().copied().collect();
                assert_eq!(promised.len(), sent as usize * PAYLOAD);
                assert!(streams[&crowd.ssrc(call, leg)] == promised, "leg {leg:?} of call {call}");
            }
        }
    }

    #[test]
    fn the_headers_of_a_crowd_hold() {
        let mut crowd = Crowd::new(1, (0, 200), 1);
        let mut packets = Vec::new();
        while crowd.advance(&mut |_, frame| {
            packets.extend((frame.len() == HEADERS + PAYLOAD).then(|| frame.to_vec()))
        }) {}
        assert_eq!(
            crate::datagram::fold(crate::datagram::sum(&packets[0][14..34])),
            0,
            "IPv4 header checksum"
        );
        let sequence = |packet: &[u8]| u16::from_be_bytes([packet[44], packet[45]]);
        let of_one: Vec<u16> = packets
            .iter()
            .filter(|packet| packet[50..54] == crowd.ssrc(0, Leg::Callee).to_be_bytes())
            .map(|packet| sequence(packet))
            .collect();
        assert!(of_one.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)) && of_one.len() >= 10);
    }
}
