//! `earwitness verify`: is what is kept what was sealed?

mod bundle;

use std::{io::Write, path::PathBuf};

use clap::Args;
use earwitness_vault::{Entry, Finding, Vault, Verifier};

use super::ledger::kept_heads;
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    filter::{Filters, find_call},
    socket::Grant,
    view::reason,
};

/// Check that recordings are whole and unaltered
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earwitness verify 01KAJ5V2Q0                 one call: structure, hashes, signature; needs no secret key
  earwitness verify --all                      everything, the index and the ledger too
  earwitness verify --all --opened             also that all of it opens and is the audio that was captured
  earwitness verify copy.zip --key recorder.pub   an evidence bundle, anywhere: it needs no vault
  earwitness verify paper.json --key recorder.pub   a certificate of disposal, or what `ledger prove` wrote
  earwitness verify --all --head 2026-11-21.txt  also that no row of the ledger is missing since that head was kept elsewhere

Exit code 5: something is not as it was sealed; each finding is a line.")]
pub(crate) struct Verify {
    /// Calls: ids, unique beginnings of ids, or SIP Call-IDs; or one evidence bundle (a file, or its folder) or paper
    #[arg(value_name = "CALL|BUNDLE|PAPER")]
    calls: Vec<String>,
    /// Every recording, the index and the ledger
    #[arg(long, conflicts_with = "calls")]
    all: bool,
    /// Open recordings with the officer's key, and compare the payload with the hashes of the manifest
    #[arg(long)]
    opened: bool,
    /// bundle, paper: the recorder's public key, as the office publishes it
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// bundle: the key that opens an age file
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// With --all: a signed head of the ledger that was kept elsewhere; repeat it for several
    #[arg(long, value_name = "FILE", requires = "all")]
    head: Vec<PathBuf>,
    #[command(flatten)]
    filters: Filters,
}

/// What was checked so far.
#[derive(Default)]
struct Checked {
    recordings: u64,
    broken: u64,
    findings: u64,
}

impl Verify {
    /// It needs no key, unless it is told to open what is sealed.
    pub(super) fn grant(&self) -> Grant {
        let grant = self.filters.grant(Grant::default());
        let grant = self.head.iter().fold(grant, |grant, path| grant.with_file(path));
        if self.opened { grant.with_key() } else { grant }
    }

    pub(crate) fn run(&self, context: &Context, vault: &Vault) -> Outcome {
        if self.calls.is_empty() && !self.all && self.filters.is_empty() {
            return Err(Failure::new(
                Exit::Usage,
                "which calls? Name them, filter them (--since …), or say --all",
            ));
        }
        let opener = self.opened.then(|| context.unlock(vault)).transpose()?;
        let mut checked = Checked::default();
        let mut verifier = vault.verifier(opener.as_ref());
        let mut out = context.out();
        if self.calls.is_empty() {
            let filter = self.filters.resolve(context, vault)?;
            for entry in filter.calls(vault) {
                context.go_on()?;
                match entry {
                    Ok(entry) => checked.entry(&mut out, &mut verifier, &entry)?,
                    Err(error) => {
                        checked.findings += 1;
                        writeln!(out, "index: {error}")?;
                    }
                }
            }
        }
        for name in &self.calls {
            context.go_on()?;
            let entry = find_call(vault, name)?;
            if entry.recording.is_none() {
                let why =
                    format_args!("call {} has no recording to verify: {}", entry.summary.id, reason(&entry));
                return Err(Failure::new(Exit::NotFound, why));
            }
            checked.entry(&mut out, &mut verifier, &entry)?;
        }
        if checked.recordings == 0 && checked.findings == 0 && !self.all {
            return Err(Failure::new(Exit::NotFound, "no recording passes these filters"));
        }
        if self.all {
            checked.findings(&mut out, &vault.check_index())?;
            // The recorder writes into the ledger: it is not held while somebody reads the findings.
            let findings = vault.ledger().verify();
            for finding in findings {
                checked.findings += 1;
                writeln!(out, "ledger: {finding}")?;
            }
            for finding in vault.check_heads(kept_heads(context, &self.head)?)?.findings {
                checked.findings += 1;
                writeln!(out, "ledger: {finding}")?;
            }
        }
        if checked.findings == 0 {
            let how =
                if opener.is_some() { "opened, payload compared" } else { "sealed bytes and signatures" };
            writeln!(out, "{} recordings whole and unaltered ({how})", checked.recordings)?;
            return Ok(Exit::Done);
        }
        writeln!(
            out,
            "{} of {} recordings broken, {} findings",
            checked.broken, checked.recordings, checked.findings
        )?;
        Ok(Exit::Broken)
    }
}

impl Checked {
    fn entry(
        &mut self,
        out: &mut impl Write,
        verifier: &mut Verifier<'_>,
        entry: &Entry,
    ) -> Result<(), Failure> {
        if entry.recording.is_none() {
            return Ok(());
        }
        let findings = verifier.verify(entry);
        self.recordings += 1;
        self.broken += u64::from(!findings.is_empty());
        if let Some(recording) = entry.recording.as_ref().filter(|_| !findings.is_empty()) {
            writeln!(out, "call {}, recording {}:", entry.summary.id, recording.id)?;
        }
        self.findings(out, &findings)
    }

    fn findings(&mut self, out: &mut impl Write, findings: &[Finding]) -> Result<(), Failure> {
        self.findings += findings.len() as u64;
        for finding in findings {
            writeln!(out, "{finding}")?;
        }
        Ok(())
    }
}
