//! Ties: two rules with equal claim to a call that would treat it differently. Which of them wins must not depend on
//! the order of files, so neither does, and the set is refused.

use std::collections::HashSet;

use earwitness_model::Mode;

use crate::draft::Draft;
use crate::number::NumberPlan;
use crate::pattern::Pattern;
use crate::problem::{Place, Problem, ProblemCode, Problems};
use crate::rule::Rule;

/// One entry of one rule's `extensions`, in compared spelling.
struct Claim<'d> {
    /// Which of the rules: a name or a place may be given twice, which is another mistake.
    at: usize,
    rule: &'d Rule,
    pattern: Pattern,
    place: &'d Place,
}

/// Reports every pair of rules that tie, once per pair, at the later place, naming the other.
pub(crate) fn refuse(drafts: &[Draft], plan: &NumberPlan, problems: &mut Problems) {
    let mut claims: Vec<Claim<'_>> = drafts
        .iter()
        .enumerate()
        .filter(|(_, draft)| draft.rule.mode != Mode::Never)
        .flat_map(|(at, draft)| draft.patterns.iter().map(move |pattern| (at, &draft.rule, pattern)))
        .filter_map(|(at, rule, pattern)| {
            Some(Claim { at, rule, pattern: pattern.value.normalised(plan)?, place: &pattern.place })
        })
        .collect();
    claims.sort_by_key(|claim| sort_key(claim));
    let mut reported: HashSet<(usize, usize)> = HashSet::new();
    for (at, claim) in claims.iter().enumerate() {
        let rivals = claims.iter().skip(at + 1).take_while(|rival| may_overlap(claim, rival));
        for rival in rivals.filter(|rival| tie(claim, rival)) {
            let (first, second) = match claim.place <= rival.place {
                true => (claim, rival),
                false => (rival, claim),
            };
            if reported.insert((claim.at.min(rival.at), claim.at.max(rival.at))) {
                report(first, second, problems);
            }
        }
    }
}

fn report(first: &Claim<'_>, second: &Claim<'_>, problems: &mut Problems) {
    let what = format!(
        "rules \"{}\" and \"{}\" have equal claim to `{}` and disagree",
        second.rule.name, first.rule.name, second.pattern
    );
    let hint = format!(
        "the other is `{}` at {}; make one extension narrower, or the rules agree",
        first.pattern, first.place
    );
    problems.add(Problem::at(second.place, (ProblemCode::Conflict, what), Some(hint)));
}

/// Claims of one mode and width, by first number: those that overlap are neighbours.
fn sort_key(claim: &Claim<'_>) -> (u8, u64, (usize, u64), String) {
    let mode = match claim.rule.mode {
        Mode::Blanket => 0,
        Mode::Selective => 1,
        Mode::Never => 2,
    };
    let (start, text) = match &claim.pattern {
        Pattern::Any => ((0, 0), String::new()),
        Pattern::Range(range) => (range.start(), String::new()),
        Pattern::One(number) => ((0, 0), number.clone()),
    };
    (mode, claim.pattern.specificity().width(), start, text)
}

fn may_overlap(a: &Claim<'_>, b: &Claim<'_>) -> bool {
    a.rule.mode == b.rule.mode
        && match (&a.pattern, &b.pattern) {
            (Pattern::Any, Pattern::Any) => true,
            (Pattern::One(a), Pattern::One(b)) => a == b,
            (Pattern::Range(a), Pattern::Range(b)) => a.width() == b.width() && a.overlaps(*b),
            (Pattern::Any | Pattern::One(_) | Pattern::Range(_), _) => false,
        }
}

fn tie(a: &Claim<'_>, b: &Claim<'_>) -> bool {
    a.at != b.at && a.rule.direction.overlaps(b.rule.direction) && !agree(a.rule, b.rule)
}

/// Whether a call is treated alike by both: everything but the name, the place and the list of extensions.
fn agree(a: &Rule, b: &Rule) -> bool {
    (a.direction, a.internal, a.early_media, a.inband_digits)
        == (b.direction, b.internal, b.early_media, b.inband_digits)
        && (&a.start, &a.pause) == (&b.start, &b.pause)
        && (&a.department, &a.retention, &a.notice) == (&b.department, &b.retention, &b.notice)
}
