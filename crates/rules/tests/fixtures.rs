//! Rule sets of `fixtures/rules`: the exact messages for those that are refused, the explanation of calls for the rest.
#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use earwitness_model::{CallFacts, Party, Pii};
use earwitness_rules::{RuleSet, SourceText, facts_for};

fn directories() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/rules");
    let mut found: Vec<PathBuf> =
        fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// Names and texts of the rule files of a directory, in the order of the file system.
fn rule_files(directory: &Path) -> Vec<(String, String)> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// `FROM > TO request=… asserted=… diverted=…`
fn facts(line: &str) -> CallFacts {
    let (from, rest) = line.split_once(" > ").unwrap_or_else(|| panic!("no ` > ` in {line:?}"));
    let mut words = rest.split_whitespace();
    let mut facts = facts_for(from, words.next().unwrap());
    for party in [&mut facts.from, &mut facts.to] {
        if party.user.as_ref().is_some_and(|user| user.expose() == "-") {
            *party = Party::default();
        }
    }
    for word in words {
        let (key, number) = word.split_once('=').unwrap();
        let number = Pii::new(number.to_owned());
        match key {
            "request" => facts.request_user = Some(number),
            "asserted" => facts.asserted.push(number),
            "diverted" => facts.diverted_from.push(number),
            other => panic!("{other:?} is no part of a call"),
        }
    }
    facts
}

fn outcome(directory: &Path) -> String {
    let files = rule_files(directory);
    let texts: Vec<SourceText<'_>> = files.iter().map(|(name, text)| SourceText { name, text }).collect();
    let mut out = String::new();
    match RuleSet::load(&texts) {
        Err(problems) => problems.iter().for_each(|problem| writeln!(out, "{problem}").unwrap()),
        Ok(set) => {
            let calls = fs::read_to_string(directory.join("calls.txt")).expect("a good set has calls.txt");
            for line in calls.lines() {
                let facts = facts(line);
                assert_eq!(set.explain(&facts).verdict, set.decide(&facts), "{line}");
                writeln!(out, "{line}\n  {}", set.explain(&facts).to_string().replace('\n', "\n  ")).unwrap();
            }
        }
    }
    out
}

#[test]
fn every_fixture_comes_out_as_expected() {
    let directories = directories();
    assert!(directories.len() >= 20, "{} fixtures", directories.len());
    let mut wrong = Vec::new();
    for directory in directories {
        let (found, path) = (outcome(&directory), directory.join("expected.txt"));
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&path, &found).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if found != expected {
            wrong.push(format!("{}:\n--- expected\n{expected}--- found\n{found}", directory.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_order_of_files_changes_no_message() {
    for directory in directories() {
        let mut files = rule_files(&directory);
        files.sort();
        let load = |files: &[(String, String)]| {
            let texts: Vec<_> = files.iter().map(|(name, text)| SourceText { name, text }).collect();
            RuleSet::load(&texts).map(|set| set.canonical())
        };
        let forwards = load(&files);
        files.reverse();
        assert_eq!(load(&files), forwards, "{}", directory.display());
    }
}
