//! The one text of a rule set that is hashed. It is a rule file itself, so that anyone can load what was in force.
//!
//! Its bytes are part of the evidence: a change of this text changes the hash of every rule set, and needs a new
//! `schema`.

use std::fmt::Write as _;

use crate::load::RuleSet;
use crate::pattern::Pattern;
use crate::period;
use crate::rule::{NoticeAudio, Rule, early_media_word, mode_word};

/// Rules, classes and notices by name, keys in one order, defaults written out.
pub(crate) fn text(set: &RuleSet) -> String {
    let mut out = String::from("schema = 1\n");
    line(&mut out, "country", &quoted(&set.plan.country));
    if let Some(area) = &set.plan.area {
        line(&mut out, "area", &quoted(area));
    }
    line(&mut out, "internal", &list(&set.plan.internal));
    line(&mut out, "representative", &list(&set.plan.representative));
    for rule in &set.rules {
        rule_text(&mut out, rule);
    }
    for class in &set.retention {
        header(&mut out, &format!("[retention.{}]", class.name));
        line(&mut out, "keep", &quoted(&period::text(class.keep)));
    }
    for notice in &set.notices {
        header(&mut out, &format!("[notice.{}]", notice.name));
        line(
            &mut out,
            "audio",
            &match &notice.audio {
                NoticeAudio::None => quoted("none"),
                NoticeAudio::File(path) => quoted(path),
            },
        );
        if let Some(day) = notice.from {
            line(&mut out, "from", &day.to_string());
        }
        line(&mut out, "required", &notice.required.to_string());
    }
    out
}

fn rule_text(out: &mut String, rule: &Rule) {
    header(out, "[[rule]]");
    line(out, "name", &quoted(&rule.name));
    line(out, "mode", &quoted(mode_word(rule.mode)));
    line(out, "extensions", &list(&rule.extensions));
    if let Some(department) = &rule.department {
        line(out, "department", &quoted(department));
    }
    line(out, "direction", &quoted(rule.direction.word()));
    line(out, "internal", &quoted(rule.internal.word()));
    line(out, "early_media", &quoted(early_media_word(rule.early_media)));
    if let Some(start) = &rule.start {
        let value = format!("{{ keys = {}, from = {} }}", quoted(&start.keys), quoted(start.from.word()));
        line(out, "start", &value);
    }
    if let Some(pause) = &rule.pause {
        let value = format!("{{ keys = {}, resume = {} }}", quoted(&pause.keys), quoted(&pause.resume));
        line(out, "pause", &value);
    }
    if let Some(retention) = &rule.retention {
        line(out, "retention", &quoted(retention));
    }
    if let Some(notice) = &rule.notice {
        line(out, "notice", &quoted(notice));
    }
}

fn header(out: &mut String, header: &str) {
    out.push('\n');
    out.push_str(header);
    out.push('\n');
}

fn line(out: &mut String, key: &str, value: &str) {
    out.push_str(key);
    out.push_str(" = ");
    out.push_str(value);
    out.push('\n');
}

fn list(patterns: &[Pattern]) -> String {
    let entries: Vec<String> = patterns.iter().map(|pattern| quoted(&pattern.to_string())).collect();
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
