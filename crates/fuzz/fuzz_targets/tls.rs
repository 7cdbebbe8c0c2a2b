//! Any bytes in both directions of a connection, before, between and over those of a real one of OpenSSL, with its key log and
//! any other lines. Laws beyond not panicking: each step goes on or waits; what waits may wait for ever and what is given up stays
//! so; nothing is heard that was not said in one piece; no secret prints.
#![no_main]

use earwitness_tls::{Half, Handshake, KeyLog, Role, Step, client_random};
use libfuzzer_sys::fuzz_target;

/// Connections as they were: a key log, and what went over the wire.
const REAL: [&str; 4] = [
    include_str!("../../tls/tests/openssl/tls12-aes128-sha.txt"),
    include_str!("../../tls/tests/openssl/tls12-chacha.txt"),
    include_str!("../../tls/tests/openssl/tls13-aes256.txt"),
    include_str!("../../tls/tests/openssl/tls13-retry.txt"),
];
/// What was said in each.
const SAID: [&[&[u8]]; 2] = [&[b"OPTIONS sip:a\n", b"BYE sip:a\n"], &[b"SIP/2.0 200 OK\n"]];

fuzz_target!(|input: (u8, &[u8], Vec<(u8, u16, &[u8])>)| {
    let (which, lines, edits) = input;
    let real = REAL[usize::from(which) % REAL.len()];
    let mut log = KeyLog::default();
    log.handle_text(lines);
    let is_wire = |line: &&str| line.starts_with(['<', '>']);
    if which & 0x80 == 0 {
        real.lines().filter(|line| !is_wire(line)).for_each(|line| log.handle_text(line.as_bytes()));
    }
    assert!(format!("{log:?}").len() < 120, "counts, and no secret");
    let mut wire: Vec<(usize, Vec<u8>)> = real
        .lines()
        .filter(is_wire)
        .map(|line| (usize::from(line.starts_with('<')), unhex(&line[2..])))
        .collect();
    // An edit overwrites, inserts, cuts out or adds a flight.
    for (what, at, bytes) in &edits {
        let place = usize::from(what >> 3) % wire.len();
        let (side, flight) = &mut wire[place];
        let side = *side;
        let at = usize::from(*at) % (flight.len() + 1);
        match what & 7 {
            0 | 1 => flight.iter_mut().skip(at).zip(*bytes).for_each(|(byte, mask)| *byte ^= mask),
            2 => drop(flight.splice(at..at, bytes.iter().copied())),
            3 => flight.truncate(at),
            4 => wire.insert(place, (1 - side, bytes.to_vec())),
            5 => wire.insert(place, (side, bytes.to_vec())),
            6 => flight.drain(..at).for_each(drop),
            _ => drop(wire.remove(place)),
        }
        if wire.is_empty() {
            return;
        }
    }
    listen(&wire, &log, edits.iter().map(|edit| edit.1));
});

fn listen(wire: &[(usize, Vec<u8>)], log: &KeyLog, mut gaps: impl Iterator<Item = u16>) {
    let mut halves = [Half::new(Role::Client), Half::new(Role::Server)];
    let (mut both, mut unread) = (Handshake::default(), [Vec::new(), Vec::new()]);
    for (side, bytes) in wire {
        let _hello = client_random(bytes);
        if let Some(gap) = gaps.next().filter(|gap| gap % 7 == 0) {
            unread[*side].clear();
            halves[*side].handle_gap(gap.into());
        }
        unread[*side].extend_from_slice(bytes);
        for side in [*side, 1 - side] {
            read(side, &mut halves[side], (&mut unread[side], &mut both), log);
        }
    }
}

fn read(side: usize, half: &mut Half, (unread, both): (&mut Vec<u8>, &mut Handshake), log: &KeyLog) {
    let mut stood_still = 0;
    loop {
        let mut plain = b"before".to_vec();
        let step = half.step(unread, both, log, &mut plain);
        assert!(plain.starts_with(b"before"));
        let said = &plain[6..];
        match step {
            Step::Used(len) => {
                assert!(len <= unread.len() && said.len() <= len);
                assert!(said.is_empty() || SAID[side].contains(&said), "nobody can say anything else");
                stood_still = if len == 0 { stood_still + 1 } else { 0 };
                assert!(stood_still < 2);
                unread.drain(..len);
            }
            Step::Unopened(len) => {
                assert!(len > 0 && said.is_empty());
                unread.drain(..len);
            }
            Step::More | Step::Waiting => return assert!(said.is_empty()),
            Step::Never => {
                assert!(said.is_empty());
                unread.clear();
                return;
            }
        }
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        digits.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
