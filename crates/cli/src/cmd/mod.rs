//! One file for each command.

mod backup;
mod bench;
mod coverage;
mod dispose;
mod doctor;
mod export;
mod hold;
mod import;
mod index;
mod init;
mod keys;
mod ledger;
mod list;
mod play;
mod record;
mod restore;
mod rules;
mod shell;
mod show;
mod status;
mod top;
mod verify;

use std::{thread, time::Instant};

use clap::Subcommand;
use earwitness_vault::Vault;

use crate::{
    context::{Context, PATIENCE, STEP},
    exit::Outcome,
    socket::{Grant, Handed, hand_over},
};

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a vault and its keys
    Init(init::Init),
    /// Record a mirror port, live, or capture files
    Record(Box<record::Record>),
    /// Show the health of a running recorder
    Status(status::Status),
    /// Show a running recorder and its calls as they change
    Top(top::Top),
    /// Check whether a mirror is fit to record
    Doctor(doctor::Doctor),
    #[command(flatten)]
    InVault(Box<VaultCommand>),
    /// Make a vault again of a backup of volumes and a backup of keys
    Restore(restore::Restore),
    /// Measure this box, or this build against another one
    Bench(Box<bench::Bench>),
    /// Capture rules: check, explain, diff, init
    Rules(rules::Rules),
    /// Print a completion script for a shell
    Completions(shell::Completions),
    /// Print the manual page
    Man(shell::Man),
}

/// The commands that work in a vault: the recorder runs them while it has it.
#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
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
    /// Was the mirror watched, and what may have passed unseen?
    Coverage(coverage::Coverage),
    /// The keys of the vault: show, unlock, rotate, split, join, sheet, backup, move-index
    Keys(keys::Keys),
    /// Check the index, or rebuild it from the volumes
    Index(index::Index),
    /// What happened: show, statement, print, verify, prove, anchor
    Ledger(ledger::Ledger),
    /// Destroy what has been kept for its time: plan, run, certificate; change, approve
    Dispose(dispose::Dispose),
    /// Keep recordings beyond their time: add, release, list
    Hold(hold::Hold),
    /// Copy volumes and ledger to another medium, without a key
    Backup(backup::Backup),
    /// Keep the recordings of an earlier recorder: WAV files and a CSV list of them
    Import(import::Import),
}

/// For whom something is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// For people.
    Page,
    /// For programs: objects, one per line.
    Json,
}

impl Form {
    /// As `--json` was given or not.
    const fn asked(is_json: bool) -> Self {
        if is_json { Self::Json } else { Self::Page }
    }
}

/// What a command needs of the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// It reads, and may tell the ledger what it read. Whoever the recorder's socket admits may have it run.
    Reading,
    /// It changes what is kept. Root and the recorder's own user may have it run.
    Acting,
    /// Nobody else may have the vault open, the recorder least of all.
    Alone,
}

impl Command {
    /// Runs the command.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        match self {
            Self::Init(command) => command.run(context),
            Self::Record(command) => command.run(context),
            Self::Status(command) => command.run(context),
            Self::Top(command) => command.run(context),
            Self::Doctor(command) => command.run(context),
            Self::InVault(command) => command.run_or_hand_over(context),
            Self::Restore(command) => command.run(context),
            Self::Bench(command) => command.run(context),
            Self::Rules(command) => command.run(context),
            Self::Completions(command) => command.run(context),
            Self::Man(command) => command.run(context),
        }
    }
}

impl VaultCommand {
    /// Runs the command here if the vault can be opened, else has it run by the recorder that has it.
    fn run_or_hand_over(&self, context: &Context) -> Outcome {
        // A bundle is checked by whoever has it, without any vault.
        if let Self::Verify(command) = self
            && let Some(outcome) = command.of_bundle(context)
        {
            return outcome;
        }
        if let Self::Backup(command) = self
            && let Some(outcome) = command.run_without_vault(context)
        {
            return outcome;
        }
        let began = Instant::now();
        loop {
            if let Self::Keys(command) = self
                && let Some(outcome) = command.run_without_vault(context)
            {
                return outcome;
            }
            let cause = match context.try_open_vault() {
                Ok(vault) => return self.run(context, &vault),
                Err(cause) => cause,
            };
            match hand_over(context, self, cause)? {
                Handed::Over(exit) => {
                    if let Self::List(_) = self {
                        list::tell_of_running(context);
                    }
                    return Ok(exit);
                }
                Handed::ToNobody(_) if began.elapsed() < PATIENCE => thread::sleep(STEP),
                Handed::ToNobody(cause) => return Err(cause.into()),
            }
        }
    }

    /// Runs the command on an open vault: here, or in the recorder for whoever sits at the context's seat.
    pub(crate) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        match self {
            Self::List(command) => command.run(context, vault),
            Self::Show(command) => command.run(context, vault),
            Self::Export(command) => command.run(context, vault),
            Self::Play(command) => command.run(context, vault),
            Self::Verify(command) => command.run(context, vault),
            Self::Coverage(command) => command.run(context, vault),
            Self::Keys(command) => command.run(context, vault),
            Self::Index(command) => command.run(context, vault),
            Self::Ledger(command) => command.run(context, vault),
            Self::Dispose(command) => command.run(context, vault),
            Self::Hold(command) => command.run(context, vault),
            Self::Backup(command) => command.run(context, vault),
            Self::Import(command) => command.run(context, vault),
        }
    }

    /// What it needs of the vault.
    pub(crate) const fn needs(&self) -> Needs {
        match self {
            Self::List(_)
            | Self::Show(_)
            | Self::Export(_)
            | Self::Play(_)
            | Self::Verify(_)
            | Self::Coverage(_) => Needs::Reading,
            Self::Keys(command) => command.needs(),
            Self::Index(command) => command.needs(),
            Self::Ledger(command) => command.needs(),
            Self::Dispose(command) => command.needs(),
            Self::Hold(command) => command.needs(),
            Self::Backup(_) => Needs::Acting,
            Self::Import(_) => Needs::Alone,
        }
    }

    /// Its name on the command line.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::List(_) => "list",
            Self::Show(_) => "show",
            Self::Export(_) => "export",
            Self::Play(_) => "play",
            Self::Verify(_) => "verify",
            Self::Coverage(_) => "coverage",
            Self::Keys(_) => "keys",
            Self::Index(_) => "index",
            Self::Ledger(_) => "ledger",
            Self::Dispose(_) => "dispose",
            Self::Hold(_) => "hold",
            Self::Backup(_) => "backup",
            Self::Import(_) => "import",
        }
    }

    /// What it may see and leave at its seat when another process runs it.
    pub(crate) fn grant(&self) -> Grant {
        match self {
            Self::List(command) => command.grant(),
            Self::Show(command) => command.grant(),
            Self::Export(command) => command.grant(),
            Self::Play(_) => Grant::player().with_key(),
            Self::Verify(command) => command.grant(),
            Self::Ledger(command) => command.grant(),
            Self::Keys(command) => command.grant(),
            Self::Backup(command) => command.grant(),
            Self::Coverage(_) | Self::Import(_) | Self::Index(_) | Self::Dispose(_) | Self::Hold(_) => {
                Grant::default()
            }
        }
    }
}
