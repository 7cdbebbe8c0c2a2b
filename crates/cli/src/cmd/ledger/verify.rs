//! `earwitness ledger verify`: rows, chain, and every head.

use std::{io::Write, path::PathBuf};

use clap::Args;
use earwitness_vault::{KeptHead, MAX_CHECKPOINT, Vault};

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    socket::Grant,
    view::counted,
};

/// Hold the ledger against its signed heads, and against one that is kept elsewhere
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earwitness ledger verify                         rows, chain, seals, and every head in the vault
  earwitness ledger verify --head 2026-11-21.txt   also the head that was kept elsewhere on that day

Rows that were cut from the end leave a chain that is whole: only a head that was kept elsewhere, where nobody who has this \
machine can change it, tells of them. `earwitness ledger anchor` says how one gets there.

Exit code 5: something is not as it was signed; each finding is a line.")]
pub(super) struct Verify {
    /// A signed head that was kept elsewhere; repeat it for several
    #[arg(long, value_name = "FILE")]
    head: Vec<PathBuf>,
}

impl Verify {
    pub(super) fn grant(&self) -> Grant {
        self.head.iter().fold(Grant::default(), |grant, path| grant.with_file(path))
    }

    pub(super) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        let kept = kept_heads(context, &self.head)?;
        let mut out = context.out();
        let findings = vault.ledger().verify();
        for finding in &findings {
            writeln!(out, "{finding}")?;
        }
        let checked = vault.check_heads(kept)?;
        for finding in &checked.findings {
            writeln!(out, "{finding}")?;
        }
        writeln!(
            out,
            "{}, {} of them under {}",
            counted(checked.rows, "row"),
            checked.signed_rows,
            counted(checked.whole, "signed head")
        )?;
        let is_whole = findings.is_empty() && checked.findings.is_empty();
        Ok(if is_whole { Exit::Done } else { Exit::Broken })
    }
}

/// The heads that somebody keeps elsewhere, read with the rights of whoever named them.
pub(in crate::cmd) fn kept_heads(context: &Context, paths: &[PathBuf]) -> Result<Vec<KeptHead>, Failure> {
    let read = |path: &PathBuf| {
        let bytes = context.seat().read(path, MAX_CHECKPOINT + 1)?;
        let note = String::from_utf8(bytes).ok().and_then(|text| note_in(&text)).ok_or_else(|| {
            let what = "a head is three lines, an empty one, and a signature that begins with \u{2014}";
            Failure::new(Exit::Failed, format_args!("{}: this is no signed head: {what}", path.display()))
        })?;
        Ok(KeptHead { path: path.clone(), note })
    };
    paths.iter().map(read).collect()
}

/// The note in a text that somebody kept: without what `anchor --print` says below it, with line ends as they were signed.
fn note_in(text: &str) -> Option<String> {
    let text = text.replace("\r\n", "\n");
    let (said, rest) = text.split_once("\n\n")?;
    let mut signatures: String =
        rest.split_inclusive('\n').take_while(|line| line.starts_with("\u{2014} ")).collect();
    if !signatures.ends_with('\n') {
        signatures.push('\n');
    }
    signatures.starts_with('\u{2014}').then(|| format!("{}\n\n{signatures}", said.trim_start()))
}
