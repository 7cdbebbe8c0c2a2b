//! One file for each command.

mod doctor;
mod export;
mod index;
mod init;
mod keys;
mod list;
mod play;
mod record;
mod rules;
mod shell;
mod show;
mod verify;

use clap::Subcommand;

use crate::{context::Context, exit::Outcome};

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a vault and its keys
    Init(init::Init),
    /// Record a capture file
    Record(record::Record),
    /// Check whether a mirror is fit to record
    Doctor(doctor::Doctor),
    /// List calls, newest last
    List(list::List),
    /// Show everything known of one call
    Show(show::Show),
    /// Write calls as WAV, payload or pcapng
    Export(export::Export),
    /// Play a call with the system's player
    Play(play::Play),
    /// Check that recordings are whole and unaltered
    Verify(verify::Verify),
    /// Check, explain or begin capture rules
    Rules(rules::Rules),
    /// Show or try the keys of the vault
    Keys(keys::Keys),
    /// Check the index, or rebuild it from the volumes
    Index(index::Index),
    /// Print a completion script for a shell
    Completions(shell::Completions),
    /// Print the manual page
    Man(shell::Man),
}

impl Command {
    /// Runs the command.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        match self {
            Self::Init(command) => command.run(context),
            Self::Record(command) => command.run(context),
            Self::Doctor(command) => command.run(context),
            Self::List(command) => command.run(context),
            Self::Show(command) => command.run(context),
            Self::Export(command) => command.run(context),
            Self::Play(command) => command.run(context),
            Self::Verify(command) => command.run(context),
            Self::Rules(command) => command.run(context),
            Self::Keys(command) => command.run(context),
            Self::Index(command) => command.run(context),
            Self::Completions(command) => command.run(context),
            Self::Man(command) => command.run(context),
        }
    }
}
