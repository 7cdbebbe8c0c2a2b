//! `earwitness keys move-index`.

use std::{io::Write, path::PathBuf};

use clap::Args;
use earwitness_vault::Vault;

use crate::{
    context::Context,
    exit::{Exit, Outcome},
};

/// Put the index key into a file elsewhere, so that the vault's disk alone names nobody
#[derive(Debug, Args)]
#[command(
    after_help = "The copy in the vault is overwritten and removed; DURABILITY.md says what a flash medium may keep of it, so that a
vault that shall never have held it is better made with `earwitness init --index-key FILE`.

Example, and how the service gets it:
  earwitness keys move-index /media/usb/index.key
  systemctl edit earwitness        [Service]
                                   LoadCredential=index.key:/media/usb/index.key"
)]
pub(super) struct MoveIndex {
    /// Where it goes: a file that is not there yet
    #[arg(value_name = "FILE")]
    to: PathBuf,
}

impl MoveIndex {
    pub(super) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let from = vault.index_key_at().to_owned();
        let to = vault.move_index_key(&self.to)?;
        writeln!(context.out(), "the index key is {} and no longer {}", to.display(), from.display())?;
        context.say(format_args!(
            "every command needs it from now on: --index-key {0}, or EARWITNESS_INDEX_KEY={0}; the service is handed it with \
             LoadCredential=index.key:{0}. Keep a copy: without it nothing of the vault can be read",
            to.display()
        ));
        Ok(Exit::Done)
    }
}
