//! `earwitness keys`: which keys the vault has, who the officer is, and where copies of them are.

mod backup;
mod index_key;
mod officer;
mod shares;
mod show;

use clap::{Args, Subcommand};
use earwitness_vault::Vault;

use self::{
    backup::Backup,
    index_key::MoveIndex,
    officer::Rotate,
    shares::{Join, Sheet, Split},
};
use super::Needs;
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    seat::Over,
    socket::Grant,
};

/// The keys of the vault: show, unlock, rotate, split, join, sheet, backup, move-index
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earwitness keys show                                         who opens this vault, and where its keys are
  earwitness keys unlock --officer-key /media/usb/officer.age  does this key open it?
  earwitness keys split --shares 5 --threshold 3 -o /media/usb the officer's key in five hands, of which three are needed
  earwitness keys join S1.txt S2.txt S3.txt -o officer.age     and back
  earwitness keys rotate --recipient age1…                     another officer
  earwitness keys backup /media/usb --label 'safe, 2nd floor'  again on the same medium: what was destroyed goes there too")]
pub(crate) struct Keys {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// The public keys, the days that have a key, and where the officer's key is looked for
    Show,
    /// Try the officer's key and passphrase
    Unlock,
    /// Give the vault another officer: every day key is wrapped anew, and the key before opens nothing any more
    Rotate(Rotate),
    /// Split the officer's key into printed shares, of which some are enough
    Split(Split),
    /// Put the officer's key together from enough of its shares; no vault is needed
    Join(Join),
    /// Print the officer's key on one sheet, to be locked away
    Sheet(Sheet),
    /// Copy all keys to a second medium, or bring a copy up to date
    Backup(Backup),
    /// Put the index key into a file elsewhere, so that the vault's disk alone names nobody
    MoveIndex(MoveIndex),
}

impl Keys {
    /// What it may see and leave at its seat.
    pub(super) fn grant(&self) -> Grant {
        match &self.command {
            KeysCommand::Show | KeysCommand::Join(_) | KeysCommand::MoveIndex(_) => Grant::default(),
            KeysCommand::Unlock => Grant::default().with_key(),
            KeysCommand::Rotate(rotate) => rotate.grant(),
            KeysCommand::Split(split) => Grant::output(&split.output, Over::Nothing).with_key(),
            KeysCommand::Sheet(sheet) => Grant::output(&sheet.output, Over::Nothing).with_key(),
            KeysCommand::Backup(backup) => backup.grant(),
        }
    }

    /// What it needs of the vault.
    pub(super) const fn needs(&self) -> Needs {
        match &self.command {
            KeysCommand::Show | KeysCommand::Unlock | KeysCommand::Join(_) => Needs::Reading,
            KeysCommand::Backup(backup) => backup.needs(),
            KeysCommand::Rotate(_) | KeysCommand::Split(_) | KeysCommand::Sheet(_) => Needs::Acting,
            KeysCommand::MoveIndex(_) => Needs::Alone,
        }
    }

    /// What it comes to when it needs no vault.
    pub(super) fn run_without_vault(&self, context: &Context) -> Option<Outcome> {
        match &self.command {
            KeysCommand::Join(join) => Some(join.run(context)),
            KeysCommand::Show
            | KeysCommand::Unlock
            | KeysCommand::Rotate(_)
            | KeysCommand::Split(_)
            | KeysCommand::Sheet(_)
            | KeysCommand::Backup(_)
            | KeysCommand::MoveIndex(_) => None,
        }
    }

    pub(crate) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        match &self.command {
            KeysCommand::Show => show::run(context, vault),
            KeysCommand::Unlock => {
                use std::io::Write;
                let opener = context.unlock(vault)?;
                writeln!(context.out(), "{} opens this vault", opener.key_path().display())?;
                Ok(Exit::Done)
            }
            KeysCommand::Rotate(rotate) => rotate.run(context, vault),
            KeysCommand::Split(split) => split.run(context, vault),
            KeysCommand::Join(join) => join.run(context),
            KeysCommand::Sheet(sheet) => sheet.run(context, vault),
            KeysCommand::Backup(backup) => backup.run(context, vault),
            KeysCommand::MoveIndex(moved) => moved.run(context, vault),
        }
    }
}

/// The name of whoever does it, for the ledger.
fn by(context: &Context) -> String {
    context.seat().account().to_string()
}
