//! IP headers and those of what is in IP: addresses replaced, everything that routes or counts kept, options zero.

use std::net::IpAddr;

use super::{Arrived, Goal, Next, Protects, Span, Sum, Walk};
use crate::masks::Masks;

/// Extension headers that are followed.
const MAX_EXTENSIONS: usize = 12;

impl<'b> Walk<'b> {
    pub(super) fn ip(mut self, masks: &mut Masks, span: Span) -> Option<Arrived<'b>> {
        let [first] = self.sheet.chunk(span.at)?;
        match first >> 4 {
            4 => {
                let (protocol, ends, span) = self.ipv4(masks, span)?;
                match protocol {
                    Some(protocol) => self.transport(masks, protocol, ends, span),
                    None => self.follow(masks, Next::Piece(span)),
                }
            }
            6 => {
                let (protocol, ends, span) = self.ipv6(masks, span)?;
                match protocol {
                    Some(protocol) => self.transport(masks, protocol, ends, span),
                    None => self.follow(masks, Next::Piece(span)),
                }
            }
            _ => None,
        }
    }

    /// The header of an IPv4 packet: its protocol, `None` for a piece of one; the new addresses; what follows.
    fn ipv4(&mut self, masks: &mut Masks, span: Span) -> Option<(Option<u8>, Protects, Span)> {
        let header = self.sheet.chunk::<20>(span.at)?;
        let len = usize::from(header[0] & 0x0f) * 4;
        let total = match usize::from(u16::from_be_bytes([header[2], header[3]])) {
            0 => span.len(),
            total => total,
        };
        self.sheet.keep(span.at, 10);
        let src = self.address::<4>(masks, span.at + 12)?;
        let dst = self.address::<4>(masks, span.at + 16)?;
        let sum = super::sums::checksum(0, &[self.sheet.new_bytes(span.at, len)]);
        self.sheet.put(span.at + 10, &sum.to_be_bytes());
        let is_piece = u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0;
        let ends = Protects::Datagram { src, dst, protocol: header[9] };
        Some(((!is_piece).then_some(header[9]), ends, span.limited(total).after(len)))
    }

    /// The header of an IPv6 packet and its extensions, as [`Self::ipv4`].
    fn ipv6(&mut self, masks: &mut Masks, span: Span) -> Option<(Option<u8>, Protects, Span)> {
        let header = self.sheet.chunk::<40>(span.at)?;
        self.sheet.keep(span.at, 8);
        let src = self.address::<16>(masks, span.at + 8)?;
        let dst = self.address::<16>(masks, span.at + 24)?;
        let after = span.after(40);
        let mut rest = match usize::from(u16::from_be_bytes([header[4], header[5]])) {
            0 => after,
            len => after.limited(len),
        };
        let mut next = header[6];
        for _ in 0..MAX_EXTENSIONS {
            let len = match next {
                0 | 43 | 60 | 135 | 139 | 140 => {
                    let [_, len] = self.sheet.chunk(rest.at)?;
                    // Of what routes only its kind.
                    self.sheet.keep(rest.at, if next == 43 { 3 } else { 2 });
                    8 + usize::from(len) * 8
                }
                44 => {
                    let [_, _, o0, o1] = self.sheet.chunk(rest.at)?;
                    self.sheet.keep(rest.at, 8);
                    if u16::from_be_bytes([o0, o1]) & 0xfff9 != 0 {
                        let ends = Protects::Datagram { src, dst, protocol: next };
                        return Some((None, ends, rest.after(8)));
                    }
                    8
                }
                51 => self.authentication(rest)?,
                _ => {
                    let ends = Protects::Datagram { src, dst, protocol: next };
                    return Some((Some(next), ends, rest));
                }
            };
            [next] = self.sheet.chunk(rest.at)?;
            rest = rest.after(len);
        }
        None
    }

    /// An authentication header (RFC 4302), whose check value becomes zero; its length.
    fn authentication(&mut self, span: Span) -> Option<usize> {
        let [_, len] = self.sheet.chunk(span.at)?;
        self.sheet.keep(span.at, 12);
        Some((usize::from(len) + 2) * 4)
    }

    /// The address at `at`, of `N` bytes.
    fn address<const N: usize>(&mut self, masks: &mut Masks, at: usize) -> Option<IpAddr>
    where
        IpAddr: From<[u8; N]>,
    {
        let new = masks.ip(IpAddr::from(self.sheet.chunk::<N>(at)?));
        match new {
            IpAddr::V4(new) => self.sheet.put(at, &new.octets()),
            IpAddr::V6(new) => self.sheet.put(at, &new.octets()),
        }
        Some(new)
    }

    /// What is in IP.
    pub(super) fn transport(
        mut self,
        masks: &mut Masks,
        protocol: u8,
        ends: Protects,
        span: Span,
    ) -> Option<Arrived<'b>> {
        match protocol {
            17 => self.udp(masks, ends, span),
            6 => {
                let payload = self.tcp(ends, span)?;
                self.follow(masks, Next::Segment(payload))
            }
            51 => {
                let [next] = self.sheet.chunk(span.at)?;
                let len = self.authentication(span)?;
                let ends = ends.of_protocol(next);
                if next == 51 { None } else { self.transport(masks, next, ends, span.after(len)) }
            }
            other => self.ip_tunnel(masks, other, ends, span),
        }
    }

    fn udp(mut self, masks: &mut Masks, ends: Protects, span: Span) -> Option<Arrived<'b>> {
        let header = self.sheet.chunk::<8>(span.at)?;
        let [src, dst, len, sum] = [0, 2, 4, 6].map(|at| u16::from_be_bytes([header[at], header[at + 1]]));
        let whole = if len == 0 { span } else { span.limited(usize::from(len)) };
        self.sheet.keep(span.at, 6);
        // Without a checksum before, without one after.
        if sum != 0 {
            let protects = ends.of_protocol(17);
            self.sums.push(Sum { at: span.at + 6, from: whole.at, len: usize::from(len), protects });
        }
        let payload = whole.after(8);
        let is_goal = self.goal == Goal::Datagram(payload.at);
        if is_goal || earwitness_wire::hep::looks_like(self.sheet.old(payload.at, payload.len())) {
            return self.follow(masks, Next::Datagram(payload, [src, dst]));
        }
        self.udp_tunnel(masks, dst, payload)
    }

    fn tcp(&mut self, ends: Protects, span: Span) -> Option<Span> {
        let header = self.sheet.chunk::<20>(span.at)?;
        let len = usize::from(header[12] >> 4) * 4;
        // Without the urgent pointer and without options.
        self.sheet.keep(span.at, 16);
        let protects = ends.of_protocol(6);
        self.sums.push(Sum { at: span.at + 16, from: span.at, len: span.len(), protects });
        (len >= 20).then(|| span.after(len))
    }
}
