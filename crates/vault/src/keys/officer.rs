//! The officer's key: an age identity, in a file that the ordinary `age` program opens too.
//!
//! An open vault's is what `age-keygen` writes. A governed vault's is the same text under a passphrase
//! (`age -p`): `age -d vault.officer.age` shows it, `age -i vault.officer.age` uses it.

use std::{path::Path, str::FromStr};

use age::{
    DecryptError,
    secrecy::{ExposeSecret, SecretString},
    x25519::Identity,
};
use chrono::DateTime;
use earwitness_model::WallTime;
use zeroize::Zeroizing;

use crate::{
    disk::{Disk, if_there, read_all},
    error::{VaultError, failed},
};

/// scrypt's work factor, that of the age program: about a second and 256 MiB for each guess.
const WORK_FACTOR: u8 = 18;
/// The most that is tried, of files made elsewhere: about four seconds and 1 GiB. Unless it is said, age measures how fast the
/// machine is just then, and a busy one refuses its own officer.
const MOST_WORK: u8 = 20;

/// How the age format begins, plain and in armour: a key file under a passphrase.
const UNDER_PASSPHRASE: [&[u8]; 2] = [b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----"];

/// Whether the bytes of a key file need a passphrase.
pub(crate) fn is_under_passphrase(bytes: &[u8]) -> bool {
    UNDER_PASSPHRASE.iter().any(|begin| bytes.starts_with(begin))
}

/// The bytes of an officer's key file.
pub(crate) fn officer_file(
    identity: &Identity,
    passphrase: Option<&SecretString>,
    now: WallTime,
) -> Result<Zeroizing<Vec<u8>>, age::EncryptError> {
    let recipient = identity.to_public();
    let created = DateTime::from_timestamp_nanos(now.nanos()).format("%Y-%m-%dT%H:%M:%SZ");
    let secret = identity.to_string();
    let comments = format!("# created: {created}\n# public key: {recipient}\n");
    // As long as it gets: a text that grew would leave the secret where it was before.
    let mut text = Zeroizing::new(String::with_capacity(comments.len() + secret.expose_secret().len() + 1));
    [&comments, secret.expose_secret(), "\n"].iter().for_each(|part| text.push_str(part));
    let bytes = match passphrase {
        None => text.as_bytes().to_vec(),
        Some(passphrase) => {
            let mut scrypt = age::scrypt::Recipient::new(passphrase.clone());
            scrypt.set_work_factor(WORK_FACTOR);
            age::encrypt(&scrypt, text.as_bytes())?
        }
    };
    Ok(Zeroizing::new(bytes))
}

/// Opens the officer's key file.
pub(crate) fn open_officer_key(
    disk: &dyn Disk,
    path: &Path,
    passphrase: Option<&SecretString>,
) -> Result<Identity, VaultError> {
    let read = if_there(read_all(disk, path).map(Zeroizing::new)).map_err(failed("read", path))?;
    let Some(bytes) = read else { return Err(VaultError::OfficerKeyMissing { looked: path.into() }) };
    let not_a_key = || VaultError::NotAKey { path: path.into() };
    match passphrase {
        None => identity_in(&bytes).ok_or_else(not_a_key),
        Some(passphrase) => {
            let mut identity = age::scrypt::Identity::new(passphrase.clone());
            identity.set_max_work_factor(MOST_WORK);
            let text = age::decrypt(&identity, &bytes).map(Zeroizing::new).map_err(|cause| {
                if matches!(cause, DecryptError::DecryptionFailed) {
                    return VaultError::WrongPassphrase { path: path.into() };
                }
                not_a_key()
            })?;
            identity_in(&text).ok_or_else(not_a_key)
        }
    }
}

/// A day's private key, unwrapped with the officer's; `None` when it is not this officer's, or damaged.
pub(crate) fn open_identity(officer: &Identity, wrapped: &[u8]) -> Option<Identity> {
    identity_in(&Zeroizing::new(age::decrypt(officer, wrapped).ok()?))
}

/// The first identity of an identity file; other lines are comments.
fn identity_in(text: &[u8]) -> Option<Identity> {
    std::str::from_utf8(text).ok()?.lines().find_map(|line| Identity::from_str(line.trim()).ok())
}

#[cfg(test)]
mod tests {
    use age::x25519::Recipient;

    use super::*;
    use crate::disk::RealDisk;

    fn written(passphrase: Option<&str>) -> (tempfile::TempDir, std::path::PathBuf, Recipient) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("officer");
        let identity = Identity::generate();
        let passphrase = passphrase.map(SecretString::from);
        let bytes = officer_file(&identity, passphrase.as_ref(), WallTime::from_nanos(0)).unwrap();
        assert_eq!(is_under_passphrase(&bytes), passphrase.is_some());
        std::fs::write(&path, &*bytes).unwrap();
        (dir, path, identity.to_public())
    }

    fn opened(path: &Path, passphrase: Option<&str>) -> Result<String, VaultError> {
        let passphrase = passphrase.map(SecretString::from);
        open_officer_key(&RealDisk, path, passphrase.as_ref()).map(|key| key.to_public().to_string())
    }

    #[test]
    fn a_plain_key_opens_without_a_passphrase() {
        let (_dir, path, recipient) = written(None);
        assert_eq!(opened(&path, None).unwrap(), recipient.to_string());
        assert!(matches!(opened(&path, Some("any")), Err(VaultError::NotAKey { .. })));
    }

    #[test]
    fn a_governed_key_opens_with_its_passphrase_only() {
        let (_dir, path, recipient) = written(Some("소나기 네 마리"));
        assert_eq!(opened(&path, Some("소나기 네 마리")).unwrap(), recipient.to_string());
        assert!(matches!(opened(&path, Some("소나기")), Err(VaultError::WrongPassphrase { .. })));
        assert!(matches!(opened(&path, None), Err(VaultError::NotAKey { .. })));
    }

    #[test]
    fn a_missing_key_says_where_it_was_looked_for() {
        let error = opened(Path::new("/nowhere/officer"), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the officer's key is not at /nowhere/officer: give the path of the key file"
        );
    }
}
