//! What came in, and what did not come out.

use std::fmt;

/// Why a frame did not come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dropped {
    /// It is of a link type that is not read, or of another than the first frame's: one file has one.
    LinkType,
    /// It carries no IP: ARP, LLDP, spanning tree.
    NotIp,
    /// ICMP: it quotes what others sent.
    Icmp,
    /// IP that is neither UDP nor TCP, nor a tunnel that leads to one.
    OtherIp,
    /// A datagram that is no telephony: DNS, DHCP, STUN, T.38, DTLS and the like.
    OtherUdp,
    /// A segment of a connection that does not speak SIP.
    OtherTcp,
    /// A segment of a connection in TLS: what is in it cannot be replaced.
    Tls,
    /// A piece of a packet, of which others are missing or contradict it.
    Incomplete,
    /// Its headers could not be written anew so that they are read as before.
    Unreadable,
}

impl Dropped {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::LinkType,
        Self::NotIp,
        Self::Icmp,
        Self::OtherIp,
        Self::OtherUdp,
        Self::OtherTcp,
        Self::Tls,
        Self::Incomplete,
        Self::Unreadable,
    ];
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LinkType => "of another link type",
            Self::NotIp => "no IP",
            Self::Icmp => "ICMP",
            Self::OtherIp => "other IP protocols",
            Self::OtherUdp => "UDP that is no telephony",
            Self::OtherTcp => "TCP that is no SIP",
            Self::Tls => "TLS",
            Self::Incomplete => "pieces of packets that are not whole",
            Self::Unreadable => "not understood",
        })
    }
}

/// Frames that came in and out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Frames that came in.
    pub frames: u64,
    /// Frames that were fetched.
    pub written: u64,
    dropped: [u64; Dropped::ALL.len()],
}

impl Counts {
    /// How many did not come out because of `reason`.
    #[must_use]
    pub fn of(&self, reason: Dropped) -> u64 {
        self.dropped.get(reason as usize).copied().unwrap_or_default()
    }

    /// How many did not come out.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }

    pub(crate) fn count(&mut self, reason: Dropped) {
        if let Some(count) = self.dropped.get_mut(reason as usize) {
            *count += 1;
        }
    }
}
