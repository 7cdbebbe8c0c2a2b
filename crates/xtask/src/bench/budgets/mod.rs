//! `cargo xtask bench budgets`: instructions of the hot path, against a budget that is committed.
//!
//! Times tell little on a machine that others use; the number of instructions is the same on every run. The pieces are in
//! `benches/src/scenario`, their budgets in `benches/budgets.toml`. Counted is the release profile, link-time optimisation
//! included: what ships. Callgrind is run directly and not by gungraun, whose runner has 172 crates to compile (three
//! minutes of processor time on every new machine), and whose limits stand in attributes beside the code: here they
//! are one table, written by one command.

mod callgrind;
mod surroundings;
mod table;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail, ensure};

use self::{
    callgrind::{Counter, Piece},
    surroundings::Surroundings,
    table::{Budgets, Count, Verdict},
};
use crate::workspace;

pub(crate) use self::surroundings::why_not;

/// The piece that is slowed down to see whether that shows.
const CONTROL: &str = "engine-steady";
/// How much slower it is made.
const SLOWDOWN: f64 = 0.05;
/// Instructions of a round of the loop that does it, in the release profile.
const ROUND: f64 = 5.0;

/// What is done with what was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It is compared with the budgets.
    Compare,
    /// It becomes the budgets.
    Update,
}

/// Counts, and compares or writes; an error where something takes more than its budget.
pub(crate) fn run(purpose: Purpose) -> Result<()> {
    if let Some(reason) = why_not() {
        bail!("nothing is counted: {reason}");
    }
    let counter = Counter::build()?;
    let pieces = counter.pieces()?;
    let here = Surroundings::here()?;
    let counts = counter.count(&pieces)?;
    match purpose {
        Purpose::Update => {
            fs::write(path(), Budgets::of(&here, &counts).to_toml()).context("benches/budgets.toml")?;
            print!("{}", Budgets::of(&here, &counts).compare(&counts).to_text());
            println!("budgets: benches/budgets.toml has these counts now");
        }
        Purpose::Compare => compare(&here, &counts)?,
    }
    control(&counter, &counts)
}

fn path() -> PathBuf {
    workspace::root().join("benches/budgets.toml")
}

/// Holds the counts against the committed budgets.
fn compare(here: &Surroundings, counts: &[Count]) -> Result<()> {
    let text = fs::read_to_string(path()).context("benches/budgets.toml")?;
    let budgets = Budgets::parse(&text).context("benches/budgets.toml")?;
    let compared = budgets.compare(counts);
    print!("{}", compared.to_text());
    let other = budgets.measured.differences(here);
    other.iter().for_each(|difference| println!("budgets: {difference}"));
    if compared.has(Verdict::Under) {
        println!(
            "budgets: what became cheaper should stay so. Lower the budget: cargo xtask bench budgets --update"
        );
    }
    let unfit = compared.unfit();
    if unfit.is_empty() {
        return Ok(());
    }
    let why = if other.is_empty() {
        "where it goes: callgrind_annotate target/budgets/NAME.out"
    } else {
        "count the commit before this one here too: if it fails as well, it is the tools, and --update belongs into a commit \
         of its own"
    };
    bail!(
        "over its budget by more than 3 %, without one, or gone: {}; {why}. A price that is meant is written by `cargo xtask \
         bench budgets --update`, and its reason into the commit",
        unfit.join(", ")
    )
}

/// A slower hot path must be seen, each time anew: one is made, and judged by what was just counted.
fn control(counter: &Counter, counts: &[Count]) -> Result<()> {
    let count = counts.iter().find(|count| count.name == CONTROL).context("the control is counted")?;
    let rounds = (count.per_unit * SLOWDOWN / ROUND).round();
    let piece = Piece { name: CONTROL.to_owned(), per: count.per.clone() };
    let slowed = counter.slowed(&piece, rounds as u32)?;
    let more = slowed.per_unit / count.per_unit - 1.0;
    println!(
        "budgets: control: {CONTROL} made slower by {:.1} % is {}",
        more * 100.0,
        slowed.against(count.per_unit)
    );
    ensure!(
        (more - SLOWDOWN).abs() < 0.01 && slowed.against(count.per_unit) == Verdict::Over,
        "the gate is blind: a slowdown of {:.0} % counts as {:.1} %",
        SLOWDOWN * 100.0,
        more * 100.0
    );
    Ok(())
}
