//! Encapsulations: those that are read are counted, those that are not are a defect.

use std::fmt;

use earwitness_wire::{Carried, Datagram, Tunnel, TunnelCounts, rtp};

use super::Sight;
use crate::{
    Code, Evidence, Finding, Severity,
    report::{Examples, percent},
};

/// From this share of tunnelled frames on the phones may well be in them.
const DEFECT_PERCENT: f64 = 20.0;
/// How far into a frame SIP is looked for.
const SEARCHED: usize = 600;

/// What carries packets that were not reached: a kind that is not read, or a variety of one that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unread {
    Gre,
    IpInIp,
    EtherIp,
    Ipsec,
    Mpls,
    Macsec,
    Trill,
    Vxlan,
    Geneve,
    Capwap,
    GtpU,
    L2tp,
    Tzsp,
}

impl Unread {
    const ALL: [Self; 13] = [
        Self::Gre,
        Self::IpInIp,
        Self::EtherIp,
        Self::Ipsec,
        Self::Mpls,
        Self::Macsec,
        Self::Trill,
        Self::Vxlan,
        Self::Geneve,
        Self::Capwap,
        Self::GtpU,
        Self::L2tp,
        Self::Tzsp,
    ];

    /// By the IP protocol (IANA) or the EtherType at which reading ended.
    const fn of_carried(carried: &Carried<'_>) -> Option<Self> {
        match carried {
            Carried::OtherIp(47) => Some(Self::Gre),
            Carried::OtherIp(4 | 41) => Some(Self::IpInIp),
            Carried::OtherIp(50) => Some(Self::Ipsec),
            Carried::OtherIp(97) => Some(Self::EtherIp),
            Carried::OtherIp(115) => Some(Self::L2tp),
            Carried::OtherIp(137) | Carried::NotIp(0x8847 | 0x8848) => Some(Self::Mpls),
            Carried::NotIp(0x88e5) => Some(Self::Macsec),
            Carried::NotIp(0x22f3) => Some(Self::Trill),
            Carried::OtherIp(_)
            | Carried::NotIp(_)
            | Carried::Udp(_)
            | Carried::Fragment(_)
            | Carried::Tcp(_)
            | Carried::Icmp => None,
        }
    }

    /// By the UDP port (IANA) and what the header of a packet of users begins with; RTP may have any port.
    fn of_datagram(datagram: &Datagram<'_>) -> Option<Self> {
        let (first, second) = (*datagram.payload.first()?, datagram.payload.get(1).copied().unwrap_or(0));
        match datagram.flow.dst.port() {
            _ if rtp::looks_like(datagram.payload) => None,
            // The I flag, and no O flag (RFC 7348, section 5).
            4789 | 4790 | 8472 if first & 0x09 == 0x08 => Some(Self::Vxlan),
            6081 if first >> 6 == 0 && second >> 7 == 0 => Some(Self::Geneve),
            5246 | 5247 if first >> 4 == 0 => Some(Self::Capwap),
            // Version 1, protocol type GTP, a G-PDU (3GPP TS 29.281, 5.1).
            2152 if first >> 4 == 3 && second == 255 => Some(Self::GtpU),
            1701 if datagram.flow.src.port() == 1701 => Some(Self::L2tp),
            37_008 if first == 1 && second <= 1 => Some(Self::Tzsp),
            // IPsec behind NAT (RFC 3948): keep-alives are one byte.
            4500 if datagram.payload.len() > 1 => Some(Self::Ipsec),
            _ => None,
        }
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gre => "GRE",
            Self::IpInIp => "IP in IP",
            Self::EtherIp => "EtherIP",
            Self::Ipsec => "IPsec",
            Self::Mpls => "MPLS",
            Self::Macsec => "MACsec",
            Self::Trill => "TRILL",
            Self::Vxlan => "VXLAN",
            Self::Geneve => "GENEVE",
            Self::Capwap => "CAPWAP",
            Self::GtpU => "GTP-U",
            Self::L2tp => "L2TP",
            Self::Tzsp => "TZSP",
        })
    }
}

/// Counts tunnelled frames by kind.
#[derive(Debug, Default)]
pub(crate) struct Tunnels {
    read: TunnelCounts,
    unread: [u64; Unread::ALL.len()],
    with_sip: u64,
    examples: Examples,
}

impl Tunnels {
    /// Takes what any frame carries.
    pub(crate) fn handle_carried(&mut self, carried: &Carried<'_>, bytes: &[u8], at: Sight) {
        if let Some(tunnel) = Unread::of_carried(carried) {
            self.count(tunnel, bytes, at);
        }
    }

    /// Takes the tunnel of any datagram or segment, if it came in one.
    pub(crate) fn handle_tunnel(&mut self, tunnel: Option<Tunnel>) {
        if let Some(tunnel) = tunnel {
            self.read.count(tunnel.kind);
        }
    }

    /// Takes a datagram that is neither SIP nor RTP.
    pub(crate) fn handle_stranger(&mut self, datagram: &Datagram<'_>, at: Sight) {
        if let Some(tunnel) = Unread::of_datagram(datagram) {
            self.count(tunnel, datagram.payload, at);
        }
    }

    fn count(&mut self, tunnel: Unread, bytes: &[u8], at: Sight) {
        if let Some(count) = self.unread.get_mut(tunnel as usize) {
            *count += 1;
        }
        let searched = bytes.get(..SEARCHED).unwrap_or(bytes);
        self.with_sip += u64::from(memchr::memmem::find(searched, b"SIP/2.0").is_some());
        self.examples.add(at.number);
    }

    /// Datagrams and segments in tunnels that are read.
    pub(crate) const fn read(&self) -> TunnelCounts {
        self.read
    }

    /// Among `frames` of which `messages` were SIP that was read.
    pub(crate) fn finish(&self, frames: u64, messages: u64) -> Option<Finding> {
        let total: u64 = self.unread.iter().sum();
        if total == 0 {
            return None;
        }
        let share = percent(total, frames);
        let is_defect = self.with_sip > 0 || (share >= DEFECT_PERCENT && messages == 0);
        let sip = if self.with_sip > 0 { "; there is SIP in them" } else { "" };
        let kinds = Unread::ALL.iter().zip(self.unread).filter(|(_, count)| *count > 0);
        Some(Finding {
            code: Code::Tunnelled,
            severity: if is_defect { Severity::Defect } else { Severity::Note },
            sentence: format!(
                "{total} of {frames} frames ({share:.1} %) are in tunnels that this version does not read{sip}"
            ),
            evidence: Evidence::counted([
                ("frames", frames),
                ("tunnelled", total),
                ("with_sip", self.with_sip),
            ])
            .at(&self.examples)
            .of(kinds.map(|(kind, count)| format!("{kind}: {count} frames"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_at_its_own_place() {
        for (place, tunnel) in Unread::ALL.into_iter().enumerate() {
            assert_eq!(tunnel as usize, place, "{tunnel}");
        }
    }
}
