//! Softphones: baresip on both sides, each saying a spoken file.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};

use super::{Lab, phones, program::Program, room::Host};
use crate::process;

const CONFIGURATION: &str = include_str!("templates/baresip.conf");

/// Seconds of a spoken file.
const LONG: &str = "12";

/// Speaks `text` with one of espeak's voices, as a telephone would carry it: 8 kHz, 16 bit, one channel. All are equally
/// long, silence at their end, because a softphone hangs up when it has said everything.
pub(super) fn speak(lab: &Lab, name: &str, voice: &str, text: &str) -> Result<()> {
    let (wide, narrow) = (lab.path(&format!("{name}-wide.wav")), lab.path(&format!("{name}.wav")));
    process::succeed(Command::new("espeak-ng").args(["-v", voice, "-w"]).arg(&wide).arg(text))?;
    process::succeed(
        Command::new("sox")
            .arg(&wide)
            .args(["-r", "8000", "-c", "1", "-b", "16"])
            .arg(&narrow)
            .args(["pad", "0", LONG, "trim", "0", LONG]),
    )
}

/// Starts a softphone at `host` as `user`, which says `voice`.wav and does what `dial` says.
pub(super) fn start(lab: &Lab, host: Host, user: &str, voice: &str, dial: Option<&str>) -> Result<Program> {
    let folder = lab.path(&format!("baresip-{user}"));
    fs::create_dir(&folder).context("the folder of a softphone")?;
    let address = host.address().to_string();
    let file = lab.path(&format!("{voice}.wav")).display().to_string();
    let words = [("ADDRESS", address.as_str()), ("VOICE", &file), ("MODULES", modules()?)];
    phones::write(&folder.join("config"), CONFIGURATION, &words)?;
    let account = format!(
        "<sip:{user}@{pbx}>;outbound=\"sip:{pbx}:5060\";regint=0;answermode=auto;audio_codecs=PCMA\n",
        pbx = Host::Pbx.address()
    );
    phones::write(&folder.join("accounts"), &account, &[])?;
    phones::write(&folder.join("contacts"), "", &[])?;
    let mut command = host.command("baresip");
    command.arg("-f").arg(&folder);
    if let Some(dial) = dial {
        command.args(["-e", &format!("/dial {dial}")]);
    }
    let mut program = Program::start(&format!("baresip-{user}"), command, &lab.folder)?;
    program.ready(Duration::from_secs(10), |_| lab.room.listens(host, 5_060))?;
    Ok(program)
}

/// Where the package put baresip's modules.
fn modules() -> Result<&'static str> {
    ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"]
        .into_iter()
        .find(|folder| Path::new(folder).is_dir())
        .context("baresip has no modules")
}
