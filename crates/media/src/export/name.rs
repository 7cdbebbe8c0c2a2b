//! File names of exports, by template.

use std::str::FromStr;

use thiserror::Error;

/// The longest file name that Linux file systems take, in bytes.
const LONGEST: usize = 255;
/// The most that one field adds, in bytes.
const LONGEST_FIELD: usize = 40;
/// What stands for a field that is not known.
const UNKNOWN: &str = "unknown";
/// What stands for a character that no file name may hold.
const REPLACEMENT: char = '_';

/// The name of an exported file: text, and keys in braces. Parsed once, so that a typing error is found before the first
/// call is exported.
///
/// The default is `{date}_{time}_{ext}_{peer}_{id}.{format}`. A template without `{id}` can give two calls one name; whoever
/// creates the files must not overwrite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameTemplate(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Key),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Date,
    Time,
    Ext,
    Peer,
    Id,
    Format,
}

/// What the keys of a template stand for. Empty is `unknown`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct NameFields<'f> {
    /// The local date of the call's start, `2026-11-21`.
    pub date: &'f str,
    /// The local time of the call's start, `090000`.
    pub time: &'f str,
    /// Our extension.
    pub ext: &'f str,
    /// The other party's number.
    pub peer: &'f str,
    /// The call's id.
    pub id: &'f str,
    /// The file extension of the format.
    pub format: &'f str,
}

/// Why a text is no template. Offsets are bytes from its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// A key that does not exist.
    #[error(
        "{{{key}}} at byte {at} is no key; there are {{date}} {{time}} {{ext}} {{peer}} {{id}} {{format}}"
    )]
    UnknownKey {
        /// The text in the braces.
        key: String,
        /// Where its brace opens.
        at: usize,
    },
    /// A brace that is not closed, or closed and never opened.
    #[error("the brace at byte {at} has no partner")]
    UnpairedBrace {
        /// Where it is.
        at: usize,
    },
    /// A character that cannot stand in a file name.
    #[error("{character:?} at byte {at} cannot stand in a file name; choose the directory with -o")]
    Forbidden {
        /// The character.
        character: char,
        /// Where it is.
        at: usize,
    },
    /// Nothing.
    #[error("the template is empty")]
    Empty,
    /// The name could be longer than 255 bytes.
    #[error("names by this template could have {longest} bytes; file systems take 255")]
    TooLong {
        /// The most bytes that a name could have.
        longest: usize,
    },
}

impl Default for NameTemplate {
    fn default() -> Self {
        let (text, field) = (|text: &str| Piece::Text(text.to_owned()), Piece::Field);
        Self(vec![
            field(Key::Date),
            text("_"),
            field(Key::Time),
            text("_"),
            field(Key::Ext),
            text("_"),
            field(Key::Peer),
            text("_"),
            field(Key::Id),
            text("."),
            field(Key::Format),
        ])
    }
}

impl FromStr for NameTemplate {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let (piece, length) = match rest.strip_prefix('{') {
                Some(inside) => field(inside, at)?,
                None => literal(&rest[..rest.find('{').unwrap_or(rest.len())], at)?,
            };
            pieces.push(piece);
            at += length;
        }
        if pieces.is_empty() {
            return Err(TemplateError::Empty);
        }
        let longest = pieces.iter().map(Piece::longest).sum();
        if longest > LONGEST { Err(TemplateError::TooLong { longest }) } else { Ok(Self(pieces)) }
    }
}

/// The field whose brace opens at `at`, and its length with both braces.
fn field(inside: &str, at: usize) -> Result<(Piece, usize), TemplateError> {
    let (name, _) = inside.split_once('}').ok_or(TemplateError::UnpairedBrace { at })?;
    let key = Key::named(name).ok_or_else(|| TemplateError::UnknownKey { key: name.to_owned(), at })?;
    Ok((Piece::Field(key), name.len() + 2))
}

fn literal(text: &str, at: usize) -> Result<(Piece, usize), TemplateError> {
    if let Some(brace) = text.find('}') {
        return Err(TemplateError::UnpairedBrace { at: at + brace });
    }
    match text.char_indices().find(|&(_, character)| is_forbidden(character)) {
        Some((offset, character)) => Err(TemplateError::Forbidden { character, at: at + offset }),
        None => Ok((Piece::Text(text.to_owned()), text.len())),
    }
}

impl NameTemplate {
    /// The file name for `fields`: never empty, no path separator, no control character, at most 255 bytes, and not hidden.
    #[must_use]
    pub fn render(&self, fields: &NameFields<'_>) -> String {
        let mut name = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => name.push_str(text),
                Piece::Field(key) => push_clean(fields.of(*key), &mut name),
            }
        }
        if name.starts_with(['.', '-', ' ']) {
            // A hidden file, or what a shell's next command takes for an option. One ASCII character for another.
            name.replace_range(..1, "_");
        }
        name
    }
}

impl NameFields<'_> {
    const fn of(&self, key: Key) -> &str {
        match key {
            Key::Date => self.date,
            Key::Time => self.time,
            Key::Ext => self.ext,
            Key::Peer => self.peer,
            Key::Id => self.id,
            Key::Format => self.format,
        }
    }
}

impl Piece {
    const fn longest(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Field(Key::Date | Key::Time | Key::Ext | Key::Peer | Key::Id | Key::Format) => {
                LONGEST_FIELD
            }
        }
    }
}

impl Key {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "date" => Self::Date,
            "time" => Self::Time,
            "ext" => Self::Ext,
            "peer" => Self::Peer,
            "id" => Self::Id,
            "format" => Self::Format,
            _ => return None,
        })
    }
}

/// Appends `value` with what cannot stand in a file name replaced, cut at [`LONGEST_FIELD`] bytes.
fn push_clean(value: &str, name: &mut String) {
    let value = if value.trim().is_empty() { UNKNOWN } else { value };
    let end = name.len() + LONGEST_FIELD;
    for character in value.chars().map(|c| if is_forbidden(c) { REPLACEMENT } else { c }) {
        if name.len() + character.len_utf8() > end {
            break;
        }
        name.push(character);
    }
}

/// Path separators, what Windows shares refuse, control characters, and the invisible ones that make a name read as
/// another (bidirectional controls, zero-width characters, line separators).
fn is_forbidden(character: char) -> bool {
    matches!(character, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
        || character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
