//! A lax look at a frame for whoever judges the mirror and not the calls: which tags it has, what it carries, how large
//! it was. [`decode`](crate::decode()) reads the same bytes for their content.

use std::net::IpAddr;

use earwitness_model::{LinkType, RawFrame};
use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};

use crate::encap::{Inside, Span, ethernet, loopback, pppoe, sll, vlan};

/// What stands on the outside of a frame, as far as it could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline<'b> {
    /// Its VLAN tags.
    pub tags: Tags,
    /// The EtherType behind the tags; 0 where there is none.
    pub ether_type: u16,
    /// The IP packet in it, if there is one.
    pub ip: Option<IpOutline<'b>>,
}

/// The VLAN identifiers of a frame, outermost first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tags {
    ids: [u16; vlan::MAX_TAGS],
    count: u8,
}

/// An IP packet by its header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IpOutline<'b> {
    /// The sender.
    pub src: IpAddr,
    /// The receiver.
    pub dst: IpAddr,
    /// The IP protocol, in IPv6 the next header.
    pub protocol: u8,
    /// Length of the packet in bytes as the header has it; what was captured where it says 0 (segmentation offload).
    pub len: u32,
    /// What the sender numbered the packet with (IPv4; 0 in IPv6).
    pub id: u16,
    /// Whether it is a piece of a larger packet (IPv4).
    pub is_fragment: bool,
    /// Where that piece belongs, in bytes; 0 for what is whole.
    pub fragment_offset: u16,
    /// What was captured of it after the header.
    pub payload: &'b [u8],
}

impl Tags {
    /// The identifiers, outermost first.
    #[must_use]
    pub fn ids(&self) -> &[u16] {
        self.ids.get(..usize::from(self.count)).unwrap_or_default()
    }

    fn push(&mut self, id: u16) -> bool {
        let Some(place) = self.ids.get_mut(usize::from(self.count)) else { return false };
        *place = id;
        self.count += 1;
        true
    }
}

/// Reads the outside of `frame`. What cannot be read is left out.
#[must_use]
pub fn outline<'b>(frame: &RawFrame<'b>) -> Outline<'b> {
    let span = Span { bytes: frame.bytes, offset: 0, cut: 0 };
    let inside = match frame.link {
        LinkType::Ethernet => ethernet::inside(span),
        LinkType::LinuxSll => sll::inside(span),
        LinkType::LinuxSll2 => sll::inside_v2(span),
        LinkType::Null | LinkType::Loop => loopback::inside(span),
        LinkType::RawIp | LinkType::Ipv4 | LinkType::Ipv6 => Ok(Inside::Ip(span)),
        LinkType::Hep | LinkType::Other(_) => Ok(Inside::NotIp),
    };
    let mut outline = Outline { tags: Tags::default(), ether_type: 0, ip: None };
    let mut next = inside.ok();
    while let Some(inside) = next {
        next = match inside {
            Inside::EtherType(tag, span) if vlan::is_tag(tag) => {
                let id = span.bytes.first_chunk::<2>().map(|tci| u16::from_be_bytes(*tci) & 0x0fff);
                if !id.is_some_and(|id| outline.tags.push(id)) {
                    outline.ether_type = tag;
                    return outline;
                }
                vlan::inside(span).ok()
            }
            Inside::EtherType(pppoe::ETHER_TYPE, span) => {
                outline.ether_type = pppoe::ETHER_TYPE;
                pppoe::inside(span).ok()
            }
            Inside::EtherType(len @ ..=ethernet::MAX_802_3_LENGTH, span) => {
                Some(Inside::Llc(span.limited(usize::from(len))))
            }
            Inside::EtherType(kind, span) => {
                outline.ether_type = kind;
                if matches!(kind, 0x0800 | 0x86dd) {
                    outline.ip = ip(span);
                }
                None
            }
            Inside::Ethernet(span) => ethernet::inside(span).ok(),
            Inside::Llc(span) => ethernet::inside_llc(span).ok(),
            Inside::Ip(span) => {
                outline.ip = ip(span);
                None
            }
            Inside::NotIp => None,
        };
    }
    outline
}

fn ip(span: Span<'_>) -> Option<IpOutline<'_>> {
    let captured = u32::try_from(span.bytes.len()).unwrap_or(u32::MAX);
    if span.bytes.first()? >> 4 == 6 {
        let header = Ipv6HeaderSlice::from_slice(span.bytes).ok()?;
        let len = u32::from(header.payload_length());
        return Some(IpOutline {
            src: IpAddr::V6(header.source_addr()),
            dst: IpAddr::V6(header.destination_addr()),
            protocol: header.next_header().0,
            len: if len == 0 { captured } else { len + 40 },
            id: 0,
            is_fragment: false,
            fragment_offset: 0,
            payload: limited(span, 40, len),
        });
    }
    let header = Ipv4HeaderSlice::from_slice(span.bytes).ok()?;
    let total = u32::from(header.total_len());
    let header_len = header.slice().len();
    Some(IpOutline {
        src: IpAddr::V4(header.source_addr()),
        dst: IpAddr::V4(header.destination_addr()),
        protocol: header.protocol().0,
        len: if total == 0 { captured } else { total },
        id: header.identification(),
        is_fragment: header.is_fragmenting_payload(),
        fragment_offset: header.fragments_offset().byte_offset(),
        payload: limited(span, header_len, total.saturating_sub(u32::try_from(header_len).unwrap_or(0))),
    })
}

/// What follows the header, up to `len` bytes of it; 0 says that nobody knows how many.
fn limited(span: Span<'_>, header_len: usize, len: u32) -> &[u8] {
    let after = span.after(header_len);
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    if len == 0 { after.bytes } else { after.limited(len).bytes }
}

/// Numbers, and no address: those are personal.
impl std::fmt::Debug for IpOutline<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IpOutline")
            .field("protocol", &self.protocol)
            .field("len", &self.len)
            .field("is_fragment", &self.is_fragment)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use earwitness_model::PacketTime;
    use proptest::prelude::*;

    use super::*;

    fn frame(link: LinkType, bytes: &[u8]) -> RawFrame<'_> {
        RawFrame { time: PacketTime::EPOCH, number: 1, link, wire_len: bytes.len() as u32, bytes }
    }

    #[test]
    fn tags_protocol_and_payload_are_seen_through_two_tags() {
        let mut bytes = vec![0; 12];
        bytes.extend([0x88, 0xa8, 0x20, 0xc8, 0x81, 0x00, 0, 7, 0x08, 0x00]);
        bytes.extend([0x45, 0, 0, 43, 0, 9, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        bytes.extend([0x13, 0xc4, 0x13, 0xc5, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(*b"hi!padding");
        let seen = outline(&frame(LinkType::Ethernet, &bytes));
        assert_eq!((seen.tags.ids(), seen.ether_type), (&[200, 7][..], 0x0800));
        let ip = seen.ip.unwrap();
        assert_eq!((ip.protocol, ip.len, ip.id, ip.is_fragment), (6, 43, 9, false));
        assert_eq!(ip.payload.get(20..), Some(&b"hi!"[..]));
    }

    #[test]
    fn what_is_no_ip_is_told_by_its_ether_type() {
        let mut bytes = vec![0; 12];
        bytes.extend([0x88, 0x47, 1, 2, 3, 4]);
        let seen = outline(&frame(LinkType::Ethernet, &bytes));
        assert_eq!((seen.ether_type, seen.ip, seen.tags.ids()), (0x8847, None, &[][..]));
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_outline_within_them(
            bytes in proptest::collection::vec(any::<u8>(), 0..120),
            link in 0u16..300,
        ) {
            let seen = outline(&frame(LinkType::from_number(link), &bytes));
            prop_assert!(seen.tags.ids().len() <= 4);
            if let Some(ip) = seen.ip {
                prop_assert!(ip.payload.len() <= bytes.len());
            }
        }
    }
}
