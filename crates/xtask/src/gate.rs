//! `cargo xtask test`: the one command that says whether the tree is fit, the same for a person and for CI.

use std::{
    env,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{bench::budgets, process, setup, workspace};

/// What `cargo xtask test --help` prints.
pub(crate) const HELP: &str = "\
cargo xtask test [--quick]        (cargo xtask ci is the same)

The whole gate, the quickest to fail first: fmt, clippy, tests (built, then run), docs, benches as tests, instruction
budgets, fuzz targets, deny. An error names the first step that failed. What was left out, and why, is said at the end.

  --quick   the tests alone

EARWITNESS_CORPUS=DIR adds the tests that compare with real captures.";

/// How much of the gate is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Every step.
    Whole,
    /// The tests alone, for the time between two edits.
    Quick,
}

impl Extent {
    /// Reads the arguments of `cargo xtask test`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut extent = Self::Whole;
        for argument in arguments {
            match argument.as_str() {
                "--quick" => extent = Self::Quick,
                other => bail!("test knows --quick, not {other:?}"),
            }
        }
        Ok(extent)
    }
}

/// One step: its name, and what is run or why nothing is.
struct Step {
    /// A word for the table.
    name: &'static str,
    /// What is run, or why the step is left out.
    run: Result<Command, &'static str>,
}

/// Runs the steps in order; an error names the first that failed.
pub(crate) fn run(extent: Extent) -> Result<()> {
    setup::run(setup::Scope::Tests)?;
    let mut left_out = Vec::new();
    match workspace::corpus() {
        Some(corpus) => println!("corpus: {}", corpus.display()),
        None => left_out.push("the corpus tests (EARWITNESS_CORPUS names no folder)".to_owned()),
    }
    let steps = match extent {
        Extent::Whole => steps()?,
        Extent::Quick => {
            vec![Step { name: "build", run: Ok(build()) }, Step { name: "test", run: Ok(test()) }]
        }
    };
    let count = steps.len();
    let mut times = Vec::new();
    let began = Instant::now();
    for (place, step) in steps.into_iter().enumerate() {
        let mut command = match step.run {
            Ok(command) => command,
            Err(reason) => {
                left_out.push(format!("{} ({reason})", step.name));
                continue;
            }
        };
        find_room(&env::temp_dir(), ROOM)?;
        println!("\n── {} of {count}: {} ── $ {}", place + 1, step.name, process::shown(&command));
        let started = Instant::now();
        let result = process::succeed(&mut command);
        let took = seconds(started.elapsed());
        println!("── {}: {took}", step.name);
        if let Err(error) = result {
            bail!("test: step {} of {count}, {}, FAILED after {took}: {error:#}", place + 1, step.name);
        }
        times.push(format!("{} {took}", step.name));
    }
    println!("\n{}", times.join(" · "));
    for what in &left_out {
        println!("left out: {what}");
    }
    println!("test: {} of {count} steps passed in {}", times.len(), seconds(began.elapsed()));
    Ok(())
}

/// The steps of the whole gate, the quickest to fail first.
fn steps() -> Result<Vec<Step>> {
    let cargo = |arguments: &[&str]| {
        let mut command = workspace::cargo();
        command.args(arguments);
        command
    };
    let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    let mut fuzz = cargo(&["check", "--manifest-path", "crates/fuzz/Cargo.toml", "--bins", "--target-dir"]);
    fuzz.arg(workspace::target_dir()?.join("fuzz"));
    let deny = if process::on_path("cargo-deny") {
        Ok(cargo(&["deny", "--workspace", "check"]))
    } else {
        Err("cargo-deny is not installed")
    };
    let counted = budgets::why_not().map_or_else(|| Ok(cargo(&["xtask", "bench", "budgets"])), Err);
    Ok(vec![
        Step { name: "fmt", run: Ok(cargo(&["fmt", "--all", "--check"])) },
        Step {
            name: "clippy",
            run: Ok(cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
        },
        Step { name: "build", run: Ok(build()) },
        Step { name: "test", run: Ok(test()) },
        Step { name: "doc", run: Ok(doc) },
        // Without cargo's `--bench`, criterion runs each bench once and times nothing.
        Step { name: "benches", run: Ok(cargo(&["test", "--package", "earwitness-benches", "--benches"])) },
        Step { name: "budgets", run: counted },
        Step { name: "fuzz", run: Ok(fuzz) },
        Step { name: "deny", run: deny },
    ])
}

/// Bytes that must be free before a step: the tests fill at most half of it with captures and vaults, and what would fail
/// of a full disk would look like anything else.
const ROOM: u64 = 2 << 30;

/// Refuses to go on where the tests would run out of room.
fn find_room(dir: &Path, wanted: u64) -> Result<()> {
    let found =
        rustix::fs::statvfs(dir).with_context(|| format!("no room can be asked for in {}", dir.display()))?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    if free < wanted {
        let (free, dir) = (free >> 20, dir.display());
        bail!(
            "{free} MiB are free in {dir}, and the tests want {} MiB: make room, or name another TMPDIR",
            wanted >> 20
        );
    }
    Ok(())
}

/// What [`test()`] runs, so that its time is that of the tests.
fn build() -> Command {
    let mut command = workspace::cargo();
    command.args(["test", "--workspace", "--no-run"]);
    command
}

/// Every test and every example in the docs.
fn test() -> Command {
    let mut command = workspace::cargo();
    command.args(["test", "--workspace"]);
    command
}

/// A span for people.
fn seconds(span: Duration) -> String {
    let whole = span.as_secs();
    if whole < 60 {
        format!("{:.1} s", span.as_secs_f64())
    } else {
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_runs_what_the_style_asks_in_its_order() {
        let steps = steps().expect("cargo metadata works");
        let names: Vec<_> = steps.iter().map(|step| step.name).collect();
        assert_eq!(names, ["fmt", "clippy", "build", "test", "doc", "benches", "budgets", "fuzz", "deny"]);
        let lines: Vec<_> =
            steps.iter().filter_map(|step| step.run.as_ref().ok()).map(process::shown).collect();
        assert_eq!(lines[0], "cargo fmt --all --check");
        assert_eq!(lines[1], "cargo clippy --workspace --all-targets -- -D warnings");
        assert_eq!(lines[3], "cargo test --workspace");
    }

    #[test]
    fn no_step_begins_where_there_is_no_room_for_it() {
        let dir = env::temp_dir();
        assert!(find_room(&dir, 1).is_ok());
        let refused = find_room(&dir, u64::MAX).expect_err("nobody has so much").to_string();
        assert!(refused.contains("MiB are free in") && refused.contains("TMPDIR"), "{refused}");
    }

    #[test]
    fn spans_are_read_at_a_glance() {
        assert_eq!(seconds(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(61)), "1 min 01 s");
        assert_eq!(seconds(Duration::from_secs(3600)), "60 min 00 s");
    }
}
