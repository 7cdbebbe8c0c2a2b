//! Why bytes are no SIP message.

use std::fmt;

/// Bytes that are no SIP message: where reading stopped and why. `Copy`, so that it is counted by cause, not printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SipError {
    /// Offset of the line that could not be read, from the first byte of the datagram.
    pub offset: u32,
    /// What was wrong with it.
    pub cause: SipCause,
}

/// What makes bytes no SIP message (RFC 3261, 7.1 and 7.2). Everything milder is a [`Defect`](super::Defect).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SipCause {
    /// Nothing, or nothing but line ends and NUL: a keep-alive (RFC 5626, 3.5.1).
    Empty,
    /// The first word is no method: not a token, or longer than [`METHOD_BOUND`](super::METHOD_BOUND).
    BadMethod,
    /// A request line without a Request-URI.
    NoUri,
    /// The first line neither begins nor ends with `SIP/`.
    NoVersion,
    /// A status line whose code is not three digits, 100 or above.
    BadStatus,
    /// More bytes than a 32-bit offset reaches.
    TooLong,
}

impl fmt::Display for SipCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "nothing but line ends",
            Self::BadMethod => "the first word is no method",
            Self::NoUri => "no Request-URI",
            Self::NoVersion => "no SIP version",
            Self::BadStatus => "the status code is not three digits",
            Self::TooLong => "too long for a message",
        })
    }
}

impl fmt::Display for SipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP, offset {}: {}", self.offset, self.cause)
    }
}

impl std::error::Error for SipError {}
