//! The rules that speak of a call, and which of them has the last word.
//!
//! `never` beats selective beats blanket; inside a mode the extension named most closely wins; of two that are equal in
//! this the one that covers the call's direction. A rule that names the extension most closely decides even when it
//! excludes the call: a wider rule behind it is not asked, so that nothing is recorded that a closer rule keeps out.
//! Each party of an internal call has its own governing rule; either may admit the call, and `never` on any of our
//! extensions, in whatever header it stands, refuses it.

use std::cmp::Reverse;

use earwitness_model::{CallFacts, Direction, Mode, Refusal};

use crate::load::RuleSet;
use crate::number::Number;
use crate::pattern::{Pattern, Specificity};
use crate::rule::{Covers, InternalCalls, Rule};

/// The part an extension has in a call. The caller's rule goes before the callee's where nothing else decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Caller,
    Callee,
    /// Nobody in the call is ours: only `*` can speak of it.
    Neither,
}

/// A rule with a claim to the call.
#[derive(Debug, Clone)]
pub(crate) struct Claim<'r> {
    pub(crate) rule: &'r Rule,
    pub(crate) pattern: &'r Pattern,
    pub(crate) role: Role,
    pub(crate) extension: Option<Number>,
    /// `Err` when the rule names the extension but keeps out this call.
    pub(crate) covers: Result<(), Refusal>,
}

/// What the rules make of a call.
pub(crate) struct Weighing<'r> {
    pub(crate) direction: Direction,
    /// Our extension as far as the numbers tell, whatever the rules say.
    pub(crate) extension: Option<Number>,
    /// The claim that decides; `None` when no rule speaks of the call.
    pub(crate) decides: Option<Claim<'r>>,
    /// Every claim, the one that decides among them, strongest first.
    pub(crate) claims: Vec<Claim<'r>>,
}

/// Our numbers in a call, the most telling one of each party first.
struct Parties {
    direction: Direction,
    caller: Vec<Number>,
    callee: Vec<Number>,
    /// In whatever header they stand.
    anywhere: Vec<Number>,
}

impl Claim<'_> {
    pub(crate) const fn specificity(&self) -> Specificity {
        self.pattern.specificity()
    }

    /// Strongest first; names make the order total. Rules that agree may differ in name alone.
    fn strength(&self) -> (u8, Reverse<Specificity>, bool, Role, &str) {
        let Self { rule, covers, role, .. } = self;
        (rank(rule.mode), Reverse(self.specificity()), covers.is_err(), *role, rule.name.as_str())
    }
}

/// The lower one wins.
pub(crate) const fn rank(mode: Mode) -> u8 {
    match mode {
        Mode::Never => 0,
        Mode::Selective => 1,
        Mode::Blanket => 2,
    }
}

impl RuleSet {
    pub(crate) fn weigh(&self, facts: &CallFacts) -> Weighing<'_> {
        let parties = self.parties(facts);
        let mut claims = self.never_claims(&parties);
        let mut governing: Vec<Claim<'_>> = Vec::new();
        let sides = match parties.direction {
            Direction::Inbound => vec![(Role::Callee, &parties.callee)],
            Direction::Outbound => vec![(Role::Caller, &parties.caller)],
            Direction::Internal => vec![(Role::Caller, &parties.caller), (Role::Callee, &parties.callee)],
            Direction::Unknown => vec![(Role::Neither, &parties.callee)],
        };
        for (role, numbers) in sides {
            let mut side = self.claims_of_side(role, numbers, parties.direction);
            side.sort_by(|a, b| a.strength().cmp(&b.strength()));
            governing.extend(side.first().cloned());
            claims.extend(side);
        }
        claims.sort_by(|a, b| a.strength().cmp(&b.strength()));
        let never = claims.first().filter(|claim| claim.rule.mode == Mode::Never).cloned();
        let decides = never.or_else(|| {
            governing.into_iter().min_by(|a, b| {
                let order = |claim: &Claim<'_>| claim.covers.is_err();
                order(a).cmp(&order(b)).then_with(|| a.strength().cmp(&b.strength()))
            })
        });
        let extension = match parties.direction {
            Direction::Inbound => parties.callee.first(),
            Direction::Outbound | Direction::Internal => parties.caller.first(),
            Direction::Unknown => None,
        };
        Weighing { direction: parties.direction, extension: extension.cloned(), decides, claims }
    }

    /// `never` rules that name any of our extensions in the call, or every call.
    fn never_claims(&self, parties: &Parties) -> Vec<Claim<'_>> {
        let never = self.rules.iter().filter(|rule| rule.mode == Mode::Never);
        never.filter_map(|rule| never_claim(rule, parties)).collect()
    }

    /// Rules other than `never` that name the first of `numbers` which any rule names closely, and those of `*`.
    fn claims_of_side(&self, role: Role, numbers: &[Number], direction: Direction) -> Vec<Claim<'_>> {
        let rules = || self.rules.iter().filter(|rule| rule.mode != Mode::Never);
        let close = numbers.iter().find_map(|number| {
            let named: Vec<_> = rules().filter_map(|rule| Some((rule, closest(rule, number)?))).collect();
            (!named.is_empty()).then_some(named)
        });
        let every = rules().filter_map(|rule| Some((rule, star(rule)?)));
        let mut found = close.unwrap_or_default();
        for (rule, pattern) in every {
            if !found.iter().any(|(other, _)| std::ptr::eq(*other, rule)) {
                found.push((rule, pattern));
            }
        }
        let extension = numbers.first();
        let claim = |(rule, pattern)| Claim {
            rule,
            pattern,
            role,
            extension: extension.cloned(),
            covers: covers(rule, role, direction),
        };
        found.into_iter().map(claim).collect()
    }

    fn parties(&self, facts: &CallFacts) -> Parties {
        let number = |user: &earwitness_model::Pii<String>| self.plan.normalise(user.expose());
        let numbers = |users: &[earwitness_model::Pii<String>]| users.iter().map(number).collect::<Vec<_>>();
        let from: Vec<Number> = facts.from.user.iter().map(number).collect();
        let to: Vec<Number> = facts.to.user.iter().map(number).collect();
        let request: Vec<Number> = facts.request_user.iter().map(number).collect();
        let (asserted, diverted) = (numbers(&facts.asserted), numbers(&facts.diverted_from));
        let caller = self.ours(from.iter().chain(&asserted));
        let mut callee = self.ours(request.iter().chain(&to));
        if caller.is_empty() && callee.is_empty() {
            // A call from outside that our extension sent on to a number outside: it came in to the extension.
            callee = self.ours(diverted.iter());
        }
        let direction = match (caller.is_empty(), callee.is_empty()) {
            (false, false) => Direction::Internal,
            (false, true) => Direction::Outbound,
            (true, false) => Direction::Inbound,
            (true, true) => Direction::Unknown,
        };
        let anywhere = [from, asserted, request, to, diverted].concat();
        Parties { direction, caller, callee, anywhere }
    }

    /// A number that the office is known by, and that is no extension: that neither `internal` nor a rule names.
    pub(crate) fn is_only_representative(&self, number: &Number) -> bool {
        let covers = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.covers(number));
        covers(&self.plan.representative)
            && !covers(&self.plan.internal)
            && !self.rules.iter().any(|rule| closest(rule, number).is_some())
    }

    /// Our numbers among these, extensions before representative numbers, otherwise in their order, each once.
    fn ours<'n>(&self, numbers: impl Iterator<Item = &'n Number> + Clone) -> Vec<Number> {
        let covers = |patterns: &[Pattern], number: &Number| patterns.iter().any(|p| p.covers(number));
        let extensions = numbers.clone().filter(|number| {
            covers(&self.plan.internal, number)
                || self.rules.iter().any(|rule| closest(rule, number).is_some())
        });
        let representative = numbers.clone().filter(|number| covers(&self.plan.representative, number));
        let mut ours: Vec<Number> = Vec::new();
        for number in extensions.chain(representative) {
            if !ours.contains(number) {
                ours.push(number.clone());
            }
        }
        ours
    }
}

fn never_claim<'r>(rule: &'r Rule, parties: &Parties) -> Option<Claim<'r>> {
    let named = parties
        .anywhere
        .iter()
        .filter_map(|number| Some((closest(rule, number)?, Some(number.clone()))))
        .max_by_key(|(pattern, _)| pattern.specificity());
    let (pattern, extension) = match named {
        Some(named) => named,
        None => (star(rule)?, parties.caller.first().or_else(|| parties.callee.first()).cloned()),
    };
    let role = match &extension {
        Some(number) if parties.caller.contains(number) => Role::Caller,
        Some(_) => Role::Callee,
        None => Role::Neither,
    };
    Some(Claim { rule, pattern, role, extension, covers: Ok(()) })
}

/// The closest pattern of `rule` that names `number`; `*` names nobody.
fn closest<'r>(rule: &'r Rule, number: &Number) -> Option<&'r Pattern> {
    let named = rule.extensions.iter().filter(|p| **p != Pattern::Any && p.covers(number));
    named.max_by_key(|pattern| pattern.specificity())
}

fn star(rule: &Rule) -> Option<&Pattern> {
    rule.extensions.iter().find(|pattern| **pattern == Pattern::Any)
}

/// Whether the rule, which names the extension, also covers this call of it.
fn covers(rule: &Rule, role: Role, direction: Direction) -> Result<(), Refusal> {
    if direction == Direction::Internal && rule.internal == InternalCalls::Exclude {
        return Err(Refusal::InternalCall);
    }
    match (rule.direction, role) {
        (Covers::Both, _) | (Covers::Outbound, Role::Caller) | (Covers::Inbound, Role::Callee) => Ok(()),
        (Covers::Outbound | Covers::Inbound, _) => Err(Refusal::Direction),
    }
}
