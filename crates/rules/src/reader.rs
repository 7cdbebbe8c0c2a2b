//! Tables of one file, checked against the list of keys as they are opened; every value keeps its place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::keys::{Key, Kind, Need, Section};
use crate::problem::{Place, Problem, ProblemCode, Problems, Source, quoted};
use crate::spelling;

/// A table whose keys were checked: what its accessors do not find is absent, or was complained of.
pub(crate) struct Table<'d> {
    section: Section,
    values: &'d DeTable<'d>,
    at: Place,
}

impl Table<'_> {
    /// Where the table begins.
    pub(crate) const fn place(&self) -> &Place {
        &self.at
    }
}

/// A value and where it stands.
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// A name for a thing, as the tables of `retention` and `notice` have one.
pub(crate) struct Named<'d> {
    pub(crate) name: Placed<&'d str>,
    pub(crate) table: Option<Table<'d>>,
}

/// Reads one file and collects what is wrong with it.
pub(crate) struct Reader<'s> {
    source: &'s Source<'s>,
    problems: &'s mut Problems,
}

impl<'s> Reader<'s> {
    pub(crate) const fn new(source: &'s Source<'s>, problems: &'s mut Problems) -> Self {
        Self { source, problems }
    }

    pub(crate) fn complain(
        &mut self,
        place: &Place,
        what: (ProblemCode, impl Into<String>),
        hint: impl Into<String>,
    ) {
        self.problems.add(Problem::at(place, what, Some(hint.into())));
    }

    fn place(&self, span: &Range<usize>) -> Place {
        self.source.place_of(span)
    }

    /// Opens a table: unknown keys, missing keys and values of the wrong type are complained of here, once. `at` is
    /// where a missing key is reported.
    pub(crate) fn open<'d>(&mut self, section: Section, values: &'d DeTable<'d>, at: Place) -> Table<'d> {
        for (key, value) in values {
            let name: &str = key.get_ref();
            match section.keys().iter().find(|known| known.name == name) {
                None => self.unknown_key(section, key),
                Some(known) if !fits(known.kind, value.get_ref()) => {
                    let what = format!(
                        "`{name}` in {section} must be {}, not {}",
                        known.kind.words(),
                        found_words(known.kind, value.get_ref())
                    );
                    let place = self.place(&value.span());
                    self.complain(&place, (ProblemCode::WrongType, what), how_to_write(known));
                }
                Some(_) => {}
            }
        }
        for known in section.keys().iter().filter(|known| known.need == Need::Required) {
            if !values.contains_key(known.name) {
                let what = (ProblemCode::MissingKey, format!("{section} has no `{}`", known.name));
                self.complain(&at, what, how_to_write(known));
            }
        }
        Table { section, values, at }
    }

    fn unknown_key(&mut self, section: Section, key: &Spanned<toml::de::DeString<'_>>) {
        let name: &str = key.get_ref();
        let known = section.keys().iter().map(|known| known.name);
        let elsewhere = Section::keys_of_all().find(|(other, known)| *other != section && *known == name);
        let hint = match (spelling::nearest(name, known.clone()), elsewhere) {
            (_, Some((other, _))) => format!("`{name}` belongs in {other}"),
            (Some(near), None) => format!("did you mean `{near}`?"),
            (None, None) => format!("its keys are {}", known.collect::<Vec<_>>().join(", ")),
        };
        let place = self.place(&key.span());
        let what = (ProblemCode::UnknownKey, format!("unknown key `{}` in {section}", quoted(name)));
        self.complain(&place, what, hint);
    }

    fn value<'d>(&self, table: &Table<'d>, key: &str) -> Option<(&'d DeValue<'d>, Place)> {
        debug_assert!(
            table.section.keys().iter().any(|known| known.name == key),
            "`{key}` is in the list of keys"
        );
        let (_, value) = table.values.iter().find(|(name, _)| AsRef::<str>::as_ref(name.get_ref()) == key)?;
        Some((value.get_ref(), self.place(&value.span())))
    }

    /// Whether `key` stands in the table, whatever its value.
    pub(crate) fn has(&self, table: &Table<'_>, key: &str) -> bool {
        self.value(table, key).is_some()
    }

    /// Where the value of `key` stands; the table's place when it is absent.
    pub(crate) fn key_place(&self, table: &Table<'_>, key: &str) -> Place {
        self.value(table, key).map_or_else(|| table.at.clone(), |(_, place)| place)
    }

    /// The string at `key`.
    pub(crate) fn text<'d>(&self, table: &Table<'d>, key: &str) -> Option<Placed<&'d str>> {
        let (value, place) = self.value(table, key)?;
        Some(Placed { value: value.as_str()?, place })
    }

    /// One of a closed set of words at `key`.
    pub(crate) fn word<T: Copy>(
        &mut self,
        table: &Table<'_>,
        key: &str,
        words: &[(&'static str, T)],
    ) -> Option<Placed<T>> {
        let Placed { value, place } = self.text(table, key)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == value) {
            return Some(Placed { value: *meaning, place });
        }
        let known = words.iter().map(|(word, _)| *word);
        let hint = match spelling::nearest(value, known.clone()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => {
                format!("one of {}", known.map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", "))
            }
        };
        let what = (ProblemCode::WrongValue, format!("`{key}` cannot be \"{}\"", quoted(value)));
        self.complain(&place, what, hint);
        None
    }

    /// The strings of the array at `key`; `None` when there is no such array.
    pub(crate) fn texts<'d>(&self, table: &Table<'d>, key: &str) -> Option<Vec<Placed<&'d str>>> {
        let entries = self.value(table, key)?.0.as_array()?;
        let placed =
            |entry: &'d Spanned<DeValue<'d>>| Some((entry.get_ref().as_str()?, self.place(&entry.span())));
        Some(entries.iter().filter_map(placed).map(|(value, place)| Placed { value, place }).collect())
    }

    /// The integer at `key`; `None` in it when it is too large for one.
    pub(crate) fn integer(&self, table: &Table<'_>, key: &str) -> Option<Placed<Option<i64>>> {
        let (value, place) = self.value(table, key)?;
        let integer = value.as_integer()?;
        Some(Placed { value: i64::from_str_radix(integer.as_str(), integer.radix()).ok(), place })
    }

    /// The truth at `key`.
    pub(crate) fn flag(&self, table: &Table<'_>, key: &str) -> Option<bool> {
        self.value(table, key)?.0.as_bool()
    }

    /// The date at `key`.
    pub(crate) fn day(&self, table: &Table<'_>, key: &str) -> Option<toml::value::Date> {
        self.value(table, key)?.0.as_datetime()?.date
    }

    /// The inline table at `key`.
    pub(crate) fn table<'d>(&mut self, table: &Table<'d>, key: &str, section: Section) -> Option<Table<'d>> {
        let (value, place) = self.value(table, key)?;
        Some(self.open(section, value.as_table()?, place))
    }

    /// The tables of `[[key]]`.
    pub(crate) fn tables<'d>(&mut self, table: &Table<'d>, key: &str, section: Section) -> Vec<Table<'d>> {
        let entries = self.value(table, key).and_then(|(value, _)| value.as_array());
        let spans = entries.into_iter().flat_map(|entries| entries.iter());
        spans
            .filter_map(|entry| {
                let at = self.place(&entry.span());
                entry.get_ref().as_table().map(|values| self.open(section, values, at))
            })
            .collect()
    }

    /// The tables of `[key.NAME]`, each with its name.
    pub(crate) fn named<'d>(&mut self, table: &Table<'d>, key: &str, section: Section) -> Vec<Named<'d>> {
        let entries = self.value(table, key).and_then(|(value, _)| value.as_table());
        let pairs = entries.into_iter().flat_map(|entries| entries.iter());
        pairs
            .map(|(name, value)| {
                let place = self.place(&name.span());
                let opened =
                    value.get_ref().as_table().map(|values| self.open(section, values, place.clone()));
                Named { name: Placed { value: name.get_ref(), place }, table: opened }
            })
            .collect()
    }
}

impl Section {
    fn keys_of_all() -> impl Iterator<Item = (Self, &'static str)> {
        let nested = [Self::File, Self::Rule, Self::Retention, Self::Notice];
        nested.into_iter().flat_map(|section| section.keys().iter().map(move |key| (section, key.name)))
    }
}

fn how_to_write(key: &Key) -> String {
    let name = key.name;
    match key.kind {
        Kind::Text => format!("write {name} = \"…\""),
        Kind::Texts => format!("write {name} = [\"…\", \"…\"]"),
        Kind::Flag => format!("write {name} = true or {name} = false"),
        Kind::Integer => format!("write {name} = 1"),
        Kind::Day => format!("write {name} = 2026-01-01"),
        Kind::Table => format!("write {name} = {{ … }}"),
        Kind::Tables => format!("write [[{name}]]"),
        Kind::NamedTables => format!("write [{name}.NAME]"),
    }
}

fn fits(kind: Kind, value: &DeValue<'_>) -> bool {
    let all = |fits: fn(&DeValue<'_>) -> bool| {
        value.as_array().is_some_and(|entries| entries.iter().all(|entry| fits(entry.get_ref())))
    };
    match kind {
        Kind::Text => value.is_str(),
        Kind::Texts => all(|entry| entry.is_str()),
        Kind::Flag => value.is_bool(),
        Kind::Integer => value.is_integer(),
        Kind::Day => value.as_datetime().is_some_and(|day| day.date.is_some() && day.time.is_none()),
        Kind::Table => value.is_table(),
        Kind::Tables => all(|entry| entry.is_table()),
        Kind::NamedTables => {
            value.as_table().is_some_and(|tables| tables.values().all(|table| table.get_ref().is_table()))
        }
    }
}

fn found_words(wanted: Kind, value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) if wanted == Kind::Day => "a date with a time",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) if matches!(wanted, Kind::Texts | Kind::Tables) => "an array of something else",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) if wanted == Kind::NamedTables => "a table of something else",
        DeValue::Table(_) => "a table",
    }
}
