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
    for old in ["<tel:0312223333;ext=101>", "<tel:0312223333;isub=101>", "<sip:0312223333;postd=101@a.kr>"] {
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
    check("Session-Expires", "1800;refresher=uac;x=0312221111", &["1800;refresher=uac;"], &["0312221111"]);
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
