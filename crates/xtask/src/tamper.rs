//! `cargo xtask tamper`: the tampering suite of the vault, with as many changes as are wanted. The gate runs a few hundred.

use anyhow::{Context, Result, bail};

use crate::{process, workspace};

/// What `cargo xtask tamper --help` prints.
pub(crate) const HELP: &str = "\
cargo xtask tamper [--changes N]

  Changes a vault's files by chance, N times (10,000 unless told), and opens, verifies and checks it each time: every
  change that matters must be found and its file named, and no recording that was not touched may be harmed. Prints
  how many of each kind were found by looking at the vault, by a head of the ledger that is kept elsewhere, and how
  many changed nothing that matters; the rule for those is the page of crates/vault/tests/vault/tamper/law.rs.";

/// How many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    changes: u64,
}

impl Order {
    /// From the words behind `tamper`.
    pub(crate) fn parse(words: &[String]) -> Result<Self> {
        let changes = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => 10_000,
            ["--changes", number] => match number.parse() {
                Ok(number) if number > 0 => number,
                _ => bail!("--changes needs a whole number above 0"),
            },
            ["--changes"] => bail!("--changes needs a whole number above 0"),
            [other, ..] => bail!("tamper knows --changes N, not {other:?}"),
        };
        Ok(Self { changes })
    }
}

/// Runs it, in the release profile.
pub(crate) fn run(order: &Order) -> Result<()> {
    let mut command = workspace::cargo();
    command
        .args(["test", "--release", "--package", "earwitness-vault", "--test", "vault", "--"])
        .args(["tamper", "--nocapture"])
        .env("EARWITNESS_TAMPER", order.changes.to_string())
        .env("RUST_BACKTRACE", "0");
    process::succeed(&mut command)
        .context("a change of the vault passed unseen, or harmed what it did not touch")
}
