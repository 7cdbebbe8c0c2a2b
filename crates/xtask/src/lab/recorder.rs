//! The recorder under test, on the mirror.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    Lab,
    order::Way,
    phones,
    program::Program,
    room::{Host, MONITOR},
};
use crate::process;

/// The lab's capture rules: everything is kept.
const RULES: &str = include_str!("templates/rules.toml");
const NUMBERS: &str = include_str!("templates/numbers.toml");
const RETENTION: &str = include_str!("templates/retention.toml");
const NOTICE: &str = include_str!("templates/notice.toml");

/// How long the recorder may take to begin, and to seal what runs at the end.
const PATIENCE: Duration = Duration::from_secs(60);

impl Ended {
    /// The number that it said before `what`; 0 when it did not.
    pub(super) fn count(&self, what: &str) -> u64 {
        count(&self.log, what)
    }
}

fn count(log: &str, what: &str) -> u64 {
    let before = log.split(what).next().filter(|before| before.len() < log.len()).unwrap_or_default();
    before.split_whitespace().next_back().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// How the recorder is started.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// Where it records to; made if it is not there.
    pub(super) vault: PathBuf,
    /// The kernel's ring, in MiB.
    pub(super) ring_mib: u32,
    /// More arguments.
    pub(super) more: Vec<String>,
}

/// A recorder at work.
#[derive(Debug)]
pub(super) struct Recorder {
    program: Program,
    way: Way,
    settings: Settings,
}

/// A recorder that reads what is generated, as fast as it can.
#[derive(Debug)]
pub(super) struct Piped {
    pub(super) program: Program,
    generator: Child,
}

impl Piped {
    /// Waits until both have ended well.
    pub(super) fn finish(mut self, at_most: Duration) -> Result<()> {
        self.program.succeed(at_most)?;
        let status = self.generator.wait().context("the generator")?;
        if status.success() { Ok(()) } else { bail!("the generator ended with {status}") }
    }
}

/// A recorder that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Its exit code; none if a signal ended it.
    pub(super) code: Option<i32>,
    /// What it said.
    pub(super) log: String,
    /// From the signal to its end.
    pub(super) took: Duration,
}

impl Settings {
    /// As it is by default, into the scenario's vault.
    pub(super) fn of(lab: &Lab) -> Self {
        Self { vault: lab.vault(), ring_mib: 64, more: Vec::new() }
    }
}

impl Recorder {
    /// Makes the rules, and the vault if it is not there.
    fn prepare(lab: &Lab, settings: &Settings) -> Result<PathBuf> {
        let rules = lab.path("rules");
        if !rules.is_dir() {
            std::fs::create_dir(&rules).context("the folder of rules")?;
            for (name, text) in
                [("rules", RULES), ("numbers", NUMBERS), ("retention", RETENTION), ("notice", NOTICE)]
            {
                phones::write(&rules.join(format!("{name}.toml")), text, &[])?;
            }
        }
        if !settings.vault.join("vault.toml").is_file() {
            let zone = ["-q", "--access", "open", "--zone", "Asia/Seoul"];
            process::output(&mut lab.earwitness("init", &settings.vault, &zone))?;
        }
        Ok(rules)
    }

    /// Makes the vault if it is not there, starts the recorder and waits until it records.
    pub(super) fn start(lab: &Lab, settings: &Settings) -> Result<Self> {
        let rules = Self::prepare(lab, settings)?;
        let program = match lab.order.way {
            Way::Live => live(lab, settings, &rules)?,
            Way::File => dumpcap(lab)?,
        };
        Ok(Self { program, way: lab.order.way, settings: settings.clone() })
    }

    /// `record -r -`, to be given what the words of `line` describe. It ends when all of it is recorded.
    pub(super) fn piped(lab: &Lab, settings: &Settings, line: &str) -> Result<Piped> {
        let rules = Self::prepare(lab, settings)?;
        let mut generator = Command::new(&lab.tools.generate)
            .args(line.split_whitespace())
            .arg("/dev/stdout")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("the generator")?;
        let frames = generator.stdout.take().context("the generator's frames")?;
        let mut command = lab.earwitness("record", &settings.vault, &["-r", "-", "--rules"]);
        command.arg(rules);
        Ok(Piped { program: Program::start_reading("reader", command, frames, &lab.folder)?, generator })
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// Sends a signal, by its name without SIG.
    pub(super) fn signal(&self, signal: &str) -> Result<()> {
        self.program.signal(signal)
    }

    /// SIGKILL: as if the power went.
    pub(super) fn kill(mut self) -> Result<()> {
        self.program.kill()
    }

    /// Ends it as an operator would, and waits until everything is sealed.
    pub(super) fn stop(mut self, lab: &Lab) -> Result<Ended> {
        let begun = Instant::now();
        self.program.signal("TERM")?;
        let status = self.program.wait(PATIENCE)?;
        let (code, log) = match self.way {
            Way::Live => (status.code(), self.program.log()),
            Way::File => read(lab, &self.settings)?,
        };
        Ok(Ended { code, log, took: begun.elapsed() })
    }
}

/// `record -i` on the mirror.
fn live(lab: &Lab, settings: &Settings, rules: &Path) -> Result<Program> {
    let mut command = Host::Recorder.urgent(&lab.tools.earwitness);
    command.args(["record", "-i", MONITOR, "-B", &settings.ring_mib.to_string()]);
    command.arg("--vault").arg(&settings.vault).arg("--rules").arg(rules).args(&settings.more);
    // One log for each start: the line that says it is ready must be this one's.
    let log = lab.path("recorder.log");
    if log.is_file() {
        let numbered =
            (1..).map(|number| lab.path(&format!("recorder-{number}.log"))).find(|path| !path.exists());
        std::fs::rename(&log, numbered.unwrap_or_else(|| log.clone())).context("the recorder's log")?;
    }
    let mut program = Program::start("recorder", command, &lab.folder)?;
    program.ready(PATIENCE, |program| program.log().contains("recording "))?;
    Ok(program)
}

/// The mirror into a file.
fn dumpcap(lab: &Lab) -> Result<Program> {
    let mut command = Host::Recorder.command("dumpcap");
    command.args(["-q", "-P", "-B", "64", "-i", MONITOR, "-w"]).arg(lab.path("mirror.pcap"));
    let mut program = Program::start("dumpcap", command, &lab.folder)?;
    program.ready(PATIENCE, |program| program.log().contains("File: "))?;
    Ok(program)
}

/// The file into the vault.
fn read(lab: &Lab, settings: &Settings) -> Result<(Option<i32>, String)> {
    let mut command: Command =
        lab.earwitness("record", &settings.vault, &["-r", "mirror.pcap", "--rules", "rules"]);
    let output = command.output().context("cannot start the recorder")?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Every recording of `vault` opened and compared with its seals.
pub(super) fn verify(lab: &Lab, vault: &Path) -> Result<String> {
    let output = lab.earwitness("verify", vault, &["--all", "--opened"]).output().context("verify")?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().lines().last().unwrap_or_default().to_owned();
    if output.status.success() {
        return Ok(said);
    }
    bail!("verify ended with {}: {said}", output.status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_before_its_words() {
        let log = "earwitness: recording mon0\nearwitness: 120 frames, 7 SIP messages\nearwitness: 9 frames that kernel\n";
        assert_eq!((count(log, " frames,"), count(log, " frames that"), count(log, " calls")), (120, 9, 0));
    }
}
