//! Bodies of messages: descriptions of media, digits, parts of several kinds; everything else becomes filler.

use earwitness_wire::sip::looks_like;

use super::{sdp, value, words};
use crate::{audio::DIGIT, masks::Masks, sheet::Sheet};

/// A body of this type; without a type it is a description if it begins like one.
pub(super) fn body(masks: &mut Masks, content_type: Option<&[u8]>, old: &[u8], depth: u8) -> Vec<u8> {
    let whole = content_type.unwrap_or_default();
    let end = whole.iter().position(|byte| *byte == b';').unwrap_or(whole.len());
    let (media_type, params) = whole.split_at(end);
    let media_type: Vec<u8> =
        media_type.to_ascii_lowercase().into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
    match &media_type[..] {
        b"" if old.trim_ascii_start().starts_with(b"v=0") => sdp::description(masks, old),
        b"application/sdp" => sdp::description(masks, old),
        b"application/dtmf-relay" => digits_of_relay(masks, old),
        b"application/dtmf" => digits(masks, old),
        b"message/sipfrag" if depth > 0 && looks_like(old) => super::nested(masks, old, depth - 1),
        other if other.starts_with(b"multipart/") && depth > 0 => match boundary(params) {
            Some(boundary) => parts(masks, boundary, old, depth - 1),
            None => masks.filler(old),
        },
        _ => masks.filler(old),
    }
}

/// `Signal=5`, `Duration=160`: the digit is another, the time stays.
fn digits_of_relay(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let mut new = Vec::with_capacity(old.len());
    for line in old.split_inclusive(|byte| *byte == b'\n') {
        let end = line.iter().position(|byte| *byte == b'=').map_or(0, |at| at + 1);
        let (name, rest) = line.split_at(end);
        let is_signal = name.trim_ascii().to_ascii_lowercase().starts_with(b"signal");
        new.extend(words::words(masks, words::SMALL, name));
        new.extend(if is_signal { digits(masks, rest) } else { words::words(masks, words::SMALL, rest) });
    }
    new
}

/// Digits: each the one that stands for all; keys that are none stay.
fn digits(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let mut filler = masks.filler(old);
    for (new, old) in filler.iter_mut().zip(old) {
        match old {
            b'0'..=b'9' => *new = b'0' + DIGIT,
            b'*' | b'#' | b'A'..=b'D' | b',' => *new = *old,
            _ => {}
        }
    }
    filler
}

fn boundary(params: &[u8]) -> Option<&[u8]> {
    let value = params.split(|byte| *byte == b';').find_map(|param| {
        let at = param.iter().position(|byte| *byte == b'=')?;
        let (name, value) = param.split_at(at);
        name.trim_ascii()
            .eq_ignore_ascii_case(b"boundary")
            .then(|| value.get(1..).unwrap_or_default().trim_ascii())
    })?;
    let bare = value.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(value);
    (!bare.is_empty()).then_some(bare)
}

/// Parts between lines of `--boundary` (RFC 2046, 5.1), each with a head of its own. What stands before and after them is
/// filler.
fn parts(masks: &mut Masks, boundary: &[u8], old: &[u8], depth: u8) -> Vec<u8> {
    let delimiter = [b"--", boundary].concat();
    let new_delimiter = [b"--", &masks.text(boundary)[..]].concat();
    let filler = masks.filler(old);
    let mut sheet = Sheet::filled(old, b'x');
    sheet.put(0, &filler);
    // Where parts begin, behind the lines that part them.
    let (mut at, mut begin) = (0, None);
    for line in old.split_inclusive(|byte| *byte == b'\n') {
        let tail = line.strip_prefix(&delimiter[..]).filter(|tail| matches!(tail.trim_ascii(), b"" | b"--"));
        if let Some(tail) = tail {
            if let Some(begin) = begin {
                part(masks, &mut sheet, old.get(begin..at).unwrap_or_default(), depth);
            }
            sheet.put(at, &new_delimiter);
            sheet.keep_part(tail);
            begin = (!tail.starts_with(b"--")).then_some(at + line.len());
        }
        at += line.len();
    }
    if let Some(begin) = begin {
        part(masks, &mut sheet, old.get(begin..).unwrap_or_default(), depth);
    }
    sheet.into_new()
}

fn part(masks: &mut Masks, sheet: &mut Sheet<'_>, old: &[u8], depth: u8) {
    let (mut at, mut content_type) = (0, None);
    for line in old.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if line.trim_ascii().is_empty() {
            sheet.keep_part(line);
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let Some((name, rest)) = colon.map(|colon| line.split_at(colon)) else { continue };
        let bare = name.trim_ascii();
        let value = rest.get(1..).unwrap_or_default();
        if bare.eq_ignore_ascii_case(b"content-type") || bare.eq_ignore_ascii_case(b"c") {
            content_type = content_type.or_else(|| Some(value.trim_ascii()));
        }
        if value::is_name_kept(bare) {
            sheet.keep_part(name);
            sheet.keep_part(rest.get(..1).unwrap_or_default());
        }
        let new = value::value(masks, bare, value);
        sheet.replace(value, &new);
    }
    let rest = old.get(at..).unwrap_or_default();
    // The end of the line before the delimiter is the delimiter's (RFC 2046, 5.1.1).
    let text = rest.strip_suffix(b"\n").map_or(rest, |rest| rest.strip_suffix(b"\r").unwrap_or(rest));
    let new = body(masks, Some(content_type.unwrap_or(b"application/octet-stream")), text, depth);
    sheet.replace(text, &new);
    sheet.keep_part(rest.get(text.len()..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Secret;

    fn text(content_type: &str, old: &str) -> String {
        let mut masks = Masks::new(Secret::seeded(1));
        String::from_utf8(body(&mut masks, Some(content_type.as_bytes()), old.as_bytes(), 3)).unwrap()
    }

    #[test]
    fn digits_are_all_one_digit() {
        let new = text("application/dtmf-relay", "Signal=7\r\nDuration=160\r\n");
        assert_eq!(new, "Signal=5\r\nDuration=160\r\n");
        assert_eq!(text("application/dtmf-relay; charset=utf-8", "Signal= #\r\n"), "Signal= #\r\n");
        assert_eq!(text("application/dtmf", "9"), "5");
    }

    #[test]
    fn what_people_write_is_filler() {
        let new = text("text/plain", "Please call Kim, 010-1234-5678");
        assert_eq!(new.len(), 30);
        assert!(!new.contains("Kim") && !new.contains("1234"));
    }

    #[test]
    fn a_description_in_parts_is_one_afterwards() {
        let old = "preamble of Kim\r\n--kim-1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nc=IN IP4 10.1.0.5\r\nm=audio 4000 RTP/AVP 8\r\n\
                   --kim-1\r\nContent-Type: application/isup;version=x\r\nX-From: 4001\r\n\r\n4001 binary\r\n--kim-1--\r\n";
        let new = text("multipart/mixed;boundary=\"kim-1\"", old);
        assert_eq!(new.len(), old.len());
        assert!(new.contains("Content-Type: application/sdp\r\n\r\nv=0\r\nc=IN IP4 10."), "{new}");
        assert!(new.contains("m=audio 4000 RTP/AVP 8\r\n--") && new.ends_with("--\r\n"), "{new}");
        assert!(!new.contains("kim") && !new.contains("4001") && !new.contains("10.1.0.5"), "{new}");
    }

    proptest! {
        #[test]
        fn bodies_keep_their_length(
            kind in proptest::sample::select(&["multipart/mixed;boundary=b", "application/sdp", "application/dtmf-relay", "message/sipfrag", "text/plain", ""][..]),
            old in "(--b\r\n|--b--|v=0\r\n|c: application/sdp\r\n|\r\n|SIP/2.0 200 OK\r\n|[ -~]){0,30}",
        ) {
            prop_assert_eq!(text(kind, &old).len(), old.len());
        }
    }
}
