//! Frames of any link type through the anonymiser.
//!
//! Laws: every frame comes out or is counted; what comes out is as long as what went in, in the same order, and is read by
//! `wire` as before.
#![no_main]

use earwitness_anonymise::{Anonymiser, Secret};
use earwitness_model::{LinkType, PacketTime, RawFrame};
use earwitness_wire::{Carried, decode};

/// What the registry numbers that are read.
const LINKS: [u16; 8] = [0, 1, 101, 108, 113, 228, 229, 276];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let frames: Vec<RawFrame<'_>> = frames(bytes).collect();
    let mut anonymiser = Anonymiser::new(Secret::seeded(1));
    let mut done = Vec::new();
    for frame in &frames {
        anonymiser.handle_frame(frame);
        done.extend(std::iter::from_fn(|| anonymiser.poll_frame()));
    }
    anonymiser.handle_end();
    done.extend(std::iter::from_fn(|| anonymiser.poll_frame()));
    let counts = anonymiser.counts();
    assert_eq!(counts.frames, frames.len() as u64);
    assert_eq!(counts.frames, counts.written + counts.dropped());
    let mut last = 0;
    for new in &done {
        assert!(new.number > last, "in the order of the capture");
        last = new.number;
        let old = &frames[new.number as usize - 1];
        assert_eq!((new.bytes.len(), new.wire_len, new.time), (old.bytes.len(), old.wire_len, old.time));
        let read = RawFrame { bytes: &new.bytes, ..*old };
        assert_eq!(shape(&read), shape(old));
    }
});

/// Where what a frame carries lies.
fn shape(frame: &RawFrame<'_>) -> Option<(u8, usize, usize, u32)> {
    let (kind, bytes, cut) = match decode(frame).ok()? {
        Carried::Udp(datagram) => (0, datagram.payload, datagram.cut),
        Carried::Tcp(segment) => (1, segment.payload, segment.cut),
        Carried::Fragment(piece) => (2, piece.bytes, piece.cut),
        Carried::Icmp | Carried::OtherIp(_) | Carried::NotIp(_) => return None,
    };
    Some((kind, bytes.as_ptr().addr().wrapping_sub(frame.bytes.as_ptr().addr()), bytes.len(), cut))
}

/// All of the first frame's link type: its byte; then each frame is a byte of time in tenths of a second, one of length in
/// units of eight bytes, one of what the snap length cut, and its bytes.
fn frames(bytes: &[u8]) -> impl Iterator<Item = RawFrame<'_>> {
    let (link, mut rest) = bytes.split_first().map_or((0, bytes), |(link, rest)| (*link, rest));
    let (mut tenths, mut number) = (0, 0);
    std::iter::from_fn(move || {
        let (&[step, len, cut], after) = rest.split_first_chunk::<3>()?;
        let (bytes, after) = after.split_at((usize::from(len) * 8).min(after.len()));
        rest = after;
        tenths += i64::from(step);
        number += 1;
        Some(RawFrame {
            time: PacketTime::from_nanos(tenths * 100_000_000),
            number,
            link: LinkType::from_number(LINKS[usize::from(link) % LINKS.len()]),
            wire_len: bytes.len() as u32 + if cut > 200 { u32::from(cut) } else { 0 },
            bytes,
        })
    })
}
