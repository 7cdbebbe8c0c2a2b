//! What the packets of a batch lead to is fetched before the first of them is handled.
//!
//! With thousands of calls no cache holds what is known of them, and a packet waits for memory three times, one after the
//! other: for its place in the table of flows, for its track, for the end of its call's ring. A glance at the next packets tells
//! what they will need. Read for all of a batch, one step after the other, it comes from memory side by side, and lies in the
//! cache when the packet's turn comes. Nothing is decided here: what a packet comes to is decided in its turn, and a glance that
//! was wrong, or none, costs nothing but time.

use std::hint::black_box;

use earwitness_model::RawFrame;

use super::Media;

/// Frames that are looked at in advance: what they lead to, some ten lines of cache each, fits in the first level.
pub(crate) const AHEAD: usize = 32;
/// What is known of fewer tracks lies in the cache anyway.
const FEW: usize = 256;
/// Bytes that come from memory together.
pub(super) const LINE: usize = 64;

impl Media {
    /// Whether so much is known that it is fetched in advance.
    #[inline]
    pub(crate) const fn looks_ahead(&self) -> bool {
        self.tracks.len() >= FEW
    }

    /// Reads what up to [`AHEAD`] frames lead to.
    pub(crate) fn look_ahead(&self, frames: &[RawFrame<'_>]) {
        let (mut slots, mut calls, mut ends) = ([None; AHEAD], [None; AHEAD], [None; AHEAD]);
        for (slot, frame) in slots.iter_mut().zip(frames) {
            *slot = earwitness_wire::glance(frame).and_then(|glance| self.flows.at_a_glance(glance));
        }
        for (call, slot) in calls.iter_mut().zip(slots) {
            *call = slot.and_then(|slot| self.tracks.get(slot as usize)?.as_ref()).map(|track| {
                black_box(track.touch());
                track.call
            });
        }
        for (end, call) in ends.iter_mut().zip(calls) {
            *end = call.and_then(|call| self.call(call)?.ring_end());
        }
        for end in ends.into_iter().flatten() {
            black_box(end.iter().step_by(LINE).fold(0, |sum, octet| sum ^ octet));
        }
    }
}
