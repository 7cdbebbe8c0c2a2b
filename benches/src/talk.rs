//! Frames of audio, and what is read of them.

use std::hint::black_box;

use earwitness_load::{Frame, Load};
use earwitness_model::RawFrame;
use earwitness_wire::{Carried, rtp};

use crate::treadmill::PAYLOAD;

/// Frames that [`audio`] makes.
pub const FRAMES: u64 = 1000;

/// Bytes of a frame of audio without a tag: Ethernet, IPv4, UDP, RTP, payload.
const FRAME: usize = 14 + 20 + 8 + 12 + PAYLOAD;

/// Audio frames of 10 calls.
#[must_use]
pub fn audio(vlan: Option<u16>) -> Vec<Frame> {
    let load = Load { calls: 10, seconds: 2.0, start_spread_s: 0.0, vlan, ..Load::default() };
    let is_audio = |frame: &Frame| frame.bytes.len() == FRAME + vlan.map_or(0, |_| 4);
    load.frames().filter(is_audio).take(FRAMES as usize).collect()
}

/// Bytes in the datagram of a frame.
#[must_use]
pub fn datagram_bytes(frame: &RawFrame<'_>) -> usize {
    match earwitness_wire::decode(frame) {
        Ok(Carried::Udp(datagram)) => black_box(datagram).payload.len(),
        Ok(_) | Err(_) => 0,
    }
}

/// Bytes of payload in the packet of a frame.
#[must_use]
pub fn payload_bytes(frame: &RawFrame<'_>) -> usize {
    match earwitness_wire::decode(frame) {
        Ok(Carried::Udp(datagram)) => {
            rtp::Packet::parse(datagram.payload).map_or(0, |packet| black_box(packet).payload().len())
        }
        Ok(_) | Err(_) => 0,
    }
}
