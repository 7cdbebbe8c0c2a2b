//! Call scripts, generators and ground truth for tests and benches; not product code.
//!
//! This crate never reads a clock, a file or a source of randomness, but for what is said in [`tls`]: the same script, the same [`Load`] and the same
//! seed give the same frames, byte for byte, on every machine. No product crate depends on it except for its tests.
//!
//! - [`script`]: a call told line by line → frames; the language is in `fixtures/README.md`
//! - [`Load`] (of the crate `load`, which others ship): thousands of ordinary calls → a stream of frames, and the [`Truth`] about them
//! - [`flood`]: what nobody wants to see on a mirror port: garbage, scanners, calls without end
//! - [`demo`]: the calls of an office that one can listen to
//! - [`wrap`]: any frame in every encapsulation
//! - [`Carriage`]: the same scripts over TCP or WebSocket, in TLS or not, cut and reordered
//! - [`datagram`], [`segment`], [`rtp`], [`rtcp`], [`srtp`], [`pcap`]: the bytes of it

#![forbid(unsafe_code)]

pub mod audio;
pub mod demo;
pub mod flood;
pub mod rtcp;
pub mod script;
pub mod srtp;
mod stream;
pub mod tls;
pub mod wrap;

pub use earwitness_load::{
    CallTruth, DirectionTruth, Frame, Load, MORNING, Random, Truth, calls as load, datagram, pcap, rtp,
    segment, sip,
};

pub use crate::stream::{Carriage, Opening, SegmentOrder};
