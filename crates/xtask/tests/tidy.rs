//! What no compiler checks: sizes, names, words, provenance, and what stands at the top.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Production lines that a file may have.
const LINES: usize = 500;

/// Product code may have unsafe code here and nowhere else.
const MAY_BE_UNSAFE: [&str; 2] = ["capture", "g711"];

/// The names of attics: modules that collect what has no home.
const ATTICS: [&str; 13] = [
    "util", "utils", "common", "helper", "helpers", "misc", "manager", "managers", "handler", "handlers",
    "tool", "tools", "stuff",
];

/// What is written into code that is not finished.
const UNFINISHED: [&str; 9] =
    ["todo!", "unimplemented!", "dbg!", "FIXME", "TODO", "XXX", "HACK", "allow(dead_code)", "allow(unused"];

/// How the wall clock is read.
const CLOCKS: [&str; 4] = ["SystemTime::now", "Utc::now", "Local::now", "OffsetDateTime::now"];

/// Everything that a visitor sees at the top.
const AGREED: [&str; 9] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "capture-rules",
    "crates",
    "fixtures",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout exists")
}

/// Every file of the checkout but what is built, ignored by git, or git's own.
fn files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder can be listed") {
            let path = entry.expect("an entry can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match path.is_dir() {
                true if name == "target" || name == ".git" => {}
                true => walk(&path, found),
                // In a linked worktree `.git` is a file.
                false if name == ".git" || name.ends_with(".actual") || name.ends_with(".profraw") => {}
                false => found.push(path),
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &mut found);
    found.sort();
    found
}

/// A file's name from the root, with slashes.
fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// A Rust file below some crate's `src`, which is not a file of tests.
fn is_production(path: &Path) -> bool {
    let name = shown(path);
    let is_ours = name.starts_with("crates/") || name.starts_with("benches/");
    let is_test = name.ends_with("/tests.rs") || name.contains("/src/tests/");
    is_ours && name.ends_with(".rs") && name.contains("/src/") && !is_test
}

/// The lines before a file's module of tests.
fn production_lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    let opens_tests = |at: usize| {
        let after = lines[at + 1..].iter().find(|line| !line.trim_start().starts_with("#["));
        after.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    };
    let end = (0..lines.len()).find(|&at| lines[at] == "#[cfg(test)]" && opens_tests(at));
    lines.truncate(end.unwrap_or(lines.len()));
    lines
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", shown(path)))
}

/// Production lines for which `is_wrong` holds, each with its file and number.
fn production_lines_where(is_wrong: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for path in files().iter().filter(|path| is_production(path)) {
        let name = shown(path);
        for (number, line) in production_lines(&read(path)).iter().enumerate() {
            if is_wrong(&name, line) {
                found.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    found
}

/// The folders of our packages, from the root.
fn packages() -> Vec<String> {
    let manifests = files().into_iter().filter(|path| path.ends_with("Cargo.toml")).map(|path| shown(&path));
    manifests.filter_map(|name| name.strip_suffix("/Cargo.toml").map(str::to_owned)).collect()
}

/// Asserts that nothing was found, and lists what was, a line each.
fn none(found: &[String], law: &str) {
    assert!(found.is_empty(), "{law}:\n  {}", found.join("\n  "));
}

#[test]
fn no_file_has_more_production_lines_than_one_idea_needs() {
    let lengths = files().into_iter().filter(|path| is_production(path));
    let long: Vec<String> = lengths
        .map(|path| (shown(&path), production_lines(&read(&path)).len()))
        .filter(|(_, lines)| *lines > LINES)
        .map(|(name, lines)| format!("{name}: {lines}"))
        .collect();
    none(&long, "more than 500 production lines; several files, one idea each");
}

#[test]
fn no_attic_modules() {
    let mut attics = Vec::new();
    for path in files() {
        let name = shown(&path);
        let is_code = name.starts_with("crates/") || name.starts_with("benches/");
        if is_code && name.split(['/', '.']).any(|part| ATTICS.contains(&part)) {
            attics.push(name);
        }
    }
    attics.extend(production_lines_where(|_, line| {
        module_of(line).is_some_and(|module| ATTICS.contains(&module))
    }));
    none(&attics, "a function lives with the type it serves, not in an attic");
}

/// The module that a line declares or opens.
fn module_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub ")).unwrap_or(line);
    rest.strip_prefix("mod ")?.split([' ', ';', '{']).next()
}

#[test]
fn nothing_unfinished_ships() {
    none(
        &production_lines_where(|_, line| UNFINISHED.iter().any(|word| line.contains(word))),
        "left in code that ships",
    );
}

#[test]
fn only_the_command_line_reads_the_wall_clock() {
    let free = ["crates/cli/", "crates/xtask/", "crates/testkit/", "benches/"];
    let found = production_lines_where(|name, line| {
        let is_free =
            free.iter().any(|folder| name.starts_with(folder)) || line.trim_start().starts_with("//");
        !is_free && CLOCKS.iter().any(|clock| line.contains(clock))
    });
    none(&found, "time is an argument; only cli reads the wall clock");
}

#[test]
fn every_crate_root_forbids_unsafe_code_and_says_what_it_is() {
    let mut wrong = Vec::new();
    for folder in packages() {
        let may_be_unsafe = folder.strip_prefix("crates/").is_some_and(|name| MAY_BE_UNSAFE.contains(&name));
        let roots = ["src/lib.rs", "src/main.rs"].map(|file| root().join(&folder).join(file));
        for path in roots.iter().filter(|path| path.is_file()) {
            let text = read(path);
            if !may_be_unsafe && !text.contains("#![forbid(unsafe_code)]") {
                wrong.push(format!("{}: no #![forbid(unsafe_code)]", shown(path)));
            }
            if !text.starts_with("//! ") {
                wrong.push(format!("{}: does not start with its contract, in //!", shown(path)));
            }
        }
    }
    none(&wrong, "a crate's root");
}

#[test]
fn every_crate_takes_the_workspaces_lints() {
    let takes = |folder: &String| {
        read(&root().join(folder).join("Cargo.toml")).contains("[lints]\nworkspace = true\n")
    };
    // The fuzz crate is a workspace of its own: it has no table to take them from.
    let wrong: Vec<String> =
        packages().into_iter().filter(|name| name != "crates/fuzz" && !takes(name)).collect();
    none(&wrong, "no `[lints] workspace = true`");
}

#[test]
fn purity_lints_are_the_same_in_every_pure_crate_and_keep_the_roots_keys() {
    let is_lints = |path: &PathBuf| path.file_name().is_some_and(|name| name == "clippy.toml");
    let lints: Vec<PathBuf> = files().into_iter().filter(is_lints).collect();
    let first = lints.first().expect("pure crates have a clippy.toml");
    for path in &lints {
        assert_eq!(read(path), read(first), "{} and {} differ", shown(path), shown(first));
    }
    for key in read(&root().join(".clippy.toml")).lines().filter(|line| !line.trim().is_empty()) {
        assert!(
            read(first).lines().any(|line| line == key),
            "a crate's file replaces the root's: {key} is lost"
        );
    }
}

#[test]
fn no_path_of_somebodys_machine_in_the_tree() {
    // In two pieces, so that this file is no example of it.
    let prefixes =
        [["/wo", "rk/"], ["/ho", "me/"], ["/Us", "ers/"], ["/ro", "ot/"]].map(|pieces| pieces.concat());
    let mut found = Vec::new();
    for path in files() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            if prefixes.iter().any(|prefix| names_path(line, prefix)) {
                found.push(format!("{}:{}", shown(&path), number + 1));
            }
        }
    }
    none(&found, "a path of somebody's machine");
}

/// Whether `line` names a path that begins with `prefix`, and not one that has it in the middle.
fn names_path(line: &str, prefix: &str) -> bool {
    line.match_indices(prefix).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"._-~}".contains(c))
    })
}

#[test]
fn every_fixture_says_where_it_comes_from() {
    let fixtures = root().join("fixtures");
    let inside = files().into_iter().filter(|path| path.starts_with(&fixtures));
    let folders: BTreeSet<PathBuf> = inside.filter_map(|path| path.parent().map(Path::to_path_buf)).collect();
    let silent: Vec<String> = folders
        .iter()
        .filter(|folder| **folder != fixtures && !has_origin(folder, &fixtures))
        .map(|folder| shown(folder))
        .collect();
    none(&silent, "no README.md, and no line that starts with `origin:`");
}

/// Whether a folder of fixtures, or one above it below `fixtures`, has a README.md, or a file in it names an origin.
fn has_origin(folder: &Path, fixtures: &Path) -> bool {
    let is_origin = |line: &str| {
        let text = line.trim_start_matches(['#', '/', ';', ' ', '-', '*']).to_lowercase();
        text.starts_with("origin:")
    };
    let is_explained =
        folder.ancestors().take_while(|at| *at != fixtures).any(|at| at.join("README.md").is_file());
    let mut texts = files()
        .into_iter()
        .filter(|path| path.parent() == Some(folder))
        .filter_map(|path| fs::read_to_string(path).ok());
    is_explained || texts.any(|text| text.lines().any(is_origin))
}

#[test]
fn nothing_visible_stands_at_the_top_that_is_not_agreed() {
    let names = fs::read_dir(root())
        .expect("the root can be listed")
        .map(|entry| entry.expect("an entry can be read").file_name().to_string_lossy().into_owned());
    let visible: BTreeSet<String> = names.filter(|name| !name.starts_with('.') && name != "target").collect();
    assert_eq!(visible, AGREED.map(str::to_owned).into());
}

#[test]
fn production_ends_where_the_tests_begin() {
    let text = "a\n#[cfg(test)]\nmod elsewhere;\nb\n#[cfg(test)]\n#[expect(x)]\nmod tests {\n}\n";
    assert_eq!(production_lines(text), ["a", "#[cfg(test)]", "mod elsewhere;", "b"]);
    assert_eq!(production_lines("a\nb\n"), ["a", "b"]);
}

#[test]
fn a_path_counts_from_its_root_only() {
    assert!(names_path("see /srv/x", "/srv/"));
    assert!(names_path("\"/srv/x\"", "/srv/"));
    assert!(!names_path("target/srv/x", "/srv/"));
    assert!(!names_path("~/srv/x", "/srv/"));
}

#[test]
fn a_module_is_known_however_visible_it_is() {
    assert_eq!(module_of("    pub(crate) mod utils {"), Some("utils"));
    assert_eq!(module_of("pub mod a;"), Some("a"));
    assert_eq!(module_of("model::x()"), None);
}
