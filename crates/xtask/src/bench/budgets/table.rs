//! Budgets, counts, and what one is to the other.

use std::fmt;

use anyhow::{Context, Result};
use toml::Table;

use super::surroundings::Surroundings;

/// A count may be so much off its budget, either way.
const TOLERANCE: f64 = 0.03;

/// What the file begins with.
const PREFACE: &str = "\
# What the pieces of the hot path may cost, in instructions per unit, as callgrind counts them. `cargo xtask test` fails when
# one costs 3 % more. `cargo xtask bench budgets --update` writes this file; why a budget rose stands in the commit.
";

/// What was counted of a piece.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Count {
    /// Its name.
    pub(super) name: String,
    /// What a unit is.
    pub(super) per: String,
    /// Instructions per unit.
    pub(super) per_unit: f64,
}

/// The file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Budgets {
    /// With what they were counted.
    pub(super) measured: Surroundings,
    budgets: Vec<Count>,
}

/// What a count is to its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Within,
    Over,
    Under,
    /// It has none.
    Unbudgeted,
    /// There is a budget, and nothing was counted.
    Gone,
}

/// All counts beside their budgets.
#[derive(Debug, PartialEq)]
pub(super) struct Compared {
    rows: Vec<Row>,
}

#[derive(Debug, PartialEq)]
struct Row {
    name: String,
    per: String,
    budget: Option<f64>,
    now: Option<f64>,
    verdict: Verdict,
}

impl Count {
    /// What it is to a budget of so many instructions.
    pub(super) fn against(&self, budget: f64) -> Verdict {
        match self.per_unit / budget {
            ratio if ratio > 1.0 + TOLERANCE => Verdict::Over,
            ratio if ratio < 1.0 - TOLERANCE => Verdict::Under,
            _ => Verdict::Within,
        }
    }
}

impl Budgets {
    /// Those that `counts` would be.
    pub(super) fn of(measured: &Surroundings, counts: &[Count]) -> Self {
        Self { measured: measured.clone(), budgets: counts.to_vec() }
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let file: Table = text.parse()?;
        let section = |name: &str| {
            file.get(name).and_then(toml::Value::as_table).with_context(|| format!("no section [{name}]"))
        };
        let measured = section("measured")?;
        let tool = |name: &str| {
            let text = measured.get(name).and_then(toml::Value::as_str);
            text.map(str::to_owned).with_context(|| format!("[measured] has no {name}"))
        };
        let measured = Surroundings {
            date: tool("date")?,
            rustc: tool("rustc")?,
            valgrind: tool("valgrind")?,
            glibc: tool("glibc")?,
        };
        let budget = |(name, row): (&String, &toml::Value)| {
            let per = row.get("per").and_then(toml::Value::as_str);
            let count = row.get("instructions").and_then(toml::Value::as_float);
            let (per, per_unit) = per
                .zip(count)
                .with_context(|| format!("{name} is not {{ instructions = N.N, per = \"unit\" }}"))?;
            Ok(Count { name: name.clone(), per: per.to_owned(), per_unit })
        };
        let budgets = section("budgets")?.iter().map(budget).collect::<Result<_>>()?;
        Ok(Self { measured, budgets })
    }

    pub(super) fn to_toml(&self) -> String {
        let Surroundings { date, rustc, valgrind, glibc } = &self.measured;
        let mut text = format!(
            "{PREFACE}\n[measured]\ndate = \"{date}\"\nrustc = \"{rustc}\"\nvalgrind = \"{valgrind}\"\nglibc = \"{glibc}\"\n\n\
             [budgets]\n"
        );
        for Count { name, per, per_unit } in &self.budgets {
            text += &format!("{name} = {{ instructions = {per_unit:.1}, per = \"{per}\" }}\n");
        }
        text
    }

    /// Each count beside its budget, and each budget without a count.
    pub(super) fn compare(&self, counts: &[Count]) -> Compared {
        let mut rows: Vec<Row> = counts.iter().map(|count| self.row(count)).collect();
        let gone = self.budgets.iter().filter(|budget| counts.iter().all(|count| count.name != budget.name));
        rows.extend(gone.map(|Count { name, per, per_unit }| Row {
            name: name.clone(),
            per: per.clone(),
            budget: Some(*per_unit),
            now: None,
            verdict: Verdict::Gone,
        }));
        Compared { rows }
    }

    fn row(&self, count: &Count) -> Row {
        let budget = self.budgets.iter().find(|budget| budget.name == count.name);
        let budget = budget.filter(|budget| budget.per == count.per).map(|budget| budget.per_unit);
        Row {
            name: count.name.clone(),
            per: count.per.clone(),
            budget,
            now: Some(count.per_unit),
            verdict: budget.map_or(Verdict::Unbudgeted, |budget| count.against(budget)),
        }
    }
}

impl Compared {
    /// Whether a row has that verdict.
    pub(super) fn has(&self, verdict: Verdict) -> bool {
        self.rows.iter().any(|row| row.verdict == verdict)
    }

    /// The names of what the gate does not let through.
    pub(super) fn unfit(&self) -> Vec<&str> {
        let is_unfit = |row: &&Row| match row.verdict {
            Verdict::Over | Verdict::Unbudgeted | Verdict::Gone => true,
            Verdict::Within | Verdict::Under => false,
        };
        self.rows.iter().filter(is_unfit).map(|row| row.name.as_str()).collect()
    }

    pub(super) fn to_text(&self) -> String {
        let number = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), |it| format!("{it:.1}"));
        let mut text = format!("{:<18}{:<9}{:>12}{:>12}{:>9}\n", "piece", "per", "budget", "now", "ratio");
        for Row { name, per, budget, now, verdict } in &self.rows {
            let ratio = now.zip(*budget).map(|(now, budget)| now / budget);
            let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"));
            let (budget, now) = (number(*budget), number(*now));
            text += &format!("{name:<18}{per:<9}{budget:>12}{now:>12}{ratio:>9}  {verdict}\n");
        }
        text
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Within => "ok",
            Self::Over => "OVER",
            Self::Under => "under",
            Self::Unbudgeted => "NO BUDGET",
            Self::Gone => "GONE",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(name: &str, per_unit: f64) -> Count {
        Count { name: name.to_owned(), per: "packet".to_owned(), per_unit }
    }

    fn surroundings() -> Surroundings {
        let text = str::to_owned;
        Surroundings { date: text("2026-11-22"), rustc: text("r"), valgrind: text("v"), glibc: text("g") }
    }

    #[test]
    fn three_percent_more_is_over_and_three_less_is_under() {
        for (now, verdict) in [
            (1000.0, Verdict::Within),
            (1029.0, Verdict::Within),
            (1031.0, Verdict::Over),
            (971.0, Verdict::Within),
            (969.0, Verdict::Under),
        ] {
            assert_eq!(count("a", now).against(1000.0), verdict, "{now}");
        }
    }

    #[test]
    fn what_costs_more_has_no_budget_or_is_gone_does_not_pass() {
        let budgets = Budgets::of(
            &surroundings(),
            &[count("same", 10.0), count("more", 10.0), count("less", 10.0), count("gone", 10.0)],
        );
        let compared = budgets.compare(&[
            count("same", 10.0),
            count("more", 10.5),
            count("less", 9.0),
            count("new", 1.0),
        ]);
        assert_eq!(compared.unfit(), ["more", "new", "gone"]);
        assert!(compared.has(Verdict::Under));
        let text = compared.to_text();
        assert_eq!(text.lines().count(), 6);
        assert_eq!(
            text.lines().nth(2),
            Some("more              packet           10.0        10.5    1.050  OVER")
        );
        assert!(budgets.compare(&[]).has(Verdict::Gone));
    }

    #[test]
    fn a_piece_whose_unit_changed_has_no_budget() {
        let budgets = Budgets::of(&surroundings(), &[count("a", 10.0)]);
        let other = Count { per: "frame".to_owned(), ..count("a", 10.0) };
        assert_eq!(budgets.compare(&[other]).unfit(), ["a"]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let budgets = Budgets::of(&surroundings(), &[count("decode", 76.1), count("engine-steady", 1086.0)]);
        assert_eq!(Budgets::parse(&budgets.to_toml()).expect("it was just written"), budgets);
        let error = Budgets::parse("[measured]\ndate = \"d\"\n").expect_err("more is needed");
        assert_eq!(error.to_string(), "[measured] has no rustc");
    }
}
