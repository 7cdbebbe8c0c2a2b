//! Files joined into one rule set: names looked up, contradictions refused.

use std::collections::HashMap;

use earwitness_model::{EarlyMedia, InbandDigits, Mode, Period, RetentionClass, RuleSetHash};

use crate::document::{self, Document, PlanDraft};
use crate::draft::Draft;
use crate::number::NumberPlan;
use crate::pattern::Pattern;
use crate::problem::{Place, Problem, ProblemCode, Problems, SourceText, quoted};
use crate::reader::Placed;
use crate::rule::{Covers, InternalCalls, Notice, NoticeAudio, Rule};
use crate::streams::{self, StreamDraft, StreamRule};
use crate::{canonical, spelling, tie};

/// More rules than any office has desks.
const MOST_RULES: usize = 2_000;
/// Entries of all `extensions` together.
const MOST_PATTERNS: usize = 20_000;
/// Retention classes, and notices.
const MOST_CLASSES: usize = 500;

/// Every rule in force, free of contradiction. Loaded once; a change of rules is another `RuleSet`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSet {
    pub(crate) plan: NumberPlan,
    /// By name.
    pub(crate) rules: Vec<Rule>,
    /// By name.
    pub(crate) retention: Vec<RetentionClass>,
    /// By name.
    pub(crate) notices: Vec<Notice>,
    /// By name.
    pub(crate) streams: Vec<StreamRule>,
    hash: RuleSetHash,
}

impl RuleSet {
    /// Joins rule files. The order of files, of tables in them and of keys in those makes no difference.
    ///
    /// # Errors
    /// Every problem at once, sorted by file, line and column. When a file is not TOML, what refers from one file to
    /// another is not judged yet.
    pub fn load(files: &[SourceText<'_>]) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::default();
        let mut whole = Document::default();
        let mut all_read = true;
        for file in files {
            match document::read(*file, &mut problems) {
                Some(document) => join(&mut whole, document, &mut problems),
                None => all_read = false,
            }
        }
        let set = Self::from_document(whole, all_read, &mut problems);
        if problems.is_empty() { Ok(set) } else { Err(problems.into_sorted()) }
    }

    /// The one rule of `record -r --lab`, for captures from elsewhere: everything, both directions, internal calls too,
    /// early media kept, 90 days, no notice.
    #[must_use]
    pub fn lab() -> Self {
        let class = RetentionClass { name: "lab-90d".to_owned(), keep: Period { months: 0, days: 90 } };
        let notice =
            Notice { name: "none".to_owned(), audio: NoticeAudio::None, from: None, required: false };
        let rule = Rule {
            name: "lab".to_owned(),
            mode: Mode::Blanket,
            extensions: vec![Pattern::Any],
            department: None,
            direction: Covers::Both,
            internal: InternalCalls::Record,
            early_media: EarlyMedia::Keep,
            inband_digits: InbandDigits::Ignore,
            start: None,
            pause: None,
            retention: Some(class.name.clone()),
            notice: Some(notice.name.clone()),
            place: Place { file: "--lab".to_owned(), line: 1, column: 1 },
        };
        Self::assemble(NumberPlan::default(), vec![rule], (vec![class], vec![notice]), Vec::new())
    }

    /// BLAKE3 over [`RuleSet::canonical`]: which rules were in force. Order, comments, spelling and the names of the
    /// files do not matter.
    #[must_use]
    pub const fn hash(&self) -> RuleSetHash {
        self.hash
    }

    /// The rule set as one file in its one canonical form; loading it gives the same hash.
    #[must_use]
    pub fn canonical(&self) -> String {
        canonical::text(self)
    }

    /// The office's numbering: normalises and compares numbers.
    #[must_use]
    pub const fn numbers(&self) -> &NumberPlan {
        &self.plan
    }

    /// The headers, in lower case, whose value is the same in all dialogs of one conversation and in no other.
    #[must_use]
    pub fn conversation_headers(&self) -> &[String] {
        &self.plan.conversation_headers
    }

    /// The rules by name.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The retention classes by name.
    #[must_use]
    pub fn retention_classes(&self) -> &[RetentionClass] {
        &self.retention
    }

    /// The notices by name.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    fn assemble(
        plan: NumberPlan,
        mut rules: Vec<Rule>,
        (mut retention, mut notices): (Vec<RetentionClass>, Vec<Notice>),
        mut streams: Vec<StreamRule>,
    ) -> Self {
        rules.sort_by(|a, b| a.name.cmp(&b.name));
        retention.sort_by(|a, b| a.name.cmp(&b.name));
        notices.sort_by(|a, b| a.name.cmp(&b.name));
        streams.sort_by(|a, b| a.name.cmp(&b.name));
        let mut set = Self { plan, rules, retention, notices, streams, hash: RuleSetHash::default() };
        set.hash = RuleSetHash(*blake3::hash(set.canonical().as_bytes()).as_bytes());
        set
    }

    /// What came of the files; of use only when there are no problems.
    fn from_document(mut whole: Document, all_read: bool, problems: &mut Problems) -> Self {
        let plan = whole.plan.take().map(|draft| plan_of(draft, problems)).unwrap_or_default();
        let rules = whole.rules.iter().map(|d| (d.rule.name.as_str(), &d.rule.place));
        let streams = whole.streams.iter().map(|d| (d.rule.name.as_str(), &d.rule.place));
        refuse_repeats(rules.chain(streams), "rule", problems);
        let names = |name, place| (name, place);
        refuse_repeats(
            whole.retention.iter().map(|d| names(d.name.as_str(), &d.place)),
            "retention",
            problems,
        );
        refuse_repeats(whole.notices.iter().map(|d| names(d.name.as_str(), &d.place)), "notice", problems);
        if !is_within_limits(&whole, problems) {
            return Self::assemble(plan, Vec::new(), (Vec::new(), Vec::new()), Vec::new());
        }
        if all_read {
            look_up(&whole, problems);
        }
        tie::refuse(&whole.rules, &plan, problems);
        streams::refuse_ties(&whole.streams, problems);
        let rules = whole.rules.into_iter().map(|draft| rule_of(draft, &plan, problems)).collect();
        let values = whole.retention.into_iter().filter_map(|definition| definition.value).collect();
        let notices = whole.notices.into_iter().filter_map(|definition| definition.value).collect();
        let streams = whole.streams.into_iter().map(|draft| draft.rule).collect();
        Self::assemble(plan, rules, (values, notices), streams)
    }
}

fn join(whole: &mut Document, document: Document, problems: &mut Problems) {
    match (&whole.plan, document.plan) {
        (Some(first), Some(second)) => {
            // Which of the two is reported must not depend on the order of the files.
            let (first, second) =
                (first.place.clone().min(second.place.clone()), first.place.clone().max(second.place));
            let what = (ProblemCode::Repeated, "the office's numbering stands in two files");
            problems.add(Problem::at(&second, what, Some(format!("the other is at {first}"))));
        }
        (None, Some(plan)) => whole.plan = Some(plan),
        (Some(_) | None, None) => {}
    }
    whole.rules.extend(document.rules);
    whole.retention.extend(document.retention);
    whole.notices.extend(document.notices);
    whole.streams.extend(document.streams);
}

/// Whether the rest of the work, which compares things with each other, is bounded; complains when it is not.
fn is_within_limits(whole: &Document, problems: &mut Problems) -> bool {
    let extensions = whole.rules.iter().map(|draft| draft.patterns.len()).sum();
    let limits = [
        ("rules", whole.rules.len(), MOST_RULES, whole.rules.iter().map(|d| &d.rule.place).max()),
        (
            "stream rules",
            whole.streams.len(),
            MOST_CLASSES,
            whole.streams.iter().map(|d| &d.rule.place).max(),
        ),
        ("extensions", extensions, MOST_PATTERNS, whole.rules.iter().map(|d| &d.rule.place).max()),
        (
            "retention classes",
            whole.retention.len(),
            MOST_CLASSES,
            whole.retention.iter().map(|d| &d.place).max(),
        ),
        ("notices", whole.notices.len(), MOST_CLASSES, whole.notices.iter().map(|d| &d.place).max()),
    ];
    for (what, count, most, last) in limits {
        if let Some(last) = last.filter(|_| count > most) {
            let hint = Some("write ranges, or fewer of them".to_owned());
            let what = (ProblemCode::TooMuch, format!("{count} {what}, more than {most}"));
            problems.add(Problem::at(last, what, hint));
        }
    }
    limits.iter().all(|(_, count, most, _)| count <= most)
}

fn plan_of(draft: PlanDraft, problems: &mut Problems) -> NumberPlan {
    let PlanDraft { mut plan, internal, representative, place: _ } = draft;
    plan.internal = normalised(internal, &plan, problems);
    plan.representative = normalised(representative, &plan, problems);
    plan
}

fn rule_of(draft: Draft, plan: &NumberPlan, problems: &mut Problems) -> Rule {
    Rule { extensions: normalised(draft.patterns, plan, problems), ..draft.rule }
}

/// In the spelling that is compared, sorted, each once.
fn normalised(patterns: Vec<Placed<Pattern>>, plan: &NumberPlan, problems: &mut Problems) -> Vec<Pattern> {
    let mut good = Vec::with_capacity(patterns.len());
    for Placed { value, place } in patterns {
        match value.normalised(plan) {
            Some(pattern) => good.push(pattern),
            None => problems.add(Problem::at(
                &place,
                (ProblemCode::WrongValue, format!("the ends of `{value}` are numbers of different kinds")),
                Some("write one range for each kind".to_owned()),
            )),
        }
    }
    good.sort();
    good.dedup();
    good
}

/// A name is taken once; each further place is told where the first one is.
fn refuse_repeats<'d>(
    names: impl Iterator<Item = (&'d str, &'d Place)>,
    what_it_is: &str,
    problems: &mut Problems,
) {
    let mut places: HashMap<&str, Vec<&Place>> = HashMap::new();
    for (name, place) in names {
        places.entry(name).or_default().push(place);
    }
    for (name, mut places) in places {
        places.sort();
        if let Some((first, further)) = places.split_first() {
            for place in further {
                let what = (
                    ProblemCode::Repeated,
                    format!("{what_it_is} \"{}\" is here a second time", quoted(name)),
                );
                problems.add(Problem::at(place, what, Some(format!("the first is at {first}"))));
            }
        }
    }
}

/// Every retention class and notice that a rule names must be defined somewhere.
fn look_up(whole: &Document, problems: &mut Problems) {
    let classes: Vec<&str> = whole.retention.iter().map(|class| class.name.as_str()).collect();
    let notices: Vec<&str> = whole.notices.iter().map(|notice| notice.name.as_str()).collect();
    let of_rules = whole.rules.iter().flat_map(|Draft { rule, retention, notice, .. }| {
        [
            ("retention", rule.retention.as_ref().zip(retention.as_ref())),
            ("notice", rule.notice.as_ref().zip(notice.as_ref())),
        ]
    });
    let of_streams = whole.streams.iter().flat_map(|StreamDraft { rule, retention, notice, .. }| {
        [("retention", Some((&rule.retention, retention))), ("notice", Some((&rule.notice, notice)))]
    });
    for (key, named) in of_rules.chain(of_streams) {
        let Some((name, place)) = named else { continue };
        let known = if key == "retention" { &classes } else { &notices };
        if known.contains(&name.as_str()) {
            continue;
        }
        let hint = match spelling::nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("define it: [{key}.{}]", quoted(name)),
        };
        let what = (ProblemCode::Undefined, format!("{key} \"{}\" is not defined", quoted(name)));
        problems.add(Problem::at(place, what, Some(hint)));
    }
}
