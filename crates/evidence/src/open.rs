//! A bundle as somebody has it: where it lies, what it is opened with, and why it could not be.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use age::x25519::Identity;
use ed25519_dalek::VerifyingKey;

use crate::{
    container::{
        Container, ContainerFault, FolderFault, Keys, Kind, Named, identity_in, kind_of, read_folder, unpack,
    },
    name::{KEY, LIST, LIST_SIGNATURE, MANIFEST, MOST_BYTES, SUMS},
    paper::Paper,
    public_key::public_key_in,
};

/// More of a key file is not read.
const MOST_KEY: u64 = 64 << 10;
/// What stands around the files of a bundle is far below this.
const AROUND: u64 = 1 << 20;

/// Why nothing of a bundle was checked.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// The system did not give it: that says nothing of the bundle.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// What.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A file that was named as the recorder's public key.
    #[error("{} is not a recorder's public key", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// A file that was named as a key of age.
    #[error("{} has no key of age", path.display())]
    NoIdentity {
        /// The file.
        path: PathBuf,
    },
    /// A paper says nothing to who has no public key to hold it against.
    #[error("a certificate or a proof is checked against the office's public key: give it with --key")]
    KeyNeeded,
    /// The file is larger than a bundle can be.
    #[error("{} is larger than a bundle", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The files do not come out.
    #[error(transparent)]
    Container(#[from] ContainerFault),
}

impl OpenFault {
    /// Why the system did not give it, if that is what it is.
    #[must_use]
    pub fn unreadable(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Unreadable { cause, .. } => Some(cause.kind()),
            Self::Container(ContainerFault::Folder(FolderFault::Unreadable { kind, .. })) => Some(*kind),
            Self::NotAKey { .. }
            | Self::NoIdentity { .. }
            | Self::KeyNeeded
            | Self::TooLarge { .. }
            | Self::Container(_) => None,
        }
    }

    /// Whether what was named beside the bundle is not what it should be.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        match self {
            Self::NotAKey { .. } | Self::NoIdentity { .. } | Self::KeyNeeded => true,
            Self::Unreadable { .. } | Self::TooLarge { .. } | Self::Container(_) => false,
        }
    }

    /// Whether it may be whole, and what opens it was not given.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        match self {
            Self::Container(fault) => fault.is_closed(),
            Self::Unreadable { .. }
            | Self::NotAKey { .. }
            | Self::NoIdentity { .. }
            | Self::KeyNeeded
            | Self::TooLarge { .. } => false,
        }
    }
}

/// The recorder's public key in a file.
///
/// # Errors
/// [`OpenFault::Unreadable`], [`OpenFault::NotAKey`].
pub fn public_key_of(path: &Path) -> Result<VerifyingKey, OpenFault> {
    public_key_in(&read(path, MOST_KEY)?).ok_or_else(|| OpenFault::NotAKey { path: path.to_owned() })
}

/// The key of age in a file.
///
/// # Errors
/// [`OpenFault::Unreadable`], [`OpenFault::NoIdentity`].
pub fn identity_of(path: &Path) -> Result<Identity, OpenFault> {
    let text = zeroize::Zeroizing::new(read(path, MOST_KEY)?);
    let identity = std::str::from_utf8(&text).ok().and_then(identity_in);
    identity.ok_or_else(|| OpenFault::NoIdentity { path: path.to_owned() })
}

/// Whether a folder is, or was, a bundle: one of the files that every bundle has is in it.
#[must_use]
pub fn is_bundle_folder(path: &Path) -> bool {
    [LIST, LIST_SIGNATURE, SUMS, MANIFEST, KEY].iter().any(|name| path.join(name).is_file())
}

/// A bundle as it was given.
pub enum Given {
    /// A folder's files.
    Folder(Vec<Named>),
    /// A file's bytes.
    File(Vec<u8>),
}

impl Given {
    /// Reads it; nothing is opened yet.
    ///
    /// # Errors
    /// [`OpenFault::Unreadable`], [`OpenFault::TooLarge`]; of a folder, what is no bundle in it.
    pub fn read(path: &Path) -> Result<Self, OpenFault> {
        if path.is_dir() {
            return Ok(Self::Folder(read_folder(path).map_err(ContainerFault::from)?));
        }
        Ok(Self::File(read(path, MOST_BYTES + AROUND)?))
    }

    /// It is no bundle, but a paper.
    #[must_use]
    pub fn paper(&self) -> Option<Paper> {
        match self {
            Self::Folder(_) => None,
            Self::File(bytes) => Paper::read(bytes),
        }
    }

    /// Whether a passphrase opens it.
    #[must_use]
    pub fn is_under_passphrase(&self) -> bool {
        match self {
            Self::Folder(_) => false,
            Self::File(bytes) => kind_of(bytes) == Some(Kind::LockedZip),
        }
    }

    /// Its files.
    ///
    /// # Errors
    /// [`OpenFault::Container`].
    pub fn open(self, keys: &Keys) -> Result<(Container, Vec<Named>), OpenFault> {
        match self {
            Self::Folder(files) => Ok((Container::Folder, files)),
            Self::File(bytes) => Ok(unpack(&bytes, keys)?),
        }
    }
}

/// A file, of which no more than `most` bytes are believed.
fn read(path: &Path, most: u64) -> Result<Vec<u8>, OpenFault> {
    let cannot = |cause| OpenFault::Unreadable { path: path.to_owned(), cause };
    let mut bytes = Vec::new();
    let read = File::open(path).map_err(cannot)?.take(most + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if read as u64 > most { Err(OpenFault::TooLarge { path: path.to_owned() }) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_does_not_give_is_told_from_what_is_no_key_and_no_bundle() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        std::fs::write(at("text"), "no key").unwrap();
        let missing = public_key_of(&at("nothing")).unwrap_err();
        assert_eq!((missing.unreadable(), missing.is_usage()), (Some(io::ErrorKind::NotFound), false));
        for fault in [public_key_of(&at("text")).unwrap_err(), identity_of(&at("text")).err().unwrap()] {
            assert_eq!(
                (fault.unreadable(), fault.is_usage(), fault.is_closed()),
                (None, true, false),
                "{fault}"
            );
        }
        let given = Given::read(&at("text")).unwrap();
        assert!(!given.is_under_passphrase());
        let fault = given.open(&Keys::default()).unwrap_err();
        assert_eq!((fault.unreadable(), fault.is_usage(), fault.is_closed()), (None, false, false));
    }

    #[test]
    fn a_folder_of_which_the_system_gives_no_list_is_unreadable_and_not_altered() {
        let fault = FolderFault::Unreadable {
            what: "copy".to_owned(),
            cause: "Permission denied".to_owned(),
            kind: io::ErrorKind::PermissionDenied,
        };
        let fault = OpenFault::from(ContainerFault::from(fault));
        assert_eq!(fault.unreadable(), Some(io::ErrorKind::PermissionDenied));
        assert_eq!(fault.to_string(), "cannot read copy: Permission denied");
    }

    #[test]
    fn a_folder_is_a_bundle_as_long_as_anything_of_one_is_in_it() {
        let home = tempfile::tempdir().unwrap();
        assert!(!is_bundle_folder(home.path()));
        std::fs::write(home.path().join("README.txt"), "mine").unwrap();
        assert!(!is_bundle_folder(home.path()));
        std::fs::write(home.path().join(SUMS), "").unwrap();
        assert!(is_bundle_folder(home.path()));
    }
}
