//! A share as it is printed, typed and photographed.
//!
//! ```text
//!   S1  04G6 1ERJ 80K3 7FQZ  9X2M        16 digits are ten bytes of the share; the last four are the line's checksum
//!   S2  …                                digits of Crockford's base 32: no I, L, O, U; case, spaces and hyphens do not count,
//!   …                                    and who reads O for 0, or I or L for 1, is understood
//!   S5  …
//!
//!   EARWITNESS-SHARE:04G61ERJ80K37FQZ9X2M…   the same hundred digits in one, as the picture holds it
//! ```
//!
//! A checksum is 20 bits of BLAKE3 over the line's number, its bytes, and, but in the first, the bytes of the first line: so
//! that a line of another sheet is named as a mistyped one is.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::{SIZE, Share, ShareFault};

const LINES: usize = 5;
/// Bytes of a share in a line.
const PART: usize = SIZE / LINES;
/// Digits of a line, its checksum among them.
const DIGITS: usize = 20;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE: &str = "EARWITNESS-SHARE:";
/// More text than any sheet has is not looked at.
const MOST_TEXT: usize = 1 << 20;

/// The lines of a share, for print: `S1  04G6 1ERJ 80K3 7FQZ  9X2M`, and so on, wiped when dropped.
pub struct ShareLines(Zeroizing<String>);

impl ShareLines {
    /// The text, a line each.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// What it holds is not printed.
impl fmt::Debug for ShareLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShareLines(..)")
    }
}

impl Share {
    /// As it is printed.
    #[must_use]
    pub fn lines(&self) -> ShareLines {
        let digits = self.digits();
        let mut text = Zeroizing::new(String::with_capacity(LINES * 32));
        for (number, line) in (1..).zip(digits.chunks(DIGITS)) {
            text.push_str(&format!("S{number} "));
            for (at, group) in line.chunks(4).enumerate() {
                text.push_str(if at == 4 { "  " } else { " " });
                group.iter().for_each(|&digit| text.push(char::from(digit)));
            }
            text.push('\n');
        }
        ShareLines(text)
    }

    /// As the picture on its sheet holds it: letters and digits that are few enough for a small one.
    #[must_use]
    pub fn code(&self) -> Zeroizing<String> {
        let mut code = Zeroizing::new(String::with_capacity(CODE.len() + LINES * DIGITS));
        code.push_str(CODE);
        self.digits().iter().for_each(|&digit| code.push(char::from(digit)));
        code
    }

    /// The share in a text: its five lines, wherever they stand, or its code. A sheet, as text or as HTML, is such a text.
    ///
    /// # Errors
    /// What is wrong, by line.
    pub fn read(text: &str) -> Result<Self, ShareFault> {
        let text = text.get(..MOST_TEXT).unwrap_or(text);
        if let Some((_, code)) = text.split_once(CODE) {
            let digits: Zeroizing<Vec<u8>> = Zeroizing::new(code.bytes().take(LINES * DIGITS).collect());
            let lines: Vec<&[u8]> = digits.chunks(DIGITS).collect();
            let all = std::array::from_fn(|at| lines.get(at).map(|line| values(line.iter().copied())));
            return of_lines(&all);
        }
        let mut found: [Option<Zeroizing<Vec<u8>>>; LINES] = Default::default();
        for line in text.lines() {
            let Some((at, digits)) = labelled(line) else { continue };
            match &found[at] {
                Some(before) if **before != *digits => {
                    return Err(ShareFault::LineTwice { line: number(at) });
                }
                Some(_) => {}
                None => found[at] = Some(digits),
            }
        }
        if found.iter().all(Option::is_none) {
            return Err(ShareFault::NoShare);
        }
        of_lines(&found)
    }

    /// All digits, checksums among them.
    fn digits(&self) -> Zeroizing<Vec<u8>> {
        let bytes = self.to_bytes();
        let mut digits = Zeroizing::new(Vec::with_capacity(LINES * DIGITS));
        for (at, part) in bytes.chunks(PART).enumerate() {
            let mut number = part.iter().fold(0_u128, |number, &byte| number << 8 | u128::from(byte)) << 20
                | u128::from(checksum(at, &bytes[..PART], part));
            for place in (0..DIGITS).rev() {
                digits.push(ALPHABET[(number >> (5 * place)) as usize & 31]);
            }
            number.zeroize();
        }
        digits
    }
}

fn number(at: usize) -> u8 {
    u8::try_from(at + 1).unwrap_or(u8::MAX)
}

/// The share whose lines have these digits, by value.
fn of_lines(lines: &[Option<Zeroizing<Vec<u8>>>; LINES]) -> Result<Share, ShareFault> {
    let mut bytes = Zeroizing::new([0; SIZE]);
    for (at, digits) in lines.iter().enumerate() {
        let line = number(at);
        let digits = digits.as_ref().ok_or(ShareFault::MissingLine { line })?;
        if digits.len() != DIGITS || digits.iter().any(|&value| value > 31) {
            return Err(ShareFault::Line { line });
        }
        let number = digits.iter().fold(0_u128, |number, &value| number << 5 | u128::from(value));
        let part = (number >> 20).to_be_bytes();
        bytes[at * PART..][..PART].copy_from_slice(&part[16 - PART..]);
        let first: [u8; PART] = std::array::from_fn(|i| bytes[i]);
        if u128::from(checksum(at, &first, &part[16 - PART..])) != number & 0xf_ffff {
            return Err(ShareFault::Line { line });
        }
    }
    Share::from_bytes(&bytes)
}

/// 20 bits of a line's hash.
fn checksum(at: usize, first: &[u8], part: &[u8]) -> u32 {
    let mut hasher = blake3::Hasher::new_derive_key("earwitness 2026 line of a share");
    hasher.update(&[number(at)]);
    hasher.update(if at == 0 { &[] } else { first });
    hasher.update(part);
    let hash = hasher.finalize();
    u32::from_be_bytes(std::array::from_fn(|i| hash.as_bytes()[i])) >> 12
}

/// The line's place and the values of its digits, when it has a label; marks of HTML do not count.
fn labelled(line: &str) -> Option<(usize, Zeroizing<Vec<u8>>)> {
    let line = line.rsplit('>').find(|part| !part.trim().is_empty()).unwrap_or(line);
    let line = line.split('<').next().unwrap_or(line).trim_start();
    let mut letters = line.bytes();
    let (b'S' | b's', digit @ b'1'..=b'5') = (letters.next()?, letters.next()?) else { return None };
    let rest = line.get(2..)?;
    let rest = rest.strip_prefix([':', '.', ')']).unwrap_or(rest);
    if !rest.starts_with([' ', '\t', '-']) {
        return None;
    }
    Some((usize::from(digit - b'1'), values(rest.bytes())))
}

/// Values of digits; what is none has the value 255.
fn values(digits: impl Iterator<Item = u8>) -> Zeroizing<Vec<u8>> {
    // As many as a line has and one more, so that nothing is moved and left behind.
    let mut values = Zeroizing::new(Vec::with_capacity(DIGITS + 1));
    let counted = digits.filter(|digit| !matches!(digit, b' ' | b'\t' | b'-' | b'\r'));
    values.extend(counted.take(DIGITS + 1).map(value));
    values
}

fn value(digit: u8) -> u8 {
    let digit = match digit.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    ALPHABET.iter().position(|&known| known == digit).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}
