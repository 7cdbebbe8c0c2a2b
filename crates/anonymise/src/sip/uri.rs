//! Addresses of people and machines in headers: `"name" <sip:user@host:port;params?headers>;params`.

use super::{
    params::{params, token_end},
    words::{COUNTS, NONE, PORTS, SMALL, is_known, words},
};
use crate::masks::Masks;

/// A list of addresses with names and parameters, as in From, Contact or Diversion.
pub(crate) fn addresses(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let mut new = Vec::with_capacity(old.len());
    let mut rest = old;
    while !rest.is_empty() {
        let end = end_outside(rest, b',').unwrap_or(rest.len());
        let (one, after) = rest.split_at(end);
        new.extend(address(masks, one));
        new.extend(after.first());
        rest = after.get(1..).unwrap_or_default();
    }
    new
}

fn address(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let Some(open) = end_outside_quotes(old, b'<') else {
        let end = old.iter().position(|byte| *byte == b';').unwrap_or(old.len());
        let (bare, rest) = old.split_at(end);
        return [uri(masks, bare), params(masks, rest)].concat();
    };
    let (display, rest) = old.split_at(open);
    let close = rest.iter().position(|byte| *byte == b'>').unwrap_or(rest.len());
    let (inner, after) = rest.split_at(close);
    let mut new = display_name(masks, display);
    new.push(b'<');
    new.extend(uri(masks, inner.get(1..).unwrap_or_default()));
    new.extend(params(masks, after));
    new
}

/// A name with or without quotes, and the white space around it.
fn display_name(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let bare = old.trim_ascii();
    let inner = bare.strip_prefix(b"\"").map_or(bare, |inner| inner.strip_suffix(b"\"").unwrap_or(inner));
    let Some(at) = inner.as_ptr().addr().checked_sub(old.as_ptr().addr()) else { return old.to_vec() };
    let (before, _) = old.split_at(at);
    let after = old.get(at + inner.len()..).unwrap_or_default();
    let name = if inner.is_empty() { Vec::new() } else { masks.name(inner) };
    [before, &name, after].concat()
}

/// A URI, or what stands where one should, with the white space around it.
pub(crate) fn uri(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let start = old.len() - old.trim_ascii_start().len();
    let (before, rest) = old.split_at(start);
    let mut new = before.to_vec();
    let colon = rest.iter().position(|byte| *byte == b':').filter(|at| rest.get(..*at).is_some_and(is_known));
    let (scheme, parts) = rest.split_at(colon.map_or(0, |at| at + 1));
    new.extend_from_slice(scheme);
    let is_number = scheme.eq_ignore_ascii_case(b"tel:");
    if is_number {
        let end = parts.iter().position(|byte| matches!(byte, b';' | b'?')).unwrap_or(parts.len());
        let (number, rest) = parts.split_at(end);
        new.extend(trimmed(number, |number| masks.user(number)));
        new.extend(params(masks, rest));
    } else if scheme.is_empty() && !parts.contains(&b'@') && !parts.contains(&b'.') {
        new.extend(schemeless(masks, parts));
    } else {
        new.extend(sip_parts(masks, parts));
    }
    new
}

/// A number without a scheme, or words: of their numbers none is everybody's, however short.
fn schemeless(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let is_dialled = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'(' | b')' | b'*' | b'#' | b' ');
    if old.iter().all(is_dialled) {
        trimmed(old, |number| masks.user(number))
    } else {
        words(masks, NONE, old)
    }
}

/// `[user[:password]@]host[:port][;params][?headers]`.
fn sip_parts(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let mut new = Vec::with_capacity(old.len());
    let mut rest = old;
    if let Some(at) = old.iter().position(|byte| *byte == b'@') {
        let (user, after) = old.split_at(at);
        new.extend(user_parts(masks, user));
        new.push(b'@');
        rest = after.get(1..).unwrap_or_default();
    }
    let end = rest.iter().position(|byte| matches!(byte, b';' | b'?')).unwrap_or(rest.len());
    let (host, rest) = rest.split_at(end);
    new.extend(host_port(masks, host));
    let end = rest.iter().position(|byte| *byte == b'?').unwrap_or(rest.len());
    let (uri_params, headers) = rest.split_at(end);
    new.extend(params(masks, uri_params));
    new.extend(uri_headers(masks, headers));
    new
}

/// A user with the parameters of a telephone number, and a password.
fn user_parts(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let end = old.iter().position(|byte| matches!(byte, b';' | b':')).unwrap_or(old.len());
    let (user, rest) = old.split_at(end);
    let new = trimmed(user, |user| masks.user(user));
    let rest = match rest.first() {
        Some(b';') => params(masks, rest),
        Some(_) => masks.text(rest),
        None => Vec::new(),
    };
    [new, rest].concat()
}

/// A host and a port, with white space around either.
pub(crate) fn host_port(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let inner = old.iter().position(|byte| *byte == b']').unwrap_or(0);
    let colon = old.get(inner..).and_then(|rest| rest.iter().position(|byte| *byte == b':'));
    let (host, port) = old.split_at(colon.map_or(old.len(), |at| inner + at));
    // Without brackets an IPv6 address is no host and port.
    if port.iter().filter(|byte| **byte == b':').count() > 1 {
        return trimmed(old, |host| masks.host(host));
    }
    let host = trimmed(host, |host| masks.host(host));
    [host, words(masks, PORTS, port)].concat()
}

/// `?name=value&name=value`, where a dialog may be named by its parts, escaped.
fn uri_headers(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let mut new = Vec::with_capacity(old.len());
    for pair in old.split_inclusive(|byte| *byte == b'&') {
        let end = pair.iter().position(|byte| *byte == b'=').map_or(pair.len(), |at| at + 1);
        let (name, value) = pair.split_at(end);
        let bare = name.strip_prefix(b"?").unwrap_or(name);
        new.extend(words(masks, SMALL, name));
        if bare.eq_ignore_ascii_case(b"replaces=") {
            new.extend(escaped(value, |plain| super::value::dialog_name(masks, plain)));
        } else {
            new.extend(escaped(value, |plain| words(masks, SMALL, plain)));
        }
    }
    new
}

/// What `rewrite` makes of `old` without its escapes, with escapes where they were.
fn escaped(old: &[u8], rewrite: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let hex = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
    let (mut plain, mut is_escaped, mut rest) = (Vec::new(), Vec::new(), old);
    while let Some((first, tail)) = rest.split_first() {
        let pair = match tail {
            [high, low, after @ ..] if *first == b'%' => {
                hex(*high).zip(hex(*low)).map(|(high, low)| (high << 4 | low, after))
            }
            _ => None,
        };
        is_escaped.push(pair.is_some());
        let (byte, after) = pair.unwrap_or((*first, tail));
        plain.push(byte);
        rest = after;
    }
    let mut new = Vec::with_capacity(old.len());
    for (byte, is_escaped) in rewrite(&plain).into_iter().zip(is_escaped) {
        if is_escaped {
            new.extend(format!("%{byte:02X}").into_bytes());
        } else {
            new.push(byte);
        }
    }
    new
}

/// What `rewrite` makes of `old` without the white space around it, with that.
pub(crate) fn trimmed(old: &[u8], rewrite: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let start = old.len() - old.trim_ascii_start().len();
    let inner = old.trim_ascii();
    let (before, rest) = old.split_at(start);
    let after = rest.get(inner.len()..).unwrap_or_default();
    let inner = if inner.is_empty() { Vec::new() } else { rewrite(inner) };
    [before, &inner, after].concat()
}

/// `SIP/2.0/UDP host:port;params`, several of them perhaps.
pub(crate) fn vias(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let mut new = Vec::with_capacity(old.len());
    for one in old.split_inclusive(|byte| *byte == b',') {
        let (one, comma) = one.strip_suffix(b",").map_or((one, &b""[..]), |one| (one, &b","[..]));
        let mut at = 0;
        // Name, version and transport, with white space around the slashes.
        for _ in 0..3 {
            at += one.get(at..).map_or(0, |rest| {
                rest.iter().take_while(|byte| **byte == b'/' || byte.is_ascii_whitespace()).count()
            });
            at += token_end(one.get(at..).unwrap_or_default());
        }
        let (protocol, rest) = one.split_at(at.min(one.len()));
        let end = rest.iter().position(|byte| *byte == b';').unwrap_or(rest.len());
        let (host, rest) = rest.split_at(end);
        new.extend(words(masks, COUNTS, protocol));
        new.extend(host_port(masks, host));
        new.extend(params(masks, rest));
        new.extend_from_slice(comma);
    }
    new
}

/// Where `byte` first stands outside quotes and angle brackets.
fn end_outside(old: &[u8], byte: u8) -> Option<usize> {
    let (mut is_quoted, mut is_inside, mut is_escaped) = (false, false, false);
    old.iter().position(|&each| {
        if is_escaped {
            is_escaped = false;
            return false;
        }
        match each {
            b'\\' if is_quoted => is_escaped = true,
            b'"' if !is_inside => is_quoted = !is_quoted,
            b'<' if !is_quoted => is_inside = true,
            b'>' if !is_quoted => is_inside = false,
            _ => return each == byte && !is_quoted && !is_inside,
        }
        false
    })
}

/// Where `byte` first stands outside quotes; where a quote is not closed, where it first stands.
fn end_outside_quotes(old: &[u8], byte: u8) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let outside = old.iter().position(|&each| {
        if std::mem::take(&mut is_escaped) {
            return false;
        }
        match each {
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ => return each == byte && !is_quoted,
        }
        false
    });
    outside.or_else(|| old.iter().position(|each| *each == byte))
}
