//! `earwitness play`: listen to a call with the system's player.

use clap::Args;
use earwitness_media::export::{WavOptions, wav};
use earwitness_vault::{LedgerKind, Vault};

use super::export::{Unsealed, act, audio_or_why, besides, missing};
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    filter::find_call,
    seat::{Target, player_names},
};

/// Caller on the left, callee on the right. Listening is noted in the ledger.
#[derive(Debug, Args)]
pub(crate) struct Play {
    /// An id, the beginning of one, or a SIP Call-ID
    call: String,
    /// Replace lost audio for up to 60 ms instead of silence
    #[arg(long)]
    conceal: bool,
}

impl Play {
    pub(crate) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let entry = find_call(vault, &self.call)?;
        audio_or_why(&entry)?;
        if !context.seat().has_player()? {
            return Err(no_player(&self.call));
        }
        let opener = context.unlock(vault)?;
        let unsealed = Unsealed::open(&opener, &entry)?;
        drop(opener);
        let is_whole = unsealed.tell_damage(context, &entry);
        vault.note(LedgerKind::Listened, Context::now(), &act(&entry, "play", context.seat().account()))?;
        let options = WavOptions { conceal: self.conceal, ..WavOptions::default() };
        let mut player = context.seat().begin(&Target::Player)?;
        let written = wav(&unsealed.audio, options, &mut player);
        // What the player says of itself comes first: that its pipe is closed follows from it.
        player.finish()?;
        let written = written.map_err(|error| Failure::new(Exit::Failed, error))?;
        for text in besides(&written) {
            context.say(text);
        }
        let missing = missing(&written);
        for text in &missing {
            context.tell(text);
        }
        Ok(match (is_whole, missing.is_empty()) {
            (true, true) => Exit::Done,
            (true, false) => Exit::Part,
            (false, _) => Exit::Broken,
        })
    }
}

fn no_player(call: &str) -> Failure {
    Failure::new(
        Exit::Failed,
        format_args!(
            "none of {} is installed; `earwitness export {call} -o call.wav` writes a file to listen to elsewhere",
            player_names()
        ),
    )
}
