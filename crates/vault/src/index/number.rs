//! The end of a number: what all spellings of it share, whatever the office's number plan says.
//!
//! Numbers are compared by a plan that the vault does not know and that may change after calls were listed: country and
//! area codes and leading zeros are put before a number or taken away, separators go. The last digits stay. A number of
//! fewer than four digits, or of which a plan may drop the leading zero, is compared by as many digits as stay.

/// Digits that are kept.
const DIGITS: u32 = 4;
/// Texts that may be spelled in several ways, or of which more is written than is compared.
const ANY: u16 = 0xffff;
/// No number.
const NONE: u16 = 0xfffe;
/// From here on: 14 bits of the checksum of a text that is no number.
const TEXT: u16 = 0x4000;
/// Where the endings of fewer digits begin; four digits are themselves.
const THREE: u16 = 10_000;
const TWO: u16 = 11_000;
const ONE: u16 = 11_100;

/// The end of a number, or a SIP user that is none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ending(u16);

impl Ending {
    pub(super) const NONE: Self = Self(NONE);

    /// The end of a number that is looked for, in the one spelling that its number plan brings all spellings to.
    #[must_use]
    pub fn of(normalised: &str) -> Self {
        let digits = normalised.strip_prefix('+').unwrap_or(normalised);
        if digits.is_empty() {
            return Self(NONE);
        }
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self(text(normalised));
        }
        // The national zero may not have been written.
        Self(last(digits.strip_prefix('0').unwrap_or(digits)))
    }

    pub(super) const fn code(self) -> u16 {
        self.0
    }

    pub(super) const fn from_code(code: u16) -> Self {
        Self(code)
    }

    /// Whether the number that is looked for may be one that was written like this.
    pub(super) fn may_be(self, written: Self) -> bool {
        if written.0 == ANY {
            return true;
        }
        if written.0 == NONE {
            return false;
        }
        if self.0 == ANY {
            return true;
        }
        match (self.digits(), written.digits()) {
            (Some((wanted, digits)), Some((written, of))) => {
                of >= digits && written % 10_u16.pow(digits) == wanted
            }
            (None, None) => self == written,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// The last digits and how many they are; `None` for what is no number.
    const fn digits(self) -> Option<(u16, u32)> {
        match self.0 {
            ..THREE => Some((self.0, DIGITS)),
            THREE..TWO => Some((self.0 - THREE, 3)),
            TWO..ONE => Some((self.0 - TWO, 2)),
            ONE..=11_109 => Some((self.0 - ONE, 1)),
            _ => None,
        }
    }
}

/// A person's number is not printed, nor is its end.
impl std::fmt::Debug for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ending")
    }
}

/// The end of a number as it was written in the signalling.
pub(super) fn ending(written: &str) -> Ending {
    let is_separator = |letter: char| {
        matches!(letter, '-' | '.' | '(' | ')' | '/' | '\u{2010}'..='\u{2015}') || letter.is_whitespace()
    };
    if written.trim().is_empty() {
        return Ending(NONE);
    }
    if written.contains([':', ';', '@']) {
        return Ending(ANY);
    }
    let has_separators = written.contains(is_separator);
    if !has_separators {
        let digits = written.strip_prefix('+').unwrap_or(written);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        return Ending(if is_number { last(digits) } else { text(written) });
    }
    let compact: String = written.chars().filter(|letter| !is_separator(*letter)).collect();
    let digits = compact.strip_prefix('+').unwrap_or(&compact);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ending(last(digits));
    }
    // Separators stay in a SIP user and go from a service code, and spaces around either go.
    Ending(ANY)
}

fn last(digits: &str) -> u16 {
    let count = digits.len().min(DIGITS as usize);
    let value = digits.as_bytes()[digits.len() - count..]
        .iter()
        .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match count {
        0 => ANY,
        1 => ONE + value,
        2 => TWO + value,
        3 => THREE + value,
        _ => value,
    }
}

fn text(text: &str) -> u16 {
    if text.contains([':', ';', '@']) {
        return ANY;
    }
    TEXT | (crc32c::crc32c(text.as_bytes()) & 0x3fff) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a call with a party written like this passes when the number is looked for.
    fn check(normalised: &str, written: &str, passes: bool) {
        assert_eq!(Ending::of(normalised).may_be(ending(written)), passes, "{normalised} in {written:?}");
    }

    #[test]
    fn every_spelling_of_a_number_passes_and_another_number_does_not() {
        for written in
            ["0312221111", "+82 31-222-1111", "222-1111", "82312221111", "031–222–1111", "sip:+82312221111@x"]
        {
            check("0312221111", written, true);
        }
        check("0312221111", "0312221112", false);
        check("0312221111", "alice", false);
        check("0312221111", "111", false);
        check("0312221111", "", false);
    }

    #[test]
    fn a_short_number_is_compared_by_the_digits_that_it_has() {
        for (normalised, written, passes) in [
            ("4001", "4001", true),
            ("4001", "4002", false),
            ("4001", "01012344001", true),
            ("4001", "001", false),
            ("112", "+82112", true),
            ("012", "+8212", true),
            ("012", "12", true),
            ("01", "+821", true),
            ("0", "0", true),
            ("7", "7", true),
            ("7", "6", false),
            ("15881234", "1588-1234", true),
        ] {
            check(normalised, written, passes);
        }
    }

    #[test]
    fn a_user_that_is_no_number_is_compared_as_it_is() {
        check("alice", "alice", true);
        check("alice", "bob", false);
        check("alice", "4001", false);
        check("*21", "*21", true);
        check("*21", "*2-1", true);
        check("kim.min", "kim.min", true);
        check("", "4001", false);
    }
}
