//! What holds a bundle's files together: a zip, such a zip in an age file, or a folder.

mod aes;
mod folder;
mod zip;

use age::{
    DecryptError,
    x25519::{Identity, Recipient},
};
use secrecy::SecretString;

pub use self::{
    folder::{FolderFault, read_folder},
    zip::{Stamp, ZipFault},
};

/// How an age file begins (<https://age-encryption.org/v1>).
const AGE: &[u8] = b"age-encryption.org/v1\n";
/// How a zip begins.
const ZIP: &[u8] = b"PK\x03\x04";

/// A file of a bundle: its name and its bytes.
pub type Named = (String, Vec<u8>);

/// How the files came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// In a zip, of which every byte is as it was made.
    Zip(Stamp),
    /// In a folder.
    Folder,
}

/// What a bundle is locked with.
#[derive(Debug, Clone, Default)]
pub enum Lock {
    /// Nothing.
    #[default]
    None,
    /// A passphrase: AES-256 as WinZip has it (AE-2), which 7-Zip and others open.
    Passphrase(SecretString),
}

/// What a bundle is opened with, where it needs that.
#[derive(Default)]
pub struct Keys {
    /// The passphrase of a zip.
    pub passphrase: Option<SecretString>,
    /// The key of an age file.
    pub identity: Option<Identity>,
}

/// The key in a file of age's: the first line that is one.
#[must_use]
pub fn identity_in(text: &str) -> Option<Identity> {
    text.lines().find_map(|line| line.trim().parse().ok())
}

/// Bytes in an age file for whoever has the private half of `recipient` (`age1…`); `None` when that is no such key.
#[must_use]
pub fn locked_for(recipient: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let recipient: Recipient = recipient.trim().parse().ok()?;
    age::encrypt(&recipient, bytes).ok()
}

/// What is in a file that may be a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A zip that anybody opens.
    Zip,
    /// A zip that a passphrase opens.
    LockedZip,
    /// An age file.
    Age,
}

/// Why the files do not come out of their container.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContainerFault {
    /// It is neither.
    #[error("it is no bundle: neither a zip nor an age file")]
    NoBundle,
    /// An age file, and no key.
    #[error("it is an age file: give the key that opens it with --identity FILE")]
    IdentityNeeded,
    /// An age file for somebody else.
    #[error("the age file does not open with this key")]
    AgeClosed,
    /// An age file that is not what was locked.
    #[error("the age file is damaged")]
    AgeDamaged,
    /// The zip.
    #[error(transparent)]
    Zip(#[from] ZipFault),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderFault),
}

impl ContainerFault {
    /// Whether it may be whole, and what opens it was not given.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        match self {
            Self::IdentityNeeded
            | Self::AgeClosed
            | Self::Zip(ZipFault::PassphraseNeeded | ZipFault::WrongPassphrase) => true,
            Self::NoBundle | Self::AgeDamaged | Self::Zip(_) | Self::Folder(_) => false,
        }
    }
}

/// What the first bytes of a file say that it is.
#[must_use]
pub fn kind_of(bytes: &[u8]) -> Option<Kind> {
    if bytes.starts_with(AGE) {
        return Some(Kind::Age);
    }
    if !bytes.starts_with(ZIP) {
        return None;
    }
    Some(if zip::is_locked(bytes) { Kind::LockedZip } else { Kind::Zip })
}

/// The files in the bytes of a bundle, in their order.
///
/// # Errors
/// When they do not open, or are not, to the byte, what [`pack`] makes of such files.
pub fn unpack(bytes: &[u8], keys: &Keys) -> Result<(Container, Vec<Named>), ContainerFault> {
    match kind_of(bytes) {
        None => Err(ContainerFault::NoBundle),
        Some(Kind::Age) => {
            let identity = keys.identity.as_ref().ok_or(ContainerFault::IdentityNeeded)?;
            let inner = age::decrypt(identity, bytes).map_err(|error| match error {
                DecryptError::NoMatchingKeys => ContainerFault::AgeClosed,
                DecryptError::DecryptionFailed
                | DecryptError::ExcessiveWork { .. }
                | DecryptError::InvalidHeader
                | DecryptError::InvalidMac
                | DecryptError::Io(_)
                | DecryptError::KeyDecryptionFailed
                | DecryptError::UnknownFormat => ContainerFault::AgeDamaged,
            })?;
            match kind_of(&inner) {
                Some(Kind::Zip | Kind::LockedZip) => unpack(&inner, keys),
                Some(Kind::Age) | None => Err(ContainerFault::NoBundle),
            }
        }
        Some(Kind::Zip | Kind::LockedZip) => {
            let (stamp, files) = zip::read(bytes, keys.passphrase.as_ref())?;
            Ok((Container::Zip(stamp), files))
        }
    }
}

/// The files as one zip. Of equal files, an equal `stamp` and equal salts it is the same to the byte. `salts` gives each file
/// its own 16 bytes, at random; it is not asked when nothing locks the zip.
#[must_use]
pub fn pack(files: &[Named], stamp: Stamp, (lock, salts): (&Lock, impl FnMut() -> [u8; 16])) -> Vec<u8> {
    zip::write(files, stamp, (lock, salts))
}
