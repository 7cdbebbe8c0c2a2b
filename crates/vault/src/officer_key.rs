//! The officer's key, opened: what an [`crate::Opener`] is made of.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use age::{secrecy::SecretString, x25519::Identity};

use crate::{disk::RealDisk, error::VaultError, keys::open_officer_key, layout::Layout, settings::Access};

/// The private half of the officer's key. Whoever has it can open what the vault seals.
///
/// It can be opened in one process and used in another: the passphrase stays where it was typed, and so does the work of
/// trying it.
pub struct OfficerKey {
    pub(crate) identity: Identity,
    path: PathBuf,
}

impl OfficerKey {
    /// Reads a key file, with its passphrase when it has one.
    ///
    /// # Errors
    /// [`VaultError::OfficerKeyMissing`], [`VaultError::WrongPassphrase`], [`VaultError::NotAKey`], and what the disk says.
    pub fn read(path: &Path, passphrase: Option<&SecretString>) -> Result<Self, VaultError> {
        let identity = open_officer_key(&RealDisk, path, passphrase)?;
        Ok(Self { identity, path: path.to_owned() })
    }

    /// The key that [`Self::to_secret`] wrote. `path` is where it was read from, for people.
    ///
    /// # Errors
    /// [`VaultError::NotAKey`].
    pub fn from_secret(path: PathBuf, secret: &str) -> Result<Self, VaultError> {
        match Identity::from_str(secret.trim()) {
            Ok(identity) => Ok(Self { identity, path }),
            Err(_cause) => Err(VaultError::NotAKey { path }),
        }
    }

    /// Its text, as an age identity file has it.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        self.identity.to_string()
    }

    /// Where it was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the key of the vault in `vault`, an absolute directory, is unless another place was chosen when it was made.
    #[must_use]
    pub fn beside(vault: &Path, access: Access) -> PathBuf {
        Layout { dir: vault.to_owned() }.officer_key(match access {
            Access::Open => ".key",
            Access::Governed => ".officer.age",
        })
    }
}

impl fmt::Debug for OfficerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfficerKey").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_key_goes_from_one_process_to_another_as_text() {
        let key = OfficerKey { identity: Identity::generate(), path: "/k".into() };
        let secret = key.to_secret();
        let again = OfficerKey::from_secret("/k".into(), secret.expose_secret()).unwrap();
        assert_eq!(again.identity.to_public().to_string(), key.identity.to_public().to_string());
        assert_eq!(again.path(), Path::new("/k"));
        assert_eq!(format!("{again:?}"), "OfficerKey { path: \"/k\", .. }");
        for secret in ["", "AGE-SECRET-KEY-1", "voice"] {
            assert!(matches!(OfficerKey::from_secret("/k".into(), secret), Err(VaultError::NotAKey { .. })));
        }
    }

    #[test]
    fn a_vaults_key_is_beside_it() {
        assert_eq!(OfficerKey::beside(Path::new("/v/office"), Access::Open), Path::new("/v/office.key"));
        let governed = OfficerKey::beside(Path::new("/v/office"), Access::Governed);
        assert_eq!(governed, Path::new("/v/office.officer.age"));
    }
}
