//! Softphones: baresip, each saying a spoken file, told what to do by its standard input.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{ChildStdin, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};

use super::{
    Lab, phones,
    program::{Program, until},
    room::Host,
};
use crate::process;

const CONFIGURATION: &str = include_str!("templates/baresip.conf");

/// How long a softphone may take to do what it is told.
const PATIENCE: Duration = Duration::from_secs(10);

/// Speaks `text` with one of espeak's voices, as a telephone would carry it: 8 kHz, 16 bit, one channel. It is `seconds` long
/// with the silence at its end, because a softphone hangs up when it has said everything.
pub(super) fn speak(lab: &Lab, name: &str, (voice, text): (&str, &str), seconds: u32) -> Result<()> {
    let long = seconds.to_string();
    let (wide, narrow) = (lab.path(&format!("{name}-wide.wav")), lab.path(&format!("{name}.wav")));
    process::succeed(Command::new("espeak-ng").args(["-v", voice, "-w"]).arg(&wide).arg(text))?;
    process::succeed(
        Command::new("sox")
            .arg("-V1")
            .arg(&wide)
            .args(["-r", "8000", "-c", "1", "-b", "16"])
            .arg(&narrow)
            .args(["pad", "0", &long, "trim", "0", &long]),
    )
}

/// The protocol of the network that a softphone speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    Four,
    Six,
}

/// What carries a softphone's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    Udp,
    Tcp,
}

/// Whether a softphone insists on SRTP with keys in its SDP (RFC 4568).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    Plain,
    Locked,
}

/// The one encoding that a softphone offers and takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Pcma,
    Pcmu,
}

/// When a softphone answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    AtOnce,
    WhenTold,
}

/// How a softphone is to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Softphone {
    pub(super) host: Host,
    /// Its extension, whose last digit is its port's.
    pub(super) user: &'static str,
    /// The spoken file that it says.
    pub(super) voice: &'static str,
    pub(super) network: Network,
    pub(super) carrier: Carrier,
    pub(super) media: Media,
    pub(super) encoding: Encoding,
    pub(super) answers: Answers,
}

/// A softphone at work.
#[derive(Debug)]
pub(super) struct Ready {
    program: Program,
    input: ChildStdin,
    exchange: String,
}

impl Softphone {
    /// `user` at `host`, as most are: UDP, IPv4, RTP, A-law, answering at once.
    pub(super) const fn new(host: Host, user: &'static str, voice: &'static str) -> Self {
        Self {
            host,
            user,
            voice,
            network: Network::Four,
            carrier: Carrier::Udp,
            media: Media::Plain,
            encoding: Encoding::Pcma,
            answers: Answers::AtOnce,
        }
    }

    /// Its port for SIP; it takes the next one, too.
    fn port(&self) -> Result<u16> {
        port_of(self.user)
    }

    /// Starts it, its files and logs named after `scene`, and waits until it listens.
    pub(super) fn start(&self, lab: &Lab, scene: &str) -> Result<Ready> {
        let name = format!("{scene}-{}", self.user);
        let folder = lab.path(&name);
        fs::create_dir(&folder).context("the folder of a softphone")?;
        let (own, exchange) = match self.network {
            Network::Four => (self.host.address().to_string(), Host::Pbx.address().to_string()),
            Network::Six => {
                (format!("[{}]", self.host.address_six()), format!("[{}]", Host::Pbx.address_six()))
            }
        };
        let address = format!("{own}:{}", self.port()?);
        let file = lab.path(&format!("{}.wav", self.voice)).display().to_string();
        let words = [("ADDRESS", address.as_str()), ("VOICE", &file), ("MODULES", modules()?)];
        phones::write(&folder.join("config"), CONFIGURATION, &words)?;
        let carrier = match self.carrier {
            Carrier::Udp => "udp",
            Carrier::Tcp => "tcp",
        };
        let answers = match self.answers {
            Answers::AtOnce => "auto",
            Answers::WhenTold => "manual",
        };
        let encoding = match self.encoding {
            Encoding::Pcma => "PCMA",
            Encoding::Pcmu => "PCMU",
        };
        let media = match self.media {
            Media::Plain => "",
            Media::Locked => ";mediaenc=srtp-mand",
        };
        let account = format!(
            "<sip:{}@{exchange}>;outbound=\"sip:{exchange}:5060;transport={carrier}\";regint=0;\
             answermode={answers};audio_codecs={encoding}{media}\n",
            self.user
        );
        phones::write(&folder.join("accounts"), &account, &[])?;
        phones::write(&folder.join("contacts"), "", &[])?;
        let mut command = self.host.command("baresip");
        if self.network == Network::Six {
            command.arg("-6");
        }
        command.arg("-f").arg(&folder);
        let mut program = Program::start_reading(&name, command, Stdio::piped(), &lab.folder)?;
        let input = program.input()?;
        let port = self.port()?;
        program.ready(PATIENCE, |program| {
            lab.room.listens(self.host, port) && program.out().contains("baresip is ready")
        })?;
        Ok(Ready { program, input, exchange })
    }
}

impl Ready {
    /// Types a command.
    pub(super) fn order(&mut self, command: &str) -> Result<()> {
        writeln!(self.input, "{command}").with_context(|| format!("a softphone does not take {command}"))
    }

    /// Calls `extension` by way of the telephone system.
    pub(super) fn dial(&mut self, extension: &str) -> Result<()> {
        let command = format!("/dial sip:{extension}@{}", self.exchange);
        self.order(&command)
    }

    /// Waits until it has said `what` so many times.
    pub(super) fn wait(&mut self, what: &str, times: usize) -> Result<()> {
        let Self { program, .. } = self;
        until(PATIENCE, &format!("a softphone to say {what:?}"), || Ok(said(program, what) >= times))
    }

    /// Waits until it talks in its call with this number, from 1.
    pub(super) fn talks(&mut self, call: usize) -> Result<()> {
        self.wait("Call established", call)
    }

    /// How often it has said `what`.
    pub(super) fn said(&self, what: &str) -> usize {
        said(&self.program, what)
    }
}

/// How often a program has printed `what`.
fn said(program: &Program, what: &str) -> usize {
    program.out().matches(what).count() + program.log().matches(what).count()
}

/// The port of the phone with this extension: baresip takes two, the second for TLS.
pub(super) fn port_of(extension: &str) -> Result<u16> {
    let last: u16 = extension
        .get(extension.len().saturating_sub(1)..)
        .and_then(|digit| digit.parse().ok())
        .context("an extension ends with a digit")?;
    Ok(5_060 + 100 * last)
}

/// Where the package put baresip's modules.
fn modules() -> Result<&'static str> {
    ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"]
        .into_iter()
        .find(|folder| Path::new(folder).is_dir())
        .context("baresip has no modules")
}
