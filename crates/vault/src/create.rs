//! Making a vault.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use age::secrecy::SecretString;
use chrono_tz::Tz;
use earwitness_model::WallTime;
use ed25519_dalek::SigningKey;
use rand::{RngCore, rngs::OsRng};
use zeroize::Zeroizing;

use crate::{
    cipher::CipherSuite,
    disk::{Disk, OpenAs, RealDisk, replace},
    error::{VaultError, failed},
    keys::{KeyKind, new_officer_key, write_key},
    layout::Layout,
    metadata_key::MetadataKey,
    settings::{Access, Settings},
};

/// What a new vault shall be.
pub struct NewVault<'a> {
    /// Who can open what it seals.
    pub access: Access,
    /// How it seals segments.
    pub cipher: CipherSuite,
    /// The office's zone, which fixes what a day is. It cannot be changed later.
    pub zone: Tz,
    /// The passphrase of a governed vault's officer's key; not used in an open one.
    pub passphrase: Option<SecretString>,
    /// Where the officer's key goes; `None`: beside the vault.
    pub officer_key: Option<&'a Path>,
    /// What the office's clock says.
    pub now: WallTime,
}

/// A vault was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Where the officer's key went. Without it nothing that the vault seals can ever be opened.
    pub officer_key: PathBuf,
}

/// Makes a vault in `dir`, which must not exist or be empty, and its officer's key.
///
/// The settings are written last: a directory without them is no vault yet.
///
/// # Errors
/// [`VaultError::AlreadyThere`], [`VaultError::PassphraseNeeded`], and what the disk says.
pub fn create(dir: &Path, new: NewVault<'_>) -> Result<Created, VaultError> {
    let disk = RealDisk;
    let layout = Layout { dir: std::path::absolute(dir).map_err(failed("find", dir))? };
    let (extension, passphrase) = match new.access {
        Access::Open => (".key", None),
        Access::Governed => {
            (".officer.age", Some(new.passphrase.as_ref().ok_or(VaultError::PassphraseNeeded)?))
        }
    };
    let officer_key = new.officer_key.map_or_else(|| layout.officer_key(extension), Path::to_owned);
    if !disk.list(&layout.dir).map_err(failed("list", &layout.dir))?.is_empty() {
        return Err(VaultError::AlreadyThere { path: layout.dir });
    }
    if officer_key.try_exists().map_err(failed("look for", &officer_key))? {
        return Err(VaultError::AlreadyThere { path: officer_key });
    }
    for made in [&layout.dir, &layout.keys(), &layout.volumes(), &layout.ledger()] {
        disk.make_dir(made).map_err(failed("make", made))?;
    }
    // A directory that was there already may have been made for others to read.
    std::fs::set_permissions(&layout.dir, Permissions::from_mode(0o700))
        .map_err(failed("make private", &layout.dir))?;
    write_keys(&disk, &layout, new.cipher)?;
    let (recipient, bytes) = new_officer_key(passphrase, new.now)
        .map_err(|cause| failed("make", &officer_key)(std::io::Error::other(cause)))?;
    write_officer_key(&disk, &officer_key, &bytes)?;
    let path = layout.key("officer.pub");
    replace(&disk, &path, format!("{recipient}\n").as_bytes()).map_err(failed("write", &path))?;
    let mut id = [0; 16];
    OsRng.fill_bytes(&mut id);
    Settings::new(id, new.cipher, new.access, new.zone).write(&disk, &layout.settings())?;
    let above = layout.dir.parent().unwrap_or(&layout.dir);
    disk.sync_dir(above).map_err(failed("sync", above))?;
    Ok(Created { officer_key })
}

fn write_keys(disk: &dyn Disk, layout: &Layout, suite: CipherSuite) -> Result<(), VaultError> {
    let mut seed = Zeroizing::new([0; 32]);
    OsRng.fill_bytes(&mut *seed);
    let public = SigningKey::from_bytes(&seed).verifying_key();
    write_key(disk, &layout.key("recorder.key"), KeyKind::Signing, &seed)?;
    write_key(disk, &layout.key("recorder.pub"), KeyKind::Verifying, public.as_bytes())?;
    write_key(disk, &layout.key("index.key"), KeyKind::Metadata, MetadataKey::random(suite).bytes())
}

/// Never over a file that is there: it may be the only key of another vault.
fn write_officer_key(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), VaultError> {
    let mut file = disk.open(path, OpenAs::New).map_err(|cause| {
        if cause.kind() == std::io::ErrorKind::AlreadyExists {
            return VaultError::AlreadyThere { path: path.into() };
        }
        failed("make", path)(cause)
    })?;
    file.append(bytes).and_then(|()| file.sync()).map_err(failed("write", path))?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    disk.sync_dir(dir).map_err(failed("sync", dir))
}
