//! Whether a call passes the filters, and which calls do.

use earwitness_model::{CallFacts, CallSummary, Decision, Leg, Pii, StreamSummary};
use earwitness_vault::{Entry, IndexError, MAX_MATCHES, Vault};

use super::Filter;

impl Filter {
    /// The calls that pass, oldest first. A damaged row of the index is an error in its place, and the next one follows.
    pub(crate) fn calls<'v>(
        &'v self,
        vault: &'v Vault,
    ) -> Box<dyn Iterator<Item = Result<Entry, IndexError>> + 'v> {
        let passes =
            |entry: &Result<Entry, IndexError>| entry.as_ref().map_or(true, |entry| self.matches(entry));
        match self.few_named(vault) {
            Some(named) => Box::new(named.into_iter().filter(passes)),
            None => Box::new(vault.index().newest_last(self.since, self.until).filter(passes)),
        }
    }

    /// The calls that `--call-id` names, where they are few enough for the index to name them all.
    fn few_named(&self, vault: &Vault) -> Option<Vec<Result<Entry, IndexError>>> {
        if self.typed.call_id.is_empty() {
            return None;
        }
        let mut calls = std::collections::BTreeSet::new();
        for name in &self.typed.call_id {
            // What cannot begin an id of ours may still be a SIP Call-ID.
            let by_prefix = vault.index().find_prefix(name).unwrap_or_default();
            let by_sip = vault.index().by_sip_call_id(name).ok()?;
            if by_prefix.len() >= MAX_MATCHES || by_sip.len() >= MAX_MATCHES {
                return None;
            }
            calls.extend(by_prefix.into_iter().chain(by_sip));
        }
        Some(calls.into_iter().filter_map(|call| vault.index().get(call).transpose()).collect())
    }

    /// Whether this call passes.
    pub(crate) fn matches(&self, entry: &Entry) -> bool {
        let (typed, summary) = (&self.typed, &entry.summary);
        self.since.is_none_or(|since| summary.facts.start >= since)
            && self.until.is_none_or(|until| summary.facts.start < until)
            && any(&typed.number, |number| self.has_party(summary, number))
            && any(&typed.ext, |ext| is(&summary.verdict.extension, |own| self.plan.same_number(own, ext)))
            && any(&typed.dept, |dept| summary.verdict.department.as_ref() == Some(dept))
            && any(&typed.outcome, |outcome| *outcome == summary.outcome.into())
            && any(&typed.mode, |mode| summary.verdict.mode.is_some_and(|of| *mode == of.into()))
            && typed.min_duration.is_none_or(|least| talk_nanos(summary) >= least.as_nanos())
            && typed
                .lost_above
                .is_none_or(|most| worst_loss(&summary.streams).is_some_and(|lost| lost > most))
            && any(&typed.notice, |notice| match &summary.verdict.decision {
                Decision::Admit(keep) => keep.notice == *notice,
                Decision::Refuse(_) => false,
            })
            && any(&typed.call_id, |name| is_named(summary, name))
    }

    fn has_party(&self, summary: &CallSummary, number: &str) -> bool {
        let CallFacts { from, to, request_user, asserted, diverted_from, start: _ } = &summary.facts;
        let users = [&from.user, &to.user, request_user, &summary.verdict.extension];
        let mut parties = users.into_iter().flatten().chain(asserted).chain(diverted_from);
        parties.any(|party| self.plan.same_number(party.expose(), number))
    }
}

/// A filter that was not given holds for all; one that was, for any of its values.
fn any<T>(values: &[T], holds: impl Fn(&T) -> bool) -> bool {
    values.is_empty() || values.iter().any(holds)
}

fn is(value: &Option<Pii<String>>, holds: impl FnOnce(&str) -> bool) -> bool {
    value.as_ref().is_some_and(|value| holds(value.expose()))
}

fn is_named(summary: &CallSummary, name: &str) -> bool {
    let id = summary.id.to_string();
    let begins =
        id.get(..name.len()).is_some_and(|start| !name.is_empty() && start.eq_ignore_ascii_case(name));
    begins || summary.sip_call_ids.iter().any(|sip| sip.expose() == name)
}

/// From answer to end; 0 for a call that was not answered.
fn talk_nanos(summary: &CallSummary) -> u128 {
    let talk = summary.answer.zip(summary.end.as_ref()).map_or(0, |(answer, end)| end.at.since(answer));
    u128::try_from(talk).unwrap_or(0)
}

/// Percent of the packets of the party that lost more: a listener hears parties, not their mean. `None` when no packet
/// was expected.
pub(crate) fn worst_loss(streams: &[StreamSummary]) -> Option<f64> {
    let loss_of = |leg: Leg| {
        let of_leg = || streams.iter().filter(move |stream| stream.of.leg == leg);
        let lost: u64 = of_leg().map(|stream| stream.lost).sum();
        let expected = lost + of_leg().map(|stream| stream.packets).sum::<u64>();
        (expected > 0).then(|| 100.0 * lost as f64 / expected as f64)
    };
    [Leg::Caller, Leg::Callee].into_iter().filter_map(loss_of).max_by(f64::total_cmp)
}
