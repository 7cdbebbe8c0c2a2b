//! Letters for letters: the permutation behind every replaced text.

use crate::Secret;

/// Sets up to this size are permuted, so that different texts stay different; larger ones are drawn from, where two texts
/// that become one are not to be expected.
const PERMUTED: u128 = 1 << 62;

/// What letters a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Letters {
    /// Any.
    Any,
    /// Those of hexadecimal numbers stay in them.
    Hexadecimal,
    /// All are hexadecimal digits in lower case, of which letters and figures take each other's place.
    Sixteen,
}

/// What may stand at one place of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    /// What stands there.
    Same,
    Digit,
    /// The first digit of a number that does not begin with 0.
    First,
    Upper,
    Lower,
    UpperHex,
    LowerHex,
    Sixteen,
    /// A letter instead of something that is no ASCII.
    Foreign,
}

impl Alphabet {
    const fn letters(self) -> &'static [u8] {
        match self {
            Self::Same => b"",
            Self::Digit => b"0123456789",
            Self::First => b"123456789",
            Self::Upper => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            Self::Lower | Self::Foreign => b"abcdefghijklmnopqrstuvwxyz",
            Self::UpperHex => b"ABCDEF",
            Self::LowerHex => b"abcdef",
            Self::Sixteen => b"0123456789abcdef",
        }
    }
}

/// `old` with other letters and digits.
pub(crate) fn swapped(secret: &Secret, letters: Letters, old: &[u8]) -> Vec<u8> {
    let alphabets = alphabets(letters, old);
    let places: Vec<(usize, Alphabet)> =
        alphabets.iter().copied().enumerate().filter(|(_, alphabet)| *alphabet != Alphabet::Same).collect();
    let size = places.iter().try_fold(1_u128, |size, (_, alphabet)| {
        Some(size * alphabet.letters().len() as u128).filter(|size| *size <= PERMUTED)
    });
    let is_foreign = places.iter().any(|(_, alphabet)| *alphabet == Alphabet::Foreign);
    match size.filter(|_| !is_foreign) {
        Some(size) => permuted(secret, old, &places, size),
        None => drawn(secret, old, &places),
    }
}

fn alphabets(letters: Letters, old: &[u8]) -> Vec<Alphabet> {
    let is_number = letters == Letters::Any
        && old.iter().any(u8::is_ascii_digit)
        && old.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'(' | b')' | b' '));
    let (mut is_first, mut escaped) = (is_number, 0_u8);
    let mut of = |byte: u8| {
        let is_escaped = escaped > 0;
        escaped = if byte == b'%' { 2 } else { escaped.saturating_sub(1) };
        let is_hex = is_escaped || letters == Letters::Hexadecimal;
        match byte {
            b'0'..=b'9' | b'a'..=b'f' if letters == Letters::Sixteen => Alphabet::Sixteen,
            b'0'..=b'9' if is_first => {
                is_first = false;
                if byte == b'0' { Alphabet::Same } else { Alphabet::First }
            }
            b'0'..=b'9' => Alphabet::Digit,
            b'A'..=b'F' if is_hex => Alphabet::UpperHex,
            b'a'..=b'f' if is_hex => Alphabet::LowerHex,
            b'A'..=b'Z' => Alphabet::Upper,
            b'a'..=b'z' => Alphabet::Lower,
            b' '..=b'~' | b'\t' | b'\r' | b'\n' => Alphabet::Same,
            _ => Alphabet::Foreign,
        }
    };
    old.iter().map(|byte| of(*byte)).collect()
}

/// What may stand at each place tells one set of texts from another, and in each the secret has an order.
fn permuted(secret: &Secret, old: &[u8], places: &[(usize, Alphabet)], size: u128) -> Vec<u8> {
    let context: Vec<u8> = places.iter().map(|(_, alphabet)| *alphabet as u8).collect();
    let value = places.iter().fold(0_u128, |value, (at, alphabet)| {
        let letters = alphabet.letters();
        let digit = letters.iter().position(|letter| Some(letter) == old.get(*at)).unwrap_or(0);
        value * letters.len() as u128 + digit as u128
    });
    let mut rest = secret.order("text", &context, size).next(value);
    let mut new = old.to_vec();
    for (at, alphabet) in places.iter().rev() {
        let letters = alphabet.letters();
        let digit = (rest % letters.len() as u128) as usize;
        rest /= letters.len() as u128;
        put(&mut new, *at, letters.get(digit));
    }
    new
}

fn drawn(secret: &Secret, old: &[u8], places: &[(usize, Alphabet)]) -> Vec<u8> {
    let counted: Vec<u8> = places.iter().filter_map(|(at, _)| old.get(*at).copied()).collect();
    let mut noise = secret.noise("text", &[&counted]);
    let mut new = old.to_vec();
    for (at, alphabet) in places {
        let letters = alphabet.letters();
        put(&mut new, *at, letters.get(noise.below(letters.len())));
    }
    new
}

fn put(new: &mut [u8], at: usize, letter: Option<&u8>) {
    if let (Some(place), Some(letter)) = (new.get_mut(at), letter) {
        *place = *letter;
    }
}
