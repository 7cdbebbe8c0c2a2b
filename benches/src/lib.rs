//! Shared inputs of the benches: frames, segments and a vault to put them into.
//!
//! Nothing here is timed, and nothing here is product code. Inputs are made by the crate that makes calls up, so that the truth
//! about them is known and a bench can assert its result before it reports a figure.
#![forbid(unsafe_code)]

pub mod calls;
pub mod counted;
pub mod cpu_time;
pub mod floor;
pub mod invite;
pub mod office;
pub mod running;
pub mod scenario;
pub mod sealed;
pub mod talk;
pub mod tape;
pub mod treadmill;
pub mod walk;

use earwitness_load::Frame;
use earwitness_model::{LinkType, RawFrame};

/// `frame` as a capture would lend it.
#[must_use]
pub fn raw(frame: &Frame, number: u64) -> RawFrame<'_> {
    let wire_len = u32::try_from(frame.bytes.len()).expect("the generator's frames are below 64 KiB");
    RawFrame { time: frame.time, number, link: LinkType::Ethernet, wire_len, bytes: &frame.bytes }
}
