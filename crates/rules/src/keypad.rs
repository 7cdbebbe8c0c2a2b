//! Keys of a telephone (RFC 4733, section 3.2: events 0 to 15).

/// The longest code: enough for any, short enough to be pressed in time.
const MOST_KEYS: usize = 8;

/// Checks a key code such as `*1`. The error says what to mend.
pub(crate) fn check(keys: &str) -> Result<(), String> {
    let bad = |key: &char| !matches!(key, '0'..='9' | '*' | '#' | 'A'..='D');
    match (keys.chars().count(), keys.chars().find(bad)) {
        (0, _) => Err("a code of no keys is never pressed".to_owned()),
        (_, Some(key @ 'a'..='d')) => Err(format!("write `{}`", key.to_ascii_uppercase())),
        (_, Some(key)) => Err(format!("`{key}` is no key of a telephone: 0-9 * # A-D")),
        (n, None) if n > MOST_KEYS => Err(format!("at most {MOST_KEYS} keys")),
        (_, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn only_keys_of_a_telephone_are_keys() {
        for good in ["*1", "#", "0123456", "ABCD*#"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, hint) in [
            ("", "a code of no keys is never pressed"),
            ("*a", "write `A`"),
            ("*x", "`x` is no key of a telephone: 0-9 * # A-D"),
            ("１", "`１` is no key of a telephone: 0-9 * # A-D"),
            ("123456789", "at most 8 keys"),
        ] {
            assert_eq!(check(bad), Err(hint.to_owned()), "{bad}");
        }
    }
}
