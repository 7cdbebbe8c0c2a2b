//! What cannot be seen in frames, and is looked at by whoever calls.

/// The machine around the capture. Each part is `None` where nobody could look: a file has no ring.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Whether the clock that stamps the frames follows another one.
    pub clock: ClockState,
    /// What the kernel counted while it captured.
    pub ring: Option<RingLosses>,
    /// What became of a trial of the vault's disk.
    pub disk: Option<DiskTrial>,
    /// The interfaces that are down, or gone, at the end.
    pub down: Vec<String>,
    /// How long the interfaces were listened to, in seconds; a file is as long as its frames.
    pub listened: Option<f64>,
}

/// Whether the machine's clock is disciplined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClockState {
    /// Nobody looked, or nobody could tell.
    #[default]
    Unknown,
    /// It follows a server.
    Synchronised,
    /// It runs freely.
    Unsynchronised,
}

/// The kernel's counters over the capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingLosses {
    /// Frames that came to the ring.
    pub received: u64,
    /// Frames that the ring had no room for.
    pub dropped: u64,
    /// Frames that the network card or its driver lost before the ring.
    pub dropped_by_interface: u64,
    /// The size of the ring in bytes.
    pub ring_bytes: u64,
}

/// What became of a trial of the vault's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskTrial {
    /// It took all of it.
    Took(DiskSpeed),
    /// It had no room for so many bytes.
    NoRoom {
        /// What was to be written.
        bytes: u64,
    },
    /// It is read-only, or failed.
    Failed,
}

/// A trial: so many bytes written and synced in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpeed {
    /// Bytes written.
    pub bytes: u64,
    /// Until they were on the medium, in nanoseconds.
    pub nanos: u64,
}

impl DiskSpeed {
    /// Bytes in a second.
    #[must_use]
    pub fn bytes_per_second(self) -> u64 {
        let per_second = u128::from(self.bytes) * 1_000_000_000 / u128::from(self.nanos.max(1));
        u64::try_from(per_second).unwrap_or(u64::MAX)
    }
}
