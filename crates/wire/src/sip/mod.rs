//! SIP messages (RFC 3261) as views over a datagram.
//!
//! A message is read in one pass over its lines: the start line, and a table of where the headers that a recorder reads
//! begin and end. Values are read when they are asked for. Nothing is copied: every slice that comes out lies in the
//! datagram that went in, folds and escapes included.
//!
//! This is a listener, laxer than the phones it listens to: what RFC 3261 forbids and can be read all the same is a
//! [`Defect`] of the message; only bytes without a start line are refused ([`SipError`]).

mod body;
mod defects;
mod error;
mod head;
mod header;
mod message;
mod method;
mod start;
mod uri;
mod values;

pub(crate) mod scan;

pub use defects::{Defect, Defects};
pub use error::{SipCause, SipError};
pub use head::{HEADER_BOUND, Header};
pub(crate) use head::{HeaderLines, split_header};
pub use header::{CSeq, HeaderName, NameAddr, Param, Params, Reason, Replaces, SessionId, Transport, Via};
pub use message::Message;
pub use method::Method;
pub use start::{METHOD_BOUND, StartLine, find_start, looks_like};
pub use uri::{Scheme, Uri, percent_decoded, unescaped};
pub use values::Values;

pub(crate) use uri::host_address;
