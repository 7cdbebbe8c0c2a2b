//! The pieces of one IP packet.

use crate::{
    Carried, Fragment, Tunnel,
    decode::{FirstFragment, decode_reassembled},
    encap::transport::IpEnds,
};

use super::FragmentLoss;

/// What an IP packet can carry, in bytes: what its 16-bit length can say.
const MAX_LEN: usize = 65_535;

/// Pieces that are followed: the largest packet over the smallest IPv4 path (576 bytes, RFC 791) comes in 119.
const MAX_PIECES: usize = 128;

/// The pieces of one packet, as they came.
///
/// Invariant: `pieces` are in the order of their place and do not overlap; each `at` points to its bytes in `bytes`, and
/// all of `bytes` belongs to one piece. Memory is what came in, never what an offset promises.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
    /// The end that the last fragment gave.
    end: Option<usize>,
    first: Option<FirstFragment>,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    start: usize,
    len: usize,
    at: usize,
}

/// Whether a piece was the last that was missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Pending,
    Whole,
}

impl Assembly {
    /// Bytes it holds.
    pub(super) const fn held(&self) -> usize {
        self.bytes.len()
    }

    /// Puts a fragment in its place; one that is there already changes nothing.
    pub(super) fn add(&mut self, fragment: &Fragment<'_>) -> Result<Progress, FragmentLoss> {
        let (start, len) = (usize::from(fragment.offset), fragment.bytes.len());
        let end = start + len;
        if fragment.cut != 0 {
            return Err(FragmentLoss::Cut);
        }
        if len == 0 || (fragment.more && len % 8 != 0) {
            return Err(FragmentLoss::BadLength);
        }
        if end > MAX_LEN {
            return Err(FragmentLoss::TooLong);
        }
        if self.holds(fragment) {
            return Ok(Progress::Pending);
        }
        let place = self.pieces.partition_point(|piece| piece.start < start);
        self.check_place(place, start..end, fragment.more)?;
        if self.pieces.len() == MAX_PIECES {
            return Err(FragmentLoss::TooMany);
        }
        self.pieces.insert(place, Piece { start, len, at: self.bytes.len() });
        self.bytes.extend_from_slice(fragment.bytes);
        if !fragment.more {
            self.end = Some(end);
        }
        if start == 0 {
            let ends = IpEnds { src: fragment.src, dst: fragment.dst, hop_limit: fragment.hop_limit };
            self.first = Some(FirstFragment { ends, protocol: fragment.protocol, tunnel: fragment.tunnel });
        }
        Ok(if self.end == Some(self.bytes.len()) { Progress::Whole } else { Progress::Pending })
    }

    /// Whether it has this very fragment: same place, same bytes, and last or not as before.
    pub(super) fn holds(&self, fragment: &Fragment<'_>) -> bool {
        let (start, len) = (usize::from(fragment.offset), fragment.bytes.len());
        let Ok(index) = self.pieces.binary_search_by_key(&start, |piece| piece.start) else {
            return false;
        };
        self.pieces.get(index).is_some_and(|piece| {
            piece.len == len
                && self.bytes.get(piece.at..piece.at + len) == Some(fragment.bytes)
                && fragment.more == (self.end != Some(start + len))
        })
    }

    /// What the whole packet carries. The pieces must be complete.
    pub(super) fn carried(&mut self) -> Option<Carried<'_>> {
        self.put_in_order();
        let first = self.first?;
        let layers = |tunnel: Option<Tunnel>| tunnel.map_or(0, |tunnel| tunnel.layers);
        decode_reassembled(&first, &self.bytes).ok().filter(|carried| match carried {
            // A fragment inside what was put together is made by a tunnel, and else by nobody.
            Carried::Fragment(inner) => layers(inner.tunnel) > layers(first.tunnel),
            Carried::Udp(_) | Carried::Tcp(_) | Carried::Icmp | Carried::OtherIp(_) | Carried::NotIp(_) => {
                true
            }
        })
    }

    /// A copy of the whole packet, if it carries a fragment of another. The pieces must be complete.
    pub(super) fn nesting(&mut self) -> Option<(FirstFragment, Vec<u8>)> {
        let first = self.first?;
        matches!(self.carried()?, Carried::Fragment(_)).then(|| (first, self.bytes.clone()))
    }

    fn check_place(
        &self,
        place: usize,
        range: std::ops::Range<usize>,
        more: bool,
    ) -> Result<(), FragmentLoss> {
        let before = place.checked_sub(1).and_then(|index| self.pieces.get(index));
        let after = self.pieces.get(place);
        let last_end = self.pieces.last().map_or(0, |piece| piece.start + piece.len);
        let overlaps = before.is_some_and(|piece| piece.start + piece.len > range.start)
            || after.is_some_and(|piece| piece.start < range.end)
            || self.end.is_some_and(|end| !more || range.end > end)
            || (!more && last_end > range.end);
        if overlaps { Err(FragmentLoss::Overlap) } else { Ok(()) }
    }

    /// Moves the bytes to the order of their pieces; most packets come in order and stay as they are.
    fn put_in_order(&mut self) {
        if self.pieces.iter().all(|piece| piece.start == piece.at) {
            return;
        }
        let mut ordered = Vec::with_capacity(self.bytes.len());
        for piece in &mut self.pieces {
            ordered.extend_from_slice(self.bytes.get(piece.at..piece.at + piece.len).unwrap_or_default());
            piece.at = piece.start;
        }
        self.bytes = ordered;
    }
}
