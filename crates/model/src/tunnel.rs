//! What a datagram was wrapped in on its way to the capture.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

/// A way of carrying whole frames or packets in others. VLAN and port tags and `PPPoE` are part of a link, and none. A new one
/// comes last: they are kept by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Encapsulation {
    /// GRE (RFC 2784, RFC 2890, and with PPP RFC 2637).
    Gre,
    /// ERSPAN in GRE, of any type: what a switch sends that mirrors to an address.
    Erspan,
    /// IP in IP, of both versions (RFC 2003, RFC 2473, RFC 4213).
    IpInIp,
    /// Ethernet in IP (RFC 3378).
    EtherIp,
    /// ESP without encryption (RFC 4303, RFC 2410).
    EspNull,
    /// MPLS (RFC 3032), pseudowires of Ethernet (RFC 4448) included.
    Mpls,
    /// Provider backbone bridges: Ethernet in Ethernet (IEEE 802.1ah).
    ProviderBackbone,
    /// VXLAN (RFC 7348) and its generic extension.
    Vxlan,
    /// GENEVE (RFC 8926).
    Geneve,
    /// GTP-U, the user plane of mobile networks (3GPP TS 29.281).
    GtpU,
    /// TaZmen Sniffer Protocol.
    Tzsp,
    /// HEP version 3: what a SIP server's own capture agent sends.
    Hep,
}

impl Encapsulation {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Gre,
        Self::Erspan,
        Self::IpInIp,
        Self::EtherIp,
        Self::EspNull,
        Self::Mpls,
        Self::ProviderBackbone,
        Self::Vxlan,
        Self::Geneve,
        Self::GtpU,
        Self::Tzsp,
        Self::Hep,
    ];
}

impl fmt::Display for Encapsulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gre => "GRE",
            Self::Erspan => "ERSPAN",
            Self::IpInIp => "IP in IP",
            Self::EtherIp => "EtherIP",
            Self::EspNull => "ESP without encryption",
            Self::Mpls => "MPLS",
            Self::ProviderBackbone => "PBB (802.1ah)",
            Self::Vxlan => "VXLAN",
            Self::Geneve => "GENEVE",
            Self::GtpU => "GTP-U",
            Self::Tzsp => "TZSP",
            Self::Hep => "HEP",
        })
    }
}

/// The outermost tunnel around a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tunnel {
    /// What kind of tunnel it is.
    pub kind: Encapsulation,
    /// Between whom; `None` for one that has no IP addresses of its own.
    pub ends: Option<TunnelEnds>,
    /// Tunnels around the datagram, this one included: from 1 to [`Self::MAX_LAYERS`].
    pub layers: u8,
}

/// The IP addresses of a tunnel.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelEnds {
    /// Who wrapped.
    pub src: IpAddr,
    /// Whom it was sent to.
    pub dst: IpAddr,
}

impl Tunnel {
    /// Tunnels in tunnels that are followed: the one bound for all kinds together. A mirror of a data centre's network has
    /// three or four (ERSPAN around VXLAN around MPLS).
    pub const MAX_LAYERS: u8 = 8;

    /// What is around whatever lies in a tunnel of `kind` that itself lies in `around`; `None` beyond the bound.
    #[must_use]
    #[inline]
    pub fn within(around: Option<&Self>, kind: Encapsulation, ends: Option<TunnelEnds>) -> Option<Self> {
        match around {
            None => Some(Self { kind, ends, layers: 1 }),
            Some(outer) if outer.layers < Self::MAX_LAYERS => {
                Some(Self { layers: outer.layers + 1, ..*outer })
            }
            Some(_) => None,
        }
    }
}

/// Kind and depth, and no address: those may be personal.
impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel")
            .field("kind", &self.kind)
            .field("layers", &self.layers)
            .finish_non_exhaustive()
    }
}

/// No address: those may be personal.
impl fmt::Debug for TunnelEnds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TunnelEnds").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_at_its_own_place_and_has_a_name_of_its_own() {
        let mut names: Vec<String> = Encapsulation::ALL.iter().map(ToString::to_string).collect();
        for (place, kind) in Encapsulation::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place, "{kind}");
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Encapsulation::ALL.len());
    }

    #[test]
    fn the_outermost_tunnel_is_kept_and_the_ninth_is_refused() {
        let mut around = Tunnel::within(None, Encapsulation::Erspan, None);
        for layers in 1..=Tunnel::MAX_LAYERS {
            let tunnel = around.expect("within the bound");
            assert_eq!((tunnel.kind, tunnel.layers), (Encapsulation::Erspan, layers));
            around = Tunnel::within(Some(&tunnel), Encapsulation::Gre, None);
        }
        assert_eq!(around, None);
    }
}
