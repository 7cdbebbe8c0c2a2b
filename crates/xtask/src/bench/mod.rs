//! `cargo xtask bench`: times for people, and instruction counts for the gate.

pub(crate) mod budgets;

use anyhow::{Result, bail};

use crate::{process, workspace};

/// What `cargo xtask bench --help` prints.
pub(crate) const HELP: &str = "\
cargo xtask bench [ARGUMENT…]
cargo xtask bench budgets [--update]

Runs the benches of the hot path; benches/README.md says what each measures. Arguments go to criterion: a part of a name
runs those benches only, `--save-baseline NAME` keeps the figures, `--baseline NAME` compares with them.

budgets counts the instructions of the hot path under callgrind and compares them with benches/budgets.toml: 3 % more is
an error. It is a step of `cargo xtask test`. That it would see a slowdown it shows each time, by one of its own.

  --update        write what was counted into benches/budgets.toml";

/// What `cargo xtask bench` was asked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Order {
    /// The criterion benches, with arguments for them.
    Times(Vec<String>),
    /// The instruction counts.
    Budgets(budgets::Purpose),
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
        assert_eq!(order("budgets --update").expect("an order"), Order::Budgets(budgets::Purpose::Update));
    }
}
