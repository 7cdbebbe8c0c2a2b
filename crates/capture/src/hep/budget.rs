//! How much one batch may still take.

/// What is left of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    packets: u64,
    bytes: usize,
}

impl Budget {
    /// Half of what a batch may have, for either carrier: 128 packets, and 512 KiB less the longest packet.
    pub(super) const HALF: Self = Self { packets: 128, bytes: (1 << 19) - (1 << 16) };

    /// A packet of `bytes` was taken.
    pub(super) const fn spend(&mut self, bytes: usize) {
        self.packets = self.packets.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Whether no more may be taken.
    pub(super) const fn is_spent(&self) -> bool {
        self.packets == 0 || self.bytes == 0
    }
}
