//! A vault without the officer's key gives no voice away, and a changed byte does not go unseen.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::fs;

use earwitness_testkit::demo;
use support::{Bench, files};

/// Runs of payload bytes of every RTP frame of the office, as a canary.
fn canaries() -> Vec<[u8; 16]> {
    let frames = demo::office();
    let media = frames.iter().filter(|frame| frame.bytes.len() == 214);
    media.map(|frame| frame.bytes[100..116].try_into().unwrap()).filter(is_telling).collect()
}

/// A run that does not come about by chance.
fn is_telling(run: &[u8; 16]) -> bool {
    let mut bytes = run.to_vec();
    bytes.sort_unstable();
    bytes.dedup();
    bytes.len() > 6
}

#[test]
fn no_run_of_payload_and_no_number_of_a_person_is_on_the_disk() {
    let bench = Bench::with_office();
    let canaries: std::collections::HashSet<_> = canaries().into_iter().collect();
    assert!(canaries.len() > 500, "{}", canaries.len());
    let mut bytes_read = 0;
    for path in files(&bench.vault()) {
        let bytes = fs::read(&path).unwrap();
        bytes_read += bytes.len();
        for run in bytes.windows(16) {
            assert!(!canaries.contains(run), "payload in {}", path.display());
        }
        for number in ["01012345678", "0312221111", "INVITE sip"] {
            let found = bytes.windows(number.len()).any(|window| window == number.as_bytes());
            assert!(!found, "{number} in {}", path.display());
        }
    }
    assert!(bytes_read > 100_000);
    let names: String = files(&bench.vault()).iter().map(|path| path.display().to_string()).collect();
    assert!(!names.contains("0101234"), "{names}");
}

#[test]
fn a_flipped_byte_in_volumes_keys_or_index_is_found_and_the_others_are_untouched() {
    let bench = Bench::with_office();
    let whole: Vec<(std::path::PathBuf, Vec<u8>)> =
        files(&bench.vault()).into_iter().map(|path| (path.clone(), fs::read(&path).unwrap())).collect();
    let recordings = bench.calls(&[]).iter().filter(|call| !call["recording"].is_null()).count();
    let (mut flips, mut unseen) = (0, Vec::new());
    for (path, bytes) in &whole {
        let is = |part: &str| path.to_string_lossy().contains(part);
        if !(is("/volumes/") || is(".keys") || is("/index/")) || bytes.is_empty() {
            continue;
        }
        for place in 1..=6 {
            let at = bytes.len() * place / 7;
            let mut changed = bytes.clone();
            changed[at] ^= 0x20;
            restore(&bench, &whole);
            fs::write(path, changed).unwrap();
            flips += 1;
            let said = bench.run(["verify", "--all", "--opened"]);
            assert!(!said.err.contains("panicked at"), "{}: {said:?}", path.display());
            match said.code {
                // sled leaves unused space in its files, and an index that is rebuilt at opening is whole again.
                Some(0) if is("/index/") => {}
                Some(0) => unseen.push(format!("{} byte {at}", path.display())),
                Some(1 | 5) => {}
                other => panic!("{}: {other:?} {said:?}", path.display()),
            }
            if is("/volumes/") && said.code == Some(5) {
                let broken = said.out.lines().last().unwrap();
                assert!(broken.contains(&format!("of {recordings} recordings broken")), "{said:?}");
                assert!(
                    broken.starts_with("1 of")
                        || broken.starts_with("0 of")
                        || !broken.starts_with(&recordings.to_string()),
                    "{said:?}"
                );
            }
        }
    }
    restore(&bench, &whole);
    bench.done(["verify", "--all", "--opened"]);
    assert!(flips > 20, "{flips}");
    assert!(unseen.is_empty(), "{unseen:?}");
}

fn restore(bench: &Bench, whole: &[(std::path::PathBuf, Vec<u8>)]) {
    for path in files(&bench.vault()) {
        fs::remove_file(path).unwrap();
    }
    for (path, bytes) in whole {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn a_deleted_index_is_rebuilt_to_the_identical_listing() {
    let bench = Bench::with_office();
    let before = bench.done(["list", "--json", "--all"]);
    fs::remove_dir_all(bench.vault().join("index")).unwrap();
    bench.done(["index", "rebuild"]);
    assert_eq!(bench.done(["list", "--json", "--all"]), before);
    bench.done(["index", "check"]);
    assert!(before.lines().count() > 5);
}
