//! What goes wrong says what, where and what next, with the right exit code, and harms nothing that was kept.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{fs, os::unix::fs::PermissionsExt};

use support::{Bench, Said};

fn refused(said: &Said, code: i32, words: &[&str]) {
    assert_eq!(said.code, Some(code), "{said:?}");
    for word in words {
        assert!(said.err.contains(word), "{word:?} in {said:?}");
    }
    assert!(!said.err.contains("panicked"), "{said:?}");
}

#[test]
fn files_that_are_no_captures_are_named_with_what_they_look_like() {
    let bench = Bench::new();
    fs::write(bench.path("empty.pcap"), b"").unwrap();
    fs::write(bench.path("page.pcap"), b"<!DOCTYPE html><html>not found</html>").unwrap();
    fs::create_dir(bench.path("folder")).unwrap();
    refused(&bench.run(["record", "--lab", "-r", "empty.pcap"]), 1, &["empty.pcap", "empty"]);
    refused(&bench.run(["record", "--lab", "-r", "page.pcap"]), 1, &["page.pcap"]);
    refused(&bench.run(["record", "--lab", "-r", "folder"]), 1, &["folder", "directory"]);
    refused(&bench.run(["record", "--lab", "-r", "nowhere.pcap"]), 3, &["nowhere.pcap"]);
    assert!(!bench.vault().exists(), "a vault is not made for nothing");
}

#[test]
fn a_capture_cut_in_mid_packet_is_recorded_to_the_cut() {
    let bench = Bench::new();
    let office = fs::read(bench.office()).unwrap();
    fs::write(bench.path("cut.pcap"), &office[..office.len() * 3 / 4]).unwrap();
    refused(&bench.run(["record", "-r", "cut.pcap"]), 7, &["cut.pcap", "frame", "byte"]);
    assert!(bench.calls(&[]).len() > 3);
    bench.done(["verify", "--all", "--opened"]);
}

#[test]
fn frames_cut_by_the_snap_length_are_counted_and_the_call_says_so() {
    let bench = Bench::new();
    let whole = fs::read(bench.office()).unwrap();
    let mut cut = whole[..24].to_vec();
    let mut at = 24;
    while at < whole.len() {
        let kept = u32::from_le_bytes(whole[at + 8..at + 12].try_into().unwrap());
        let body = &whole[at + 16..at + 16 + kept as usize];
        let is_media = body.len() == 214;
        let length = if is_media { 96 } else { body.len() };
        cut.extend_from_slice(&whole[at..at + 8]);
        cut.extend_from_slice(&(length as u32).to_le_bytes());
        cut.extend_from_slice(&kept.to_le_bytes());
        cut.extend_from_slice(&body[..length]);
        at += 16 + kept as usize;
    }
    fs::write(bench.path("snap.pcap"), cut).unwrap();
    refused(&bench.run(["record", "-r", "snap.pcap"]), 6, &["snap length"]);
    let flagged = bench
        .calls(&[])
        .iter()
        .filter(|c| c["flags"].as_array().unwrap().contains(&"truncated".into()))
        .count();
    assert!(flagged > 0);
}

#[test]
fn an_interface_that_is_named_twice_is_refused_by_name() {
    let bench = Bench::new();
    for command in ["record", "doctor"] {
        let said = bench.run([command, "-i", "fresh1", "-i", "other", "-i", "fresh1"]);
        refused(&said, 2, &["fresh1 is given twice"]);
    }
    refused(&bench.run(["doctor"]), 2, &["-i IFACE", "-r FILE"]);
}

#[test]
fn the_example_office_is_written_where_rules_says_and_not_in_two_places() {
    let bench = Bench::new();
    bench.done(["rules", "init", "--rules", "office"]);
    let here = bench.path("office");
    let rules = here.to_str().unwrap();
    assert!(bench.done(["rules", "check", "--rules", rules]).starts_with(&format!("{rules}: ")));
    refused(&bench.run(["rules", "init", "elsewhere", "--rules", "office"]), 2, &["elsewhere", "office"]);
    assert!(!bench.path("elsewhere").exists() && !bench.path("capture-rules").exists());
    bench.done(["rules", "init", "by-place"]);
    assert!(bench.path("by-place").is_dir());
    refused(&bench.run(["rules", "check", "--rules", "nowhere"]), 3, &["rules init --rules nowhere"]);
}

#[test]
fn a_vault_that_is_there_is_told_before_a_passphrase_is_asked_for() {
    let bench = Bench::new();
    bench.done(["init", "--access", "open"]);
    refused(&bench.run(["init"]), 1, &["is there already"]);
    let elsewhere = bench.command(["init", "--vault", "governed"]);
    // A session of its own has no terminal.
    let mut alone = std::process::Command::new("setsid");
    alone.arg("-w").arg(elsewhere.get_program()).args(elsewhere.get_args());
    alone.current_dir(bench.home.path()).stdin(std::process::Stdio::null());
    refused(&Said::from(alone.output().unwrap()), 4, &["--passphrase-file FILE"]);
    assert!(!bench.path("governed").exists());
}

#[test]
fn a_typo_in_the_rules_is_shown_with_file_line_and_column() {
    let bench = Bench::new();
    let rules = bench.path("rules");
    bench.done(["rules", "init", rules.to_str().unwrap()]);
    let office = fs::read_to_string(rules.join("office.toml")).unwrap();
    fs::write(rules.join("office.toml"), office.replacen("retention", "retension", 1)).unwrap();
    let said = bench.run(["rules", "check", "--rules", rules.to_str().unwrap()]);
    refused(&said, 1, &["office.toml:", "retension", "retention"]);
    let said =
        bench.run(["record", "--rules", rules.to_str().unwrap(), "-r", bench.office().to_str().unwrap()]);
    refused(&said, 1, &["office.toml:"]);
}

#[test]
fn a_wrong_passphrase_opens_nothing_and_the_right_one_does() {
    let bench = Bench::new();
    fs::write(bench.path("right"), "correct horse battery\n").unwrap();
    fs::write(bench.path("wrong"), "incorrect horse\n").unwrap();
    bench.done(["init", "--passphrase-file", "right"]);
    bench.done(["record".as_ref(), "-r".as_ref(), bench.office().as_os_str()]);
    refused(&bench.run(["keys", "unlock", "--passphrase-file", "wrong"]), 4, &["passphrase"]);
    refused(&bench.run(["list", "--json", "--sha256", "--passphrase-file", "wrong"]), 4, &["passphrase"]);
    bench.done(["keys", "unlock", "--passphrase-file", "right"]);
    bench.done(["verify", "--all"]);
    let key = bench.path("vault.officer.age");
    fs::rename(&key, bench.path("elsewhere.age")).unwrap();
    refused(&bench.run(["keys", "unlock", "--passphrase-file", "right"]), 3, &["vault.officer.age"]);
    bench.done(["keys", "unlock", "--passphrase-file", "right", "--officer-key", "elsewhere.age"]);
}

#[test]
fn a_vault_of_another_version_is_left_alone() {
    let bench = Bench::with_office();
    let settings = bench.vault().join("vault.toml");
    let text = fs::read_to_string(&settings).unwrap();
    assert!(text.contains("format = 1"), "{text}");
    fs::write(&settings, text.replace("format = 1", "format = 9")).unwrap();
    refused(&bench.run(["list"]), 1, &["format 9", "newer"]);
    fs::write(&settings, text).unwrap();
    bench.done(["verify", "--all", "--opened"]);
}

#[test]
fn a_directory_that_is_no_vault_is_not_taken_for_one() {
    let bench = Bench::new();
    fs::create_dir(bench.vault()).unwrap();
    refused(&bench.run(["list"]), 3, &["not a vault", "earwitness init"]);
}

#[test]
fn a_vault_in_use_is_refused_with_the_process_that_has_it() {
    let bench = Bench::with_office();
    let held = earwitness_vault::Vault::open(&bench.vault()).unwrap();
    refused(&bench.run(["list"]), 1, &["in use", &std::process::id().to_string()]);
    drop(held);
    bench.done(["list"]);
}

#[test]
fn what_is_not_there_is_not_found_and_what_makes_no_sense_is_usage() {
    let bench = Bench::with_office();
    refused(&bench.run(["show", "01ZZZZZZZZ"]), 3, &["01ZZZZZZZZ"]);
    refused(&bench.run(["list", "--since", "last tuesday"]), 2, &["--since"]);
    refused(&bench.run(["list", "--outcome", "perhaps"]), 2, &["perhaps"]);
    refused(&bench.run(["verify"]), 2, &["--all"]);
    refused(&bench.run(["frobnicate"]), 2, &["frobnicate"]);
}

#[test]
fn a_vault_that_may_not_be_written_says_so_and_stays() {
    let bench = Bench::with_office();
    if fs::File::create("/proc/version").is_ok() || unprivileged_is_impossible() {
        println!("left out: this user may write everywhere");
        return;
    }
    let volumes = bench.vault().join("volumes");
    fs::set_permissions(&volumes, fs::Permissions::from_mode(0o500)).unwrap();
    let said = bench.run(["record", "--lab", "-r", "office.pcap"]);
    fs::set_permissions(&volumes, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(said.code, Some(1), "{said:?}");
    bench.done(["verify", "--all", "--opened"]);
}

/// The super-user passes every permission.
fn unprivileged_is_impossible() -> bool {
    fs::read_to_string("/proc/self/status").unwrap().lines().any(|line| line.starts_with("Uid:\t0"))
}
