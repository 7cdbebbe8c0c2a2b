//! Reading: frames, messages, session descriptions.

use std::hint::black_box;

use earwitness_model::RawFrame;

use crate::{counted::counted_work, invite, raw, talk, treadmill::PAYLOAD};

/// Times that each input is read.
const ROUNDS: u64 = 20;

/// From the frame to the payload of its packet.
pub(super) fn decode() -> u64 {
    let frames = talk::audio(None);
    let frames: Vec<RawFrame<'_>> = frames.iter().zip(1..).map(|(frame, n)| raw(frame, n)).collect();
    let bytes: u64 = counted_work(|| {
        let round = || frames.iter().map(|frame| talk::payload_bytes(frame) as u64).sum::<u64>();
        (0..ROUNDS).map(|_| round()).sum()
    });
    assert_eq!(bytes, ROUNDS * talk::FRAMES * PAYLOAD as u64);
    ROUNDS * talk::FRAMES
}

/// What is read of an INVITE.
pub(super) fn invite() -> u64 {
    let datagram = invite::datagram();
    let read = counted_work(|| {
        let reads = (0..ROUNDS * 10).map(|_| invite::read(black_box(&datagram)));
        reads.filter(|read| *read == invite::READ).count() as u64
    });
    assert_eq!(read, ROUNDS * 10);
    read
}

/// What is read of an offer.
pub(super) fn sdp() -> u64 {
    let body = invite::body();
    let read = counted_work(|| {
        let reads = (0..ROUNDS * 10).map(|_| invite::described(black_box(&body)));
        reads.filter(|read| *read == invite::DESCRIBED).count() as u64
    });
    assert_eq!(read, ROUNDS * 10);
    read
}
