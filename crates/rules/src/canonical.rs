//! The one text of a rule set that is hashed. It is a rule file itself, so that anyone can load what was in force.
//!
//! Its bytes are part of the evidence: a change of this text changes the hash of every rule set, and needs a new
//! `schema`.

use std::fmt::Write as _;

use earwitness_model::InbandDigits;

use crate::load::RuleSet;
use crate::number::NumberPlan;
use crate::pattern::Pattern;
use crate::period;
use crate::rule::{Notice, NoticeAudio, Rule, early_media_word, mode_word};
use crate::streams::StreamRule;

/// A table of the canonical text.
pub(crate) struct Section {
    /// Its header line; the number plan has none.
    header: Option<String>,
    /// What it is to a person: `rule "welfare-desk"`, `retention "citizen-90d"`, `numbers`.
    pub(crate) title: String,
    /// Keys in one order, defaults written out, values as TOML.
    pub(crate) lines: Vec<(&'static str, String)>,
}

/// The whole rule set: rules, classes and notices by name.
pub(crate) fn text(set: &RuleSet) -> String {
    let mut out = String::from("schema = 1\n");
    for section in sections(set) {
        if let Some(header) = section.header {
            out.push_str(&format!("\n{header}\n"));
        }
        for (key, value) in section.lines {
            out.push_str(&format!("{key} = {value}\n"));
        }
    }
    out
}

/// The tables of the canonical text, in its order.
pub(crate) fn sections(set: &RuleSet) -> Vec<Section> {
    let rules = set.rules.iter().map(|rule| Section {
        header: Some("[[rule]]".to_owned()),
        title: format!("rule {}", quoted(&rule.name)),
        lines: rule_lines(rule),
    });
    let retention = set.retention.iter().map(|class| Section {
        header: Some(format!("[retention.{}]", class.name)),
        title: format!("retention {}", quoted(&class.name)),
        lines: vec![("keep", quoted(&period::text(class.keep)))],
    });
    let notices = set.notices.iter().map(|notice| Section {
        header: Some(format!("[notice.{}]", notice.name)),
        title: format!("notice {}", quoted(&notice.name)),
        lines: notice_lines(notice),
    });
    // Last, so that the hash of rules without them is what it was before there were any.
    let streams = set.streams.iter().map(|rule| Section {
        header: Some("[[streams]]".to_owned()),
        title: format!("streams {}", quoted(&rule.name)),
        lines: stream_lines(rule),
    });
    std::iter::once(numbers(&set.plan)).chain(rules).chain(retention).chain(notices).chain(streams).collect()
}

fn numbers(plan: &NumberPlan) -> Section {
    let lines = [
        Some(("country", quoted(&plan.country))),
        plan.area.as_deref().map(|area| ("area", quoted(area))),
        Some(("internal", list(&plan.internal))),
        Some(("representative", list(&plan.representative))),
        // Left out where there are none, as before there was this key: the hash of those rules stays.
        (!plan.conversation_headers.is_empty())
            .then(|| ("conversation_headers", texts(plan.conversation_headers.iter().cloned()))),
    ];
    Section { header: None, title: "numbers".to_owned(), lines: lines.into_iter().flatten().collect() }
}

fn rule_lines(rule: &Rule) -> Vec<(&'static str, String)> {
    let name = |key, name: &Option<String>| name.as_deref().map(|name| (key, quoted(name)));
    let start = rule.start.as_ref().map(|start| {
        ("start", format!("{{ keys = {}, from = {} }}", quoted(&start.keys), quoted(start.from.word())))
    });
    let pause = rule.pause.as_ref().map(|pause| {
        ("pause", format!("{{ keys = {}, resume = {} }}", quoted(&pause.keys), quoted(&pause.resume)))
    });
    let lines = [
        Some(("name", quoted(&rule.name))),
        Some(("mode", quoted(mode_word(rule.mode)))),
        Some(("extensions", list(&rule.extensions))),
        name("department", &rule.department),
        Some(("direction", quoted(rule.direction.word()))),
        Some(("internal", quoted(rule.internal.word()))),
        Some(("early_media", quoted(early_media_word(rule.early_media)))),
        // Left out where it is off, as before there was this key: the hash of those rules stays.
        (rule.inband_digits == InbandDigits::List).then(|| ("inband_digits", "true".to_owned())),
        start,
        pause,
        name("retention", &rule.retention),
        name("notice", &rule.notice),
    ];
    lines.into_iter().flatten().collect()
}

fn notice_lines(notice: &Notice) -> Vec<(&'static str, String)> {
    let audio = match &notice.audio {
        NoticeAudio::None => quoted("none"),
        NoticeAudio::File(path) => quoted(path),
    };
    let from = notice.from.map(|day| ("from", day.to_string()));
    let lines = [Some(("audio", audio)), from, Some(("required", notice.required.to_string()))];
    lines.into_iter().flatten().collect()
}

fn stream_lines(rule: &StreamRule) -> Vec<(&'static str, String)> {
    let lines = [
        Some(("name", quoted(&rule.name))),
        Some(("networks", texts(rule.networks.iter().map(ToString::to_string)))),
        Some(("ends", quoted(rule.ends.word()))),
        rule.department.as_deref().map(|name| ("department", quoted(name))),
        Some(("retention", quoted(&rule.retention))),
        Some(("notice", quoted(&rule.notice))),
    ];
    lines.into_iter().flatten().collect()
}

fn list(patterns: &[Pattern]) -> String {
    texts(patterns.iter().map(Pattern::to_string))
}

fn texts(texts: impl Iterator<Item = String>) -> String {
    let entries: Vec<String> = texts.map(|text| quoted(&text)).collect();
    format!("[{}]", entries.join(", "))
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            control if control.is_control() => {
                // Writing to a String cannot fail.
                write!(out, "\\u{:04X}", u32::from(control)).expect("a String takes every write");
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SourceText;

    #[test]
    fn quotes_and_control_characters_are_escaped() {
        assert_eq!(quoted("a\"b\\c\n\u{7f}복"), "\"a\\\"b\\\\c\\u000A\\u007F복\"");
    }

    #[test]
    fn the_lab_rule_is_written_out_in_full() {
        let text = "schema = 1\ncountry = \"82\"\ninternal = []\nrepresentative = []\n\n[[rule]]\nname = \"lab\"\n\
            mode = \"blanket\"\nextensions = [\"*\"]\ndirection = \"both\"\ninternal = \"record\"\n\
            early_media = \"keep\"\nretention = \"lab-90d\"\nnotice = \"none\"\n\n[retention.lab-90d]\n\
            keep = \"P90D\"\n\n[notice.none]\naudio = \"none\"\nrequired = false\n";
        assert_eq!(RuleSet::lab().canonical(), text);
        let again = RuleSet::load(&[SourceText { name: "lab.toml", text }]).unwrap();
        assert_eq!(again.hash(), RuleSet::lab().hash());
    }

    #[test]
    fn the_hash_of_the_lab_rule_is_that_of_its_canonical_text() {
        let hash = blake3::hash(RuleSet::lab().canonical().as_bytes()).to_hex();
        assert_eq!(RuleSet::lab().hash().to_string(), hash.to_string());
    }
}
