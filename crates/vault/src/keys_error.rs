//! What is wrong with keys, whoever holds them, and their backups.

use std::path::PathBuf;

use crate::key_backup::BackupId;

/// Why keys could not be used, moved, rotated or copied. Each says what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The index key is not where it was looked for.
    #[error("the vault's index key is not at {}, and nothing of the vault can be read without it: it was put elsewhere when the vault was made, or moved; name its place with --index-key FILE or EARWITNESS_INDEX_KEY, or hand it in as the credential `index.key`", looked.display())]
    IndexKeyMissing {
        /// Where it was looked for.
        looked: PathBuf,
    },
    /// The key is an index key, but another vault's.
    #[error("{} is the index key of another vault: it was not used", path.display())]
    OtherIndexKey {
        /// Where it was read from.
        path: PathBuf,
    },
    /// The key was this vault's officer's, until the keys were rotated.
    #[error("{} was the officer's key of this vault until its keys were rotated: the vault has another officer now, {now}", path.display())]
    FormerOfficer {
        /// The key file.
        path: PathBuf,
        /// The public key of the officer now.
        now: String,
    },
    /// The text is no public key of age.
    #[error(
        "not the public key of an age identity: `age1` and 58 letters and digits, as `age-keygen -y` prints it"
    )]
    NotARecipient,
    /// A file of public keys has none, or several.
    #[error("{} has {found} public keys, and a vault has one officer: leave one line that begins with age1", path.display())]
    Recipients {
        /// The file.
        path: PathBuf,
        /// How many it has.
        found: usize,
    },
    /// Keys were to be rotated to the officer that the vault has.
    #[error("this is the officer that the vault has: nothing was changed")]
    SameOfficer,
    /// A rotation to another officer was begun and did not end.
    #[error(
        "a rotation to {to} was begun and did not end. `earwitness keys rotate --abandon` gives it up, and nothing is lost. End it, with `earwitness keys rotate --recipient {to}`, only when the private half of that key is at hand and opens: from then on nothing else opens any recording"
    )]
    RotationUnderway {
        /// The public key that it was begun for.
        to: String,
    },
    /// A label cannot be written on a medium.
    #[error("a label of a backup has 1 to 64 characters, and no control characters")]
    BackupLabel,
    /// The vault knows no such backup.
    #[error("the vault knows of no backup {id}; `earwitness keys backup --list` shows those that it knows")]
    NoSuchBackup {
        /// Its name.
        id: BackupId,
    },
    /// The folder holds keys of another vault, or another backup.
    #[error("{} names another vault or another backup: take another folder", path.display())]
    OtherVault {
        /// What says so.
        path: PathBuf,
    },
    /// A file did not read back as it was written.
    #[error("{} reads back differently than it was written: the medium is not to be trusted", path.display())]
    BackupDiffers {
        /// The file.
        path: PathBuf,
    },
    /// A folder of keys has more files than any vault has.
    #[error("{} has too many files for a folder of keys", path.display())]
    TooManyFiles {
        /// The folder.
        path: PathBuf,
    },
}

impl KeysError {
    /// Bytes that were read are not those that were written.
    pub(crate) const fn is_damage(&self) -> bool {
        match self {
            Self::BackupDiffers { .. } => true,
            Self::IndexKeyMissing { .. }
            | Self::OtherIndexKey { .. }
            | Self::FormerOfficer { .. }
            | Self::NotARecipient
            | Self::Recipients { .. }
            | Self::SameOfficer
            | Self::RotationUnderway { .. }
            | Self::BackupLabel
            | Self::NoSuchBackup { .. }
            | Self::OtherVault { .. }
            | Self::TooManyFiles { .. } => false,
        }
    }
}
