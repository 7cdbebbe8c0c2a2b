//! Made-up calls by the thousand, and the truth about them.
//!
//! This crate never reads a clock, a file or a source of randomness, and sends nothing: the same [`Load`] with the same seed
//! gives the same frames, byte for byte, on every machine, and so the same payload hashes. `earwitness bench` measures with
//! it, and tests and benches do.
//!
//! - [`Crowd`]: as many calls at once as a sender can send
//! - [`Load`]: thousands of ordinary calls → a stream of frames, and the [`Truth`] about them
//! - [`datagram`], [`segment`], [`rtp`], [`sip`], [`pcap`]: the bytes of it

#![forbid(unsafe_code)]

pub mod calls;
mod crowd;
pub mod datagram;
pub mod pcap;
mod random;
pub mod rtp;
pub mod segment;
pub mod sip;

use earwitness_model::PacketTime;

pub use crate::{
    calls::{CallTruth, DirectionTruth, Load, SipCarrier, Truth},
    crowd::Crowd,
    random::Random,
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
