//! Every key that may stand in a rule file: one list, which the reader enforces and the reference is tested against.

use std::fmt;

/// What a key's value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Texts,
    Flag,
    Integer,
    Day,
    Table,
    Tables,
    NamedTables,
}

impl Kind {
    /// As an error names it.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Texts => "an array of strings",
            Self::Flag => "true or false",
            Self::Integer => "an integer",
            Self::Day => "a date",
            Self::Table => "an inline table",
            Self::Tables => "an array of tables",
            Self::NamedTables => "a table of tables",
        }
    }
}

/// Whether a table without the key is a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Required,
    Optional,
}

/// One key.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) need: Need,
}

const fn required(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, need: Need::Required }
}

const fn optional(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, need: Need::Optional }
}

/// A kind of table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// The top of a file.
    File,
    /// `[[rule]]`.
    Rule,
    /// `start = {…}`.
    Start,
    /// `pause = {…}`.
    Pause,
    /// `[retention.NAME]`.
    Retention,
    /// `[notice.NAME]`.
    Notice,
    /// `[[streams]]`.
    Streams,
}

impl Section {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 7] =
        [Self::File, Self::Rule, Self::Start, Self::Pause, Self::Retention, Self::Notice, Self::Streams];

    /// The keys that may stand in it.
    pub(crate) const fn keys(self) -> &'static [Key] {
        match self {
            Self::File => &FILE,
            Self::Rule => &RULE,
            Self::Start => &START,
            Self::Pause => &PAUSE,
            Self::Retention => &RETENTION,
            Self::Notice => &NOTICE,
            Self::Streams => &STREAMS,
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "the file",
            Self::Rule => "[[rule]]",
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Retention => "[retention.NAME]",
            Self::Notice => "[notice.NAME]",
            Self::Streams => "[[streams]]",
        })
    }
}

/// The keys of `numbers.toml`: all of them stand in one file.
pub(crate) const NUMBER_KEYS: [&str; 5] =
    ["country", "area", "internal", "representative", "conversation_headers"];

static FILE: [Key; 10] = [
    optional("schema", Kind::Integer),
    optional("country", Kind::Text),
    optional("area", Kind::Text),
    optional("internal", Kind::Texts),
    optional("representative", Kind::Texts),
    optional("conversation_headers", Kind::Texts),
    optional("rule", Kind::Tables),
    optional("retention", Kind::NamedTables),
    optional("notice", Kind::NamedTables),
    optional("streams", Kind::Tables),
];

/// `retention` and `notice` are required of rules that record, which the table alone does not know.
static RULE: [Key; 12] = [
    required("name", Kind::Text),
    required("mode", Kind::Text),
    required("extensions", Kind::Texts),
    optional("department", Kind::Text),
    optional("direction", Kind::Text),
    optional("internal", Kind::Text),
    optional("early_media", Kind::Text),
    optional("inband_digits", Kind::Flag),
    optional("start", Kind::Table),
    optional("pause", Kind::Table),
    optional("retention", Kind::Text),
    optional("notice", Kind::Text),
];

static START: [Key; 2] = [required("keys", Kind::Text), optional("from", Kind::Text)];

static PAUSE: [Key; 2] = [required("keys", Kind::Text), required("resume", Kind::Text)];

static RETENTION: [Key; 1] = [required("keep", Kind::Text)];

static NOTICE: [Key; 3] =
    [required("audio", Kind::Text), optional("from", Kind::Day), optional("required", Kind::Flag)];

/// Every one of these records: none is without its terms.
static STREAMS: [Key; 6] = [
    required("name", Kind::Text),
    required("networks", Kind::Texts),
    optional("ends", Kind::Text),
    optional("department", Kind::Text),
    required("retention", Kind::Text),
    required("notice", Kind::Text),
];

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str = include_str!("../../../capture-rules/README.md");

    /// The rows of the tables under the headings that name a section: section, key, type, default.
    fn documented() -> Vec<(String, String, String, String)> {
        let mut section = String::new();
        let mut rows = Vec::new();
        for line in REFERENCE.lines() {
            if let Some(heading) = line.strip_prefix("### ") {
                section = heading.trim_matches('`').to_owned();
            } else if line.starts_with('#') {
                section.clear();
            }
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            if let (false, &[_, key, kind, default, ..]) = (section.is_empty(), cells.as_slice())
                && let Some(key) = key.strip_prefix('`').and_then(|key| key.strip_suffix('`'))
            {
                rows.push((section.clone(), key.to_owned(), kind.to_owned(), default.to_owned()));
            }
        }
        rows
    }

    #[test]
    fn every_key_is_in_the_reference_with_its_type_and_every_key_there_exists() {
        let rows = documented();
        let known = Section::ALL.iter().flat_map(|section| {
            section
                .keys()
                .iter()
                .map(|key| (section.to_string(), key.name.to_owned(), key.kind.words().to_owned()))
        });
        let known: Vec<_> = known.collect();
        let there: Vec<_> =
            rows.iter().map(|(s, key, kind, _)| (s.clone(), key.clone(), kind.clone())).collect();
        assert_eq!(there, known);
    }

    #[test]
    fn the_reference_calls_required_what_is_required() {
        for (section, name, _, default) in documented() {
            let of_section = Section::ALL.into_iter().find(|known| known.to_string() == section).unwrap();
            let key = of_section.keys().iter().find(|key| key.name == name).unwrap();
            let is_terms = of_section == Section::Rule && ["retention", "notice"].contains(&key.name);
            let required = key.need == Need::Required || is_terms;
            assert_eq!(default.starts_with("required"), required, "{name} in {section}: {default}");
        }
    }
}
