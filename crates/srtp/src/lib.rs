//! SRTP (RFC 3711) as a listener reads it who knows the keys, because the signalling says them (SDES, RFC 4568).
//!
//! Pure: no clock, no file, no socket, no log. It never encrypts, and never keeps a packet: a packet and the keys go in, the
//! packet as it was before it was protected comes out, or the reason why not. What is opened was authenticated first; there
//! is no way to the plain text of a packet that fails.
//!
//! ```text
//!  a=crypto line ──► MasterKey ──► Cipher (keys derived once) ──┐
//!                                                               ▼
//!  SRTP packet ───────────────────────────────► Source::open ──► RTP packet
//!                                               one per SSRC: which key, which rollover
//! ```
//!
//! Whose key it is shows in the packets: of several that may be meant (lines of an offer, a re-keying, forks of a call) it is
//! the one that authenticates them. So it does not have to be guessed which line an answer chose, or when a new key begins.
//!
//! What is read: AES-CM with 128, 192 and 256 bits and HMAC-SHA1 with tags of 80 and 32 bits (RFC 3711, 4568, 6188), AES-GCM
//! with 128 and 256 bits (RFC 7714), master key identifiers. What is not: key derivation rates other than 0, F8, packets that
//! are not authenticated, encrypted header extensions (RFC 6904; the payload behind them is opened), SRTCP.
//!
//! Replayed packets are not refused: a mirror shows packets twice, and whoever keeps them counts duplicates.
//!
//! Master keys and derived keys are wiped when they are dropped, and never printed. The inner states of HMAC are not wiped:
//! the library that keeps them does not.
#![forbid(unsafe_code)]

mod cipher;
mod derive;
mod layout;
mod master;
mod mki;
mod rollover;
mod source;
mod suite;

pub use cipher::Cipher;
pub use master::{KeyError, MasterKey};
pub use source::{MOST_CIPHERS, Opened, Source};
pub use suite::Suite;
