//! `earwitness play`: listen to a call with the system's player.

use std::{
    io::{self, BufWriter, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use clap::Args;
use earwitness_media::export::{WavOptions, wav};
use earwitness_vault::LedgerKind;

use super::export::{Unsealed, act, audio_or_why};
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    filter::find_call,
};

/// A player that takes a WAV on its standard input.
struct Player {
    name: &'static str,
    arguments: &'static [&'static str],
}

/// In the order in which they are tried.
const PLAYERS: [Player; 3] = [
    Player { name: "aplay", arguments: &["-q", "-"] },
    Player { name: "ffplay", arguments: &["-nodisp", "-autoexit", "-loglevel", "error", "-i", "-"] },
    Player { name: "play", arguments: &["-q", "-t", "wav", "-"] },
];

/// Caller on the left, callee on the right. Listening is noted in the ledger.
#[derive(Debug, Args)]
pub(crate) struct Play {
    /// An id, the beginning of one, or a SIP Call-ID
    call: String,
    /// Replace lost audio by a fading repetition instead of silence
    #[arg(long)]
    conceal: bool,
}

impl Play {
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        let vault = context.open_vault()?;
        let entry = find_call(&vault, &self.call)?;
        audio_or_why(&entry)?;
        let (player, program) = find_player().ok_or_else(|| no_player(&self.call))?;
        let opener = context.unlock(&vault)?;
        let unsealed = Unsealed::open(&opener, &entry)?;
        let is_whole = unsealed.tell_damage(&entry);
        vault.note(LedgerKind::Listened, Context::now(), &act(&entry, "play"))?;
        // A call takes its time: others may use the vault meanwhile.
        drop((opener, vault));
        let options = WavOptions { conceal: self.conceal, ..WavOptions::default() };
        let mut child = start(player, &program)?;
        let written = child.stdin.take().map_or(Ok(()), |stdin| {
            let mut out = BufWriter::new(stdin);
            let exported = wav(&unsealed.audio, options, &mut out);
            exported.map_err(|error| Failure::new(Exit::Failed, error)).and_then(|_| Ok(out.flush()?))
        });
        let status = child.wait()?;
        match written {
            // Whoever stops the player has heard enough.
            _ if !status.success() => {
                Err(Failure::new(Exit::Failed, format_args!("{} ended with {status}", player.name)))
            }
            Err(failure) => Err(failure),
            Ok(()) if is_whole => Ok(Exit::Done),
            Ok(()) => Ok(Exit::Broken),
        }
    }
}

fn find_player() -> Option<(&'static Player, PathBuf)> {
    let path = std::env::var_os("PATH")?;
    let find = |player: &'static Player| {
        let mut places = std::env::split_paths(&path).map(|dir| dir.join(player.name));
        places.find(|place| place.is_file()).map(|place| (player, place))
    };
    PLAYERS.iter().find_map(find)
}

fn no_player(call: &str) -> Failure {
    let names = PLAYERS.map(|player| player.name).join(", ");
    let hint = format_args!("none of {names} is installed; `earwitness export {call} -o call.wav` writes a file to listen to elsewhere").to_string();
    Failure::new(Exit::Failed, hint)
}

fn start(player: &Player, program: &PathBuf) -> io::Result<Child> {
    Command::new(program).args(player.arguments).stdin(Stdio::piped()).spawn()
}
