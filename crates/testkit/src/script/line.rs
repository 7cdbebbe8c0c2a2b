//! One line of a script: words in their order, then `key=value` pairs and flags in any.

use std::{net::SocketAddr, str::FromStr};

/// A line that is being read. Whoever reads it takes what it knows; [`Line::end`] complains about the rest.
#[derive(Debug)]
pub(super) struct Line<'a> {
    verb: &'a str,
    words: std::collections::VecDeque<&'a str>,
    pairs: Vec<(&'a str, String)>,
}

impl<'a> Line<'a> {
    /// `None` of an empty line and of a comment.
    pub(super) fn read(text: &'a str) -> Result<Option<Self>, String> {
        let mut line = Self { verb: "", words: std::collections::VecDeque::new(), pairs: Vec::new() };
        let mut rest = text.trim();
        while !rest.is_empty() && !rest.starts_with('#') {
            let end = rest.find([' ', '\t', '"']).unwrap_or(rest.len());
            match rest[..end].split_once('=') {
                Some((key, "")) if rest[end..].starts_with('"') => {
                    let (value, after) = quoted(&rest[end + 1..])?;
                    line.pairs.push((key, value));
                    rest = after;
                }
                _ if rest[end..].starts_with('"') => {
                    return Err("a quote that does not follow `key=`".to_owned());
                }
                Some((key, value)) => {
                    line.pairs.push((key, value.to_owned()));
                    rest = &rest[end..];
                }
                None => {
                    line.words.push_back(&rest[..end]);
                    rest = &rest[end..];
                }
            }
            rest = rest.trim_start();
        }
        if line.words.is_empty() && line.pairs.is_empty() {
            return Ok(None);
        }
        line.verb = line.words.pop_front().unwrap_or_default();
        Ok(Some(line))
    }

    /// The first word.
    pub(super) const fn verb(&self) -> &'a str {
        self.verb
    }

    /// The next word, if there is one.
    pub(super) fn next_word(&mut self) -> Option<&'a str> {
        self.words.pop_front()
    }

    /// The next word, which must be there.
    pub(super) fn word(&mut self, what: &str) -> Result<&'a str, String> {
        self.next_word().ok_or_else(|| format!("{what} is missing"))
    }

    /// Takes the flag `name`, wherever it stands among the words that are left.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        let at = self.words.iter().position(|word| *word == name);
        at.and_then(|at| self.words.remove(at)).is_some()
    }

    /// Takes the value of `key`, if it is given.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let at = self.pairs.iter().position(|(name, _)| *name == key)?;
        Some(self.pairs.remove(at).1)
    }

    /// Takes the value of `key` as `read` understands it.
    pub(super) fn value<T>(
        &mut self,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        self.text(key).map(|text| read(&text).map_err(|what| format!("{key}: {what}"))).transpose()
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), String> {
        match (self.words.front(), self.pairs.first()) {
            (Some(word), _) => Err(format!("`{word}` is not understood here")),
            (None, Some((key, _))) => Err(format!("`{key}=` is not understood here, or is there twice")),
            (None, None) => Ok(()),
        }
    }
}

/// Up to the closing quote, with `\r`, `\n`, `\"` and `\\` replaced; and what follows.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '"' => return Ok((value, rest.as_str())),
            '\\' => value.push(match rest.next() {
                Some('r') => '\r',
                Some('n') => '\n',
                Some(escaped @ ('"' | '\\')) => escaped,
                _ => return Err(r#"only \r, \n, \" and \\ follow a backslash"#.to_owned()),
            }),
            other => value.push(other),
        }
    }
    Err("a quote that does not end".to_owned())
}

/// Seconds with up to nine decimals, in nanoseconds.
pub(super) fn seconds(text: &str) -> Result<i64, String> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let nanos = format!("{decimals:0<9}");
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(&nanos) || nanos.len() > 9 {
        return Err(format!("`{text}` is not seconds"));
    }
    let parse = |text: &str| text.parse::<i64>().ok();
    let total = parse(whole).zip(parse(&nanos)).and_then(|(whole, nanos)| {
        whole.checked_mul(1_000_000_000).and_then(|whole| whole.checked_add(nanos))
    });
    total.ok_or_else(|| format!("`{text}` is too many seconds"))
}

/// A number, decimal or `0x…`.
pub(super) fn number<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed
        .ok()
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| format!("`{text}` is not a number here"))
}

/// `ADDRESS:PORT`, `[ADDRESS]:PORT`.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    SocketAddr::from_str(text).map_err(|_| format!("`{text}` is not an address with a port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_pairs_and_flags_come_out_in_any_order() {
        let mut line =
            Line::read("  at 1.5 body=\"a=b \\\"c\\\"\\r\\n\" twice x=0x10 # comment").unwrap().unwrap();
        assert_eq!((line.verb(), line.flag("twice"), line.flag("twice")), ("at", true, false));
        assert_eq!(line.text("body").unwrap(), "a=b \"c\"\r\n");
        assert_eq!(line.value("x", number::<u8>), Ok(Some(16)));
        assert_eq!(line.word("time"), Ok("1.5"));
        assert_eq!(line.end(), Ok(()));
        assert!(Line::read("   # nothing").unwrap().is_none());
    }

    #[test]
    fn seconds_are_exact_to_the_nanosecond() {
        assert_eq!(seconds("1.000000001"), Ok(1_000_000_001));
        assert_eq!(seconds("12"), Ok(12_000_000_000));
        for bad in ["", ".", ".5", "-1", "1.0000000001", "1e3", "99999999999", "1.-5"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
