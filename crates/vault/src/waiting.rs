//! Calls that wait to be taken up: they ran when a recorder went, and no other has gone on with them yet.
//!
//! Whoever opens a vault that was left in disorder recovers it, and most who open it do not record. What recovery learned of
//! a running call is therefore kept in a file of its own, sealed like everything else that names people, until it is needless:
//!
//! 1. recovery writes the file before it ends a first part: after a crash in between the part has no end, and its call is
//!    found again;
//! 2. a commit takes a call out after it made durable what takes its place: the second part's own word of the running call,
//!    or the second part's end;
//! 3. recovery takes a call out whose second part has told of it: a crash between the two halves of 2;
//! 4. a recorder takes those out that it does not go on with.
//!
//! A file that cannot be opened is as if it was not there. Its calls are listed as interrupted all the same.

use std::sync::{MutexGuard, PoisonError};

use earwitness_model::{PacketTime, RecordingId, RunningCall};

use crate::{
    disk::{if_there, read_all, replace},
    error::{VaultError, failed},
    running,
    vault::{Parts, Vault},
};

/// What the file is sealed to: nothing else under the metadata key opens as one.
const SEALED_TO: &[u8] = b"earwitness waiting 1";
/// More than a recorder follows at once; of more, those found last are not kept.
const MOST: usize = 1 << 16;

/// A call that was being recorded when the recorder went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasRunning {
    /// Its recording, now finished as an interrupted one: the second part is a recording that continues it.
    pub recording: RecordingId,
    /// The call when it last changed.
    pub call: RunningCall,
    /// Capture time of the last block that was kept of it: how long ago the call was certainly up.
    pub last: PacketTime,
}

/// A row of the file: the call as it lies in a block.
type Row = (RecordingId, PacketTime, Vec<u8>);

impl Vault {
    /// The calls that ran when a recorder went and that none has gone on with: what the engine needs to take them up again.
    /// They are told to whoever asks, however often the vault was opened meanwhile.
    #[must_use]
    pub fn waiting(&self) -> Vec<WasRunning> {
        self.parts.waiting().clone()
    }

    /// Nobody goes on with these calls any more.
    ///
    /// # Errors
    /// What the disk says. They are then told again when the vault is next opened.
    pub fn stop_waiting(&self, recordings: &[RecordingId]) -> Result<(), VaultError> {
        self.parts.take_out(recordings)
    }
}

impl Parts {
    /// A panic under this lock can only be a defect of ours; a list of calls is whole at any moment.
    fn waiting(&self) -> MutexGuard<'_, Vec<WasRunning>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the file of the last opening.
    pub(crate) fn read_waiting(&self) -> Result<(), VaultError> {
        let path = self.layout.waiting();
        let read = if_there(read_all(&*self.disk, &path)).map_err(failed("read", &path))?;
        let Some(sealed) = read else { return Ok(()) };
        let opened = self.keys.metadata.open(SEALED_TO, &sealed).ok();
        let rows: Vec<Row> = opened.and_then(|rows| postcard::from_bytes(&rows).ok()).unwrap_or_default();
        *self.waiting() = rows
            .into_iter()
            .filter_map(|(recording, last, call)| {
                Some(WasRunning { recording, call: running::from_bytes(&call)?, last })
            })
            .collect();
        Ok(())
    }

    /// Keeps what recovery found, on the disk before it returns, and takes out what has a second part. On a full disk what is
    /// found waits in memory: for this process it is there.
    pub(crate) fn keep_waiting(
        &self,
        found: Vec<WasRunning>,
        gone_on: &[RecordingId],
    ) -> Result<(), VaultError> {
        let mut waiting = self.waiting();
        let before = waiting.clone();
        let is_found = |call: &WasRunning| found.iter().any(|found| found.recording == call.recording);
        waiting.retain(|call| !gone_on.contains(&call.recording) && !is_found(call));
        waiting.extend(found);
        waiting.truncate(MOST);
        if *waiting == before {
            return Ok(());
        }
        match self.write_waiting(&waiting) {
            Err(error) if error.is_full() => Ok(()),
            written => written,
        }
    }

    /// These calls have a second part, or never will.
    pub(crate) fn take_out(&self, recordings: &[RecordingId]) -> Result<(), VaultError> {
        let mut waiting = self.waiting();
        let is_out = |call: &WasRunning| recordings.contains(&call.recording);
        if !waiting.iter().any(is_out) {
            return Ok(());
        }
        let rest: Vec<_> = waiting.iter().filter(|call| !is_out(call)).cloned().collect();
        self.write_waiting(&rest)?;
        *waiting = rest;
        Ok(())
    }

    fn write_waiting(&self, waiting: &[WasRunning]) -> Result<(), VaultError> {
        let path = self.layout.waiting();
        if waiting.is_empty() {
            let removed = if_there(self.disk.remove(&path)).map_err(failed("remove", path))?;
            let synced = removed.map_or(Ok(()), |()| self.disk.sync_dir(&self.layout.dir));
            return synced.map_err(failed("sync", &self.layout.dir));
        }
        let rows: Vec<Row> = waiting
            .iter()
            .map(|waits| (waits.recording, waits.last, running::to_bytes(&waits.call)))
            .collect();
        let rows = postcard::to_stdvec(&rows).expect("a row has no map and no sequence of unknown length");
        replace(&*self.disk, &path, &self.keys.metadata.seal(SEALED_TO, &rows))
            .map_err(failed("write", &path))
    }
}
