//! `backup` and `restore`, as an office uses them.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::{fs, os::unix::fs::MetadataExt};

use support::{Bench, files};

/// How many files a backup has, and how many of them were copied by this run of it.
fn counts(said: &str) -> (u64, u64) {
    let (files, copied) = said.split_once(" in copy, ").unwrap();
    let [files, copied] = [files, copied].map(|words| words.split(' ').next().unwrap().parse().unwrap());
    (files, copied)
}

#[test]
fn a_backup_checks_by_itself_and_is_the_same_vault_again_with_its_keys() {
    let bench = Bench::with_office();
    let said = bench.run(["backup", "copy"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("holds no key"), "{said:?}");
    let (first, copied) = counts(&said.out);
    assert_eq!(copied, first, "{said:?}");
    assert!(!bench.path("copy/keys").exists() && !bench.path("copy/index").exists());
    let key = bench.vault().join("keys/recorder.pub");
    let check = ["backup", "--check", "copy", "--public-key", key.to_str().unwrap()];
    assert!(bench.done(check).contains("signed by this recorder"));

    let vault = bench.vault();
    let restore = ["restore", "copy", "--keys", vault.to_str().unwrap(), "--vault", "again"];
    assert!(bench.done(restore).starts_with("6 recordings in again"));
    let list = ["list", "--all", "--json", "--sha256"];
    let with_key = ["--vault", "again", "--officer-key", "vault.key"];
    let again = bench.done(list.iter().chain(&with_key));
    assert_eq!(again, bench.done(list));
    assert!(
        bench.done(["verify", "--all", "--opened"].iter().chain(&with_key)).starts_with("6 recordings whole")
    );
    bench.done(["index", "check", "--vault", "again"]);
    // What is there is not written over.
    assert_eq!(bench.run(restore).code, Some(1));

    // Volumes that are there already stay as they lie; the ledger grew.
    let lie = |part: &str| {
        let all = files(&bench.path("copy").join(part)).into_iter();
        all.map(|path| (fs::metadata(&path).unwrap().ino(), path)).collect::<Vec<_>>()
    };
    let (volumes, ledger) = (lie("volumes"), lie("ledger"));
    let (second, copied) = counts(&bench.done(["backup", "copy"]));
    assert!(second == first && copied < first, "{copied} of {second} files, {first} before");
    assert!(volumes == lie("volumes") && !volumes.is_empty() && ledger != lie("ledger"), "{volumes:?}");
    fs::write(bench.path("copy/volumes/citizen-90d/2026-11-21/9.vol"), "left over").unwrap();
    assert!(bench.done(["backup", "--prune", "copy"]).starts_with("1 file removed"));
    bench.done(check);
}

#[test]
fn a_changed_backup_and_the_keys_of_another_vault_are_refused_with_their_names() {
    let bench = Bench::with_office();
    bench.done(["backup", "copy"]);
    bench.done(["init", "--access", "open", "--vault", "other"]);
    let said = bench.run(["restore", "copy", "--keys", "other", "--vault", "again"]);
    assert!(said.code != Some(0) && said.err.contains("other"), "{said:?}");
    assert!(!bench.path("again").exists());
    assert!(!bench.path("again.restoring").exists(), "no key is left of it");

    let volume = bench.path("copy/volumes/citizen-90d/2026-11-21/1.vol");
    let mut bytes = fs::read(&volume).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&volume, bytes).unwrap();
    let said = bench.run(["backup", "--check", "copy"]);
    assert!(said.code == Some(5) && said.out.contains("1.vol"), "{said:?}");
    let vault = bench.vault();
    let restore = ["restore", "copy", "--keys", vault.to_str().unwrap(), "--vault", "again"];
    let said = bench.run(restore);
    assert!(said.code == Some(5) && said.err.contains("1.vol"), "{said:?}");
    assert!(!bench.path("again.restoring").exists(), "no key is left of it");
    // Whoever has looked takes it all the same: one call has a byte that is not what it was.
    let said = bench.run(restore.iter().chain(&["--past-damage"]));
    assert!(said.code == Some(7) && said.err.contains("1.vol"), "{said:?}");
    let verified = bench.run(["verify", "--all", "--vault", "again"]);
    assert_eq!(verified.code, Some(5), "{verified:?}");
}
