//! One file's TOML, read into drafts: everything that can be judged without the other files is judged here.

use earwitness_model::RetentionClass;
use toml::de::DeTable;

use crate::draft::Draft;
use crate::keys::{NUMBER_KEYS, Section};
use crate::number::NumberPlan;
use crate::pattern::Pattern;
use crate::period;
use crate::problem::{Place, Problem, ProblemCode, Problems, Source, SourceText, quoted};
use crate::reader::{Named, Placed, Reader, Table};
use crate::rule::{CalendarDay, Notice, NoticeAudio};
use crate::streams::StreamDraft;

/// More than this is no rule file.
const MOST_BYTES: usize = 4 << 20;
const LONGEST_CLASS_NAME: usize = 64;
/// Headers that mark conversations.
const MOST_HEADERS: usize = 8;
const LONGEST_HEADER_NAME: usize = 64;

/// A `[retention.NAME]` or `[notice.NAME]`: its name counts as taken even when the rest of it was refused.
pub(crate) struct Definition<T> {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) value: Option<T>,
}

/// The number plan as one file gives it.
pub(crate) struct PlanDraft {
    pub(crate) plan: NumberPlan,
    pub(crate) internal: Vec<Placed<Pattern>>,
    pub(crate) representative: Vec<Placed<Pattern>>,
    pub(crate) place: Place,
}

/// What one file says.
#[derive(Default)]
pub(crate) struct Document {
    pub(crate) plan: Option<PlanDraft>,
    pub(crate) rules: Vec<Draft>,
    pub(crate) retention: Vec<Definition<RetentionClass>>,
    pub(crate) notices: Vec<Definition<Notice>>,
    pub(crate) streams: Vec<StreamDraft>,
}

/// Reads one file. `None` when it is not TOML at all, so that nobody misses what it might have defined.
pub(crate) fn read(file: SourceText<'_>, problems: &mut Problems) -> Option<Document> {
    let source = Source::new(file);
    if file.text.len() > MOST_BYTES {
        let hint = Some("split it, or is it a rule file at all?".to_owned());
        problems.add(Problem::at(
            &source.place(0),
            (ProblemCode::TooMuch, "the file is larger than 4 MiB"),
            hint,
        ));
        return None;
    }
    let (root, broken) = DeTable::parse_recoverable(file.text);
    for error in &broken {
        let place = source.place(error.span().map_or(0, |span| span.start));
        problems.add(Problem::at(
            &place,
            (ProblemCode::NotToml, format!("not TOML: {}", error.message())),
            None,
        ));
    }
    if !broken.is_empty() {
        return None;
    }
    let mut reader = Reader::new(&source, problems);
    let top = reader.open(Section::File, root.get_ref(), source.place(0));
    if let Some(schema) = reader.integer(&top, "schema").filter(|schema| schema.value != Some(1)) {
        let what = (ProblemCode::WrongValue, "this schema is not known to this version");
        reader.complain(&schema.place, what, "write schema = 1");
    }
    Some(Document {
        plan: reader.plan(&top, root.get_ref()),
        rules: reader.tables(&top, "rule", Section::Rule).iter().filter_map(|t| reader.rule(t)).collect(),
        retention: reader
            .named(&top, "retention", Section::Retention)
            .into_iter()
            .map(|named| reader.retention(named))
            .collect(),
        notices: reader
            .named(&top, "notice", Section::Notice)
            .into_iter()
            .map(|named| reader.notice(named))
            .collect(),
        streams: reader
            .tables(&top, "streams", Section::Streams)
            .iter()
            .filter_map(|table| reader.streams(table))
            .collect(),
    })
}

impl Reader<'_> {
    fn plan(&mut self, top: &Table<'_>, values: &DeTable<'_>) -> Option<PlanDraft> {
        let key = NUMBER_KEYS.into_iter().find(|key| values.contains_key(*key))?;
        let place = self.key_place(top, key);
        let mut plan = NumberPlan::default();
        if let Some(country) = self.code(top, "country") {
            plan.country = country;
        }
        plan.area = self.code(top, "area");
        let [internal, representative] = ["internal", "representative"].map(|key| {
            let patterns = self.patterns(top, key);
            for star in patterns.iter().filter(|pattern| pattern.value == Pattern::Any) {
                let hint = "name the numbers: they tell calls from outside and inside apart";
                let what = (ProblemCode::WrongValue, format!("`{key}` cannot be \"*\""));
                self.complain(&star.place, what, hint);
            }
            patterns
        });
        plan.conversation_headers = self.header_names(top, "conversation_headers");
        Some(PlanDraft { plan, internal, representative, place })
    }

    /// Names of SIP headers (RFC 3261, 25.1: tokens), in lower case, sorted, each once.
    fn header_names(&mut self, top: &Table<'_>, key: &str) -> Vec<String> {
        let entries = self.texts(top, key).unwrap_or_default();
        if let Some(one_too_many) = entries.get(MOST_HEADERS) {
            let what = (ProblemCode::TooMuch, format!("more than {MOST_HEADERS} headers"));
            self.complain(&one_too_many.place, what, "name those that your exchange sets");
        }
        let mut names = Vec::new();
        for Placed { value, place } in entries.into_iter().take(MOST_HEADERS) {
            let is_token = (1..=LONGEST_HEADER_NAME).contains(&value.len())
                && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte));
            if is_token {
                names.push(value.to_ascii_lowercase());
            } else {
                let what = (ProblemCode::WrongValue, format!("`{key}` cannot be \"{}\"", quoted(value)));
                self.complain(&place, what, "the name of a header, without its colon: \"X-Call-Key\"");
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// A country or area code: one to four digits, without plus or leading zero.
    fn code(&mut self, top: &Table<'_>, key: &str) -> Option<String> {
        let Placed { value, place } = self.text(top, key)?;
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        if digits && (1..=4).contains(&value.len()) && !value.starts_with('0') {
            return Some(value.to_owned());
        }
        let bare: String = value.chars().filter(char::is_ascii_digit).collect();
        let hint = match bare.trim_start_matches('0') {
            code @ ("" | "0") => format!("digits alone: {key} = \"31\"{}", code.trim_matches('0')),
            code => format!("digits alone, without plus or leading zero: {key} = \"{code}\""),
        };
        let what = (ProblemCode::WrongValue, format!("`{key}` cannot be \"{}\"", quoted(value)));
        self.complain(&place, what, hint);
        None
    }

    pub(crate) fn patterns(&mut self, table: &Table<'_>, key: &str) -> Vec<Placed<Pattern>> {
        let entries = self.texts(table, key).unwrap_or_default();
        let mut patterns = Vec::with_capacity(entries.len());
        for Placed { value, place } in entries {
            match Pattern::parse(value) {
                Ok(pattern) => patterns.push(Placed { value: pattern, place }),
                Err(bad) => self.complain(&place, (ProblemCode::WrongValue, bad.what), bad.hint),
            }
        }
        patterns
    }

    fn retention(&mut self, named: Named<'_>) -> Definition<RetentionClass> {
        self.is_class_name(&named.name);
        let name = named.name.value.to_owned();
        let keep = named.table.and_then(|table| self.text(&table, "keep"));
        let value = keep.and_then(|keep| match period::parse(keep.value) {
            Ok(period) => Some(RetentionClass { name: name.clone(), keep: period }),
            Err(hint) => {
                let what = (ProblemCode::WrongValue, format!("`keep` cannot be \"{}\"", quoted(keep.value)));
                self.complain(&keep.place, what, hint);
                None
            }
        });
        Definition { name, place: named.name.place, value }
    }

    fn notice(&mut self, named: Named<'_>) -> Definition<Notice> {
        self.is_class_name(&named.name);
        let name = named.name.value.to_owned();
        let value = named.table.and_then(|table| {
            let Placed { value: audio, place } = self.text(&table, "audio")?;
            if audio.is_empty() || audio.chars().any(char::is_control) {
                let what = (ProblemCode::WrongValue, "`audio` is no path");
                self.complain(&place, what, "write \"notices/NAME.wav\" or \"none\"");
                return None;
            }
            let from = self.day(&table, "from");
            Some(Notice {
                name: name.clone(),
                audio: match audio {
                    "none" => NoticeAudio::None,
                    path => NoticeAudio::File(path.to_owned()),
                },
                from: from.map(|day| CalendarDay { year: day.year, month: day.month, day: day.day }),
                required: self.flag(&table, "required").unwrap_or(true),
            })
        });
        Definition { name, place: named.name.place, value }
    }

    /// Names of retention classes and notices become names of directories and files.
    fn is_class_name(&mut self, name: &Placed<&str>) {
        let text = name.value;
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let good = !text.is_empty()
            && text.len() <= LONGEST_CLASS_NAME
            && text.bytes().all(allowed)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if !good {
            let what = (ProblemCode::WrongValue, format!("\"{}\" is no name for it", quoted(text)));
            self.complain(&name.place, what, "lower case letters, digits and hyphens: citizen-90d");
        }
    }
}
