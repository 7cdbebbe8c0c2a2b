//! `cargo xtask demo`: a made-up office, recorded and looked through, with every command shown as it would be typed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{process, setup, workspace};

/// What `cargo xtask demo --help` prints.
pub(crate) const HELP: &str = "\
cargo xtask demo [--debug] [--home DIR]

Builds the recorder, makes a capture of a made-up office, records it and walks through the commands, each shown as it
would be typed. What it makes is in target/demo.

  --debug      show the build that the tests have made, which is there sooner, instead of the release
  --home DIR   run in this folder, which has capture-rules; without it, in the project's";

/// Where the demo puts its things, below the home of the tour.
const FOLDER: &str = "target/demo";

/// How the tour is made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tour {
    /// The folder it runs in: has `capture-rules`, gets `target/demo`.
    home: PathBuf,
    /// Which build of the recorder is shown.
    build: Build,
}

/// A build of the recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Build {
    /// What an office would run.
    Release,
    /// What the tests have built already.
    Debug,
}

impl Tour {
    /// Reads the arguments of `cargo xtask demo`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut tour = Self { home: workspace::root(), build: Build::Release };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--debug" => tour.build = Build::Debug,
                "--home" => {
                    // cargo runs in the workspace's root, so that a relative path would be another one there.
                    let home = words.next().context("--home needs a directory")?;
                    tour.home = std::path::absolute(home).with_context(|| format!("{home} is no path"))?;
                }
                other => bail!("demo knows --debug and --home DIR, not {other:?}"),
            }
        }
        Ok(tour)
    }

    /// `earwitness` with `arguments`, in the tour's home.
    fn earwitness(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.home).args(arguments);
        command
    }
}

/// Builds the recorder, makes the office's capture, and walks through the commands.
pub(crate) fn run(tour: &Tour) -> Result<()> {
    setup::run(setup::Scope::Build)?;
    let folder = tour.home.join(FOLDER);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot empty {}", folder.display()));
        }
        Ok(()) | Err(_) => {}
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let program = build(tour.build)?;
    show(&mut generate(&folder.join("office.pcap")))?;

    let pcap = format!("{FOLDER}/office.pcap");
    let vault = format!("{FOLDER}/vault");
    let step = |arguments: &[&str]| show(&mut tour.earwitness(&program, arguments));
    step(&["init", "--access", "open", "--zone", "Asia/Seoul", "--vault", &vault])?;
    step(&["record", "-r", &pcap, "--rules", "capture-rules", "--vault", &vault])?;
    step(&["list", "--all", "--vault", &vault])?;
    let listing = process::output(&mut tour.earwitness(&program, &["list", "--json", "--vault", &vault]))?;
    let call = first_recorded(&listing).context("the demo office has no recorded call")?;
    let wav = format!("{FOLDER}/{call}.wav");
    step(&["show", &call, "--vault", &vault])?;
    step(&["export", &call, "--vault", &vault, "-o", &wav])?;
    step(&["verify", "--all", "--vault", &vault])?;

    println!("\nWhat the tour left behind:");
    println!("  {pcap}: the capture; it opens in Wireshark");
    println!("  {vault}: the vault, its key beside it");
    println!("  {wav}: the first recorded call, caller left, callee right");
    let bin = program.parent().unwrap_or(&program).display();
    println!("To go on by yourself: export PATH=\"{bin}:$PATH\" EARWITNESS_VAULT={vault}");
    Ok(())
}

/// Shows a command as in a shell, and runs it.
fn show(command: &mut Command) -> Result<()> {
    println!("\n$ {}", process::shown(command));
    process::succeed(command)
}

/// Builds the recorder and says where it is.
fn build(build: Build) -> Result<PathBuf> {
    let mut command = workspace::cargo();
    command.args(["build", "--package", "earwitness-cli", "--bin", "earwitness"]);
    let profile = match build {
        Build::Release => {
            command.arg("--release");
            "release"
        }
        Build::Debug => "debug",
    };
    show(&mut command)?;
    Ok(workspace::target_dir()?.join(profile).join("earwitness"))
}

/// The command that writes the demo office's capture to `pcap`.
fn generate(pcap: &Path) -> Command {
    let mut command = workspace::cargo();
    let path = pcap.strip_prefix(workspace::root()).unwrap_or(pcap);
    command.args([
        "run",
        "--quiet",
        "--package",
        "earwitness-testkit",
        "--example",
        "generate",
        "--",
        "--demo",
    ]);
    command.arg(path);
    command
}

/// The id of the first call of `list --json` that was recorded.
fn first_recorded(listing: &str) -> Option<String> {
    listing
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|call| call["recorded"] == true)
        .and_then(|call| call["id"].as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_call_that_was_recorded_is_shown() {
        let listing = "{\"schema\": 1, \"id\": \"01A\", \"recorded\": false}\n\
                       {\"schema\": 1, \"id\": \"01B\", \"streams\": [{\"id\": \"no\"}], \"recorded\": true}\n\
                       {\"schema\": 1, \"id\": \"01C\", \"recorded\": true}\n";
        assert_eq!(first_recorded(listing).as_deref(), Some("01B"));
        assert_eq!(first_recorded("{\"id\": \"01A\", \"recorded\": false}\nnot JSON\n"), None);
    }

    #[test]
    fn the_tour_runs_in_the_workspace_unless_told_otherwise() {
        let tour = Tour::parse(&[]).expect("no argument is fine");
        assert_eq!(tour, Tour { home: workspace::root(), build: Build::Release });
        let words = ["--debug", "--home", "elsewhere"].map(str::to_owned);
        let tour = Tour::parse(&words).expect("both are known");
        let here = std::env::current_dir().expect("a test runs somewhere");
        assert_eq!(tour, Tour { home: here.join("elsewhere"), build: Build::Debug });
    }

    #[test]
    fn the_capture_is_made_where_the_tour_reads_it() {
        let command = generate(&workspace::root().join(FOLDER).join("office.pcap"));
        assert_eq!(
            process::shown(&command),
            "cargo run --quiet --package earwitness-testkit --example generate -- --demo target/demo/office.pcap"
        );
    }
}
