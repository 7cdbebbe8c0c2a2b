//! Softphones that transfer with Replaces: linphone-daemon, told what to do by its standard input.

use std::{
    fs,
    io::Write,
    process::{ChildStdin, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};

use super::{
    Lab, phones,
    program::{Program, until},
    room::Host,
    softphones::{self, Media},
};

const CONFIGURATION: &str = include_str!("templates/linphone.rc");

/// How long it may take to do what it is told.
const PATIENCE: Duration = Duration::from_secs(10);
/// The payload type of the one encoding that it offers.
const PCMA: &str = "8";

/// One at work.
#[derive(Debug)]
pub(super) struct Linphone {
    program: Program,
    input: ChildStdin,
}

impl Linphone {
    /// Starts the phone `user` at `host`, which answers at once, and waits until it takes commands.
    pub(super) fn start(lab: &Lab, scene: &str, (host, user): (Host, &str), media: Media) -> Result<Self> {
        let name = format!("{scene}-{user}");
        let home = lab.path(&name);
        // It does not make the folder of its database itself.
        fs::create_dir_all(home.join(".local/share/linphone")).context("the folder of a softphone")?;
        let port = softphones::port_of(user)?;
        let (pbx, port_text, ports) =
            (Host::Pbx.address().to_string(), port.to_string(), (port + 10_000).to_string());
        let lock = match media {
            Media::Plain => "none",
            Media::Locked => "srtp",
        };
        let words =
            [("PBX", pbx.as_str()), ("PORT", &port_text), ("MEDIA", &ports), ("USER", user), ("LOCK", lock)];
        let configuration = home.join("linphone.rc");
        phones::write(&configuration, CONFIGURATION, &words)?;
        let mut command = host.command("linphone-daemon");
        command.env("HOME", &home).arg("--auto-answer").arg("--config").arg(&configuration);
        command.arg("--log").arg(home.join("linphone.log"));
        let mut program = Program::start_reading(&name, command, Stdio::piped(), &lab.folder)?;
        let input = program.input()?;
        program.ready(PATIENCE, |_| lab.room.listens(host, port))?;
        let mut phone = Self { program, input };
        phone.order("audio-codec-disable ALL")?;
        phone.order(&format!("audio-codec-enable {PCMA}"))?;
        phone.wait("Enabled: true", 1)?;
        Ok(phone)
    }

    /// Types a command.
    pub(super) fn order(&mut self, command: &str) -> Result<()> {
        writeln!(self.input, "{command}").with_context(|| format!("linphone-daemon does not take {command}"))
    }

    /// Calls `extension` by way of the telephone system.
    pub(super) fn dial(&mut self, extension: &str) -> Result<()> {
        let command = format!("call sip:{extension}@{}", Host::Pbx.address());
        self.order(&command)
    }

    /// Says a spoken file in the call with this number, from 1, once it talks there.
    pub(super) fn say(&mut self, lab: &Lab, voice: &str, call: usize) -> Result<()> {
        self.wait("Event: LinphoneCallStreamsRunning", call)?;
        let file = lab.path(&format!("{voice}.wav"));
        self.order(&format!("incall-player-start {} {call}", file.display()))
    }

    /// Waits until it has printed `what` so many times.
    pub(super) fn wait(&mut self, what: &str, times: usize) -> Result<()> {
        let Self { program, .. } = self;
        until(PATIENCE, &format!("linphone-daemon to say {what:?}"), || {
            Ok(program.out().matches(what).count() >= times)
        })
    }
}
