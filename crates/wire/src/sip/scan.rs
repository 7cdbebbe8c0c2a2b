//! Byte scanning that the SIP and SDP grammars share: cutting at a mark, quotes, decimal numbers.

use memchr::memchr;

/// What stands before and after the first `mark`.
pub(crate) fn cut(bytes: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    cut_at(bytes, memchr(mark, bytes)?)
}

/// What stands before and after the byte at `at`.
pub(crate) fn cut_at(bytes: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    Some((bytes.get(..at)?, bytes.get(at.checked_add(1)?..)?))
}

/// What stands before and after the first white space, both trimmed; the second is empty when there is none.
pub(crate) fn first_word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let bytes = bytes.trim_ascii();
    let at = bytes.iter().position(u8::is_ascii_whitespace).unwrap_or(bytes.len());
    let (word, rest) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
    (word, rest.trim_ascii_start())
}

/// The offset of the first `mark` that stands outside quoted strings and outside `<…>`.
///
/// A quote or a bracket that is never closed hides the rest, so that a broken value stays one value. A backslash hides
/// the byte after it even outside quotes: some phones write `\"name\" <sip:…>`.
pub(crate) fn find_outside(bytes: &[u8], mark: u8) -> Option<usize> {
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at = match byte {
            _ if byte == mark => return Some(at),
            b'\\' => at + 2,
            b'"' => at + 1 + closing_quote(bytes.get(at + 1..)?)? + 1,
            b'<' => at + 1 + memchr(b'>', bytes.get(at + 1..)?)? + 1,
            _ => at + 1,
        };
    }
    None
}

/// The offset of the quote that closes a quoted string, in the bytes after its opening quote (RFC 3261, 25.1).
pub(crate) fn closing_quote(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// `value` without the quotes around it, if there are any; escapes inside stay as they are.
pub(crate) fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(value)
}

/// A decimal number: digits only, at least one, within 64 bits.
pub(crate) fn decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u64, |sum, byte| match byte {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}

/// RFC 3261, 25.1: `token`.
pub(crate) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_inside_quotes_and_brackets_are_not_seen() {
        let check = |text: &str, expected: Option<usize>| {
            assert_eq!(find_outside(text.as_bytes(), b','), expected, "{text}");
        };
        check("a,b", Some(1));
        check("\"a,b\",c", Some(5));
        check("<sip:a,b@c>,d", Some(11));
        check(r#""a\",b",c"#, Some(7));
        check(r#"\"a, b"#, Some(3));
        check("\"never closed, so one", None);
        check("<never closed, so one", None);
        check("trailing \\", None);
    }

    #[test]
    fn numbers_are_digits_within_64_bits() {
        assert_eq!(decimal(b"0009"), Some(9));
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal(b"18446744073709551616"), None);
        assert_eq!(decimal(b"-9"), None);
        assert_eq!(decimal(b""), None);
    }

    #[test]
    fn a_word_ends_at_white_space() {
        assert_eq!(first_word(b"  9\r\n  INVITE "), (&b"9"[..], &b"INVITE"[..]));
        assert_eq!(first_word(b"alone"), (&b"alone"[..], &b""[..]));
        assert_eq!(first_word(b" "), (&b""[..], &b""[..]));
    }
}
