//! `cargo xtask bench`: times for people, instruction counts for the gate, and the whole process beside its floors.

pub(crate) mod budgets;
mod whole;

use anyhow::{Result, bail};

use crate::{process, workspace};

/// What `cargo xtask bench --help` prints.
pub(crate) const HELP: &str = "\
cargo xtask bench [ARGUMENT…]
cargo xtask bench budgets [--update]
cargo xtask bench whole [--loads steady,churn,sip-only] [--calls N,…] [--seconds S,…] [--rounds N] [--program FILE]
                        [--home DIR] [--perf] [--curve]

Runs the benches of the hot path; benches/README.md says what each measures. Arguments go to criterion: a part of a name
runs those benches only, `--save-baseline NAME` keeps the figures, `--baseline NAME` compares with them.

budgets counts the instructions of the hot path under callgrind and compares them with benches/budgets.toml: 3 % more is
an error. It is a step of `cargo xtask test`. That it would see a slowdown it shows each time, by one of its own.

  --update        write what was counted into benches/budgets.toml

whole makes captures, and runs `record -r` in turns with the floors (a bare walk, libpcap's loop, flow and append, a
copy of the audio): medians of processor time, time and memory, after every recording of every run was found exact.

  --loads LOAD,…  steady: calls that all talk at once; churn: short ones; sip-only: without audio. All unless told
  --calls N,…     calls at once of steady loads; 100,1000,20000,50000 unless told
  --seconds S,…   how long they talk, each of those; 60,60,8,4
  --rounds N      how often each program runs; 5
  --program FILE  measure this build instead of one made now
  --home DIR      where captures and vaults are while it runs, with room for 10 GB; target/whole unless told
  --perf          one run more of each, under `perf record`: which thread and which stage takes how much
  --curve         draw benches/scaling.svg of what was measured";

/// What `cargo xtask bench` was asked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Order {
    /// The criterion benches, with arguments for them.
    Times(Vec<String>),
    /// The instruction counts.
    Budgets(budgets::Purpose),
    /// The whole process beside its floors.
    Whole(whole::Plan),
}

impl Order {
    /// Reads the arguments of `cargo xtask bench`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        match arguments.split_first() {
            Some((first, rest)) if first == "budgets" => match rest {
                [] => Ok(Self::Budgets(budgets::Purpose::Compare)),
                [word] if word == "--update" => Ok(Self::Budgets(budgets::Purpose::Update)),
                [other, ..] => bail!("bench budgets knows --update, not {other:?}"),
            },
            Some((first, rest)) if first == "whole" => whole::Plan::parse(rest).map(Self::Whole),
            Some(_) | None => Ok(Self::Times(arguments.to_vec())),
        }
    }
}

/// Measures.
pub(crate) fn run(order: &Order) -> Result<()> {
    match order {
        Order::Times(arguments) => process::succeed(
            workspace::cargo()
                .args(["bench", "--package", "earwitness-benches", "--benches", "--"])
                .args(arguments),
        ),
        Order::Budgets(purpose) => budgets::run(*purpose),
        Order::Whole(plan) => whole::run(plan),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_order_of_its_own_goes_to_criterion() {
        let order =
            |line: &str| Order::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let times = |words: &[&str]| Order::Times(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(order("").expect("an order"), times(&[]));
        assert_eq!(order("seal --baseline a").expect("an order"), times(&["seal", "--baseline", "a"]));
        assert_eq!(order("budgets").expect("an order"), Order::Budgets(budgets::Purpose::Compare));
        assert!(matches!(order("whole --rounds 1"), Ok(Order::Whole(_))));
        assert_eq!(order("budgets --update").expect("an order"), Order::Budgets(budgets::Purpose::Update));
    }
}
