//! `earwitness bench --against`: does another build record the same, at the same cost?

mod facts;
mod ratio;
mod report;
mod traffic;
mod trial;
mod verdict;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use self::{
    report::Report,
    traffic::Amount,
    trial::{Effort, Tolerance, Trial},
    verdict::faults,
};
pub(super) use self::{traffic::Traffic, verdict::Candidate};
use super::{
    build::{Build, Task},
    progress::Bar,
    scratch::{Scratch, Stop},
};
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
};

/// What is asked for.
pub(super) struct Wanted<'a> {
    /// The other build.
    pub(super) other: &'a Path,
    /// Captures of a site; none: calls are made up.
    pub(super) files: &'a [PathBuf],
    /// How many calls are made up, and for how long they talk.
    pub(super) calls: u32,
    pub(super) seconds: u32,
    pub(super) seed: u64,
    /// Pairs of runs, at least.
    pub(super) pairs: usize,
    /// Percent.
    pub(super) tolerance: f64,
    /// Percent.
    pub(super) memory_tolerance: f64,
    pub(super) candidate: Option<Candidate>,
    pub(super) vault_at: Option<&'a Path>,
    pub(super) form: super::Form,
}

pub(super) fn run(wanted: &Wanted<'_>, context: &Context) -> Outcome {
    let builds = [Build::find("this", &std::env::current_exe()?)?, Build::find("other", wanted.other)?];
    let stop = Stop::on_signals()?;
    let scratch = Scratch::make(wanted.vault_at)?;
    let traffic = match wanted.files {
        [] => {
            let Wanted { calls, seconds, seed, .. } = *wanted;
            Traffic::make(scratch.path("made-up.pcap"), Amount { calls, seconds, seed })?
        }
        files => Traffic::of(files),
    };
    stop.check()?;
    let candidate = wanted.candidate.unwrap_or_else(|| Candidate::of(&builds));
    let tolerance = Tolerance { cpu: wanted.tolerance / 100.0, memory: wanted.memory_tolerance / 100.0 };
    let task = Task { files: traffic.files.clone(), rules: context.named_rules().map(Path::to_path_buf) };
    let trial = Trial { builds, traffic: &traffic, task, scratch: &scratch, stop: &stop };
    let bar = Bar::new(context);
    let findings = trial.run(Effort { pairs: wanted.pairs, tolerance }, &mut |done, of| {
        bar.show(done, of.max(done + 1), "pairs of runs");
    });
    bar.finish();
    let findings = findings?;
    if findings.is_exact() && findings.exported.0 == 0 {
        let what = "neither build recorded a call of this traffic: there is nothing to hold against each other (`earwitness record -r` says what it found in it)";
        return Err(Failure::new(Exit::Failed, what));
    }
    let faults = faults(&findings, candidate, tolerance);
    let report = Report {
        builds: &trial.builds,
        traffic: &traffic,
        findings: &findings,
        candidate,
        tolerance,
        faults: &faults,
    };
    let mut out = context.out();
    match wanted.form {
        super::Form::Json => writeln!(out, "{}", report.object())?,
        super::Form::Page => out.write_all(report.page().as_bytes())?,
    }
    Ok(if faults.is_empty() { Exit::Done } else { Exit::Worse })
}
