//! `earwitness ledger prove`: a row for a stranger.

use std::{io::Write, path::PathBuf};

use clap::Args;
use earwitness_vault::Vault;

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    filter::find_call,
    seat::{Over, Target},
    socket::Grant,
};

/// Write the proof that the ledger tells of a call, for whoever has the public key
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earwitness ledger prove 01KAJ5V2Q0 -o proof.json

The file has the row as it stands in the ledger, the key of this one row, the way to the root of the tree (RFC 9162) and the \
signed head. Who has the recorder's public key (`earwitness keys show`) can check it without this vault, by `earwitness verify \
proof.json --key recorder.pub` or `earwitness-verify`, and without this program; the row of a call that was kept says the hash of \
its manifest, and nothing of its parties. The row of a call that was not kept says all that the list shows of it.")]
pub(super) struct Prove {
    /// An id, the beginning of one, or a SIP Call-ID
    call: String,
    /// Where it goes; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl Prove {
    pub(super) fn grant(&self) -> Grant {
        Grant::output(&self.output, Over::Nothing)
    }

    pub(super) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let entry = find_call(vault, &self.call)?;
        let proof = match &entry.recording {
            Some(recording) => vault.prove_recorded(recording.id)?,
            None => vault.prove_call(entry.summary.id)?,
        };
        let mut text =
            serde_json::to_string_pretty(&proof).map_err(|cause| Failure::new(Exit::Failed, cause))?;
        text.push('\n');
        leave(context, &self.output, text.as_bytes())?;
        Ok(Exit::Done)
    }
}

/// Leaves a small file behind, never over another one.
pub(super) fn leave(context: &Context, place: &std::path::Path, bytes: &[u8]) -> Result<(), Failure> {
    if place.as_os_str() == "-" {
        return Ok(context.out().write_all(bytes)?);
    }
    let target = Target::File { place: place.to_owned(), over: Over::Nothing };
    let mut sink = context.seat().begin(&target)?;
    sink.write_all(bytes)?;
    sink.finish()
}
