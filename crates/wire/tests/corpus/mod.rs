//! Captures that others made: the variable `EARWITNESS_CORPUS` names their directory, and without it nothing is read.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests read fixtures, or say that they did not"
)]

use std::path::PathBuf;

use earwitness_model::{LinkType, PacketTime, RawFrame};

/// The bytes of a capture file.
pub(crate) fn capture(name: &str) -> Option<Vec<u8>> {
    let Some(corpus) = std::env::var_os("EARWITNESS_CORPUS") else {
        println!("left out: EARWITNESS_CORPUS does not name the directory of captures");
        return None;
    };
    Some(std::fs::read(PathBuf::from(corpus).join(name)).expect("the corpus has this capture"))
}

/// The frames of a classic pcap file with microseconds, first byte least.
pub(crate) fn frames(file: &[u8]) -> Vec<RawFrame<'_>> {
    assert_eq!(file[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"));
    let link = LinkType::from_number(u16::try_from(word(20)).expect("a link type"));
    let (mut at, mut frames) = (24, Vec::new());
    while at < file.len() {
        let nanos = i64::from(word(at)) * 1_000_000_000 + i64::from(word(at + 4)) * 1_000;
        let (captured, wire_len) = (word(at + 8) as usize, word(at + 12));
        let (time, number) = (PacketTime::from_nanos(nanos), frames.len() as u64 + 1);
        frames.push(RawFrame { time, number, link, wire_len, bytes: &file[at + 16..at + 16 + captured] });
        at += 16 + captured;
    }
    frames
}
