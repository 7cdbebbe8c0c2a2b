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
    disk::{Disk, RealDisk},
    error::{VaultError, failed},
    index_key::write_index_check,
    keys::{KeyKind, write_key},
    layout::Layout,
    metadata_key::MetadataKey,
    officer_key::{OfficerKey, OfficerRecipient},
    rotation::write_recipient,
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

/// Who holds the keys of a new vault, where that is not as usual.
#[derive(Debug, Clone, Default)]
pub struct KeyHolders {
    /// The officer, by the public half of a key that there is already. `None`: a new key is made.
    pub officer: Option<OfficerRecipient>,
    /// Where the index key goes, so that the vault's directory alone names nobody. `None`: into the vault.
    pub index_key: Option<PathBuf>,
}

/// Makes a vault in `dir`, which must not exist or be empty, and its officer's key.
///
/// The settings are written last: a directory without them is no vault yet.
///
/// # Errors
/// [`VaultError::AlreadyThere`], [`VaultError::PassphraseNeeded`], and what the disk says.
pub fn create(dir: &Path, new: NewVault<'_>) -> Result<Created, VaultError> {
    let made = create_for(dir, new, &KeyHolders::default())?;
    Ok(Created { officer_key: made.expect("a vault without a known officer has a new key") })
}

/// [`create`] with keys in other hands. Gives where the new officer's key went; `None`: none was made, for the officer has one.
///
/// # Errors
/// Those of [`create`].
pub fn create_for(
    dir: &Path,
    new: NewVault<'_>,
    holders: &KeyHolders,
) -> Result<Option<PathBuf>, VaultError> {
    let disk = RealDisk;
    let layout = Layout { dir: std::path::absolute(dir).map_err(failed("find", dir))? };
    let index_key =
        holders.index_key.as_deref().map(|path| std::path::absolute(path).map_err(failed("find", path)));
    let index_key = index_key.transpose()?;
    if !disk.list(&layout.dir).map_err(failed("list", &layout.dir))?.is_empty() {
        return Err(VaultError::AlreadyThere { path: layout.dir });
    }
    let officer_key = match holders.officer {
        Some(_) => None,
        None => Some(place_of_new_key(&layout, &new)?),
    };
    for path in officer_key.iter().chain(&index_key) {
        if path.try_exists().map_err(failed("look for", path))? {
            return Err(VaultError::AlreadyThere { path: path.clone() });
        }
    }
    for made in [&layout.dir, &layout.keys(), &layout.volumes(), &layout.ledger()] {
        disk.make_dir(made).map_err(failed("make", made))?;
    }
    // A directory that was there already may have been made for others to read.
    std::fs::set_permissions(&layout.dir, Permissions::from_mode(0o700))
        .map_err(failed("make private", &layout.dir))?;
    let mut id = [0; 16];
    OsRng.fill_bytes(&mut id);
    let settings = Settings::new(id, new.cipher, new.access, new.zone);
    write_keys(&disk, (&layout, &settings), index_key.as_deref())?;
    let officer = match (&holders.officer, &officer_key) {
        (Some(officer), _) => officer.clone(),
        (None, at) => {
            let at = at.as_deref().expect("a new key has a place");
            let key = OfficerKey::generate();
            key.write(at, new.passphrase.as_ref().filter(|_| new.access == Access::Governed), new.now)?;
            key.recipient()
        }
    };
    write_recipient(&disk, &layout.key("officer.pub"), &officer.0)?;
    settings.write(&disk, &layout.settings())?;
    let above = layout.dir.parent().unwrap_or(&layout.dir);
    disk.sync_dir(above).map_err(failed("sync", above))?;
    Ok(officer_key)
}

fn place_of_new_key(layout: &Layout, new: &NewVault<'_>) -> Result<PathBuf, VaultError> {
    let extension = match new.access {
        Access::Open => ".key",
        Access::Governed if new.passphrase.is_some() => ".officer.age",
        Access::Governed => return Err(VaultError::PassphraseNeeded),
    };
    Ok(new.officer_key.map_or_else(|| layout.officer_key(extension), Path::to_owned))
}

fn write_keys(
    disk: &dyn Disk,
    (layout, settings): (&Layout, &Settings),
    index_key: Option<&Path>,
) -> Result<(), VaultError> {
    let mut seed = Zeroizing::new([0; 32]);
    OsRng.fill_bytes(&mut *seed);
    let public = SigningKey::from_bytes(&seed).verifying_key();
    write_key(disk, &layout.key("recorder.key"), KeyKind::Signing, &seed)?;
    write_key(disk, &layout.key("recorder.pub"), KeyKind::Verifying, public.as_bytes())?;
    let metadata = MetadataKey::random(settings.cipher);
    let own = layout.key("index.key");
    write_key(disk, index_key.unwrap_or(&own), KeyKind::Metadata, metadata.bytes())?;
    write_index_check(disk, (layout, settings), &metadata)
}
