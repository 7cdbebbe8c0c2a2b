//! What no passive recorder can read: signalling in TLS, media in SRTP whose keys the signalling does not show.

use earwitness_model::Flow;
use earwitness_tls::{KeyLog, begins_record, client_random};
use earwitness_wire::stream::SIP_PORTS;

use super::Sight;
use crate::{
    Code, Evidence, Finding, Severity,
    bounded::Bounded,
    calls::{Calls, Protection},
    report::{Examples, percent},
};

/// Connections that are counted.
const MOST_CONNECTIONS: usize = 4_096;

/// TLS and ZRTP as they pass.
#[derive(Debug)]
pub(crate) struct Encrypted {
    tls: u64,
    zrtp: u64,
    connections: Bounded<Flow, u64>,
    key_log: KeyLog,
    /// What the ClientHello of a connection said.
    hellos: Bounded<Flow, [u8; 32]>,
    tls_examples: Examples,
    zrtp_examples: Examples,
}

impl Encrypted {
    pub(crate) fn new() -> Self {
        Self {
            tls: 0,
            zrtp: 0,
            connections: Bounded::new(MOST_CONNECTIONS),
            key_log: KeyLog::default(),
            hellos: Bounded::new(MOST_CONNECTIONS),
            tls_examples: Examples::default(),
            zrtp_examples: Examples::default(),
        }
    }

    /// Takes what a TCP segment or a UDP datagram carries that is no SIP text.
    pub(crate) fn handle_payload(&mut self, flow: Flow, payload: &[u8], at: Sight) {
        if is_zrtp(payload) {
            self.zrtp += 1;
            self.zrtp_examples.add(at.number);
        }
        let server = [flow.dst, flow.src].into_iter().find(|end| SIP_PORTS.contains(&end.port()));
        let Some(server) = server.filter(|_| is_tls(payload)) else { return };
        let to_server = if server == flow.dst { flow } else { flow.reversed() };
        if let Some(random) = client_random(payload) {
            // Of several connections between the same ends the last counts.
            if let Some(began) = self.hellos.entry(to_server, || random) {
                *began = random;
            }
        }
        self.tls += 1;
        self.tls_examples.add(at.number);
        self.connections.add(to_server, 1);
    }

    /// Takes lines of a key log: connections whose keys are in it are no defect.
    pub(crate) fn handle_key_log(&mut self, lines: &[u8]) {
        self.key_log.handle_text(lines);
    }

    /// Records of connections that there was no room for.
    pub(crate) const fn left_out(&self) -> u64 {
        self.connections.left_out()
    }

    /// Whether calls hide in TLS: in what no key log opens.
    pub(crate) fn hides_signalling(&self) -> bool {
        self.unopened().0 > 0
    }

    /// Records that no key log opens, and their connections.
    fn unopened(&self) -> (u64, Vec<(Flow, u64)>) {
        let has_key = |flow: &Flow| self.hellos.get(flow).is_some_and(|random| self.key_log.knows(random));
        let connections: Vec<(Flow, u64)> =
            self.connections.by_count().into_iter().filter(|(flow, _)| !has_key(flow)).collect();
        let opened: u64 =
            self.connections.iter().filter(|(flow, _)| has_key(flow)).map(|(_, records)| records).sum();
        (self.tls - opened, connections)
    }

    pub(crate) fn finish_signalling(&self) -> Option<Finding> {
        let (records, connections) = self.unopened();
        (records > 0).then(|| Finding {
            code: Code::SignallingEncrypted,
            severity: Severity::Defect,
            sentence: format!(
                "{} TLS records on SIP ports, in {} connections that no key log opens: the calls in them cannot be seen",
                records,
                connections.len()
            ),
            evidence: Evidence::counted([
                ("tls_records", records),
                ("connections", connections.len() as u64),
            ])
            .at(&self.tls_examples)
            .between(connections.into_iter().map(|(flow, _)| flow)),
        })
    }

    /// Calls whose parties agreed on SRTP without saying the keys, or offered nothing else.
    pub(crate) fn finish_media(&self, calls: &Calls) -> Option<Finding> {
        let said = |call: &&crate::calls::Call| match (call.offered, call.chosen) {
            (Protection::Unsaid, Protection::Unsaid) => false,
            (Protection::Unsaid | Protection::Readable | Protection::Encrypted, _) => true,
        };
        let is_encrypted = |call: &&crate::calls::Call| match call.chosen {
            Protection::Encrypted => true,
            Protection::Readable => false,
            Protection::Unsaid => call.offered == Protection::Encrypted,
        };
        let judged = calls.iter().filter(said).count() as u64;
        let encrypted = calls.iter().filter(is_encrypted).count() as u64;
        if encrypted == 0 && self.zrtp == 0 {
            return None;
        }
        let frames = calls.iter().filter(is_encrypted).map(|call| call.first_frame);
        let frames = if encrypted == 0 { self.zrtp_examples.clone() } else { frames.collect() };
        let sentence = if encrypted == 0 {
            format!("{} ZRTP messages: the parties agree on keys for SRTP inside the media", self.zrtp)
        } else {
            let share = percent(encrypted, judged);
            format!(
                "the media of {encrypted} of {judged} calls ({share:.0} %) is encrypted (SRTP), with keys that its signalling does not show"
            )
        };
        Some(Finding {
            code: Code::MediaEncrypted,
            severity: Severity::Defect,
            sentence,
            evidence: Evidence::counted([
                ("calls_with_sdp", judged),
                ("encrypted", encrypted),
                ("zrtp_messages", self.zrtp),
            ])
            .at(&frames),
        })
    }
}

/// A TLS record (RFC 8446, 5.1) or a DTLS one (RFC 9147, 4): content type, version, and a length that can be.
fn is_tls(payload: &[u8]) -> bool {
    const MOST: u16 = (1 << 14) + 2048;
    match *payload {
        [20..=23, 0xfe, 0xfd | 0xff, _, _, _, _, _, _, _, _, l0, l1, ..] => {
            (1..=MOST).contains(&u16::from_be_bytes([l0, l1]))
        }
        _ => begins_record(payload),
    }
}

/// The magic cookie of RFC 6189, 5.
fn is_zrtp(payload: &[u8]) -> bool {
    matches!(payload, [0x10, _, _, _, b'Z', b'R', b'T', b'P', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_told_from_text_and_from_impossible_lengths() {
        assert!(is_tls(&[0x16, 3, 1, 0, 200, 1]) && is_tls(&[0x17, 3, 3, 0x40, 0x11]));
        assert!(
            !is_tls(&[0x16, 3, 1, 0, 0]) && !is_tls(&[0x17, 3, 3, 0xff, 0xff]) && !is_tls(b"INVITE sip:")
        );
        assert!(is_tls(&[0x16, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100]));
        assert!(is_zrtp(b"\x10\x00\x00\x01ZRTPxxxx") && !is_zrtp(b"\x80\x00\x00\x01ZRTPxxxx"));
    }
}
