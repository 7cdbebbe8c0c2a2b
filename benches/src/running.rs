//! An engine that keeps every call of a treadmill, and what came out of it.

use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    hint::black_box,
};

use earwitness_engine::{Engine, Limits, Output};
use earwitness_model::{PACKET_HEADER, RawFrame, Segment, SegmentContent};
use earwitness_rules::RuleSet;

use crate::{
    raw,
    treadmill::{PAYLOAD, TURN_NANOS, Treadmill},
};

/// Frames that are handed in together.
const TOGETHER: usize = 32;

/// The engine and the bytes that came out.
pub struct Running {
    engine: Engine,
    segment_bytes: u64,
}

impl Running {
    /// An engine in which all calls of `treadmill` are up.
    ///
    /// # Panics
    /// When they are not.
    #[must_use]
    pub fn new(treadmill: &Treadmill) -> Self {
        let engine = Engine::new(RuleSet::lab(), Limits::default());
        let mut running = Self { engine, segment_bytes: 0 };
        for (frame, number) in treadmill.opening.iter().zip(1..) {
            running.handle_frame(&raw(frame, number));
        }
        assert_eq!(running.engine.calls(), treadmill.calls() as usize);
        running
    }

    /// What the recorder does with a frame, with a vault that takes no time.
    #[inline]
    pub fn handle_frame(&mut self, frame: &RawFrame<'_>) {
        self.engine.handle_frame(frame);
        self.drain(|_| ());
    }

    /// One turn of `treadmill`, which is not moved on: frames together, as a file or a kernel's ring has them.
    #[inline]
    pub fn turn(&mut self, treadmill: &Treadmill) {
        self.slowed_turn(treadmill, 0);
    }

    /// [`Self::turn`] with a loop of `rounds` rounds for nothing at each frame: what a slower hot path looks like.
    #[inline]
    pub fn slowed_turn(&mut self, treadmill: &Treadmill, rounds: u32) {
        let mut frames = treadmill.frames();
        let mut together = Vec::with_capacity(TOGETHER);
        loop {
            together.clear();
            together.extend(frames.by_ref().take(TOGETHER));
            if together.is_empty() {
                return;
            }
            self.engine.handle_frames(&together);
            self.drain(|_| ());
            let mut left = rounds * together.len() as u32;
            while left > 0 {
                left = black_box(left - 1);
            }
        }
    }

    #[inline]
    fn drain(&mut self, mut look: impl FnMut(&Segment)) {
        while let Some(output) = self.engine.poll_output() {
            let Output::Segment(segment) = output else { continue };
            if segment.content == SegmentContent::Media {
                look(&segment);
                self.segment_bytes += segment.bytes.len() as u64;
            }
            self.engine.handle_returned(segment);
        }
    }

    /// Three turns. Every payload of the first two has to come out, bit for bit, once, and with its time.
    ///
    /// # Panics
    /// When one does not.
    pub fn check_bytes(&mut self, treadmill: &mut Treadmill) {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let (mut went_in, mut came_out) = (0_u64, 0_u64);
        let kept_before = self.engine.counts().media.kept;
        let from = treadmill.frames().next().expect("calls talk").time;
        let to = from.plus_nanos(2 * TURN_NANOS);
        for _ in 0..3 {
            for frame in treadmill.frames() {
                if frame.time < to {
                    let payload = &frame.bytes[frame.bytes.len() - PAYLOAD..];
                    went_in = went_in.wrapping_add(hasher.hash_one((payload, frame.time.nanos())));
                }
                self.engine.handle_frame(&frame);
                self.drain(|segment| {
                    for packet in segment.media().filter(|packet| (from..to).contains(&packet.arrival)) {
                        let hash = hasher.hash_one((packet.payload, packet.arrival.nanos()));
                        came_out = came_out.wrapping_add(hash);
                    }
                });
            }
            treadmill.turn();
        }
        assert_eq!(went_in, came_out);
        assert_eq!(self.engine.counts().media.kept - kept_before, 3 * treadmill.packets());
    }

    /// The end: every packet that went in came out.
    ///
    /// # Panics
    /// When one did not, or a buffer was left out.
    pub fn check_end(mut self) {
        self.engine.handle_end();
        self.drain(|_| ());
        let counts = self.engine.counts();
        assert_eq!((counts.media.kept, counts.lost_packets()), (counts.media.packets, 0));
        assert_eq!(counts.media.packets + counts.messages, counts.frames);
        assert_eq!(self.segment_bytes, counts.media.kept * (PACKET_HEADER + PAYLOAD) as u64);
        assert_eq!(self.engine.ring_bytes(), 0);
    }
}
