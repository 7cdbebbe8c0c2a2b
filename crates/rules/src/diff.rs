//! What a change of rules changes, for whoever has to approve it.

use std::fmt;

use crate::canonical::{self, Section};
use crate::load::RuleSet;

/// One line of one table that two rule sets have differently. Order, comments and spelling are no difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The table: `rule "welfare-desk"`, `retention "citizen-90d"`, `notice "ivr-2026"`, `numbers`.
    pub table: String,
    /// The key in it.
    pub key: &'static str,
    /// Its value before, as TOML; `None` when it had none.
    pub before: Option<String>,
    /// Its value after.
    pub after: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, key, before, after } = self;
        let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(f, "{table}: {key}: {} -> {}", word(before), word(after))
    }
}

impl RuleSet {
    /// What is different in `newer`. Empty exactly when the hashes are equal.
    #[must_use]
    pub fn diff(&self, newer: &Self) -> Vec<Change> {
        let (before, after) = (canonical::sections(self), canonical::sections(newer));
        let mut changes = Vec::new();
        for old in &before {
            compare(old, after.iter().find(|new| new.title == old.title), &mut changes);
        }
        for new in after.iter().filter(|new| before.iter().all(|old| old.title != new.title)) {
            let added = |(key, value): &(&'static str, String)| Change {
                table: new.title.clone(),
                key,
                before: None,
                after: Some(value.clone()),
            };
            changes.extend(new.lines.iter().map(added));
        }
        changes
    }
}

fn compare(old: &Section, new: Option<&Section>, changes: &mut Vec<Change>) {
    let value = |section: Option<&Section>, key: &str| {
        let mut lines = section.into_iter().flat_map(|section| &section.lines);
        lines.find(|(name, _)| *name == key).map(|(_, value)| value.clone())
    };
    let mut keys: Vec<&'static str> = old.lines.iter().map(|(key, _)| *key).collect();
    let added = new.into_iter().flat_map(|new| &new.lines).map(|(key, _)| *key);
    keys.extend(added.filter(|key| value(Some(old), key).is_none()));
    for key in keys {
        let (before, after) = (value(Some(old), key), value(new, key));
        if before != after {
            changes.push(Change { table: old.title.clone(), key, before, after });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SourceText;

    const BEFORE: &str = "[[rule]]\nname=\"a\"\nmode=\"blanket\"\nextensions=[\"4001\"]\nretention=\"r\"\nnotice=\"n\"\n\
        [retention.r]\nkeep=\"P90D\"\n[notice.n]\naudio=\"none\"\n";

    fn diff(before: &str, after: &str) -> Vec<String> {
        let load = |text| RuleSet::load(&[SourceText { name: "a.toml", text }]).unwrap();
        load(before).diff(&load(after)).iter().map(Change::to_string).collect()
    }

    #[test]
    fn a_changed_value_is_named_with_both() {
        assert_eq!(
            diff(BEFORE, &BEFORE.replace("4001", "4001-4020").replace("P90D", "P3Y")),
            [
                "rule \"a\": extensions: [\"4001\"] -> [\"4001-4020\"]",
                "retention \"r\": keep: \"P90D\" -> \"P3Y\"",
            ]
        );
    }

    #[test]
    fn tables_and_keys_come_and_go() {
        let more = format!("area = \"31\"\n{BEFORE}from = 2026-01-01\n[retention.s]\nkeep = \"P1D\"\n");
        assert_eq!(
            diff(BEFORE, &more),
            [
                "numbers: area: nothing -> \"31\"",
                "notice \"n\": from: nothing -> 2026-01-01",
                "retention \"s\": keep: nothing -> \"P1D\"",
            ]
        );
        assert_eq!(
            diff(&more, BEFORE),
            [
                "numbers: area: \"31\" -> nothing",
                "retention \"s\": keep: \"P1D\" -> nothing",
                "notice \"n\": from: 2026-01-01 -> nothing",
            ]
        );
    }

    #[test]
    fn another_spelling_is_no_difference() {
        let other = format!("# comment\nschema = 1\n{}", BEFORE.replace("[\"4001\"]", "[\"4001-4001\"]"));
        assert_eq!(diff(BEFORE, &other), Vec::<String>::new());
    }
}
