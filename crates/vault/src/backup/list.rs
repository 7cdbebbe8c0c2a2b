//! `BACKUP.txt`: what is in a backup, signed.
//!
//! ```text
//! earwitness backup 1
//! vault <id, 32 hexadecimal digits>
//! taken <UTC, RFC 3339>
//! ledger <rows> <the hash that the next row continues>
//! <BLAKE3>  <bytes>  whole|open  <name>
//! …
//! signature <Ed25519, by the recorder, over `earwitness backup list 1` and a line feed and all lines before this one>
//! ```

use std::path::{Path, PathBuf};

use chrono::DateTime;
use earwitness_model::WallTime;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::{
    Copied, Extent, Part, PartState,
    copy::{below, hash},
};
use crate::{
    disk::{Disk, RealDisk, read_all},
    error::{VaultError, failed},
};

/// What stands before a list's bytes when they are signed, so that the signature says nothing else.
const SIGNED_AS: &[u8] = b"earwitness backup list 1\n";
const FIRST_LINE: &str = "earwitness backup 1";

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name, and whether it grew.
    pub part: Part,
    /// Its bytes.
    pub bytes: u64,
    /// Their BLAKE3.
    pub blake3: [u8; 32],
}

/// A backup's list, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List {
    pub(super) extent: Extent,
    pub(super) files: Vec<Listed>,
    text: String,
    signature: [u8; 64],
}

/// Something of a backup that is not what its list says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct BackupFinding {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: BackupFault,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupFault {
    /// There is no list, or it is none.
    #[error("is no list of a backup: the backup was not finished; run `earwitness backup` on it again")]
    NoList,
    /// The list is not signed by this recorder.
    #[error("was not signed by this recorder")]
    Signature,
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The file is not as long as it was, or other bytes.
    #[error(
        "is not what was copied: take it from another backup, or run `earwitness backup` on this one again"
    )]
    Changed,
}

/// Reads every file of a backup and compares it with the list, and the list with the recorder's signature when its public key is
/// given. Needs nothing of the vault.
///
/// # Errors
/// Findings are no errors; there are none.
pub fn check_backup(dir: &Path, key: Option<&VerifyingKey>) -> (u64, Vec<BackupFinding>) {
    check_on(&RealDisk, dir, key)
}

pub(super) fn check_on(disk: &dyn Disk, dir: &Path, key: Option<&VerifyingKey>) -> (u64, Vec<BackupFinding>) {
    let path = dir.join("BACKUP.txt");
    let Ok(list) = read(disk, dir) else {
        return (0, vec![BackupFinding { path, fault: BackupFault::NoList }]);
    };
    let mut findings = Vec::new();
    if key.is_some_and(|key| !list.is_signed_by(key)) {
        findings.push(BackupFinding { path, fault: BackupFault::Signature });
    }
    for file in &list.files {
        let path = dir.join(&file.part.name);
        let fault = match hash(disk, &path) {
            Ok(found) if found == (file.bytes, file.blake3) => continue,
            Ok(_) => BackupFault::Changed,
            Err(cause) => BackupFault::Unreadable(cause.to_string()),
        };
        findings.push(BackupFinding { path, fault });
    }
    (list.files.len() as u64, findings)
}

impl List {
    pub(super) fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        key.verify_strict(&signed_bytes(&self.text), &Signature::from_bytes(&self.signature)).is_ok()
    }
}

/// The list in a backup.
pub(super) fn read(disk: &dyn Disk, dir: &Path) -> Result<List, VaultError> {
    let path = dir.join("BACKUP.txt");
    let bytes = read_all(disk, &path).map_err(failed("read", &path))?;
    parse(&bytes).ok_or(VaultError::KeyDamaged { path })
}

fn parse(bytes: &[u8]) -> Option<List> {
    let whole = std::str::from_utf8(bytes).ok()?;
    let (text, last) = whole.strip_suffix('\n')?.rsplit_once('\n')?;
    let signature = unhex(last.strip_prefix("signature ")?)?;
    let text = format!("{text}\n");
    let mut lines = text.lines();
    (lines.next()? == FIRST_LINE).then_some(())?;
    let vault = unhex(lines.next()?.strip_prefix("vault ")?)?;
    lines.next()?.strip_prefix("taken ")?;
    let (rows, head) = lines.next()?.strip_prefix("ledger ")?.split_once(' ')?;
    let (rows, head) = (rows.parse().ok()?, unhex(head)?);
    let files = lines.map(file).collect::<Option<Vec<_>>>()?;
    let parts = files.iter().map(|file| file.part.clone()).collect();
    Some(List { extent: Extent { vault, rows, head, parts }, files, text, signature })
}

fn file(line: &str) -> Option<Listed> {
    let mut fields = line.splitn(4, "  ");
    let blake3 = unhex(fields.next()?)?;
    let bytes = fields.next()?.parse().ok()?;
    let state = match fields.next()? {
        "whole" => PartState::Whole,
        "open" => PartState::Open,
        _ => return None,
    };
    let name = fields.next()?.to_owned();
    below(&name)?;
    Some(Listed { part: Part { name, bytes, state }, bytes, blake3 })
}

pub(super) fn text(extent: &Extent, copied: &Copied, now: WallTime) -> String {
    let taken = DateTime::from_timestamp_nanos(now.nanos()).format("%Y-%m-%dT%H:%M:%SZ");
    let mut text = format!(
        "{FIRST_LINE}\nvault {}\ntaken {taken}\nledger {} {}\n",
        hex::encode(extent.vault),
        extent.rows,
        hex::encode(extent.head)
    );
    for file in &copied.files {
        let state = match file.part.state {
            PartState::Whole => "whole",
            PartState::Open => "open",
        };
        text.push_str(&format!(
            "{}  {}  {state}  {}\n",
            hex::encode(file.blake3),
            file.bytes,
            file.part.name
        ));
    }
    text
}

pub(super) fn signed_bytes(text: &str) -> Vec<u8> {
    [SIGNED_AS, text.as_bytes()].concat()
}

pub(super) fn signed(mut text: String, signature: &[u8]) -> Vec<u8> {
    text.push_str(&format!("signature {}\n", hex::encode(signature)));
    text.into_bytes()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_reads_back_and_names_nothing_outside() {
        let part = Part { name: "volumes/a/2026-11-21/1.vol".into(), bytes: 7, state: PartState::Open };
        let extent = Extent { vault: [3; 16], rows: 9, head: [4; 32], parts: vec![part.clone()] };
        let copied = Copied { files: vec![Listed::of(part, [5; 32])], ..Copied::default() };
        let bytes = signed(text(&extent, &copied, WallTime::from_nanos(0)), &[6; 64]);
        let read = parse(&bytes).unwrap();
        assert_eq!((read.extent, read.files), (extent, copied.files));
        for name in ["../a", "/etc/passwd", "a/../../b", ""] {
            let climbing =
                String::from_utf8(bytes.clone()).unwrap().replace("volumes/a/2026-11-21/1.vol", name);
            assert_eq!(parse(climbing.as_bytes()), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_list_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(parse(&bytes), None);
        }
    }
}
