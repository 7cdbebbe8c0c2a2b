//! The elements of a header extension (RFC 8285).

use std::fmt;

use parsely_rs::{Bits, NetworkOrder, ParselyRead};
use rtp_parse::rtp2::header_extensions::HeaderExtensions;

use super::Extension;

/// The elements of one header extension, by their local identifier. Unlike the views of this crate it owns a copy: only
/// diagnostics ask for it, never the path of a packet.
#[derive(PartialEq)]
pub struct Elements(HeaderExtensions);

impl Elements {
    /// The value of the element with the local identifier `id`, 1 to 14 in the one-byte form, 1 to 255 in the other. When
    /// a packet has it twice the last one counts.
    #[must_use]
    pub fn value(&self, id: u8) -> Option<&[u8]> {
        self.0.get_by_id(id).map(|element| element.data())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Elements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elements").field("len", &self.len()).finish()
    }
}

/// What announces elements with a one-byte header.
const ONE_BYTE: u16 = 0xbede;

/// The longest block that `rtp-parse` takes: it multiplies the length in words within 16 bits.
const MAX_BLOCK: usize = 65_532;

impl Extension<'_> {
    /// The elements, as far as they are whole; `None` when the profile is not one of RFC 8285's.
    ///
    /// `rtp-parse` reads them. It panics on an element that reaches beyond the block and reads on where RFC 8285, section
    /// 4.2, says to stop (identifier 15), so it is shown only what was checked here to be whole elements.
    #[must_use]
    pub fn elements(&self) -> Option<Elements> {
        let whole = match self.profile {
            ONE_BYTE => whole_len(self.bytes, one_byte_len),
            0x1000..=0x100f => whole_len(self.bytes, two_byte_len),
            _ => return None,
        };
        let words = u16::try_from(whole.div_ceil(4)).ok()?;
        let mut block = Vec::with_capacity(4 + usize::from(words) * 4);
        block.extend_from_slice(&self.profile.to_be_bytes());
        block.extend_from_slice(&words.to_be_bytes());
        block.extend_from_slice(self.bytes.get(..whole)?);
        block.resize(4 + usize::from(words) * 4, 0);
        HeaderExtensions::read::<NetworkOrder>(&mut Bits::copy_from_bytes(&block), ()).ok().map(Elements)
    }
}

/// How many bytes at the start of `bytes` are whole elements and padding, where `element_len` gives the length of the
/// first element of a slice, or `None` to stop there.
fn whole_len(bytes: &[u8], element_len: fn(&[u8]) -> Option<usize>) -> usize {
    let bytes = bytes.get(..MAX_BLOCK).unwrap_or(bytes);
    let mut rest = bytes;
    while let Some(after) = element_len(rest).and_then(|len| rest.get(len..)) {
        rest = after;
    }
    bytes.len() - rest.len()
}

/// A byte of identifier and length - 1, then the value. Zero is padding; identifier 0 with a length, and 15, end it.
fn one_byte_len(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        0 => Some(1),
        0x01..=0x0f | 0xf0.. => None,
        head => Some(2 + usize::from(head & 0x0f)),
    }
}

/// A byte of identifier, a byte of length, then the value. Identifier 0 is a byte of padding.
fn two_byte_len(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [0, ..] => Some(1),
        [_, len, ..] => Some(2 + usize::from(*len)),
        [_] | [] => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(profile: u16, bytes: &[u8], expected: Option<&[(u8, &[u8])]>) {
        let elements = Extension { profile, bytes }.elements();
        assert_eq!(elements.as_ref().map(Elements::len), expected.map(<[_]>::len), "{profile:x} {bytes:x?}");
        for (id, value) in expected.unwrap_or_default() {
            assert_eq!(elements.as_ref().and_then(|e| e.value(*id)), Some(*value), "{profile:x} {bytes:x?}");
        }
    }

    #[test]
    fn elements_of_both_forms_are_read() {
        check(0xbede, &[0x10, 0xff, 0, 0, 0x21, 0xde, 0xad, 0], Some(&[(1, &[0xff]), (2, &[0xde, 0xad])]));
        check(0x1000, &[7, 2, 0xde, 0xad, 4, 0, 0, 0], Some(&[(7, &[0xde, 0xad]), (4, &[])]));
        check(0x100f, &[], Some(&[]));
    }

    #[test]
    fn elements_before_the_one_that_does_not_fit_are_kept() {
        check(0xbede, &[0x10, 0xff, 0x2f, 1], Some(&[(1, &[0xff])]));
        check(0x1000, &[7, 1, 0xaa, 9, 200, 1, 2, 3], Some(&[(7, &[0xaa])]));
    }

    #[test]
    fn identifier_15_ends_the_one_byte_form() {
        check(0xbede, &[0x10, 0xff, 0xf0, 0x07, 0x20, 0xaa, 0, 0], Some(&[(1, &[0xff])]));
    }

    #[test]
    fn another_profile_has_no_elements() {
        check(0x0000, &[1, 2, 3, 4], None);
        check(0x1010, &[7, 1, 0xaa, 0], None);
    }

    proptest! {
        #[test]
        fn any_block_gives_elements_that_lie_in_it(
            profile in prop_oneof![Just(0xbede_u16), 0x1000_u16..0x1010],
            bytes in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let elements = Extension { profile, bytes: &bytes }.elements().expect("both profiles are RFC 8285's");
            for value in (1..=255).filter_map(|id| elements.value(id)) {
                prop_assert!(value.is_empty() || bytes.windows(value.len()).any(|part| part == value));
            }
        }
    }
}
