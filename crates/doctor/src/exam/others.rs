//! Telephones and gateways that speak something else than SIP: recognised by port and content, counted, and not read.
//!
//! A port alone proves nothing (2000 and 5000 are everybody's); what comes at it must also begin as the protocol's messages do.

use earwitness_model::Flow;

use super::Sight;
use crate::{Code, Evidence, Finding, Severity, bounded::Bounded, report::Examples};

/// Pairs of machines that are counted of each protocol.
const MOST_PAIRS: usize = 1_024;
/// Messages from which on a protocol is believed.
const BELIEVED: u64 = 3;

/// A protocol of telephones that is no SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tongue {
    Sccp,
    H323,
    Mgcp,
    Iax2,
    Unistim,
    Megaco,
}

impl Tongue {
    const ALL: [Self; 6] = [Self::Sccp, Self::H323, Self::Mgcp, Self::Iax2, Self::Unistim, Self::Megaco];

    const fn code(self) -> Code {
        match self {
            Self::Sccp => Code::SignallingSccp,
            Self::H323 => Code::SignallingH323,
            Self::Mgcp => Code::SignallingMgcp,
            Self::Iax2 => Code::SignallingIax2,
            Self::Unistim => Code::SignallingUnistim,
            Self::Megaco => Code::SignallingMegaco,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Sccp => "SCCP (Skinny)",
            Self::H323 => "H.323",
            Self::Mgcp => "MGCP",
            Self::Iax2 => "IAX2",
            Self::Unistim => "UNIStim",
            Self::Megaco => "Megaco (H.248)",
        }
    }

    fn of_datagram(flow: Flow, payload: &[u8]) -> Option<Self> {
        match port_of(flow, &[4569, 2427, 2727, 1718, 1719, 2944, 4100, 5000, 5100])? {
            4569 => is_iax2(payload).then_some(Self::Iax2),
            2427 | 2727 => is_mgcp(payload).then_some(Self::Mgcp),
            1718 | 1719 => has_h225_version(payload).then_some(Self::H323),
            2944 => is_megaco(payload).then_some(Self::Megaco),
            _ => is_unistim(payload).then_some(Self::Unistim),
        }
    }

    fn of_segment(flow: Flow, payload: &[u8]) -> Option<Self> {
        match port_of(flow, &[2000, 1720, 2944])? {
            2000 => is_sccp(payload).then_some(Self::Sccp),
            1720 => is_q931(payload).then_some(Self::H323),
            // Over TCP its messages stand in TPKT.
            _ => is_megaco(payload.get(4..)?).then_some(Self::Megaco),
        }
    }
}

/// The first of `ports` that one of the ends has.
fn port_of(flow: Flow, ports: &[u16]) -> Option<u16> {
    ports.iter().copied().find(|port| flow.dst.port() == *port || flow.src.port() == *port)
}

/// Length and version, little-endian, and one of the message numbers: stations' up to 0x015d, some of gateways from 0x8000 on.
fn is_sccp(payload: &[u8]) -> bool {
    let Some(&[l0, l1, l2, l3, v0, v1, v2, v3, m0, m1, m2, m3]) = payload.first_chunk() else { return false };
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    let version = u32::from_le_bytes([v0, v1, v2, v3]);
    let number = u32::from_le_bytes([m0, m1, m2, m3]);
    (4..=4_096).contains(&length) && version <= 0x20 && matches!(number, 0..=0x0200 | 0x8000..=0x8200)
}

/// TPKT (RFC 1006, 6) around Q.931's call control (H.225.0, 7.2): a call reference of two octets, and a message type.
fn is_q931(payload: &[u8]) -> bool {
    let &[3, 0, l0, l1, 8, 2, _, _, kind, ..] = payload else { return false };
    u16::from_be_bytes([l0, l1]) >= 9
        && matches!(
            kind,
            0x01 | 0x02 | 0x03 | 0x05 | 0x07 | 0x0d | 0x0f | 0x45 | 0x4d | 0x5a | 0x62 | 0x6e | 0x7b | 0x7d
        )
}

/// The object identifier { itu-t recommendation h 2250 version … }, which opens gatekeeper and registration requests.
fn has_h225_version(payload: &[u8]) -> bool {
    payload
        .iter()
        .take(64)
        .zip(payload.windows(5))
        .any(|(_, part)| matches!(part, [0x00, 0x08, 0x91, 0x4a, 0x00]))
}

/// A verb with its number (RFC 3435, 3.2.1) and the protocol's name, or a response: a code and a number.
fn is_mgcp(payload: &[u8]) -> bool {
    let line = payload.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(first), Some(second)) = (words.next(), words.next()) else { return false };
    let is_number =
        |word: &[u8], most: usize| (1..=most).contains(&word.len()) && word.iter().all(u8::is_ascii_digit);
    let is_request = first.len() == 4
        && first.iter().all(u8::is_ascii_alphabetic)
        && words.any(|word| word.eq_ignore_ascii_case(b"MGCP"));
    is_number(second, 9) && (is_request || first.len() == 3 && is_number(first, 3))
}

/// A full frame (RFC 5456, 8.1.1) that carries IAX's own control, or its voice.
fn is_iax2(payload: &[u8]) -> bool {
    let Some(&[s0, s1, _, _, _, _, _, _, _, _, kind, subclass]) = payload.first_chunk() else { return false };
    let source = u16::from_be_bytes([s0 & 0x7f, s1]);
    s0 & 0x80 != 0 && source != 0 && kind == 6 && (1..=0x28).contains(&subclass)
}

/// A number that begins at 0 or is none, an acknowledgement or a payload, and who sends it.
fn is_unistim(payload: &[u8]) -> bool {
    match *payload {
        [0, 0, _, _, 1, 1 | 2] => true,
        [0, 0, _, _, 2, 1 | 2, ..] | [0xff, 0xff, 0xff, 0xff, 2, 1 | 2, ..] => payload.len() > 6,
        _ => false,
    }
}

/// The text encoding (H.248.1, annex B), long or short.
fn is_megaco(payload: &[u8]) -> bool {
    payload.starts_with(b"MEGACO/")
        || payload.starts_with(b"!/1 ")
        || payload.starts_with(b"!/2 ")
        || payload.starts_with(b"!/3 ")
}

/// What of one protocol was seen.
#[derive(Debug)]
struct Heard {
    messages: u64,
    pairs: Bounded<Flow, u64>,
    examples: Examples,
}

/// Other signalling, by protocol.
#[derive(Debug)]
pub(crate) struct Others {
    heard: [Heard; Tongue::ALL.len()],
}

/// Whether a payload was signalling of another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Other {
    Yes,
    No,
}

impl Others {
    pub(crate) fn new() -> Self {
        let heard = |_| Heard { messages: 0, pairs: Bounded::new(MOST_PAIRS), examples: Examples::default() };
        Self { heard: Tongue::ALL.map(heard) }
    }

    /// Takes the payload of a datagram.
    pub(crate) fn handle_datagram(&mut self, flow: Flow, payload: &[u8], at: Sight) -> Other {
        self.count(Tongue::of_datagram(flow, payload), flow, at)
    }

    /// Takes the payload of a segment.
    pub(crate) fn handle_segment(&mut self, flow: Flow, payload: &[u8], at: Sight) -> Other {
        self.count(Tongue::of_segment(flow, payload), flow, at)
    }

    fn count(&mut self, tongue: Option<Tongue>, flow: Flow, at: Sight) -> Other {
        let Some(heard) = tongue.and_then(|tongue| self.heard.get_mut(tongue as usize)) else {
            return Other::No;
        };
        heard.messages += 1;
        heard.examples.add(at.number);
        heard.pairs.add(flow.min(flow.reversed()), 1);
        Other::Yes
    }

    /// What the tables had no room for.
    pub(crate) fn left_out(&self) -> u64 {
        self.heard.iter().map(|heard| heard.pairs.left_out()).sum()
    }

    /// Whether calls are signalled in another language.
    pub(crate) fn are_there(&self) -> bool {
        self.heard.iter().any(|heard| heard.messages >= BELIEVED)
    }

    /// Where SIP is spoken too it may be the other side of a gateway, whose SIP tells the same calls.
    pub(crate) fn finish(&self, sip_messages: u64) -> impl Iterator<Item = Finding> {
        let believed =
            Tongue::ALL.into_iter().zip(&self.heard).filter(|(_, heard)| heard.messages >= BELIEVED);
        believed.map(move |(tongue, heard)| Finding {
            code: tongue.code(),
            severity: if sip_messages == 0 { Severity::Defect } else { Severity::Note },
            sentence: format!(
                "{} messages of {} between {} pairs of ends, {}: the calls in them are not recorded",
                heard.messages,
                tongue.name(),
                heard.pairs.len(),
                match sip_messages {
                    0 => "and no SIP message".to_owned(),
                    messages => format!("beside {messages} SIP messages"),
                }
            ),
            evidence: Evidence::counted([
                ("messages", heard.messages),
                ("pairs", heard.pairs.len() as u64),
                ("sip_messages", sip_messages),
            ])
            .at(&heard.examples)
            .between(heard.pairs.by_count().into_iter().map(|(flow, _)| flow)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(port: u16) -> Flow {
        Flow { src: "10.1.0.5:40000".parse().unwrap(), dst: ([10, 1, 0, 1], port).into() }
    }

    #[test]
    fn every_protocol_is_known_by_port_and_content_and_by_neither_alone() {
        let datagrams: [(u16, &[u8], Tongue); 8] = [
            (2427, b"RSIP 1200 aaln/*@gw MGCP 1.0\r\nRM: restart\r\n", Tongue::Mgcp),
            (2727, b"200 1200 OK\r\n", Tongue::Mgcp),
            (4569, &[0x80, 1, 0, 0, 0, 0, 0, 3, 0, 0, 6, 1, 11, 2], Tongue::Iax2),
            (1719, &[0x0e, 0x80, 0, 0, 6, 0, 8, 0x91, 0x4a, 0, 4], Tongue::H323),
            (5000, &[0, 0, 0, 7, 2, 1, 0x16, 4], Tongue::Unistim),
            (5000, &[0, 0, 0, 7, 1, 2], Tongue::Unistim),
            (2944, b"MEGACO/1 [10.1.0.5]:2944 T=1{}", Tongue::Megaco),
            (2944, b"!/1 [10.1.0.5]:2944 T=1{}", Tongue::Megaco),
        ];
        for (port, payload, tongue) in datagrams {
            assert_eq!(Tongue::of_datagram(flow(port), payload), Some(tongue));
            assert_eq!(Tongue::of_datagram(flow(port).reversed(), payload), Some(tongue));
            assert_eq!(Tongue::of_datagram(flow(40_002), payload), None);
            assert_eq!(Tongue::of_datagram(flow(port), &[0x80, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0xd5]), None);
            assert_eq!(Tongue::of_datagram(flow(port), &payload[..2]), None);
        }
        let segments: [(u16, &[u8], Tongue); 3] = [
            (2000, &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Tongue::Sccp),
            (1720, &[3, 0, 0, 40, 8, 2, 0, 1, 5, 4], Tongue::H323),
            (2944, b"\x03\0\0\x20MEGACO/1 [10.1.0.5] T=1{}", Tongue::Megaco),
        ];
        for (port, payload, tongue) in segments {
            assert_eq!(Tongue::of_segment(flow(port), payload), Some(tongue));
            assert_eq!(Tongue::of_segment(flow(5061), payload), None);
            assert_eq!(Tongue::of_segment(flow(port), b"GET / HTTP/1.1\r\n"), None);
            assert_eq!(Tongue::of_segment(flow(port), &payload[..3]), None);
        }
    }

    #[test]
    fn a_message_or_two_are_chance() {
        let at = Sight {
            time: earwitness_model::PacketTime::EPOCH,
            number: 1,
            tags: earwitness_wire::Tags::default(),
        };
        let mut others = Others::new();
        for count in 1..=3 {
            let seen = others.handle_datagram(flow(2727), b"200 1200 OK\r\n", at);
            assert_eq!((seen, others.are_there()), (Other::Yes, count == 3));
        }
        let found: Vec<Finding> = others.finish(0).collect();
        assert_eq!(
            (found.len(), found[0].code, found[0].severity),
            (1, Code::SignallingMgcp, Severity::Defect)
        );
        let found: Vec<Finding> = others.finish(9).collect();
        assert_eq!(found[0].severity, Severity::Note);
        assert_eq!(
            found[0].sentence,
            "3 messages of MGCP between 1 pairs of ends, beside 9 SIP messages: the calls in them are not recorded"
        );
    }
}
