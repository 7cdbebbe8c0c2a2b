//! TLS (RFC 5246, RFC 8446) as a listener reads it who was given the keys, because a party wrote them down (a key log, which
//! OpenSSL and others make and NSS defined the form of).
//!
//! Pure: no clock, no file, no socket, no log. It never encrypts, never speaks, and looks at no certificate: who the parties
//! are was for them to find out. What is opened was authenticated first; there is no way to the plain text of a record that
//! fails.
//!
//! ```text
//!  lines of text ─► KeyLog ────────────┐ secrets by the random of the ClientHello
//!                                      ▼
//!  bytes of a direction, in order ─► Half::step ─► what was said
//!                                      ▲ ▼
//!                                   Handshake: what both directions have to know of their hellos
//! ```
//!
//! What is read: TLS 1.2 with AES-GCM (RFC 5288, 5289), ARIA-GCM (RFC 6209), ChaCha20-Poly1305 (RFC 7905) and AES-CBC with HMAC, encrypt-then-MAC
//! (RFC 7366) or not; TLS 1.3 with its three suites that have tags of 16 bytes, early data and key updates. Resumption needs
//! nothing of its own: the secrets of every connection are logged. What is not: TLS 1.1 and before, CCM, a renegotiation's
//! new keys, and a connection whose hellos were not seen.
//!
//! **Loss.** Records are numbered, and the numbers are not in them. Where bytes are missing the next record is looked for,
//! and tried with the [`TRIES`] numbers that follow, or, behind what was opened, with as many as the missing bytes may have
//! been: a wrong one does not authenticate. What that costs is bounded, and paid for by what is opened.
//!
//! **Forgery.** Hellos are in the clear, and anybody's. Each direction believes its own; which of the other's belongs to it
//! shows in what opens its first sealed record.
//!
//! Secrets and what is derived from them are wiped when they are dropped, and never printed. The inner states of HMAC and
//! the hash keys of GCM and Poly1305 are not wiped: the libraries that keep them do not.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::cast_possible_truncation))]

mod cbc;
mod half;
mod handshake;
mod hello;
mod key_log;
mod messages;
mod opener;
mod record;
mod schedule;
mod sealed;
mod stages;
mod suite;

pub use half::{Half, Role, Step, TRIES};
pub use handshake::Handshake;
pub use hello::{client_random, hello_of};
pub use key_log::{KeyLog, KeyLogCounts, MOST_SECRETS};
pub use record::begins_record;
