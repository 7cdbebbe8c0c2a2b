//! How a party protects what it sends, as its SDP says.

use std::sync::Arc;

use earwitness_model::Flag;
use earwitness_srtp::Cipher;

/// The protection of the audio that whoever announced an endpoint sends. Secret: the keys are in it.
#[derive(Debug)]
pub(crate) struct Secured {
    pub(crate) profile: Profile,
    pub(crate) exchange: Exchange,
    /// The keys that were said and can be used; none, when the exchange tells a listener nothing.
    pub(crate) ciphers: Vec<Arc<Cipher>>,
}

/// What the media line offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// SRTP and nothing else: `RTP/SAVP` and its kin.
    Srtp,
    /// RTP, with keys beside it: SRTP if the other party says keys, too.
    Either,
}

/// How the parties come to their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// They say them in the SDP (RFC 4568).
    Sdes,
    /// By DTLS on the media's own ports (RFC 5764), of which a listener sees no key.
    Dtls,
    /// By ZRTP within the media (RFC 6189), of which a listener sees no key.
    Zrtp,
    /// It was not said.
    Unsaid,
}

impl Secured {
    /// How it was protected of which nobody knows any more with which keys: a call that is taken up after a restart.
    pub(crate) const fn forgotten() -> Self {
        Self { profile: Profile::Srtp, exchange: Exchange::Unsaid, ciphers: Vec::new() }
    }

    /// Why it cannot be opened, when the SDP shows that.
    pub(crate) const fn is_closed(&self) -> Option<Exchange> {
        match self.profile {
            Profile::Srtp if self.ciphers.is_empty() => Some(self.exchange),
            Profile::Srtp | Profile::Either => None,
        }
    }
}

impl Exchange {
    /// What is said of a call that could not be opened.
    pub(crate) const fn flag(self) -> Flag {
        match self {
            Self::Dtls => Flag::Dtls,
            Self::Zrtp => Flag::Zrtp,
            Self::Sdes | Self::Unsaid => Flag::KeysUnknown,
        }
    }
}
