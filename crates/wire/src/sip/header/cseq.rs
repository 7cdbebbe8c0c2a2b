//! CSeq (RFC 3261, 20.16).

use crate::sip::{
    Method,
    scan::{decimal, first_word},
};

/// A CSeq: which request of a dialog a message belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CSeq {
    /// Its number, below 2³¹.
    pub number: u32,
    /// Its method.
    pub method: Method,
}

impl CSeq {
    /// Reads `number method`; `None` if either is missing or the number is 2³¹ or more (8.1.1.5).
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (number, _) = first_word(value);
        let number = u32::try_from(decimal(number)?).ok().filter(|number| *number < 1 << 31)?;
        let method = method_name(value);
        (!method.is_empty()).then(|| Self { number, method: Method::from_name(method) })
    }
}

/// The method in the value of a CSeq as it was written, empty if there is none.
pub(crate) fn method_name(value: &[u8]) -> &[u8] {
    first_word(first_word(value).1).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_method_may_be_folded_apart() {
        assert_eq!(CSeq::parse(b"0009\r\n  INVITE"), Some(CSeq { number: 9, method: Method::Invite }));
        assert_eq!(CSeq::parse(b"1\tBYE "), Some(CSeq { number: 1, method: Method::Bye }));
    }

    #[test]
    fn a_number_of_32_bits_or_more_is_refused() {
        assert_eq!(CSeq::parse(b"2147483647 ACK").map(|cseq| cseq.number), Some(2_147_483_647));
        for value in ["2147483648 ACK", "36893488147419103232 REGISTER", "INVITE", "1", "", "-1 ACK"] {
            assert_eq!(CSeq::parse(value.as_bytes()), None, "{value}");
        }
    }
}
