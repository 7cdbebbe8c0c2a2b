//! `"name" <uri>;params`: From, To, Contact, Diversion, P-Asserted-Identity and their kin (RFC 3261, 20.10).

use memchr::{memchr, memchr2};

use super::{Form, Params};
use crate::sip::{
    Uri,
    scan::{closing_quote, cut_at, find_outside, is_token},
};

/// An address with a name and parameters, or a bare URI with parameters, which then are the header's (20).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAddr<'b> {
    display: Option<&'b [u8]>,
    /// Trimmed, not empty.
    uri: &'b [u8],
    params: Params<'b>,
    form: Form,
}

impl<'b> NameAddr<'b> {
    /// Reads one value; `None` if it holds no URI at all.
    ///
    /// An open quote ends before the `<` (RFC 4475, 3.1.2.6, allows to infer it); an open `<` ends with the value.
    #[must_use]
    pub fn parse(value: &'b [u8]) -> Option<Self> {
        let value = value.trim_ascii();
        let quoted = value.strip_prefix(b"\"").and_then(|inner| {
            let end = closing_quote(inner)?;
            let (name, rest) = cut_at(inner, end)?;
            Some((name, memchr(b'<', rest)?, rest))
        });
        if let Some((name, at, rest)) = quoted {
            let (between, rest) = cut_at(rest, at)?;
            let form = if between.trim_ascii().is_empty() { Form::AsWritten } else { Form::Repaired };
            return Self::bracketed(name, rest, form);
        }
        let Some(at) = memchr(b'<', value) else { return Self::bare(value) };
        let (name, rest) = cut_at(value, at)?;
        let name = name.trim_ascii();
        let form =
            if name.iter().all(|&byte| is_display_byte(byte)) { Form::AsWritten } else { Form::Repaired };
        Self::bracketed(name.strip_prefix(b"\"").unwrap_or(name).trim_ascii(), rest, form)
    }

    /// What follows `<`.
    fn bracketed(name: &'b [u8], rest: &'b [u8], mut form: Form) -> Option<Self> {
        let (uri, after) = match memchr(b'>', rest) {
            Some(end) => cut_at(rest, end)?,
            None => {
                form = Form::Repaired;
                (rest, &[][..])
            }
        };
        let uri = uri.trim_ascii();
        if uri.is_empty() {
            return None;
        }
        let after = after.trim_ascii();
        let params = match find_outside(after, b';') {
            Some(at) => {
                if at > 0 {
                    form = Form::Repaired;
                }
                cut_at(after, at)?.1
            }
            None => {
                if !after.is_empty() {
                    form = Form::Repaired;
                }
                &[]
            }
        };
        Some(Self { display: (!name.is_empty()).then_some(name), uri, params: Params::new(params), form })
    }

    /// A URI without `<>`: it ends at the first semicolon, and the parameters are the header's.
    fn bare(value: &'b [u8]) -> Option<Self> {
        let (uri, params) = match memchr(b';', value) {
            Some(at) => cut_at(value, at)?,
            None => (value, &[][..]),
        };
        let uri = uri.trim_ascii();
        let spaced = uri.iter().any(u8::is_ascii_whitespace) || memchr2(b'"', b',', uri).is_some();
        let form = if spaced { Form::Repaired } else { Form::AsWritten };
        (!uri.is_empty()).then(|| Self { display: None, uri, params: Params::new(params), form })
    }

    /// The display name: the text inside its quotes, escapes kept ([`unescaped`](crate::sip::unescaped) undoes them).
    #[must_use]
    pub const fn display(&self) -> Option<&'b [u8]> {
        self.display
    }

    /// The address.
    #[must_use]
    pub fn uri(&self) -> Uri<'b> {
        Uri::parse(self.uri)
    }

    /// The tag parameter, if it has a value.
    #[must_use]
    pub fn tag(&self) -> Option<&'b [u8]> {
        self.param("tag").filter(|tag| !tag.is_empty())
    }

    /// The value of a parameter of the header, empty when it stands without one.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'b [u8]> {
        self.params.get(name)
    }

    /// All parameters of the header.
    #[must_use]
    pub const fn params(&self) -> Params<'b> {
        self.params
    }

    /// Whether nothing had to be repaired to read it.
    pub(crate) const fn is_well_formed(&self) -> bool {
        matches!(self.form, Form::AsWritten)
    }
}

/// A byte of a display name outside quotes: a token or white space (25.1). UTF-8 is tolerated, phones send it.
const fn is_display_byte(byte: u8) -> bool {
    is_token(byte) || byte.is_ascii_whitespace() || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Option<&[u8]>) -> Option<&str> {
        bytes.map(|bytes| std::str::from_utf8(bytes).unwrap())
    }

    fn check(value: &str, expected: (Option<&str>, Option<&str>, Option<&str>)) -> bool {
        let parsed = NameAddr::parse(value.as_bytes()).unwrap();
        let uri = parsed.uri();
        assert_eq!((text(parsed.display()), text(uri.user), text(parsed.tag())), expected, "{value}");
        parsed.is_well_formed()
    }

    #[test]
    fn names_addresses_and_tags_are_told_apart() {
        let good = [
            ("sip:4001@10.1.0.5;tag=9", (None, Some("4001"), Some("9"))),
            ("<sip:4001@10.1.0.5;tag=uri>;tag=9", (None, Some("4001"), Some("9"))),
            ("\"민원실\" <sip:0312221111@example.kr>;tag=a", (Some("민원실"), Some("0312221111"), Some("a"))),
            ("민원실 <sip:4001@example.kr>", (Some("민원실"), Some("4001"), None)),
            ("caller<sip:caller@example.com>;tag=323", (Some("caller"), Some("caller"), Some("323"))),
            (r#""J \"R\" <x>" <sip:j@e.kr>;tag=1"#, (Some(r#"J \"R\" <x>"#), Some("j"), Some("1"))),
            ("\"\" <sip:4001@example.kr>", (None, Some("4001"), None)),
            ("<sip:4001@example.kr>\r\n ;\r\n  tag = 98asjd8", (None, Some("4001"), Some("98asjd8"))),
            ("<tel:+82-31-222-1111;phone-context=x>;tag=q", (None, Some("+82-31-222-1111"), Some("q"))),
            ("sip:example.kr;tag=", (None, None, None)),
        ];
        for (value, expected) in good {
            assert!(check(value, expected), "{value}");
        }
    }

    #[test]
    fn broken_values_are_repaired_and_said_to_be() {
        let broken = [
            ("\"Mr. J. User <sip:j.user@example.com>", (Some("Mr. J. User"), Some("j.user"), None)),
            (
                "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
                (Some("Bell, Alexander"), Some("a.g.bell"), Some("43")),
            ),
            (
                r#"\"arik\" <sip:816666@voip.example.kr>;tag=6433ef9"#,
                (Some(r#"\"arik\""#), Some("816666"), Some("6433ef9")),
            ),
            ("<sip:4001@example.kr", (None, Some("4001"), None)),
            ("<sip:4001@example.kr> junk;tag=1", (None, Some("4001"), Some("1"))),
            ("<sip:4001@example.kr> junk", (None, Some("4001"), None)),
            ("\"a\" b <sip:4001@example.kr>", (Some("a"), Some("4001"), None)),
        ];
        for (value, expected) in broken {
            assert!(!check(value, expected), "{value}");
        }
    }

    #[test]
    fn a_value_without_an_address_is_none() {
        for value in ["", "  ", "<>", "\"name\" <>", ";tag=1"] {
            assert_eq!(NameAddr::parse(value.as_bytes()), None, "{value}");
        }
    }
}
