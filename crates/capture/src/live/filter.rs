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
            | LinkType::Hep
            | LinkType::Other(_) => wanted,
        }
    }

    fn looks_behind_headers(&self) -> bool {
        let mut words = self.typed.split(|char: char| !char.is_ascii_alphanumeric());
        words.any(|word| OFFSET_WORDS.contains(&word))
    }
}

#[cfg(test)]
mod tests {
    use pcap::{Capture, Linktype};

    use super::*;

    fn widened(typed: &str, link: LinkType) -> String {
        Filter::new(Some(typed)).expect("something was typed").widened(link)
    }

    #[test]
    fn nothing_typed_is_no_filter() {
        for typed in [None, Some(""), Some(" \t ")] {
            assert_eq!(Filter::new(typed), None);
        }
    }

    #[test]
    fn the_typed_expression_is_widened_by_fragments_and_by_two_tags() {
        let one = "(port 5060) or (ip[6:2] & 0x1fff != 0) or (ip6[6] = 44)";
        assert_eq!(
            widened(" port 5060 ", LinkType::Ethernet),
            format!("{one} or (vlan and ({one} or (vlan and ({one}))))")
        );
        assert_eq!(widened("port 5060", LinkType::LinuxSll), one);
    }

    #[test]
    fn nothing_stands_behind_what_moves_the_offsets() {
        for typed in ["vlan 7 and port 5060", "port 5060 or (vlan)", "geneve && udp", "mpls 100"] {
            let all = widened(typed, LinkType::Ethernet);
            assert_eq!(all, format!("(ip[6:2] & 0x1fff != 0) or (ip6[6] = 44) or ({typed})"));
        }
        assert!(widened("host vlan7.example or port 5060", LinkType::Ethernet).starts_with("(host"));
    }

    #[test]
    fn what_is_widened_is_still_an_expression_of_libpcap() {
        let links = [
            (LinkType::Ethernet, 1),
            (LinkType::LinuxSll, 113),
            (LinkType::LinuxSll2, 276),
            (LinkType::RawIp, 12),
        ];
        for (link, number) in links {
            let capture = Capture::dead(Linktype(number)).expect("a handle");
            for typed in
                ["port 5060 or portrange 10000-20000", "not host 10.0.0.1", "udp", "ip6 and net fd00::/8"]
            {
                let all = widened(typed, link);
                assert!(capture.compile(&all, true).is_ok(), "{all} on {link:?}");
            }
        }
    }
}
