//! A voice that the mirror shows twice is heard once, and whole when either copy is.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod script;

use earwitness_media::export::{self, WavOptions};
use earwitness_model::PacketTime;
use script::{MS, Outline, Spoken, spoken};

/// Packet `n` of a voice, as it is said.
fn said(n: u32) -> Spoken {
    let mut packet = spoken(n, n * 160, i64::from(n) * 20, (0, 160));
    for (at, octet) in (0u32..).zip(&mut packet.payload) {
        *octet = (n.wrapping_mul(2_654_435_761).wrapping_add(at * at * 7) >> 5) as u8;
    }
    packet
}

/// The same as an exchange sends it on, 7 ms later, with numbers of its own, on the caller's second track.
fn sent_on(n: u32) -> Spoken {
    let packet = said(n);
    Spoken {
        track: 2,
        sequence: packet.sequence + 500,
        rtp_time: packet.rtp_time + 77_777,
        arrival: packet.arrival + 7 * MS,
        ..packet
    }
}

fn wav(packets: &[Spoken]) -> (Vec<u8>, u64) {
    let outline = Outline { answer: Some(0), end: Some(2_000), ..Outline::default() };
    let call = outline.call(packets);
    let mut bytes = Vec::new();
    let exported = export::wav(&call, WavOptions::default(), &mut bytes).unwrap();
    assert_eq!(call.answer, PacketTime::from_nanos(script::START.nanos()));
    (bytes, exported.packets)
}

#[test]
fn what_one_copy_lacks_is_taken_from_the_other() {
    let whole: Vec<Spoken> = (0..100).map(said).collect();
    let (expected, packets) = wav(&whole);
    assert_eq!(packets, 100);
    // The first copy lacks every ninth, the other every seventh; both lack the 63rd.
    let first = (0..100).filter(|n| n % 9 != 0 || *n == 0).map(said);
    let other = (0..100).filter(|n| n % 7 != 0).map(sent_on);
    let both: Vec<Spoken> = first.chain(other).collect();
    let (found, packets) = wav(&both);
    assert_eq!(packets, 99);
    let lost = 44 + 63 * 160 * 4..44 + 64 * 160 * 4;
    let (found, expected) = (found.as_slice(), expected.as_slice());
    assert_eq!(found[..lost.start], expected[..lost.start]);
    assert!(found[lost.clone()].iter().all(|byte| *byte == 0), "nobody has it");
    assert_eq!(found[lost.end..], expected[lost.end..]);
}

#[test]
fn a_copy_adds_nothing_to_a_voice_that_is_whole() {
    let whole: Vec<Spoken> = (0..100).map(said).collect();
    let twice: Vec<Spoken> = whole.iter().cloned().chain((0..100).map(sent_on)).collect();
    assert_eq!(wav(&twice), wav(&whole));
}

#[test]
fn another_voice_and_silence_are_no_copies() {
    let silence = |n: u32, track| Spoken { track, ..spoken(n, n * 160, i64::from(n) * 20, (0xd5, 160)) };
    let silences: Vec<Spoken> = (0..50).flat_map(|n| [silence(n, 0), silence(n, 2)]).collect();
    assert_eq!(wav(&silences).1, 100);
    let other = |n: u32| Spoken { track: 2, payload: said(n + 1000).payload, ..said(n) };
    let voices: Vec<Spoken> = (0..50).flat_map(|n| [said(n), other(n)]).collect();
    assert_eq!(wav(&voices).1, 100);
    let much_later = |n: u32| Spoken { arrival: sent_on(n).arrival + 1_500 * MS, ..sent_on(n) };
    let echo: Vec<Spoken> = (0..50).map(said).chain((0..50).map(much_later)).collect();
    assert_eq!(wav(&echo).1, 100, "an announcement that is played again");
}
