//! Via (RFC 3261, 20.42; RFC 3581 for `rport`).

use super::{Form, Params};
use crate::sip::{
    scan::{cut, cut_at, decimal, find_outside, first_word},
    uri::HostPort,
};

/// What carried the message on that hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// `UDP`
    Udp,
    /// `TCP`
    Tcp,
    /// `TLS`
    Tls,
    /// `SCTP`
    Sctp,
    /// `WS` (RFC 7118)
    Ws,
    /// `WSS` (RFC 7118)
    Wss,
    /// Any other token.
    Other,
}

/// One Via value: one hop of the message's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'b> {
    /// What carried it.
    pub transport: Transport,
    /// The sender's host; an IPv6 reference keeps its brackets.
    pub host: &'b [u8],
    /// The sender's port, if there is a usable one.
    pub port: Option<u16>,
    /// The transaction's name.
    pub branch: Option<&'b [u8]>,
    /// The address it came from, as the next hop saw it.
    pub received: Option<&'b [u8]>,
    /// The port it came from, as the next hop saw it; `None` while it is only asked for.
    pub rport: Option<u16>,
    /// All parameters.
    pub params: Params<'b>,
    form: Form,
}

impl<'b> Via<'b> {
    /// Reads one value; `None` without a protocol or a host.
    #[must_use]
    pub fn parse(value: &'b [u8]) -> Option<Self> {
        let (head, params) = match find_outside(value, b';') {
            Some(at) => cut_at(value, at)?,
            None => (value, &[][..]),
        };
        let (protocol, rest) = cut(head, b'/')?;
        let (version, rest) = cut(rest, b'/')?;
        let (transport, sent_by) = first_word(rest);
        let sent_by = HostPort::parse(sent_by);
        let host = sent_by.host?;
        let params = Params::new(params);
        let regular = protocol.trim_ascii().eq_ignore_ascii_case(b"SIP")
            && version.trim_ascii() == b"2.0"
            && sent_by.is_well_formed()
            && params.are_named();
        let mut via = Self {
            transport: transport_of(transport),
            host,
            port: sent_by.port,
            branch: None,
            received: None,
            rport: None,
            params,
            form: if regular { Form::AsWritten } else { Form::Repaired },
        };
        for param in params.iter() {
            via.take(param.name, param.value.unwrap_or_default());
        }
        Some(via)
    }

    fn take(&mut self, name: &[u8], value: &'b [u8]) {
        if value.is_empty() {
            return;
        }
        if name.eq_ignore_ascii_case(b"branch") {
            self.branch = self.branch.or(Some(value));
        } else if name.eq_ignore_ascii_case(b"received") {
            self.received = self.received.or(Some(value));
        } else if name.eq_ignore_ascii_case(b"rport") {
            self.rport = decimal(value).and_then(|port| u16::try_from(port).ok());
        }
    }

    pub(crate) const fn is_well_formed(&self) -> bool {
        matches!(self.form, Form::AsWritten)
    }
}

fn transport_of(name: &[u8]) -> Transport {
    const NAMES: [(&[u8], Transport); 6] = [
        (b"UDP", Transport::Udp),
        (b"TCP", Transport::Tcp),
        (b"TLS", Transport::Tls),
        (b"SCTP", Transport::Sctp),
        (b"WS", Transport::Ws),
        (b"WSS", Transport::Wss),
    ];
    NAMES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map_or(Transport::Other, |(_, transport)| *transport)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_may_stand_between_all_parts() {
        let via = Via::parse(
            b"SIP  / 2.0\r\n  / TCP     spindle.example.com : 5070  ;\r\n  branch  =   z9hG4bK9ikj8",
        )
        .unwrap();
        assert_eq!(
            (via.transport, via.host, via.port),
            (Transport::Tcp, &b"spindle.example.com"[..], Some(5070))
        );
        assert_eq!(via.branch, Some(&b"z9hG4bK9ikj8"[..]));
        assert!(via.is_well_formed());
    }

    #[test]
    fn an_ipv6_sender_keeps_its_brackets_and_its_port() {
        let via =
            Via::parse(b"SIP/2.0/UDP [2001:db8::9:1]:6050;received=[2001:db8::9:255];rport=7000").unwrap();
        assert_eq!((via.host, via.port), (&b"[2001:db8::9:1]"[..], Some(6050)));
        assert_eq!((via.received, via.rport), (Some(&b"[2001:db8::9:255]"[..]), Some(7000)));
    }

    #[test]
    fn an_rport_that_is_only_asked_for_is_none() {
        let via = Via::parse(b"SIP/2.0/UDP 10.1.0.5;rport;branch=z9hG4bK1").unwrap();
        assert_eq!((via.rport, via.params.get("rport")), (None, Some(&b""[..])));
    }

    #[test]
    fn irregular_values_are_read_and_said_to_be() {
        for value in ["SIP/2.0/UDP 192.0.2.15;;", "SIP/7.0/UDP c.example.com", "SIP/2.0/UDP 2001:db8::9"] {
            assert!(!Via::parse(value.as_bytes()).unwrap().is_well_formed(), "{value}");
        }
        for value in ["", ";", "SIP/2.0/UDP", "SIP/2.0", "10.1.0.5"] {
            assert_eq!(Via::parse(value.as_bytes()), None, "{value}");
        }
    }
}
