//! Signed heads of the ledger, and rows proven by them.

use std::{ops::ControlFlow, sync::PoisonError};

use chrono::NaiveDate;
use earwitness_model::{RecordingId, WallTime};

use crate::{
    error::VaultError,
    ledger::{
        Checkpoint, Heads, HeadsChecked, KeptHead, LedgerError, LedgerKind, ProofFault, Row, RowProof,
        Settled, StoredHead, TreeHash, WhatFor, check_heads, origin,
    },
    manifest::RecordedRow,
    vault::{Parts, Vault},
};

impl Vault {
    /// The name of its ledger, as signed heads have it: `earwitness/` and the vault's id.
    #[must_use]
    pub fn origin(&self) -> String {
        origin(&self.parts.settings.id)
    }

    /// Gives `each` every row that is on the medium, oldest first, until it has enough; what is damaged or does not fit is an
    /// error in its place. Rows are appended meanwhile.
    ///
    /// # Errors
    /// When the ledger cannot be made durable, or its files cannot be listed.
    pub fn each_row(
        &self,
        each: &mut dyn FnMut(Result<Row, LedgerError>) -> ControlFlow<()>,
    ) -> Result<(), VaultError> {
        Ok(self.parts.ledger().settled()?.each_row(each)?)
    }

    /// Every signed head that is kept and can be read, those of earlier days first, as they stand there. What cannot be read,
    /// [`Self::check_heads`] names.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn heads(&self) -> Result<Vec<StoredHead>, VaultError> {
        Ok(readable(&self.parts)?)
    }

    /// Signs a head over all rows that there are, and keeps it. When the newest that is kept has all of them, that one.
    ///
    /// # Errors
    /// When the ledger cannot be made durable, or is not whole, and what the disk says.
    pub fn sign_head(&self) -> Result<StoredHead, VaultError> {
        let settled = self.parts.ledger().settled()?;
        let _alone = self.parts.signing.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = verified(&self.parts)?.into_iter().find(|(_, head)| head.size == settled.rows());
        match newest {
            Some((stored, _)) => Ok(stored),
            None => Ok(sign(&self.parts, &settled)?.0),
        }
    }

    /// Proves, to whoever has the public key, the row that says that a recording was made.
    ///
    /// # Errors
    /// [`LedgerError::NotTold`] when there is none; [`LedgerError::OtherRows`] when the rows are not those that were signed;
    /// those of [`Self::sign_head`].
    pub fn prove_recorded(&self, recording: RecordingId) -> Result<RowProof, VaultError> {
        self.prove(|settled| {
            settled.find(|row| {
                row.code() == LedgerKind::Recorded.code()
                    && row
                        .open()
                        .and_then(|row| RecordedRow::from_bytes(&row.payload))
                        .map(|row| row.recording)
                        == Some(recording)
            })
        })
    }

    /// Proves the row with this number.
    ///
    /// # Errors
    /// Those of [`Self::prove_recorded`].
    pub fn prove_row(&self, number: u64) -> Result<RowProof, VaultError> {
        self.prove(|_| Ok(number))
    }

    /// Holds the ledger against every head that is kept here, and against those of `kept`, which somebody keeps elsewhere.
    ///
    /// # Errors
    /// When the ledger cannot be made durable, or the heads cannot be listed.
    pub fn check_heads(&self, kept: Vec<KeptHead>) -> Result<HeadsChecked, VaultError> {
        let settled = self.parts.ledger().settled()?;
        let (stored, unread) = heads(&self.parts).readable()?;
        let ours = stored.into_iter().map(|stored| KeptHead { path: stored.path, note: stored.note });
        let all = ours.chain(kept).collect();
        let mut checked = check_heads(&settled, all, (&self.origin(), &self.parts.verifying));
        checked.findings.extend(unread);
        checked.findings.extend(heads(&self.parts).wrong_stamps()?);
        Ok(checked)
    }

    /// The hashes that prove that the first `old` rows are the beginning of the first `new` (RFC 9162 section 2.1.4).
    ///
    /// # Errors
    /// [`LedgerError::NotTold`] when there are not so many, or none; those of [`Self::sign_head`].
    pub fn prove_consistency(&self, old: u64, new: u64) -> Result<Vec<TreeHash>, VaultError> {
        Ok(self.parts.ledger().settled()?.prove_consistency(old, new)?)
    }

    pub(crate) fn prove(
        &self,
        find: impl FnOnce(&Settled) -> Result<u64, LedgerError>,
    ) -> Result<RowProof, VaultError> {
        let settled = self.parts.ledger().settled()?;
        let number = find(&settled)?;
        if number >= settled.rows() {
            return Err(LedgerError::NotTold.into());
        }
        let (stored, head) = self.head_over(number, &settled)?;
        let proof = RowProof { head: stored.note, ..settled.prove(number, head.size)? };
        match proof.verify(&self.parts.verifying) {
            Ok(_row) => Ok(proof),
            Err(ProofFault::OtherRoot { .. }) => {
                Err(LedgerError::OtherRows { path: stored.path, size: head.size }.into())
            }
            // Not for want of a proof: a later version's row is what it is, and its path is right.
            Err(ProofFault::UnknownKind { .. }) => Ok(proof),
            Err(fault) => Err(LedgerError::Unproven(fault).into()),
        }
    }

    /// The first of the signed heads that has row `number`: the same one, whenever it is asked for; a new one when there is
    /// none.
    fn head_over(&self, number: u64, settled: &Settled) -> Result<(StoredHead, Checkpoint), VaultError> {
        let _alone = self.parts.signing.lock().unwrap_or_else(PoisonError::into_inner);
        let covering = |head: &Checkpoint| number < head.size && head.size <= settled.rows();
        match verified(&self.parts)?.into_iter().find(|(_, head)| covering(head)) {
            Some(found) => Ok(found),
            None => Ok(sign(&self.parts, settled)?),
        }
    }
}

fn heads(parts: &Parts) -> Heads<'_> {
    Heads { disk: &*parts.disk, dir: parts.layout.heads() }
}

/// Those of earlier days first.
fn readable(parts: &Parts) -> Result<Vec<StoredHead>, LedgerError> {
    let (mut stored, _unread) = heads(parts).readable()?;
    stored.sort_by_key(|head| (head.day, head.closes));
    Ok(stored)
}

/// The heads that this recorder signed for this log, the smallest first. Others prove nothing here: checking finds them.
fn verified(parts: &Parts) -> Result<Vec<(StoredHead, Checkpoint)>, LedgerError> {
    let name = origin(&parts.settings.id);
    let mut verified: Vec<_> = readable(parts)?
        .into_iter()
        .filter_map(|stored| {
            let head = Checkpoint::verified(&stored.note, &parts.verifying).ok()?;
            (head.origin == name).then_some((stored, head))
        })
        .collect();
    verified.sort_by_key(|(_, head)| head.size);
    Ok(verified)
}

/// A new head over all rows that are settled, kept under the day of the last of them.
fn sign(parts: &Parts, settled: &Settled) -> Result<(StoredHead, Checkpoint), LedgerError> {
    let day = parts.civil_day(settled.last_row().unwrap_or(WallTime::from_nanos(0)));
    let head = Checkpoint { origin: origin(&parts.settings.id), size: settled.rows(), root: settled.root()? };
    let note = head.sign(&parts.keys.signing, &parts.verifying);
    Ok((heads(parts).keep(day, WhatFor::AProof, &note)?, head))
}

/// Signs the head that closes a day: all rows that there are, the one that closed it among them.
pub(crate) fn sign_day(parts: &Parts, day: NaiveDate) -> Result<StoredHead, LedgerError> {
    let settled = parts.ledger().settled()?;
    let _alone = parts.signing.lock().unwrap_or_else(PoisonError::into_inner);
    let head = Checkpoint { origin: origin(&parts.settings.id), size: settled.rows(), root: settled.root()? };
    heads(parts).keep(day, WhatFor::ClosingTheDay, &head.sign(&parts.keys.signing, &parts.verifying))
}
