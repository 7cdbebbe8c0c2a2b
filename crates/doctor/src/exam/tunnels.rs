//! Encapsulations that are not read.

use std::fmt;

use earwitness_wire::{Datagram, Outline, rtp};

use super::Sight;
use crate::{
    Code, Evidence, Finding, Severity,
    report::{Examples, percent},
};

/// From this share of tunnelled frames on the phones may well be in them.
const DEFECT_PERCENT: f64 = 20.0;
/// How far into a frame SIP is looked for.
const SEARCHED: usize = 600;

/// What carries the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tunnel {
    Gre,
    Erspan,
    IpInIp,
    EtherIp,
    Ipsec,
    Mpls,
    Macsec,
    ProviderBackbone,
    Trill,
    Vxlan,
    Geneve,
    Capwap,
    GtpU,
    L2tp,
    Tzsp,
}

impl Tunnel {
    const ALL: [Self; 15] = [
        Self::Gre,
        Self::Erspan,
        Self::IpInIp,
        Self::EtherIp,
        Self::Ipsec,
        Self::Mpls,
        Self::Macsec,
        Self::ProviderBackbone,
        Self::Trill,
        Self::Vxlan,
        Self::Geneve,
        Self::Capwap,
        Self::GtpU,
        Self::L2tp,
        Self::Tzsp,
    ];

    /// By EtherType, then by IP protocol (IANA); ERSPAN is a GRE of its own payload types.
    fn of_outline(outline: &Outline<'_>) -> Option<Self> {
        match (outline.ether_type, outline.ip.map(|ip| (ip.protocol, ip.payload))) {
            (0x8847 | 0x8848, _) => Some(Self::Mpls),
            (0x88e5, _) => Some(Self::Macsec),
            (0x88e7, _) => Some(Self::ProviderBackbone),
            (0x22f3, _) => Some(Self::Trill),
            (_, Some((47, gre))) => match gre.get(2..4) {
                Some([0x88, 0xbe] | [0x22, 0xeb]) => Some(Self::Erspan),
                Some(_) | None => Some(Self::Gre),
            },
            (_, Some((4 | 41, _))) => Some(Self::IpInIp),
            (_, Some((50, _))) => Some(Self::Ipsec),
            (_, Some((97, _))) => Some(Self::EtherIp),
            (_, Some((115, _))) => Some(Self::L2tp),
            (_, Some(_) | None) => None,
        }
    }

    /// By the UDP port (IANA) and what its header must begin with; RTP may have any port.
    fn of_datagram(datagram: &Datagram<'_>) -> Option<Self> {
        let first = *datagram.payload.first()?;
        match datagram.flow.dst.port() {
            _ if rtp::looks_like(datagram.payload) => None,
            // The I flag and nothing else (RFC 7348, 5).
            4789 | 8472 if first & 0x08 != 0 => Some(Self::Vxlan),
            6081 if first >> 6 == 0 => Some(Self::Geneve),
            5246 | 5247 if first >> 4 == 0 => Some(Self::Capwap),
            // Version 1, protocol type GTP (3GPP TS 29.281, 5.1).
            2152 if first >> 4 == 3 => Some(Self::GtpU),
            1701 if datagram.flow.src.port() == 1701 => Some(Self::L2tp),
            37_008 if first == 1 => Some(Self::Tzsp),
            // IPsec behind NAT (RFC 3948): keep-alives are one byte.
            4500 if datagram.payload.len() > 1 => Some(Self::Ipsec),
            _ => None,
        }
    }
}

impl fmt::Display for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gre => "GRE",
            Self::Erspan => "ERSPAN",
            Self::IpInIp => "IP in IP",
            Self::EtherIp => "EtherIP",
            Self::Ipsec => "IPsec",
            Self::Mpls => "MPLS",
            Self::Macsec => "MACsec",
            Self::ProviderBackbone => "PBB (802.1ah)",
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
    counts: [u64; Tunnel::ALL.len()],
    with_sip: u64,
    examples: Examples,
}

impl Tunnels {
    /// Takes any frame by its outline.
    pub(crate) fn handle_outline(&mut self, outline: &Outline<'_>, bytes: &[u8], at: Sight) {
        if let Some(tunnel) = Tunnel::of_outline(outline) {
            self.count(tunnel, bytes, at);
        }
    }

    /// Takes a datagram that is neither SIP nor RTP; true when it is a tunnel.
    pub(crate) fn handle_datagram(&mut self, datagram: &Datagram<'_>, at: Sight) {
        if let Some(tunnel) = Tunnel::of_datagram(datagram) {
            self.count(tunnel, datagram.payload, at);
        }
    }

    fn count(&mut self, tunnel: Tunnel, bytes: &[u8], at: Sight) {
        if let Some(count) = self.counts.get_mut(tunnel as usize) {
            *count += 1;
        }
        let searched = bytes.get(..SEARCHED).unwrap_or(bytes);
        self.with_sip += u64::from(memchr::memmem::find(searched, b"SIP/2.0").is_some());
        self.examples.add(at.number);
    }

    /// Frames in tunnels.
    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Among `frames` of which `messages` were SIP outside of tunnels.
    pub(crate) fn finish(&self, frames: u64, messages: u64) -> Option<Finding> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let share = percent(total, frames);
        let is_defect = self.with_sip > 0 || (share >= DEFECT_PERCENT && messages == 0);
        let sip = if self.with_sip > 0 { "; there is SIP in them" } else { "" };
        let kinds = Tunnel::ALL.iter().zip(self.counts).filter(|(_, count)| *count > 0);
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
        for (place, tunnel) in Tunnel::ALL.into_iter().enumerate() {
            assert_eq!(tunnel as usize, place, "{tunnel}");
        }
    }
}
