//! Connections of OpenSSL, which rustls has no like of: CBC with and without encrypt-then-MAC, ARIA, RSA and DHE, a
//! HelloRetryRequest.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use support::Listener;

fn bytes(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The key log of a file, and what went over the wire.
fn read(file: &str) -> (String, Vec<(usize, Vec<u8>)>) {
    let is_wire = |line: &&str| line.starts_with(['<', '>']);
    let log: String = file.lines().filter(|line| !is_wire(line)).map(|line| format!("{line}\n")).collect();
    let wire =
        file.lines().filter(is_wire).map(|line| (usize::from(line.starts_with('<')), bytes(&line[2..])));
    (log, wire.collect())
}

fn check(file: &str) {
    let (log, wire) = read(file);
    let expected = [b"OPTIONS sip:a\nBYE sip:a\n".to_vec(), b"SIP/2.0 200 OK\n".to_vec()];
    let mut listener = Listener::new(&log);
    assert_eq!(listener.log.counts().other_lines, 0);
    wire.iter().for_each(|(side, bytes)| listener.feed(*side, bytes));
    assert_eq!(listener.heard, expected);
    assert_eq!((listener.unopened, listener.waiting(), listener.is_over), (0, 0, false));
    // One byte at a time, and what the client began with again behind a loss.
    let mut slow = Listener::new(&log);
    for (side, bytes) in &wire {
        bytes.chunks(1).for_each(|byte| slow.feed(*side, byte));
    }
    assert_eq!(slow.heard, expected);
    // The client's first words are lost, and the record after them is found.
    let last = wire.len() - 1;
    let mut lossy = Listener::new(&log);
    wire[..last - 2].iter().for_each(|(side, bytes)| lossy.feed(*side, bytes));
    lossy.lose(0);
    wire[last - 1..].iter().for_each(|(side, bytes)| lossy.feed(*side, bytes));
    assert_eq!(lossy.heard, [b"BYE sip:a\n".to_vec(), expected[1].clone()]);
    // With a bit of the last record turned over nothing of that is heard.
    let mut forged = Listener::new(&log);
    wire[..last].iter().for_each(|(side, bytes)| forged.feed(*side, bytes));
    let mut bent = wire[last].1.clone();
    *bent.last_mut().unwrap() ^= 1;
    forged.feed(0, &bent);
    assert_eq!((forged.heard[0].as_slice(), forged.unopened), (&b"OPTIONS sip:a\n"[..], 1));
}

#[test]
fn cbc_with_sha1_is_opened() {
    check(include_str!("openssl/tls12-aes128-sha.txt"));
    check(include_str!("openssl/tls12-aes256-sha-no-etm.txt"));
}

#[test]
fn cbc_with_sha256_and_sha384_is_opened() {
    check(include_str!("openssl/tls12-ecdhe-aes128-sha256.txt"));
    check(include_str!("openssl/tls12-ecdhe-aes256-sha384.txt"));
}

#[test]
fn gcm_after_rsa_and_dhe_is_opened() {
    check(include_str!("openssl/tls12-aes128-gcm.txt"));
    check(include_str!("openssl/tls12-dhe-aes256-gcm.txt"));
}

#[test]
fn aria_is_opened() {
    check(include_str!("openssl/tls12-ecdhe-aria128-gcm.txt"));
    check(include_str!("openssl/tls12-aria256-gcm.txt"));
}

#[test]
fn chacha20_of_openssl_is_opened() {
    check(include_str!("openssl/tls12-chacha.txt"));
}

#[test]
fn tls_1_3_of_openssl_is_opened_with_and_without_a_second_hello() {
    check(include_str!("openssl/tls13-aes256.txt"));
    check(include_str!("openssl/tls13-retry.txt"));
}
