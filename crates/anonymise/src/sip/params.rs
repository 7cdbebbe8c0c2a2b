//! Parameters: `;name=value`, and what is between them.

use super::{
    uri::{trimmed, uri},
    words::{COUNTS, SMALL, words},
};
use crate::masks::Masks;

/// How a parameter's value is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    /// What names a dialog, a transaction or an instance.
    Name,
    Host,
    User,
    Uri,
    /// Numbers that count, and words.
    Count,
    Words,
}

impl Value {
    fn of(name: &[u8]) -> Self {
        const NAMES: [(&[u8], Value); 26] = [
            (b"tag", Value::Name),
            (b"from-tag", Value::Name),
            (b"to-tag", Value::Name),
            (b"local-tag", Value::Name),
            (b"remote-tag", Value::Name),
            (b"branch", Value::Name),
            (b"nonce", Value::Name),
            (b"cnonce", Value::Name),
            (b"opaque", Value::Name),
            (b"response", Value::Name),
            (b"icid-value", Value::Name),
            (b"+sip.instance", Value::Name),
            (b"boundary", Value::Name),
            (b"received", Value::Host),
            (b"maddr", Value::Host),
            (b"realm", Value::Host),
            (b"domain", Value::Host),
            (b"phone-context", Value::Host),
            (b"username", Value::User),
            // Of a telephone number (RFC 3966, RFC 2806): an extension, a subaddress, digits that are dialled behind it.
            (b"ext", Value::User),
            (b"isub", Value::User),
            (b"postd", Value::User),
            (b"uri", Value::Uri),
            (b"rport", Value::Count),
            (b"expires", Value::Count),
            (b"nc", Value::Count),
        ];
        NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or(Self::Words, |(_, value)| *value)
    }
}

/// How many bytes at the beginning of `old` are a word.
pub(crate) fn token_end(old: &[u8]) -> usize {
    old.iter().take_while(|byte| super::words::is_word(**byte)).count()
}

/// Parameters that semicolons or commas part, with what stands before the first.
pub(crate) fn params(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let mut new = Vec::with_capacity(old.len());
    for piece in pieces(old) {
        let end = piece.iter().position(|byte| *byte == b'=').map_or(piece.len(), |at| at + 1);
        let (name, value) = piece.split_at(end);
        let bare: &[u8] = name.trim_ascii_end().strip_suffix(b"=").unwrap_or(name);
        let bare = bare.trim_ascii();
        // Names in other schemes than ours stay what they are called, where they are known.
        let bare = bare.rsplit(|byte| matches!(byte, b';' | b',' | b' ')).next().unwrap_or(bare);
        new.extend(words(masks, SMALL, name));
        new.extend(trimmed(value, |value| quoted(value, |value| one(masks, Value::of(bare), value))));
    }
    new
}

/// Up to and without the next separator that is not quoted, each beginning with its separator.
fn pieces(old: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = old;
    std::iter::from_fn(move || {
        let (mut is_quoted, mut is_escaped) = (false, false);
        let end = rest.iter().enumerate().position(|(at, &byte)| {
            if std::mem::take(&mut is_escaped) {
                return false;
            }
            match byte {
                b'\\' if is_quoted => is_escaped = true,
                b'"' => is_quoted = !is_quoted,
                _ => return at > 0 && !is_quoted && matches!(byte, b';' | b','),
            }
            false
        });
        let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// What `rewrite` makes of `old` without the quotes around it, with them.
fn quoted(old: &[u8], rewrite: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    match old.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")) {
        Some(inner) => [b"\"", &rewrite(inner)[..], b"\""].concat(),
        None => rewrite(old),
    }
}

fn one(masks: &mut Masks, kind: Value, old: &[u8]) -> Vec<u8> {
    match kind {
        Value::Name => name(masks, old),
        Value::Host => masks.host(old),
        Value::User => {
            match old.iter().position(|byte| *byte == b'@').and_then(|at| old.split_at_checked(at + 1)) {
                Some((user, host)) => [masks.text(user), masks.host(host)].concat(),
                None => masks.user(old),
            }
        }
        Value::Uri => uri(masks, old),
        Value::Count => words(masks, COUNTS, old),
        Value::Words => words(masks, SMALL, old),
    }
}

/// A tag or a branch, whose cookie (RFC 3261, 8.1.1.7) is everybody's.
fn name(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    const COOKIE: &[u8] = b"z9hG4bK";
    match old.strip_prefix(COOKIE) {
        Some(rest) => [COOKIE, &masks.text(rest)[..]].concat(),
        None => masks.text(old),
    }
}
