//! `earwitness coverage`: was the mirror watched, and what may have passed unseen?

use std::io::Write;

use clap::Args;
use earwitness_model::{PacketTime, WallTime};
use earwitness_vault::{Vault, coverage};

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    filter::times,
    view::{coverage_object, coverage_page},
};

/// Times in which calls may have passed unseen or unkept, with their causes
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earwitness coverage                                     since recording first began
  earwitness coverage --since yesterday --until yesterday one day
  earwitness coverage --since -1h --json                  for monitoring

The ledger tells: when a recorder began and stopped, its sign of life once a minute, frames that were lost, a full \
disk. A recorder that was killed counts as down from its last sign of life. Recording of capture files covers nothing.

Exit code 0: watched without a gap; 6: there are gaps; 3: no recorder ever watched an interface.")]
pub(crate) struct Coverage {
    /// From this time on: 2026-11-21, "2026-11-21 14:00", RFC 3339, -2h, today, yesterday [default: when recording on an
    /// interface first began]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Up to this time; a day counts to its end [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl Coverage {
    pub(crate) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let now = Context::now();
        let (since, until) = times((self.since.as_deref(), self.until.as_deref()), now, vault.zone())?;
        let wall = |at: PacketTime| WallTime::from_nanos(at.nanos());
        // Of what is to come nothing can be said.
        let (since, until) = (since.map(wall), until.map_or(now, wall).min(now));
        if since.is_some_and(|since| since >= until) {
            return Err(Failure::new(Exit::Usage, "--since is not before --until, or not before now"));
        }
        let ledger = vault.ledger();
        let mut unreadable = 0u64;
        let rows = ledger.rows().filter_map(|row| row.inspect_err(|_| unreadable += 1).ok());
        let found = coverage(rows, since, until);
        drop(ledger);
        let Some(found) = found else {
            let hint = "no recorder ever watched an interface into this vault: `earwitness record -i IFACE`";
            return Err(Failure::new(Exit::NotFound, hint));
        };
        let mut out = context.out();
        if self.json {
            writeln!(out, "{}", coverage_object(&found, vault.zone()))?;
        } else {
            write!(out, "{}", coverage_page(&found, vault.zone(), context.screen()))?;
        }
        if unreadable > 0 {
            context.say(format_args!(
                "{unreadable} rows of the ledger cannot be read, and gaps may be missing here: `earwitness verify --all` names them"
            ));
            return Ok(Exit::Broken);
        }
        Ok(if found.gaps.is_empty() { Exit::Done } else { Exit::Loss })
    }
}
