//! Lengths of time as people type them: `90`, `90s`, `1m30s`, `2h`, `3d`.

use std::time::Duration;

/// Seconds of each unit, the largest first.
const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A length in seconds; a bare number counts seconds.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no length of time: 90, 90s, 1m30s, 2h");
    if let Ok(bare) = text.parse::<u64>() {
        return Ok(Duration::from_secs(bare));
    }
    units(text).ok_or_else(wrong)
}

/// Numbers with their units, the larger units first and each once; `None` for anything else.
pub(super) fn units(text: &str) -> Option<Duration> {
    let (mut total, mut allowed, mut rest) = (0u64, &UNITS[..], text);
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let unit = after.chars().next()?;
        let place = allowed.iter().position(|(name, _)| *name == unit)?;
        let (_, length) = allowed.get(place)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*length)?)?;
        (allowed, rest) = (allowed.get(place + 1..)?, after.get(unit.len_utf8()..)?);
    }
    (!text.is_empty()).then(|| Duration::from_secs(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_with_and_without_units() {
        for (text, expected) in [
            ("0", 0),
            ("90", 90),
            ("90s", 90),
            ("1m30s", 90),
            ("2h", 7_200),
            ("1d12h", 129_600),
            ("1w", 604_800),
        ] {
            assert_eq!(seconds(text), Ok(Duration::from_secs(expected)), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_says_what_is() {
        for text in [
            "",
            "m",
            "1x",
            "30s1m",
            "1m1m",
            "-5",
            "1.5h",
            "99999999999999999999w",
            "18446744073709551615w",
            "1시",
        ] {
            let said = seconds(text).unwrap_err();
            assert_eq!(said, format!("{text:?} is no length of time: 90, 90s, 1m30s, 2h"));
        }
    }
}
