//! The program as a user runs it.
#![allow(
    dead_code,
    clippy::print_stdout,
    reason = "each test binary uses its part, and says what it left out"
)]

pub(crate) mod wire;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use earwitness_testkit::{demo, pcap};
use serde_json::Value;

/// The captures with ground truth, when they are at hand.
pub(crate) fn corpus() -> Option<PathBuf> {
    let corpus = std::env::var_os("EARWITNESS_CORPUS").map(PathBuf::from);
    if corpus.is_none() {
        println!("left out: EARWITNESS_CORPUS is not set");
    }
    corpus
}

/// Waits until `is_so`; fails after half a minute.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A place of its own for a test's vault and files.
pub(crate) struct Bench {
    pub(crate) home: tempfile::TempDir,
}

/// How the program ended and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn vault(&self) -> PathBuf {
        self.path("vault")
    }

    /// The program with this bench's vault and the example office's rules.
    pub(crate) fn command<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, arguments: I) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_earwitness"));
        command
            .args(arguments)
            .env("EARWITNESS_VAULT", self.vault())
            .env("EARWITNESS_RULES", Path::new(env!("CARGO_MANIFEST_DIR")).join("../../capture-rules"))
            .env("TZ", "Asia/Seoul")
            .current_dir(self.home.path());
        command
    }

    pub(crate) fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, arguments: I) -> Said {
        Said::from(self.command(arguments).output().unwrap())
    }

    /// Runs what must end well.
    pub(crate) fn done<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, arguments: I) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, Some(0), "{said:?}");
        said.out
    }

    /// Every call, as `list --json --all` prints it.
    pub(crate) fn calls(&self, more: &[&str]) -> Vec<Value> {
        let arguments = ["list", "--json", "--all"].iter().chain(more);
        self.done(arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The demo office as a capture file.
    pub(crate) fn office(&self) -> PathBuf {
        let path = self.path("office.pcap");
        let file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
        pcap::write_all(file, demo::office()).unwrap();
        path
    }

    /// The demo office, recorded by the example rules.
    pub(crate) fn with_office() -> Self {
        let bench = Self::new();
        let office = bench.office();
        bench.done(["record".as_ref(), "-r".as_ref(), office.as_os_str()]);
        bench
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Every file under `dir`.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for file in std::fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}
