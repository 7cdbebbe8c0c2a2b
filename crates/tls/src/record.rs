//! Records (RFC 8446, 5.1; RFC 5246, 6.2.1).
//!
//! ```text
//!  0      1             3             5
//!  +------+-------------+-------------+-------------
//!  | kind |   version   |   length    | body …
//!  +------+-------------+-------------+-------------
//! ```

/// Bytes of a header.
pub(crate) const HEADER: usize = 5;
/// The longest body: 2¹⁴ bytes of plain text, and 2048 that sealing may add (RFC 5246, 6.2.3).
const MOST_BODY: usize = (1 << 14) + 2048;

/// What a record carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ChangeCipherSpec,
    Alert,
    Handshake,
    Application,
}

impl Kind {
    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::Application,
            _ => return None,
        })
    }
}

/// A whole record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'b> {
    pub(crate) kind: Kind,
    pub(crate) header: [u8; HEADER],
    pub(crate) body: &'b [u8],
}

/// What bytes begin with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Read<'b> {
    Record(Record<'b>),
    /// The beginning of one.
    Part,
    None,
}

impl<'b> Record<'b> {
    /// Reads the record at the beginning of `bytes`.
    pub(crate) fn read(bytes: &'b [u8]) -> Read<'b> {
        let Some(&header) = bytes.first_chunk::<HEADER>() else {
            // What there is of a header must be that of one.
            let begins = match bytes {
                [] => true,
                [kind] => Kind::from_code(*kind).is_some(),
                [kind, major, ..] => Kind::from_code(*kind).is_some() && *major == 3,
            };
            return if begins { Read::Part } else { Read::None };
        };
        let [kind, 3, 0..=4, high, low] = header else { return Read::None };
        let len = usize::from(u16::from_be_bytes([high, low]));
        let Some(kind) = Kind::from_code(kind).filter(|_| len <= MOST_BODY) else { return Read::None };
        match bytes.get(HEADER..HEADER + len) {
            Some(body) => Read::Record(Self { kind, header, body }),
            None => Read::Part,
        }
    }

    /// Bytes of all of it.
    pub(crate) const fn len(&self) -> usize {
        HEADER + self.body.len()
    }
}

/// Whether `bytes` begin with the header of a record, and it is no empty one.
#[must_use]
pub fn begins_record(bytes: &[u8]) -> bool {
    let header = bytes.get(..HEADER).unwrap_or_default();
    !matches!(header, [] | [.., 0, 0]) && !matches!(Record::read(header), Read::None)
}

/// How many bytes lie before the next that may begin a sealed record; all but the last few, which may be its beginning, when
/// there is none.
pub(crate) fn distance_to_next(bytes: &[u8]) -> usize {
    let may_begin =
        |window: &[u8]| matches!(window, [20..=23, 3, 3, high, _] if usize::from(*high) << 8 <= MOST_BODY);
    let found = bytes.windows(HEADER).position(may_begin);
    found.unwrap_or_else(|| bytes.len().saturating_sub(HEADER - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_whole_or_waited_for_or_none() {
        let bytes = [23, 3, 3, 0, 2, 7, 8, 9];
        for len in 0..7 {
            assert!(matches!(Record::read(&bytes[..len]), Read::Part), "{len}");
        }
        let Read::Record(record) = Record::read(&bytes) else { panic!("it is whole") };
        assert_eq!((record.kind, record.body, record.len()), (Kind::Application, &[7, 8][..], 7));
        for none in [&[24][..], &[23, 2], &[23, 3, 5, 0, 1], &[23, 3, 3, 0x48, 1], b"INVITE"] {
            assert!(matches!(Record::read(none), Read::None), "{none:?}");
        }
        assert!(matches!(Record::read(&[22, 3, 1, 0x48, 0]), Read::Part), "the longest");
        assert!(begins_record(&bytes) && begins_record(&[22, 3, 1, 0x48, 0]));
        for none in [&[23, 3, 3, 0, 0, 7][..], &[23, 3, 3, 0x48, 1], &[23, 3, 3, 1], b""] {
            assert!(!begins_record(none), "{none:?}");
        }
    }

    #[test]
    fn the_next_record_is_found_behind_anything() {
        assert_eq!(distance_to_next(&[1, 23, 3, 23, 3, 3, 0, 9]), 3);
        assert_eq!(distance_to_next(&[0; 9]), 5);
        assert_eq!(distance_to_next(&[23, 3, 3]), 0);
    }
}
