//! Encapsulations, one per file: each takes a [`Span`] and gives back what lies inside it.

pub(crate) mod ah;
mod backbone;
mod erspan;
mod esp;
mod ether_ip;
pub(crate) mod ethernet;
mod geneve;
mod gre;
mod gtp;
pub(crate) mod hep;
pub(crate) mod ipv4;
pub(crate) mod ipv6;
pub(crate) mod loopback;
mod mpls;
pub(crate) mod port_tag;
mod ppp;
pub(crate) mod pppoe;
pub(crate) mod sll;
pub(crate) mod transport;
pub(crate) mod tunnel;
mod tzsp;
pub(crate) mod vlan;
mod vxlan;

use crate::{Cause, Layer, WireError};

/// The part of a frame that a layer occupies.
///
/// Invariant: `bytes` lies within the frame at `offset`; `bytes.len() + cut` is the length that the layer outside says
/// this one has. What is beyond that (Ethernet padding, a trailer) is not in `bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span<'b> {
    /// What was captured of it.
    pub(crate) bytes: &'b [u8],
    /// Bytes from the start of the frame.
    pub(crate) offset: usize,
    /// Bytes that belong to it and were not captured.
    pub(crate) cut: u32,
}

impl<'b> Span<'b> {
    /// What follows the first `len` bytes, which the caller has read already; empty when there are fewer.
    #[inline]
    pub(crate) fn after(self, len: usize) -> Self {
        Self { bytes: self.bytes.get(len..).unwrap_or_default(), offset: self.offset + len, cut: self.cut }
    }

    /// [`Self::after`] for a header whose bytes nobody has looked at; `None` when they were not all captured.
    pub(crate) fn checked_after(self, len: usize) -> Option<Self> {
        (self.bytes.len() >= len).then(|| self.after(len))
    }

    /// Its length by what the layers outside say, captured or not.
    pub(crate) fn promised(self) -> usize {
        self.bytes.len() + usize::try_from(self.cut).unwrap_or(usize::MAX)
    }

    /// The first `len` bytes: what a length field of this layer says it has. Bytes it promises beyond those captured
    /// count as cut.
    #[inline]
    pub(crate) fn limited(self, len: usize) -> Self {
        match self.bytes.get(..len) {
            Some(bytes) => Self { bytes, cut: 0, ..self },
            None => Self { cut: u32::try_from(len - self.bytes.len()).unwrap_or(u32::MAX), ..self },
        }
    }

    /// An error of `layer` at the start of this span.
    #[cold]
    pub(crate) fn error(self, layer: Layer, cause: Cause) -> WireError {
        WireError::new(layer, self.offset, cause)
    }
}

/// What a link layer or a tunnel carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inside<'b> {
    /// A payload named by an EtherType.
    EtherType(u16, Span<'b>),
    /// An Ethernet frame.
    Ethernet(Span<'b>),
    /// An IEEE 802.2 LLC header comes next.
    Llc(Span<'b>),
    /// IPv4 or IPv6: the version nibble decides.
    Ip(Span<'b>),
    /// Nothing that leads to IP.
    NotIp,
}
