//! Builds the pieces and counts them, as many at a time as there are cores.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::{Context, Result};
use serde_json::Value;

use super::table::Count;
use crate::{process, workspace};

/// What is counted: everything inside this function of the benches.
const COUNTED: &str = "--toggle-collect=*counted_work*";

/// Where the C library begins to copy by one instruction per byte is a matter of the machine's caches: far away.
const TUNABLES: &str = "glibc.cpu.x86_rep_movsb_threshold=0x10000000:glibc.cpu.x86_rep_stosb_threshold=0x10000000:\
     glibc.cpu.x86_non_temporal_threshold=0x10000000";

/// A piece of the hot path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its name.
    pub(super) name: String,
    /// What a unit of it is.
    pub(super) per: String,
}

/// The program with the pieces.
pub(super) struct Counter {
    program: PathBuf,
    /// Where callgrind writes what it saw.
    folder: PathBuf,
}

impl Counter {
    /// Builds it, as the recorder is built for an office.
    pub(super) fn build() -> Result<Self> {
        let mut command = workspace::cargo();
        command.args(["build", "--release", "--package", "earwitness-benches", "--bin", "hot_path"]);
        command.arg("--message-format=json-render-diagnostics");
        println!("$ {}", process::shown(&command));
        let messages = process::output(&mut command)?;
        let program = executable(&messages).context("cargo names no executable of hot_path")?;
        let folder = workspace::target_dir()?.join("budgets");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { program, folder })
    }

    /// What there is to count.
    pub(super) fn pieces(&self) -> Result<Vec<Piece>> {
        let list = process::output(Command::new(&self.program).arg("--list"))?;
        let piece = |line: &str| {
            let (name, per) = line.split_once(' ').with_context(|| format!("{line:?} is no piece"))?;
            Ok(Piece { name: name.to_owned(), per: per.to_owned() })
        };
        list.lines().map(piece).collect()
    }

    /// Counts each, in their order.
    pub(super) fn count(&self, pieces: &[Piece]) -> Result<Vec<Count>> {
        let next = AtomicUsize::new(0);
        let counts = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, std::num::NonZero::get) {
                scope.spawn(|| {
                    while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let count = self.run(piece, &[], &piece.name);
                        counts.lock().unwrap_or_else(PoisonError::into_inner).push(count);
                    }
                });
            }
        });
        let counts = counts.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut counts: Vec<Count> = counts.into_iter().collect::<Result<_>>()?;
        counts.sort_by_key(|count| pieces.iter().position(|piece| piece.name == count.name));
        Ok(counts)
    }

    /// Counts one that is slowed down by `rounds` rounds of a loop per unit.
    pub(super) fn slowed(&self, piece: &Piece, rounds: u32) -> Result<Count> {
        self.run(piece, &["--slowed".to_owned(), rounds.to_string()], "control")
    }

    fn run(&self, piece: &Piece, arguments: &[String], file: &str) -> Result<Count> {
        let out = self.folder.join(format!("{file}.out"));
        let mut command = Command::new("valgrind");
        // Nothing of the caller's surroundings decides what is done.
        command.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
        command.env("GLIBC_TUNABLES", TUNABLES).env("TMPDIR", &self.folder);
        command.args(["-q", "--tool=callgrind", "--collect-atstart=no", COUNTED]);
        command.arg(format!("--callgrind-out-file={}", out.display()));
        command.arg(&self.program).arg(&piece.name).args(arguments);
        let units = process::output(&mut command)?;
        let units: f64 = units.trim().parse().with_context(|| format!("{units:?} are no units"))?;
        let instructions = total(&out)?;
        Ok(Count { name: piece.name.clone(), per: piece.per.clone(), per_unit: instructions / units })
    }
}

/// The executable that cargo's messages name last.
fn executable(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back()
}

/// All instructions in callgrind's file.
fn total(file: &Path) -> Result<f64> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.filter(|total| *total > 0.0).with_context(|| format!("{}: nothing was counted", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_names_the_executable_among_other_things() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\nnot JSON\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"/t/hot_path-1\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable(messages), Some(PathBuf::from("/t/hot_path-1")));
        assert_eq!(executable("{}"), None);
    }

    #[test]
    fn a_file_in_which_nothing_was_counted_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("x.out");
        for (text, expected) in
            [("events: Ir\ntotals: 1234\n", Some(1234.0)), ("totals: 0\n", None), ("events: Ir\n", None)]
        {
            fs::write(&file, text).expect("a file can be written");
            assert_eq!(total(&file).ok(), expected, "{text}");
        }
    }
}
