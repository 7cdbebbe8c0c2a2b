//! What an SDP says of keys: `a=crypto` (RFC 4568), `a=fingerprint` (RFC 8122), `a=zrtp-hash` (RFC 6189, 8).

use std::sync::Arc;

use earwitness_model::{Flag, Leg};
use earwitness_srtp::{Cipher, MasterKey};
use earwitness_wire::sdp::{Media, Protocol};

use crate::secured::{Exchange, Profile, Secured};

/// Crypto lines that are read of one media line; phones offer one for each suite that they know.
const MOST_LINES: usize = 8;
/// Keys that are read of them.
const MOST_KEYS: usize = 8;

/// How whoever sent `media` protects what it sends; `None` when it does not.
pub(super) fn secured(media: &Media<'_>) -> Option<Secured> {
    let profile = match media.protocol() {
        Protocol::RtpAvp | Protocol::RtpAvpf => Profile::Either,
        Protocol::RtpSavp | Protocol::RtpSavpf | Protocol::UdpTlsRtpSavp | Protocol::UdpTlsRtpSavpf => {
            Profile::Srtp
        }
        Protocol::Udptl | Protocol::Other => return None,
    };
    let is_sdes = media.crypto().next().is_some();
    // Beside plain RTP, a fingerprint or the hash of a ZRTP message is an offer that the media itself answers.
    if !is_sdes && profile == Profile::Either {
        return None;
    }
    let is_dtls = matches!(media.protocol(), Protocol::UdpTlsRtpSavp | Protocol::UdpTlsRtpSavpf);
    let exchange = if is_sdes {
        Exchange::Sdes
    } else if is_dtls || media.fingerprint().is_some() {
        Exchange::Dtls
    } else if media.attribute("zrtp-hash").is_some() {
        Exchange::Zrtp
    } else {
        Exchange::Unsaid
    };
    Some(Secured { profile, exchange, ciphers: ciphers(media) })
}

fn ciphers(media: &Media<'_>) -> Vec<Arc<Cipher>> {
    let lines = media.crypto().take(MOST_LINES);
    let keys =
        lines.filter_map(|line| MasterKey::read(line.suite, line.key_params, line.session_params).ok());
    keys.flatten().take(MOST_KEYS).map(|key| Arc::new(Cipher::new(key))).collect()
}

/// What the parties of a call last said of keys that a listener does not learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Closed([Side; 2]);

/// What one party said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Side {
    /// Nothing yet.
    #[default]
    Unsaid,
    /// RTP, or SRTP with keys that can be used.
    Readable,
    /// SRTP with keys that come this way.
    Closed(Exchange),
}

/// Whether something new was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It was.
    Yes,
    /// The same again.
    No,
}

impl Closed {
    /// A party's SDP says that its audio cannot be opened, or can.
    pub(super) fn handle_said(&mut self, by: Leg, closed: Option<Exchange>) -> Change {
        let side = &mut self.0[usize::from(by == Leg::Callee)];
        let said = closed.map_or(Side::Readable, Side::Closed);
        if std::mem::replace(side, said) == said { Change::No } else { Change::Yes }
    }

    /// What is to be said of a call whose media was not listened to: it is closed when a party says so and the other does
    /// not say something else.
    pub(super) fn flags(self) -> Vec<Flag> {
        let closed = |side| match side {
            Side::Closed(exchange) => Some(exchange),
            Side::Unsaid | Side::Readable => None,
        };
        let exchange = self.0.into_iter().find_map(closed).filter(|_| !self.0.contains(&Side::Readable));
        exchange.map_or_else(Vec::new, |exchange| vec![Flag::Encrypted, exchange.flag()])
    }

    /// The inverse of [`Self::flags`].
    pub(super) fn from_flags(flags: &[Flag]) -> Self {
        let exchanges = [Exchange::Dtls, Exchange::Zrtp];
        let said = exchanges.into_iter().find(|exchange| flags.contains(&exchange.flag()));
        match flags.contains(&Flag::Encrypted) {
            true => Self([Side::Closed(said.unwrap_or(Exchange::Unsaid)); 2]),
            false => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use earwitness_srtp::Suite;
    use earwitness_wire::sdp::Session;

    use super::*;

    const LINE_80: &str =
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:4\r\n";
    const LINE_32: &str =
        "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR\r\n";
    const LINE_F8: &str =
        "a=crypto:3 F8_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR\r\n";

    fn read(media: &str) -> Option<(Profile, Exchange, Vec<Suite>)> {
        let body = format!("v=0\r\nc=IN IP4 10.1.0.5\r\nm=audio 4000 {media}");
        let session = Session::parse(body.as_bytes()).unwrap();
        let secured = secured(&session.media().next().unwrap())?;
        let suites = secured.ciphers.iter().map(|cipher| cipher.suite()).collect();
        Some((secured.profile, secured.exchange, suites))
    }

    #[test]
    fn keys_are_read_from_every_line_that_has_one() {
        let (one, other) = (Suite::AesCm128Tag80, Suite::AesCm128Tag32);
        let savp = read(&format!("RTP/SAVP 8\r\n{LINE_80}{LINE_F8}{LINE_32}"));
        assert_eq!(savp, Some((Profile::Srtp, Exchange::Sdes, vec![one, other])));
        let beside = read(&format!("RTP/AVP 8\r\n{LINE_80}"));
        assert_eq!(beside, Some((Profile::Either, Exchange::Sdes, vec![one])));
        let unread = read(&format!("RTP/SAVP 8\r\n{LINE_F8}"));
        assert_eq!(unread, Some((Profile::Srtp, Exchange::Sdes, vec![])));
        let many = read(&format!("RTP/SAVP 8\r\n{}", LINE_80.repeat(50))).unwrap();
        assert_eq!(many.2.len(), MOST_LINES);
    }

    #[test]
    fn exchanges_without_keys_are_told_apart() {
        let dtls = "UDP/TLS/RTP/SAVPF 8\r\na=fingerprint:sha-256 4A:AD\r\n";
        let without = |exchange| Some((Profile::Srtp, exchange, vec![]));
        assert_eq!(read(dtls), without(Exchange::Dtls));
        assert_eq!(read("RTP/SAVPF 8\r\na=fingerprint:sha-256 4A:AD\r\n"), without(Exchange::Dtls));
        assert_eq!(read("RTP/SAVP 8\r\na=zrtp-hash:1.10 fe30\r\n"), without(Exchange::Zrtp));
        assert_eq!(read("RTP/SAVP 8\r\n"), without(Exchange::Unsaid));
        assert_eq!(read("RTP/AVP 8\r\na=zrtp-hash:1.10 fe30\r\na=fingerprint:sha-1 00\r\n"), None);
        assert_eq!(read("udptl t38\r\n"), None);
    }

    #[test]
    fn a_call_is_closed_when_a_party_says_so_and_the_other_not_otherwise() {
        let mut closed = Closed::default();
        assert_eq!(closed.flags(), []);
        assert_eq!(closed.handle_said(Leg::Caller, Some(Exchange::Dtls)), Change::Yes);
        assert_eq!(closed.handle_said(Leg::Caller, Some(Exchange::Dtls)), Change::No);
        assert_eq!(closed.flags(), [Flag::Encrypted, Flag::Dtls]);
        assert_eq!(closed.handle_said(Leg::Callee, Some(Exchange::Dtls)), Change::Yes);
        assert_eq!(Closed::from_flags(&closed.flags()), closed);
        assert_eq!(closed.handle_said(Leg::Callee, None), Change::Yes);
        assert_eq!(closed.flags(), [], "it was answered with RTP");
        assert_eq!(Closed::from_flags(&[]), Closed::default());
    }
}
