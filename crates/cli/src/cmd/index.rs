//! `earwitness index`: the index can be checked, and made anew from volumes and ledger.

use std::io::Write;

use clap::{Args, Subcommand};
use earwitness_vault::Vault;

use super::Needs;
use crate::{
    context::Context,
    exit::{Exit, Outcome},
};

/// Check the index, or rebuild it from the volumes
#[derive(Debug, Args)]
pub(crate) struct Index {
    #[command(subcommand)]
    command: IndexCommand,
}

#[derive(Debug, Subcommand)]
enum IndexCommand {
    /// Read every row, and look for recordings that are not listed
    Check,
    /// Empty the index and fill it from volumes and ledger
    Rebuild,
}

impl Index {
    /// A rebuild empties what the recorder writes into.
    pub(super) const fn needs(&self) -> Needs {
        match self.command {
            IndexCommand::Check => Needs::Reading,
            IndexCommand::Rebuild => Needs::Alone,
        }
    }

    pub(crate) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let mut out = context.out();
        match self.command {
            IndexCommand::Check => {
                let findings = vault.check_index();
                for finding in &findings {
                    writeln!(out, "{finding}")?;
                }
                if findings.is_empty() {
                    writeln!(
                        out,
                        "{} calls listed, every row whole, every recording listed",
                        vault.index().len()
                    )?;
                    return Ok(Exit::Done);
                }
                context.say(
                    "`earwitness index rebuild` makes the index anew from volumes and ledger; bytes of a volume that are damaged \
                     come back from a backup only",
                );
                Ok(Exit::Broken)
            }
            IndexCommand::Rebuild => {
                let rebuilt = vault.rebuild_index()?;
                writeln!(
                    out,
                    "{} recordings and {} calls without one listed",
                    rebuilt.recordings, rebuilt.excluded
                )?;
                if rebuilt.shortened > 0 {
                    context.say(format_args!(
                        "{} calls were too long for a row and are listed shortened",
                        rebuilt.shortened
                    ));
                }
                if rebuilt.told_ledger > 0 {
                    context.say(format_args!(
                        "the ledger did not tell of {} recordings, and now does: somebody may have taken rows out of it",
                        rebuilt.told_ledger
                    ));
                }
                if rebuilt.gone > 0 {
                    context.say(format_args!(
                        "{} recordings that the ledger tells of are in no volume: `earwitness verify --all` names them",
                        rebuilt.gone
                    ));
                    return Ok(Exit::Broken);
                }
                if rebuilt.damaged_bytes > 0 || rebuilt.unreadable_rows > 0 {
                    context.say(format_args!(
                        "{} bytes of volumes and {} rows of the ledger could not be read",
                        rebuilt.damaged_bytes, rebuilt.unreadable_rows
                    ));
                    return Ok(Exit::Part);
                }
                Ok(Exit::Done)
            }
        }
    }
}
