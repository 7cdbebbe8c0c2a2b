//! SDP (RFC 8866) as views over a body.
//!
//! Lines may end in CR LF, LF or CR and stand in any order: a description is what its lines say, not how they are
//! arranged. Nothing is copied; values are read when they are asked for, by walking the lines of one section.

mod address;
mod attribute;
mod error;
mod line;
mod media;
mod session;

pub use attribute::{Crypto, Fingerprint, MediaDirection, RtpMap};
pub use error::{SdpCause, SdpError};
pub use media::{Media, MediaKind, Protocol};
pub use session::{Origin, Session};
