//! What was sent and what is read, through loss, disorder, forgery and wrap-around. The sender is another program's work.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

use std::sync::Arc;

use earwitness_srtp::{Cipher, MasterKey, Opened, Source};
use earwitness_testkit::{rtp::Header, srtp::Key};
use proptest::prelude::*;

const SUITES: [(&str, usize); 8] = [
    ("AES_CM_128_HMAC_SHA1_80", 30),
    ("AES_CM_128_HMAC_SHA1_32", 30),
    ("AES_192_CM_HMAC_SHA1_80", 38),
    ("AES_192_CM_HMAC_SHA1_32", 38),
    ("AES_256_CM_HMAC_SHA1_80", 46),
    ("AES_256_CM_HMAC_SHA1_32", 46),
    ("AEAD_AES_128_GCM", 28),
    ("AEAD_AES_256_GCM", 44),
];

/// A crypto line of a suite, with a secret made from `seed`.
fn line(suite: usize, seed: u8, mki: &str) -> String {
    use base64ct::{Base64, Encoding};
    let (name, length) = SUITES[suite];
    let secret: Vec<u8> = (0..length).map(|at| (at as u8).wrapping_mul(31) ^ seed).collect();
    format!("{name} inline:{}{mki}", Base64::encode_string(&secret))
}

fn ciphers(line: &str) -> Vec<Arc<Cipher>> {
    let (suite, key_params) = line.split_once(' ').unwrap();
    let keys = MasterKey::read(suite.as_bytes(), key_params.as_bytes(), b"").unwrap();
    keys.into_iter().map(|key| Arc::new(Cipher::new(key))).collect()
}

fn source(lines: &[&str]) -> Source {
    let mut source = Source::default();
    lines.iter().for_each(|line| source.add(&ciphers(line)));
    source
}

/// The packet with this index, a round and a sequence number.
fn packet(index: u64) -> (Vec<u8>, u32) {
    let header = Header {
        payload_type: 8,
        marker: index.is_multiple_of(50),
        sequence: index as u16,
        timestamp: (index as u32).wrapping_mul(160),
        ssrc: 0x1234_abcd,
    };
    let payload: Vec<u8> = (0..20 + index % 30).map(|at| (at ^ index) as u8).collect();
    (header.packet(&payload), (index >> 16) as u32)
}

/// What `source` makes of packet `index` of a sender with `key`.
fn open(source: &mut Source, key: &Key, index: u64) -> (Opened, bool) {
    let (plain, roc) = packet(index);
    let mut out = Vec::new();
    let opened = source.open(&key.protect(&plain, roc), &mut out);
    (opened, out == plain)
}

/// What happens to a packet on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passage {
    Whole,
    Lost,
    Twice,
    /// It comes so many packets later.
    Late(usize),
    /// Somebody changed a byte of it.
    Forged(usize),
}

fn passages() -> impl Strategy<Value = Vec<Passage>> {
    let one = prop_oneof![
        6 => Just(Passage::Whole),
        2 => Just(Passage::Lost),
        1 => Just(Passage::Twice),
        1 => (1..20usize).prop_map(Passage::Late),
        1 => any::<usize>().prop_map(Passage::Forged),
    ];
    prop::collection::vec(one, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// Whatever is lost, late, doubled or forged: what is authentic is read as it was said, and what is not is refused.
    #[test]
    fn every_authentic_packet_is_read_as_it_was_said_and_no_other(
        suite in 0..SUITES.len(),
        mki in prop_oneof![Just(""), Just("|2^31|7:1"), Just("|9:4")],
        first in prop_oneof![0..500u64, 65_400..65_700u64, 131_000..131_100u64],
        passages in passages(),
    ) {
        let line = line(suite, 7, mki);
        let (key, mut source) = (Key::read(&line).unwrap(), source(&[&line]));
        let mut arrivals: Vec<(usize, u64, Passage)> = Vec::new();
        for (at, passage) in passages.into_iter().enumerate() {
            let index = first + at as u64;
            match passage {
                Passage::Lost => {}
                Passage::Whole | Passage::Forged(_) => arrivals.push((at, index, passage)),
                Passage::Twice => arrivals.extend([(at, index, passage); 2]),
                Passage::Late(by) => arrivals.push((at + by, index, passage)),
            }
        }
        arrivals.sort_by_key(|arrival| arrival.0);
        let mut out = Vec::new();
        for (_, index, passage) in arrivals {
            let (plain, roc) = packet(index);
            let mut bytes = key.protect(&plain, roc);
            if let Passage::Forged(at) = passage {
                let at = 2 + at % (bytes.len() - 2);
                bytes[at] ^= 0x40;
                prop_assert_eq!(source.open(&bytes, &mut out), Opened::Refused, "byte {}", at);
                prop_assert!(out.is_empty());
            } else {
                prop_assert_eq!(source.open(&bytes, &mut out), Opened::Plain, "index {}", index);
                prop_assert_eq!(&out, &plain);
            }
        }
    }

    /// Any loss below half a round, at any place of many rounds.
    #[test]
    fn the_counter_is_followed_through_any_loss_below_half_a_round(
        steps in prop::collection::vec(prop_oneof![1..50u64, 1..32_767u64], 1..60),
    ) {
        let line = line(0, 3, "");
        let (key, mut source) = (Key::read(&line).unwrap(), source(&[&line]));
        let mut index = 0;
        prop_assert_eq!(open(&mut source, &key, index), (Opened::Plain, true));
        for step in steps {
            index += step;
            prop_assert_eq!(open(&mut source, &key, index), (Opened::Plain, true), "index {}", index);
        }
    }

    /// Garbage is refused, and leaves nothing.
    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), suite in 0..SUITES.len()) {
        let mut out = vec![1];
        prop_assert_eq!(source(&[&line(suite, 1, "")]).open(&bytes, &mut out), Opened::Refused);
        prop_assert!(out.is_empty());
    }
}

#[test]
fn of_several_keys_the_one_that_fits_is_found_and_a_new_one_takes_over() {
    let lines: Vec<String> = (0..SUITES.len()).map(|suite| line(suite, 9, "")).collect();
    let all: Vec<&str> = lines.iter().map(String::as_str).collect();
    for chosen in &lines {
        let (key, mut source) = (Key::read(chosen).unwrap(), source(&all));
        assert_eq!(open(&mut source, &key, 4), (Opened::Plain, true), "{chosen}");
    }
    let (before, after) = (line(0, 1, ""), line(2, 2, ""));
    let (old, new) = (Key::read(&before).unwrap(), Key::read(&after).unwrap());
    let mut source = source(&[&before]);
    assert_eq!(open(&mut source, &old, 70_000), (Opened::Plain, true));
    assert_eq!(open(&mut source, &new, 70_001), (Opened::Refused, false));
    source.add(&ciphers(&after));
    source.add(&ciphers(&before));
    assert_eq!(open(&mut source, &new, 70_002), (Opened::Plain, true), "the counter goes on");
    assert_eq!(open(&mut source, &old, 70_001), (Opened::Plain, true), "a straggler under the old key");
    assert_eq!(open(&mut source, &new, 70_003), (Opened::Plain, true));
}

#[test]
fn after_a_new_key_the_counter_may_begin_anew() {
    let (before, after) = (line(0, 1, ""), line(0, 2, ""));
    let (old, new) = (Key::read(&before).unwrap(), Key::read(&after).unwrap());
    let mut source = source(&[&before, &after]);
    assert_eq!(open(&mut source, &old, 3 << 16), (Opened::Plain, true));
    assert_eq!(open(&mut source, &new, 1), (Opened::Plain, true));
    assert_eq!(open(&mut source, &new, 2), (Opened::Plain, true));
}

#[test]
fn a_capture_that_begins_after_hours_finds_the_counter() {
    let line = line(0, 1, "");
    let key = Key::read(&line).unwrap();
    for round in [1, 5, 15] {
        assert_eq!(open(&mut source(&[&line]), &key, round << 16 | 77), (Opened::Plain, true), "{round}");
    }
    assert_eq!(open(&mut source(&[&line]), &key, 16 << 16).0, Opened::Refused, "six hours are too many");
}

#[test]
fn of_two_keys_in_one_line_the_packet_says_which() {
    let (one, two) = (line(0, 1, "|2^20|1:2"), line(0, 2, "|2^20|2:2"));
    let both = format!("{one};{}", two.split_once(' ').unwrap().1);
    let mut source = source(&[&both]);
    let (one, two) = (Key::read(&one).unwrap(), Key::read(&two).unwrap());
    for (key, index) in [(&one, 1), (&two, 2), (&one, 3)] {
        assert_eq!(open(&mut source, key, index), (Opened::Plain, true));
    }
}

#[test]
fn sources_and_extensions_lie_in_clear_before_the_payload_and_padding_in_it() {
    let line = line(0, 5, "");
    let key = Key::read(&line).unwrap();
    let mut plain = vec![0xb1, 8, 0, 9, 0, 0, 0, 0, 1, 2, 3, 4, 5, 5, 5, 5, 0xbe, 0xde, 0, 1, 0x10, 7, 0, 0];
    plain.extend_from_slice(b"voice\0\0\x03");
    let mut out = Vec::new();
    assert_eq!(source(&[&line]).open(&key.protect_behind(24, &plain, 0), &mut out), Opened::Plain);
    assert_eq!(out, plain);
}

#[test]
fn what_is_authenticated_only_is_taken_as_it_is() {
    let line = line(0, 5, "");
    let (suite, key_params) = line.split_once(' ').unwrap();
    let keys = MasterKey::read(suite.as_bytes(), key_params.as_bytes(), b"UNENCRYPTED_SRTP").unwrap();
    let mut source = Source::default();
    source.add(&[Arc::new(Cipher::new(keys[0].clone()))]);
    // Encrypted packets are authentic under the same key, so that their bytes show that nothing was decrypted.
    let (plain, _) = packet(3);
    let protected = Key::read(&line).unwrap().protect(&plain, 0);
    let mut out = Vec::new();
    assert_eq!(source.open(&protected, &mut out), Opened::Plain);
    assert_eq!(out, protected[..protected.len() - 10]);
}
