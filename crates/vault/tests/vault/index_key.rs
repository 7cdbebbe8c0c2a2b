//! The index key elsewhere: the vault's directory alone names nobody.

use std::{path::Path, sync::Arc};

use earwitness_vault::{
    Access, CipherSuite, KeyHolders, KeysError, NewVault, OfficerKey, Vault, VaultError, create_for,
};

use crate::support::{
    NOW, check_whole, copy_dir,
    disk::{Crash, Image, Images, WatchedDisk},
    entries, office_with, record,
};

fn new() -> NewVault<'static> {
    NewVault {
        access: Access::Governed,
        cipher: CipherSuite::Aes256Gcm,
        zone: chrono_tz::Asia::Seoul,
        passphrase: None,
        officer_key: None,
        now: NOW,
    }
}

/// Whether any file below the folder has these bytes.
fn holds(dir: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, bytes);
        }
        std::fs::read(&path).unwrap().windows(bytes.len()).any(|part| part == bytes)
    })
}

#[test]
fn a_copy_of_the_vault_without_the_key_opens_for_nobody_and_names_nobody() {
    let root = tempfile::tempdir().unwrap();
    let (dir, key_at) = (root.path().join("vault"), root.path().join("index.key"));
    let officer = OfficerKey::generate();
    let holders = KeyHolders { officer: Some(officer.recipient()), index_key: Some(key_at.clone()) };
    assert_eq!(create_for(&dir, new(), &holders).unwrap(), None, "the officer has a key");
    assert!(!root.path().join("vault.officer.age").exists());
    let vault = Vault::open_with_index_key(&dir, Some(&key_at)).unwrap();
    assert_eq!(vault.officer().to_string(), officer.recipient().to_string());
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    writer.close(NOW).unwrap();
    drop(vault);
    let thief = tempfile::tempdir().unwrap();
    let stolen = thief.path().join("vault");
    copy_dir(&dir, &stolen);
    for refused in [Vault::open(&stolen), Vault::open_to_read(&stolen)] {
        let refused = refused.err().unwrap();
        assert!(matches!(&refused, VaultError::Keys(KeysError::IndexKeyMissing { .. })), "{refused}");
        assert!(refused.to_string().contains("--index-key"), "{refused}");
    }
    for told in ["0312227001", "312227001", "dialog-1@pc33", "ivr", "desk"] {
        assert!(!holds(&stolen, told.as_bytes()), "{told}");
    }
    let vault = Vault::open_with_index_key(&stolen, Some(&key_at)).unwrap();
    assert_eq!(entries(&vault)[0].summary.facts.from.user.as_ref().unwrap().expose(), "0312227001");
    check_whole(&vault, &vault.opener_with(officer).unwrap(), 1);
}

#[test]
fn another_vaults_index_key_is_named_and_not_used() {
    let (office, other) = (office_with([1]), office_with([2]));
    let foreign = other.dir().join("keys/index.key");
    let before = std::fs::read(office.dir().join("ledger").join("2026-11.log")).unwrap();
    let refused = Vault::open_with_index_key(&office.dir(), Some(&foreign)).err().unwrap();
    assert!(matches!(&refused, VaultError::Keys(KeysError::OtherIndexKey { path }) if *path == foreign));
    std::fs::copy(&foreign, office.dir().join("keys/index.key")).unwrap();
    let refused = Vault::open(&office.dir()).err().unwrap();
    assert!(matches!(refused, VaultError::Keys(KeysError::OtherIndexKey { .. })), "{refused}");
    assert_eq!(std::fs::read(office.dir().join("ledger").join("2026-11.log")).unwrap(), before);
    let nowhere = Path::new("/nowhere/index.key");
    let refused = Vault::open_with_index_key(&office.dir(), Some(nowhere)).err().unwrap();
    assert!(refused.to_string().contains("/nowhere/index.key"), "{refused}");
    let damaged = other.root().join("damaged.key");
    std::fs::write(&damaged, "earwitness-metadata 00 00\n").unwrap();
    let refused = Vault::open_with_index_key(&other.dir(), Some(&damaged)).err().unwrap();
    assert!(matches!(refused, VaultError::KeyDamaged { path } if path == damaged));
}

#[test]
fn a_vault_from_before_the_check_opens_and_gets_one_when_its_key_moves() {
    let office = office_with([1]);
    let check = office.dir().join("keys/index.check");
    std::fs::remove_file(&check).unwrap();
    let vault = office.open();
    let elsewhere = office.root().join("usb.key");
    assert_eq!(vault.move_index_key(&elsewhere).unwrap(), elsewhere);
    assert!(check.exists());
    drop(vault);
    assert!(Vault::open(&office.dir()).is_err());
    let vault = Vault::open_with_index_key(&office.dir(), Some(&elsewhere)).unwrap();
    assert_eq!(entries(&vault).len(), 1);
    let refused = vault.move_index_key(&office.key()).unwrap_err();
    assert!(matches!(refused, VaultError::AlreadyThere { .. }), "never over another file");
    drop(vault);
    std::fs::remove_file(&check).unwrap();
    let refused = Vault::open_with_index_key(&office.dir(), Some(&elsewhere)).err().unwrap();
    assert!(
        matches!(refused, VaultError::KeyDamaged { path } if path == check),
        "a key is not believed unchecked"
    );
}

#[test]
fn a_crash_while_the_key_moves_leaves_it_somewhere_and_the_move_can_be_done_again() {
    let office = office_with([1]);
    let (root, key) = (office.root().to_owned(), std::fs::read(office.dir().join("keys/index.key")).unwrap());
    let to = root.join("usb/index.key");
    std::fs::create_dir(root.join("usb")).unwrap();
    let mut image = Image::of(&root);
    let disk = WatchedDisk::default();
    let vault = Vault::open_on(Arc::new(disk.clone()), &office.dir()).unwrap();
    vault.move_index_key(&to).unwrap();
    drop(vault);
    let told = std::mem::take(&mut disk.journal.lock().unwrap().told);
    assert!(told.len() > 10, "{told:?}");
    let mut images = Images::default();
    for (place, operation) in told.iter().enumerate() {
        image.apply(operation);
        for crash in [Crash::Kill, Crash::Forget, Crash::Zeros] {
            let at = format!("{crash:?} after {place}");
            let left = tempfile::tempdir().unwrap();
            image.leave(crash, &root, left.path());
            let (dir, there) = (left.path().join("vault"), left.path().join("usb/index.key"));
            if std::fs::read(&there).is_ok_and(|bytes| bytes == key) {
                let vault = Vault::open_with_index_key(&dir, Some(&there)).unwrap();
                assert_eq!(entries(&vault).len(), 1, "{at}");
            }
            if let Ok(vault) = Vault::open(&dir) {
                vault.move_index_key(&there).unwrap_or_else(|error| panic!("{at}: {error}"));
                drop(vault);
            }
            let vault =
                Vault::open_with_index_key(&dir, Some(&there)).unwrap_or_else(|e| panic!("{at}: {e}"));
            assert_eq!(entries(&vault).len(), 1, "{at}");
            images.count(crash);
        }
    }
    images.tell("index key that moves");
    assert!(!office.dir().join("keys/index.key").exists());
    assert_eq!(std::fs::read(to).unwrap(), key);
}
