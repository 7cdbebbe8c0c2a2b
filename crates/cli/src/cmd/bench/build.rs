//! A build of the program, as whoever measures it sees it: a program that is run.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    io::{self, Read},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use earwitness_vault::{LedgerKind, Vault, VaultError};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use super::{
    measured::Cost,
    scratch::{Stop, stopped},
};
use crate::exit::{Exit, Failure};

/// A build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Build {
    /// What it is called in what is printed.
    pub(super) name: &'static str,
    /// The program.
    pub(super) program: PathBuf,
    /// What it says of itself.
    pub(super) version: String,
}

/// What is recorded, and by which rules.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) files: Vec<PathBuf>,
    /// Capture rules; without them everything is kept.
    pub(super) rules: Option<PathBuf>,
}

/// A build at work.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    name: &'static str,
    told: LastWords,
    said: LastWords,
}

/// The end of what a process writes into a pipe. It is read while the process runs: a full pipe would stop it.
type LastWords = JoinHandle<io::Result<Vec<u8>>>;

/// At least so many bytes of it are kept, and no more than twice as many.
const KEPT: usize = 64 << 10;
/// Between two looks whether a process is over.
const LOOK: Duration = Duration::from_millis(20);

impl Build {
    /// Asks a program who it is.
    ///
    /// # Errors
    /// When it does not run, or is another program.
    pub(super) fn find(name: &'static str, program: &Path) -> Result<Self, Failure> {
        let cannot = |why: String| {
            Failure::new(Exit::Failed, format_args!("{} cannot be compared with: {why}", program.display()))
        };
        let output = Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|cause| cannot(cause.to_string()))?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match said.strip_prefix("earwitness ") {
            Some(version) if output.status.success() => {
                Ok(Self { name, program: program.to_owned(), version: version.to_owned() })
            }
            _ => Err(cannot(format!(
                "asked for its --version it does not say `earwitness` and a version ({})",
                output.status
            ))),
        }
    }

    /// Starts recording into a new vault, on one processor if one is named.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(&self, task: &Task, vault: &Path, core: Option<usize>) -> Result<Running, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "measured"]);
        if let Some(core) = core {
            command.arg("--core").arg(core.to_string());
        }
        command.arg("--").arg(&self.program).args(["record", "-q", "--vault"]).arg(vault);
        match &task.rules {
            Some(rules) => command.arg("--rules").arg(rules),
            None => command.arg("--lab"),
        };
        command.arg("-r").args(&task.files);
        Running::begin(self.name, &mut command)
    }

    /// Every call that a vault lists.
    ///
    /// # Errors
    /// When the build cannot list what it recorded.
    pub(super) fn list(&self, vault: &Path) -> Result<Vec<Value>, Failure> {
        let text = self.ask(vault, ["list", "--json", "--all"])?;
        text.lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()
            .map_err(|cause| self.fails(format_args!("a line of its `list --json` is no JSON: {cause}")))
    }

    /// Whether all that is in a vault is as it was sealed, by the build's own judgement.
    ///
    /// # Errors
    /// When it is not.
    pub(super) fn verify(&self, vault: &Path) -> Result<(), Failure> {
        self.ask(vault, ["verify", "--all", "-q"]).map(drop)
    }

    /// The payload of some calls: what each file has, by name.
    ///
    /// # Errors
    /// When they cannot be exported.
    pub(super) fn payload(
        &self,
        vault: &Path,
        (calls, to): (&[&str], &Path),
    ) -> Result<BTreeMap<OsString, blake3::Hash>, Failure> {
        let words = ["export", "-q", "--format", "payload", "--template", "{id}.{format}", "-o"];
        let words = words.iter().map(OsStr::new).chain([to.as_os_str()]);
        self.ask(vault, words.chain(calls.iter().map(OsStr::new)))?;
        let mut all = BTreeMap::new();
        for file in fs::read_dir(to)? {
            let file = file?;
            all.insert(file.file_name(), blake3::hash(&fs::read(file.path())?));
        }
        Ok(all)
    }

    fn ask<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
        &self,
        vault: &Path,
        words: I,
    ) -> Result<String, Failure> {
        let words: Vec<OsString> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
        let mut command = Command::new(&self.program);
        command.args(&words).arg("--vault").arg(vault).stdin(Stdio::null());
        let output = command.output()?;
        if output.status.success() {
            return String::from_utf8(output.stdout).map_err(|cause| self.fails(cause));
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let verb = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
        Err(self.fails(format_args!("`{verb}` ends with {}: {said}", output.status)))
    }

    fn fails(&self, why: impl std::fmt::Display) -> Failure {
        Failure::new(Exit::Failed, format_args!("{} ({}): {why}", self.name, self.program.display()))
    }
}

impl Running {
    /// Starts a process that prints one line of JSON at its end, with those that it starts in a group of its own.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn begin(name: &'static str, command: &mut Command) -> Result<Self, Failure> {
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let told = last_words(child.stdout.take().expect("it is a pipe"));
        let said = last_words(child.stderr.take().expect("it is a pipe"));
        Ok(Self { child, name, told, said })
    }

    /// Waits until all of them have ended.
    ///
    /// # Errors
    /// When a signal came first: then all of them are ended early.
    pub(super) fn wait<const N: usize>(mut all: [Self; N], stop: &Stop) -> Result<[Self; N], Failure> {
        loop {
            let is_over = all.iter_mut().try_fold(true, |is_over, one| Ok(is_over & one.is_over()?));
            let failure = match is_over {
                Ok(true) => return Ok(all),
                Ok(false) if stop.is_asked() => stopped(),
                Ok(false) => {
                    thread::sleep(LOOK);
                    continue;
                }
                Err(failure) => failure,
            };
            all.into_iter().for_each(Self::stop);
            return Err(failure);
        }
    }

    /// Whether it has ended.
    fn is_over(&mut self) -> Result<bool, Failure> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// What it says, once it has ended.
    ///
    /// # Errors
    /// When it says nothing that makes sense: with what it said instead.
    pub(super) fn told<T: serde::de::DeserializeOwned>(self) -> Result<T, Failure> {
        let name = self.name;
        self.output().and_then(|(told, said)| {
            told.ok_or_else(|| Failure::new(Exit::Failed, format_args!("{name}: {said}")))
        })
    }

    /// What it cost.
    ///
    /// # Errors
    /// When it could not be run, or a signal ended it.
    pub(super) fn finish(self) -> Result<Cost, Failure> {
        let name = self.name;
        let (cost, said) = self.output::<Cost>()?;
        // What record itself ends with where a capture is cut, or some of it is lost: it has recorded.
        let recorded = [Exit::Done, Exit::Loss, Exit::Part].map(|exit| Some(i32::from(exit.code())));
        match cost {
            Some(cost) if recorded.contains(&cost.exit) => Ok(cost),
            Some(cost) => {
                let how = cost.exit.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
                let what = format_args!("{name}: `record` ends with {how}: {said}");
                Err(Failure::new(Exit::Failed, what))
            }
            None => Err(Failure::new(Exit::Failed, format_args!("{name}: {said}"))),
        }
    }

    fn output<T: serde::de::DeserializeOwned>(mut self) -> Result<(Option<T>, String), Failure> {
        self.child.wait()?;
        let of = |words: LastWords| {
            let fell = |_panic| Failure::new(Exit::Failed, format_args!("{}: its output is lost", self.name));
            Ok::<_, Failure>(words.join().map_err(fell)??)
        };
        let (told, said) = (of(self.told)?, of(self.said)?);
        Ok((serde_json::from_slice(&told).ok(), String::from_utf8_lossy(&said).trim().to_owned()))
    }

    /// Ends it early, with the program that it waits for.
    pub(super) fn stop(mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            kill_process_group(group, Signal::KILL).unwrap_or_default();
        }
        self.child.wait().map(drop).unwrap_or_default();
    }
}

fn last_words(mut pipe: impl Read + Send + 'static) -> LastWords {
    thread::spawn(move || {
        let mut words = Vec::new();
        while pipe.by_ref().take(KEPT as u64).read_to_end(&mut words)? > 0 {
            words.drain(..words.len().saturating_sub(KEPT));
        }
        Ok(words)
    })
}

/// How many rows of each kind a vault's ledger has.
///
/// # Errors
/// When this build cannot read the vault.
pub(super) fn ledger(vault: &Path) -> Result<BTreeMap<String, u64>, Failure> {
    let vault = Vault::open(vault)?;
    let mut counts: BTreeMap<String, u64> =
        LedgerKind::ALL.iter().map(|kind| (format!("{kind:?}"), 0)).collect();
    for row in vault.ledger().rows() {
        let row = row.map_err(VaultError::from)?;
        *counts.entry(format!("{:?}", row.kind)).or_default() += 1;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn shell(script: &str) -> Running {
        Running::begin("it", Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn who_says_more_than_a_pipe_holds_ends_and_its_last_words_are_told() {
        let script = "i=0; while [ $i -lt 9000 ]; do echo 'a frame is not understood' >&2; i=$((i+1)); done; echo the disk is full >&2; ";
        let mut talks = shell(&format!("{script} echo '[7]'"));
        let began = Instant::now();
        while !talks.is_over().unwrap() {
            if began.elapsed() > Duration::from_secs(60) {
                talks.stop();
                panic!("it waits until somebody reads");
            }
            thread::sleep(LOOK);
        }
        assert_eq!(talks.told::<Vec<u32>>().unwrap(), [7]);
        let [silent] = Running::wait([shell(script)], &Stop::default()).unwrap();
        let why = silent.told::<Vec<u32>>().unwrap_err().to_string();
        assert!(why.ends_with("\nthe disk is full") && why.len() <= 2 * KEPT, "{} bytes", why.len());
    }

    #[test]
    fn a_signal_ends_all_that_run() {
        let stop = Stop::default();
        stop.ask();
        let began = Instant::now();
        let why = Running::wait([shell("sleep 60"), shell("sleep 60")], &stop).unwrap_err().to_string();
        assert!(why.starts_with("stopped") && began.elapsed() < Duration::from_secs(30), "{why}");
    }
}
