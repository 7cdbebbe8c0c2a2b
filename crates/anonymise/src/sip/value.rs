//! The values of headers, by what they are. A header that is not here becomes filler: what nobody knows may say anything.

use super::{
    params::params,
    uri::{addresses, trimmed, vias},
    words::{COUNTS, SMALL, YEARS, is_known, is_word, words},
};
use crate::masks::Masks;

/// What the value of a header is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Words of the protocols.
    Words,
    /// A number that counts, and words.
    Counts,
    /// Numbers that count, several of them.
    Numbers,
    /// A time of day.
    Date,
    /// Names and addresses.
    Addresses,
    Vias,
    /// Names of dialogs.
    CallIds,
    /// The name of a dialog and its tags.
    Dialog,
    SessionId,
    /// A scheme and parameters that commas part.
    Credentials,
    /// Parameters.
    Params,
    /// A product and what it says of itself.
    Product,
    /// What nobody knows.
    Filler,
}

/// The headers, in lower case, long and compact.
const KINDS: [(&str, Kind); 110] = [
    ("from", Kind::Addresses),
    ("f", Kind::Addresses),
    ("to", Kind::Addresses),
    ("t", Kind::Addresses),
    ("contact", Kind::Addresses),
    ("m", Kind::Addresses),
    ("route", Kind::Addresses),
    ("record-route", Kind::Addresses),
    ("path", Kind::Addresses),
    ("service-route", Kind::Addresses),
    ("p-asserted-identity", Kind::Addresses),
    ("p-preferred-identity", Kind::Addresses),
    ("p-associated-uri", Kind::Addresses),
    ("p-called-party-id", Kind::Addresses),
    ("p-profile-key", Kind::Addresses),
    ("remote-party-id", Kind::Addresses),
    ("diversion", Kind::Addresses),
    ("history-info", Kind::Addresses),
    ("refer-to", Kind::Addresses),
    ("r", Kind::Addresses),
    ("referred-by", Kind::Addresses),
    ("b", Kind::Addresses),
    ("reply-to", Kind::Addresses),
    ("p-served-user", Kind::Addresses),
    ("request-disposition", Kind::Addresses),
    ("via", Kind::Vias),
    ("v", Kind::Vias),
    ("call-id", Kind::CallIds),
    ("i", Kind::CallIds),
    ("in-reply-to", Kind::CallIds),
    ("replaces", Kind::Dialog),
    ("join", Kind::Dialog),
    ("target-dialog", Kind::Dialog),
    ("session-id", Kind::SessionId),
    ("cseq", Kind::Counts),
    ("rack", Kind::Numbers),
    ("rseq", Kind::Counts),
    ("max-forwards", Kind::Counts),
    ("content-length", Kind::Counts),
    ("l", Kind::Counts),
    ("expires", Kind::Counts),
    ("min-expires", Kind::Counts),
    ("session-expires", Kind::Counts),
    ("x", Kind::Counts),
    ("min-se", Kind::Counts),
    ("timestamp", Kind::Numbers),
    ("mime-version", Kind::Counts),
    ("max-breadth", Kind::Counts),
    ("content-version", Kind::Counts),
    ("allow", Kind::Words),
    ("allow-events", Kind::Words),
    ("u", Kind::Words),
    ("supported", Kind::Words),
    ("k", Kind::Words),
    ("require", Kind::Words),
    ("proxy-require", Kind::Words),
    ("unsupported", Kind::Words),
    ("event", Kind::Words),
    ("o", Kind::Words),
    ("accept", Kind::Words),
    ("accept-encoding", Kind::Words),
    ("accept-language", Kind::Words),
    ("content-type", Kind::Words),
    ("c", Kind::Words),
    ("content-encoding", Kind::Words),
    ("e", Kind::Words),
    ("content-disposition", Kind::Words),
    ("content-language", Kind::Words),
    ("subscription-state", Kind::Words),
    ("privacy", Kind::Words),
    ("reason", Kind::Words),
    ("date", Kind::Date),
    ("p-early-media", Kind::Words),
    ("answer-mode", Kind::Words),
    ("priv-answer-mode", Kind::Words),
    ("sip-etag", Kind::Words),
    ("retry-after", Kind::Counts),
    ("flow-timer", Kind::Counts),
    ("refer-sub", Kind::Words),
    ("priority", Kind::Words),
    ("suppress-if-match", Kind::Words),
    ("recv-info", Kind::Words),
    ("info-package", Kind::Words),
    ("proxy-config", Kind::Words),
    ("authorization", Kind::Credentials),
    ("proxy-authorization", Kind::Credentials),
    ("www-authenticate", Kind::Credentials),
    ("proxy-authenticate", Kind::Credentials),
    ("authentication-info", Kind::Credentials),
    ("proxy-authentication-info", Kind::Credentials),
    ("security-client", Kind::Credentials),
    ("security-server", Kind::Credentials),
    ("security-verify", Kind::Credentials),
    ("p-charging-vector", Kind::Params),
    ("p-charging-function-addresses", Kind::Params),
    ("accept-contact", Kind::Params),
    ("reject-contact", Kind::Params),
    ("feature-caps", Kind::Params),
    ("user-agent", Kind::Product),
    ("server", Kind::Product),
    ("subject", Kind::Filler),
    ("s", Kind::Filler),
    ("organization", Kind::Filler),
    ("warning", Kind::Filler),
    ("call-info", Kind::Filler),
    ("alert-info", Kind::Filler),
    ("error-info", Kind::Filler),
    ("identity", Kind::Filler),
    ("geolocation", Kind::Filler),
    ("p-access-network-info", Kind::Filler),
];

/// The value of the header `name`, replaced.
pub(crate) fn value(masks: &mut Masks, name: &[u8], old: &[u8]) -> Vec<u8> {
    let lower = name.to_ascii_lowercase();
    let kind =
        KINDS.iter().find(|(known, _)| known.as_bytes() == lower).map_or(Kind::Filler, |(_, kind)| *kind);
    match kind {
        Kind::Words => words(masks, SMALL, old),
        Kind::Counts => count(masks, old),
        Kind::Numbers => words(masks, COUNTS, old),
        Kind::Date => words(masks, YEARS, old),
        Kind::Addresses => addresses(masks, old),
        Kind::Vias => vias(masks, old),
        Kind::CallIds => split(old, b',', |one| trimmed(one, |id| masks.call_id(id))),
        Kind::Dialog => dialog_name(masks, old),
        Kind::SessionId => session_id(masks, old),
        Kind::Credentials => credentials(masks, old),
        Kind::Params => params(masks, old),
        Kind::Product => product(masks, old),
        Kind::Filler => masks.filler(old),
    }
}

/// Whether the name of a header is kept: those of the table are, and of others whatever looks like a name and like nobody's.
pub(crate) fn is_name_kept(name: &[u8]) -> bool {
    let digits = name.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_token = name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    is_token && digits <= 2 && name.len() <= 48
}

/// `call-id;to-tag=x;from-tag=y`.
pub(crate) fn dialog_name(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let end = old.iter().position(|byte| *byte == b';').unwrap_or(old.len());
    let (id, rest) = old.split_at(end);
    [trimmed(id, |id| masks.call_id(id)), params(masks, rest)].concat()
}

/// `60 (a comment);duration=3600`: what follows the first word may say anything, and a long number there is anybody's.
fn count(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let start = old.iter().position(|byte| is_word(*byte)).unwrap_or(old.len());
    let end = old.iter().skip(start).position(|byte| !is_word(*byte)).map_or(old.len(), |len| start + len);
    let (first, rest) = old.split_at(end);
    [words(masks, COUNTS, first), words(masks, SMALL, rest)].concat()
}

/// `ab30…;remote=47755…` (RFC 7989).
fn session_id(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    split(old, b';', |part| {
        let end = part.iter().position(|byte| *byte == b'=').map_or(0, |at| at + 1);
        let (name, half) = part.split_at(end);
        let is_sixteen = |half: &[u8]| half.iter().all(u8::is_ascii_hexdigit);
        let new = trimmed(half, |half| match half {
            _ if is_known(half) => half.to_vec(),
            _ if is_sixteen(half) && !half.iter().any(u8::is_ascii_uppercase) => masks.session_half(half),
            _ => masks.text(half),
        });
        [words(masks, SMALL, name), new].concat()
    })
}

/// `Digest username="…", realm="…"`.
fn credentials(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let start = old.len() - old.trim_ascii_start().len();
    let end = old.iter().skip(start).position(u8::is_ascii_whitespace).map_or(old.len(), |at| start + at);
    let (scheme, rest) = old.split_at(end);
    [words(masks, SMALL, scheme), params(masks, rest)].concat()
}

/// The name of a product, up to its version, and what else there is replaced.
fn product(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let end =
        old.iter().position(|byte| !matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'-')).unwrap_or(old.len());
    let end = if (2..=24).contains(&end) { end } else { 0 };
    let (name, rest) = old.split_at(end);
    let rest = if rest.is_empty() { Vec::new() } else { masks.text(rest) };
    [name, &rest].concat()
}

/// What `rewrite` makes of each part of `old` between separators, with them.
fn split(old: &[u8], separator: u8, mut rewrite: impl FnMut(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut new = Vec::with_capacity(old.len());
    for (index, part) in old.split(|byte| *byte == separator).enumerate() {
        if index > 0 {
            new.push(separator);
        }
        new.extend(rewrite(part));
    }
    new
}

#[cfg(test)]
mod tests;
