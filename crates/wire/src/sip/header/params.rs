//! Parameters behind a semicolon, of headers and of URIs.

use crate::sip::scan::{cut, cut_at, find_outside, unquoted};

/// `;name=value;name…`: what follows the first semicolon (RFC 3261, 25.1: `generic-param`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Params<'b>(&'b [u8]);

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param<'b> {
    /// Its name, compared without case.
    pub name: &'b [u8],
    /// Its value without the quotes around it; `None` when there is no `=`.
    pub value: Option<&'b [u8]>,
}

impl<'b> Params<'b> {
    /// The parameters in `text`, which begins after the first semicolon.
    pub(crate) const fn new(text: &'b [u8]) -> Self {
        Self(text)
    }

    /// Each parameter that has a name, in order.
    pub fn iter(self) -> impl Iterator<Item = Param<'b>> {
        Pieces(Some(self.0)).map(param).filter(|param| !param.name.is_empty())
    }

    /// The value of the first parameter called `name`; empty when it stands without one.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'b [u8]> {
        self.iter()
            .find(|param| param.name.eq_ignore_ascii_case(name.as_bytes()))
            .map(|param| param.value.unwrap_or_default())
    }

    /// Whether every parameter has a name: `;;` has not.
    pub(crate) fn are_named(self) -> bool {
        self.0.is_empty() || Pieces(Some(self.0)).all(|piece| !param(piece).name.is_empty())
    }
}

struct Pieces<'b>(Option<&'b [u8]>);

impl<'b> Iterator for Pieces<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        let text = self.0?;
        let (piece, rest) = match find_outside(text, b';').and_then(|at| cut_at(text, at)) {
            Some((piece, rest)) => (piece, Some(rest)),
            None => (text, None),
        };
        self.0 = rest;
        Some(piece)
    }
}

fn param(piece: &[u8]) -> Param<'_> {
    match cut(piece, b'=') {
        Some((name, value)) => Param { name: name.trim_ascii(), value: Some(unquoted(value.trim_ascii())) },
        None => Param { name: piece.trim_ascii(), value: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_across_folds_quotes_and_flags() {
        let params = Params::new(b"lr;\r\n tag \t=\r\n  98asjd8;text=\"a;b\\\";c\";EMPTY=");
        assert_eq!(params.get("Tag"), Some(&b"98asjd8"[..]));
        assert_eq!(params.get("lr"), Some(&b""[..]));
        assert_eq!(params.get("text"), Some(&b"a;b\\\";c"[..]));
        assert_eq!(params.get("empty"), Some(&b""[..]));
        assert_eq!(params.get("c"), None);
        assert_eq!(params.iter().count(), 4);
    }

    #[test]
    fn a_parameter_without_a_name_is_no_parameter() {
        assert_eq!(Params::new(b";,;,,").iter().count(), 2);
        assert!(!Params::new(b";").are_named());
        assert!(Params::new(b"").are_named());
        assert!(Params::new(b"a;b=1").are_named());
    }
}
