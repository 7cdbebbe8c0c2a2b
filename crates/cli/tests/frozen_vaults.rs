//! Vaults that earlier formats left behind.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use support::{Bench, files};

fn frozen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/vault")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let path = file.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What was said then is said now. More may be.
fn agrees(then: &Value, now: &Value) -> bool {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            then.iter().all(|(key, value)| now.get(key).is_some_and(|now| agrees(value, now)))
        }
        (Value::Array(then), Value::Array(now)) => {
            then.len() == now.len() && then.iter().zip(now).all(|(then, now)| agrees(then, now))
        }
        (then, now) => then == now,
    }
}

/// SHA-256 of every file in `dir`, by name.
fn hashes(dir: &Path) -> BTreeMap<String, String> {
    let hash = |path: &PathBuf| {
        let output = Command::new("sha256sum").arg(path).output().unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, String::from_utf8(output.stdout).unwrap()[..64].to_owned())
    };
    files(dir).iter().map(hash).collect()
}

/// The names of the payload files of these calls, and their hashes.
fn payloads(calls: &[Value]) -> BTreeMap<String, String> {
    let mut expected = BTreeMap::new();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for call in calls {
        for stream in call["streams"].as_array().unwrap() {
            if let Some(sha256) = stream["payload_sha256"].as_str() {
                let parts =
                    [text(&call["id"]), text(&stream["leg"]), text(&stream["ssrc"]), "payload".into()];
                expected.insert(parts.join("."), sha256.to_owned());
            }
        }
    }
    expected
}

/// The format that a vault of today has: its key files change with it.
fn version_of_today() -> u16 {
    let bench = Bench::with_office();
    let keys = files(&bench.vault().join("keys"));
    let file = keys.iter().find(|path| path.extension().is_some_and(|extension| extension == "keys"));
    let head = fs::read(file.unwrap()).unwrap();
    assert_eq!(head[..8], *b"EWKEYS\0\0");
    u16::from_le_bytes([head[8], head[9]])
}

#[test]
fn a_vault_of_every_format_version_opens_and_lists_as_it_did() {
    let newest = version_of_today();
    assert!(newest >= 2, "{newest}");
    let versions: Vec<PathBuf> = (1..=newest).map(|version| frozen().join(format!("v{version}"))).collect();
    let there = fs::read_dir(frozen()).unwrap().map(|entry| entry.unwrap().path());
    let there: BTreeSet<PathBuf> = there.filter(|path| path.is_dir()).collect();
    assert_eq!(
        there,
        versions.iter().cloned().collect(),
        "one directory for each version, today's among them"
    );
    for version in versions {
        for (access, key) in [("open", &[][..]), ("governed", &["--passphrase-file", "passphrase"][..])] {
            let what = format!("{} {access}", version.display());
            let bench = Bench::new();
            copy(&version.join(access), bench.home.path());
            let expected = lines(&fs::read_to_string(bench.path("expected.jsonl")).unwrap());
            let with_key = |arguments: &[&'static str]| [arguments, key].concat();

            let listed = lines(&bench.done(with_key(&["list", "--all", "--json", "--sha256"])));
            assert_eq!(listed.len(), expected.len(), "{what}");
            for (then, now) in expected.iter().zip(&listed) {
                assert!(agrees(then, now), "{what}:\nthen {then}\nnow  {now}");
            }
            bench.done(["index", "check"]);
            bench.done(["verify", "--all"]);
            bench.done(with_key(&["verify", "--all", "--opened"]));
            let export = ["export", "--since", "2026-11-21", "-o", "out/", "--format", "payload"];
            bench.done(with_key(&export));
            let wanted = payloads(&expected);
            assert!(wanted.len() >= 8, "{what}: {wanted:?}");
            assert_eq!(hashes(&bench.path("out")), wanted, "{what}");
            bench.done(["index", "rebuild"]);
            assert_eq!(
                lines(&bench.done(with_key(&["list", "--all", "--json", "--sha256"]))),
                listed,
                "{what}"
            );
        }
    }
}
