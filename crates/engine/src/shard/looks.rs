//! Endpoints of a shard where something waits for what is to be said of it, to be looked at again.

use std::{collections::HashSet, net::SocketAddr};

use earwitness_model::PacketTime;

use crate::timer::Deadlines;

/// Endpoints where something waits, each once, by the time when it has waited long enough.
#[derive(Debug, Default)]
pub(super) struct Looks {
    due: Deadlines<SocketAddr>,
    known: HashSet<SocketAddr>,
}

/// Endpoints that are looked at again; what waits at more of them waits for its order alone.
const MOST_LOOKS: usize = 1 << 16;

impl Looks {
    pub(super) fn add(&mut self, at: PacketTime, endpoint: SocketAddr) {
        if self.known.len() < MOST_LOOKS && self.known.insert(endpoint) {
            self.due.add(at, endpoint);
        }
    }

    #[inline]
    pub(super) fn next(&self) -> PacketTime {
        self.due.next()
    }

    pub(super) fn take_due(&mut self, now: PacketTime) -> Option<SocketAddr> {
        let (_, endpoint) = self.due.take_due(now)?;
        self.known.remove(&endpoint);
        Some(endpoint)
    }
}
