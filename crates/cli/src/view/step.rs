//! What a SIP message says, as far as a ladder shows it.

use std::{collections::HashSet, net::SocketAddr};

use earwitness_model::{PacketTime, SignallingMessage, SipTransport};
use earwitness_wire::{
    sdp::{Media, MediaDirection, Session},
    sip::{Message, StartLine},
};

use super::printable;

/// One arrow of a ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) time: PacketTime,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) transport: SipTransport,
    /// `INVITE`, `180 Ringing`.
    pub(crate) label: String,
    /// What its SDP offers or answers, empty without one.
    pub(crate) media: String,
    /// The same bytes took the same way before.
    pub(crate) repeated: bool,
}

/// The steps of a call's messages, by time.
pub(crate) fn steps<'m>(messages: impl Iterator<Item = SignallingMessage<'m>>) -> Vec<Step> {
    let mut messages: Vec<_> = messages.collect();
    messages.sort_by_key(|message| message.time);
    let mut seen = HashSet::new();
    let step = |message: &SignallingMessage<'m>| {
        let (label, media) = read(message.bytes);
        let repeated = !seen.insert((message.flow, message.bytes));
        let (from, to) = (message.flow.src, message.flow.dst);
        Step { time: message.time, from, to, transport: message.transport, label, media, repeated }
    };
    messages.iter().map(step).collect()
}

fn read(datagram: &[u8]) -> (String, String) {
    let Ok(message) = Message::parse(datagram) else {
        return ("(not SIP)".to_owned(), String::new());
    };
    let text = |bytes: &[u8]| printable(&String::from_utf8_lossy(bytes)).into_owned();
    let label = match message.start_line() {
        StartLine::Request { method_name, .. } => text(method_name),
        StartLine::Status { code, reason } => format!("{code} {}", text(reason)).trim_end().to_owned(),
    };
    let session = message.sdp().and_then(|sdp| Session::parse(sdp).ok());
    let media: Vec<String> =
        session.iter().flat_map(|session| session.media().map(|media| offered(&media))).collect();
    (label, media.join("; "))
}

/// `PCMA PCMU 10.1.0.5:4000 sendonly`: the encodings in their order, where, and which way unless both.
fn offered(media: &Media<'_>) -> String {
    const MOST: usize = 4;
    let mut words: Vec<String> =
        media.payload_types().take(MOST).map(|number| encoding(media, number)).collect();
    if media.payload_types().nth(MOST).is_some() {
        words.push("…".to_owned());
    }
    words.push(match (media.connection(), media.port()) {
        (_, 0) => "refused".to_owned(),
        (Some(ip), port) => SocketAddr::new(ip, port).to_string(),
        (None, port) => format!("port {port}"),
    });
    words.extend(media.protocol().is_srtp().then(|| "SRTP".to_owned()));
    match media.direction() {
        MediaDirection::SendRecv => {}
        MediaDirection::SendOnly => words.push("sendonly".to_owned()),
        MediaDirection::RecvOnly => words.push("recvonly".to_owned()),
        MediaDirection::Inactive => words.push("inactive".to_owned()),
    }
    words.join(" ")
}

fn encoding(media: &Media<'_>, number: u8) -> String {
    match (media.rtpmap(number), earwitness_model::Codec::from_static(number)) {
        (Some(map), _) => printable(map.name).into_owned(),
        (None, Some(codec)) => codec.to_string(),
        (None, None) => format!("PT{number}"),
    }
}

#[cfg(test)]
mod tests {
    use earwitness_model::Flow;

    use super::*;

    const INVITE: &str = "INVITE sip:4001@10.1.0.9 SIP/2.0\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\n\
        Content-Type: application/sdp\r\n\r\nv=0\r\nc=IN IP4 10.1.0.5\r\nm=audio 4000 RTP/AVP 8 96 120\r\n\
        a=rtpmap:96 opus/48000/2\r\na=sendonly\r\n";

    fn message(ms: i64, bytes: &str) -> SignallingMessage<'_> {
        let flow = Flow { src: "10.1.0.5:5060".parse().unwrap(), dst: "10.1.0.9:5060".parse().unwrap() };
        let (time, transport) = (PacketTime::from_nanos(ms * 1_000_000), SipTransport::Udp);
        SignallingMessage { time, flow, transport, bytes: bytes.as_bytes() }
    }

    #[test]
    fn a_message_is_its_method_or_status_and_what_its_sdp_says() {
        let ringing = "SIP/2.0 180 Ring\u{1b}ing\r\n\r\n";
        let steps = steps([message(7, ringing), message(5, INVITE), message(9, "\u{1}")].into_iter());
        let said: Vec<_> = steps.iter().map(|step| (&*step.label, &*step.media)).collect();
        let offer = "PCMA opus PT120 10.1.0.5:4000 sendonly";
        assert_eq!(said, [("INVITE", offer), ("180 Ring\u{fffd}ing", ""), ("(not SIP)", "")]);
    }

    #[test]
    fn the_same_bytes_on_the_same_way_are_a_repetition() {
        let mut back = message(6, INVITE);
        back.flow = back.flow.reversed();
        let steps = steps([message(5, INVITE), back, message(505, INVITE)].into_iter());
        assert_eq!(steps.iter().map(|step| step.repeated).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn a_refused_medium_has_no_address() {
        let answer = "SIP/2.0 200 OK\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nm=audio 0 RTP/AVP 0\r\n";
        let steps = steps([message(0, answer)].into_iter());
        assert_eq!((&*steps[0].label, &*steps[0].media), ("200 OK", "PCMU refused"));
    }
}
