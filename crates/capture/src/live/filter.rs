//! The user's filter, widened so that it does not lose what the user meant.

use earwitness_model::LinkType;

/// Later fragments of a datagram: they name no ports. Of IPv6 also the first one, behind whose fragment header libpcap does
/// not look for ports (pcap-filter(7): `ip6` and `proto`).
const FRAGMENTS: &str = "(ip[6:2] & 0x1fff != 0) or (ip6[6] = 44)";

/// Words of pcap-filter(7) after which every other word of the expression means what is one header further in. Whoever
/// writes one has decided where to look.
const OFFSET_WORDS: [&str; 6] = ["vlan", "mpls", "pppoes", "pppoed", "geneve", "vxlan"];

/// How an expression is widened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    typed: String,
}

impl Filter {
    /// `None` when nothing was typed: all frames are wanted.
    pub(super) fn new(typed: Option<&str>) -> Option<Self> {
        let typed = typed?.trim();
        (!typed.is_empty()).then(|| Self { typed: typed.to_owned() })
    }

    /// As the user typed it.
    pub(super) fn typed(&self) -> &str {
        &self.typed
    }

    /// What the kernel is given, for frames of `link`.
    ///
    /// The kernel takes the outer tag off before the filter sees the frame, or does not, by how it came; libpcap's `vlan`
    /// knows both, and moves every later word of the whole expression behind the tag: hence the nesting.
    pub(super) fn widened(&self, link: LinkType) -> String {
        let wanted = format!("({}) or {FRAGMENTS}", self.typed);
        if self.looks_behind_headers() {
            // Nothing may stand after the user's `vlan`.
            return format!("{FRAGMENTS} or ({})", self.typed);
        }
        match link {
            LinkType::Ethernet => format!("{wanted} or (vlan and ({wanted} or (vlan and ({wanted}))))"),
            // libpcap knows `vlan` on Ethernet only; on these links the kernel took the outer tag off anyway.
            LinkType::LinuxSll
            | LinkType::LinuxSll2
            | LinkType::Null
            | LinkType::RawIp
            | LinkType::Loop
            | LinkType::Ipv4
            | LinkType::Ipv6
            | LinkType::Other(_) => wanted,
        }
    }

    fn looks_behind_headers(&self) -> bool {
        let mut words = self.typed.split(|char: char| !char.is_ascii_alphanumeric());
        words.any(|word| OFFSET_WORDS.contains(&word))
    }
}
