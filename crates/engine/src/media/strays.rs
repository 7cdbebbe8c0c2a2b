//! RTP that no SDP announces, in networks that a stream rule names: which of it is a telephone's audio, told by what it is.
//!
//! The rule is strict, because what looks like RTP mostly is none of ours: fifty packets of one source in a row, from an even
//! port to an even port, of a payload type that RFC 3551 gives to audio (a dynamic one means nothing without SDP), each as
//! much later in the sender's time as its predecessor was long, and the whole as fast as the clock. SRTP fails it: its packets
//! are longer than their time. So do video, STUN, DTLS and games.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc};

use earwitness_model::{Flow, PacketTime, RtpTime};
use earwitness_rules::Network;
use earwitness_wire::rtp::Packet;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::timer::Timer;

/// Sources that are watched at a time.
const MOST_SOURCES: usize = 4_096;
/// Packets in a row that make a source a telephone's.
const BELIEVED: u16 = 50;
/// How much of a source may still wait to be claimed, ns: what came before is not looked for.
const WAITING_NANOS: i64 = 2 * Timer::Unclaimed.nanos();
/// Numbers that may be missing without another source having begun.
const MOST_LOST: u16 = 50;
/// Below are ports of services, and STUN's is beside them.
const FIRST_PORT: u16 = 1_024;
const STUN_PORT: u16 = 3_478;

/// Comfort noise (RFC 3389) says nothing of how long it lasts.
const COMFORT_NOISE: u8 = 13;

/// A telephone's audio that nobody announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stray {
    /// From where to where.
    pub(crate) flow: Flow,
    /// Its first packet that may still wait.
    pub(crate) since: PacketTime,
    /// When it was found out.
    pub(crate) at: PacketTime,
}

/// What is watched.
#[derive(Debug, Default)]
pub(super) struct Strays {
    networks: Option<Arc<[Network]>>,
    sources: HashMap<(Flow, u32), Source, RandomState>,
    /// Those of which nothing came in a row yet, oldest first, among others.
    unproven: VecDeque<(Flow, u32)>,
    found: Option<Stray>,
    swept: Option<PacketTime>,
    unwatched: u64,
}

/// What is known of a source.
#[derive(Debug, Clone, Copy)]
struct Source {
    first: PacketTime,
    last: PacketTime,
    sequence: u16,
    rtp: RtpTime,
    /// How long the packet before lasts, in units of its clock; `None` where that cannot be said.
    lasts: Option<u32>,
    /// Packets in a row that came as their predecessors let expect, and since when.
    good: u16,
    run: (PacketTime, RtpTime),
    said: Option<PacketTime>,
}

impl Strays {
    /// Only what comes from or goes to one of `networks` is watched.
    pub(super) fn handle_networks(&mut self, networks: Arc<[Network]>) {
        self.networks = Some(networks).filter(|networks| !networks.is_empty());
        self.sources.clear();
        self.unproven.clear();
    }

    /// A packet that nobody claims came at `at`. It may be the one that shows what it belongs to: [`Self::take_found`].
    pub(super) fn handle_packet(&mut self, flow: &Flow, packet: &Packet<'_>, at: PacketTime) {
        self.found = self.stray(flow, packet, at);
    }

    /// Whether the last packet showed something.
    #[inline]
    pub(super) const fn has_found(&self) -> bool {
        self.found.is_some()
    }

    /// What it showed.
    pub(super) const fn take_found(&mut self) -> Option<Stray> {
        self.found.take()
    }

    fn stray(&mut self, flow: &Flow, packet: &Packet<'_>, at: PacketTime) -> Option<Stray> {
        let networks = self.networks.as_ref()?;
        let ends = [flow.src, flow.dst];
        let is_named = ends.iter().any(|end| networks.iter().any(|network| network.contains(end.ip())));
        if !is_named || !ends.iter().all(may_be_telephone) || flow.dst.ip().is_multicast() {
            return None;
        }
        let key = (*flow, packet.ssrc());
        if !self.sources.contains_key(&key) {
            if !self.make_room(at) {
                self.unwatched += 1;
                return None;
            }
            self.unproven.push_back(key);
        }
        let source = self.sources.entry(key).or_insert_with(|| Source::new(packet, at));
        source.handle_packet(packet, at);
        let is_due = source.said.is_none_or(|said| at.since(said) >= Timer::StrayAgain.nanos());
        (source.is_believed(at) && is_due).then(|| {
            source.said = Some(at);
            Stray { flow: *flow, since: source.first.max(at.plus_nanos(-WAITING_NANOS)), at }
        })
    }

    /// Packets for whose sources there was no room, and sources that gave way to others.
    pub(super) const fn unwatched(&self) -> u64 {
        self.unwatched
    }

    /// Where all places are taken, those of sources that ended are free, which is looked at from time to time; and that of the
    /// oldest of which nothing came in a row: a flood of sources of a packet each keeps no telephone out.
    fn make_room(&mut self, now: PacketTime) -> bool {
        if self.sources.len() < MOST_SOURCES {
            return true;
        }
        if self.swept.is_none_or(|swept| now.since(swept) >= Timer::StrayLook.nanos()) {
            self.swept = Some(now);
            self.sources.retain(|_, source| now.since(source.last) < source.patience().nanos());
            let sources = &self.sources;
            self.unproven.retain(|key| sources.get(key).is_some_and(Source::is_unproven));
        }
        while self.sources.len() >= MOST_SOURCES {
            let Some(oldest) = self.unproven.pop_front() else { return false };
            if self.sources.get(&oldest).is_some_and(Source::is_unproven) {
                self.sources.remove(&oldest);
                self.unwatched += 1;
            }
        }
        true
    }
}

impl Source {
    fn new(packet: &Packet<'_>, at: PacketTime) -> Self {
        let (sequence, rtp) = (packet.sequence(), packet.timestamp());
        // The first packet is handled like all others: it follows upon one that lasted for nobody knows how long.
        Self {
            first: at,
            last: at,
            sequence: sequence.wrapping_sub(1),
            rtp,
            lasts: None,
            good: 0,
            run: (at, rtp),
            said: None,
        }
    }

    /// Whether nothing came in a row.
    const fn is_unproven(&self) -> bool {
        self.good == 0
    }

    /// For how long it may say nothing where there is no room.
    const fn patience(&self) -> Timer {
        if self.good < BELIEVED { Timer::StrayLook } else { Timer::StraySource }
    }

    fn handle_packet(&mut self, packet: &Packet<'_>, at: PacketTime) {
        if at.since(self.last) >= Timer::StraySource.nanos() {
            *self = Self { said: self.said, ..Self::new(packet, at) };
        }
        let (sequence, rtp) = (packet.sequence(), packet.timestamp());
        let ahead = sequence.wrapping_sub(self.sequence);
        if ahead == 0 || ahead > u16::MAX - MOST_LOST {
            // A copy, or a late one.
            return;
        }
        let passed = rtp.since(self.rtp);
        let lasts = duration(packet.payload_type(), packet.payload());
        match (ahead, self.lasts) {
            (1, Some(expected)) if u32::try_from(passed).is_ok_and(|passed| passed == expected) => {
                self.good = self.good.saturating_add(1);
            }
            // After silence, a loss, a key or comfort noise nothing is expected.
            (1, None) if passed >= 0 => {}
            (1, Some(_)) if packet.marker() && passed > 0 => {}
            (2..=MOST_LOST, _) if passed > 0 => {}
            _ => (self.good, self.run) = (0, (at, rtp)),
        }
        if self.good == 0 {
            self.run = (at, rtp);
        }
        (self.sequence, self.rtp, self.last, self.lasts) = (sequence, rtp, at, lasts);
    }

    /// Whether there were enough of them, as fast as the clock: not twice as fast, nor half.
    fn is_believed(&self, at: PacketTime) -> bool {
        let (since, rtp) = self.run;
        let units = i64::from(self.rtp.since(rtp));
        // All types that are believed count 8,000 units a second.
        let (sent, passed) = (units * 125_000, at.since(since));
        self.good >= BELIEVED
            && passed > 0
            && sent < passed.saturating_mul(2)
            && passed < sent.saturating_mul(2)
    }
}

/// The ports that telephones take for audio (RFC 3550, 11: even ones).
fn may_be_telephone(end: &SocketAddr) -> bool {
    let port = end.port();
    port >= FIRST_PORT && port.is_multiple_of(2) && port != STUN_PORT
}

/// How long a payload lasts, in units of 1/8000 s, where its static type (RFC 3551, table 4) says; `None` for what is no
/// audio of a telephone, and for lengths that a type does not have.
fn duration(payload_type: u8, payload: &[u8]) -> Option<u32> {
    let length = u32::try_from(payload.len()).ok().filter(|length| (1..=2_000).contains(length))?;
    match payload_type {
        // G.711, and G.722, whose clock is told as half of what it is.
        0 | 8 | 9 => Some(length),
        // G.726 at 32 kbit/s.
        2 => Some(length * 2),
        // GSM: 33 bytes for 20 ms.
        3 => (length % 33 == 0).then_some(length / 33 * 160),
        // G.723.1: 24 or 20 bytes for 30 ms; a packet has frames of one kind.
        4 if length % 24 == 0 => Some(length / 24 * 240),
        4 => (length % 20 == 0).then_some(length / 20 * 240),
        // G.728: 10 bytes for 5 ms.
        15 => (length % 10 == 0).then_some(length * 4),
        // G.729: 10 bytes for 10 ms; a shorter frame at the end is of silence, and lasts for nobody knows how long.
        18 => (length % 10 == 0).then_some(length * 8),
        COMFORT_NOISE => None,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn at(ms: i64) -> PacketTime {
        PacketTime::from_nanos(ms * MS)
    }

    fn flow(src: &str, dst: &str) -> Flow {
        Flow { src: src.parse().unwrap(), dst: dst.parse().unwrap() }
    }

    fn between() -> Flow {
        flow("10.1.0.5:4000", "10.1.0.9:4002")
    }

    /// An RTP packet.
    fn bytes(payload_type: u8, sequence: u16, rtp: u32, payload: usize) -> Vec<u8> {
        let mut bytes = vec![0x80, payload_type];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(rtp.to_be_bytes());
        bytes.extend([0, 0, 0, 7]);
        bytes.resize(12 + payload, 0x55);
        bytes
    }

    fn watching(networks: &[&str]) -> Strays {
        let rules: String = networks
            .iter()
            .enumerate()
            .map(|(n, network)| {
                format!("[[streams]]\nname = \"{n}\"\nnetworks = [\"{network}\"]\nretention = \"a\"\nnotice = \"n\"\n")
            })
            .collect();
        let text =
            format!("schema = 1\n{rules}[retention.a]\nkeep = \"P1D\"\n[notice.n]\naudio = \"none\"\n");
        let source = earwitness_rules::SourceText { name: "s.toml", text: &text };
        let rules = earwitness_rules::RuleSet::load(&[source]).unwrap();
        let mut strays = Strays::default();
        strays.handle_networks(rules.stream_rules().iter().flat_map(|rule| rule.networks.clone()).collect());
        strays
    }

    /// When, in ms, packets of `length` bytes, `units` apart and `ms` apart, are believed to be somebody's voice.
    fn believed(
        strays: &mut Strays,
        flow: Flow,
        (payload_type, length): (u8, usize),
        (units, ms): (u32, i64),
    ) -> Option<i64> {
        (0..200).find_map(|n: u16| {
            let bytes = bytes(payload_type, n, u32::from(n) * units, length);
            let packet = Packet::parse(&bytes).unwrap();
            strays.stray(&flow, &packet, at(i64::from(n) * ms)).map(|stray| {
                assert_eq!((stray.flow, stray.at), (flow, at(i64::from(n) * ms)));
                assert_eq!(stray.since, at(0));
                i64::from(n) * ms
            })
        })
    }

    #[test]
    fn voices_of_every_static_type_are_believed_after_fifty_packets() {
        for (payload_type, length, units, ms) in [
            (0, 160, 160, 20),
            (8, 240, 240, 30),
            (9, 160, 160, 20),
            (18, 20, 160, 20),
            (3, 33, 160, 20),
            (4, 24, 240, 30),
            (4, 20, 240, 30),
            (2, 80, 160, 20),
            (15, 40, 160, 20),
        ] {
            let mut strays = watching(&["0.0.0.0/0"]);
            let found = believed(&mut strays, between(), (payload_type, length), (units, ms));
            assert_eq!(found, Some(50 * ms), "{payload_type}");
        }
    }

    #[test]
    fn what_is_no_voice_in_clear_is_not_believed_however_long_it_goes_on() {
        for (payload_type, length, units, ms, what) in [
            (0, 170, 160, 20, "SRTP: a tag behind the payload"),
            (111, 160, 960, 20, "a dynamic type"),
            (96, 160, 160, 20, "a dynamic type that would fit"),
            (34, 900, 3000, 33, "video"),
            (0, 160, 160, 2, "ten times as fast as it says"),
            (0, 160, 160, 200, "ten times as slow"),
            (0, 160, 0, 20, "time stands still"),
            (13, 1, 160, 20, "comfort noise alone"),
            (0, 1200, 160, 20, "too much for its time"),
        ] {
            let mut strays = watching(&["0.0.0.0/0"]);
            assert_eq!(believed(&mut strays, between(), (payload_type, length), (units, ms)), None, "{what}");
        }
    }

    #[test]
    fn ports_and_networks_count() {
        let voice = |strays: &mut Strays, flow| believed(strays, flow, (0, 160), (160, 20));
        for (src, dst, expected) in [
            ("10.1.0.5:4000", "10.1.0.9:4002", true),
            ("192.168.0.1:4000", "10.1.0.9:4002", true),
            ("10.1.0.5:4000", "192.168.0.1:4002", true),
            ("192.168.0.1:4000", "192.168.0.2:4002", false),
            ("10.1.0.5:4001", "10.1.0.9:4002", false),
            ("10.1.0.5:4000", "10.1.0.9:4003", false),
            ("10.1.0.5:4000", "10.1.0.9:3478", false),
            ("10.1.0.5:4000", "10.1.0.9:80", false),
            ("10.1.0.5:4000", "239.1.1.1:4000", false),
            ("[2001:db8::1]:4000", "[2001:db8::2]:4000", false),
        ] {
            let found = voice(&mut watching(&["10.1.0.0/16"]), flow(src, dst));
            assert_eq!(found.is_some(), expected, "{src} {dst}");
        }
        assert_eq!(voice(&mut Strays::default(), between()), None, "no rule");
    }

    #[test]
    fn losses_copies_and_silences_do_not_begin_anew_and_another_source_does() {
        let mut strays = watching(&["0.0.0.0/0"]);
        let mut found = None;
        let (mut sequence, mut rtp, mut ms) = (0u16, 0u32, 0i64);
        for n in 0..120 {
            // Every tenth packet is lost, every seventh comes twice; in the middle is a pause of two seconds.
            if n == 40 {
                (rtp, ms) = (rtp + 16_000, ms + 2_000);
            }
            let mut bytes = bytes(0, sequence, rtp, 160);
            bytes[1] |= if n == 40 { 0x80 } else { 0 };
            let packet = Packet::parse(&bytes).unwrap();
            for _ in 0..(if n % 10 == 9 {
                0
            } else if n % 7 == 0 {
                2
            } else {
                1
            }) {
                let stray = strays.stray(&between(), &packet, at(ms));
                found = found.or_else(|| stray.map(|_| n));
            }
            (sequence, rtp, ms) = (sequence + 1, rtp + 160, ms + 20);
        }
        assert!(found.is_some_and(|n| (60..80).contains(&n)), "{found:?}");
        let mut strays = watching(&["0.0.0.0/0"]);
        for n in 0..400u16 {
            // Numbers that jump after every thirty packets are many sources under one name.
            let number = n.wrapping_add(n / 30 * 1000);
            let bytes = bytes(0, number, u32::from(n) * 160, 160);
            let packet = Packet::parse(&bytes).unwrap();
            assert_eq!(strays.stray(&between(), &packet, at(i64::from(n) * 20)), None);
        }
    }

    #[test]
    fn sources_are_bounded_and_told_of_once_in_a_while() {
        let mut strays = watching(&["0.0.0.0/0"]);
        for n in 0..10_000u32 {
            let mut bytes = bytes(0, 1, 0, 160);
            bytes[8..12].copy_from_slice(&n.to_be_bytes());
            strays.stray(&between(), &Packet::parse(&bytes).unwrap(), at(0));
        }
        assert_eq!((strays.sources.len(), strays.unwatched()), (MOST_SOURCES, 10_000 - MOST_SOURCES as u64));
        let mut said = Vec::new();
        for n in 0..1_500u16 {
            let bytes = bytes(0, n, u32::from(n) * 160, 160);
            let packet = Packet::parse(&bytes).unwrap();
            let stray = strays.stray(&between(), &packet, at(10_000 + i64::from(n) * 20));
            said.extend(
                stray.map(|stray| (stray.at.since(at(10_000)) / MS, stray.at.since(stray.since) / MS)),
            );
        }
        assert_eq!(said, [(1_000, 1_000), (11_000, 4_000), (21_000, 4_000)]);
    }

    #[test]
    fn a_flood_of_forged_sources_keeps_no_telephone_out() {
        // A source says two packets, or one, and is never heard of again.
        for each in [1, 2] {
            let mut strays = watching(&["0.0.0.0/0"]);
            let (mut forged, mut found) = (1_000u32, None);
            for tick in 0..200u16 {
                let ms = i64::from(tick) * 20;
                for _ in 0..100 / each {
                    forged += 1;
                    for n in 0..each {
                        let mut bytes = bytes(0, n, u32::from(n) * 160, 160);
                        bytes[8..12].copy_from_slice(&forged.to_be_bytes());
                        strays.stray(&between(), &Packet::parse(&bytes).unwrap(), at(ms));
                    }
                }
                if tick >= 100 {
                    let bytes = bytes(0, tick, u32::from(tick) * 160, 160);
                    let stray = strays.stray(&between(), &Packet::parse(&bytes).unwrap(), at(ms));
                    found = found.or_else(|| stray.map(|_| tick));
                }
                assert!(strays.sources.len() <= MOST_SOURCES && strays.unproven.len() <= 2 * MOST_SOURCES);
            }
            assert!(strays.unwatched() > 1_000 || each == 2, "{}", strays.unwatched());
            assert_eq!(found, Some(150), "{each}");
        }
    }
}
