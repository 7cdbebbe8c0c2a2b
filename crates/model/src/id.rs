//! Names of calls and recordings: ULIDs, so that they sort by time and can be typed.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Crockford's base 32, the alphabet of a ULID.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Text that is not a ULID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadId;

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id: 26 characters of 0-9 and A-Z without I, L, O and U")
    }
}

impl std::error::Error for BadId {}

macro_rules! ulid {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(u128);

        impl $name {
            /// Milliseconds since the Unix epoch (48 bits are kept; before the epoch counts as the epoch) and 80 bits
            /// of `tail`.
            #[must_use]
            pub const fn new(millis: i64, tail: u128) -> Self {
                let millis = if millis < 0 { 0 } else { millis as u128 & 0xffff_ffff_ffff };
                Self(millis << 80 | tail & ((1 << 80) - 1))
            }

            /// The 128 bits, big-endian: their order is the order of time.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            /// The inverse of [`Self::to_bytes`].
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                decode(text).map(Self)
            }
        }
    };
}

ulid! {
    /// A call: the time of its first INVITE (or of the first frame seen of it) and 80 bits drawn from what it is, so
    /// that the same frames give the same id.
    CallId
}
ulid! {
    /// A recording: one sealed, separately keyed object in the vault.
    RecordingId
}
ulid! {
    /// A copy: an evidence bundle, made for one recipient.
    CopyId
}

fn encode(bits: u128) -> String {
    (0..26).rev().map(|place| char::from(ALPHABET[(bits >> (5 * place)) as usize & 31])).collect()
}

fn decode(text: &str) -> Result<u128, BadId> {
    if text.len() != 26 || text.as_bytes()[0] > b'7' {
        return Err(BadId);
    }
    text.bytes().try_fold(0u128, |bits, letter| {
        let digit = ALPHABET.iter().position(|&a| a == letter.to_ascii_uppercase()).ok_or(BadId)?;
        Ok(bits << 5 | digit as u128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_prints() {
        let id = CallId::new(1_763_683_200_123, 0x1234_5678_9abc_def0_1234);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_lowercase().parse(), Ok(id));
        assert_eq!(CallId::from_bytes(id.to_bytes()), id);
        assert_eq!(CallId::new(1_469_918_176_385, 0).to_string(), "01ARYZ6S410000000000000000");
    }

    #[test]
    fn ids_sort_by_time_as_text_and_as_bytes() {
        let (early, late) = (CallId::new(1, u128::MAX), CallId::new(2, 0));
        assert!(early < late && early.to_string() < late.to_string() && early.to_bytes() < late.to_bytes());
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "01ARYZ6S41",
            "81ARYZ6S410000000000000000",
            "01ARYZ6S41000000000000000U",
            "가나다라마바사아자",
        ] {
            assert_eq!(text.parse::<CallId>(), Err(BadId), "{text}");
        }
    }
}
