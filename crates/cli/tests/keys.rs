//! Who holds which key: an officer of one's own, another officer, shares and sheets, copies, and an index key elsewhere.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use earwitness_testkit::{demo, pcap};
use support::{
    Bench, Said, files, until,
    wire::{Wire, may_lock_memory},
};

/// An age identity that the officer had before there was a vault: its file, and its public key.
fn identity(bench: &Bench, name: &str) -> (PathBuf, String) {
    let key = earwitness_vault::OfficerKey::generate();
    let path = bench.path(name);
    key.write(&path, None, earwitness_model::WallTime::from_nanos(0)).unwrap();
    (path, key.recipient().to_string())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A call that was kept.
fn recorded(bench: &Bench) -> String {
    let calls = bench.calls(&[]);
    calls.iter().find(|call| !call["recording"].is_null()).unwrap()["id"].as_str().unwrap().to_owned()
}

fn fails(said: &Said, code: i32, parts: &[&str]) {
    assert_eq!(said.code, Some(code), "{said:?}");
    parts.iter().for_each(|part| assert!(said.err.contains(part), "{part}: {said:?}"));
}

/// A governed vault for an officer who has a key, with the demo office in it.
fn governed() -> (Bench, PathBuf, String) {
    let bench = Bench::new();
    let (key, public) = identity(&bench, "officer.txt");
    bench.done(["init", "--zone", "Asia/Seoul", "--recipient", &public]);
    let office = bench.office();
    bench.done(["record".as_ref(), "-r".as_ref(), office.as_os_str()]);
    (bench, key, public)
}

fn export(bench: &Bench, key: &Path) -> Said {
    let (id, key) = (recorded(bench), text(key).to_owned());
    let place = bench.path("a.wav");
    fs::remove_file(&place).unwrap_or_default();
    bench.run(["export", &id, "-o", text(&place), "--officer-key", &key])
}

#[test]
fn a_vault_for_an_officer_who_has_a_key_makes_none_and_opens_with_it() {
    let bench = Bench::new();
    let (key, public) = identity(&bench, "officer.txt");
    let said = bench.run(["init", "--zone", "Asia/Seoul", "--recipient", &public]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains(&public) && said.err.contains("no officer's key was made"), "{said:?}");
    assert!(!bench.path("vault.officer.age").exists());
    let office = bench.office();
    bench.done(["record".as_ref(), "-r".as_ref(), office.as_os_str()]);
    assert_eq!(export(&bench, &key).code, Some(0));
    // The same identity under a passphrase.
    let locked = bench.path("locked.age");
    fs::write(bench.path("word"), "소나기 네 마리\n").unwrap();
    let word = earwitness_vault::SecretString::from("소나기 네 마리");
    let opened = earwitness_vault::OfficerKey::read(&key, None).unwrap();
    opened.write(&locked, Some(&word), earwitness_model::WallTime::from_nanos(0)).unwrap();
    let with = ["keys", "unlock", "--officer-key", text(&locked), "--passphrase-file", "word"];
    assert!(bench.done(with).contains("opens this vault"));
    fails(&bench.run(["keys", "unlock"]), 3, &["vault.officer.age"]);
    let (other, _) = identity(&bench, "other.txt");
    fails(&export(&bench, &other), 4, &["is not the officer's key of this vault"]);
    assert!(bench.done(["keys", "show"]).contains(&public));
}

#[test]
fn a_recipient_is_read_from_a_file_and_a_wrong_one_makes_no_vault() {
    let bench = Bench::new();
    let (key, public) = identity(&bench, "officer.txt");
    fs::write(bench.path("public"), format!("# the officer\n{public}\n")).unwrap();
    bench.done(["init", "--zone", "Asia/Seoul", "--recipient-file", "public"]);
    bench.done(["keys", "unlock", "--officer-key", text(&key)]);
    let bench = Bench::new();
    fails(&bench.run(["init", "--recipient", "age1abc"]), 2, &["age1"]);
    fs::write(bench.path("two"), format!("{public}\n{public}\n")).unwrap();
    fails(&bench.run(["init", "--recipient-file", "two"]), 2, &["2 public keys"]);
    fails(&bench.run(["init", "--access", "open", "--recipient", &public]), 2, &["governed"]);
    assert!(!bench.vault().exists());
}

#[test]
fn after_a_rotation_the_officer_after_opens_and_the_officer_before_is_told() {
    let (bench, before, _) = governed();
    let (after, public) = identity(&bench, "after.txt");
    let done = bench.done(["keys", "rotate", "--recipient", &public, "--officer-key", text(&before)]);
    assert!(done.contains(&public), "{done}");
    assert_eq!(export(&bench, &after).code, Some(0));
    fails(&export(&bench, &before), 4, &["another officer now", &public]);
    assert!(bench.done(["keys", "show"]).contains(&public));
    // To a new key, under a passphrase.
    fs::write(bench.path("word"), "a long passphrase\n").unwrap();
    let to_new =
        ["keys", "rotate", "-o", "new.age", "--new-passphrase-file", "word", "--officer-key", text(&after)];
    bench.done(to_new);
    let with = ["keys", "unlock", "--officer-key", "new.age", "--passphrase-file", "word"];
    bench.done(with);
    fails(&bench.run(to_new), 4, &["another officer now"]);
    fails(
        &bench.run(["keys", "rotate", "--officer-key", "new.age", "--passphrase-file", "word"]),
        2,
        &["to whom?"],
    );
    assert!(bench.run(["keys", "rotate", "--abandon"]).err.contains("no rotation was underway"));
    bench.done(["verify", "--all"]);
}

#[test]
fn a_rotation_to_a_new_key_that_was_interrupted_goes_on_with_that_key_and_makes_no_other() {
    let (bench, before, _) = governed();
    let (new, public) = identity(&bench, "new.txt");
    let rotate = |to: &str| bench.run(["keys", "rotate", "-o", to, "--officer-key", text(&before)]);
    fails(&rotate("new.txt"), 1, &["is there already", "No rotation is underway"]);
    // As it is when the power fails after the key was written and the rotation begun.
    let next = bench.vault().join("keys/officer.next");
    fs::write(&next, format!("{public}\n# begun 5 by uid 0\n")).unwrap();
    let (_, other) = identity(&bench, "other.txt");
    for to in ["other.txt", "not-there.age"] {
        let said = rotate(to);
        fails(&said, 4, &[&public]);
        let (abandon, end) = (said.err.find("--abandon"), said.err.find("--recipient"));
        assert!(abandon.is_some() && abandon < end, "what loses nothing is advised first: {said:?}");
    }
    assert!(!bench.path("not-there.age").exists(), "no key is made for nothing");
    assert!(bench.done(["keys", "show"]).contains(&format!("begun, to {public}")));
    assert_eq!(export(&bench, &before).code, Some(0), "until it is through");
    let rotated = rotate("new.txt");
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    assert!(!next.exists() && !bench.done(["keys", "show"]).contains(&other));
    assert_eq!(export(&bench, &new).code, Some(0));
}

#[test]
fn shares_on_paper_make_the_key_again_and_what_is_wrong_with_them_is_named() {
    let (bench, key, public) = governed();
    let split =
        ["keys", "split", "--shares", "5", "--threshold", "3", "-o", "shares", "--officer-key", text(&key)];
    bench.done(split);
    let share = |n: u8, kind: &str| bench.path(&format!("shares/share-{n}-of-5.{kind}"));
    assert_eq!(files(&bench.path("shares")).len(), 10);
    let page = fs::read_to_string(share(2, "html")).unwrap();
    assert!(page.contains("<svg") && page.contains("조각 2/5") && page.contains(&public));
    fs::write(bench.path("word"), "a long passphrase\n").unwrap();
    let join = |shares: &[&Path], to: &str| {
        let shares = shares.iter().map(|share| text(share).to_owned());
        let words = ["keys".to_owned(), "join".to_owned()].into_iter().chain(shares);
        let more = ["-o", to, "--passphrase-file", "word", "--vault", "/nowhere/vault"].map(str::to_owned);
        bench.run(words.chain(more))
    };
    let joined = join(&[&share(5, "txt"), &share(1, "html"), &share(3, "txt")], "joined.age");
    assert_eq!(joined.code, Some(0), "{joined:?}");
    assert!(joined.out.contains(&public));
    bench.done(["keys", "unlock", "--officer-key", "joined.age", "--passphrase-file", "word"]);
    fails(&join(&[&share(5, "txt"), &share(1, "txt")], "b.age"), 1, &["2 shares, and 3 are needed"]);
    fails(
        &join(&[&share(5, "txt"), &share(1, "txt"), &share(5, "html")], "b.age"),
        1,
        &["share-5-of-5.html", "there twice"],
    );
    let typed = fs::read_to_string(share(3, "txt")).unwrap();
    let line = typed.lines().find(|line| line.starts_with("S4")).unwrap();
    let wrong = if line.ends_with('A') { "B" } else { "A" };
    let mistyped = typed.replace(line, &format!("{}{wrong}", &line[..line.len() - 1]));
    fs::write(bench.path("typed.txt"), mistyped).unwrap();
    fails(&join(&[&bench.path("typed.txt"), &share(1, "txt")], "b.age"), 1, &["typed.txt", "line S4"]);
    assert!(!bench.path("b.age").exists());
    // A second splitting does not mix with the first.
    let again = split.map(|word| if word == "shares" { "again" } else { word });
    bench.done(again);
    let other = bench.path("again/share-2-of-5.txt");
    fails(
        &join(&[&share(1, "txt"), &other, &share(3, "txt")], "b.age"),
        1,
        &["again/share-2-of-5.txt", "another splitting"],
    );
    let splits = || bench.done(["ledger", "show"]).matches("keys_split").count();
    let told = splits();
    fails(&bench.run(split), 1, &["share-1-of-5"]);
    assert_eq!(splits(), told, "what was not printed is not told");
    let many = ["keys", "split", "--shares", "2", "--threshold", "3", "-o", "x", "--officer-key", text(&key)];
    fails(&bench.run(many), 2, &["cannot be made"]);
}

#[test]
fn a_recovery_sheet_is_the_key_on_paper() {
    let (bench, key, _) = governed();
    bench.done(["keys", "sheet", "-o", "sheet.html", "--officer-key", text(&key)]);
    bench.done(["keys", "join", "sheet.html", "-o", "again.txt", "--plain"]);
    assert_eq!(export(&bench, &bench.path("again.txt")).code, Some(0));
    bench.done(["keys", "sheet", "-o", "sheet.txt", "--officer-key", text(&key)]);
    assert!(fs::read_to_string(bench.path("sheet.txt")).unwrap().contains("Recovery sheet"));
    let (other, _) = identity(&bench, "other.txt");
    fails(
        &bench.run(["keys", "sheet", "-o", "x.html", "--officer-key", text(&other)]),
        4,
        &["not the officer's key"],
    );
    assert!(!bench.path("x.html").exists());
}

#[test]
fn keys_are_backed_up_refreshed_and_listed() {
    let (bench, key, _) = governed();
    let backup = ["keys", "backup", "usb", "--label", "금고 2층"];
    let said = bench.run(backup);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("taken: ") && said.err.contains("same file system"), "{said:?}");
    assert!(bench.path("usb/keys/index.key").exists() && bench.path("usb/backup.txt").exists());
    let list = bench.done(["keys", "backup", "--list"]);
    assert!(list.contains("금고 2층") && list.contains("as now"), "{list}");
    assert!(bench.done(backup).contains("refreshed: "));
    let (_, public) = identity(&bench, "after.txt");
    bench.done(["keys", "rotate", "--recipient", &public, "--officer-key", text(&key)]);
    assert!(bench.done(["keys", "backup", "--list"]).contains("an earlier one"));
    bench.done(backup);
    assert!(bench.done(["keys", "backup", "--list"]).contains("as now"));
    fails(&bench.run(["keys", "backup", "."]), 2, &["--label"]);
    fails(&bench.run(["keys", "backup", text(bench.home.path()), "--label", "x"]), 1, &["is there already"]);
}

#[test]
fn without_the_index_key_the_vaults_folder_names_nobody() {
    let bench = Bench::new();
    let (key, public) = identity(&bench, "officer.txt");
    fs::create_dir(bench.path("usb")).unwrap();
    let index = bench.path("usb/index.key");
    bench.done(["init", "--zone", "Asia/Seoul", "--recipient", &public, "--index-key", text(&index)]);
    assert!(index.exists() && !bench.vault().join("keys/index.key").exists());
    let office = bench.office();
    bench.done(["record", "-r", text(&office), "--index-key", text(&index)]);
    fails(&bench.run(["list"]), 3, &["index key is not at", "--index-key FILE"]);
    let by_environment =
        bench.command(["list", "--json"]).env("EARWITNESS_INDEX_KEY", &index).output().unwrap();
    let listed = Said::from(by_environment);
    assert!(listed.code == Some(0) && listed.out.contains("01012345678"), "{listed:?}");
    let credentials = bench.path("usb");
    let by_credential =
        bench.command(["list", "--json"]).env("CREDENTIALS_DIRECTORY", credentials).output().unwrap();
    assert_eq!(Said::from(by_credential).out, listed.out);
    for file in files(&bench.vault()) {
        let bytes = fs::read(&file).unwrap();
        for told in ["01012345678", "0313334444", "01087654321", "welfare-1@", "복지과"] {
            let found = bytes.windows(told.len()).any(|part| part == told.as_bytes());
            assert!(!found, "{told} in {}", file.display());
        }
    }
    let id = recorded_with(&bench, &index);
    let with = ["export", &id, "-o", "a.wav", "--officer-key", text(&key), "--index-key", text(&index)];
    bench.done(with);
    // Another vault's key is named and not used.
    let other = Bench::with_office();
    let foreign = other.vault().join("keys/index.key");
    fails(&bench.run(["list", "--index-key", text(&foreign)]), 4, &["index key of another vault"]);
}

#[test]
fn a_recorder_on_a_wire_reads_an_index_key_that_is_handed_in_and_locks_its_memory() {
    let Some(wire) = Wire::new() else { return };
    let bench = Bench::new();
    let (key, public) = identity(&bench, "officer.txt");
    fs::create_dir(bench.path("credentials")).unwrap();
    let index = bench.path("credentials/index.key");
    bench.done(["init", "--zone", "Asia/Seoul", "--recipient", &public, "--index-key", text(&index)]);
    let recorder = wire.record(&bench, &["--index-key", text(&index)]);
    until("the recorder says how it is", || bench.run(["status"]).code == Some(0));
    let status = bench.run(["status"]);
    let (locked, said_so) = if may_lock_memory() {
        ("; locked\n", "; memory locked\n")
    } else {
        ("; not locked: it may be swapped out\n", "; memory not locked, it may be swapped out: ")
    };
    assert!(status.out.contains(locked), "{status:?}");
    // The recorder has the vault open: a command that goes through it needs no index key of its own.
    assert!(bench.done(["keys", "show"]).contains(text(&index)));
    bench.done(["keys", "unlock", "--officer-key", text(&key)]);
    fails(&bench.run(["keys", "backup", "usb", "--label", "x"]), 3, &["--index-key"]);
    bench.done(["keys", "backup", "usb", "--label", "x", "--index-key", text(&index)]);
    assert!(bench.path("usb/keys/index.key").exists());
    let said = recorder.stop();
    assert!(said.code == Some(0) && said.err.contains(said_so), "{said:?}");
}

fn recorded_with(bench: &Bench, index: &Path) -> String {
    let listed = bench.done(["list", "--json", "--index-key", text(index)]);
    let calls = listed.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut kept = calls.filter(|call| !call["recording"].is_null());
    kept.next().unwrap()["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_index_key_moves_out_of_the_vault_and_a_backup_of_keys_has_it_all_the_same() {
    let (bench, _, _) = governed();
    fs::create_dir(bench.path("usb")).unwrap();
    let index = bench.path("usb/index.key");
    bench.done(["keys", "move-index", text(&index)]);
    bench.done(["keys", "move-index", "nearby.key", "--index-key", text(&index)]);
    bench.done(["keys", "move-index", text(&index), "--index-key", "nearby.key"]);
    assert!(!bench.vault().join("keys/index.key").exists());
    fails(&bench.run(["list"]), 3, &["--index-key FILE"]);
    bench.done(["list", "--index-key", text(&index)]);
    fails(
        &bench.run(["keys", "backup", "b", "--label", "x", "--vault", text(&bench.vault())]),
        3,
        &["--index-key"],
    );
    bench.done(["keys", "backup", "b", "--label", "x", "--index-key", text(&index)]);
    assert_eq!(fs::read(bench.path("b/keys/index.key")).unwrap(), fs::read(&index).unwrap());
}

/// A recorder that reads the demo office from a pipe which stays open.
struct Recorder {
    child: Child,
    _wire: std::process::ChildStdin,
}

impl Recorder {
    fn start(bench: &Bench) -> Self {
        let mut command = bench.command(["record", "-r", "-"]);
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut wire = child.stdin.take().unwrap();
        let mut capture = Vec::new();
        pcap::write_all(&mut capture, demo::office()).unwrap();
        wire.write_all(&capture).unwrap();
        wire.flush().unwrap();
        let began = Instant::now();
        while bench.run(["list", "--json"]).out.lines().count() < 3 {
            assert!(began.elapsed() < Duration::from_secs(120), "the office is not recorded");
        }
        Self { child, _wire: wire }
    }

    fn stop(self) {
        let Self { mut child, _wire: wire } = self;
        drop(wire);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn while_a_recorder_has_the_vault_keys_are_rotated_split_and_backed_up_by_it() {
    let bench = Bench::new();
    let (before, public) = identity(&bench, "officer.txt");
    bench.done(["init", "--zone", "Asia/Seoul", "--recipient", &public]);
    let recorder = Recorder::start(&bench);
    fs::write(bench.path("word"), "a long passphrase\n").unwrap();
    bench.done(["keys", "backup", "usb", "--label", "x"]);
    assert!(bench.path("usb/keys/recorder.key").exists() && bench.path("usb/backup.txt").exists());
    bench.done([
        "keys",
        "split",
        "--shares",
        "3",
        "--threshold",
        "2",
        "-o",
        "shares",
        "--officer-key",
        text(&before),
    ]);
    assert_eq!(files(&bench.path("shares")).len(), 6);
    let rotate =
        ["keys", "rotate", "-o", "new.age", "--new-passphrase-file", "word", "--officer-key", text(&before)];
    let rotated = bench.run(rotate);
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    bench.done(["keys", "unlock", "--officer-key", "new.age", "--passphrase-file", "word"]);
    fails(&bench.run(["keys", "unlock", "--officer-key", text(&before)]), 4, &["another officer now"]);
    fails(&bench.run(["keys", "move-index", "elsewhere.key"]), 1, &["stop the recorder first"]);
    recorder.stop();
    let id = recorded(&bench);
    bench.done(["export", &id, "-o", "a.wav", "--officer-key", "new.age", "--passphrase-file", "word"]);
    bench.done(["verify", "--all", "--opened", "--officer-key", "new.age", "--passphrase-file", "word"]);
}

#[test]
fn the_ordinary_age_program_opens_day_keys_with_the_officers_key() {
    if Command::new("age").arg("--version").output().is_err() {
        println!("LEFT OUT: there is no age program; `cargo xtask setup` installs it");
        return;
    }
    let (bench, key, _) = governed();
    let days: Vec<_> = files(&bench.vault().join("keys/day"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "age"))
        .collect();
    assert!(!days.is_empty());
    let opened = |key: &Path, day: &Path| {
        Command::new("age").args(["-d", "-i", text(key), text(day)]).output().unwrap()
    };
    for day in &days {
        let output = opened(&key, day);
        assert!(output.status.success(), "{output:?}");
        assert!(output.stdout.starts_with(b"AGE-SECRET-KEY-1"), "{}", day.display());
    }
    let (after, public) = identity(&bench, "after.txt");
    bench.done(["keys", "rotate", "--recipient", &public, "--officer-key", text(&key)]);
    for day in &days {
        assert!(!opened(&key, day).status.success(), "the officer before opens nothing any more");
        assert!(opened(&after, day).stdout.starts_with(b"AGE-SECRET-KEY-1"));
    }
    // An identity that age-keygen made is an officer's as well.
    let made = Command::new("age-keygen").args(["-o", text(&bench.path("keygen.txt"))]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let public = Command::new("age-keygen").args(["-y", text(&bench.path("keygen.txt"))]).output().unwrap();
    let public = String::from_utf8(public.stdout).unwrap();
    bench.done(["keys", "rotate", "--recipient", public.trim(), "--officer-key", text(&after)]);
    bench.done(["keys", "unlock", "--officer-key", text(&bench.path("keygen.txt"))]);
}
