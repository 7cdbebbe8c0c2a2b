//! What a comparison of two builds comes to: which of them does worse, and in what.

use clap::ValueEnum;

use super::{
    facts::What,
    ratio::Ratio,
    trial::{Findings, Tolerance},
};
use crate::{cmd::bench::build::Build, view::counted};

/// Which build is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cmd::bench) enum Candidate {
    /// This one: the other is in use
    This,
    /// The other one: this is in use
    Other,
    /// Both: it is a regression whichever of them costs more
    Either,
}

/// Differences that are told one by one.
const SHOWN: usize = 10;

impl Candidate {
    /// The newer of two versions; either where they are the same, or cannot be ordered.
    pub(super) fn of([this, other]: &[Build; 2]) -> Self {
        let numbers = |build: &Build| -> Option<Vec<u64>> {
            let version = build.version.split(['-', '+', ' ']).next()?;
            version.split('.').map(|number| number.parse().ok()).collect()
        };
        match (numbers(this), numbers(other)) {
            (Some(this), Some(other)) if this > other => Self::This,
            (Some(this), Some(other)) if this < other => Self::Other,
            _ => Self::Either,
        }
    }
}

/// What is wrong, a sentence each; nothing when neither build does worse.
pub(super) fn faults(findings: &Findings, candidate: Candidate, tolerance: Tolerance) -> Vec<String> {
    let mut faults = different(findings);
    // What it costs to do something else is no figure.
    if findings.is_exact() {
        faults.extend(dearer("processor time", findings.cpu(), (candidate, tolerance.cpu)));
        faults.extend(dearer("memory", findings.memory(), (candidate, tolerance.memory)));
    }
    faults
}

/// What the builds did differently.
fn different(findings: &Findings) -> Vec<String> {
    let mut faults = Vec::new();
    let compared = &findings.compared;
    for difference in compared.differences.iter().take(SHOWN) {
        let call = &difference.call;
        faults.push(match &difference.what {
            What::MissingInFirst => format!("call {call} is missing in this build's listing"),
            What::MissingInSecond => format!("call {call} is missing in the other build's listing"),
            What::Told { fact, first, second } => {
                format!("call {call}: {fact} is {first} by this build, {second} by the other")
            }
        });
    }
    if compared.differences.len() > SHOWN {
        let more = compared.differences.len() - SHOWN;
        faults.push(format!("and {} more that differ", counted(more as u64, "call")));
    }
    for (name, wrong) in ["this build", "the other build"].iter().zip(findings.wrong) {
        if let Some((wrong, all)) = wrong.filter(|(wrong, _)| *wrong > 0) {
            faults.push(format!("{name} has {wrong} of {all} calls not as they were made"));
        }
    }
    if !findings.exported.1 {
        faults.push("exported payload differs".to_owned());
    }
    for (kind, count) in &findings.ledgers[0] {
        let other = findings.ledgers[1].get(kind).copied().unwrap_or(0);
        if other != *count {
            faults.push(format!(
                "the ledger of this build has {} of the kind {kind}, that of the other {other}",
                counted(*count, "row")
            ));
        }
    }
    if !findings.has_same_end() {
        faults.push("`record` ended with different exit codes".to_owned());
    }
    faults
}

fn dearer(what: &str, other_to_this: Ratio, (candidate, tolerance): (Candidate, f64)) -> Option<String> {
    let this_to_other = other_to_this.reversed();
    let (name, ratio) = match candidate {
        Candidate::Other | Candidate::Either if other_to_this.is_above(tolerance) => {
            ("the other", other_to_this)
        }
        Candidate::This | Candidate::Either if this_to_other.is_above(tolerance) => ("this", this_to_other),
        Candidate::This | Candidate::Other | Candidate::Either => return None,
    };
    let percent = |ratio: f64| (ratio - 1.0) * 100.0;
    Some(format!(
        "{name} build takes {:.1} % more {what} (between {:.1} and {:.1} %; {:.1} % are tolerated)",
        percent(ratio.median),
        percent(ratio.low),
        percent(ratio.high),
        tolerance * 100.0
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cmd::bench::{against::facts::Comparison, measured::Cost};

    const TOLERANCE: Tolerance = Tolerance { cpu: 0.02, memory: 0.05 };

    /// Nine pairs in which the other build takes `cpu` and `memory` times what this one does, a little more or less each.
    fn measured(cpu: f64, memory: f64) -> Findings {
        let costs = (0..9).map(|place| {
            let noise = 1.0 + f64::from(place - 4) / 400.0;
            let cost = |cpu: f64, memory: f64| Cost {
                exit: Some(0),
                cpu_us: (cpu * 400_000.0) as u64,
                rss_kib: (memory * 40_000.0) as u64,
                wall_us: 1,
            };
            [cost(1.0, 1.0), cost(cpu * noise, memory * noise)]
        });
        let rows = BTreeMap::from([("Recorded".to_owned(), 6)]);
        Findings {
            costs: costs.collect(),
            compared: Comparison::default(),
            wrong: [Some((0, 6)), None],
            ledgers: [rows.clone(), rows],
            exported: (5, true),
        }
    }

    fn told(findings: &Findings, candidate: Candidate) -> String {
        faults(findings, candidate, TOLERANCE).join("; ")
    }

    #[test]
    fn equal_builds_are_equal_for_every_candidate() {
        for candidate in [Candidate::This, Candidate::Other, Candidate::Either] {
            assert_eq!(told(&measured(1.0, 1.0), candidate), "");
            assert_eq!(told(&measured(1.015, 0.96), candidate), "", "less than is tolerated");
        }
    }

    #[test]
    fn five_percent_more_are_a_regression_of_the_build_that_takes_them() {
        let slower = measured(1.05, 1.0);
        let said =
            "the other build takes 5.0 % more processor time (between 4.0 and 6.0 %; 2.0 % are tolerated)";
        assert_eq!(told(&slower, Candidate::Other), said);
        assert_eq!(told(&slower, Candidate::Either), said);
        assert_eq!(told(&slower, Candidate::This), "", "the one that is judged is faster");
        let said = told(&measured(0.95, 1.0), Candidate::Either);
        assert!(said.starts_with("this build takes 5.3 % more processor time"), "{said}");
        let said = told(&measured(1.0, 1.2), Candidate::Other);
        assert!(said.starts_with("the other build takes 20.0 % more memory"), "{said}");
    }

    #[test]
    fn what_differs_is_told_and_costs_are_not() {
        let mut findings = measured(1.05, 1.0);
        findings.ledgers[1].insert("Recorded".to_owned(), 5);
        findings.wrong[1] = Some((1, 6));
        assert_eq!(
            told(&findings, Candidate::Either),
            "the other build has 1 of 6 calls not as they were made; the ledger of this build has 6 rows of the kind Recorded, that of the other 5"
        );
        let mut findings = measured(1.0, 1.0);
        findings.costs[3][1].exit = Some(6);
        assert_eq!(told(&findings, Candidate::Either), "`record` ended with different exit codes");
    }

    #[test]
    fn the_newer_version_is_the_candidate() {
        let build = |version: &str| Build { name: "x", program: "x".into(), version: version.to_owned() };
        for (this, other, expected) in [
            ("0.1.0", "0.1.0", Candidate::Either),
            ("0.10.0", "0.9.3", Candidate::This),
            ("0.1.0", "1.0.0-rc1", Candidate::Other),
            ("unknown", "0.1.0", Candidate::Either),
        ] {
            assert_eq!(Candidate::of(&[build(this), build(other)]), expected, "{this} {other}");
        }
    }
}
