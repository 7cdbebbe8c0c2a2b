//! Grammar without memory: link layers, tunnels, IP, UDP, TCP, SIP, SDP, RTP, RTCP and HEP as views over `&[u8]`.
//!
//! Parsing never panics, never allocates and never logs. What was understood is kept and where it stopped is said: an
//! error names its layer, its offset and its cause, and is `Copy`, so that it can be counted instead of printed. Two
//! things here have a memory, both bounded and driven by the frames' own time: [`Reassembler`] for IP packets that came in
//! pieces, and [`Streams`](stream::Streams) for messages that came over TCP.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::cast_possible_truncation))]

pub mod hep;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod sip;
pub mod stream;
pub mod zrtp;

mod decode;
mod encap;
mod error;
mod glance;
mod outline;
mod protocol;
mod reassembly;
mod tcp;
mod tunnel;

pub use decode::{Carried, Datagram, Fragment, decode};
pub use earwitness_model::{Encapsulation, Tunnel, TunnelEnds};
pub use error::{Cause, Layer, WireError};
pub use glance::{Glance, glance};
pub use outline::{IpOutline, Outline, Tags, outline};
pub use protocol::Protocol;
pub use reassembly::{FragmentLoss, FragmentLosses, Reassembled, Reassembler, ReassemblyLimits};
pub use tcp::{TcpFlags, TcpSegment};
pub use tunnel::TunnelCounts;
