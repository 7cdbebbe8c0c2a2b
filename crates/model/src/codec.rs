//! Payload formats (RFC 3551 and the media types of RFC 4855), as far as a recorder tells them apart.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of thing a payload is: the caller's voice, or something that rides along with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PayloadKind {
    /// Audio: it is hashed, and it is what is exported.
    Audio,
    /// RFC 4733 telephone-event.
    TelephoneEvent,
    /// RFC 3389 comfort noise.
    ComfortNoise,
    /// A payload type that no SDP of the call names and RFC 3551 does not fix.
    Unknown,
}

/// The encoding of a payload type in a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Codec {
    /// G.711 µ-law, 8 kHz, static payload type 0.
    Pcmu,
    /// G.711 A-law, 8 kHz, static payload type 8.
    Pcma,
    /// G.722, 16 kHz audio on an 8 kHz RTP clock (RFC 3551, 4.5.2), static payload type 9.
    G722,
    /// G.729, static payload type 18.
    G729,
    /// GSM full rate, static payload type 3.
    Gsm,
    /// Any other encoding: its name and clock rate as the rtpmap gave them, `opus/48000/2`.
    Other {
        /// The rtpmap value, or the RFC 3551 name.
        name: String,
        /// The RTP clock rate in Hz.
        clock_rate: u32,
        /// What it carries.
        kind: PayloadKind,
    },
}

impl Codec {
    /// The encoding that an rtpmap names (`name` without rate), compared without case as RFC 4855 asks.
    #[must_use]
    pub fn from_rtpmap(name: &str, clock_rate: u32, channels: Option<u8>) -> Self {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        match (clock_rate, channels.unwrap_or(1)) {
            (8000, 1) if is("PCMU") => return Self::Pcmu,
            (8000, 1) if is("PCMA") => return Self::Pcma,
            (8000, 1) if is("G722") => return Self::G722,
            (8000, 1) if is("G729") => return Self::G729,
            (8000, 1) if is("GSM") => return Self::Gsm,
            _ => {}
        }
        let kind = if is("telephone-event") {
            PayloadKind::TelephoneEvent
        } else if is("CN") {
            PayloadKind::ComfortNoise
        } else {
            PayloadKind::Audio
        };
        let channels = channels.map(|n| format!("/{n}")).unwrap_or_default();
        Self::Other { name: format!("{name}/{clock_rate}{channels}"), clock_rate, kind }
    }

    /// The encoding that RFC 3551, tables 4 and 5, fixes for a static payload type.
    #[must_use]
    pub fn from_static(payload_type: u8) -> Option<Self> {
        let other = |name: &str, clock_rate, kind| Self::Other { name: name.to_owned(), clock_rate, kind };
        let audio = |name: &str, clock_rate| other(name, clock_rate, PayloadKind::Audio);
        Some(match payload_type {
            0 => Self::Pcmu,
            3 => Self::Gsm,
            4 => audio("G723", 8000),
            5 => audio("DVI4", 8000),
            6 => audio("DVI4", 16000),
            7 => audio("LPC", 8000),
            8 => Self::Pcma,
            9 => Self::G722,
            10 => audio("L16/44100/2", 44100),
            11 => audio("L16/44100", 44100),
            12 => audio("QCELP", 8000),
            13 | 19 => other("CN", 8000, PayloadKind::ComfortNoise),
            15 => audio("G728", 8000),
            18 => Self::G729,
            _ => return None,
        })
    }

    /// What it carries.
    #[must_use]
    pub const fn kind(&self) -> PayloadKind {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 | Self::G729 | Self::Gsm => PayloadKind::Audio,
            Self::Other { kind, .. } => *kind,
        }
    }

    /// The RTP clock rate in Hz.
    #[must_use]
    pub const fn clock_rate(&self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 | Self::G729 | Self::Gsm => 8000,
            Self::Other { clock_rate, .. } => *clock_rate,
        }
    }

    /// G.711, either law.
    #[must_use]
    pub const fn is_g711(&self) -> bool {
        matches!(self, Self::Pcmu | Self::Pcma)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::G729 => "G729",
            Self::Gsm => "GSM",
            Self::Other { name, .. } => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_and_rates_with_care() {
        assert_eq!(Codec::from_rtpmap("pcmu", 8000, None), Codec::Pcmu);
        assert_eq!(Codec::from_rtpmap("PCMA", 8000, Some(1)), Codec::Pcma);
        assert_eq!(Codec::from_rtpmap("PCMA", 16000, None).to_string(), "PCMA/16000");
        assert_eq!(Codec::from_rtpmap("opus", 48000, Some(2)).to_string(), "opus/48000/2");
        assert_eq!(Codec::from_rtpmap("Telephone-Event", 8000, None).kind(), PayloadKind::TelephoneEvent);
        assert_eq!(Codec::from_rtpmap("cn", 16000, None).kind(), PayloadKind::ComfortNoise);
    }

    #[test]
    fn static_payload_types_are_those_of_rfc_3551() {
        assert_eq!(Codec::from_static(8), Some(Codec::Pcma));
        assert_eq!(Codec::from_static(13).map(|c| c.kind()), Some(PayloadKind::ComfortNoise));
        assert_eq!(Codec::from_static(96), None);
    }
}
