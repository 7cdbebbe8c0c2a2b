//! A frame of other machines: from the link layer through tags and tunnels to what it carries.
//!
//! The walk knows where it goes: `wire` has read the frame, and says where its datagram lies. What the walk does not reach in
//! that way is refused, and so is a frame that `wire` reads otherwise when it is done.

mod ip;
mod link;
mod sums;
mod tunnel;

use std::{cell::Cell, rc::Rc};

use earwitness_model::RawFrame;
use earwitness_wire::{Carried, Cause, Fragment, TcpSegment, decode};

pub(crate) use sums::{Protects, Sum};

use crate::{Dropped, masks::Masks, sheet::Sheet};

/// Layers that are looked at in one frame, tags and tunnels together.
const MAX_LAYERS: u8 = 64;
/// Layers that are looked at on all ways together: where layers can be read in several ways, ways multiply.
const MAX_LOOKS: u16 = 512;

/// The part of a frame that a layer occupies, as far as it was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) at: usize,
    pub(crate) end: usize,
}

impl Span {
    pub(crate) fn after(self, len: usize) -> Self {
        Self { at: (self.at + len).min(self.end), end: self.end }
    }

    /// The first `len` bytes, or what there is.
    pub(crate) fn limited(self, len: usize) -> Self {
        Self { at: self.at, end: self.end.min(self.at + len) }
    }

    pub(crate) const fn len(self) -> usize {
        self.end - self.at
    }
}

/// What comes next in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    EtherType(u16, Span),
    Ethernet(Span),
    Llc(Span),
    Ip(Span),
    /// The payload of a datagram, and its ports.
    Datagram(Span, [u16; 2]),
    /// That of a segment of TCP.
    Segment(Span),
    /// A piece of a packet.
    Piece(Span),
}

/// What a frame is about, by the place of what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Datagram(usize),
    Segment(usize),
    Piece(usize),
}

impl Goal {
    const fn is_at(self, place: usize) -> bool {
        match self {
            Self::Datagram(at) | Self::Segment(at) | Self::Piece(at) => at == place,
        }
    }
}

/// A frame whose headers are written anew.
#[derive(Debug, Clone)]
pub(crate) struct Headers<'b> {
    pub(crate) sheet: Sheet<'b>,
    /// Checksums that are still to be made, the outermost first.
    pub(crate) sums: Vec<Sum>,
    /// Where what it carries lies.
    pub(crate) payload: Span,
    pub(crate) carries: Carries<'b>,
}

/// What a frame carries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Carries<'b> {
    /// A datagram between these ports.
    Datagram([u16; 2]),
    Segment(TcpSegment<'b>),
    Piece(Fragment<'b>),
}

/// How far a walk got.
#[derive(Clone)]
struct Walk<'b> {
    sheet: Sheet<'b>,
    sums: Vec<Sum>,
    goal: Goal,
    layers: u8,
    /// How many more layers may be looked at, on this way and all others.
    looks: Rc<Cell<u16>>,
}

/// Writes the headers of `frame` anew.
pub(crate) fn headers<'b>(masks: &mut Masks, frame: &RawFrame<'b>) -> Result<Headers<'b>, Dropped> {
    let place = |part: &[u8]| part.as_ptr().addr().wrapping_sub(frame.bytes.as_ptr().addr());
    let carried = decode(frame).map_err(|error| match error.cause {
        Cause::Unsupported => Dropped::LinkType,
        Cause::Truncated
        | Cause::BadVersion
        | Cause::BadLength
        | Cause::BadSyntax
        | Cause::Missing
        | Cause::TooDeep => Dropped::Unreadable,
    })?;
    let (goal, segment, piece) = match carried {
        Carried::Udp(datagram) => (Goal::Datagram(place(datagram.payload)), None, None),
        Carried::Tcp(segment) => (Goal::Segment(place(segment.payload)), Some(segment), None),
        Carried::Fragment(piece) => (Goal::Piece(place(piece.bytes)), None, Some(piece)),
        Carried::Icmp => return Err(Dropped::Icmp),
        Carried::OtherIp(_) => return Err(Dropped::OtherIp),
        Carried::NotIp(_) => return Err(Dropped::NotIp),
    };
    let looks = Rc::new(Cell::new(MAX_LOOKS));
    let walk = Walk { sheet: Sheet::blank(frame.bytes), sums: Vec::new(), goal, layers: 0, looks };
    let whole = Span { at: 0, end: frame.bytes.len() };
    let (walk, payload, ports) = walk.link(masks, frame.link, whole).ok_or(Dropped::Unreadable)?;
    let carries = match (segment, piece) {
        (Some(segment), _) => Carries::Segment(segment),
        (None, Some(piece)) => Carries::Piece(piece),
        (None, None) => Carries::Datagram(ports),
    };
    Ok(Headers { sheet: walk.sheet, sums: walk.sums, payload, carries })
}

/// A walk that came where it should: where that is, and between which ports.
type Arrived<'b> = (Walk<'b>, Span, [u16; 2]);

impl<'b> Walk<'b> {
    /// Goes on from `next`; `None` where the way is lost.
    fn follow(mut self, masks: &mut Masks, mut next: Next) -> Option<Arrived<'b>> {
        loop {
            self.layers += 1;
            let looks = self.looks.get().checked_sub(1)?;
            self.looks.set(looks);
            if self.layers > MAX_LAYERS {
                return None;
            }
            next = match next {
                Next::Datagram(span, ports) => {
                    // What an agent tells lies in what it says of it.
                    let is_told =
                        matches!(self.goal, Goal::Datagram(at) if (span.at..=span.end).contains(&at));
                    return is_told.then_some((self, span, ports));
                }
                Next::Segment(span) | Next::Piece(span) => {
                    return self.goal.is_at(span.at).then_some((self, span, [0; 2]));
                }
                Next::EtherType(kind, span) => match self.tag(kind, span)? {
                    Some(next) => next,
                    None => return self.link_tunnel(masks, kind, span),
                },
                Next::Ethernet(span) => self.ethernet(masks, span)?,
                Next::Llc(span) => self.llc(span)?,
                Next::Ip(span) => return self.ip(masks, span),
            };
        }
    }

    /// The first of `ways` that leads where it should.
    fn first_of(self, masks: &mut Masks, ways: &[Next]) -> Option<Arrived<'b>> {
        ways.iter().find_map(|way| self.clone().follow(masks, *way))
    }

    fn half(&self, at: usize) -> Option<u16> {
        self.sheet.chunk(at).map(u16::from_be_bytes)
    }
}
