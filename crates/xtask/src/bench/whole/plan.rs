//! What `cargo xtask bench whole` was asked for.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use super::load::Load;

/// Steady loads, unless told otherwise: calls at once, and how long they talk. Every capture is some gigabytes.
const STEADY: [(u32, f64); 4] = [(100, 60.0), (1_000, 60.0), (20_000, 8.0), (50_000, 4.0)];

/// The whole of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    /// Calls at once and seconds; `None`: all loads there are.
    steady: Option<Vec<(u32, f64)>>,
    /// How often each program runs.
    pub(super) rounds: u32,
    /// A build that is there.
    pub(super) program: Option<PathBuf>,
    /// Where captures and vaults are.
    pub(super) home: Option<PathBuf>,
    pub(super) stages: Stages,
    pub(super) curve: Curve,
}

/// Whether `perf` looks where the time goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stages {
    Shown,
    Left,
}

/// Whether the curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    Drawn,
    Left,
}

impl Plan {
    /// Reads the arguments.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut plan = Self {
            steady: None,
            rounds: 5,
            program: None,
            home: None,
            stages: Stages::Left,
            curve: Curve::Left,
        };
        let (mut calls, mut seconds) = (None, None);
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--calls" => calls = Some(numbers::<u32>(value()?)?),
                "--seconds" => seconds = Some(numbers::<f64>(value()?)?),
                "--rounds" => plan.rounds = value()?.parse().context("--rounds needs a whole number")?,
                "--program" => plan.program = Some(std::path::absolute(value()?)?),
                "--home" => plan.home = Some(std::path::absolute(value()?)?),
                "--perf" => plan.stages = Stages::Shown,
                "--curve" => plan.curve = Curve::Drawn,
                other => bail!("bench whole knows the options of `cargo xtask bench --help`, not {other:?}"),
            }
        }
        ensure!(plan.rounds > 0, "--rounds needs a whole number above 0");
        plan.steady = match (calls, seconds) {
            (None, None) => None,
            (Some(calls), seconds) => Some(with_seconds(&calls, seconds.as_deref())?),
            (None, Some(_)) => bail!("--seconds belongs to --calls"),
        };
        if plan.curve == Curve::Drawn {
            ensure!(plan.steady.as_ref().is_none_or(|steady| steady.len() > 1), "a curve needs two loads");
        }
        Ok(plan)
    }

    /// What is measured, in its order.
    pub(super) fn loads(&self) -> Vec<Load> {
        let steady = |(calls, seconds): &(u32, f64)| Load::Steady { calls: *calls, seconds: *seconds };
        match &self.steady {
            Some(told) => told.iter().map(steady).collect(),
            None => STEADY.iter().map(steady).chain([Load::Churn, Load::SipOnly]).collect(),
        }
    }
}

/// The loads of `--calls`, each as long as told, or as it is by itself, or as the last one told.
fn with_seconds(calls: &[u32], seconds: Option<&[f64]>) -> Result<Vec<(u32, f64)>> {
    let usual = |calls: u32| {
        let (_, seconds) = STEADY.iter().rev().find(|(least, _)| calls >= *least).unwrap_or(&STEADY[0]);
        *seconds
    };
    let load = |(place, calls): (usize, &u32)| {
        ensure!(*calls > 0, "--calls needs numbers above 0");
        let told = seconds.and_then(|seconds| seconds.get(place).or_else(|| seconds.last()).copied());
        Ok((*calls, told.unwrap_or_else(|| usual(*calls))))
    };
    calls.iter().enumerate().map(load).collect()
}

fn numbers<T: std::str::FromStr>(list: &str) -> Result<Vec<T>> {
    let number = |word: &str| word.parse().ok().with_context(|| format!("{word:?} is no number"));
    list.split(',').map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(line: &str) -> Result<Plan> {
        Plan::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn everything_is_measured_five_times_unless_told_otherwise() {
        let whole = plan("").expect("no argument is fine");
        assert_eq!((whole.rounds, whole.loads().len(), whole.stages), (5, 6, Stages::Left));
        let told = plan("--calls 100,30000 --rounds 1 --perf").expect("a plan");
        let loads =
            [Load::Steady { calls: 100, seconds: 60.0 }, Load::Steady { calls: 30_000, seconds: 8.0 }];
        assert_eq!((told.loads(), told.stages), (loads.to_vec(), Stages::Shown));
        let told = plan("--calls 10,20,30 --seconds 5,6").expect("a plan");
        assert_eq!(told.steady, Some(vec![(10, 5.0), (20, 6.0), (30, 6.0)]));
    }

    #[test]
    fn what_makes_no_plan_is_refused() {
        for (line, expected) in [
            ("--calls", "--calls needs a value"),
            ("--calls many", "\"many\" is no number"),
            ("--calls 0", "--calls needs numbers above 0"),
            ("--seconds 5", "--seconds belongs to --calls"),
            ("--rounds 0", "--rounds needs a whole number above 0"),
            ("--calls 100 --curve", "a curve needs two loads"),
            ("--fast", "bench whole knows the options of `cargo xtask bench --help`, not \"--fast\""),
        ] {
            assert_eq!(plan(line).expect_err(line).to_string(), expected, "{line}");
        }
    }
}
