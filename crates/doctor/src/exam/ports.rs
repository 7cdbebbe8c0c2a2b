//! Where SIP is spoken: on other ports than 5060, over TCP.

use earwitness_model::Flow;

use super::Sight;
use crate::{
    Code, Evidence, Finding, Severity,
    bounded::Bounded,
    report::{Examples, percent},
};

const USUAL: u16 = 5060;
/// Ports, and connections, that are counted.
const MOST_PORTS: usize = 4_096;

/// SIP by port and transport.
#[derive(Debug)]
pub(crate) struct Ports {
    messages: u64,
    elsewhere: u64,
    elsewhere_examples: Examples,
    ports: Bounded<u16, u64>,
    tcp: u64,
    tcp_examples: Examples,
    connections: Bounded<Flow, u64>,
}

impl Ports {
    pub(crate) fn new() -> Self {
        Self {
            messages: 0,
            elsewhere: 0,
            elsewhere_examples: Examples::default(),
            ports: Bounded::new(MOST_PORTS),
            tcp: 0,
            tcp_examples: Examples::default(),
            connections: Bounded::new(MOST_PORTS),
        }
    }

    /// Takes a SIP message over UDP.
    pub(crate) fn handle_datagram(&mut self, flow: Flow, at: Sight) {
        self.messages += 1;
        let ports = [flow.src.port(), flow.dst.port()];
        if ports.contains(&USUAL) {
            return;
        }
        self.elsewhere += 1;
        self.elsewhere_examples.add(at.number);
        for port in ports {
            self.ports.add(port, 1);
        }
    }

    /// Takes a SIP message that came over TCP, and was whole with the frame.
    pub(crate) fn handle_streamed(&mut self, flow: Flow, at: Sight) {
        self.tcp += 1;
        self.tcp_examples.add(at.number);
        self.connections.add(flow.min(flow.reversed()), 1);
    }

    /// SIP messages so far, whatever carried them.
    pub(crate) const fn messages(&self) -> u64 {
        self.messages + self.tcp
    }

    /// What the tables had no room for.
    pub(crate) const fn left_out(&self) -> u64 {
        self.ports.left_out() + self.connections.left_out()
    }

    pub(crate) fn finish_tcp(&self) -> Option<Finding> {
        (self.tcp > 0).then(|| Finding {
            code: Code::SignallingOverTcp,
            severity: Severity::Note,
            sentence: format!("{} SIP messages come over TCP, beside {} over UDP", self.tcp, self.messages),
            evidence: Evidence::counted([
                ("tcp_messages", self.tcp),
                ("connections", self.connections.len() as u64),
                ("udp_messages", self.messages),
            ])
            .at(&self.tcp_examples)
            .between(self.connections.by_count().into_iter().map(|(flow, _)| flow)),
        })
    }

    /// The ports named are those at which most of it is.
    pub(crate) fn finish_elsewhere(&self) -> Option<Finding> {
        if self.elsewhere == 0 {
            return None;
        }
        let places = self.ports.by_count().into_iter().take(Evidence::EXAMPLES);
        Some(Finding {
            code: Code::SignallingOtherPort,
            severity: Severity::Note,
            sentence: format!(
                "{} of {} SIP messages over UDP ({:.1} %) do not use port 5060",
                self.elsewhere,
                self.messages,
                percent(self.elsewhere, self.messages)
            ),
            evidence: Evidence::counted([("messages", self.messages), ("elsewhere", self.elsewhere)])
                .at(&self.elsewhere_examples)
                .of(places.map(|(port, count)| format!("port {port}: {count} messages"))),
        })
    }
}
