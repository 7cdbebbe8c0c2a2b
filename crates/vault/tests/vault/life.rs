//! The ordinary life of a vault.

use std::{
    collections::{BTreeMap, HashSet},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use earwitness_model::{Decision, Flag, Refusal, TrackIndex, WallTime};
use earwitness_vault::{
    Access, CipherSuite, Committed, Entry, LIST_SIGNED_AS, LedgerKind, Manifest, NewVault, SecretString,
    StreamHash, Unlock, Vault, VaultError, create, verifying_key_in, verifying_key_text,
};

use crate::support::{
    NOW, Office, SEGMENTS, begin, call_id, check_whole, copy_dir, entries, entry, media, office_with,
    opening, payload, record, summary,
};

fn payload_hash(n: u32, track: u16) -> StreamHash {
    let mut sequences = SEGMENTS.concat();
    sequences.sort_unstable();
    let bytes: Vec<u8> = sequences.into_iter().flat_map(|sequence| payload(n, track, sequence)).collect();
    StreamHash { track: TrackIndex(track), payload_type: 8, blake3: Some(*blake3::hash(&bytes).as_bytes()) }
}

#[test]
fn what_goes_in_comes_out_under_both_suites() {
    for cipher in [CipherSuite::Aes256Gcm, CipherSuite::Aria256Gcm] {
        let office = Office::with(cipher);
        let vault = office.open();
        let (sealer, mut writer) = vault.writer().unwrap();
        record(&sealer, &mut writer, 1).unwrap();
        record(&sealer, &mut writer, 2).unwrap();
        assert!(entries(&vault).is_empty(), "nothing is listed before it is committed");
        let bytes = writer.uncommitted_bytes();
        let committed = writer.commit(NOW).unwrap();
        assert_eq!(committed, Committed { bytes, calls: vec![call_id(1), call_id(2)], shortened: 0 });
        assert_eq!(writer.uncommitted_bytes(), 0);
        let opener = office.opener(&vault);
        check_whole(&vault, &opener, 1);
        check_whole(&vault, &opener, 2);
        let recording = entry(&vault, 1).recording.unwrap();
        assert_eq!(recording.payload_hashes, [payload_hash(1, 0), payload_hash(1, 1)]);
        assert_eq!(recording.day.to_string(), "2026-11-21");
        assert_eq!(recording.retention_until.to_string(), "2027-02-19");
        assert_eq!((recording.interrupted, recording.volume), (false, 1));
        writer.close(NOW).unwrap();
        drop((vault, opener));
        let vault = office.open();
        assert!(vault.recovery().is_clean(), "{:?}", vault.recovery());
        check_whole(&vault, &office.opener(&vault), 2);
    }
}

#[test]
fn the_manifest_is_the_signed_whole_of_the_recording() {
    let office = office_with([1]);
    let vault = office.open();
    let entry = entry(&vault, 1);
    let manifest = vault.manifest(&entry).unwrap();
    let recording = entry.recording.unwrap();
    assert_eq!((manifest.recording, manifest.interrupted), (recording.id, false));
    assert_eq!(manifest.summary, summary(1));
    // Opened, two streams, signalling, three of media.
    assert_eq!(manifest.blocks.len(), 7);
    assert_eq!(manifest.sealed_blake3, *blake3::hash(manifest.blocks.as_flattened()).as_bytes());
    let mut ledger = vault.ledger().rows().map(Result::unwrap).collect::<Vec<_>>();
    let row = ledger.pop().unwrap();
    assert_eq!((row.kind, row.at), (LedgerKind::Recorded, NOW));
    assert!(row.payload.windows(32).any(|bytes| bytes == manifest.hash()));
    assert_eq!(Manifest::verified(b"short", &vault.verifying_key()), None);
}

#[test]
fn what_leaves_as_evidence_is_checked_without_a_secret_key() {
    use ed25519_dalek::{Signature, Verifier};

    let office = office_with([1, 2]);
    let vault = office.open();
    let entry = entry(&vault, 1);
    let (signed, key) = (vault.signed_manifest(&entry).unwrap(), vault.verifying_key());
    let manifest = Manifest::verified(&signed, &key).unwrap();
    assert_eq!(manifest, vault.manifest(&entry).unwrap());
    let blocks = vault.sealed_blocks(&entry).unwrap();
    assert_eq!(blocks.iter().map(|block| block.hash()).collect::<Vec<_>>(), manifest.blocks);
    assert_eq!(blocks.iter().map(|block| block.head.counter).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
    let volume = std::fs::read(office.volume()).unwrap();
    for block in &blocks {
        let bytes = block.to_bytes();
        assert_eq!(volume[block.at as usize..][..bytes.len()], bytes);
    }

    let list = [LIST_SIGNED_AS, b"anything"].concat();
    let signature = Signature::from_bytes(&vault.sign_list(&list).unwrap());
    assert!(key.verify(&list, &signature).is_ok());
    assert_eq!(vault.sign_list(b"earwitness manifest 1\nanything"), None, "only lists are signed");
    assert_eq!(verifying_key_in(verifying_key_text(&key).as_bytes()), Some(key));
    let public = std::fs::read(office.dir().join("keys/recorder.pub")).unwrap();
    assert_eq!(verifying_key_in(&public), Some(key));
}

#[test]
fn a_recording_that_comes_too_late_loses_its_hash_and_keeps_its_audio() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut recording = begin(&sealer, &mut writer, 1).unwrap();
    for sequences in [vec![1, 2], vec![4], vec![5], vec![3]] {
        writer.append(recording.seal(media(1, sequences))).unwrap();
    }
    writer.append(recording.finish(summary(1))).unwrap();
    writer.commit(NOW).unwrap();
    let entry = entry(&vault, 1);
    assert_eq!(entry.summary.flags, [Flag::LatePackets]);
    assert!(entry.recording.as_ref().unwrap().payload_hashes.iter().all(|hash| hash.blake3.is_none()));
    let opener = office.opener(&vault);
    assert_eq!(vault.verify(&entry, Some(&opener)), []);
    let packets: usize =
        opener.segments(&entry).unwrap().map(|segment| segment.unwrap().media().count()).sum();
    assert_eq!(packets, 10);
}

#[test]
fn no_audio_and_no_number_stands_in_the_vault() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    writer.exclude(&summary(2));
    begin(&sealer, &mut writer, 3).unwrap();
    writer.commit(NOW).unwrap();
    let mut secrets: HashSet<[u8; 16]> = HashSet::new();
    for sequence in SEGMENTS.concat() {
        for track in [0, 1] {
            secrets.extend(payload(1, track, sequence).array_windows::<16>());
        }
    }
    let numbers: [&[u8]; 5] = [b"0312227001", b"0312227002", b"0312227003", b"dialog-1@pc33", b"10.1.0.9"];
    let mut files = 0;
    for_each_file(&office.dir(), &mut |path, bytes| {
        files += 1;
        assert!(!bytes.array_windows::<16>().any(|run| secrets.contains(run)), "audio in {}", path.display());
        for number in numbers {
            assert!(!bytes.windows(number.len()).any(|run| run == number), "a number in {}", path.display());
        }
        let mode = path.metadata().unwrap().permissions().mode() & 0o077;
        assert!(mode == 0 || path.starts_with(office.dir().join("index")), "{} is {mode:o}", path.display());
    });
    assert!(files > 10);
}

fn for_each_file(dir: &Path, each: &mut impl FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            for_each_file(&path, each);
        } else {
            each(&path, &std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn a_rebuilt_index_lists_the_same() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    writer.commit(NOW).unwrap();
    let mut refused = summary(2);
    refused.verdict.decision = Decision::Refuse(Refusal::NoRule);
    writer.exclude(&refused);
    writer.exclude(&summary(1));
    record(&sealer, &mut writer, 3).unwrap();
    record(&sealer, &mut writer, 3).unwrap();
    writer.commit(NOW).unwrap();
    assert!(matches!(vault.rebuild_index(), Err(VaultError::WriterTaken)));
    writer.close(NOW).unwrap();
    let listed = entries(&vault);
    assert_eq!(
        listed.iter().map(|e| (e.summary.id, e.recording.is_some())).collect::<Vec<_>>(),
        [(call_id(1), true), (call_id(2), false), (call_id(3), true)]
    );
    assert_eq!(vault.check_index(), []);
    let rebuilt = vault.rebuild_index().unwrap();
    assert_eq!((rebuilt.recordings, rebuilt.excluded, rebuilt.told_ledger), (3, 2, 0));
    assert_eq!(entries(&vault), listed);
    drop(vault);
    std::fs::remove_dir_all(office.dir().join("index")).unwrap();
    let vault = office.open();
    assert!(!vault.recovery().is_clean());
    assert_eq!(entries(&vault), listed);
    vault.index().remove(call_id(3)).unwrap();
    assert_eq!(vault.check_index().len(), 2);
}

#[test]
fn full_volumes_take_no_more_recordings_but_keep_those_they_have() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    writer.rotate_at(2_000);
    let mut long = begin(&sealer, &mut writer, 1).unwrap();
    for n in 2..6 {
        record(&sealer, &mut writer, n).unwrap();
        writer.append(long.seal(media(1, [n]))).unwrap();
        writer.commit(NOW).unwrap();
    }
    writer.append(long.finish(summary(1))).unwrap();
    writer.close(NOW).unwrap();
    let volumes: BTreeMap<_, _> = (1..6).map(|n| (n, entry(&vault, n).recording.unwrap().volume)).collect();
    assert_eq!(volumes, BTreeMap::from([(1, 1), (2, 1), (3, 2), (4, 3), (5, 4)]));
    let opener = office.opener(&vault);
    (2..6).for_each(|n| check_whole(&vault, &opener, n));
    let verified = vault.verify_all(Some(&opener), &mut |_, findings| assert_eq!(findings, [])).unwrap();
    assert_eq!((verified.recordings, verified.broken), (5, 0));
    let marks = std::fs::read_dir(office.volume().parent().unwrap()).unwrap();
    assert!(marks.map(|name| name.unwrap().path()).all(|path| path.extension().is_some_and(|e| e == "vol")));
}

#[test]
fn the_next_process_goes_on_in_the_same_volume() {
    let office = office_with([1]);
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 2).unwrap();
    writer.close(NOW).unwrap();
    assert_eq!(entry(&vault, 2).recording.unwrap().volume, 1);
    let opener = office.opener(&vault);
    check_whole(&vault, &opener, 1);
    check_whole(&vault, &opener, 2);
}

#[test]
fn one_process_and_one_writer_at_a_time() {
    let office = Office::new();
    let vault = office.open();
    let error = Vault::open(&office.dir()).err().unwrap();
    assert!(matches!(error, VaultError::InUse { pid } if pid == Some(std::process::id())), "{error}");
    let writer = vault.writer().unwrap();
    assert!(matches!(vault.writer(), Err(VaultError::WriterTaken)));
    drop(writer);
    let writer = vault.writer().unwrap();
    drop(vault);
    assert!(matches!(Vault::open(&office.dir()), Err(VaultError::InUse { .. })), "its writer still lives");
    drop(writer);
    office.open();
}

#[test]
fn wrong_things_are_named() {
    let office = Office::new();
    let nothing = office.root().join("nothing");
    let error = Vault::open(&nothing).err().unwrap();
    assert!(
        error.to_string().ends_with("is not a vault: it has no vault.toml; `earwitness init` makes one"),
        "{error}"
    );
    let new = || NewVault {
        access: Access::Governed,
        cipher: CipherSuite::Aes256Gcm,
        zone: chrono_tz::UTC,
        passphrase: None,
        officer_key: None,
        now: NOW,
    };
    assert!(matches!(create(&nothing, new()), Err(VaultError::PassphraseNeeded)));
    let over = create(&office.dir(), NewVault { access: Access::Open, ..new() });
    assert!(matches!(over, Err(VaultError::AlreadyThere { path }) if path == office.dir()));
    std::fs::write(office.root().join("other.key"), "a key of somebody").unwrap();
    let over = create(&office.root().join("other"), NewVault { access: Access::Open, ..new() });
    assert!(
        matches!(over, Err(VaultError::AlreadyThere { path }) if path == office.root().join("other.key"))
    );
    let vault = office.open();
    let missing = vault.opener(Unlock::KeyFile(nothing.clone())).err().unwrap();
    assert!(matches!(missing, VaultError::OfficerKeyMissing { looked } if looked == nothing));
    let strange = Office::new();
    let other = vault.opener(Unlock::KeyFile(strange.key())).err().unwrap();
    assert!(matches!(other, VaultError::OtherOfficer { path } if path == strange.key()));
    let settings = office.dir().join("vault.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("format = 1", "format = 9")).unwrap();
    drop(vault);
    assert!(matches!(Vault::open(&office.dir()), Err(VaultError::Format { found: 9, .. })));
}

#[test]
fn a_vault_made_in_an_empty_directory_makes_it_private() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("mounted");
    std::fs::create_dir(&dir).unwrap();
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (access, cipher, zone) = (Access::Open, CipherSuite::Aes256Gcm, chrono_tz::UTC);
    create(&dir, NewVault { access, cipher, zone, passphrase: None, officer_key: None, now: NOW }).unwrap();
    assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(root.path().join("mounted.key").metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_refused_call_is_not_sealed_and_a_class_stays_in_its_directory() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, _writer) = vault.writer().unwrap();
    let mut refused = opening(1);
    refused.verdict.decision = Decision::Refuse(Refusal::Never);
    assert!(matches!(sealer.begin(&refused, NOW), Err(VaultError::Refused)));
    let mut climbing = opening(1);
    if let Decision::Admit(keep) = &mut climbing.verdict.decision {
        keep.retention.name = "../..".into();
    }
    assert!(matches!(sealer.begin(&climbing, NOW), Err(VaultError::ClassName { class }) if class == "../.."));
}

#[test]
fn a_governed_vault_opens_with_the_passphrase_wherever_its_key_is() {
    let root = tempfile::tempdir().unwrap();
    let (dir, key) = (root.path().join("vault"), root.path().join("on-a-stick.age"));
    let new = NewVault {
        access: Access::Governed,
        cipher: CipherSuite::Aes256Gcm,
        zone: chrono_tz::Asia::Seoul,
        passphrase: Some(SecretString::from("소나기 네 마리")),
        officer_key: Some(&key),
        now: NOW,
    };
    assert_eq!(create(&dir, new).unwrap().officer_key, key);
    let vault = Vault::open(&dir).unwrap();
    assert_eq!(
        (vault.access(), vault.default_officer_key()),
        (Access::Governed, root.path().join("vault.officer.age"))
    );
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    writer.commit(NOW).unwrap();
    let unlock = |passphrase: &str| Unlock::Passphrase { path: key.clone(), passphrase: passphrase.into() };
    assert!(
        matches!(vault.opener(unlock("소나기")), Err(VaultError::WrongPassphrase { path }) if path == key)
    );
    check_whole(&vault, &vault.opener(unlock("소나기 네 마리")).unwrap(), 1);
}

#[test]
fn a_copy_taken_while_recording_opens_with_what_was_committed() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    let mut running = begin(&sealer, &mut writer, 2).unwrap();
    writer.append(running.seal(media(2, [1, 2, 3]))).unwrap();
    writer.commit(NOW).unwrap();
    let copy = office.copy();
    let copied = copy.open();
    assert_eq!(copied.recovery().interrupted, [running.id()]);
    let opener = copy.opener(&copied);
    check_whole(&copied, &opener, 1);
    let interrupted = entry(&copied, 2);
    assert_eq!(interrupted.summary.flags, [Flag::Interrupted]);
    assert_eq!(interrupted.summary.facts, summary(2).facts);
    assert_eq!(interrupted.summary.tracks, summary(2).tracks);
    assert!(interrupted.recording.as_ref().unwrap().interrupted);
    assert_eq!(copied.verify(&interrupted, Some(&opener)), []);
    let packets: usize = opener.segments(&interrupted).unwrap().map(|s| s.unwrap().media().count()).sum();
    assert_eq!(packets, 6);
    drop((copied, opener));
    assert!(copy.open().recovery().is_clean());
}

#[test]
fn a_better_recording_is_not_hidden_behind_a_worse_one() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 1).unwrap();
    let later = WallTime::from_nanos(NOW.nanos() + 1_000_000_000);
    let (mut again, opened) = sealer.begin(&opening(1), later).unwrap();
    writer.append(opened).unwrap();
    writer.append(again.seal(media(1, [1]))).unwrap();
    writer.exclude(&summary(1));
    writer.commit(later).unwrap();
    let copy = Office::new();
    std::fs::remove_dir_all(copy.root()).unwrap();
    copy_dir(office.root(), copy.root());
    let copied = copy.open();
    assert_eq!(copied.recovery().interrupted, [again.id()]);
    check_whole(&copied, &copy.opener(&copied), 1);
    let listed: Vec<Entry> = entries(&copied);
    copied.rebuild_index().unwrap();
    assert_eq!(entries(&copied), listed);
}

/// The age program's answer; `None` when it is not installed.
fn age(identity: &Path, sealed: &Path) -> Option<Vec<u8>> {
    let output =
        std::process::Command::new("age").arg("-d").arg("-i").arg(identity).arg(sealed).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

#[test]
fn the_ordinary_age_program_opens_every_key_on_the_way_down() {
    let office = office_with([1, 2, 3]);
    let scratch = tempfile::tempdir().unwrap();
    let day_key = office.dir().join("keys/day/citizen-90d-2026-11-21.age");
    let Some(day) = age(&office.key(), &day_key) else {
        eprintln!("skipped: the age program is not installed");
        return;
    };
    let day_file = scratch.path().join("day");
    std::fs::write(&day_file, day).unwrap();
    let keys = std::fs::read(office.key_file()).unwrap();
    let wrapped = scratch.path().join("wrapped");
    let mut rest = &keys[128..];
    for n in 1..=3 {
        let length = usize::from(u16::from_le_bytes([rest[6], rest[7]]));
        let (row, behind) = rest.split_at(24 + length + 4);
        let id = entry(&office.open(), n).recording.unwrap().id;
        assert_eq!(row[8..24], id.to_bytes());
        // The first began alone; the others share what is wrapped for them, and each has its own copy of it.
        let (place, name) = if n == 1 { (28, id.to_bytes()) } else { (28 + 52, *b"earwitness batch") };
        std::fs::write(&wrapped, &row[place..row.len() - 4]).unwrap();
        let content = age(&day_file, &wrapped).unwrap();
        assert_eq!((&content[..16], content.len()), (&name[..], 48));
        rest = behind;
    }
    assert!(rest.is_empty());
}

#[test]
fn keys_are_wrapped_together_for_half_a_second_or_until_they_are_closed() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    let at = |ms: i64| WallTime::from_nanos(NOW.nanos() + ms * 1_000_000);
    let begin = |n: u32, ms: i64| sealer.begin(&opening(n), at(ms)).unwrap().1;
    // Alone, together, together, too late, a clock that was set back, together, closed, together.
    let mut blocks: Vec<_> =
        [(1, 0), (2, 1), (3, 499), (4, 500), (5, 400), (6, 899)].map(|(n, ms)| begin(n, ms)).into();
    sealer.close_batches();
    blocks.extend([begin(7, 899), begin(8, 899)]);
    // A clone's batches are its own.
    blocks.push(sealer.clone().begin(&opening(9), at(900)).unwrap().1);
    blocks.into_iter().for_each(|block| writer.append(block).unwrap());
    writer.close(NOW).unwrap();
    let keys = std::fs::read(office.key_file()).unwrap();
    let (mut rest, mut states) = (&keys[128..], Vec::new());
    while !rest.is_empty() {
        states.push(rest[4]);
        rest = &rest[24 + usize::from(u16::from_le_bytes([rest[6], rest[7]])) + 4..];
    }
    assert_eq!(states, [4, 5, 5, 4, 4, 5, 4, 5, 4]);
}
