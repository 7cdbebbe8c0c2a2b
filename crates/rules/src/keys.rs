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

    /// An example, for the hint.
    pub(crate) const fn example(self) -> &'static str {
        match self {
            Self::Text => "\"…\"",
            Self::Texts => "[\"…\"]",
            Self::Flag => "true",
            Self::Integer => "1",
            Self::Day => "2026-01-01",
            Self::Table => "{ … }",
            Self::Tables => "[[rule]]",
            Self::NamedTables => "[retention.NAME] or [notice.NAME]",
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
}

impl Section {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 6] =
        [Self::File, Self::Rule, Self::Start, Self::Pause, Self::Retention, Self::Notice];

    /// The keys that may stand in it.
    pub(crate) const fn keys(self) -> &'static [Key] {
        match self {
            Self::File => &FILE,
            Self::Rule => &RULE,
            Self::Start => &START,
            Self::Pause => &PAUSE,
            Self::Retention => &RETENTION,
            Self::Notice => &NOTICE,
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
        })
    }
}

/// The keys of `numbers.toml`: all of them stand in one file.
pub(crate) const NUMBER_KEYS: [&str; 4] = ["country", "area", "internal", "representative"];

static FILE: [Key; 8] = [
    optional("schema", Kind::Integer),
    optional("country", Kind::Text),
    optional("area", Kind::Text),
    optional("internal", Kind::Texts),
    optional("representative", Kind::Texts),
    optional("rule", Kind::Tables),
    optional("retention", Kind::NamedTables),
    optional("notice", Kind::NamedTables),
];

/// `retention` and `notice` are required of rules that record, which the table alone does not know.
static RULE: [Key; 11] = [
    required("name", Kind::Text),
    required("mode", Kind::Text),
    required("extensions", Kind::Texts),
    optional("department", Kind::Text),
    optional("direction", Kind::Text),
    optional("internal", Kind::Text),
    optional("early_media", Kind::Text),
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
