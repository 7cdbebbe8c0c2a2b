//! Signs of life: a thread writes down the time as it comes round, not oftener than it looks at the clock anyway, and one
//! whose time stands still is stuck.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use earwitness_model::WallTime;

/// Before the first sign.
const NEVER: i64 = i64::MIN;

/// One thread's signs.
#[derive(Debug)]
pub(crate) struct Pulse(AtomicI64);

impl Default for Pulse {
    fn default() -> Self {
        Self(AtomicI64::new(NEVER))
    }
}

impl Pulse {
    /// The thread comes round at `now`.
    pub(crate) fn beat(&self, now: WallTime) {
        self.0.store(now.nanos(), Relaxed);
    }

    /// When it last did.
    pub(crate) fn last(&self) -> Option<WallTime> {
        Some(self.0.load(Relaxed)).filter(|&at| at != NEVER).map(WallTime::from_nanos)
    }
}
