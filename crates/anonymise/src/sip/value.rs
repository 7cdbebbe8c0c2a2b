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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Secret;

    fn masks() -> Masks {
        Masks::new(Secret::seeded(1))
    }

    fn text(name: &str, old: &str) -> String {
        String::from_utf8(value(&mut masks(), name.as_bytes(), old.as_bytes())).unwrap()
    }

    /// Asserts that `kept` is in what becomes of `old` and `gone` is not, and gives it.
    fn check(name: &str, old: &str, kept: &[&str], gone: &[&str]) -> String {
        let new = text(name, old);
        assert_eq!(new.len(), old.len(), "{old}: {new}");
        for kept in kept {
            assert!(new.contains(kept), "{old}: {new} lacks {kept}");
        }
        for gone in gone {
            assert!(old.contains(gone) && !new.contains(gone), "{old}: {new} has {gone}");
        }
        new
    }

    #[test]
    fn people_are_replaced_and_the_grammar_stays() {
        check(
            "From",
            "\"Kim, Chulsoo\" <sip:0312223333@example.kr:5061;user=phone;transport=tcp>;tag=a4001",
            &["\" <sip:0", ":5061;user=phone;transport=tcp>;tag="],
            &["Kim", "Chulsoo", "312223333", "example.kr", "a4001"],
        );
        check("t", "<tel:+82-31-222-3333;ext=12>", &["<tel:+", ";ext=", ">"], &["82-31", "222-3333"]);
        check(
            "Contact",
            "<sip:4001@10.1.0.41:5060>;expires=86400;q=0.5",
            &["@10.", ":5060>;expires=86400;q=0.5"],
            &["4001", "10.1.0.41"],
        );
        assert_eq!(text("Contact", "*"), "*");
        let number = text("From", "<sip:101@example.kr>");
        let number = &number[5..8];
        for (old, new) in [("101;tag=a", format!("{number};tag=")), ("<101>", format!("<{number}>"))] {
            assert!(text("From", old).starts_with(&new), "{old}: {}", text("From", old));
        }
        for old in
            ["<tel:0312223333;ext=101>", "<tel:0312223333;isub=101>", "<sip:0312223333;postd=101@a.kr>"]
        {
            check("From", old, &[&format!("={number}")], &["312223333", "=101"]);
        }
        assert!(!text("To", "desk 101").contains("101"));
        let new = check(
            "Diversion",
            "복지과 <sip:4001@example.kr>;reason=no-answer;counter=1",
            &[";reason=no-answer;counter=1"],
            &["복지과", "4001"],
        );
        assert!(new.is_ascii());
    }

    #[test]
    fn a_dialog_is_named_alike_wherever_it_is_named() {
        let mut masks = masks();
        let id = masks.call_id(b"7d1f0e62@10.1.0.41");
        let tag = masks.text(b"a4001");
        let (id, tag) = (String::from_utf8(id).unwrap(), String::from_utf8(tag).unwrap());
        assert_eq!(text("i", "7d1f0e62@10.1.0.41"), id);
        assert!(
            text("Replaces", "7d1f0e62@10.1.0.41;to-tag=a4001;from-tag=b1")
                .starts_with(&format!("{id};to-tag={tag};from-tag="))
        );
        let refer = text(
            "Refer-To",
            "<sip:4002@10.1.0.5?Replaces=7d1f0e62%4010.1.0.41%3Bto-tag%3Da4001%3Bfrom-tag%3Db1&Require=replaces>",
        );
        assert!(
            refer.contains(&id.replace('@', "%40"))
                && refer.contains(&format!("%3Bto-tag%3D{tag}%3Bfrom-tag%3D")),
            "{refer}"
        );
        assert!(refer.ends_with("&Require=replaces>"));
        assert!(text("To", "<sip:4001@x.kr>;tag=a4001").ends_with(&format!(";tag={tag}")));
    }

    #[test]
    fn ways_keep_their_transport_and_their_cookie() {
        check(
            "Via",
            "SIP/2.0/UDP 10.1.0.41:5060;branch=z9hG4bK-4001-1;rport=5062;received=10.1.0.42",
            &["SIP/2.0/UDP 10.", ":5060;branch=z9hG4bK-", ";rport=5062;received=10."],
            &["10.1.0.41", "10.1.0.42", "4001-1"],
        );
        check(
            "v",
            "SIP / 2.0 / TCP\r\n pbx.example.kr ; branch=z9hG4bKabc",
            &["SIP / 2.0 / TCP\r\n ", " ; branch=z9hG4bK"],
            &["pbx.example.kr", "bKabc"],
        );
    }

    #[test]
    fn credentials_lose_what_they_prove() {
        check(
            "Authorization",
            "Digest username=\"4001\", realm=\"example.kr\", nonce=\"5f3a9c01\", uri=\"sip:example.kr\", response=\"0a4f113b5f3a9c01\", algorithm=MD5, qop=auth, nc=00000001",
            &["Digest username=\"", "\", algorithm=MD5, qop=auth, nc=00000001", "uri=\"sip:"],
            &["4001", "example.kr", "5f3a9c01", "0a4f113b"],
        );
    }

    #[test]
    fn products_keep_their_name_and_nothing_beyond() {
        check(
            "User-Agent",
            "Yealink SIP-T46S 66.84.0.15 001565abcdef",
            &["Yealink "],
            &["T46S", "66.84", "001565abcdef"],
        );
        check("Server", "FPBX-16.0.40(18.9)", &["FPBX-"], &["16.0.40"]);
    }

    #[test]
    fn a_count_stays_and_what_is_said_of_it_goes() {
        let gone = ["Kim", "0312221111"];
        check("Retry-After", "60 (Kim 0312221111)", &["60 ("], &gone);
        check("Retry-After", "18000;x=0312221111 (Kim)", &["18000;"], &["0312221111"]);
        check(
            "Session-Expires",
            "1800;refresher=uac;x=0312221111",
            &["1800;refresher=uac;"],
            &["0312221111"],
        );
        for whole in ["1234567890 INVITE", "2147483647", "1800;refresher=uas"] {
            assert_eq!(text("CSeq", whole), whole);
        }
        assert_eq!(text("RAck", "776656 314159 INVITE"), "776656 314159 INVITE");
        assert_eq!(text("Timestamp", "54.1234 0.25001"), "54.1234 0.25001");
    }

    #[test]
    fn what_nobody_knows_becomes_filler() {
        check("X-Customer", "Kim Chulsoo, 010-1234-5678", &[" "], &["Kim", "1234", ",", "-"]);
        assert_ne!(text("X-Call", "a1b2"), text("X-Call", "a1b3"));
        check(
            "Session-ID",
            "ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000",
            &[";remote=00000000000000000000000000000000"],
            &["ab30317f"],
        );
        check("Reason", "Q.850;cause=16;text=\"Kim hung up\"", &["Q.850;cause=16;text=\""], &["Kim"]);
    }

    proptest! {
        #[test]
        fn no_value_changes_its_length_or_breaks_its_line(
            which in 0..KINDS.len(),
            old in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(&b"<>\";,=@:%?&/ \\sip:4001[]"[..])], 0..80),
        ) {
            let new = value(&mut masks(), KINDS[which].0.as_bytes(), &old);
            prop_assert_eq!(new.len(), old.len());
            let feeds = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
            prop_assert!(feeds(&new) <= feeds(&old));
        }
    }
}
