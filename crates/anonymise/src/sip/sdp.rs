//! Descriptions of media (RFC 8866): addresses, names and keys replaced; ports, formats and directions kept.

use super::{
    uri::trimmed,
    words::{COUNTS, Digits, PORTS, SMALL, is_known, words},
};
use crate::masks::Masks;

/// Clock rates, bit rates.
const RATES: Digits = Digits(7);

/// A description, line by line; what is no line of one becomes filler.
pub(super) fn description(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let mut new = Vec::with_capacity(old.len());
    for line in old.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
        let text = line.strip_suffix(b"\n").or_else(|| line.strip_suffix(b"\r")).unwrap_or(line);
        let end = line.get(text.len()..).unwrap_or_default();
        let indent = text.len() - text.trim_ascii_start().len();
        let (spaces, text) = text.split_at(indent);
        new.extend_from_slice(spaces);
        match text.split_first_chunk::<2>() {
            Some((&[letter, b'='], value)) if letter.is_ascii_lowercase() => {
                new.extend([letter, b'=']);
                new.extend(value_of(masks, letter, value));
            }
            _ => new.extend(masks.filler(text)),
        }
        new.extend_from_slice(end);
    }
    new
}

fn value_of(masks: &mut Masks, letter: u8, old: &[u8]) -> Vec<u8> {
    match letter {
        b'v' => words(masks, SMALL, old),
        b'o' => origin(masks, old),
        b'c' => connection(masks, old),
        b'b' => words(masks, RATES, old),
        b't' | b'r' | b'z' => words(masks, COUNTS, old),
        b'm' => words(masks, PORTS, old),
        b'a' => attribute(masks, old),
        _ if old.trim_ascii() == b"-" => old.to_vec(),
        _ => masks.filler(old),
    }
}

/// `username id version IN IP4 address`. The numbers are replaced like others: the same stays the same.
fn origin(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    each_word(old, |index, word| match index {
        0 => masks.user(word),
        1 | 2 => masks.text(word),
        3 | 4 => words(masks, SMALL, word),
        _ => masks.host(word),
    })
}

/// `IN IP4 address[/ttl[/count]]`.
fn connection(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    each_word(old, |index, word| match index {
        0 | 1 => words(masks, SMALL, word),
        _ => {
            let end = word.iter().position(|byte| *byte == b'/').unwrap_or(word.len());
            let (address, rest) = word.split_at(end);
            [masks.host(address), words(masks, SMALL, rest)].concat()
        }
    })
}

fn attribute(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let end = old.iter().position(|byte| *byte == b':').map_or(old.len(), |at| at + 1);
    let (name, value) = old.split_at(end);
    let bare = name.strip_suffix(b":").unwrap_or(name).trim_ascii().to_ascii_lowercase();
    let new_name = words(masks, SMALL, name);
    let new = match &bare[..] {
        b"rtpmap" => {
            learn(masks, value);
            words(masks, RATES, value)
        }
        b"fmtp" | b"rtcp-fb" | b"ptime" | b"maxptime" | b"framerate" | b"extmap" | b"silencesupp"
        | b"bitrate" => words(masks, RATES, value),
        b"rtcp" => each_word(value, |index, word| match index {
            0 => words(masks, PORTS, word),
            1 | 2 => words(masks, SMALL, word),
            _ => masks.host(word),
        }),
        b"candidate" => candidate(masks, value),
        b"crypto" => crypto(masks, value),
        b"fingerprint" => each_word(value, |index, word| match index {
            0 => words(masks, SMALL, word),
            _ => masks.hexadecimal(word),
        }),
        b"key-mgmt" | b"tool" | b"cat" | b"keywds" | b"charset" | b"note" => masks.filler(value),
        _ if is_known(&bare) => words(masks, SMALL, value),
        _ => masks.filler(value),
    };
    [new_name, new].concat()
}

/// `foundation component transport priority address port typ host raddr address rport port` (RFC 8839, 5.1).
fn candidate(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let mut before = Vec::new();
    each_word(old, |index, word| {
        let is_address = index == 4 || before == b"raddr";
        before = word.to_ascii_lowercase();
        match index {
            0 => masks.text(word),
            3 => words(masks, COUNTS, word),
            _ if is_address => masks.host(word),
            _ => words(masks, PORTS, word),
        }
    })
}

/// `1 AES_CM_128_HMAC_SHA1_80 inline:key|2^20|1:4` (RFC 4568): another key of the same length.
fn crypto(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    each_word(old, |index, word| match (index, word.iter().position(|byte| *byte == b':')) {
        (2, Some(at)) => {
            let (method, keys) = word.split_at(at + 1);
            let mut new = words(masks, SMALL, method);
            for key in keys.split_inclusive(|byte| *byte == b';') {
                let end = key.iter().position(|byte| *byte == b'|').unwrap_or(key.len());
                let (secret, rest) = key.split_at(end);
                new.extend(masks.text(secret));
                new.extend(words(masks, SMALL, rest));
            }
            new
        }
        (2, None) => masks.text(word),
        _ => words(masks, SMALL, word),
    })
}

/// `101 telephone-event/8000`.
fn learn(masks: &mut Masks, value: &[u8]) {
    let mut parts = value.trim_ascii().split(|byte| byte.is_ascii_whitespace() || *byte == b'/');
    let number = parts.next().and_then(|number| std::str::from_utf8(number).ok()?.parse().ok());
    if let (Some(number), Some(name)) = (number, parts.find(|part| !part.is_empty())) {
        masks.formats.learn(number, name);
    }
}

/// What `rewrite` makes of each word, by its place, with the white space between them.
fn each_word(old: &[u8], mut rewrite: impl FnMut(usize, &[u8]) -> Vec<u8>) -> Vec<u8> {
    let (mut new, mut index) = (Vec::with_capacity(old.len()), 0);
    for run in old.chunk_by(|a, b| a.is_ascii_whitespace() == b.is_ascii_whitespace()) {
        if run.first().is_some_and(u8::is_ascii_whitespace) {
            new.extend_from_slice(run);
        } else {
            new.extend(trimmed(run, |word| rewrite(index, word)));
            index += 1;
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Secret;

    fn text(old: &str) -> String {
        let mut masks = Masks::new(Secret::seeded(1));
        String::from_utf8(description(&mut masks, old.as_bytes())).unwrap()
    }

    #[test]
    fn where_and_how_media_flow_is_kept_and_who_says_so_is_not() {
        let old = "v=0\r\no=kim 3904 1 IN IP4 10.1.0.41\r\ns=call of Kim\r\ni=-\r\nc=IN IP4 224.2.1.1/127\r\nb=AS:64\r\nt=0 0\r\n\
                   m=audio 49170/2 RTP/SAVP 8 0 101 111\r\na=rtpmap:101 telephone-event/8000\r\na=rtpmap:111 opus/48000/2\r\n\
                   a=fmtp:101 0-15\r\na=rtcp:53020 IN IP4 10.1.0.42\r\na=sendonly\r\na=x-kim:4001\r\nhello Kim\r\n";
        let new = text(old);
        assert_eq!(new.len(), old.len());
        for kept in [
            "v=0\r\no=",
            " IN IP4 10.",
            "\r\ni=-\r\n",
            "/127\r\nb=AS:64\r\nt=0 0\r\nm=audio 49170/2 RTP/SAVP 8 0 101 111\r\n\
            a=rtpmap:101 telephone-event/8000\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:101 0-15\r\na=rtcp:53020 IN IP4 10.",
            "a=sendonly\r\n",
        ] {
            assert!(new.contains(kept), "{new} lacks {kept}");
        }
        for gone in ["kim", "Kim", "10.1.0.4", "call", "hello", "224.2.1.1", "4001"] {
            assert!(!new.contains(gone), "{new} has {gone}");
        }
    }

    #[test]
    fn keys_and_candidates_are_others() {
        let old = "v=0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:4\n\
                   a=candidate:a1 1 UDP 2130706431 10.1.0.41 8998 typ srflx raddr 192.168.0.9 rport 9\n\
                   a=fingerprint:sha-256 4A:AD:B9\na=ice-pwd:asd88fgpdd777uzjYhagZg";
        let new = text(old);
        assert!(
            new.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:") && new.contains("|2^20|1:4\n"),
            "{new}"
        );
        assert!(
            new.contains(" 1 UDP 2130706431 10.")
                && new.contains(" 8998 typ srflx raddr 192.168.")
                && new.contains(" rport 9\n"),
            "{new}"
        );
        assert!(new.contains("a=fingerprint:sha-256 "), "{new}");
        for gone in ["d0Rmdmcm", "10.1.0.41", "192.168.0.9", "4A:AD", "asd88"] {
            assert!(!new.contains(gone), "{new} has {gone}");
        }
    }

    proptest! {
        #[test]
        fn any_text_keeps_its_length(old in "(a=crypto:|a=candidate:|a=rtpmap:|c=IN |o=|m=|[ -~]|\r|\n){0,40}") {
            prop_assert_eq!(text(&old).len(), old.len());
        }
    }
}
