//! Where SIP is spoken: on other ports than 5060, over TCP.

use std::collections::{BTreeMap, BTreeSet};

use earwitness_model::Flow;
use earwitness_wire::TcpSegment;

use super::Sight;
use crate::{
    Code, Evidence, Finding, Severity,
    report::{Examples, percent},
};

const USUAL: u16 = 5060;
/// Ports that are listed.
const MOST_PORTS: usize = 64;

/// SIP by port and transport.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    messages: u64,
    elsewhere: u64,
    elsewhere_examples: Examples,
    ports: BTreeMap<u16, u64>,
    tcp: u64,
    tcp_examples: Examples,
    connections: BTreeSet<Flow>,
}

impl Ports {
    /// Takes a SIP message over UDP.
    pub(crate) fn handle_message(&mut self, flow: Flow, at: Sight) {
        self.messages += 1;
        let ports = [flow.src.port(), flow.dst.port()];
        if ports.contains(&USUAL) {
            return;
        }
        self.elsewhere += 1;
        self.elsewhere_examples.add(at.number);
        for port in ports {
            if self.ports.len() < MOST_PORTS || self.ports.contains_key(&port) {
                *self.ports.entry(port).or_insert(0) += 1;
            }
        }
    }

    /// Takes a TCP segment that begins with a SIP message.
    pub(crate) fn handle_segment(&mut self, segment: &TcpSegment<'_>, at: Sight) {
        self.tcp += 1;
        self.tcp_examples.add(at.number);
        if self.connections.len() < MOST_PORTS {
            self.connections.insert(segment.flow.min(segment.flow.reversed()));
        }
    }

    /// SIP messages over UDP so far.
    pub(crate) const fn messages(&self) -> u64 {
        self.messages
    }

    /// Whether there are calls in TCP.
    pub(crate) const fn has_tcp(&self) -> bool {
        self.tcp > 0
    }

    pub(crate) fn finish_tcp(&self) -> Option<Finding> {
        (self.tcp > 0).then(|| Finding {
            code: Code::SignallingOverTcp,
            severity: Severity::Defect,
            sentence: format!(
                "{} TCP segments begin with a SIP message, beside {} messages over UDP",
                self.tcp, self.messages
            ),
            evidence: Evidence::counted([
                ("tcp_segments", self.tcp),
                ("connections", self.connections.len() as u64),
                ("udp_messages", self.messages),
            ])
            .at(&self.tcp_examples)
            .between(self.connections.iter().copied()),
        })
    }

    /// The ports named are those at which most of it is.
    pub(crate) fn finish_elsewhere(&self) -> Option<Finding> {
        if self.elsewhere == 0 {
            return None;
        }
        let mut ports: Vec<_> = self.ports.iter().map(|(port, count)| (*count, *port)).collect();
        ports.sort_unstable_by_key(|(count, port)| (std::cmp::Reverse(*count), *port));
        let places = ports.iter().take(Evidence::EXAMPLES);
        Some(Finding {
            code: Code::SignallingOtherPort,
            severity: Severity::Note,
            sentence: format!(
                "{} of {} SIP messages ({:.1} %) do not use port 5060",
                self.elsewhere,
                self.messages,
                percent(self.elsewhere, self.messages)
            ),
            evidence: Evidence::counted([("messages", self.messages), ("elsewhere", self.elsewhere)])
                .at(&self.elsewhere_examples)
                .of(places.map(|(count, port)| format!("port {port}: {count} messages"))),
        })
    }
}
