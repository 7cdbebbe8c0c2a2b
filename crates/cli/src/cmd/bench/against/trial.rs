//! Pairs of runs: both builds at the same time on one processor, which the system gives to them in turns of a few
//! milliseconds. What else the machine does in that time, and how fast its clock runs, is then the same for both, and the
//! ratio of what they cost is ten times as sure as that of runs one after the other.

use std::collections::BTreeMap;

use rustix::thread::sched_getaffinity;
use serde_json::Value;

use super::{
    facts::{Comparison, compare},
    ratio::Ratio,
    traffic::Traffic,
};
use crate::{
    cmd::bench::{
        build::{Build, Running, Task, ledger},
        measured::Cost,
        scratch::{Scratch, Stop},
    },
    exit::{Exit, Failure},
};

/// How many calls are exported to compare their payload.
const SAMPLE: usize = 5;
/// At most so many times the pairs that were asked for are run, when the machine is noisy.
const MOST: usize = 4;

/// Two builds and what they are given.
pub(super) struct Trial<'a> {
    /// This one, and the other.
    pub(super) builds: [Build; 2],
    pub(super) traffic: &'a Traffic,
    pub(super) task: Task,
    pub(super) scratch: &'a Scratch,
    pub(super) stop: &'a Stop,
}

/// How far measuring goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// At least so many pairs.
    pub(super) pairs: usize,
    /// Until the ratios are this clear.
    pub(super) tolerance: Tolerance,
}

/// How much more is no regression, as a share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tolerance {
    pub(super) cpu: f64,
    pub(super) memory: f64,
}

/// What was found. First is this build, second the other.
#[derive(Debug)]
pub(super) struct Findings {
    /// What each pair of runs cost.
    pub(super) costs: Vec<[Cost; 2]>,
    /// The listings of the first pair that differ, else of the last.
    pub(super) compared: Comparison,
    /// Of the same pair, calls that are not as they were made, of all: where they were made.
    pub(super) wrong: [Option<(usize, usize)>; 2],
    /// Rows of the ledgers by kind, of the first pair.
    pub(super) ledgers: [BTreeMap<String, u64>; 2],
    /// Calls of the first pair whose exported payload was compared, and whether it was the same.
    pub(super) exported: (usize, bool),
}

impl Findings {
    /// Whether both builds did the same, so that it makes sense to ask what it cost.
    pub(super) fn is_exact(&self) -> bool {
        self.compared.is_same() && self.exported.1 && self.has_same_ledger() && self.has_same_end() && {
            self.wrong.iter().flatten().all(|(wrong, _)| *wrong == 0)
        }
    }

    /// Whether both ledgers say as much of each kind.
    pub(super) fn has_same_ledger(&self) -> bool {
        self.ledgers[0] == self.ledgers[1]
    }

    /// Whether both ended with the same exit code in all runs.
    pub(super) fn has_same_end(&self) -> bool {
        self.costs.iter().all(|[this, other]| this.exit == other.exit)
    }

    /// Processor time of the other build, in those of this one.
    pub(super) fn cpu(&self) -> Ratio {
        self.ratio(|cost| cost.cpu_us)
    }

    /// Its memory.
    pub(super) fn memory(&self) -> Ratio {
        self.ratio(|cost| cost.rss_kib)
    }

    fn ratio(&self, of: fn(&Cost) -> u64) -> Ratio {
        let ratios: Vec<f64> =
            self.costs.iter().map(|[this, other]| of(other).max(1) as f64 / of(this).max(1) as f64).collect();
        Ratio::of(&ratios)
    }
}

impl Trial<'_> {
    /// Runs pairs until it is clear what they come to; `tell` hears how many are done, of how many at least. What differs ends
    /// it at once.
    pub(super) fn run(
        &self,
        effort: Effort,
        tell: &mut dyn FnMut(usize, usize),
    ) -> Result<Findings, Failure> {
        tell(0, effort.pairs);
        let mut findings = self.first()?;
        while findings.is_exact() && !is_enough(&findings, effort) {
            tell(findings.costs.len(), effort.pairs);
            findings.costs.push(self.pair(findings.costs.len())?);
            let listed = self.lists()?;
            findings.compared = compare(&listed[0], &listed[1]);
            findings.wrong = self.wrong(&listed);
        }
        self.remove();
        Ok(findings)
    }

    /// The first pair, with everything that can be compared.
    fn first(&self) -> Result<Findings, Failure> {
        let costs = vec![self.pair(0)?];
        let listed = self.lists()?;
        let compared = compare(&listed[0], &listed[1]);
        let wrong = self.wrong(&listed);
        let mut ledgers = [BTreeMap::new(), BTreeMap::new()];
        for (place, build) in self.builds.iter().enumerate() {
            build.verify(&self.vault(place))?;
            self.stop.check()?;
            ledgers[place] = ledger(&self.vault(place)).map_err(|cause| {
                let what = format_args!(
                    "the vault of {} ({}) cannot be read by this build: {cause}",
                    build.name,
                    build.program.display()
                );
                Failure::new(Exit::Failed, what)
            })?;
        }
        let exported = if compared.is_same() { self.export(&listed[0])? } else { (0, true) };
        Ok(Findings { costs, compared, wrong, ledgers, exported })
    }

    /// Both builds record the traffic, at the same time. Which begins changes from pair to pair, in the order ABBA.
    fn pair(&self, number: usize) -> Result<[Cost; 2], Failure> {
        self.remove();
        let begins = usize::from(number % 4 == 1 || number % 4 == 2);
        let core = last_core();
        let start = |place: usize| self.builds[place].start(&self.task, &self.vault(place), core);
        let first = start(begins)?;
        let both = match start(1 - begins) {
            Ok(second) => [first, second],
            Err(failure) => {
                first.stop();
                return Err(failure);
            }
        };
        let [first, second] = Running::wait(both, self.stop)?;
        let (first, second) = (first.finish(), second.finish());
        let mut costs = [first?, second?];
        costs.rotate_left(begins);
        Ok(costs)
    }

    fn lists(&self) -> Result<[Vec<Value>; 2], Failure> {
        let [this, other] = &self.builds;
        let both = [this.list(&self.vault(0))?, other.list(&self.vault(1))?];
        self.stop.check()?;
        Ok(both)
    }

    fn wrong(&self, listed: &[Vec<Value>; 2]) -> [Option<(usize, usize)>; 2] {
        [0, 1].map(|place| self.traffic.wrong(&listed[place]))
    }

    /// Exports some calls of both vaults, spread over the listing: how many, and whether their payload is the same.
    fn export(&self, listed: &[Value]) -> Result<(usize, bool), Failure> {
        let ids: Vec<&str> = listed
            .iter()
            .filter(|call| call["recorded"] == true)
            .filter_map(|call| call["id"].as_str())
            .collect();
        let sample = sample(&ids);
        if sample.is_empty() {
            return Ok((0, true));
        }
        let mut files = Vec::new();
        for (place, build) in self.builds.iter().enumerate() {
            let to = self.scratch.path(["export-this", "export-other"][place]);
            std::fs::create_dir(&to)?;
            files.push(build.payload(&self.vault(place), (&sample, &to))?);
            self.stop.check()?;
        }
        Ok((sample.len(), files[0] == files[1]))
    }

    fn vault(&self, place: usize) -> std::path::PathBuf {
        self.scratch.path(self.builds[place].name)
    }

    fn remove(&self) {
        self.builds.iter().for_each(|build| self.scratch.remove_vault(build.name));
    }
}

/// Some of them, from the first to the last; all where there are few.
fn sample<'a>(ids: &[&'a str]) -> Vec<&'a str> {
    let count = SAMPLE.min(ids.len());
    let steps = count.saturating_sub(1).max(1);
    let mut sample: Vec<&str> = (0..count).map(|place| ids[place * (ids.len() - 1) / steps]).collect();
    sample.dedup();
    sample
}

/// Whether more pairs would say nothing else, or there were so many that the machine is too noisy.
fn is_enough(findings: &Findings, Effort { pairs, tolerance }: Effort) -> bool {
    let done = findings.costs.len();
    let is_clear = || findings.cpu().is_clear(tolerance.cpu) && findings.memory().is_clear(tolerance.memory);
    done >= pairs && (done >= pairs * MOST || is_clear())
}

/// The last processor that this process may use: the first one has the interrupts.
fn last_core() -> Option<usize> {
    let cores = sched_getaffinity(None).ok()?;
    (0..rustix::thread::CpuSet::MAX_CPU).rev().find(|core| cores.is_set(*core))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_the_first_and_the_last_call_and_all_where_there_are_few() {
        let names: Vec<String> = (1..=100).map(|number| number.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for few in 0..=SAMPLE {
            assert_eq!(sample(&names[..few]), names[..few]);
        }
        assert_eq!(sample(&names[..6]), ["1", "2", "3", "4", "6"]);
        assert_eq!(sample(&names), ["1", "25", "50", "75", "100"]);
    }
}
