//! One media section: an `m=` line and what follows it.

use std::net::IpAddr;

use super::{
    Crypto, Fingerprint, MediaDirection, RtpMap, Session, address::connection_address, line::Lines,
    session::direction_in,
};
use crate::sip::scan::{cut, decimal, first_word};

/// What a section carries (RFC 8866, 5.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// `audio`
    Audio,
    /// `video`
    Video,
    /// `image`: fax by T.38
    Image,
    /// `text`: real-time text
    Text,
    /// `application`
    Application,
    /// `message`: MSRP
    Message,
    /// Anything else, and what cannot be read.
    Other,
}

/// How it is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `RTP/AVP` (RFC 3551)
    RtpAvp,
    /// `RTP/SAVP` (RFC 3711)
    RtpSavp,
    /// `RTP/AVPF` (RFC 4585)
    RtpAvpf,
    /// `RTP/SAVPF` (RFC 5124)
    RtpSavpf,
    /// `UDP/TLS/RTP/SAVP` (RFC 5764)
    UdpTlsRtpSavp,
    /// `UDP/TLS/RTP/SAVPF` (RFC 5764)
    UdpTlsRtpSavpf,
    /// `udptl`: T.38 (ITU-T T.38, annex D)
    Udptl,
    /// Anything else, and what cannot be read.
    Other,
}

impl Protocol {
    /// Whether it is RTP, encrypted or not.
    #[must_use]
    pub const fn is_rtp(self) -> bool {
        !matches!(self, Self::Udptl | Self::Other)
    }

    /// Whether it is encrypted RTP.
    #[must_use]
    pub const fn is_srtp(self) -> bool {
        matches!(self, Self::RtpSavp | Self::RtpSavpf | Self::UdpTlsRtpSavp | Self::UdpTlsRtpSavpf)
    }

    fn from_name(name: &[u8]) -> Self {
        const NAMES: [(&[u8], Protocol); 7] = [
            (b"RTP/AVP", Protocol::RtpAvp),
            (b"RTP/SAVP", Protocol::RtpSavp),
            (b"RTP/AVPF", Protocol::RtpAvpf),
            (b"RTP/SAVPF", Protocol::RtpSavpf),
            (b"UDP/TLS/RTP/SAVP", Protocol::UdpTlsRtpSavp),
            (b"UDP/TLS/RTP/SAVPF", Protocol::UdpTlsRtpSavpf),
            (b"udptl", Protocol::Udptl),
        ];
        NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or(Self::Other, |(_, protocol)| *protocol)
    }
}

impl MediaKind {
    fn from_name(name: &[u8]) -> Self {
        const NAMES: [(&[u8], MediaKind); 6] = [
            (b"audio", MediaKind::Audio),
            (b"video", MediaKind::Video),
            (b"image", MediaKind::Image),
            (b"text", MediaKind::Text),
            (b"application", MediaKind::Application),
            (b"message", MediaKind::Message),
        ];
        NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or(Self::Other, |(_, kind)| *kind)
    }
}

/// One media section. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct Media<'b> {
    session: Session<'b>,
    kind: &'b [u8],
    port: &'b [u8],
    protocol: Protocol,
    formats: &'b [u8],
    section: &'b [u8],
}

impl<'b> Media<'b> {
    /// The section whose `m=` line has `value`; `section` begins with that line.
    pub(crate) fn new(session: Session<'b>, value: &'b [u8], section: &'b [u8]) -> Self {
        let (kind, rest) = first_word(value);
        let (port, rest) = first_word(rest);
        let (protocol, formats) = first_word(rest);
        Self { session, kind, port, protocol: Protocol::from_name(protocol), formats, section }
    }

    /// What it carries.
    #[must_use]
    pub fn kind(&self) -> MediaKind {
        MediaKind::from_name(self.kind)
    }

    /// The port it is received at; 0 refuses the media (RFC 3264, 6), and stands for a port that is no number too.
    #[must_use]
    pub fn port(&self) -> u16 {
        let port = cut(self.port, b'/').map_or(self.port, |(port, _)| port);
        decimal(port).and_then(|port| u16::try_from(port).ok()).unwrap_or(0)
    }

    /// How many consecutive port pairs it takes: `m=audio 49170/2`; 1 unless it says so.
    #[must_use]
    pub fn port_count(&self) -> u16 {
        let count = cut(self.port, b'/').and_then(|(_, count)| decimal(count));
        count.and_then(|count| u16::try_from(count).ok()).filter(|count| *count > 0).unwrap_or(1)
    }

    /// How it is carried.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The formats, the preferred one first.
    pub fn formats(&self) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        let formats = self.formats;
        formats.split(u8::is_ascii_whitespace).filter(|format| !format.is_empty())
    }

    /// The formats that are RTP payload types, the preferred one first; none when it is not carried by RTP.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> + use<'b> {
        let is_rtp = self.protocol.is_rtp();
        let number = |format| decimal(format).and_then(|number| u8::try_from(number).ok());
        self.formats().filter(move |_| is_rtp).filter_map(number).filter(|number| *number < 128)
    }

    /// The address it is received at: its own `c=` line's, else the session's; `None` for a host name.
    #[must_use]
    pub fn connection(&self) -> Option<IpAddr> {
        match self.lines().values(b'c').next() {
            Some(own) => connection_address(own),
            None => self.session.connection(),
        }
    }

    /// Which way it flows: its own attribute, else the session's, else both ways.
    #[must_use]
    pub fn direction(&self) -> MediaDirection {
        direction_in(self.lines()).or_else(|| self.session.direction()).unwrap_or_default()
    }

    /// The encoding that the description gives to a payload type.
    #[must_use]
    pub fn rtpmap(&self, payload_type: u8) -> Option<RtpMap<'b>> {
        self.of_payload_type("rtpmap", payload_type).find_map(RtpMap::parse)
    }

    /// The format parameters of a payload type.
    #[must_use]
    pub fn fmtp(&self, payload_type: u8) -> Option<&'b [u8]> {
        self.of_payload_type("fmtp", payload_type).next()
    }

    /// How much audio a packet holds, in ms.
    #[must_use]
    pub fn ptime(&self) -> Option<u32> {
        let value = self.attribute("ptime")?;
        let whole = cut(value, b'.').map_or(value, |(whole, _fraction)| whole);
        u32::try_from(decimal(whole)?).ok()
    }

    /// Where RTCP goes when it is not the next port (RFC 3605).
    #[must_use]
    pub fn rtcp(&self) -> Option<(u16, Option<IpAddr>)> {
        let (port, address) = first_word(self.attribute("rtcp")?);
        Some((u16::try_from(decimal(port)?).ok()?, connection_address(address)))
    }

    /// Whether RTCP may share the port of RTP (RFC 5761).
    #[must_use]
    pub fn rtcp_mux(&self) -> bool {
        self.attribute("rtcp-mux").is_some()
    }

    /// The SRTP keys that are offered (RFC 4568).
    pub fn crypto(&self) -> impl Iterator<Item = Crypto<'b>> + use<'b> {
        named(self.lines(), "crypto").filter_map(Crypto::parse)
    }

    /// The hash of the certificate for DTLS (RFC 8122): its own, else the session's.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint<'b>> {
        let own = self.attribute("fingerprint");
        Fingerprint::parse(own.or_else(|| named(self.session.lines(), "fingerprint").next())?)
    }

    /// The value of the section's first attribute called `name`, empty if it has none.
    #[must_use]
    pub fn attribute(&self, name: &'static str) -> Option<&'b [u8]> {
        named(self.lines(), name).next()
    }

    fn of_payload_type(
        &self,
        name: &'static str,
        payload_type: u8,
    ) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        named(self.lines(), name).filter_map(move |value| {
            let (number, rest) = first_word(value);
            (decimal(number) == Some(u64::from(payload_type))).then_some(rest)
        })
    }

    const fn lines(&self) -> Lines<'b> {
        Lines::new(self.section)
    }
}

fn named<'b>(lines: Lines<'b>, name: &'static str) -> impl Iterator<Item = &'b [u8]> + use<'b> {
    lines.values(b'a').filter_map(move |attribute| value_of(attribute, name))
}

/// What stands behind `name:`, nothing behind `name` alone; `None` of another attribute.
fn value_of<'b>(attribute: &'b [u8], name: &str) -> Option<&'b [u8]> {
    let (found, rest) = attribute.split_at_checked(name.len())?;
    if !found.eq_ignore_ascii_case(name.as_bytes()) {
        return None;
    }
    match rest.trim_ascii_start() {
        [] => Some(&[]),
        [b':', value @ ..] => Some(value.trim_ascii_start()),
        _ => None,
    }
}
