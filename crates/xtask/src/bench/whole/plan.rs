//! What `cargo xtask bench whole` was asked for.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use super::load::Load;

/// Steady loads, unless told otherwise: calls at once, and how long they talk. Every capture is some gigabytes.
const STEADY: [(u32, f64); 4] = [(100, 60.0), (1_000, 60.0), (20_000, 15.0), (50_000, 6.0)];

/// The whole of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    /// What is recorded.
    pub(super) loads: Vec<Load>,
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
            loads: Vec::new(),
            rounds: 5,
            program: None,
            home: None,
            stages: Stages::Left,
            curve: Curve::Left,
        };
        let (mut kinds, mut calls, mut seconds) = (None, None, None);
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--loads" => kinds = Some(value()?.split(',').map(kind).collect::<Result<Vec<_>>>()?),
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
        let steady = match (calls, seconds) {
            (None, None) => STEADY.to_vec(),
            (Some(calls), seconds) => with_seconds(&calls, seconds.as_deref())?,
            (None, Some(_)) => bail!("--seconds belongs to --calls"),
        };
        let kinds = kinds.unwrap_or_else(|| vec![Kind::Steady, Kind::Churn, Kind::SipOnly]);
        plan.loads = kinds.iter().flat_map(|kind| kind.loads(&steady)).collect();
        if plan.curve == Curve::Drawn {
            ensure!(
                plan.loads.iter().filter(|load| load.is_steady()).count() > 1,
                "a curve needs two steady loads"
            );
        }
        Ok(plan)
    }
}

/// A kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Steady,
    Churn,
    SipOnly,
}

fn kind(word: &str) -> Result<Kind> {
    match word {
        "steady" => Ok(Kind::Steady),
        "churn" => Ok(Kind::Churn),
        "sip-only" => Ok(Kind::SipOnly),
        other => bail!("--loads knows steady, churn and sip-only, not {other:?}"),
    }
}

impl Kind {
    fn loads(self, steady: &[(u32, f64)]) -> Vec<Load> {
        match self {
            Self::Steady => steady
                .iter()
                .map(|(calls, seconds)| Load::Steady { calls: *calls, seconds: *seconds })
                .collect(),
            Self::Churn => vec![Load::Churn],
            Self::SipOnly => vec![Load::SipOnly],
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
        assert_eq!((whole.rounds, whole.loads.len(), whole.stages), (5, 6, Stages::Left));
        let steady = |calls, seconds| Load::Steady { calls, seconds };
        let told = plan("--loads steady,churn --calls 100,30000 --rounds 1 --perf").expect("a plan");
        assert_eq!(told.loads, [steady(100, 60.0), steady(30_000, 15.0), Load::Churn]);
        assert_eq!((told.rounds, told.stages), (1, Stages::Shown));
        let told = plan("--loads steady --calls 10,20,30 --seconds 5,6").expect("a plan");
        assert_eq!(told.loads, [steady(10, 5.0), steady(20, 6.0), steady(30, 6.0)]);
        assert_eq!(plan("--loads sip-only").expect("a plan").loads, [Load::SipOnly]);
    }

    #[test]
    fn what_makes_no_plan_is_refused() {
        for (line, expected) in [
            ("--calls", "--calls needs a value"),
            ("--calls many", "\"many\" is no number"),
            ("--calls 0", "--calls needs numbers above 0"),
            ("--seconds 5", "--seconds belongs to --calls"),
            ("--rounds 0", "--rounds needs a whole number above 0"),
            ("--calls 100 --curve", "a curve needs two steady loads"),
            ("--loads all", "--loads knows steady, churn and sip-only, not \"all\""),
            ("--fast", "bench whole knows the options of `cargo xtask bench --help`, not \"--fast\""),
        ] {
            assert_eq!(plan(line).expect_err(line).to_string(), expected, "{line}");
        }
    }
}
