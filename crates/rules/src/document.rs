//! One file's TOML, read into drafts: everything that can be judged without the other files is judged here.

use earwitness_model::{EarlyMedia, Mode, RetentionClass};
use toml::de::DeTable;

use crate::keys::{NUMBER_KEYS, Section};
use crate::number::NumberPlan;
use crate::pattern::Pattern;
use crate::problem::{Place, Problem, Problems, Source, SourceText};
use crate::reader::{Named, Placed, Reader, Table};
use crate::rule::{
    CalendarDay, Covers, InternalCalls, Notice, NoticeAudio, PauseKeys, Rule, StartFrom, StartKeys,
};
use crate::{keypad, period};

/// More than this is no rule file.
const MOST_BYTES: usize = 4 << 20;
const LONGEST_LABEL: usize = 64;

/// A rule whose names are not looked up yet; `rule.extensions` is empty until the number plan is known.
pub(crate) struct Draft {
    pub(crate) rule: Rule,
    pub(crate) patterns: Vec<Placed<Pattern>>,
    pub(crate) retention: Option<Place>,
    pub(crate) notice: Option<Place>,
}

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
}

/// Reads one file. `None` when it is not TOML at all, so that nobody misses what it might have defined.
pub(crate) fn read(file: SourceText<'_>, problems: &mut Problems) -> Option<Document> {
    let source = Source::new(file);
    if file.text.len() > MOST_BYTES {
        let hint = Some("split it, or is it a rule file at all?".to_owned());
        problems.add(Problem::at(&source.place(0), "the file is larger than 4 MiB", hint));
        return None;
    }
    let (root, broken) = DeTable::parse_recoverable(file.text);
    for error in &broken {
        let place = source.place(error.span().map_or(0, |span| span.start));
        problems.add(Problem::at(&place, format!("not TOML: {}", error.message()), None));
    }
    if !broken.is_empty() {
        return None;
    }
    let mut reader = Reader::new(&source, problems);
    let top = reader.open(Section::File, root.get_ref(), source.place(0));
    if let Some(schema) = reader.integer(&top, "schema").filter(|schema| schema.value != "1") {
        let what = format!("schema {} is not known to this version", schema.value);
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
                self.complain(&star.place, format!("`{key}` cannot be \"*\""), hint);
            }
            patterns
        });
        Some(PlanDraft { plan, internal, representative, place })
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
        self.complain(&place, format!("`{key}` cannot be \"{}\"", value.escape_debug()), hint);
        None
    }

    fn patterns(&mut self, table: &Table<'_>, key: &str) -> Vec<Placed<Pattern>> {
        let entries = self.texts(table, key).unwrap_or_default();
        let mut patterns = Vec::with_capacity(entries.len());
        for Placed { value, place } in entries {
            match Pattern::parse(value) {
                Ok(pattern) => patterns.push(Placed { value: pattern, place }),
                Err(bad) => self.complain(&place, bad.what, bad.hint),
            }
        }
        patterns
    }

    /// `None` when the rule lacks what makes it a rule; that was complained of.
    fn rule(&mut self, table: &Table<'_>) -> Option<Draft> {
        const MODES: [(&str, Mode); 3] =
            [("blanket", Mode::Blanket), ("selective", Mode::Selective), ("never", Mode::Never)];
        let name = self.text(table, "name");
        let name_is_good = name.as_ref().is_some_and(|name| self.is_label(name, "name"));
        let mode = self.word(table, "mode", &MODES);
        let patterns = self.patterns(table, "extensions");
        self.complain_of_no_extensions(table);
        let department = self.text(table, "department").filter(|name| self.is_label(name, "department"));
        let direction = self.word(
            table,
            "direction",
            &[("both", Covers::Both), ("inbound", Covers::Inbound), ("outbound", Covers::Outbound)],
        );
        let internal = self.word(
            table,
            "internal",
            &[("exclude", InternalCalls::Exclude), ("record", InternalCalls::Record)],
        );
        let early_media =
            self.word(table, "early_media", &[("drop", EarlyMedia::Drop), ("keep", EarlyMedia::Keep)]);
        let start = self.table(table, "start", Section::Start).and_then(|start| self.start(&start));
        let pause = self.table(table, "pause", Section::Pause).and_then(|pause| self.pause(&pause));
        let (retention, notice) = (self.text(table, "retention"), self.text(table, "notice"));
        let (name, mode) = (name.filter(|_| name_is_good)?, mode?.value);
        self.complain_of_overlapping_keys(table, start.as_ref(), pause.as_ref());
        match mode {
            Mode::Never => {
                let unfit = [
                    direction.as_ref().filter(|found| found.value != Covers::Both).map(|f| &f.place),
                    internal.as_ref().filter(|found| found.value != InternalCalls::Exclude).map(|f| &f.place),
                    early_media.as_ref().filter(|found| found.value != EarlyMedia::Drop).map(|f| &f.place),
                ];
                for place in unfit.into_iter().flatten() {
                    self.complain(
                        place,
                        "a `never` rule refuses every call of its extensions",
                        "leave it out",
                    );
                }
            }
            Mode::Blanket | Mode::Selective => self.complain_of_no_terms(table, &name),
        }
        self.complain_of_misplaced_keys(table, mode);
        Some(Draft {
            rule: Rule {
                name: name.value.to_owned(),
                mode,
                extensions: Vec::new(),
                department: department.map(|name| name.value.to_owned()),
                direction: direction.map_or(Covers::Both, |found| found.value),
                internal: internal.map_or(InternalCalls::Exclude, |found| found.value),
                early_media: early_media.map_or(EarlyMedia::Drop, |found| found.value),
                start,
                pause,
                retention: retention.as_ref().map(|name| name.value.to_owned()),
                notice: notice.as_ref().map(|name| name.value.to_owned()),
                place: name.place,
            },
            patterns,
            retention: retention.map(|name| name.place),
            notice: notice.map(|name| name.place),
        })
    }

    fn start(&mut self, table: &Table<'_>) -> Option<StartKeys> {
        const FROM: [(&str, StartFrom); 2] =
            [("keypress", StartFrom::Keypress), ("answer", StartFrom::Answer)];
        let from = self.word(table, "from", &FROM).map_or(StartFrom::Keypress, |from| from.value);
        Some(StartKeys { keys: self.key_code(table, "keys")?, from })
    }

    fn pause(&mut self, table: &Table<'_>) -> Option<PauseKeys> {
        let (keys, resume) = (self.key_code(table, "keys"), self.key_code(table, "resume"));
        Some(PauseKeys { keys: keys?, resume: resume? })
    }

    fn key_code(&mut self, table: &Table<'_>, key: &str) -> Option<String> {
        let Placed { value, place } = self.text(table, key)?;
        match keypad::check(value) {
            Ok(()) => Some(value.to_owned()),
            Err(hint) => {
                self.complain(&place, format!("`{key}` cannot be \"{}\"", value.escape_debug()), hint);
                None
            }
        }
    }

    fn complain_of_no_extensions(&mut self, table: &Table<'_>) {
        if self.texts(table, "extensions").is_some_and(|entries| entries.is_empty()) {
            let place = self.key_place(table, "extensions");
            self.complain(
                &place,
                "a rule of no extensions never applies",
                "write [\"4001-4020\"] or [\"*\"]",
            );
        }
    }

    /// One press must mean one thing: equal codes, or one that begins with another, cannot be told apart in time.
    fn complain_of_overlapping_keys(
        &mut self,
        table: &Table<'_>,
        start: Option<&StartKeys>,
        pause: Option<&PauseKeys>,
    ) {
        let Some(pause) = pause else { return };
        let codes = [start.map(|start| &start.keys), Some(&pause.keys), Some(&pause.resume)];
        let codes: Vec<&String> = codes.into_iter().flatten().collect();
        let clash = codes.iter().enumerate().find_map(|(at, code)| {
            let others = codes.iter().skip(at + 1);
            others.into_iter().find(|o| o.starts_with(code.as_str()) || code.starts_with(o.as_str()))
        });
        if let Some(code) = clash {
            let place = self.key_place(table, "pause");
            let what = format!("the key codes of this rule cannot be told apart at `{code}`");
            self.complain(&place, what, "no code may be the beginning of another");
        }
    }

    /// A rule that records says for how long and with what notice.
    fn complain_of_no_terms(&mut self, table: &Table<'_>, name: &Placed<&str>) {
        for key in ["retention", "notice"] {
            if !self.has(table, key) {
                let what = format!("rule \"{}\" has no `{key}`", name.value);
                self.complain(&name.place, what, format!("every rule that records names its {key}"));
            }
        }
    }

    fn complain_of_misplaced_keys(&mut self, table: &Table<'_>, mode: Mode) {
        let (has_start, has_pause) = (self.has(table, "start"), self.has(table, "pause"));
        match mode {
            Mode::Selective if !has_start => {
                let hint = "write start = { keys = \"*1\", from = \"keypress\" }";
                self.complain(table.place(), "a selective rule has no `start`", hint);
            }
            Mode::Blanket | Mode::Never if has_start => {
                let place = self.key_place(table, "start");
                let hint = "leave it out, or write mode = \"selective\"";
                self.complain(&place, "only a selective rule has a `start`", hint);
            }
            Mode::Blanket | Mode::Selective | Mode::Never => {}
        }
        if mode == Mode::Never && has_pause {
            let place = self.key_place(table, "pause");
            self.complain(&place, "a `never` rule has nothing to pause", "leave it out");
        }
    }

    fn retention(&mut self, named: Named<'_>) -> Definition<RetentionClass> {
        self.is_class_name(&named.name);
        let name = named.name.value.to_owned();
        let keep = named.table.and_then(|table| self.text(&table, "keep"));
        let value = keep.and_then(|keep| match period::parse(keep.value) {
            Ok(period) => Some(RetentionClass { name: name.clone(), keep: period }),
            Err(hint) => {
                let what = format!("`keep` cannot be \"{}\"", keep.value.escape_debug());
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
                self.complain(&place, "`audio` is no path", "write \"notices/NAME.wav\" or \"none\"");
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

    /// Names of rules and departments are for people: any script, but printable.
    fn is_label(&mut self, label: &Placed<&str>, key: &str) -> bool {
        let text = label.value;
        let good = !text.trim().is_empty()
            && text.chars().count() <= LONGEST_LABEL
            && !text.chars().any(|letter| letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}'));
        if !good {
            let what = format!("`{key}` cannot be \"{}\"", text.escape_debug());
            self.complain(&label.place, what, "1 to 64 printable letters");
        }
        good
    }

    /// Names of retention classes and notices become names of directories and files.
    fn is_class_name(&mut self, name: &Placed<&str>) {
        let text = name.value;
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let good = !text.is_empty()
            && text.len() <= LONGEST_LABEL
            && text.bytes().all(allowed)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if !good {
            let what = format!("\"{}\" is no name for it", text.escape_debug());
            self.complain(&name.place, what, "lower case letters, digits and hyphens: citizen-90d");
        }
    }
}
