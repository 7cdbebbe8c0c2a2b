//! What is wrong with a rule file, and where: in words that the person who wrote it can act on.

use std::fmt;
use std::ops::Range;

/// How many problems are kept word for word; the rest are counted.
const MOST_PROBLEMS: usize = 200;

/// One rule file, already read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceText<'a> {
    /// The file's name, for messages.
    pub name: &'a str,
    /// What stands in it.
    pub text: &'a str,
}

/// A place in a rule file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file's name as it was handed over.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// What kind of mistake it is. It quotes nothing that anybody wrote: numbers of persons stand in rule files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemCode {
    /// The text is not TOML.
    NotToml,
    /// More than any office needs: a file, or the things of one kind.
    TooMuch,
    /// No table of this kind has this key.
    UnknownKey,
    /// A key that there must be is not there.
    MissingKey,
    /// A key that says nothing, or contradicts, beside the others of its table.
    KeyOutOfPlace,
    /// The value is not of the key's type.
    WrongType,
    /// The value is not one that the key may have.
    WrongValue,
    /// What may be given once is here a second time.
    Repeated,
    /// A name that stands for nothing.
    Undefined,
    /// Two rules, or two codes of one, that cannot both be right.
    Conflict,
}

impl ProblemCode {
    /// What is wrong, in a sentence that quotes nothing.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NotToml => "this is not TOML",
            Self::TooMuch => "this is more than any office needs",
            Self::UnknownKey => "no table of this kind has this key",
            Self::MissingKey => "a key that there must be is not there",
            Self::KeyOutOfPlace => "this key says nothing, or contradicts, beside the others of its table",
            Self::WrongType => "the value is not of the key's type",
            Self::WrongValue => "the value is not one that the key may have",
            Self::Repeated => "what may be given once is here a second time",
            Self::Undefined => "this name stands for nothing",
            Self::Conflict => "this and another rule or code cannot both be right",
        }
    }

    /// For logs and programs: stable.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotToml => "not_toml",
            Self::TooMuch => "too_much",
            Self::UnknownKey => "unknown_key",
            Self::MissingKey => "missing_key",
            Self::KeyOutOfPlace => "key_out_of_place",
            Self::WrongType => "wrong_type",
            Self::WrongValue => "wrong_value",
            Self::Repeated => "repeated",
            Self::Undefined => "undefined",
            Self::Conflict => "conflict",
        }
    }
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a rule set was not loaded. Its `Display` is `file:line:column: what`, and the hint on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file's name as it was handed over.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// What is wrong, in words that may quote what was written.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What kind of mistake it is.
    pub code: ProblemCode,
}

impl Problem {
    pub(crate) fn at(
        place: &Place,
        (code, what): (ProblemCode, impl Into<String>),
        hint: Option<String>,
    ) -> Self {
        let Place { file, line, column } = place.clone();
        Self { file, line, column, what: what.into(), hint, code }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.what)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\n  hint: {hint}"))
    }
}

impl std::error::Error for Problem {}

/// What somebody wrote, fit to be quoted in a message: one line, printable, not too long.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 64;
    let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(at, _)| at);
    let (start, rest) = text.split_at(end);
    format!("{}{}", start.escape_debug(), if rest.is_empty() { "" } else { "…" })
}

/// A file with its line starts, so that a byte offset becomes a line and a column.
pub(crate) struct Source<'a> {
    name: &'a str,
    text: &'a str,
    line_starts: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(source: SourceText<'a>) -> Self {
        let after_newlines = source.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(after_newlines.map(|(at, _)| at + 1)).collect();
        Self { name: source.name, text: source.text, line_starts }
    }

    /// The place of a byte offset; an offset past the end is the end.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.text.get(start..offset.min(self.text.len())).unwrap_or("");
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place {
            file: self.name.to_owned(),
            line: count(line),
            column: count(before.chars().count()).saturating_add(1),
        }
    }

    /// The place where `span` begins.
    pub(crate) fn place_of(&self, span: &Range<usize>) -> Place {
        self.place(span.start)
    }
}

/// Problems as they are found. Bounded: a hostile file of a million mistakes costs two hundred messages and a count.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    kept: Vec<Problem>,
    beyond: usize,
}

impl Problems {
    pub(crate) fn add(&mut self, problem: Problem) {
        if self.kept.len() < MOST_PROBLEMS {
            self.kept.push(problem);
        } else {
            self.beyond += 1;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Sorted by file, line and column; the count of those not kept, if any, is in the last one's hint.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.kept.sort();
        self.kept.dedup();
        if let (Some(last), true) = (self.kept.last_mut(), self.beyond > 0) {
            let more = format!("and {} problems more; mend these first", self.beyond);
            last.hint = Some(last.hint.take().map_or_else(|| more.clone(), |hint| format!("{hint}; {more}")));
        }
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, offset: usize) -> (u32, u32) {
        let place = Source::new(SourceText { name: "a.toml", text }).place(offset);
        (place.line, place.column)
    }

    #[test]
    fn columns_count_characters_and_lines_begin_at_one() {
        assert_eq!(place("", 0), (1, 1));
        assert_eq!(place("a\nbc", 3), (2, 2));
        assert_eq!(place("name = \"복지과\" x", 18), (1, 13));
        assert_eq!(place("a\n", 2), (2, 1));
        assert_eq!(place("ab", 99), (1, 3));
    }

    #[test]
    fn the_hint_stands_on_its_own_line() {
        let place = Place { file: "a.toml".into(), line: 3, column: 5 };
        assert_eq!(Problem::at(&place, (ProblemCode::WrongValue, "no"), None).to_string(), "a.toml:3:5: no");
        assert_eq!(
            Problem::at(&place, (ProblemCode::WrongValue, "no"), Some("yes".into())).to_string(),
            "a.toml:3:5: no\n  hint: yes"
        );
    }

    #[test]
    fn quotations_are_one_printable_line_and_not_long() {
        assert_eq!(quoted("a\nb\u{1b}[2J"), "a\\nb\\u{1b}[2J");
        assert_eq!(quoted(&"복".repeat(65)), "복".repeat(64) + "…");
        assert_eq!(quoted(&"복".repeat(64)), "복".repeat(64));
    }

    #[test]
    fn a_million_problems_are_two_hundred_and_a_count() {
        let mut problems = Problems::default();
        for line in 0..1000 {
            let place = Place { file: "a".into(), line, column: 1 };
            problems.add(Problem::at(&place, (ProblemCode::WrongValue, "no"), None));
        }
        let sorted = problems.into_sorted();
        assert_eq!(sorted.len(), MOST_PROBLEMS);
        assert_eq!(sorted[199].hint.as_deref(), Some("and 800 problems more; mend these first"));
    }
}
