//! What a capture hands over: link-layer frames, and the addresses found in them.

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{PacketTime, Pii};

/// The link type of a capture, by its `LINKTYPE_` number in the registry at tcpdump.org.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// 0: BSD loopback, a 4-byte address family in the byte order of the machine that captured.
    Null,
    /// 1: Ethernet.
    Ethernet,
    /// 101, also 12 and 14: a bare IPv4 or IPv6 packet.
    RawIp,
    /// 108: OpenBSD loopback, the address family in network byte order.
    Loop,
    /// 113: Linux cooked capture.
    LinuxSll,
    /// 228: a bare IPv4 packet.
    Ipv4,
    /// 229: a bare IPv6 packet.
    Ipv6,
    /// 276: Linux cooked capture, version 2.
    LinuxSll2,
    /// None of the registry's: a HEP packet, as an agent sent it to this machine.
    Hep,
    /// Any other number: its frames are counted, not read.
    Other(u16),
}

impl LinkType {
    /// The link type with the registry's `number`.
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        match number {
            0 => Self::Null,
            1 => Self::Ethernet,
            12 | 14 | 101 => Self::RawIp,
            108 => Self::Loop,
            113 => Self::LinuxSll,
            228 => Self::Ipv4,
            229 => Self::Ipv6,
            276 => Self::LinuxSll2,
            other => Self::Other(other),
        }
    }
}

/// One captured frame, borrowed from where the capture put it.
#[derive(Clone, Copy)]
pub struct RawFrame<'b> {
    /// When it was captured.
    pub time: PacketTime,
    /// Its place in the capture, from 1, over all interfaces: what Wireshark shows as `No.`.
    pub number: u64,
    /// The link type of its interface.
    pub link: LinkType,
    /// Its length on the wire; larger than `bytes.len()` when the snap length cut it.
    pub wire_len: u32,
    /// The bytes that were captured.
    pub bytes: &'b [u8],
}

/// What carries SIP messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SipTransport {
    /// UDP: a datagram is a message.
    Udp,
    /// TCP (RFC 3261, 18).
    Tcp,
    /// WebSocket over TCP (RFC 7118).
    Ws,
    /// TLS over TCP (RFC 3261, 26.2.1), opened by a key log.
    Tls,
    /// WebSocket over TLS (RFC 7118), opened by a key log.
    Wss,
}

impl SipTransport {
    /// What carries the same inside TLS.
    #[must_use]
    pub const fn in_tls(self) -> Self {
        match self {
            Self::Udp | Self::Tcp | Self::Tls => Self::Tls,
            Self::Ws | Self::Wss => Self::Wss,
        }
    }

    /// Whether it came in TLS.
    #[must_use]
    pub const fn is_in_tls(self) -> bool {
        match self {
            Self::Udp | Self::Tcp | Self::Ws => false,
            Self::Tls | Self::Wss => true,
        }
    }

    /// As a Via header names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Ws => "WS",
            Self::Tls => "TLS",
            Self::Wss => "WSS",
        }
    }
}

/// Where a datagram came from and where it went.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Flow {
    /// The sender's address and port.
    pub src: SocketAddr,
    /// The receiver's address and port.
    pub dst: SocketAddr,
}

impl Flow {
    /// The other direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self { src: self.dst, dst: self.src }
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Pii::new(()).fmt(f)
    }
}
