//! Anchors of heads: what others say of them, kept beside them and told in the ledger.

use earwitness_model::{CallId, WallTime};

use crate::{
    disk::{read_all, replace},
    entry::Entry,
    error::{VaultError, failed},
    ledger::{
        Anchored, AnchoredBy, Checkpoint, FailedBecause, LedgerError, LedgerKind, LedgerNote, Row, RowProof,
        StoredHead, read_failed_row,
    },
    stamp::Stamp,
    vault::Vault,
};

/// The call of a row that says that there is no recording of it.
fn without_recording(row: &Row) -> Option<CallId> {
    if row.kind == LedgerKind::Excluded {
        return Entry::from_bytes(&row.payload).ok().map(|entry| entry.summary.id);
    }
    failed_call(row).map(|(call, _)| call)
}

/// The call of a row that says `Failed`, and why; `None` for other rows.
#[must_use]
pub fn failed_call(row: &Row) -> Option<(CallId, FailedBecause)> {
    if row.kind != LedgerKind::Failed {
        return None;
    }
    read_failed_row(&row.payload).map(|(because, entry)| (entry.summary.id, because))
}

impl Vault {
    /// Keeps the answer of a time-stamping authority beside the head that it is about, and tells the ledger. Kept once, it is
    /// never replaced by another one.
    ///
    /// # Errors
    /// [`VaultError::Stamp`] when it is no stamp of this head; [`VaultError::AlreadyThere`]; what disk and ledger say.
    pub fn keep_stamp(&self, head: &StoredHead, answer: &[u8], now: WallTime) -> Result<Stamp, VaultError> {
        let stamp = Stamp::read(answer, head.note.as_bytes()).map_err(VaultError::Stamp)?;
        let path = head.token_path();
        match read_all(&*self.parts.disk, &path) {
            Ok(there) if Stamp::read(&there, head.note.as_bytes()).is_ok() => {
                return Err(VaultError::AlreadyThere { path });
            }
            // What stands there is none, and is replaced.
            Ok(_) | Err(_) => {}
        }
        replace(&*self.parts.disk, &path, answer).map_err(failed("write", &path))?;
        let by = AnchoredBy::Authority { at_seconds: stamp.at_seconds, serial: stamp.serial.clone() };
        self.tell_anchored(head, by, now)?;
        Ok(stamp)
    }

    /// Tells the ledger that a head is in somebody else's hands.
    ///
    /// # Errors
    /// [`LedgerError::Head`] when it is none; those of [`Self::note`].
    pub fn tell_anchored(&self, head: &StoredHead, by: AnchoredBy, now: WallTime) -> Result<(), VaultError> {
        let signed = Checkpoint::verified(&head.note, &self.parts.verifying)
            .map_err(|fault| LedgerError::Head { path: head.path.clone(), fault })?;
        self.tell(now, &LedgerNote::Anchored(Anchored { size: signed.size, root: signed.root, by }))
    }

    /// Proves the row that says why a call has no recording.
    ///
    /// # Errors
    /// Those of [`Self::prove_recorded`].
    pub fn prove_call(&self, call: CallId) -> Result<RowProof, VaultError> {
        self.prove(|settled| {
            settled.find(|row| {
                let is = |kind: LedgerKind| kind.code() == row.code();
                if !is(LedgerKind::Excluded) && !is(LedgerKind::Failed) {
                    return false;
                }
                row.open().and_then(|row| without_recording(&row)) == Some(call)
            })
        })
    }
}
