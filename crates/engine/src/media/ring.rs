//! What a call's ring holds.

use earwitness_model::{MediaPacket, PACKET_HEADER, PacketTime, pack_media_into};

use super::ahead::LINE;

/// A buffer of the pool, all of it there to be written: packets lie in it from the beginning on.
#[derive(Debug)]
pub(super) struct Ring {
    base: PacketTime,
    used: usize,
    buffer: Vec<u8>,
}

impl Ring {
    /// Arrivals count from `base`.
    pub(super) const fn new(base: PacketTime, buffer: Vec<u8>) -> Self {
        Self { base, used: 0, buffer }
    }

    /// Whether it takes a payload of `length`.
    #[inline]
    pub(super) const fn has_room(&self, length: usize) -> bool {
        self.used + PACKET_HEADER + length <= self.buffer.len()
    }

    /// Puts the packet behind the others; `false` when there is no room.
    #[inline]
    pub(super) fn append(&mut self, packet: &MediaPacket<'_>) -> bool {
        let room = self.buffer.get_mut(self.used..).unwrap_or_default();
        let taken = pack_media_into(room, self.base, packet);
        self.used += taken.unwrap_or(0);
        taken.is_some()
    }

    /// Where the next packet goes, as many bytes as most packets have.
    #[inline]
    pub(super) fn end(&self) -> &[u8] {
        let room = self.buffer.get(self.used..).unwrap_or_default();
        room.get(..3 * LINE).unwrap_or(room)
    }

    /// The time from which arrivals count, and the packets.
    pub(super) fn close(mut self) -> (PacketTime, Vec<u8>) {
        self.buffer.truncate(self.used);
        (self.base, self.buffer)
    }
}
