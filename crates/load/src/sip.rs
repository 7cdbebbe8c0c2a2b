//! SIP messages (RFC 3261) and SDP bodies (RFC 8866, offers as in RFC 3264), as text.

use std::{
    fmt::{Display, Write},
    net::SocketAddr,
};

/// A SIP message under construction: the start line and the headers so far.
#[derive(Debug, Clone)]
pub struct Message(String);

impl Message {
    /// A request.
    #[must_use]
    pub fn request(method: &str, uri: impl Display) -> Self {
        Self(format!("{method} {uri} SIP/2.0\r\n"))
    }

    /// A response.
    #[must_use]
    pub fn response(status: u16, phrase: &str) -> Self {
        Self(format!("SIP/2.0 {status} {phrase}\r\n"))
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Display) -> Self {
        write!(self.0, "{name}: {value}\r\n").expect("a String takes all text");
        self
    }

    /// The message without a body.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.header("Content-Length", 0).end("")
    }

    /// The message with a body.
    #[must_use]
    pub fn body(self, kind: &str, body: &str) -> Vec<u8> {
        self.header("Content-Type", kind).header("Content-Length", body.len()).end(body)
    }

    fn end(mut self, body: &str) -> Vec<u8> {
        self.0.push_str("\r\n");
        self.0.push_str(body);
        self.0.into_bytes()
    }
}

/// The reason phrase that RFC 3261, section 21, and its extensions give a status.
#[must_use]
pub const fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        302 => "Moved Temporarily",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        500 => "Server Internal Error",
        503 => "Service Unavailable",
        600 => "Busy Everywhere",
        603 => "Decline",
        _ => "Status",
    }
}

/// One encoding of an audio line: its payload type and rtpmap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding {
    /// The payload type.
    pub payload_type: u8,
    /// The rtpmap value, `PCMA/8000`.
    pub map: String,
}

/// Names of encodings as scripts use them, their static or usual payload type, their rtpmap.
const ENCODINGS: [(&str, u8, &str); 9] = [
    ("PCMU", 0, "PCMU/8000"),
    ("GSM", 3, "GSM/8000"),
    ("PCMA", 8, "PCMA/8000"),
    ("G722", 9, "G722/8000"),
    ("CN", 13, "CN/8000"),
    ("G729", 18, "G729/8000"),
    ("DTMF", 101, "telephone-event/8000"),
    ("OPUS", 111, "opus/48000/2"),
    ("AMR", 96, "AMR/8000"),
];

impl Encoding {
    /// The encoding `NAME` or `NAME:PAYLOADTYPE`; `None` if the name is not known or the number not below 128.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let (name, number) = text.split_once(':').map_or((text, None), |(name, number)| (name, Some(number)));
        let (_, usual, map) = ENCODINGS.iter().find(|(known, ..)| *known == name)?;
        let payload_type = match number {
            None => *usual,
            Some(number) => number.parse().ok().filter(|number| *number < 128)?,
        };
        Some(Self { payload_type, map: (*map).to_owned() })
    }
}

/// An SDP body with one audio line.
#[derive(Debug, Clone)]
pub struct Audio<'a> {
    /// Where the sender of the body wants to receive.
    pub at: SocketAddr,
    /// In order of preference.
    pub encodings: &'a [Encoding],
    /// `sendrecv`, `sendonly`, `recvonly` or `inactive`.
    pub direction: &'a str,
    /// Packet length in ms.
    pub ptime_ms: u32,
    /// The version in the `o=` line: one more for each change.
    pub version: u32,
    /// `RTP/AVP`, `RTP/SAVP`, …
    pub profile: &'a str,
    /// Further attributes, `crypto:1 …`.
    pub attributes: &'a [String],
}

impl Audio<'_> {
    /// The body.
    #[must_use]
    pub fn body(&self) -> String {
        let family = if self.at.is_ipv4() { "IP4" } else { "IP6" };
        let (ip, port, version) = (self.at.ip(), self.at.port(), self.version);
        let mut text = format!(
            "v=0\r\no=- {port} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {port} {}",
            self.profile
        );
        for encoding in self.encodings {
            write!(text, " {}", encoding.payload_type).expect("a String takes all text");
        }
        text.push_str("\r\n");
        for Encoding { payload_type, map } in self.encodings {
            write!(text, "a=rtpmap:{payload_type} {map}\r\n").expect("a String takes all text");
            if map.starts_with("telephone-event") {
                write!(text, "a=fmtp:{payload_type} 0-15\r\n").expect("a String takes all text");
            }
        }
        for attribute in self.attributes {
            write!(text, "a={attribute}\r\n").expect("a String takes all text");
        }
        write!(text, "a=ptime:{}\r\na={}\r\n", self.ptime_ms, self.direction)
            .expect("a String takes all text");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_this_text() {
        let bytes = Message::request("INFO", "sip:4001@10.1.0.9")
            .header("CSeq", "3 INFO")
            .body("text/plain", "x\r\n");
        let expected = "INFO sip:4001@10.1.0.9 SIP/2.0\r\nCSeq: 3 INFO\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nx\r\n";
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        assert_eq!(
            Message::response(486, phrase(486)).finish(),
            b"SIP/2.0 486 Busy Here\r\nContent-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn an_audio_line_lists_its_encodings() {
        let encodings = [Encoding::named("PCMA").unwrap(), Encoding::named("DTMF:96").unwrap()];
        let audio = Audio {
            at: "10.1.0.5:4000".parse().unwrap(),
            encodings: &encodings,
            direction: "sendonly",
            ptime_ms: 20,
            version: 2,
            profile: "RTP/SAVP",
            attributes: &["crypto:1 X inline:Y".to_owned()],
        };
        let expected = "v=0\r\no=- 4000 2 IN IP4 10.1.0.5\r\ns=-\r\nc=IN IP4 10.1.0.5\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 8 96\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\na=crypto:1 X inline:Y\r\na=ptime:20\r\na=sendonly\r\n";
        assert_eq!(audio.body(), expected);
        assert_eq!((Encoding::named("G728"), Encoding::named("PCMA:128")), (None, None));
    }
}
