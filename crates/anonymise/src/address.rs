//! Addresses for addresses: of the same class, in the same /24 (IPv6: /64) if they were, and written in as many letters, so
//! that a text in which they stand keeps its length.
//!
//! Every octet keeps its number of decimal digits, every group of an IPv6 address its number of hexadecimal ones. That is
//! all that an address says of the one that it stands for, beside its class: private of each kind, link-local, multicast,
//! public. Which /24s are near each other is not kept.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::masks::Masks;

/// Addresses that are remembered; beyond it all are forgotten, and made again.
const REMEMBERED: usize = 1 << 16;

/// Replacements that were made already.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    ips: HashMap<IpAddr, IpAddr>,
    sources: HashMap<u32, u32>,
    macs: HashMap<[u8; 6], [u8; 6]>,
}

/// The values that an octet or a group may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    low: u16,
    size: u32,
}

impl Range {
    const fn only(value: u16) -> Self {
        Self { low: value, size: 1 }
    }

    /// Octets of as many decimal digits.
    const fn octet(value: u8) -> Self {
        match value {
            0..10 => Self { low: 0, size: 10 },
            10..100 => Self { low: 10, size: 90 },
            100.. => Self { low: 100, size: 156 },
        }
    }

    /// Groups of as many hexadecimal digits; 0 alone is a group of its own, because a run of them is left out.
    const fn group(value: u16) -> Self {
        match value {
            0 => Self::only(0),
            1..0x10 => Self { low: 1, size: 0xf },
            0x10..0x100 => Self { low: 0x10, size: 0xf0 },
            0x100..0x1000 => Self { low: 0x100, size: 0xf00 },
            0x1000.. => Self { low: 0x1000, size: 0xf000 },
        }
    }
}

/// What an IPv4 address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Private10,
    Private172,
    Private192,
    LinkLocal,
    Shared,
    Multicast,
    Reserved,
    Public,
}

impl Class {
    const fn of([a, b, _]: [u8; 3]) -> Self {
        match (a, b) {
            (10, _) => Self::Private10,
            (172, 16..32) => Self::Private172,
            (192, 168) => Self::Private192,
            (169, 254) => Self::LinkLocal,
            (100, 64..128) => Self::Shared,
            (224..240, _) => Self::Multicast,
            (0 | 127 | 240.., _) => Self::Reserved,
            _ => Self::Public,
        }
    }

    /// The octets that come into question for those of a /24, before the class is looked at.
    fn ranges(self, [a, b, c]: [u8; 3]) -> [Range; 3] {
        let (a, b) = match self {
            Self::Private10 => (Range::only(10), Range::octet(b)),
            Self::Private172 => (Range::only(172), Range { low: 16, size: 16 }),
            Self::Private192 => (Range::only(192), Range::only(168)),
            Self::LinkLocal => (Range::only(169), Range::only(254)),
            Self::Shared if b < 100 => (Range::only(100), Range { low: 64, size: 36 }),
            Self::Shared => (Range::only(100), Range { low: 100, size: 28 }),
            Self::Multicast => (Range { low: 224, size: 16 }, Range::octet(b)),
            Self::Reserved | Self::Public => (Range::octet(a), Range::octet(b)),
        };
        [a, b, Range::octet(c)]
    }
}

impl Masks {
    /// The address that stands for `old`. Addresses that are the same on every host stay: loopback, unspecified, broadcast.
    pub(crate) fn ip(&mut self, old: IpAddr) -> IpAddr {
        if let Some(new) = self.addresses.ips.get(&old) {
            return *new;
        }
        let new = match old {
            IpAddr::V4(old) => IpAddr::V4(self.ipv4(old)),
            IpAddr::V6(old) => IpAddr::V6(self.ipv6(old)),
        };
        if self.addresses.ips.len() >= REMEMBERED {
            self.addresses.ips.clear();
        }
        self.addresses.ips.insert(old, new);
        new
    }

    /// Every address that is remembered, and what stands for it.
    pub(crate) fn mapped_addresses(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> {
        self.addresses.ips.iter().map(|(old, new)| (*old, *new))
    }

    fn ipv4(&self, old: Ipv4Addr) -> Ipv4Addr {
        if old.is_unspecified() || old.is_broadcast() || old.is_loopback() {
            return old;
        }
        let [a, b, c, d] = old.octets();
        let (prefix, class) = ([a, b, c], Class::of([a, b, c]));
        let order = |value: u128, realm: &str, context: &[u8], size| {
            self.secret.order(realm, context, size).next(value)
        };
        let (ranges, mut digits) = (class.ranges(prefix), prefix.map(u16::from));
        let shape: Vec<u8> = ranges.iter().map(|range| range.low as u8).chain([class as u8]).collect();
        loop {
            let (value, size) = number(&ranges, &digits);
            digits = numbers(&ranges, order(value, "ipv4/24", &shape, size));
            let found = digits.map(|digit| digit as u8);
            // The order comes back to where it began, which is of the class.
            if Class::of(found) == class {
                let range = [Range::octet(d)];
                let (value, size) = number(&range, &[u16::from(d)]);
                let [host] = numbers(&range, order(value, "ipv4 host", &prefix, size));
                let [a, b, c] = found;
                return Ipv4Addr::new(a, b, c, host as u8);
            }
        }
    }

    fn ipv6(&self, old: Ipv6Addr) -> Ipv6Addr {
        if old.is_unspecified() || old.is_loopback() {
            return old;
        }
        if let Some(old) = old.to_ipv4_mapped() {
            return self.ipv4(old).to_ipv6_mapped();
        }
        let [a, b, c, d, rest @ ..] = old.segments();
        let prefix = [a, b, c, d];
        let first = match a {
            0xfe80..=0xfebf | 0xff00.. => Range::only(a),
            0xfc00..=0xfdff => Range { low: a & 0xff00, size: 0x100 },
            0x2000..=0x3fff => Range { low: a & 0xf000, size: 0x1000 },
            _ => Range::group(a),
        };
        let prefix_ranges = [first, Range::group(b), Range::group(c), Range::group(d)];
        let context: Vec<u8> = prefix.iter().flat_map(|group| group.to_be_bytes()).collect();
        let shape: Vec<u8> = prefix_ranges.iter().flat_map(|range| range.low.to_be_bytes()).collect();
        let swap = |realm: &str, context: &[u8], ranges: [Range; 4], groups: [u16; 4]| {
            let (value, size) = number(&ranges, &groups);
            numbers(&ranges, self.secret.order(realm, context, size).next(value))
        };
        let [a, b, c, d] = swap("ipv6/64", &shape, prefix_ranges, prefix);
        let ranges = rest.map(Range::group);
        let shape: Vec<u8> =
            context.into_iter().chain(ranges.iter().flat_map(|range| range.low.to_be_bytes())).collect();
        let [e, f, g, h] = swap("ipv6 host", &shape, ranges, rest);
        Ipv6Addr::new(a, b, c, d, e, f, g, h)
    }

    /// An Ethernet address: another that is locally administered. Groups of IPv4 stay such groups; broadcast and none stay.
    pub(crate) fn mac(&mut self, old: [u8; 6]) -> [u8; 6] {
        if old == [0; 6] || old == [0xff; 6] {
            return old;
        }
        if let Some(new) = self.addresses.macs.get(&old) {
            return *new;
        }
        let mut new = [0; 6];
        self.secret.noise("mac", &[&old]).fill(&mut new);
        match old {
            [0x01, 0x00, 0x5e, ..] => new[..3].copy_from_slice(&old[..3]),
            [0x33, 0x33, ..] => new[..2].copy_from_slice(&old[..2]),
            [first, ..] => new[0] = new[0] & 0xfc | 2 | first & 1,
        }
        if self.addresses.macs.len() >= REMEMBERED {
            self.addresses.macs.clear();
        }
        self.addresses.macs.insert(old, new);
        new
    }

    /// A synchronisation source of RTP, or another number of 32 bits that names something; 0 stays.
    pub(crate) fn source(&mut self, old: u32) -> u32 {
        if old == 0 {
            return 0;
        }
        if let Some(new) = self.addresses.sources.get(&old) {
            return *new;
        }
        let order = self.secret.order("source", b"", 1 << 32);
        let mut new = order.next(u128::from(old)) as u32;
        if new == 0 {
            new = order.next(0) as u32;
        }
        if self.addresses.sources.len() >= REMEMBERED {
            self.addresses.sources.clear();
        }
        self.addresses.sources.insert(old, new);
        new
    }

    /// `old` with another address in it, if it is one, in brackets or not; as long as it was.
    pub(crate) fn address_text(&mut self, old: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(old).ok()?;
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        if inner.is_none()
            && let Ok(address) = text.parse::<Ipv4Addr>()
        {
            return Some(self.ip(address.into()).to_string().into_bytes())
                .filter(|new| new.len() == old.len());
        }
        let address: Ipv6Addr = inner.unwrap_or(text).parse().ok()?;
        let IpAddr::V6(new) = self.ip(address.into()) else { return None };
        let new = rewritten(inner.unwrap_or(text), address, new)?;
        let new = if inner.is_some() { format!("[{new}]") } else { new };
        // One whose groups became wider or narrower has no text of this length: it is filler that names no host.
        Some(if new.len() == old.len() { new.into_bytes() } else { vec![b'x'; old.len()] })
    }
}

/// `text`, which is `old`, as `new` written in the same way.
fn rewritten(text: &str, old: Ipv6Addr, new: Ipv6Addr) -> Option<String> {
    let (groups, is_upper) = (new.segments(), text.bytes().any(|byte| byte.is_ascii_uppercase()));
    let (before, after) = text.split_once("::").map_or((text, None), |(before, after)| (before, Some(after)));
    let count = |part: &str| match part {
        "" => 0,
        part => part.split(':').map(|word| if word.contains('.') { 2 } else { 1 }).sum(),
    };
    let write = |part: &str, mut at: usize| -> Option<String> {
        let mut words = Vec::new();
        for word in part.split(':').filter(|word| !word.is_empty()) {
            if word.contains('.') {
                let [.., a, b, c, d] = new.octets();
                words.push(Ipv4Addr::new(a, b, c, d).to_string());
                continue;
            }
            let group = *groups.get(at)?;
            let width = word.len();
            words.push(if is_upper { format!("{group:0width$X}") } else { format!("{group:0width$x}") });
            at += 1;
        }
        Some(words.join(":"))
    };
    let written = match after {
        None => write(before, 0)?,
        Some(after) => {
            format!("{}::{}", write(before, 0)?, write(after, 8_usize.checked_sub(count(after))?)?)
        }
    };
    // What stood for no group must stand for none.
    (written.parse() == Ok(new) || old == new).then_some(written)
}

/// The number that digits are which each have a range of their own, and how many such numbers there are.
fn number<const N: usize>(ranges: &[Range; N], digits: &[u16; N]) -> (u128, u128) {
    ranges.iter().zip(digits).fold((0, 1), |(value, size), (range, digit)| {
        let digit = u128::from(digit.saturating_sub(range.low));
        (value * u128::from(range.size) + digit, size * u128::from(range.size))
    })
}

/// The digits of a number.
fn numbers<const N: usize>(ranges: &[Range; N], mut value: u128) -> [u16; N] {
    let mut digits = [0; N];
    for (digit, range) in digits.iter_mut().zip(ranges).rev() {
        *digit = range.low + (value % u128::from(range.size)) as u16;
        value /= u128::from(range.size);
    }
    digits
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::Secret;

    fn masks() -> Masks {
        Masks::new(Secret::seeded(1))
    }

    fn v4(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    #[test]
    fn an_office_keeps_its_subnets_and_its_class() {
        let mut masks = masks();
        let mut new = |text: &str| match masks.ip(IpAddr::V4(v4(text))) {
            IpAddr::V4(new) => new.octets(),
            IpAddr::V6(_) => unreachable!(),
        };
        let (a, b, c) = (new("10.1.0.5"), new("10.1.0.77"), new("10.1.3.5"));
        assert_eq!((a[0], a[..3] == b[..3], a[..3] == c[..3]), (10, true, false));
        assert_ne!(a[3], 5);
        assert_eq!(new("192.168.0.1")[..2], [192, 168]);
        assert!((16..32).contains(&new("172.20.1.1")[1]));
        assert_eq!(Class::of([new("203.0.113.9")[0], new("203.0.113.9")[1], 0]), Class::Public);
        assert_eq!(new("127.0.0.1"), [127, 0, 0, 1]);
        assert_eq!(new("0.0.0.0"), [0; 4]);
    }

    #[test]
    fn hosts_of_a_subnet_stay_different() {
        let mut masks = masks();
        let all: HashSet<IpAddr> =
            (0..=255).map(|host| masks.ip(IpAddr::from([192, 168, 7, host]))).collect();
        assert_eq!(all.len(), 256);
        let all: HashSet<IpAddr> = (0..=255).map(|net| masks.ip(IpAddr::from([10, net, 1, 1]))).collect();
        assert_eq!(all.len(), 256);
    }

    #[test]
    fn an_ipv6_address_is_written_as_it_was() {
        let mut masks = masks();
        for text in [
            "2001:db8::41",
            "[2001:DB8::41]",
            "fe80::1:2",
            "2001:0db8:0000:0000:0000:0000:0000:0041",
            "::ffff:10.1.0.9",
        ] {
            let new = masks.address_text(text.as_bytes()).unwrap();
            let (new, bare) = (String::from_utf8(new).unwrap(), |text: &str| text.replace(['[', ']'], ""));
            assert_eq!(new.len(), text.len());
            let address: Ipv6Addr = bare(text).parse().unwrap();
            assert_eq!(bare(&new).parse::<IpAddr>().ok(), Some(masks.ip(address.into())), "{text} {new}");
            assert_ne!(new, text);
        }
        assert_eq!(masks.address_text(b"pbx.example.kr"), None);
        assert_eq!(masks.address_text(b"::1"), Some(b"::1".to_vec()));
    }

    proptest! {
        #[test]
        fn text_and_bytes_of_an_address_agree(octets in any::<[u8; 4]>()) {
            let (mut masks, old) = (masks(), Ipv4Addr::from(octets));
            let IpAddr::V4(new) = masks.ip(old.into()) else { panic!() };
            let text = masks.address_text(old.to_string().as_bytes()).unwrap();
            prop_assert_eq!(text, new.to_string().into_bytes());
            let [a, b, c, _] = octets;
            let [d, e, f, _] = new.octets();
            prop_assert_eq!(Class::of([a, b, c]), Class::of([d, e, f]));
            prop_assert!(new != old || old.is_loopback() || old.is_unspecified() || old.is_broadcast());
        }

        #[test]
        fn so_do_those_of_ipv6(groups in any::<[u16; 8]>(), zero in 0_usize..8) {
            let mut groups = groups;
            groups[zero] = 0;
            let (mut masks, old) = (masks(), Ipv6Addr::from(groups));
            let new = masks.ip(old.into());
            prop_assert!(new != IpAddr::V6(old));
            let text = masks.address_text(old.to_string().as_bytes()).unwrap();
            prop_assert_eq!(String::from_utf8(text).unwrap(), new.to_string());
        }
    }
}
