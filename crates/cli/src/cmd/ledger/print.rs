//! `earwitness ledger print`: a page for the file of the office.

use std::io::Write;

use clap::Args;
use earwitness_vault::Vault;

use super::civil_day;
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    view::{Page, printed_html, printed_text},
};

/// A page to print, seal and sign: the statement of a day and the signed head
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earwitness ledger print | lp                               yesterday, on the printer
  earwitness ledger print --day 2026-11-21 --html > day.html a page for the browser

Paper that left the machine is an anchor: who changes the ledger later cannot change it. Type the note from the page into a \
file, and `earwitness ledger verify --head FILE` holds the ledger against it.")]
pub(super) struct Print {
    /// A date, today or yesterday [default: yesterday]
    #[arg(long, value_name = "DAY")]
    day: Option<String>,
    /// HTML instead of text
    #[arg(long)]
    html: bool,
}

impl Print {
    pub(super) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let day = civil_day(self.day.as_deref(), vault)?;
        let statement = vault.statement(day, Context::now())?;
        let head = match &statement.head {
            Some(head) => head.clone(),
            None => vault.sign_head()?,
        };
        let page = Page {
            statement: &statement,
            head: &head,
            origin: vault.origin(),
            verifier: earwitness_vault::verifier_key(&vault.origin(), &vault.verifying_key()),
            zone: vault.zone(),
        };
        let text = if self.html { printed_html(&page) } else { printed_text(&page) };
        write!(context.out(), "{text}")?;
        Ok(Exit::Done)
    }
}
