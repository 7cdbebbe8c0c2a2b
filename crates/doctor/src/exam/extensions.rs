//! Enrolled extensions that no SIP message names.

use std::{collections::BTreeSet, fmt};

use earwitness_model::Mode;
use earwitness_rules::{NumberRange, Pattern, RuleSet};
use earwitness_wire::sip::{HeaderName, Message, Uri};

use crate::{Code, Evidence, ExtensionReport, Finding, Severity, report::Seen};

/// Names that are kept to be compared.
const MOST_NAMES: usize = 100_000;
/// A longer user part is no extension's.
const MOST_NAME: usize = 64;
/// Ranges that are listed.
const MOST_RANGES: usize = 50;
/// How long it takes until every phone has registered again: an hour is what most ask for.
const LONG_ENOUGH_S: f64 = 3_600.0;

/// Compares what SIP names with what the rules enrol.
pub(crate) struct Extensions {
    rules: Option<RuleSet>,
    enrolled: BTreeSet<Pattern>,
    /// Numbers and users in the spelling that rules are compared in.
    seen: BTreeSet<String>,
    left_out: u64,
}

impl Extensions {
    /// Enrolled is what a rule names that records; `*` enrols nobody in particular.
    pub(crate) fn new(rules: Option<RuleSet>) -> Self {
        let recording = rules.iter().flat_map(RuleSet::rules).filter(|rule| rule.mode != Mode::Never);
        let patterns =
            recording.flat_map(|rule| &rule.extensions).filter(|pattern| **pattern != Pattern::Any);
        let enrolled = patterns.cloned().collect();
        Self { rules, enrolled, seen: BTreeSet::new(), left_out: 0 }
    }

    /// Takes a message: a REGISTER or an OPTIONS shows a phone as well as a call does.
    pub(crate) fn handle_message(&mut self, message: &Message<'_>) {
        const NAMES: [HeaderName; 5] = [
            HeaderName::From,
            HeaderName::To,
            HeaderName::Contact,
            HeaderName::PAssertedIdentity,
            HeaderName::Diversion,
        ];
        if self.enrolled.is_empty() {
            return;
        }
        if let Some(uri) = message.request_uri() {
            self.add(&uri);
        }
        for name in NAMES {
            for address in message.addresses(name) {
                self.add(&address.uri());
            }
        }
    }

    fn add(&mut self, uri: &Uri<'_>) {
        let user = uri.user.filter(|user| user.len() <= MOST_NAME);
        let Some(user) = user.and_then(|user| std::str::from_utf8(user).ok()) else { return };
        let Some(rules) = &self.rules else { return };
        let number = rules.numbers().normalise(user);
        if self.seen.contains(number.expose()) || number.expose().is_empty() {
            return;
        }
        if self.seen.len() >= MOST_NAMES {
            self.left_out += 1;
            return;
        }
        self.seen.insert(number.expose().to_owned());
    }

    pub(crate) fn finish(&self, seen: &Seen, wanted: ExtensionReport) -> Option<Finding> {
        if self.enrolled.is_empty() || seen.messages == 0 || self.left_out > 0 {
            return None;
        }
        let mut found = Found::default();
        for pattern in &self.enrolled {
            match pattern {
                Pattern::Any => {}
                Pattern::One(user) => found.one(user, self.seen.contains(user)),
                Pattern::Range(range) => found.range(*range, &self.seen),
            }
        }
        let evidence = Evidence::counted([("enrolled", found.enrolled), ("seen", found.seen)]);
        if found.seen == 0 {
            return (seen.calls > 0).then(|| Finding {
                code: Code::OfficeUnseen,
                severity: Severity::Defect,
                sentence: format!(
                    "{} calls, and none of the {} enrolled extensions in any SIP message",
                    seen.calls, found.enrolled
                ),
                evidence: evidence.of(self.enrolled.iter().take(MOST_RANGES).map(ToString::to_string)),
            });
        }
        let is_due = wanted == ExtensionReport::Always || seen.seconds >= LONG_ENOUGH_S;
        (is_due && found.seen < found.enrolled).then(|| Finding {
            code: Code::ExtensionsUnseen,
            severity: Severity::Note,
            sentence: format!(
                "{} of {} enrolled extensions were not seen in {:.0} s",
                found.enrolled - found.seen,
                found.enrolled,
                seen.seconds
            ),
            evidence: evidence.of(found.unseen),
        })
    }

    pub(crate) const fn left_out(&self) -> u64 {
        self.left_out
    }
}

/// Counts: numbers are personal.
impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extensions")
            .field("enrolled", &self.enrolled.len())
            .field("seen", &self.seen.len())
            .finish_non_exhaustive()
    }
}

/// How many of the enrolled were seen, and the others as short as can be said.
#[derive(Debug, Default)]
struct Found {
    enrolled: u64,
    seen: u64,
    unseen: Vec<String>,
}

impl Found {
    fn one(&mut self, user: &str, is_seen: bool) {
        self.enrolled += 1;
        self.seen += u64::from(is_seen);
        if !is_seen {
            self.list(user.to_owned());
        }
    }

    /// Walks the numbers that were seen, not those that are enrolled: a range may be wide.
    fn range(&mut self, range: NumberRange, seen: &BTreeSet<String>) {
        let (first, last) = range.ends();
        let digits = range.digits();
        let text = |number: u64| format!("{number:0digits$}");
        self.enrolled += range.width();
        let mut next = first;
        for number in seen.range(text(first)..=text(last)).filter(|number| range.covers(number)) {
            let Ok(number) = number.parse::<u64>() else { continue };
            self.seen += 1;
            if next < number {
                self.stretch(next, number - 1, &text);
            }
            next = number + 1;
        }
        self.stretch(next, last, &text);
    }

    fn stretch(&mut self, first: u64, last: u64, text: &dyn Fn(u64) -> String) {
        match first.cmp(&last) {
            std::cmp::Ordering::Less => self.list(format!("{}-{}", text(first), text(last))),
            std::cmp::Ordering::Equal => self.list(text(first)),
            std::cmp::Ordering::Greater => {}
        }
    }

    fn list(&mut self, numbers: String) {
        match self.unseen.len() {
            ..MOST_RANGES => self.unseen.push(numbers),
            MOST_RANGES => self.unseen.push("…".to_owned()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use earwitness_rules::SourceText;

    use super::*;

    #[test]
    fn a_range_without_its_first_middle_and_last_is_two_stretches() {
        let text = "schema = 1\n[[rule]]\nname = \"r\"\nmode = \"blanket\"\nextensions = [\"0000-0009\"]\n\
                    retention = \"c\"\nnotice = \"n\"\n[retention.c]\nkeep = \"P1D\"\n[notice.n]\naudio = \"none\"\n";
        let rules = RuleSet::load(&[SourceText { name: "r.toml", text }]).unwrap();
        let mut extensions = Extensions::new(Some(rules));
        extensions.seen.extend(["0000", "0005", "0009", "005", "alice"].map(str::to_owned));
        let seen = Seen { messages: 1, calls: 1, ..Seen::default() };
        let finding = extensions.finish(&seen, ExtensionReport::Always).unwrap();
        assert_eq!(finding.code, Code::ExtensionsUnseen);
        assert_eq!(finding.evidence.places, ["0001-0004", "0006-0008"]);
        assert_eq!(finding.evidence.counts, [("enrolled", 10), ("seen", 3)]);
    }
}
