//! What a scenario found: checks and figures, as a table.

use std::fmt::Display;

/// What a row of the table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    Passed,
    Failed,
    Figure,
}

/// The findings of one scenario.
#[derive(Debug)]
pub(super) struct Table {
    scenario: &'static str,
    rows: Vec<(Row, String, String)>,
}

impl Table {
    /// Nothing found yet.
    pub(super) const fn new(scenario: &'static str) -> Self {
        Self { scenario, rows: Vec::new() }
    }

    /// A check: `found` must be `expected`.
    pub(super) fn equal<T: PartialEq + Display>(&mut self, what: &str, found: T, expected: T) {
        let row = if found == expected { Row::Passed } else { Row::Failed };
        let told = match row {
            Row::Passed | Row::Figure => found.to_string(),
            Row::Failed => format!("{found}, not {expected}"),
        };
        self.rows.push((row, what.to_owned(), told));
    }

    /// A check that is more than an equation; `found` tells what was seen.
    pub(super) fn check(&mut self, what: &str, found: impl Display, holds: bool) {
        self.rows.push((if holds { Row::Passed } else { Row::Failed }, what.to_owned(), found.to_string()));
    }

    /// A figure that is told and not judged.
    pub(super) fn figure(&mut self, what: &str, found: impl Display) {
        self.rows.push((Row::Figure, what.to_owned(), found.to_string()));
    }

    /// Whether a check failed.
    pub(super) fn has_failures(&self) -> bool {
        self.rows.iter().any(|(row, ..)| *row == Row::Failed)
    }

    /// Prints it.
    pub(super) fn print(&self) {
        let width = self.rows.iter().map(|(_, what, _)| what.chars().count()).max().unwrap_or(0);
        for (row, what, found) in &self.rows {
            let mark = match row {
                Row::Passed => "ok  ",
                Row::Failed => "FAIL",
                Row::Figure => "    ",
            };
            println!("  {mark} {what:width$}  {found}");
        }
        let failed = self.rows.iter().filter(|(row, ..)| *row == Row::Failed).count();
        let checks = self.rows.iter().filter(|(row, ..)| *row != Row::Figure).count();
        println!("lab: {}: {} of {checks} checks hold", self.scenario, checks - failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_says_what_was_expected() {
        let mut table = Table::new("plain");
        table.equal("calls", 20, 20);
        table.figure("packets", 5);
        assert!(!table.has_failures());
        table.equal("streams", 39, 40);
        assert!(table.has_failures());
        assert_eq!(table.rows[2], (Row::Failed, "streams".to_owned(), "39, not 40".to_owned()));
    }
}
