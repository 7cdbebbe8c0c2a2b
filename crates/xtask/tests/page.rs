//! crates/README.md names only tests, files and folders that exist.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout exists")
}

/// What stands between single backquotes, outside of drawings.
fn quoted(page: &str) -> Vec<&str> {
    let prose = page.split("\n```").step_by(2);
    prose.flat_map(|text| text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))).collect()
}

/// Whether a word is the name of a test: a sentence with underscores.
fn is_test_name(word: &str) -> bool {
    word.matches('_').count() >= 3
        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The part of a path that must exist: all of it, or what is above the first part with a `<…>` to be filled in.
fn fixed_part(word: &str) -> Option<&str> {
    let is_path = word.contains('/') && !word.contains([' ', '(', ':', '*']) && !word.starts_with(['/', '~']);
    let before = word.split('<').next().unwrap_or(word);
    let fixed = if before == word { word } else { before.rsplit_once('/').map_or("", |(folder, _)| folder) };
    (is_path && !fixed.is_empty()).then_some(fixed)
}

fn page() -> String {
    fs::read_to_string(root().join("crates/README.md")).expect("crates/README.md exists")
}

/// The text of every Rust file below `folder`.
fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).expect("a folder can be listed") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() && !path.ends_with("target") {
            all += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all += &fs::read_to_string(&path).expect("a source is text");
        }
    }
    all
}

#[test]
fn every_test_that_the_page_names_exists() {
    let sources = sources(&root().join("crates")) + &sources(&root().join("benches"));
    let page = page();
    let names: Vec<&str> = quoted(&page).into_iter().filter(|word| is_test_name(word)).collect();
    assert!(!names.is_empty(), "the invariants name the tests that enforce them");
    let missing: Vec<&&str> = names.iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "named in crates/README.md, and nowhere in the code: {missing:?}");
}

#[test]
fn every_path_that_the_page_names_exists() {
    let page = page();
    let exists = |path: &str| root().join(path).exists() || root().join("crates").join(path).exists();
    let missing: Vec<&str> =
        quoted(&page).into_iter().filter_map(fixed_part).filter(|path| !exists(path)).collect();
    assert!(missing.is_empty(), "named in crates/README.md, and not in the tree: {missing:?}");
}

#[test]
fn words_are_told_from_drawings_tests_from_types_and_paths_from_text() {
    let page = "see `a` and `b/c`\n```text\n`not this`\n```\nthen `d`\n";
    assert_eq!(quoted(page), ["a", "b/c", "d"]);
    assert!(is_test_name("bye_lost_call_ends_after_media_silence"));
    assert!(!is_test_name("handle_frame") && !is_test_name("Handle_a_b_c"));
    assert_eq!(fixed_part("media/src/codec/<name>.rs"), Some("media/src/codec"));
    assert_eq!(fixed_part("engine/src/timer.rs"), Some("engine/src/timer.rs"));
    assert_eq!(fixed_part("media(► g711) / x"), None);
    assert_eq!(fixed_part("Loss"), None);
}
