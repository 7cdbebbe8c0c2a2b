//! `earwitness ledger statement`: what a day comes to, to the unit.

use std::io::Write;

use clap::Args;
use earwitness_vault::Vault;

use super::civil_day;
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    view::{statement_object, statement_page},
};

/// What a day comes to: calls seen = recorded + excluded + failed, and the gaps
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earwitness ledger statement                    yesterday
  earwitness ledger statement 2026-11-21 --json  that day, for programs
  earwitness ledger statement today              what there is until now

A call belongs to the day on which the ledger was told that it is over: when it ended, or, of a capture file, when the file \
was read. Seen is what the recorders counted where calls come out of the engine, before \
anything is sealed, queued or written; the other numbers are counted from the rows of the ledger. A recorder that was \
killed told its number once a minute: what it told and has no row is a failed call. What a gap hides nobody counted: gaps \
are listed.

Exit code 0: every call is accounted for; 5: not so, or the row that closed the day says something else than its rows.")]
pub(super) struct Statement {
    /// A date, today or yesterday [default: yesterday]
    #[arg(value_name = "DAY")]
    day: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl Statement {
    pub(super) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let (day, now) = (civil_day(self.day.as_deref(), vault)?, Context::now());
        if day > vault.civil_day(now) {
            return Err(Failure::new(
                Exit::Usage,
                format_args!("{day} has not begun: there is nothing to state yet"),
            ));
        }
        let statement = vault.statement(day, now)?;
        let mut out = context.out();
        if self.json {
            writeln!(out, "{}", statement_object(&statement, vault.zone()))?;
        } else {
            write!(out, "{}", statement_page(&statement, vault.zone()))?;
        }
        let is_whole = statement.counts.balances() && statement.agrees();
        Ok(if is_whole { Exit::Done } else { Exit::Broken })
    }
}
