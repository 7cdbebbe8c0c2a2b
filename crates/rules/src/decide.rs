//! The verdict on a call.

use earwitness_model::{
    CallFacts, Decision, Keep, Mode, PacketTime, Party, Pii, Refusal, RetentionClass, Verdict,
};

use crate::load::RuleSet;
use crate::rule::Rule;
use crate::weigh::Weighing;

impl RuleSet {
    /// What the rules say of a call that begins with these facts.
    #[must_use]
    pub fn decide(&self, facts: &CallFacts) -> Verdict {
        self.verdict(&self.weigh(facts))
    }

    pub(crate) fn verdict(&self, weighing: &Weighing<'_>) -> Verdict {
        let claim = weighing.decides.as_ref();
        let rule = claim.map(|claim| claim.rule);
        let decision = match claim {
            None => Decision::Refuse(Refusal::NoRule),
            Some(claim) => match (claim.rule.mode, claim.covers) {
                (Mode::Never, _) => Decision::Refuse(Refusal::Never),
                (Mode::Selective | Mode::Blanket, Err(refusal)) => Decision::Refuse(refusal),
                (Mode::Selective, Ok(())) => Decision::Refuse(Refusal::SelectiveNotStarted),
                (Mode::Blanket, Ok(())) => self.keep(claim.rule),
            },
        };
        let extension = claim.and_then(|claim| claim.extension.as_ref()).or(weighing.extension.as_ref());
        Verdict {
            decision,
            mode: rule.map(|rule| rule.mode),
            rule: rule.map(|rule| rule.name.clone()),
            direction: weighing.direction,
            extension: extension.map(crate::Number::to_pii),
            department: rule.and_then(|rule| rule.department.clone()),
            rule_set: self.hash(),
        }
    }

    /// Loading made sure that a rule which records names a class and a notice that are there; were it not so, the call
    /// would be refused as one that no rule admits.
    fn keep(&self, rule: &Rule) -> Decision {
        let class = rule.retention.as_ref().and_then(|name| self.retention_class(name));
        match (class, &rule.notice) {
            (Some(class), Some(notice)) => Decision::Admit(Keep {
                retention: class.clone(),
                notice: notice.clone(),
                early_media: rule.early_media,
                inband_digits: rule.inband_digits,
            }),
            (None, _) | (_, None) => Decision::Refuse(Refusal::NoRule),
        }
    }

    /// The retention class of this name.
    #[must_use]
    pub fn retention_class(&self, name: &str) -> Option<&RetentionClass> {
        let at = self.retention.binary_search_by(|class| class.name.as_str().cmp(name)).ok()?;
        self.retention.get(at)
    }
}

/// The facts of a call between two numbers as a person writes them, for `rules explain`.
#[must_use]
pub fn facts_for(from: &str, to: &str) -> CallFacts {
    let party = |user: &str| Party { user: Some(Pii::new(user.to_owned())), ..Party::default() };
    CallFacts {
        start: PacketTime::EPOCH,
        from: party(from),
        to: party(to),
        request_user: None,
        asserted: Vec::new(),
        diverted_from: Vec::new(),
    }
}
