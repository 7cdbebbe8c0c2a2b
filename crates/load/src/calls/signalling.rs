//! The seven messages of an ordinary call.

use std::net::SocketAddr;

use earwitness_model::{Codec, Flow, Leg, PacketTime};

use super::{Load, SipCarrier};
use crate::sip::{Audio, Encoding, Message, phrase};

/// INVITE, 100, 180, 200, ACK, BYE, 200.
pub(crate) const STEPS: u8 = 7;

/// How many of them are in two segments over TCP: see [`is_in_two`].
pub(super) const IN_TWO: u64 = 3;

/// Whether a message over TCP is in two segments: the INVITE, the 200 to it, and the 200 to the BYE.
pub(super) const fn is_in_two(step: u8) -> bool {
    step.is_multiple_of(3)
}

const MILLISECOND: i64 = 1_000_000;

impl SipCarrier {
    /// As Via has it.
    const fn word(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

impl Load {
    /// When message `step` of a call passes.
    pub(crate) fn step_time(&self, call: u32, step: u8) -> PacketTime {
        match step {
            0 => self.call_start(call),
            1 => self.call_start(call).plus_nanos(2 * MILLISECOND),
            2 => self.call_start(call).plus_nanos(60 * MILLISECOND),
            3 => self.answer(call),
            4 => self.answer(call).plus_nanos(12 * MILLISECOND),
            5 => self.end(call),
            _ => self.end(call).plus_nanos(4 * MILLISECOND),
        }
    }

    /// The message, and from where to where it goes.
    pub(crate) fn step(&self, call: u32, step: u8) -> (Flow, Vec<u8>) {
        let hangs_up = if call.is_multiple_of(2) { Leg::Caller } else { Leg::Callee };
        let answers_bye = if call.is_multiple_of(2) { Leg::Callee } else { Leg::Caller };
        let (by, bytes) = match step {
            0 => (Leg::Caller, self.with_sdp(call, Leg::Caller, self.request(call, Leg::Caller, "INVITE"))),
            1 => (Leg::Callee, self.response(call, Leg::Callee, 100, "INVITE").finish()),
            2 => (Leg::Callee, self.response(call, Leg::Callee, 180, "INVITE").finish()),
            3 => (
                Leg::Callee,
                self.with_sdp(call, Leg::Callee, self.response(call, Leg::Callee, 200, "INVITE")),
            ),
            4 => (Leg::Caller, self.request(call, Leg::Caller, "ACK").finish()),
            5 => (hangs_up, self.request(call, hangs_up, "BYE").finish()),
            _ => (answers_bye, self.response(call, answers_bye, 200, "BYE").finish()),
        };
        let (caller, callee) = (self.phone(call, Leg::Caller), self.phone(call, Leg::Callee));
        let flow = Flow { src: caller, dst: callee };
        (if by == Leg::Caller { flow } else { flow.reversed() }, bytes)
    }

    fn phone(&self, call: u32, leg: Leg) -> SocketAddr {
        SocketAddr::new(self.address(call, leg), 5060)
    }

    fn request(&self, call: u32, by: Leg, method: &str) -> Message {
        let (user, host) = match by {
            Leg::Caller => (self.callee_number(call), self.phone(call, Leg::Callee)),
            Leg::Callee => (self.caller_number(call), self.phone(call, Leg::Caller)),
        };
        let message = Message::request(method, format_args!("sip:{user}@{host}"));
        let message = self.identity(call, by, method, message).header("Max-Forwards", 70);
        if method == "INVITE" { self.contact(call, by, message) } else { message }
    }

    fn response(&self, call: u32, by: Leg, status: u16, method: &str) -> Message {
        let asked = match by {
            Leg::Caller => Leg::Callee,
            Leg::Callee => Leg::Caller,
        };
        let message = self.identity(call, asked, method, Message::response(status, phrase(status)));
        if method == "INVITE" && status > 100 { self.contact(call, by, message) } else { message }
    }

    /// Via, From, To, Call-ID and CSeq of a transaction that `asked` began.
    fn identity(&self, call: u32, asked: Leg, method: &str, message: Message) -> Message {
        let caller =
            format!("<sip:{}@{}>;tag=c{call:x}", self.caller_number(call), self.address(call, Leg::Caller));
        let host = self.address(call, Leg::Callee);
        let callee = format!("<sip:{}@{host}>", self.callee_number(call));
        let tag = if method == "INVITE" { String::new() } else { format!(";tag=d{call:x}") };
        let (from, to) = match asked {
            Leg::Caller => (caller, format!("{callee}{tag}")),
            Leg::Callee => (format!("{callee};tag=d{call:x}"), caller),
        };
        let (branch, sequence) = match method {
            "INVITE" => ("i", 1),
            "ACK" => ("a", 1),
            _ => ("b", 2),
        };
        message
            .header(
                "Via",
                format_args!(
                    "SIP/2.0/{} {};branch=z9hG4bK{branch}{call:x}",
                    self.carrier.word(),
                    self.phone(call, asked)
                ),
            )
            .header("From", from)
            .header("To", to)
            .header("Call-ID", self.sip_call_id(call))
            .header("CSeq", format_args!("{sequence} {method}"))
    }

    fn contact(&self, call: u32, by: Leg, message: Message) -> Message {
        let user = match by {
            Leg::Caller => self.caller_number(call),
            Leg::Callee => self.callee_number(call),
        };
        message.header("Contact", format_args!("<sip:{user}@{}>", self.phone(call, by)))
    }

    fn with_sdp(&self, call: u32, by: Leg, message: Message) -> Vec<u8> {
        let (at, _) = self.media(call, by);
        let named = |name| Encoding::named(name).expect("a name of the table");
        let encodings = [named(if self.codec == Codec::Pcma { "PCMA" } else { "PCMU" }), named("DTMF")];
        let audio = Audio {
            at,
            encodings: &encodings,
            direction: "sendrecv",
            ptime_ms: self.ptime_ms,
            version: 1,
            profile: "RTP/AVP",
            attributes: &[],
        };
        message.body("application/sdp", &audio.body())
    }
}
