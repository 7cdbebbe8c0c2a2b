//! The queues between the threads, and how much each may hold.

use std::time::Duration;

/// Work that waits for a sealing thread: about a second of 500 calls.
pub const WORK: usize = 1024;
/// Sealed blocks that wait for the writer.
pub const WRITTEN: usize = 1024;
/// Between two commits: what a power cut may cost of a running call.
pub const COMMIT_EVERY: Duration = Duration::from_millis(500);
/// A commit comes earlier when this many bytes wait for it.
pub const COMMIT_BYTES: u64 = 64 << 20;
/// Threads that seal. One core stays with the engine.
#[must_use]
pub fn sealing_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).clamp(1, 8))
}
