//! The phones: sipp on both sides, a bank of them for every voice.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result};

use super::{Lab, program::Program, room::Host, voice::Voice};

/// What the calling side does.
pub(super) const CALLER: &str = include_str!("templates/caller.xml");
/// What the called side does.
pub(super) const CALLEE: &str = include_str!("templates/callee.xml");

/// Ports between the banks' first media ports; sipp takes four for each call.
const MEDIA_STEP: u16 = 5_000;

/// Phones that say the same: callers to one extension, and the phones behind it.
#[derive(Debug)]
pub(super) struct Bank {
    /// Which one, from 0; at most 8.
    pub(super) number: u16,
    /// How many calls it makes.
    pub(super) calls: u32,
    /// What each caller says.
    pub(super) caller: Voice,
    /// What each callee says.
    pub(super) callee: Voice,
}

/// A bank at work.
#[derive(Debug)]
pub(super) struct Busy {
    caller: Program,
    callee: Program,
    /// From the first call's beginning to the last call's end, at most.
    limit: Duration,
}

impl Bank {
    /// `calls` calls of `seconds` each, with voices of their own.
    pub(super) fn new(number: u16, calls: u32, seconds: u32) -> Self {
        let packets = seconds as usize * 50;
        let seed = u64::from(number) * 2 + 1;
        Self { number, calls, caller: Voice::new(seed, packets), callee: Voice::new(seed + 1, packets) }
    }

    /// The extension that it calls.
    pub(super) fn extension(&self) -> String {
        format!("400{}", self.number)
    }

    const fn port(&self) -> u16 {
        5_060 + self.number
    }

    const fn media_port(&self) -> u16 {
        20_000 + self.number * MEDIA_STEP
    }

    /// Lets the phones call, `rate` calls per second, either each other or by way of the telephone system.
    pub(super) fn call(&self, lab: &Lab, through: Host, rate: u32) -> Result<Busy> {
        let (caller, callee) = (format!("caller-{}", self.number), format!("callee-{}", self.number));
        self.caller.write(&lab.path(&format!("{caller}.pcap")))?;
        self.callee.write(&lab.path(&format!("{callee}.pcap")))?;
        // The last packet is out when the talk ends: 20 ms per packet, and room for a machine that is busy.
        let talk = self.caller.packets() as u64 * 20 + 1_500;
        write(
            &lab.path(&format!("{caller}.xml")),
            CALLER,
            &[("VOICE", &caller), ("TALK", &talk.to_string()), ("SUBJECT", "lab")],
        )?;
        write(&lab.path(&format!("{callee}.xml")), CALLEE, &[("VOICE", &callee)])?;

        let calls = self.calls.to_string();
        let mut called = self.sipp(lab, Host::PhonesB, &callee);
        called.args(["-m", &calls]);
        let mut callee = Program::start(&callee, called, &lab.folder)?;
        callee.ready(Duration::from_secs(10), |_| lab.room.listens(Host::PhonesB, self.port()))?;

        let mut calling = self.sipp(lab, Host::PhonesA, &caller);
        let to = match through {
            Host::Pbx => format!("{}:5060", Host::Pbx.address()),
            Host::Switch | Host::PhonesA | Host::PhonesB | Host::PhonesC | Host::Recorder => {
                format!("{}:{}", Host::PhonesB.address(), self.port())
            }
        };
        calling.args(["-s", &self.extension(), "-m", &calls, "-l", &calls, "-r", &rate.to_string(), &to]);
        let caller = Program::start(&caller, calling, &lab.folder)?;
        let limit =
            Duration::from_millis(talk + 20_000) + Duration::from_secs(u64::from(self.calls / rate.max(1)));
        Ok(Busy { caller, callee, limit })
    }

    fn sipp(&self, lab: &Lab, host: Host, name: &str) -> std::process::Command {
        let address = host.address().to_string();
        let mut command = host.command("sipp");
        command.current_dir(&lab.folder).args(["-sf", &format!("{name}.xml"), "-nostdin"]);
        command.args(["-i", &address, "-mi", &address, "-p", &self.port().to_string()]);
        command.args(["-mp", &self.media_port().to_string()]);
        command.args(["-trace_err", "-error_file", &format!("{name}.errors")]);
        command
    }
}

impl Busy {
    /// Waits for the last call's end; sipp says whether every call went as it should.
    pub(super) fn finish(mut self) -> Result<()> {
        self.caller.succeed(self.limit).context("the callers")?;
        self.callee.succeed(Duration::from_secs(20)).context("the callees")
    }
}

/// Writes a template with its words filled in.
pub(super) fn write(path: &Path, template: &str, words: &[(&str, &str)]) -> Result<()> {
    let text = words
        .iter()
        .fold(template.to_owned(), |text, (word, value)| text.replace(&format!("@{word}@"), value));
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
