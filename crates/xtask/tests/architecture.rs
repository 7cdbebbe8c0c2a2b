//! The arrows of crates/README.md are the arrows of the manifests.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout exists")
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    /// `None` for what is not product code.
    floor: Option<u32>,
    may_import: BTreeSet<String>,
    is_pure: bool,
}

/// Reads the rows of the table under `## The arrows`.
fn read_table(page: &str) -> BTreeMap<String, Row> {
    let section =
        page.split("\n## The arrows\n").nth(1).expect("crates/README.md has a section `The arrows`");
    let section = section.split("\n## ").next().unwrap_or(section);
    let mut rows = BTreeMap::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, floor, may_import, outside] = cells[..] else { panic!("a row has four cells: {line}") };
        let row = Row {
            floor: floor.parse().ok(),
            may_import: may_import.split_whitespace().map(str::to_owned).collect(),
            is_pure: outside == "none" && floor.parse::<u32>().is_ok(),
        };
        assert!(
            row.floor.is_some() || floor == "not product",
            "a floor is a number or `not product`: {line}"
        );
        assert_eq!(
            rows.insert(name.trim_matches('`').to_owned(), row),
            None,
            "two rows for one crate: {line}"
        );
    }
    rows
}

fn table() -> BTreeMap<String, Row> {
    let page = fs::read_to_string(root().join("crates/README.md")).expect("crates/README.md exists");
    read_table(&page)
}

/// A package as its manifest has it.
#[derive(Debug, Default)]
struct Package {
    /// Our crates that it imports when it is built for use, by folder.
    ours: BTreeSet<String>,
    /// Everybody else's.
    others: BTreeSet<String>,
    has_features: bool,
}

/// The packages of a manifest, by folder: `earwitness-wire` is `wire`.
fn packages(manifest: &str) -> BTreeMap<String, Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
        .arg(root().join(manifest))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let list = metadata["packages"].as_array().expect("there are packages");
    list.iter().map(|package| (folder_of(&package["name"]), read_package(package))).collect()
}

fn folder_of(name: &Value) -> String {
    let name = name.as_str().expect("a package has a name");
    name.strip_prefix("earwitness-").unwrap_or(name).to_owned()
}

fn read_package(package: &Value) -> Package {
    let has_features = package["features"].as_object().is_some_and(|features| !features.is_empty());
    let mut read = Package { has_features, ..Package::default() };
    for dependency in package["dependencies"].as_array().expect("there is a list of dependencies") {
        if dependency["kind"] == "dev" {
            continue;
        }
        let set = if dependency["path"].is_string() { &mut read.ours } else { &mut read.others };
        set.insert(folder_of(&dependency["name"]));
    }
    read
}

/// Every package of ours, the fuzz crate, which is a workspace of its own, included.
fn all_packages() -> BTreeMap<String, Package> {
    let mut all = packages("Cargo.toml");
    all.extend(packages("crates/fuzz/Cargo.toml"));
    all
}

#[test]
fn every_crate_has_a_row_and_every_row_a_crate() {
    let rows: BTreeSet<String> = table().into_keys().collect();
    let crates: BTreeSet<String> = all_packages().into_keys().collect();
    assert_eq!(rows, crates);
}

#[test]
fn nobody_imports_along_an_arrow_that_is_not_drawn() {
    let table = table();
    let mut undrawn = Vec::new();
    for (name, package) in all_packages() {
        for imported in package.ours {
            if !table.get(&name).is_some_and(|row| row.may_import.contains(&imported)) {
                undrawn.push(format!("{name} → {imported}"));
            }
        }
    }
    assert_eq!(undrawn, Vec::<String>::new(), "not in the table of crates/README.md");
}

#[test]
fn every_arrow_points_to_a_lower_floor() {
    let table = table();
    for (name, row) in &table {
        for imported in &row.may_import {
            let target = table.get(imported).unwrap_or_else(|| panic!("{name} → {imported}: no such crate"));
            match (row.floor, target.floor) {
                (Some(from), Some(to)) => {
                    assert!(from > to, "{name} (floor {from}) → {imported} (floor {to})")
                }
                (Some(_), None) => panic!("{name} is product code, {imported} is not"),
                (None, _) => {}
            }
        }
    }
}

#[test]
fn product_code_never_ships_the_testkit() {
    let table = table();
    for (name, package) in all_packages() {
        let is_product = table.get(&name).is_some_and(|row| row.floor.is_some());
        assert!(!is_product || !package.ours.contains("testkit"), "{name}");
    }
}

#[test]
fn pure_crates_are_those_with_the_purity_lints() {
    let has_lints = |name: &String| root().join("crates").join(name).join("clippy.toml").is_file();
    let linted: BTreeSet<String> = table().into_keys().filter(has_lints).collect();
    let pure: BTreeSet<String> =
        table().into_iter().filter(|(_, row)| row.is_pure).map(|(name, _)| name).collect();
    assert_eq!(pure, linted);
    assert_eq!(
        pure,
        ["anonymise", "doctor", "engine", "g711", "load", "media", "model", "rules", "srtp", "tls", "wire"]
            .map(str::to_owned)
            .into()
    );
}

#[test]
fn pure_crates_have_no_features_and_nothing_that_logs_waits_or_rolls_dice() {
    let table = table();
    for (name, package) in packages("Cargo.toml") {
        if !table.get(&name).is_some_and(|row| row.is_pure) {
            continue;
        }
        assert!(!package.has_features, "{name} has features");
        for banned in ["tracing", "log", "crossbeam-channel", "rand", "chrono"] {
            assert!(!package.others.contains(banned), "{name} imports {banned}");
        }
    }
}

#[test]
fn nothing_is_async_as_long_as_there_is_no_console() {
    for (name, package) in packages("Cargo.toml") {
        for banned in ["tokio", "async-std", "smol", "futures"] {
            assert!(!package.others.contains(banned), "{name} imports {banned}");
        }
    }
}

#[test]
fn a_row_is_read_as_it_is_drawn() {
    let page = "# A\n\n## The arrows\n\n| crate | floor | may import | outside world |\n|---|---|---|---|\n\
                | `wire` | 1 | model | none |\n| `xtask` | not product | | processes |\n\n\
                ## Next\n\n| `no` | 1 | | none |\n";
    let wire = Row { floor: Some(1), may_import: ["model".to_owned()].into(), is_pure: true };
    let xtask = Row { floor: None, may_import: BTreeSet::new(), is_pure: false };
    assert_eq!(read_table(page), [("wire".to_owned(), wire), ("xtask".to_owned(), xtask)].into());
}
