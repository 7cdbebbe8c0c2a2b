//! How much memory the engine may use.

/// Keys and gaps listed of one call; more are a noise source.
pub(crate) const MAX_LISTED: usize = 512;

/// Bounds of the engine's tables. What does not fit is counted in [`Counts`](crate::Counts), never silently left out.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Calls at once, with those that ended a few seconds ago.
    pub calls: usize,
    /// Tracks (source, destination, SSRC) of one call.
    pub tracks_per_call: usize,
    /// Media endpoints that one call may announce.
    pub endpoints_per_call: usize,
    /// Bytes of ring buffers, filling or on their way to the vault.
    pub ring_bytes: usize,
    /// Bytes of RTP that waits for its SDP.
    pub unclaimed_bytes: usize,
    /// Calls without signalling at once.
    pub streams: usize,
    /// Bytes of SIP kept of one call.
    pub signalling_bytes_per_call: usize,
    /// Outputs that may wait to be fetched before the engine does as under
    /// [`Pressure::NoNewCalls`](crate::Pressure::NoNewCalls) by itself.
    pub outputs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 100_000,
            tracks_per_call: 64,
            endpoints_per_call: 32,
            ring_bytes: 1 << 30,
            unclaimed_bytes: 16 << 20,
            streams: 1_000,
            signalling_bytes_per_call: 1 << 20,
            outputs: 100_000,
        }
    }
}
