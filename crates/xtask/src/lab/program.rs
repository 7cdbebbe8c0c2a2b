//! Programs that run beside the lab: started with a log, ended with it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::process;

/// How often is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(20);

/// A running program. It is killed when it is dropped.
#[derive(Debug)]
pub(super) struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts `command`; what it prints goes to `folder/name.log`, and to `folder/name.out` what is its result.
    pub(super) fn start(name: &str, command: Command, folder: &Path) -> Result<Self> {
        Self::start_reading(name, command, Stdio::null(), folder)
    }

    /// The same, with something to read on its standard input.
    pub(super) fn start_reading(
        name: &str,
        mut command: Command,
        input: impl Into<Stdio>,
        folder: &Path,
    ) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let make = |path: &Path| {
            File::options()
                .create(true)
                .append(true)
                .open(path)
                .with_context(|| format!("cannot make {}", path.display()))
        };
        let shown = process::shown(&command);
        let child = command
            .stdin(input)
            .stdout(make(&log.with_extension("out"))?)
            .stderr(make(&log)?)
            .spawn()
            .with_context(|| format!("cannot start {shown}"))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it reads from, when it was started with a pipe; once.
    pub(super) fn input(&mut self) -> Result<ChildStdin> {
        self.child.stdin.take().with_context(|| format!("{} reads from nothing", self.name))
    }

    /// What it has printed to its standard error.
    pub(super) fn log(&self) -> String {
        fs::read(&self.log).map_or_else(|_| String::new(), |text| String::from_utf8_lossy(&text).into_owned())
    }

    /// What it has printed to its standard output.
    pub(super) fn out(&self) -> String {
        let path = self.log.with_extension("out");
        fs::read(path).map_or_else(|_| String::new(), |text| String::from_utf8_lossy(&text).into_owned())
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot ask after {}", self.name))
    }

    /// Waits until it ends.
    pub(super) fn wait(&mut self, at_most: Duration) -> Result<ExitStatus> {
        let mut status = None;
        until(at_most, &format!("{} to end", self.name), || {
            status = self.ended()?;
            Ok(status.is_some())
        })
        .with_context(|| self.last_words())?;
        status.with_context(|| format!("{} has no status", self.name))
    }

    /// Waits until it ends, and wants 0.
    pub(super) fn succeed(&mut self, at_most: Duration) -> Result<()> {
        let status = self.wait(at_most)?;
        if status.success() {
            return Ok(());
        }
        bail!("{} ended with {status}: {}", self.name, self.last_words())
    }

    /// Waits until `ready`; an error when the program ends before.
    pub(super) fn ready(&mut self, at_most: Duration, mut ready: impl FnMut(&Self) -> bool) -> Result<()> {
        let what = format!("{} to be ready", self.name);
        until(at_most, &what, || match self.ended()? {
            Some(status) => bail!("{} ended with {status}", self.name),
            None => Ok(ready(self)),
        })
        .with_context(|| self.last_words())
    }

    /// Sends a signal, by its name without SIG.
    pub(super) fn signal(&self, signal: &str) -> Result<()> {
        process::succeed(Command::new("kill").arg(format!("-{signal}")).arg(self.pid().to_string()))
    }

    /// SIGKILL, and waits for the end.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.child.kill().with_context(|| format!("cannot kill {}", self.name))?;
        self.child.wait().with_context(|| format!("cannot wait for {}", self.name))?;
        Ok(())
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().rev().take(5).collect();
        let words: Vec<&str> = lines.into_iter().rev().collect();
        format!("{} says: {}", self.log.display(), words.join(" | "))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None))
            && let Err(error) = self.kill()
        {
            println!("lab: {error:#}");
        }
    }
}

/// Waits until `happened`, for so long at most.
pub(super) fn until(at_most: Duration, what: &str, mut happened: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !happened()? {
        if begun.elapsed() > at_most {
            bail!("waited {} s for {what}", at_most.as_secs());
        }
        sleep(LOOK);
    }
    Ok(())
}
