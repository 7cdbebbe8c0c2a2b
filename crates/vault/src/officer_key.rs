//! The officer's key, opened: what an [`crate::Opener`] is made of. And its public half, which is all that a vault needs to be
//! made for an officer, or given to another.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use age::{
    secrecy::SecretString,
    x25519::{Identity, Recipient},
};
use earwitness_model::WallTime;
use zeroize::Zeroizing;

use crate::{
    disk::{Disk, OpenAs, RealDisk, if_there, read_all},
    error::{VaultError, failed},
    keys::{is_under_passphrase, officer_file, open_officer_key},
    keys_error::KeysError,
    layout::Layout,
    settings::Access,
};

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

    /// A new one, of which there is no file yet.
    #[must_use]
    pub fn generate() -> Self {
        Self { identity: Identity::generate(), path: PathBuf::new() }
    }

    /// One that was put together from its shares.
    pub(crate) fn joined(identity: Identity) -> Self {
        Self { identity, path: PathBuf::new() }
    }

    /// Whether a key file needs a passphrase.
    ///
    /// # Errors
    /// [`VaultError::OfficerKeyMissing`], and what the disk says.
    pub fn is_under_passphrase(path: &Path) -> Result<bool, VaultError> {
        let read = if_there(read_all(&RealDisk, path).map(Zeroizing::new)).map_err(failed("read", path))?;
        let bytes = read.ok_or_else(|| VaultError::OfficerKeyMissing { looked: path.to_owned() })?;
        Ok(is_under_passphrase(&bytes))
    }

    /// Its public half.
    #[must_use]
    pub fn recipient(&self) -> OfficerRecipient {
        OfficerRecipient(self.identity.to_public())
    }

    /// Writes it into a new file, under a passphrase when there is one. Never over a file that is there: it may be the only key
    /// of another vault.
    ///
    /// # Errors
    /// [`VaultError::AlreadyThere`], and what the disk says.
    pub fn write(
        &self,
        path: &Path,
        passphrase: Option<&SecretString>,
        now: WallTime,
    ) -> Result<(), VaultError> {
        let bytes = officer_file(&self.identity, passphrase, now)
            .map_err(|cause| failed("make", path)(io::Error::other(cause)))?;
        write_new(&RealDisk, path, &bytes)
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

/// The public half of an officer's key, as `age-keygen -y` prints it: `age1…`.
#[derive(Clone)]
pub struct OfficerRecipient(pub(crate) Recipient);

impl OfficerRecipient {
    /// The one public key in a file; empty lines and those that begin with `#` do not count.
    ///
    /// # Errors
    /// [`KeysError::Recipients`] when there is none or another one, [`KeysError::NotARecipient`]; what the disk says.
    pub fn in_file(path: &Path) -> Result<Self, VaultError> {
        let bytes = read_all(&RealDisk, path).map_err(failed("read", path))?;
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| is_content(line)).collect();
        match lines.as_slice() {
            [line] => Ok(line.parse()?),
            lines => Err(KeysError::Recipients { path: path.to_owned(), found: lines.len() }.into()),
        }
    }
}

fn is_content(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

impl FromStr for OfficerRecipient {
    type Err = KeysError;

    fn from_str(text: &str) -> Result<Self, KeysError> {
        Recipient::from_str(text.trim()).map(Self).map_err(|_cause| KeysError::NotARecipient)
    }
}

impl fmt::Display for OfficerRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for OfficerRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OfficerRecipient({})", self.0)
    }
}

/// Puts a secret into a file that must not be there.
pub(crate) fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), VaultError> {
    let mut file = disk.open(path, OpenAs::New).map_err(|cause| {
        if cause.kind() == io::ErrorKind::AlreadyExists {
            return VaultError::AlreadyThere { path: path.into() };
        }
        failed("make", path)(cause)
    })?;
    file.append(bytes).and_then(|()| file.sync()).map_err(failed("write", path))?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    disk.sync_dir(dir).map_err(failed("sync", dir))
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
    fn a_written_key_opens_and_is_never_written_over_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("officer");
        let key = OfficerKey::generate();
        key.write(&path, None, WallTime::from_nanos(0)).unwrap();
        let again = OfficerKey::read(&path, None).unwrap();
        assert_eq!(again.recipient().to_string(), key.recipient().to_string());
        assert!(!OfficerKey::is_under_passphrase(&path).unwrap());
        let refused = OfficerKey::generate().write(&path, None, WallTime::from_nanos(0)).unwrap_err();
        assert!(matches!(refused, VaultError::AlreadyThere { .. }));
    }

    #[test]
    fn a_file_of_public_keys_names_one_officer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("recipients");
        let (one, other) = (OfficerKey::generate().recipient(), OfficerKey::generate().recipient());
        let read = |text: String| {
            std::fs::write(&path, text).unwrap();
            OfficerRecipient::in_file(&path)
        };
        let found = read(format!("# the officer\n\n  {one}\n")).unwrap();
        assert_eq!(found.to_string(), one.to_string());
        for (text, count) in [(String::new(), 0), (format!("{one}\n{other}\n"), 2)] {
            let refused = read(text).unwrap_err();
            assert!(
                matches!(refused, VaultError::Keys(KeysError::Recipients { found, .. }) if found == count)
            );
        }
        for text in ["age1", "AGE-SECRET-KEY-1", &one.to_string()[..61]] {
            assert!(matches!(text.parse::<OfficerRecipient>(), Err(KeysError::NotARecipient)), "{text}");
        }
    }

    #[test]
    fn a_vaults_key_is_beside_it() {
        assert_eq!(OfficerKey::beside(Path::new("/v/office"), Access::Open), Path::new("/v/office.key"));
        let governed = OfficerKey::beside(Path::new("/v/office"), Access::Governed);
        assert_eq!(governed, Path::new("/v/office.officer.age"));
    }
}
