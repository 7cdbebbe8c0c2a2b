//! What is wrong with a message that was understood all the same.

use std::fmt;

/// Something that RFC 3261 forbids and a passive listener reads past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Defect {
    /// Bytes other than line ends stood before the start line.
    JunkBeforeStartLine,
    /// White space in the start line is not as 7.1 and 7.2 want it: doubled, trailing, inside the URI, or missing.
    BadStartLine,
    /// The version is not `SIP/2.0`.
    BadVersion,
    /// The Request-URI is no URI: in `<>`, with headers, or a sip: URI without a usable host or port (19.1).
    BadRequestUri,
    /// A header line without a colon or without a name; it was skipped.
    BadHeaderLine,
    /// More headers than the table holds; the rest is found by scanning.
    TooManyHeaders,
    /// The bytes end inside a header line, which was dropped: the frame was cut, or a TCP segment is missing.
    HeadCut,
    /// No empty line ends the headers.
    NoBlankLine,
    /// A header that may stand once stands twice (From, To, Call-ID, CSeq, Content-Length, Content-Type, Max-Forwards).
    RepeatedHeader,
    /// No Call-ID, or an empty one.
    NoCallId,
    /// No CSeq, or not `number method` with a number below 2³¹ (8.1.1.5).
    BadCSeq,
    /// The method of CSeq is not that of the request line.
    CseqMethodMismatch,
    /// No From, or one that had to be repaired: an open quote, a display name outside quotes that is not tokens.
    BadFrom,
    /// No To, or one that had to be repaired.
    BadTo,
    /// No Via, or one that is not `SIP/2.0/transport host`, or has parameters without a name.
    BadVia,
    /// Content-Length is not a number, or stands twice with two values; the body is all that is there.
    BadContentLength,
    /// Fewer bytes of body than Content-Length says.
    BodyShort,
    /// More bytes than Content-Length says; [`Message::trailing`](super::Message::trailing) has the surplus.
    BodyLong,
}

impl Defect {
    /// Every defect, in the order of their bits.
    pub const ALL: [Self; 18] = [
        Self::JunkBeforeStartLine,
        Self::BadStartLine,
        Self::BadVersion,
        Self::BadRequestUri,
        Self::BadHeaderLine,
        Self::TooManyHeaders,
        Self::HeadCut,
        Self::NoBlankLine,
        Self::RepeatedHeader,
        Self::NoCallId,
        Self::BadCSeq,
        Self::CseqMethodMismatch,
        Self::BadFrom,
        Self::BadTo,
        Self::BadVia,
        Self::BadContentLength,
        Self::BodyShort,
        Self::BodyLong,
    ];
}

/// A set of [`Defect`]s.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Defects(u32);

impl Defects {
    /// No defect.
    pub const NONE: Self = Self(0);

    /// Whether `defect` is among them.
    #[must_use]
    pub const fn contains(self, defect: Defect) -> bool {
        self.0 & (1 << defect as u8) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Each of them, in the order of [`Defect::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Defect> {
        Defect::ALL.into_iter().filter(move |defect| self.contains(*defect))
    }

    pub(crate) const fn insert(&mut self, defect: Defect) {
        self.0 |= 1 << defect as u8;
    }

    pub(crate) const fn insert_if(&mut self, found: bool, defect: Defect) {
        if found {
            self.insert(defect);
        }
    }
}

impl fmt::Debug for Defects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_defect_has_its_own_bit_and_place() {
        for (place, defect) in Defect::ALL.into_iter().enumerate() {
            let mut set = Defects::NONE;
            set.insert(defect);
            assert_eq!(defect as usize, place);
            assert_eq!(set.iter().collect::<Vec<_>>(), [defect]);
        }
    }
}
