//! Why rules were refused, as a log may tell it: where and what kind of mistake, and never what was written there. Rules have
//! numbers of persons in them, and logs are kept for long and by others.

use std::fmt;

use earwitness_rules::{Problem, ProblemCode};
use serde_json::{Value, json};

/// Why rules that were read are not in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RulesRefusal {
    /// They could not be read: which file or folder, and what the system said.
    Unread(String),
    /// They have mistakes.
    Wrong(Vec<Mistake>),
}

/// One mistake, without what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    file: String,
    line: u32,
    column: u32,
    code: ProblemCode,
}

impl RulesRefusal {
    /// For programs.
    pub(super) fn facts(&self) -> Value {
        match self {
            Self::Unread(why) => json!({ "why": why, "problems": [] }),
            Self::Wrong(mistakes) => {
                let mistakes = mistakes.iter().map(|Mistake { file, line, column, code }| {
                    json!({ "file": file, "line": line, "column": column, "code": code.name() })
                });
                json!({ "why": null, "problems": mistakes.collect::<Vec<_>>() })
            }
        }
    }
}

impl From<Vec<Problem>> for RulesRefusal {
    fn from(problems: Vec<Problem>) -> Self {
        let mistakes = problems.into_iter().map(|problem| {
            let Problem { file, line, column, code, what: _, hint: _ } = problem;
            Mistake { file, line, column, code }
        });
        Self::Wrong(mistakes.collect())
    }
}

impl fmt::Display for RulesRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(why) => f.write_str(why),
            Self::Wrong(mistakes) => {
                for Mistake { file, line, column, code } in mistakes {
                    writeln!(f, "{}:{line}:{column}: {} ({code})", file.escape_debug(), code.sentence())?;
                }
                f.write_str("the rules have errors: `earwitness rules check` says what they are")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use earwitness_rules::{RuleSet, SourceText};

    use super::*;

    #[test]
    fn a_mistake_is_told_by_its_place_and_kind_and_nothing_is_quoted() {
        let text = "schema = 1\n[[rule]]\nname = \"4001\"\nmode = \"4002\"\nextensions = [\"4009-4003\"]\n4004 = 1\n";
        let problems = RuleSet::load(&[SourceText { name: "desk\n.toml", text }]).unwrap_err();
        assert!(problems.iter().any(|problem| problem.to_string().contains("4003")), "{problems:?}");
        let refusal = RulesRefusal::from(problems);
        let expected = "desk\\n.toml:4:8: the value is not one that the key may have (wrong_value)\n\
                        desk\\n.toml:5:15: the value is not one that the key may have (wrong_value)\n\
                        desk\\n.toml:6:1: no table of this kind has this key (unknown_key)\n\
                        the rules have errors: `earwitness rules check` says what they are";
        assert_eq!(refusal.to_string(), expected);
        let facts = refusal.facts();
        assert_eq!(
            facts["problems"][2],
            json!({ "file": "desk\n.toml", "line": 6, "column": 1, "code": "unknown_key" })
        );
        assert!(!facts.to_string().contains("400") && !refusal.to_string().contains("400"));
    }
}
