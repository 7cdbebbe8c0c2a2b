//! One `[[rule]]`, read into a draft: everything that can be judged without the other rules is judged here.

use earwitness_model::{EarlyMedia, InbandDigits, Mode};

use crate::keypad;
use crate::keys::Section;
use crate::pattern::Pattern;
use crate::problem::{Place, ProblemCode, quoted};
use crate::reader::{Placed, Reader, Table};
use crate::rule::{Covers, InternalCalls, PauseKeys, Rule, StartFrom, StartKeys};

const LONGEST_LABEL: usize = 64;

const MODES: [(&str, Mode); 3] =
    [("blanket", Mode::Blanket), ("selective", Mode::Selective), ("never", Mode::Never)];
const DIRECTIONS: [(&str, Covers); 3] =
    [("both", Covers::Both), ("inbound", Covers::Inbound), ("outbound", Covers::Outbound)];
const INTERNAL: [(&str, InternalCalls); 2] =
    [("exclude", InternalCalls::Exclude), ("record", InternalCalls::Record)];
const EARLY_MEDIA: [(&str, EarlyMedia); 2] = [("drop", EarlyMedia::Drop), ("keep", EarlyMedia::Keep)];
const FROM: [(&str, StartFrom); 2] = [("keypress", StartFrom::Keypress), ("answer", StartFrom::Answer)];

/// A rule whose names are not looked up yet; `rule.extensions` is empty until the number plan is known.
pub(crate) struct Draft {
    pub(crate) rule: Rule,
    pub(crate) patterns: Vec<Placed<Pattern>>,
    pub(crate) retention: Option<Place>,
    pub(crate) notice: Option<Place>,
}

/// Which calls and which part of them, each as written or by default.
struct Choices {
    direction: Covers,
    internal: InternalCalls,
    early_media: EarlyMedia,
    inband_digits: InbandDigits,
    /// Those that a `never` rule contradicts by making them.
    against_never: Vec<Place>,
}

impl Reader<'_> {
    /// `None` when the rule lacks what makes it a rule; that was complained of.
    pub(crate) fn rule(&mut self, table: &Table<'_>) -> Option<Draft> {
        let name = self.label(table, "name");
        let mode = self.word(table, "mode", &MODES).map(|mode| mode.value);
        let patterns = self.patterns(table, "extensions");
        self.complain_of_no_extensions(table);
        let department = self.label(table, "department");
        let choices = self.choices(table);
        let start = self.table(table, "start", Section::Start).and_then(|start| self.start(&start));
        let pause = self.table(table, "pause", Section::Pause).and_then(|pause| self.pause(&pause));
        self.complain_of_codes_alike(table, start.as_ref(), pause.as_ref());
        let (name, mode) = (name?, mode?);
        self.complain_of_mode(table, mode, &choices);
        if mode != Mode::Never {
            self.complain_of_no_terms(table, &name);
        }
        let (retention, notice) = (self.text(table, "retention"), self.text(table, "notice"));
        Some(Draft {
            rule: Rule {
                name: name.value.to_owned(),
                mode,
                extensions: Vec::new(),
                department: department.map(|name| name.value.to_owned()),
                direction: choices.direction,
                internal: choices.internal,
                early_media: choices.early_media,
                inband_digits: choices.inband_digits,
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

    fn choices(&mut self, table: &Table<'_>) -> Choices {
        let direction = self.word(table, "direction", &DIRECTIONS);
        let internal = self.word(table, "internal", &INTERNAL);
        let early_media = self.word(table, "early_media", &EARLY_MEDIA);
        let inband_place = self.key_place(table, "inband_digits");
        let inband_digits = match self.flag(table, "inband_digits") {
            Some(true) => InbandDigits::List,
            Some(false) | None => InbandDigits::Ignore,
        };
        let against_never = [
            Some(&inband_place).filter(|_| inband_digits == InbandDigits::List),
            direction.as_ref().filter(|found| found.value != Covers::Both).map(|found| &found.place),
            internal.as_ref().filter(|found| found.value != InternalCalls::Exclude).map(|found| &found.place),
            early_media.as_ref().filter(|found| found.value != EarlyMedia::Drop).map(|found| &found.place),
        ];
        Choices {
            against_never: against_never.into_iter().flatten().cloned().collect(),
            direction: direction.map_or(Covers::Both, |found| found.value),
            internal: internal.map_or(InternalCalls::Exclude, |found| found.value),
            inband_digits,
            early_media: early_media.map_or(EarlyMedia::Drop, |found| found.value),
        }
    }

    fn start(&mut self, table: &Table<'_>) -> Option<StartKeys> {
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
                let what = (ProblemCode::WrongValue, format!("`{key}` cannot be \"{}\"", quoted(value)));
                self.complain(&place, what, hint);
                None
            }
        }
    }

    fn complain_of_no_extensions(&mut self, table: &Table<'_>) {
        if self.texts(table, "extensions").is_some_and(|entries| entries.is_empty()) {
            let place = self.key_place(table, "extensions");
            self.complain(
                &place,
                (ProblemCode::WrongValue, "a rule of no extensions never applies"),
                "write [\"4001-4020\"] or [\"*\"]",
            );
        }
    }

    /// One press must mean one thing: equal codes, or one that begins with another, cannot be told apart in time.
    fn complain_of_codes_alike(
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
            self.complain(&place, (ProblemCode::Conflict, what), "no code may be the beginning of another");
        }
    }

    /// A rule that records says for how long and with what notice.
    fn complain_of_no_terms(&mut self, table: &Table<'_>, name: &Placed<&str>) {
        for key in ["retention", "notice"] {
            if !self.has(table, key) {
                let what = (ProblemCode::MissingKey, format!("rule \"{}\" has no `{key}`", name.value));
                self.complain(&name.place, what, format!("every rule that records names its {key}"));
            }
        }
    }

    /// Keys that contradict the mode, and the one that a mode cannot do without.
    fn complain_of_mode(&mut self, table: &Table<'_>, mode: Mode, choices: &Choices) {
        let (has_start, has_pause) = (self.has(table, "start"), self.has(table, "pause"));
        if mode == Mode::Selective && !has_start {
            let hint = "write start = { keys = \"*1\", from = \"keypress\" }";
            let what = (ProblemCode::MissingKey, "a selective rule has no `start`");
            self.complain(table.place(), what, hint);
        }
        if mode != Mode::Selective && has_start {
            let hint = "leave it out, or write mode = \"selective\"";
            let what = (ProblemCode::KeyOutOfPlace, "only a selective rule has a `start`");
            self.complain(&self.key_place(table, "start"), what, hint);
        }
        if mode == Mode::Never && has_pause {
            let place = self.key_place(table, "pause");
            let what = (ProblemCode::KeyOutOfPlace, "a `never` rule has nothing to pause");
            self.complain(&place, what, "leave it out");
        }
        for place in choices.against_never.iter().filter(|_| mode == Mode::Never) {
            let what = (ProblemCode::KeyOutOfPlace, "a `never` rule refuses every call of its extensions");
            self.complain(place, what, "leave it out");
        }
    }

    /// The name at `key`. Names of rules and departments are for people: any script, but printable.
    pub(crate) fn label<'d>(&mut self, table: &Table<'d>, key: &str) -> Option<Placed<&'d str>> {
        let label = self.text(table, key)?;
        let text = label.value;
        let good = !text.trim().is_empty()
            && text.chars().count() <= LONGEST_LABEL
            && !text.chars().any(|letter| letter.is_control() || is_direction_mark(letter));
        if !good {
            let what = (ProblemCode::WrongValue, format!("`{key}` cannot be \"{}\"", quoted(text)));
            self.complain(&label.place, what, "1 to 64 printable letters");
        }
        good.then_some(label)
    }
}

/// Letters that make a terminal show other text than stands there (Unicode Standard Annex 9).
const fn is_direction_mark(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
