//! What a SIP message of a call needs to know of those before it.

use std::{collections::HashMap, net::SocketAddr};

use earwitness_model::Leg;

use crate::sip::{Encoding, Message};

/// A Call-ID and everything said under it.
#[derive(Debug)]
pub(super) struct Dialog {
    pub(super) label: String,
    pub(super) identity: Identity,
    /// Where the first request came from and went to: they tell whose message a later one is.
    pub(super) caller_at: SocketAddr,
    pub(super) callee_at: SocketAddr,
    pub(super) caller: Side,
    pub(super) callee: Side,
    /// The To tag of the last response, and whether it was a 2xx to an INVITE.
    pub(super) to_tag: Option<String>,
    pub(super) confirmed: bool,
    /// The last final status of an INVITE: an ACK belongs to its transaction unless it is a 2xx.
    pub(super) invite_status: u16,
    /// What carries its messages now, as Via names it.
    pub(super) transport: &'static str,
    /// The last message of each kind, for those that come again.
    pub(super) sent: HashMap<String, Vec<u8>>,
}

/// Who calls whom, as the first request says.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) call_id: String,
    pub(super) from: Option<String>,
    pub(super) display: Option<String>,
    pub(super) from_tag: String,
    pub(super) to: Option<String>,
    /// The user part of the Request-URI.
    pub(super) target: Option<String>,
}

/// What one party did so far.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub(super) sequence: u32,
    pub(super) requests: Vec<Request>,
    /// Where its SDP wants audio, and in which encodings.
    pub(super) media: Option<SocketAddr>,
    pub(super) encodings: Vec<Encoding>,
    pub(super) sdp_version: u32,
}

/// A request: what its responses repeat.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) via: String,
    pub(super) sequence: u32,
}

impl Dialog {
    pub(super) fn side(&mut self, leg: Leg) -> &mut Side {
        match leg {
            Leg::Caller => &mut self.caller,
            Leg::Callee => &mut self.callee,
        }
    }

    /// Whose message one from `src` is.
    pub(super) fn leg_of(&self, src: SocketAddr) -> Leg {
        if src == self.callee_at { Leg::Callee } else { Leg::Caller }
    }

    /// The next request of `leg`. A CANCEL belongs to the transaction of the INVITE (RFC 3261, 9.1), and so does an ACK
    /// unless the answer was a 2xx (17.1.1.3).
    pub(super) fn next_request(
        &mut self,
        leg: Leg,
        method: &str,
        src: SocketAddr,
    ) -> Result<Request, String> {
        let (label, status, transport) = (self.label.clone(), self.invite_status, self.transport);
        let side = self.side(leg);
        let invite = side.requests.iter().rev().find(|request| request.method == "INVITE").cloned();
        let mark = if leg == Leg::Caller { "a" } else { "b" };
        let branch = side.requests.len();
        let via = format!("SIP/2.0/{transport} {src};branch=z9hG4bK-{label}-{mark}{branch}");
        let request = match (method, invite) {
            ("CANCEL" | "ACK", None) => {
                return Err(format!("{method} without an INVITE of this party before it"));
            }
            ("CANCEL", Some(invite)) => Request { method: method.to_owned(), ..invite },
            ("ACK", Some(invite)) if status >= 300 => Request { method: method.to_owned(), ..invite },
            ("ACK", Some(invite)) => Request { method: method.to_owned(), via, sequence: invite.sequence },
            _ => {
                side.sequence += 1;
                Request { method: method.to_owned(), via, sequence: side.sequence }
            }
        };
        side.requests.push(request.clone());
        Ok(request)
    }

    /// The request of the other party that a response of `leg` answers: the last one, or the last one of a method.
    pub(super) fn answered(&mut self, leg: Leg, method: Option<&str>) -> Result<Request, String> {
        let requests = &self.side(leg.other()).requests;
        let fits = |request: &&Request| match method {
            Some(method) => request.method == method,
            None => request.method != "ACK",
        };
        requests.iter().rev().find(fits).cloned().ok_or_else(|| "there is no request to answer".to_owned())
    }

    /// Via, From, To, Call-ID and CSeq of `request`, which `asked` sent, or of a response to it.
    pub(super) fn identify(
        &self,
        message: Message,
        request: &Request,
        asked: Leg,
        to_tag: Option<&str>,
    ) -> Message {
        let Identity { call_id, from, display, from_tag, to, .. } = &self.identity;
        let display = display.as_ref().map(|name| format!("\"{name}\" ")).unwrap_or_default();
        let caller = format!("{display}<{}>;tag={from_tag}", uri(from.as_deref(), self.caller_at));
        let tag = to_tag.map(|tag| format!(";tag={tag}")).unwrap_or_default();
        let callee = format!("<{}>{tag}", uri(to.as_deref(), self.callee_at));
        let (first, second) = match asked {
            Leg::Caller => (caller, callee),
            Leg::Callee => (callee, caller),
        };
        message
            .header("Via", &request.via)
            .header("From", first)
            .header("To", second)
            .header("Call-ID", call_id)
            .header("CSeq", format_args!("{} {}", request.sequence, request.method))
    }
}

/// A SIP URI without a port.
fn uri(user: Option<&str>, at: SocketAddr) -> String {
    let host = match at {
        SocketAddr::V4(at) => at.ip().to_string(),
        SocketAddr::V6(at) => format!("[{}]", at.ip()),
    };
    user.map_or_else(|| format!("sip:{host}"), |user| format!("sip:{user}@{host}"))
}
