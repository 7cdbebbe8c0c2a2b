//! `earwitness ledger`: what happened, day by day, held against signed heads, proven, printed and anchored.

mod anchor;
mod print;
mod prove;
mod show;
mod statement;
mod verify;

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use earwitness_vault::Vault;

pub(super) use self::verify::kept_heads;
use super::Needs;
use crate::{
    context::Context,
    exit::{Failure, Outcome},
    filter::{Edge, time},
    socket::Grant,
};

/// What happened to calls and to the recorder: rows that are only ever added to, in a tree whose heads are signed
#[derive(Debug, Args)]
pub(crate) struct Ledger {
    #[command(subcommand)]
    command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
enum LedgerCommand {
    /// The rows, in order
    Show(show::Show),
    /// What a day comes to: calls seen = recorded + excluded + failed, and the gaps
    Statement(statement::Statement),
    /// A page to print, seal and sign: the statement of a day and the signed head
    Print(print::Print),
    /// Hold the ledger against its signed heads, and against one that is kept elsewhere
    Verify(verify::Verify),
    /// Write the proof that the ledger tells of a call, for whoever has the public key
    Prove(prove::Prove),
    /// Have somebody else know the newest head: on paper, or a time-stamping authority (RFC 3161)
    Anchor(anchor::Anchor),
}

impl Ledger {
    pub(super) const fn needs(&self) -> Needs {
        match &self.command {
            LedgerCommand::Show(_)
            | LedgerCommand::Statement(_)
            | LedgerCommand::Print(_)
            | LedgerCommand::Verify(_)
            | LedgerCommand::Prove(_) => Needs::Reading,
            LedgerCommand::Anchor(command) => command.needs(),
        }
    }

    pub(super) fn grant(&self) -> Grant {
        match &self.command {
            LedgerCommand::Show(_) | LedgerCommand::Statement(_) | LedgerCommand::Print(_) => {
                Grant::default()
            }
            LedgerCommand::Verify(command) => command.grant(),
            LedgerCommand::Prove(command) => command.grant(),
            LedgerCommand::Anchor(command) => command.grant(),
        }
    }

    pub(crate) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        match &self.command {
            LedgerCommand::Show(command) => command.run(context, vault),
            LedgerCommand::Statement(command) => command.run(context, vault),
            LedgerCommand::Print(command) => command.run(context, vault),
            LedgerCommand::Verify(command) => command.run(context, vault),
            LedgerCommand::Prove(command) => command.run(context, vault),
            LedgerCommand::Anchor(command) => command.run(context, vault),
        }
    }
}

/// The day that was typed: a date, `today`, `yesterday`; nothing is yesterday, which is over.
fn civil_day(typed: Option<&str>, vault: &Vault) -> Result<NaiveDate, Failure> {
    let typed = ("the day", typed.unwrap_or("yesterday"));
    let begin = time(typed, Edge::Since, (Context::now(), vault.zone()))?;
    Ok(vault.civil_day(earwitness_model::WallTime::from_nanos(begin.nanos())))
}
