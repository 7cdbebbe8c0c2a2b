//! SIP, SIPS and tel URIs (RFC 3261, 19.1; RFC 3966).

use std::net::{IpAddr, Ipv6Addr};

use memchr::{memchr, memchr2};

use super::{
    Params,
    scan::{cut, decimal},
};

/// What kind of URI it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:` (RFC 3966): the number is `user`.
    Tel,
    /// Anything else, and text without a scheme: only `raw` is filled in.
    Other,
}

/// A URI, cut into its parts. Every part is as it was written: percent-escapes stay ([`percent_decoded`] undoes them).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uri<'b> {
    /// Its scheme.
    pub scheme: Scheme,
    /// The user part without the password, parameters of a telephone number included; of a `tel:` URI the number.
    pub user: Option<&'b [u8]>,
    /// The host; an IPv6 reference keeps its brackets.
    pub host: Option<&'b [u8]>,
    /// The port, if there is a usable one.
    pub port: Option<u16>,
    /// The parameters after the host, or after the number of a `tel:` URI.
    pub params: Params<'b>,
    /// What follows `?`: `name=value&…`, escaped.
    pub headers: Option<&'b [u8]>,
    /// All of it.
    pub raw: &'b [u8],
}

impl<'b> Uri<'b> {
    /// Reads a URI: the text between `<` and `>`, or of a Request-URI.
    #[must_use]
    pub fn parse(text: &'b [u8]) -> Self {
        let raw = text.trim_ascii();
        let (scheme, rest) = split_scheme(raw);
        let bare = Self {
            scheme,
            user: None,
            host: None,
            port: None,
            params: Params::default(),
            headers: None,
            raw,
        };
        match scheme {
            Scheme::Sip | Scheme::Sips => bare.with_sip_parts(rest),
            Scheme::Tel => {
                let (number, params) = cut(rest, b';').unwrap_or((rest, &[]));
                Self { user: some_unless_empty(number.trim_ascii()), params: Params::new(params), ..bare }
            }
            Scheme::Other => bare,
        }
    }

    /// `[user[:password]@]host[:port][;params][?headers]`. The user part ends at the first `@`; it may hold `;` and `?`.
    fn with_sip_parts(self, rest: &'b [u8]) -> Self {
        let (userinfo, rest) = match cut(rest, b'@') {
            Some((userinfo, rest)) => (Some(userinfo), rest),
            None => (None, rest),
        };
        let user = userinfo.map(|info| cut(info, b':').map_or(info, |(user, _password)| user));
        let (rest, headers) = match cut(rest, b'?') {
            Some((rest, headers)) => (rest, Some(headers)),
            None => (rest, None),
        };
        let (host_port, params) = cut(rest, b';').unwrap_or((rest, &[]));
        let at = HostPort::parse(host_port);
        Self {
            user: user.and_then(some_unless_empty),
            host: at.host,
            port: at.port,
            params: Params::new(params),
            headers,
            ..self
        }
    }

    /// The value of one header of the URI (`?Replaces=…`), escaped as it stands.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        self.headers?.split(|&byte| byte == b'&').find_map(|pair| {
            let (key, value) = cut(pair, b'=').unwrap_or((pair, &[]));
            key.eq_ignore_ascii_case(name.as_bytes()).then_some(value)
        })
    }

    /// The host, if it is an address.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        host_address(self.host?)
    }

    /// Whether a sip: or sips: URI has a host that can be one and a port that is a number; other schemes are not judged.
    pub(crate) fn is_well_formed(&self) -> bool {
        match self.scheme {
            Scheme::Sip | Scheme::Sips => {
                let rest = split_scheme(self.raw).1;
                let rest = cut(rest, b'@').map_or(rest, |(_, rest)| rest);
                let end = memchr2(b';', b'?', rest).unwrap_or(rest.len());
                HostPort::parse(rest.get(..end).unwrap_or_default()).is_well_formed()
                    && !self.raw.iter().any(u8::is_ascii_whitespace)
            }
            Scheme::Tel => self.user.is_some(),
            Scheme::Other => is_scheme(self.raw),
        }
    }
}

fn some_unless_empty(bytes: &[u8]) -> Option<&[u8]> {
    (!bytes.is_empty()).then_some(bytes)
}

fn split_scheme(raw: &[u8]) -> (Scheme, &[u8]) {
    let Some((name, rest)) = cut(raw, b':') else { return (Scheme::Other, raw) };
    let scheme = match name.len() {
        3 if name.eq_ignore_ascii_case(b"sip") => Scheme::Sip,
        3 if name.eq_ignore_ascii_case(b"tel") => Scheme::Tel,
        4 if name.eq_ignore_ascii_case(b"sips") => Scheme::Sips,
        _ => Scheme::Other,
    };
    (scheme, rest)
}

/// RFC 3986, 3.1: a letter, then letters, digits, `+`, `-`, `.`, and a colon.
fn is_scheme(raw: &[u8]) -> bool {
    cut(raw, b':').is_some_and(|(name, _)| {
        name.first().is_some_and(u8::is_ascii_alphabetic)
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    })
}

/// `host[:port]`, where the host may be `[v6]`; white space around either is skipped (RFC 3261, 25.1: `COLON`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostPort<'b> {
    pub(crate) host: Option<&'b [u8]>,
    pub(crate) port: Option<u16>,
    port_text: Option<&'b [u8]>,
}

impl<'b> HostPort<'b> {
    pub(crate) fn parse(text: &'b [u8]) -> Self {
        let text = text.trim_ascii();
        let host_end = match text.first() {
            Some(b'[') => memchr(b']', text).map_or(text.len(), |end| end + 1),
            Some(_) | None => memchr(b':', text).unwrap_or(text.len()),
        };
        let (host, rest) = text.split_at_checked(host_end).unwrap_or((text, &[]));
        let port_text = match rest.trim_ascii() {
            [] => None,
            [b':', port @ ..] => Some(port.trim_ascii()),
            junk => Some(junk),
        };
        let port = port_text.and_then(decimal).and_then(|port| u16::try_from(port).ok());
        Self { host: some_unless_empty(host.trim_ascii()), port, port_text }
    }

    pub(crate) fn is_well_formed(&self) -> bool {
        let host_ok = match self.host {
            None => false,
            Some([b'[', ..]) => self.host.and_then(host_address).is_some(),
            Some(name) => {
                name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
            }
        };
        host_ok && (self.port_text.is_none() || self.port.is_some())
    }
}

/// The address that `host` is, with or without brackets.
pub(crate) fn host_address(host: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(host).ok()?;
    match text.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

/// `bytes` with `%41` read as `A` (RFC 3986, 2.1). A percent sign that begins no escape stands for itself.
pub fn percent_decoded(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (&first, tail) = rest.split_first()?;
        let escaped = match tail {
            [high, low, after @ ..] if first == b'%' => {
                hex(*high).zip(hex(*low)).map(|(high, low)| (high * 16 + low, after))
            }
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((first, tail));
        rest = after;
        Some(byte)
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// What a quoted string says: `\"` read as `"` (RFC 3261, 25.1: `quoted-pair`).
pub fn unescaped(quoted: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = quoted;
    std::iter::from_fn(move || {
        let (byte, after) = match rest {
            [b'\\', byte, after @ ..] | [byte, after @ ..] => (*byte, after),
            [] => return None,
        };
        rest = after;
        Some(byte)
    })
}
