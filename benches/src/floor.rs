//! The floor: the least that any recorder does with a packet. It reads the addresses at fixed places, looks the stream up,
//! and appends the payload to the stream's buffer. It checks nothing, counts nothing, and is wrong on any other traffic.

use std::hint::black_box;

use earwitness_model::RawFrame;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// Payload bytes that a stream's buffer holds before it is emptied: half a second.
const BUFFER: usize = 4000;

/// Streams and their buffers.
pub struct Floor {
    streams: HashMap<u128, usize, RandomState>,
    buffers: Vec<Vec<u8>>,
    bytes: u64,
    /// A buffer with so many bytes is emptied.
    full: usize,
}

impl Default for Floor {
    fn default() -> Self {
        Self { streams: HashMap::default(), buffers: Vec::new(), bytes: 0, full: BUFFER }
    }
}

impl Floor {
    /// One whose buffers are never emptied.
    #[must_use]
    pub fn that_keeps() -> Self {
        Self { full: usize::MAX, ..Self::default() }
    }

    /// Appends the payload of a frame of Ethernet, IPv4 without options, UDP and RTP without extras.
    #[inline]
    pub fn handle_frame(&mut self, frame: &RawFrame<'_>) {
        let Some((head, payload)) = frame.bytes.split_first_chunk::<54>() else { return };
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let key = u128::from(word(26)) << 96
            | u128::from(word(30)) << 64
            | u128::from(word(34)) << 32
            | u128::from(word(50));
        let buffers = &mut self.buffers;
        let place = *self.streams.entry(key).or_insert_with(|| {
            buffers.push(Vec::with_capacity(BUFFER + payload.len()));
            buffers.len() - 1
        });
        let buffer = &mut self.buffers[place];
        buffer.extend_from_slice(payload);
        if buffer.len() >= self.full {
            self.bytes += buffer.len() as u64;
            // What was copied has to be there, though nobody reads it.
            black_box(&*buffer);
            buffer.clear();
        }
    }

    /// Streams found.
    #[must_use]
    pub const fn streams(&self) -> usize {
        self.buffers.len()
    }

    /// Payload bytes taken so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes + self.buffers.iter().map(|buffer| buffer.len() as u64).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::treadmill::Treadmill;

    #[test]
    fn the_floor_takes_every_payload_byte_of_every_stream() {
        for mut floor in [Floor::default(), Floor::that_keeps()] {
            let mut treadmill = Treadmill::new(4);
            for _ in 0..3 {
                treadmill.frames().for_each(|frame| floor.handle_frame(&frame));
                treadmill.turn();
            }
            assert_eq!((floor.streams(), floor.bytes()), (8, 3 * treadmill.payload_bytes()));
        }
    }
}
