//! The table of complaints in fixtures/README.md: every number has its row, and every fixture, test and scenario that a row
//! names exists.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// How many there are.
const COMPLAINTS: usize = 50;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout exists")
}

/// One row of the table.
struct Row {
    number: usize,
    place: String,
    shown_by: String,
    what: String,
}

/// The rows whose first cell is a number.
fn rows(page: &str) -> Vec<Row> {
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let row = |line: &str| match &cells(line)[..] {
        [before, number, place, _, shown_by, what, after] if before.is_empty() && after.is_empty() => {
            Some(Row {
                number: number.parse().ok()?,
                place: place.clone(),
                shown_by: shown_by.clone(),
                what: what.clone(),
            })
        }
        _ => None,
    };
    page.lines().filter_map(row).collect()
}

/// What stands between single backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The names of all functions in Rust files below `folder`.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder can be listed") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() && !path.ends_with("target") {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source is text");
            let names = text.split("fn ").skip(1).filter_map(|rest| rest.split_once('('));
            found.extend(names.map(|(name, _)| name.to_owned()));
        }
    }
}

/// Whether what a row names is there.
fn exists(name: &str, functions: &BTreeSet<String>) -> bool {
    let fixtures = root().join("fixtures");
    if let Some(scenario) = name.strip_prefix("cargo xtask lab ") {
        let scenarios = root().join("crates/xtask/src/lab/scenario");
        scenarios.join(format!("{scenario}.rs")).is_file() || scenarios.join(scenario).is_dir()
    } else if let Some(task) = name.strip_prefix("cargo xtask ") {
        let tasks = root().join("crates/xtask/src");
        tasks.join(format!("{task}.rs")).is_file() || tasks.join(task).is_dir()
    } else if name.starts_with("calls/") {
        ["script.call", "expected.json", "listed.txt", "README.md"]
            .iter()
            .all(|file| fixtures.join(name).join(file).is_file())
    } else if name.starts_with("doctor/") {
        ["capture.pcap", "expected.txt"].iter().all(|file| fixtures.join(name).join(file).is_file())
    } else {
        functions.contains(name)
    }
}

fn page() -> String {
    fs::read_to_string(root().join("fixtures/README.md")).expect("fixtures/README.md exists")
}

#[test]
fn every_complaint_has_its_row_with_where_it_was_made() {
    let page = page();
    let rows = rows(&page);
    let numbers: Vec<usize> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=COMPLAINTS).collect::<Vec<_>>());
    for Row { number, place, what, .. } in &rows {
        assert!(place.contains('/'), "{number}: {place} is no repository");
        assert!(!what.is_empty(), "{number} says what is shown");
    }
}

#[test]
fn whatever_shows_that_a_complaint_is_met_exists() {
    let mut all = BTreeSet::new();
    functions(&root().join("crates"), &mut all);
    let page = page();
    let mut missing = Vec::new();
    for row in rows(&page) {
        assert!(quoted(&row.shown_by).next().is_some(), "{} names nothing", row.number);
        // What is shown may name commands and files besides tests.
        let tests = quoted(&row.what).filter(|name| name.matches('_').count() >= 3);
        let named = quoted(&row.shown_by).chain(tests).filter(|name| !exists(name, &all));
        missing.extend(named.map(|name| format!("{}: {name}", row.number)));
    }
    assert!(missing.is_empty(), "named in fixtures/README.md, and not there: {missing:#?}");
}

#[test]
fn rows_are_told_from_other_tables_and_names_from_prose() {
    let page = "| a | b |\n|---|---|\n| 7 | o/r#1 | it fails | `calls/x` and `a_b_c_d` | it does not |\n| x | y | z | v | w |\n";
    let rows = rows(page);
    let [Row { number: 7, place, shown_by, what }] = &rows[..] else { panic!("one row") };
    assert_eq!((place.as_str(), what.as_str()), ("o/r#1", "it does not"));
    assert_eq!(quoted(shown_by).collect::<Vec<_>>(), ["calls/x", "a_b_c_d"]);
    let known = BTreeSet::from(["a_b_c_d".to_owned()]);
    assert!(
        exists("a_b_c_d", &known)
            && exists("calls/answered", &known)
            && exists("cargo xtask lab calls", &known)
    );
    assert!(
        !exists("a_b_c_e", &known)
            && !exists("calls/nowhere", &known)
            && !exists("cargo xtask lab nowhere", &known)
    );
}
