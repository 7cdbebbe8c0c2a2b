//! Why bytes are no session description.

use std::fmt;

/// Bytes that are no session description. `Copy`, so that it is counted by cause, not printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SdpError {
    /// Offset of the line that could not be read, from the first byte of the body.
    pub offset: u32,
    /// What was wrong with it.
    pub cause: SdpCause,
}

/// What makes bytes no session description (RFC 8866, 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SdpCause {
    /// Nothing but white space.
    Empty,
    /// The first line is not `letter=value`.
    NotSdp,
    /// A version other than `v=0`.
    BadVersion,
}

impl fmt::Display for SdpCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "nothing",
            Self::NotSdp => "the first line is not letter=value",
            Self::BadVersion => "another version than 0",
        })
    }
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SDP, offset {}: {}", self.offset, self.cause)
    }
}

impl std::error::Error for SdpError {}
