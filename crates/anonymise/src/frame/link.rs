//! Link layers and tags: addresses replaced, types and tags kept.

use earwitness_model::LinkType;

use super::{Arrived, Next, Span, Walk};
use crate::masks::Masks;

const PPPOE: u16 = 0x8864;

impl<'b> Walk<'b> {
    /// The link layer that a capture is of.
    pub(super) fn link(mut self, masks: &mut Masks, link: LinkType, span: Span) -> Option<Arrived<'b>> {
        let next = match link {
            LinkType::Ethernet => Next::Ethernet(span),
            LinkType::LinuxSll => {
                self.sheet.keep(0, 6);
                self.mac(masks, 6)?;
                self.sheet.keep(14, 2);
                cooked(self.half(14)?, span.after(16))
            }
            LinkType::LinuxSll2 => {
                self.sheet.keep(0, 12);
                self.mac(masks, 12)?;
                cooked(self.half(0)?, span.after(20))
            }
            LinkType::Null | LinkType::Loop => {
                self.sheet.keep(0, 4);
                Next::Ip(span.after(4))
            }
            LinkType::RawIp | LinkType::Ipv4 | LinkType::Ipv6 => Next::Ip(span),
            // What an agent sent to the recorder itself.
            LinkType::Hep => Next::Datagram(span, [0; 2]),
            LinkType::Other(_) => return None,
        };
        self.follow(masks, next)
    }

    /// The address at `at`.
    fn mac(&mut self, masks: &mut Masks, at: usize) -> Option<()> {
        let old = self.sheet.chunk::<6>(at)?;
        self.sheet.put(at, &masks.mac(old));
        Some(())
    }

    pub(super) fn ethernet(&mut self, masks: &mut Masks, span: Span) -> Option<Next> {
        self.mac(masks, span.at)?;
        self.mac(masks, span.at + 6)?;
        self.sheet.keep(span.at + 12, 2);
        Some(Next::EtherType(self.half(span.at + 12)?, span.after(14)))
    }

    /// A SNAP header.
    pub(super) fn llc(&mut self, span: Span) -> Option<Next> {
        let kind = self.half(span.at + 6)?;
        self.sheet.keep(span.at, 8);
        (self.sheet.old(span.at, 3) == [0xaa, 0xaa, 0x03]).then(|| Next::EtherType(kind, span.after(8)))
    }

    /// What an EtherType announces that is part of the link: `Some(None)` where it is none of that.
    #[expect(clippy::option_option, reason = "a way that is lost, and a way that goes on elsewhere")]
    pub(super) fn tag(&mut self, kind: u16, span: Span) -> Option<Option<Next>> {
        let len = match kind {
            0x0800 | 0x86dd => return Some(Some(Next::Ip(span))),
            ..=1500 => return Some(Some(Next::Llc(span.limited(usize::from(kind))))),
            PPPOE => {
                let len = usize::from(self.half(span.at + 4)?);
                self.sheet.keep(span.at, 6);
                return Some(Some(self.ppp(span.after(6).limited(len))?));
            }
            // VLAN tags, a VN-Tag, an E-Tag, metadata.
            0x8100 | 0x88a8 | 0x9100 => 2,
            0x8926 => 4,
            0x893f => 6,
            0x8909 => {
                let [_, options] = self.sheet.chunk(span.at)?;
                2 + 4 * usize::from(options)
            }
            _ => return Some(None),
        };
        self.sheet.keep(span.at, len + 2);
        Some(Some(Next::EtherType(self.half(span.at + len)?, span.after(len + 2))))
    }

    /// PPP (RFC 1661): address and control may be left out, and so may the first byte of the protocol.
    pub(super) fn ppp(&mut self, span: Span) -> Option<Next> {
        let span = if self.sheet.old(span.at, 2) == [0xff, 0x03] {
            self.sheet.keep(span.at, 2);
            span.after(2)
        } else {
            span
        };
        let [first] = self.sheet.chunk(span.at)?;
        let (protocol, len) = if first & 1 == 1 { (u16::from(first), 1) } else { (self.half(span.at)?, 2) };
        self.sheet.keep(span.at, len);
        let inside = span.after(len);
        match protocol {
            0x0021 | 0x0057 => Some(Next::Ip(inside)),
            0x0281 => Some(Next::EtherType(0x8847, inside)),
            0x0283 => Some(Next::EtherType(0x8848, inside)),
            _ => None,
        }
    }
}

/// What a cooked header announces: an EtherType, or LLC.
const fn cooked(protocol: u16, span: Span) -> Next {
    match protocol {
        4 => Next::Llc(span),
        other => Next::EtherType(other, span),
    }
}
