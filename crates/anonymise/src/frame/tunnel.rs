//! Tunnels: what they are and where they lead is kept, and who speaks through them is replaced.

use super::{Arrived, Next, Protects, Span, Sum, Walk};
use crate::masks::Masks;

const MPLS: u16 = 0x8847;
const MPLS_UPSTREAM: u16 = 0x8848;
const BACKBONE: u16 = 0x88e7;
const ETHERNET: u16 = 0x6558;

/// Labels in a stack, and extension headers of GTP-U, that are followed: as many as `wire` follows.
const MAX_LABELS: usize = 16;
const MAX_EXTENSIONS: usize = 8;

impl<'b> Walk<'b> {
    /// Tunnels that an EtherType announces.
    pub(super) fn link_tunnel(mut self, masks: &mut Masks, kind: u16, span: Span) -> Option<Arrived<'b>> {
        match kind {
            MPLS | MPLS_UPSTREAM => self.mpls(masks, span),
            BACKBONE => {
                self.sheet.keep(span.at, 4);
                self.follow(masks, Next::Ethernet(span.after(4)))
            }
            _ => None,
        }
    }

    /// Tunnels that are in IP.
    pub(super) fn ip_tunnel(
        mut self,
        masks: &mut Masks,
        protocol: u8,
        ends: Protects,
        span: Span,
    ) -> Option<Arrived<'b>> {
        match protocol {
            4 | 41 => self.follow(masks, Next::Ip(span)),
            47 => self.gre(masks, span),
            50 => self.esp(masks, ends, span),
            97 => {
                self.sheet.keep(span.at, 2);
                self.follow(masks, Next::Ethernet(span.after(2)))
            }
            137 => self.mpls(masks, span),
            _ => None,
        }
    }

    /// Tunnels that are in UDP, by the port that they are sent to.
    pub(super) fn udp_tunnel(mut self, masks: &mut Masks, port: u16, span: Span) -> Option<Arrived<'b>> {
        let next = match port {
            4789 | 8472 | 4790 => self.vxlan(span)?,
            6081 => self.geneve(span)?,
            2152 => self.gtp(masks, span)?,
            37_008 => self.tzsp(span)?,
            _ => return None,
        };
        self.follow(masks, next)
    }

    /// Labels, and what nobody says lies under them (RFC 3032, RFC 4385).
    fn mpls(mut self, masks: &mut Masks, mut span: Span) -> Option<Arrived<'b>> {
        for _ in 0..MAX_LABELS {
            // What lies behind the span is none of its own.
            let [_, _, bottom, _] = self.sheet.chunk(span.at).filter(|_| span.len() >= 4)?;
            self.sheet.keep(span.at, 4);
            span = span.after(4);
            if bottom & 1 == 1 {
                return self.under_labels(masks, span);
            }
        }
        None
    }

    fn under_labels(self, masks: &mut Masks, span: Span) -> Option<Arrived<'b>> {
        let [first] = self.sheet.chunk(span.at)?;
        match first >> 4 {
            4 | 6 => self.first_of(masks, &[Next::Ip(span), Next::Ethernet(span)]),
            0 => {
                let mut behind = self.clone();
                behind.sheet.keep(span.at, 4);
                let behind = behind.follow(masks, Next::Ethernet(span.after(4)));
                behind.or_else(|| self.follow(masks, Next::Ethernet(span)))
            }
            _ => self.follow(masks, Next::Ethernet(span)),
        }
    }

    /// GRE (RFC 2784, RFC 2890, RFC 2637) and ERSPAN in it.
    fn gre(mut self, masks: &mut Masks, span: Span) -> Option<Arrived<'b>> {
        let [flags, more, t0, t1] = self.sheet.chunk(span.at)?;
        let kind = u16::from_be_bytes([t0, t1]);
        let fields = |bits: u8| 4 * (flags & bits).count_ones() as usize;
        let acknowledged = if more & 0x87 == 0x81 { 4 } else { 0 };
        let len = 4 + fields(0xb0) + acknowledged;
        self.sheet.keep(span.at, len);
        if flags & 0x80 != 0 {
            self.sums.push(Sum {
                at: span.at + 4,
                from: span.at,
                len: span.len(),
                protects: Protects::Bytes,
            });
        }
        let inside = span.after(len);
        let next = match kind {
            ETHERNET => Next::Ethernet(inside),
            0x880b => {
                let inside = match more & 7 {
                    1 => inside.limited(usize::from(self.half(span.at + 4)?)),
                    _ => inside,
                };
                self.ppp(inside)?
            }
            0x88be if flags & 0x10 == 0 => Next::Ethernet(inside),
            0x88be | 0x22eb => self.erspan(inside)?,
            _ => Next::EtherType(kind, inside),
        };
        self.follow(masks, next)
    }

    /// Types II and III; what the platform says is zero.
    fn erspan(&mut self, span: Span) -> Option<Next> {
        let [first] = self.sheet.chunk(span.at)?;
        if first >> 4 == 1 {
            self.sheet.keep(span.at, 8);
            return Some(Next::Ethernet(span.after(8)));
        }
        let [kind, options] = self.sheet.chunk(span.at + 10)?;
        self.sheet.keep(span.at, 12);
        let inside = span.after(if options & 1 == 0 { 12 } else { 20 });
        Some(if kind >> 2 & 0x1f == 2 { Next::Ip(inside) } else { Next::Ethernet(inside) })
    }

    /// ESP without encryption (RFC 4303): which lengths were agreed on shows where they lead. The trailer is kept, the check
    /// value is zero.
    fn esp(self, masks: &mut Masks, ends: Protects, span: Span) -> Option<Arrived<'b>> {
        const SIZES: [(usize, usize); 6] = [(0, 12), (0, 16), (0, 24), (0, 32), (8, 16), (0, 0)];
        SIZES.iter().find_map(|&(vector, check)| {
            let end = span.end.checked_sub(check)?;
            let [padding, next] = self.sheet.chunk(end.checked_sub(2)?)?;
            let inner_end = end.checked_sub(2 + usize::from(padding))?;
            let inner = Span { at: span.at + 8 + vector, end: inner_end };
            let trailer = self.sheet.old(inner_end, usize::from(padding));
            let is_padded = trailer.iter().zip(1_u8..).all(|(byte, count)| *byte == count);
            if inner.at > inner.end || !is_padded || !matches!(next, 4 | 6 | 17 | 41) {
                return None;
            }
            let mut walk = self.clone();
            walk.sheet.keep(span.at, 8);
            walk.sheet.keep(inner_end, usize::from(padding) + 2);
            walk.transport(masks, next, ends, inner)
        })
    }

    /// VXLAN (RFC 7348), its group policy and its generic extension.
    fn vxlan(&mut self, span: Span) -> Option<Next> {
        let [flags, _, _, next] = self.sheet.chunk(span.at)?;
        self.sheet.keep(span.at, 8);
        let inside = span.after(8);
        match next {
            _ if flags & 0x0c != 0x0c => Some(Next::Ethernet(inside)),
            1 | 2 => Some(Next::Ip(inside)),
            3 => Some(Next::Ethernet(inside)),
            5 => Some(Next::EtherType(MPLS, inside)),
            _ => None,
        }
    }

    /// GENEVE (RFC 8926), its options zero.
    fn geneve(&mut self, span: Span) -> Option<Next> {
        let [options, _, t0, t1] = self.sheet.chunk(span.at)?;
        self.sheet.keep(span.at, 8);
        let inside = span.after(8 + 4 * usize::from(options & 0x3f));
        match u16::from_be_bytes([t0, t1]) {
            ETHERNET => Some(Next::Ethernet(inside)),
            kind => Some(Next::EtherType(kind, inside)),
        }
    }

    /// GTP-U (3GPP TS 29.281): the tunnel's number is somebody's telephone.
    fn gtp(&mut self, masks: &mut Masks, span: Span) -> Option<Next> {
        let [flags, _, _, _, e0, e1, e2, e3] = self.sheet.chunk(span.at)?;
        self.sheet.keep(span.at, 4);
        let endpoint = masks.source(u32::from_be_bytes([e0, e1, e2, e3]));
        self.sheet.put(span.at + 4, &endpoint.to_be_bytes());
        let mut rest = span.after(8);
        if flags & 7 == 0 {
            return Some(Next::Ip(rest));
        }
        let [_, _, _, mut next] = self.sheet.chunk(rest.at)?;
        self.sheet.keep(rest.at, 4);
        rest = rest.after(4);
        for _ in 0..MAX_EXTENSIONS {
            if flags & 4 == 0 || next == 0 {
                return Some(Next::Ip(rest));
            }
            let [words] = self.sheet.chunk(rest.at).filter(|_| rest.len() >= 4)?;
            let len = 4 * usize::from(words);
            let last = rest.at + len.checked_sub(1)?;
            self.sheet.keep(rest.at, 1);
            self.sheet.keep(last, 1);
            [next] = self.sheet.chunk(last)?;
            rest = rest.after(len);
        }
        None
    }

    /// TZSP, its tags zero.
    fn tzsp(&mut self, span: Span) -> Option<Next> {
        self.sheet.keep(span.at, 4);
        let mut rest = span.after(4);
        loop {
            let [tag] = self.sheet.chunk(rest.at).filter(|_| rest.len() > 0)?;
            self.sheet.keep(rest.at, 1);
            rest = match tag {
                0 => rest.after(1),
                1 => return Some(Next::Ethernet(rest.after(1))),
                _ => {
                    let [_, len] = self.sheet.chunk(rest.at)?;
                    self.sheet.keep(rest.at + 1, 1);
                    rest.after(2 + usize::from(len))
                }
            };
        }
    }
}
