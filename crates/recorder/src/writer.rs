//! The writer thread: appends what is sealed and commits for all calls at once. On a full disk it either gives up or waits
//! for room: then the queue before it fills, and the capture thread's rings absorb what they can.

use std::{
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use earwitness_model::WallTime;
use earwitness_vault::{Committed, LedgerNote, NotClosed, NotTaken, Sealed, Vault, VaultError, Writer};

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
    let done = Tally::default();
    let mut thread =
        WriterThread { writer, vault, clock, gauge, on_full, done, uncommitted: false, told_to_stop: None };
    let outcome = thread.append_all(queue);
    let closed = thread.close();
    outcome?;
    closed
}

struct WriterThread<'a, C> {
    writer: Writer,
    vault: &'a Vault,
    clock: &'a C,
    gauge: &'a WriterGauge,
    on_full: OnFull,
    done: Tally,
    /// The last commit failed: until one succeeds nothing more is appended.
    uncommitted: bool,
    /// When the thread first saw, while it waited for room, that the recorder was told to stop.
    told_to_stop: Option<Instant>,
}

impl<C: Fn() -> WallTime> WriterThread<'_, C> {
    fn append_all(&mut self, queue: &Receiver<Written>) -> Result<(), VaultError> {
        let mut due = Instant::now() + COMMIT_EVERY;
        loop {
            match queue.recv_deadline(due) {
                Ok(Written::Block(block)) => self.append(block)?,
                Ok(Written::Excluded(summary)) => self.writer.exclude(&summary),
                Ok(Written::Known) => self.done.known += 1,
                Ok(Written::Note { at, note }) => self.note(at, &note)?,
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

    /// Appends a block. While the disk does not take it, nothing else is taken from the queue.
    fn append(&mut self, block: Sealed) -> Result<(), VaultError> {
        let mut block = block;
        loop {
            block = match self.writer.append(block) {
                Ok(()) => break,
                Err(NotTaken::ForNow { block, why }) => {
                    self.wait(why)?;
                    self.commit()?;
                    *block
                }
                // Its call is listed as failed at its end, and the others go on.
                Err(NotTaken::Never(why)) if self.on_full == OnFull::Wait && !why.must_reopen() => break,
                Err(NotTaken::Never(why)) => return Err(why),
            };
        }
        if !self.uncommitted {
            self.gauge.waits_since.store(NEVER, Relaxed);
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), VaultError> {
        let (begun, now) = (Instant::now(), (self.clock)());
        self.gauge.alive.store(now.nanos(), Relaxed);
        match self.writer.commit(now) {
            Ok(committed) => {
                self.done.count(&committed);
                self.gauge.count(&committed, begun.elapsed());
                self.uncommitted = false;
                Ok(())
            }
            Err(why) if self.may_pass(&why) => {
                self.uncommitted = true;
                self.tell_of_waiting(now);
                Ok(())
            }
            Err(why) => Err(why),
        }
    }

    /// The row waits in memory when the disk is full, and goes with the next commit's.
    fn note(&self, at: WallTime, note: &LedgerNote) -> Result<(), VaultError> {
        match self.vault.tell(at, note) {
            Err(why) if self.may_pass(&why) => Ok(()),
            noted => noted,
        }
    }

    fn close(self) -> Result<Tally, VaultError> {
        let Self { mut writer, clock, on_full, mut done, .. } = self;
        let until = Instant::now() + PATIENCE_AT_END;
        loop {
            match writer.close(clock()) {
                Ok(committed) => {
                    done.count(&committed);
                    return Ok(done);
                }
                Err(NotClosed { writer: again, why })
                    if on_full == OnFull::Wait && !why.must_reopen() && Instant::now() < until =>
                {
                    thread::sleep(LOOK_AGAIN);
                    writer = *again;
                }
                Err(NotClosed { why, .. }) => return Err(why),
            }
        }
    }

    /// Waits a little for room, or gives up: at once for a file, after some patience when the recorder is to stop.
    fn wait(&mut self, why: VaultError) -> Result<(), VaultError> {
        if !self.may_pass(&why) {
            return Err(why);
        }
        if self.gauge.ending.load(Relaxed)
            && self.told_to_stop.get_or_insert_with(Instant::now).elapsed() >= PATIENCE_AT_END
        {
            return Err(why);
        }
        self.tell_of_waiting((self.clock)());
        thread::sleep(LOOK_AGAIN);
        Ok(())
    }

    fn may_pass(&self, why: &VaultError) -> bool {
        self.on_full == OnFull::Wait && !why.must_reopen()
    }

    fn tell_of_waiting(&self, now: WallTime) {
        let since = &self.gauge.waits_since;
        // Who waits already knows since when.
        since.compare_exchange(NEVER, now.nanos(), Relaxed, Relaxed).unwrap_or_default();
    }
}

impl WriterGauge {
    fn count(&self, committed: &Committed, took: Duration) {
        self.bytes.fetch_add(committed.bytes, Relaxed);
        self.calls.fetch_add(committed.calls.len() as u64, Relaxed);
        self.commits.fetch_add(1, Relaxed);
        self.slowest_ms.fetch_max(u64::try_from(took.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }
}

impl Tally {
    fn count(&mut self, committed: &Committed) {
        self.bytes += committed.bytes;
        self.calls += committed.calls.len() as u64;
    }
}
