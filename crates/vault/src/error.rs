//! What the vault answers when it cannot do what it was asked.

use std::{io, path::PathBuf};

use earwitness_model::{RecordingId, WallTime};

use crate::{
    backup::BackupFinding,
    cipher::NotAuthentic,
    container::{BlockDamage, FORMAT_VERSION, HeadDamage},
    index::IndexError,
    keys_error::KeysError,
    ledger::LedgerError,
    stamp::StampFault,
};

/// Why the vault could not do what was asked. Each says what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The directory has no `vault.toml`.
    #[error("{} is not a vault: it has no vault.toml; `earwitness init` makes one", dir.display())]
    NotAVault {
        /// The directory.
        dir: PathBuf,
    },
    /// A vault cannot be made where something stands already.
    #[error("{} is there already, and nothing is written over it: name another place", path.display())]
    AlreadyThere {
        /// The vault or key file that is in the way.
        path: PathBuf,
    },
    /// A vault is restored there, or was not to its end.
    #[error("{} is there: another restore runs, or one was killed; when none runs, remove it and begin again", path.display())]
    RestoreUnderway {
        /// Where it is made.
        path: PathBuf,
    },
    /// Another version of the format.
    #[error("{} is of format {found}, this program reads format {FORMAT_VERSION}: {}", path.display(), what_to_do(*found))]
    Format {
        /// The file that says so.
        path: PathBuf,
        /// The version found.
        found: u32,
    },
    /// `vault.toml` cannot be understood.
    #[error("{}: {cause}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What the parser says, with line and column.
        #[source]
        cause: Box<toml::de::Error>,
    },
    /// Another process has the vault.
    #[error("the vault is in use by process {}: stop it, or ask it", pid.map_or("?".into(), |pid| pid.to_string()))]
    InUse {
        /// The process, as far as the lock file tells.
        pid: Option<u32>,
    },
    /// The vault's one writer was given out and not dropped.
    #[error("this vault's writer is already in use")]
    WriterTaken,
    /// The disk said no.
    #[error("cannot {doing} {}: {cause}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the disk said.
        #[source]
        cause: io::Error,
    },
    /// Only the reserve is left on the disk.
    #[error("{}: {} MiB free, and the last {} MiB are kept for ending what was begun: make room on the disk", path.display(), free >> 20, reserve >> 20)]
    NoRoom {
        /// The vault.
        path: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes of them that are kept back.
        reserve: u64,
    },
    /// A sync failed: what was written since the last commit must be taken as lost.
    #[error("an earlier sync failed, so that nothing more is acknowledged: open the vault again")]
    MustReopen,
    /// The officer's key is not where it was looked for.
    #[error("the officer's key is not at {}: give the path of the key file", looked.display())]
    OfficerKeyMissing {
        /// Where it was looked for.
        looked: PathBuf,
    },
    /// The file at the officer's key's place is no key.
    #[error("{} is not a key of this kind: an open vault's is an age identity file, a governed vault's one under a passphrase", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// The passphrase does not open the officer's key.
    #[error("the passphrase does not open {}", path.display())]
    WrongPassphrase {
        /// The key file.
        path: PathBuf,
    },
    /// A governed vault needs a passphrase to be made.
    #[error("a governed vault needs a passphrase for its officer's key")]
    PassphraseNeeded,
    /// The key is an officer's key, but another officer's.
    #[error("{} is not the officer's key of this vault", path.display())]
    OtherOfficer {
        /// The key file.
        path: PathBuf,
    },
    /// A key file of the vault is damaged.
    #[error("{} is damaged: restore it from the backup of the keys", path.display())]
    KeyDamaged {
        /// The file.
        path: PathBuf,
    },
    /// The answer of a time-stamping authority is no stamp of this head.
    #[error("{0}")]
    Stamp(#[source] StampFault),
    /// The text of a rule set is not what was kept.
    #[error("{} is damaged: the text of these rules is lost here", path.display())]
    RulesDamaged {
        /// The file.
        path: PathBuf,
    },
    /// A recording's data key is not in its key file: destroyed, or lost.
    #[error("the key of recording {recording} is not in {}: nothing can open it", path.display())]
    KeyGone {
        /// The recording.
        recording: RecordingId,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A refused call cannot be recorded.
    #[error("the rules refuse this call: it is not recorded")]
    Refused,
    /// The name of a retention class cannot be a directory.
    #[error(
        "retention class {class:?} cannot name a directory: lower case letters, digits and hyphens, at most 64"
    )]
    ClassName {
        /// The name.
        class: String,
    },
    /// A block of a recording whose beginning was never appended.
    #[error("recording {recording} was not opened in this vault: its first block could not be written")]
    NotOpened {
        /// The recording.
        recording: RecordingId,
    },
    /// The entry has no recording.
    #[error("the call has no recording")]
    NoRecording,
    /// A disposal has taken it.
    #[error(
        "recording {recording} was destroyed, or is being destroyed: its time was over, and nothing keeps it any more"
    )]
    Destroyed {
        /// The recording.
        recording: RecordingId,
    },
    /// The head of a volume cannot be read.
    #[error("{}: {damage}", path.display())]
    Volume {
        /// The volume.
        path: PathBuf,
        /// What is wrong.
        damage: HeadDamage,
    },
    /// A block of a volume cannot be read.
    #[error("{}, byte {at}: {damage}", path.display())]
    Block {
        /// The volume.
        path: PathBuf,
        /// Where the block begins.
        at: u64,
        /// What is wrong.
        damage: BlockDamage,
    },
    /// Blocks of a recording are not there.
    #[error("{}: block {counter} of the recording is missing", path.display())]
    BlockMissing {
        /// The volume.
        path: PathBuf,
        /// The place in the recording of the first missing one.
        counter: u64,
    },
    /// A block's bytes are whole by their checksum and are not what was sealed.
    #[error("{}, byte {at}: {cause}", path.display())]
    Sealed {
        /// The volume.
        path: PathBuf,
        /// Where the block begins.
        at: u64,
        /// What is wrong.
        #[source]
        cause: NotAuthentic,
    },
    /// What stands where the manifest should is not this recording's, or its signature is not the recorder's.
    #[error("{}, byte {at}: not the manifest of recording {recording} signed by this vault's recorder", path.display())]
    Manifest {
        /// The recording.
        recording: RecordingId,
        /// The volume.
        path: PathBuf,
        /// Where it should be.
        at: u64,
    },
    /// Something about keys, their officer, or their backups.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// What a disposal that did not end was about to destroy cannot be read.
    #[error("{} is damaged: a disposal did not end, and what it was about to destroy is not known any more; `earwitness dispose plan` tells what is due, and when the file is moved away the next run destroys it", path.display())]
    Intent {
        /// The file.
        path: PathBuf,
    },
    /// The ledger has it, so that it is in force; only the listing does not show it.
    #[error(
        "it is in force, under the name {act}: do not do it again. The listing does not show it yet: {cause}"
    )]
    NotListed {
        /// The hold, also one that was released, or the change.
        act: RecordingId,
        /// What the index said.
        cause: Box<Self>,
    },
    /// A key that was overwritten is there all the same.
    #[error("{} still has a key after it was overwritten and synced: the disk does not do what it acknowledges", path.display())]
    NotErased {
        /// The key file.
        path: PathBuf,
    },
    /// The ledger has places that cannot be read: a hold may have stood there.
    #[error(
        "{places} places of the ledger cannot be read, and a hold may have stood there: nothing is destroyed until somebody has looked (`earwitness ledger verify` and `earwitness index check`, then `earwitness dispose run --past-damage`)"
    )]
    LedgerDamaged {
        /// How many.
        places: u64,
    },
    /// The clock leapt ahead, and nobody confirmed it.
    #[error("the clock leapt from {} to {} (UTC): nothing is destroyed by a clock that may be wrong; when it is right, `earwitness dispose run --confirm-clock` says so", shown(*from), shown(*to))]
    ClockLeapt {
        /// The last time before it.
        from: WallTime,
        /// The first after it.
        to: WallTime,
    },
    /// There is no such hold, proposal or certificate.
    #[error("there is no {what} of this name; {hint}")]
    NoSuchAct {
        /// What was looked for.
        what: &'static str,
        /// What shows those that are there.
        hint: &'static str,
    },
    /// Two persons are needed.
    #[error("whoever proposed it cannot approve it: another account has to")]
    SamePerson,
    /// A file of a backup is not what was copied.
    #[error(transparent)]
    Backup(#[from] BackupFinding),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

fn shown(time: WallTime) -> String {
    chrono::DateTime::from_timestamp_nanos(time.nanos()).format("%Y-%m-%d %H:%M").to_string()
}

fn what_to_do(found: u32) -> &'static str {
    if found > u32::from(FORMAT_VERSION) {
        "use the newer earwitness that wrote it"
    } else {
        "no earlier format was ever released, so the file is damaged"
    }
}

impl VaultError {
    /// The disk was full: what was committed stays, and the writer can go on when there is room again. Not so when a
    /// sync said it, see [`Self::must_reopen`].
    #[must_use]
    pub fn is_full(&self) -> bool {
        let (Self::Io { cause, .. }
        | Self::Ledger(LedgerError::Io { cause, .. })
        | Self::Index(IndexError::Io { cause, .. })) = self
        else {
            return matches!(self, Self::NoRoom { .. });
        };
        matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    /// Nobody knows what the medium has of what was written last, or the index is damaged: only opening the vault again
    /// helps.
    #[must_use]
    pub fn must_reopen(&self) -> bool {
        if let Self::Io { doing, .. } | Self::Ledger(LedgerError::Io { doing, .. }) = self {
            return *doing == "sync";
        }
        matches!(
            self,
            Self::MustReopen | Self::Ledger(LedgerError::Stopped) | Self::Index(IndexError::Damaged(_))
        )
    }

    /// Bytes that were read are not those that were written. Not so when the disk, a key or a limit says no, nor when
    /// another version of the program wrote them.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::KeyDamaged { .. }
            | Self::RulesDamaged { .. }
            | Self::Block { .. }
            | Self::BlockMissing { .. }
            | Self::Sealed { .. }
            | Self::Intent { .. }
            | Self::LedgerDamaged { .. }
            | Self::Manifest { .. }
            | Self::Backup(_) => true,
            Self::Volume { damage, .. } => match damage {
                HeadDamage::Cut | HeadDamage::Magic | HeadDamage::Damaged => true,
                HeadDamage::Version(_) => false,
            },
            Self::Keys(cause) => cause.is_damage(),
            Self::Index(cause) => cause.is_damage(),
            Self::Ledger(cause) => cause.is_damage(),
            Self::NotAVault { .. }
            | Self::AlreadyThere { .. }
            | Self::RestoreUnderway { .. }
            | Self::Format { .. }
            | Self::Settings { .. }
            | Self::InUse { .. }
            | Self::WriterTaken
            | Self::Stamp(_)
            | Self::Io { .. }
            | Self::NoRoom { .. }
            | Self::MustReopen
            | Self::OfficerKeyMissing { .. }
            | Self::NotAKey { .. }
            | Self::WrongPassphrase { .. }
            | Self::PassphraseNeeded
            | Self::OtherOfficer { .. }
            | Self::KeyGone { .. }
            | Self::Refused
            | Self::ClassName { .. }
            | Self::NotOpened { .. }
            | Self::NotErased { .. }
            | Self::NotListed { .. }
            | Self::ClockLeapt { .. }
            | Self::NoSuchAct { .. }
            | Self::SamePerson
            | Self::Destroyed { .. }
            | Self::NoRecording => false,
        }
    }
}

/// Says what was being done to what when the disk said no.
pub(crate) fn failed(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> VaultError {
    move |cause| VaultError::Io { doing, path: path.into(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        index::Damage,
        ledger::{LedgerFault, LedgerFinding},
    };

    fn is_damage(error: impl Into<VaultError>) -> bool {
        error.into().is_damage()
    }

    #[test]
    fn changed_bytes_are_damage() {
        let path = PathBuf::from("1.vol");
        let recording = RecordingId::from_bytes([1; 16]);
        assert!(is_damage(VaultError::KeyDamaged { path: path.clone() }));
        for damage in [HeadDamage::Cut, HeadDamage::Magic, HeadDamage::Damaged] {
            assert!(is_damage(VaultError::Volume { path: path.clone(), damage }), "{damage}");
        }
        assert!(is_damage(VaultError::Block { path: path.clone(), at: 64, damage: BlockDamage::Body }));
        assert!(is_damage(VaultError::BlockMissing { path: path.clone(), counter: 2 }));
        assert!(is_damage(VaultError::Sealed { path: path.clone(), at: 64, cause: NotAuthentic }));
        assert!(is_damage(VaultError::Manifest { recording, path: path.clone(), at: 64 }));
        for damage in
            [Damage::StoreCorrupt, Damage::RowChecksum, Damage::Behind { acknowledged: 2, found: 1 }]
        {
            assert!(is_damage(IndexError::Damaged(damage)), "{damage}");
        }
        for fault in [LedgerFault::Header, LedgerFault::ChainBroken { number: 1 }, LedgerFault::End] {
            let finding = LedgerFinding { path: path.clone(), offset: 0, fault };
            assert!(is_damage(LedgerError::Broken(finding)), "{fault}");
        }
    }

    #[test]
    fn a_full_disk_a_wrong_key_a_limit_and_another_version_are_not_damage() {
        let path = PathBuf::from("1.vol");
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let at = |path: &PathBuf| path.clone();
        assert!(!is_damage(failed("sync", &path)(full())));
        assert!(!is_damage(IndexError::Io { doing: "write", path: at(&path), cause: full() }));
        assert!(!is_damage(LedgerError::Io { doing: "write", path: at(&path), cause: full() }));
        assert!(!is_damage(VaultError::MustReopen));
        assert!(!is_damage(VaultError::NoRoom { path: at(&path), free: 1, reserve: 2 }));
        assert!(!is_damage(VaultError::WrongPassphrase { path: at(&path) }));
        assert!(!is_damage(VaultError::OtherOfficer { path: at(&path) }));
        assert!(!is_damage(VaultError::Volume { path: at(&path), damage: HeadDamage::Version(9) }));
        assert!(!is_damage(IndexError::WrongKey));
        let call = earwitness_model::CallId::from_bytes([1; 16]);
        assert!(!is_damage(IndexError::TooLarge { call, bytes: 2, limit: 1 }));
        for damage in [Damage::StoreStopped, Damage::RebuildInterrupted, Damage::EntrySchema { found: 2 }] {
            assert!(!is_damage(IndexError::Damaged(damage)), "{damage}");
        }
        assert!(!is_damage(LedgerError::Stopped));
        assert!(!is_damage(LedgerError::TooLarge { bytes: 2, limit: 1 }));
        assert!(!is_damage(LedgerError::Version { path: at(&path), found: 9, known: 1 }));
        let unreadable = LedgerFinding { path, offset: 0, fault: LedgerFault::Unreadable };
        assert!(!is_damage(LedgerError::Broken(unreadable)));
    }
}
