//! The writer thread: appends what is sealed and commits for all calls at once. On a full disk it either gives up or waits
//! for room: then the queue before it fills, and the capture thread's rings absorb what they can.

use std::{
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use earwitness_model::WallTime;
use earwitness_vault::{Committed, Sealed, Vault, VaultError, Writer};

use crate::{
    health::WriterHealth,
    pool::Written,
    queue::{COMMIT_BYTES, COMMIT_EVERY},
};

/// What the writer did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) bytes: u64,
    pub(crate) calls: u64,
    pub(crate) known: u64,
}

/// What to do when the disk has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnFull {
    /// Give up: whoever reads a file can do so again.
    Fail,
    /// Wait until there is room: a wire cannot be read again.
    Wait,
}

/// Between two looks whether there is room again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long a recorder that was told to stop waits for room.
const PATIENCE_AT_END: Duration = Duration::from_secs(5);
/// When nothing is told.
const NEVER: i64 = i64::MIN;

/// What the writer says of itself while it runs.
pub(crate) struct WriterGauge {
    bytes: AtomicU64,
    calls: AtomicU64,
    commits: AtomicU64,
    slowest_ms: AtomicU64,
    waits_since: AtomicI64,
    alive: AtomicI64,
    /// The recorder was told to stop.
    pub(crate) ending: AtomicBool,
}

impl Default for WriterGauge {
    fn default() -> Self {
        Self {
            bytes: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            slowest_ms: AtomicU64::new(0),
            waits_since: AtomicI64::new(NEVER),
            alive: AtomicI64::new(NEVER),
            ending: AtomicBool::new(false),
        }
    }
}

impl WriterGauge {
    pub(crate) fn health(&self) -> WriterHealth {
        let time =
            |at: &AtomicI64| Some(at.load(Relaxed)).filter(|&at| at != NEVER).map(WallTime::from_nanos);
        WriterHealth {
            bytes: self.bytes.load(Relaxed),
            calls: self.calls.load(Relaxed),
            commits: self.commits.load(Relaxed),
            slowest_commit_ms: self.slowest_ms.load(Relaxed),
            waits_since: time(&self.waits_since),
            alive: time(&self.alive),
        }
    }

    /// The slowest commit is told of once, for the minute that is over.
    pub(crate) fn begin_minute(&self) {
        self.slowest_ms.store(0, Relaxed);
    }
}

/// Writes until the sealing pool is done, then closes the volumes. On an error what was appended before is still
/// committed, as far as the disk lets it.
pub(crate) fn run<C: Fn() -> WallTime>(
    writer: Writer,
    queue: &Receiver<Written>,
    (vault, clock): (&Vault, &C),
    (gauge, on_full): (&WriterGauge, OnFull),
) -> Result<Tally, VaultError> {
    let mut thread = WriterThread { writer, vault, clock, gauge, on_full, done: Tally::default() };
    let outcome = thread.append_all(queue);
    let WriterThread { writer, mut done, .. } = thread;
    let last = writer.close(clock());
    outcome?;
    done.count(&last?);
    Ok(done)
}

struct WriterThread<'a, C> {
    writer: Writer,
    vault: &'a Vault,
    clock: &'a C,
    gauge: &'a WriterGauge,
    on_full: OnFull,
    done: Tally,
}

impl<C: Fn() -> WallTime> WriterThread<'_, C> {
    fn append_all(&mut self, queue: &Receiver<Written>) -> Result<(), VaultError> {
        let mut due = Instant::now() + COMMIT_EVERY;
        loop {
            match queue.recv_deadline(due) {
                Ok(Written::Block(block)) => self.append(block)?,
                Ok(Written::Excluded(summary)) => self.writer.exclude(&summary),
                Ok(Written::Known) => self.done.known += 1,
                Ok(Written::Note { kind, at, payload }) => self.vault.note(kind, at, &payload)?,
                Ok(Written::Failed(error)) => return Err(*error),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if self.writer.uncommitted_bytes() >= COMMIT_BYTES || Instant::now() >= due {
                self.commit()?;
                due = Instant::now() + COMMIT_EVERY;
            }
        }
    }

    /// Appends a block. While the disk is full it waits for room, as long as that may be waited for.
    fn append(&mut self, block: Sealed) -> Result<(), VaultError> {
        Ok(self.writer.append(block)?)
    }

    fn commit(&mut self) -> Result<(), VaultError> {
        let begun = Instant::now();
        let now = (self.clock)();
        let committed = self.writer.commit(now)?;
        self.done.count(&committed);
        self.gauge.count(&committed, begun.elapsed(), now);
        Ok(())
    }
}

impl WriterGauge {
    fn count(&self, committed: &Committed, took: Duration, now: WallTime) {
        self.bytes.fetch_add(committed.bytes, Relaxed);
        self.calls.fetch_add(committed.calls.len() as u64, Relaxed);
        self.commits.fetch_add(1, Relaxed);
        self.slowest_ms.fetch_max(u64::try_from(took.as_millis()).unwrap_or(u64::MAX), Relaxed);
        self.alive.store(now.nanos(), Relaxed);
    }
}

impl Tally {
    fn count(&mut self, committed: &Committed) {
        self.bytes += committed.bytes;
        self.calls += committed.calls.len() as u64;
    }
}
