//! The writer thread: appends what is sealed and commits for all calls at once.

use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use earwitness_model::WallTime;
use earwitness_vault::{VaultError, Writer};

use crate::{
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

/// Writes until the sealing pool is done, then closes the volumes. On an error what was appended before is still
/// committed, as far as the disk lets it.
pub(crate) fn run<C: Fn() -> WallTime>(
    mut writer: Writer,
    queue: &Receiver<Written>,
    clock: &C,
) -> Result<Tally, VaultError> {
    let mut done = Tally::default();
    let outcome = append_all(&mut writer, queue, clock, &mut done);
    let last = writer.close(clock());
    outcome?;
    done.count(&last?);
    Ok(done)
}

fn append_all<C: Fn() -> WallTime>(
    writer: &mut Writer,
    queue: &Receiver<Written>,
    clock: &C,
    done: &mut Tally,
) -> Result<(), VaultError> {
    let mut due = Instant::now() + COMMIT_EVERY;
    loop {
        match queue.recv_deadline(due) {
            Ok(Written::Block(block)) => writer.append(block)?,
            Ok(Written::Excluded(summary)) => writer.exclude(&summary),
            Ok(Written::Known) => done.known += 1,
            Ok(Written::Failed(error)) => return Err(*error),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        if writer.uncommitted_bytes() >= COMMIT_BYTES || Instant::now() >= due {
            done.count(&writer.commit(clock())?);
            due = Instant::now() + COMMIT_EVERY;
        }
    }
}

impl Tally {
    fn count(&mut self, committed: &earwitness_vault::Committed) {
        self.bytes += committed.bytes;
        self.calls += committed.calls.len() as u64;
    }
}
