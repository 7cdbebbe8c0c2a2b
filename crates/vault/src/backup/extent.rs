//! What of a vault belongs into a backup at one moment, and how far each file is durable.

use std::{io, path::Path};

use earwitness_model::WallTime;
use serde::{Deserialize, Serialize};

use super::{Copied, list};
use crate::{
    disk::{Disk, OpenAs, if_there},
    error::{VaultError, failed},
    growing::Progress,
    ledger::{BackedUp, LedgerNote},
    shelves::{shelves, volumes},
    vault::Vault,
};

/// Whether a file grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PartState {
    /// It was whole, or only grows by whole pieces.
    Whole,
    /// A volume in which recordings ran: whoever restores it finishes them as interrupted.
    Open,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name below the vault.
    pub name: String,
    /// So many of its bytes.
    pub bytes: u64,
    /// Whether it grows.
    pub state: PartState,
}

/// The folders of volumes: of what is kept for its time, and of what holds keep beyond it.
pub(super) const VOLUMES: [&str; 2] = ["volumes", "held"];

impl Part {
    /// Whether it is a volume, which only grows.
    pub(super) fn is_volume(&self) -> bool {
        VOLUMES.iter().any(|at| self.name.strip_prefix(at).is_some_and(|rest| rest.starts_with('/')))
    }
}

/// A vault as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// The vault's id.
    pub vault: [u8; 16],
    /// Rows of the ledger.
    pub rows: u64,
    /// The hash that the next row continues.
    pub head: [u8; 32],
    /// The files, sorted by name.
    pub parts: Vec<Part>,
}

impl Vault {
    /// What a backup that is taken now has in it. The ledger is looked at before the volumes, so that these hold every recording
    /// of which it tells.
    ///
    /// # Errors
    /// When the ledger cannot be made durable; what the disk says.
    pub fn backup_extent(&self) -> Result<Extent, VaultError> {
        let parts = &*self.parts;
        let mut extent = Extent { vault: parts.settings.id, rows: 0, head: [0; 32], parts: Vec::new() };
        {
            let mut ledger = parts.ledger();
            ledger.sync()?;
            (extent.rows, extent.head) = (ledger.next_number(), ledger.head());
            self.all_below(&parts.layout.ledger(), &mut extent.parts)?;
        }
        self.all_below(&parts.layout.certificates(), &mut extent.parts)?;
        self.file(&parts.layout.settings(), &mut extent.parts)?;
        for shelf in shelves(&*parts.disk, &parts.layout)? {
            for number in volumes(&*parts.disk, &parts.layout, &shelf)? {
                let path = parts.layout.volume(&shelf, number);
                let progress = parts.growing.progress(&shelf, number);
                let Some(size) = size(&*parts.disk, &path)? else { continue };
                let bytes = parts.growing.reach(&shelf, number, size).durable;
                let state = match progress {
                    Progress::Growing => PartState::Open,
                    Progress::AtRest => PartState::Whole,
                };
                extent.parts.push(Part { name: self.name(&path), bytes, state });
            }
        }
        extent.parts.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(extent)
    }

    /// Writes down in the ledger that a backup was taken. Gives its list, signed by the recorder, which belongs into it as
    /// `BACKUP.txt`.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn finish_backup(
        &self,
        extent: &Extent,
        copied: &Copied,
        (now, by): (WallTime, &str),
    ) -> Result<Vec<u8>, VaultError> {
        let files = copied.files.len() as u64;
        let bytes = copied.files.iter().map(|file| file.bytes).sum();
        let note = LedgerNote::BackedUp(BackedUp { files, bytes, rows: extent.rows, by: by.to_owned() });
        self.tell(now, &note)?;
        let text = list::text(extent, copied, now);
        let signature = self.parts.keys.signing.sign(&list::signed_bytes(&text));
        Ok(list::signed(text, signature.as_ref()))
    }

    fn name(&self, path: &Path) -> String {
        path.strip_prefix(self.dir()).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// Every file of a directory and of those in it, but those that are being written.
    fn all_below(&self, dir: &Path, into: &mut Vec<Part>) -> Result<(), VaultError> {
        for path in self.parts.disk.list(dir).map_err(failed("list", dir))? {
            match self.parts.disk.list(&path) {
                Ok(_) => self.all_below(&path, into)?,
                Err(cause) if cause.kind() == io::ErrorKind::NotADirectory => self.file(&path, into)?,
                Err(cause) => return Err(failed("list", path)(cause)),
            }
        }
        Ok(())
    }

    fn file(&self, path: &Path, into: &mut Vec<Part>) -> Result<(), VaultError> {
        if path.extension().is_some_and(|extension| extension == "new") {
            return Ok(());
        }
        if let Some(bytes) = size(&*self.parts.disk, path)? {
            into.push(Part { name: self.name(path), bytes, state: PartState::Whole });
        }
        Ok(())
    }
}

/// `None`: it went.
fn size(disk: &dyn Disk, path: &Path) -> Result<Option<u64>, VaultError> {
    if_there(disk.open(path, OpenAs::Read).and_then(|file| file.size())).map_err(failed("read", path))
}
