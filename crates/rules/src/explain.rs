//! Why a call is kept or not: the rule that decides, and every rule it beat.

use std::fmt;

use earwitness_model::{CallFacts, Decision, Direction, Mode, Refusal, RetentionClass, Verdict};

use crate::load::RuleSet;
use crate::period;
use crate::problem::Place;
use crate::rule::mode_word;
use crate::weigh::{Claim, rank};

/// Why a rule that names an extension of the call does not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostBy {
    /// The deciding rule's mode goes before this one's.
    Mode(Mode),
    /// The deciding rule names the extension more closely.
    Extension,
    /// It keeps out this call, and the deciding rule does not.
    Exclusion(Refusal),
    /// It is the other party's rule.
    OtherParty,
    /// It says the same; the first by name is named.
    Agrees,
}

/// A rule that names an extension of the call and does not decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beaten {
    /// Its name.
    pub rule: String,
    /// Where it stands.
    pub place: Place,
    /// Its mode.
    pub mode: Mode,
    /// The entry of its `extensions` that names the extension.
    pub pattern: String,
    /// Why it lost.
    pub by: LostBy,
}

/// The deciding rule and those it beat. `Display` is for a terminal and shows the numbers: it is for whoever typed them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What the rules say of the call.
    pub verdict: Verdict,
    /// Where the deciding rule stands.
    pub place: Option<Place>,
    /// The entry of its `extensions` that names the extension.
    pub pattern: Option<String>,
    /// Strongest first.
    pub beaten: Vec<Beaten>,
    /// How many rules name other extensions only.
    pub others: usize,
    /// What would decide and is not among the facts.
    pub unknown: Option<Unknown>,
}

/// What the facts of a call do not say, and a verdict may hang on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// The called number is one that the office is known by (`representative`): where it rings is not told.
    RingsAt,
}

impl RuleSet {
    /// The rule that decides on a call with these facts, and those it beat.
    #[must_use]
    pub fn explain(&self, facts: &CallFacts) -> Explanation {
        let weighing = self.weigh(facts);
        let decides = weighing.decides.as_ref();
        let rings_at_it = weighing.direction == Direction::Inbound
            && weighing.extension.as_ref().is_some_and(|number| self.is_only_representative(number));
        let mut beaten: Vec<Beaten> = Vec::new();
        for claim in &weighing.claims {
            let Some(winner) = decides.filter(|winner| winner.rule.name != claim.rule.name) else { continue };
            if !beaten.iter().any(|other| other.rule == claim.rule.name) {
                beaten.push(Beaten {
                    rule: claim.rule.name.clone(),
                    place: claim.rule.place.clone(),
                    mode: claim.rule.mode,
                    pattern: claim.pattern.to_string(),
                    by: lost_by(claim, winner),
                });
            }
        }
        Explanation {
            verdict: self.verdict(&weighing),
            place: decides.map(|claim| claim.rule.place.clone()),
            pattern: decides.map(|claim| claim.pattern.to_string()),
            others: self.rules.len() - beaten.len() - usize::from(decides.is_some()),
            beaten,
            unknown: rings_at_it.then_some(Unknown::RingsAt),
        }
    }
}

fn lost_by(claim: &Claim<'_>, winner: &Claim<'_>) -> LostBy {
    match claim.covers {
        _ if rank(winner.rule.mode) < rank(claim.rule.mode) => LostBy::Mode(winner.rule.mode),
        Err(refusal) if winner.covers.is_ok() => LostBy::Exclusion(refusal),
        _ if winner.specificity() > claim.specificity() => LostBy::Extension,
        _ if winner.role != claim.role => LostBy::OtherParty,
        _ => LostBy::Agrees,
    }
}

impl fmt::Display for LostBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode(mode) => write!(f, "{} goes before it", mode_word(*mode)),
            Self::Extension => f.write_str("names the extension less closely"),
            Self::Exclusion(refusal) => refusal.fmt(f),
            Self::OtherParty => f.write_str("the other party's rule goes before it"),
            Self::Agrees => f.write_str("says the same; the first by name is named"),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = &self.verdict;
        let way = match verdict.direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
            Direction::Internal => "internal",
            Direction::Unknown => "neither party is ours",
        };
        write!(f, "{way}")?;
        if let Some(extension) = &verdict.extension {
            write!(f, ", extension {}", extension.expose())?;
        }
        match &verdict.decision {
            Decision::Admit(_) => f.write_str("\nrecorded")?,
            Decision::Refuse(refusal) => write!(f, "\nnot recorded: {refusal}")?,
        }
        if let (Some(rule), Some(place), Some(pattern), Some(mode)) =
            (&verdict.rule, &self.place, &self.pattern, verdict.mode)
        {
            write!(f, "\n  by \"{rule}\" ({place}), {} {pattern}", mode_word(mode))?;
        }
        if let Some(department) = &verdict.department {
            write!(f, ", department {department}")?;
        }
        if let Decision::Admit(keep) = &verdict.decision {
            let RetentionClass { name, keep: period } = &keep.retention;
            write!(f, "\n  kept {} ({name}), notice {}", period::text(*period), keep.notice)?;
        }
        for beaten in &self.beaten {
            let Beaten { rule, place, mode, pattern, by } = beaten;
            write!(f, "\n  beats \"{rule}\" ({place}), {} {pattern}: {by}", mode_word(*mode))?;
        }
        match self.others {
            0 => {}
            1 => f.write_str("\n  1 rule names other extensions")?,
            n => write!(f, "\n  {n} rules name other extensions")?,
        }
        match self.unknown {
            None => Ok(()),
            Some(Unknown::RingsAt) => f.write_str(
                "\n  the called number is a representative one: the extension it rings at decides; give that as --to",
            ),
        }
    }
}
