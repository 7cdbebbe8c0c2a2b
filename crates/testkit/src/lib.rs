//! Call scripts, generators and ground truth for tests and benches; not product code.
//!
//! This crate never reads a clock, a file or a source of randomness, but for what is said in [`tls`]: the same script, the same [`Load`] and the same
//! seed give the same frames, byte for byte, on every machine. No product crate depends on it except for its tests.
//!
//! - [`script`]: a call told line by line → frames; the language is in `fixtures/README.md`
//! - [`Load`]: thousands of ordinary calls → a stream of frames, and the [`Truth`] about them
//! - [`flood`]: what nobody wants to see on a mirror port: garbage, scanners, calls without end
//! - [`demo`]: the calls of an office that one can listen to
//! - [`wrap`]: any frame in every encapsulation
//! - [`Carriage`]: the same scripts over TCP or WebSocket, in TLS or not, cut and reordered
//! - [`datagram`], [`segment`], [`rtp`], [`rtcp`], [`srtp`], [`pcap`]: the bytes of it

#![forbid(unsafe_code)]

pub mod audio;
pub mod datagram;
pub mod demo;
pub mod flood;
pub mod load;
pub mod pcap;
mod random;
pub mod rtcp;
pub mod rtp;
pub mod script;
pub mod segment;
pub mod sip;
pub mod srtp;
mod stream;
pub mod tls;
pub mod wrap;

use earwitness_model::PacketTime;

pub use crate::{
    load::{CallTruth, DirectionTruth, Load, Truth},
    random::Random,
    stream::{Carriage, Opening, SegmentOrder},
};

/// An Ethernet frame and when it passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When.
    pub time: PacketTime,
    /// From the destination address on, without preamble and checksum.
    pub bytes: Vec<u8>,
}

/// When generated calls begin unless told otherwise: 2026-11-21 09:00 in Korea.
pub const MORNING: PacketTime = PacketTime::from_nanos(1_795_219_200_000_000_000);
