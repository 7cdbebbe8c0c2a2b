//! Ring buffers: one pool with one budget for the process.

use earwitness_model::PACKET_HEADER;

/// Bytes of a ring buffer: 0.46 s of both directions of a G.711 call at 20 ms. Sealed it is just more than eight chunks of BLAKE3,
/// which are hashed side by side, and as little as can be of a ninth, which is hashed alone.
pub const RING_BYTES: usize = 46 * (PACKET_HEADER + 160);

/// Room behind a full ring for the tag that sealing puts there: a segment is sealed where it lies.
const SEAL_ROOM: usize = 16;

/// Buffers of [`RING_BYTES`] that are made once and go round. What was in one is gone before another call writes there: it was
/// sealed where it lay, or is wiped.
#[derive(Debug)]
pub(crate) struct Pool {
    free: Vec<Vec<u8>>,
    made: usize,
    most: usize,
}

impl Pool {
    /// At most `budget` bytes of buffers.
    pub(crate) const fn new(budget: usize) -> Self {
        Self { free: Vec::new(), made: 0, most: budget / RING_BYTES }
    }

    /// A buffer of [`RING_BYTES`] zeros or sealed bytes, or `None` when the budget is used up.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        self.free.pop().or_else(|| {
            (self.made < self.most).then(|| {
                self.made += 1;
                let mut buffer = Vec::with_capacity(RING_BYTES + SEAL_ROOM);
                buffer.resize(RING_BYTES, 0);
                buffer
            })
        })
    }

    /// As [`Self::take`], empty, with room for so many bytes.
    pub(crate) fn take_empty(&mut self) -> Option<Vec<u8>> {
        let mut buffer = self.take()?;
        buffer.clear();
        Some(buffer)
    }

    /// Wipes `buffer` and keeps it for the next call.
    pub(crate) fn give_back(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        buffer.resize(RING_BYTES, 0);
        self.free.push(buffer);
    }

    /// Keeps a buffer whose bytes were sealed: there is nothing to wipe.
    pub(crate) fn give_back_sealed(&mut self, mut buffer: Vec<u8>) {
        buffer.resize(RING_BYTES, 0);
        self.free.push(buffer);
    }

    /// Bytes of buffers in use: filling, or on their way to the vault.
    pub(crate) const fn bytes_out(&self) -> usize {
        (self.made - self.free.len()) * RING_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_kept_and_buffers_go_round() {
        let mut pool = Pool::new(2 * RING_BYTES + 1);
        let (first, second) = (pool.take().unwrap(), pool.take().unwrap());
        assert_eq!((pool.take(), pool.bytes_out()), (None, 2 * RING_BYTES));
        let place = first.as_ptr();
        pool.give_back(first);
        assert_eq!(pool.take().map(|again| again.as_ptr()), Some(place));
        drop(second);
    }

    #[test]
    fn a_buffer_is_wiped_before_it_is_used_again() {
        let mut pool = Pool::new(RING_BYTES);
        let mut buffer = pool.take().unwrap();
        buffer[..7].copy_from_slice(b"a voice");
        buffer.truncate(7);
        pool.give_back(buffer);
        assert_eq!(pool.take(), Some(vec![0; RING_BYTES]));
    }

    #[test]
    fn a_full_ring_is_sealed_where_it_lies() {
        let mut pool = Pool::new(RING_BYTES);
        let mut buffer = pool.take().unwrap();
        let place = buffer.as_ptr();
        buffer.extend_from_slice(&[2; 16]);
        assert_eq!(buffer.as_ptr(), place);
        pool.give_back_sealed(buffer);
        assert_eq!(pool.take().map(|again| (again.as_ptr(), again.len())), Some((place, RING_BYTES)));
    }
}
