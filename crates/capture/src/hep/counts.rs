//! What a HEP port counts.

/// What came to a HEP port and what was refused since it was opened; all but two only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HepCounts {
    /// Packets that were handed over.
    pub packets: u64,
    /// Datagrams that are no HEP version 3, and connections that were closed because what came was none: after it nobody
    /// knows where the next packet begins.
    pub not_hep: u64,
    /// Packets that do not carry the key.
    pub wrong_key: u64,
    /// Connections for which there was no place, or that gave way to others.
    pub refused: u64,
    /// Connections that were closed because they took too long to say their first packet, or to end one.
    pub too_slow: u64,
    /// Connections that are open now.
    pub connections: usize,
    /// The clock of the agent that was heard last, less this machine's, in ns: negative by the network's delay where both are
    /// right. `None` before the first packet with a time.
    pub clock_difference_ns: Option<i64>,
}
