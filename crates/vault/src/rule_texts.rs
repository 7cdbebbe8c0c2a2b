//! The texts of rule sets, kept once for each hash, so that whoever asks years later by which rule a call was kept can read it.
//!
//! `ledger/rules/<hash>` is the text, sealed under the metadata key to its hash: it names the office's numbers.

use std::{io, path::PathBuf};

use earwitness_model::{RuleSetHash, WallTime};

use crate::{
    disk::{if_there, read_all, replace},
    error::{VaultError, failed},
    ledger::{ClockStatus, LedgerKind, LedgerNote},
    vault::Vault,
};

/// Longer texts are not kept: no office writes so many rules.
const MAX_TEXT: usize = 16 << 20;

impl Vault {
    /// Keeps the text of a rule set, unless it is kept already. A kept one that is damaged is replaced.
    ///
    /// # Errors
    /// What the disk says; a text longer than 16 MiB is `FileTooLarge`.
    pub fn keep_rule_text(&self, hash: RuleSetHash, text: &str) -> Result<(), VaultError> {
        let path = self.rules_path(hash);
        if text.len() > MAX_TEXT {
            return Err(failed("keep", &path)(io::ErrorKind::FileTooLarge.into()));
        }
        if matches!(self.rule_text(hash), Ok(Some(_))) {
            return Ok(());
        }
        let dir = self.parts.layout.rules();
        self.parts.disk.make_dir(&dir).map_err(failed("make", &dir))?;
        let sealed = self.parts.keys.metadata.seal(&sealed_to(hash), text.as_bytes());
        replace(&*self.parts.disk, &path, &sealed).map_err(failed("write", &path))?;
        let above = self.parts.layout.ledger();
        self.parts.disk.sync_dir(&above).map_err(failed("sync", &above))
    }

    /// The text of a rule set; `None` when it was never kept.
    ///
    /// # Errors
    /// [`VaultError::RulesDamaged`] when it is not what was kept, and what the disk says.
    pub fn rule_text(&self, hash: RuleSetHash) -> Result<Option<String>, VaultError> {
        let path = self.rules_path(hash);
        let read = if_there(read_all(&*self.parts.disk, &path)).map_err(failed("read", &path))?;
        let Some(sealed) = read else { return Ok(None) };
        let opened = self.parts.keys.metadata.open(&sealed_to(hash), &sealed).ok();
        let text = opened.and_then(|text| String::from_utf8(text).ok());
        text.map(Some).ok_or(VaultError::RulesDamaged { path })
    }

    /// What was last told of the machine's clock at or before `at`, and when; `None` when nobody told of it by then.
    ///
    /// # Errors
    /// When the ledger is not whole.
    pub fn clock_status_at(&self, at: WallTime) -> Result<Option<(WallTime, ClockStatus)>, VaultError> {
        let settled = self.parts.ledger().settled()?;
        let is_it = |code| code == LedgerKind::ClockStatus.code();
        let last = settled.last(is_it, Some(at))?;
        Ok(last.and_then(|row| match LedgerNote::of(&row) {
            Some(LedgerNote::ClockStatus(status)) => Some((row.at, status)),
            Some(_) | None => None,
        }))
    }

    fn rules_path(&self, hash: RuleSetHash) -> PathBuf {
        self.parts.layout.rules().join(hash.to_string())
    }
}

fn sealed_to(hash: RuleSetHash) -> Vec<u8> {
    [b"earwitness rules ".as_slice(), &hash.0].concat()
}
