//! Whether a call passes the filters, and which calls do.

use earwitness_model::{CallSummary, Decision, Pii};
use earwitness_vault::{Ending, Entry, IndexError, MAX_MATCHES, Search, Vault};

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
            None => Box::new(vault.index().search(&self.search()).filter(passes)),
        }
    }

    /// What the index can tell without opening entries.
    fn search(&self) -> Search {
        let typed = &self.typed;
        let ending = |number: &String| Ending::of(self.plan.normalise(number).expose());
        Search {
            since: self.since,
            until: self.until,
            numbers: typed.number.iter().map(ending).collect(),
            extensions: typed.ext.iter().map(ending).collect(),
            departments: typed.dept.clone(),
            outcomes: typed.outcome.iter().map(|&outcome| outcome.into()).collect(),
            modes: typed.mode.iter().map(|&mode| mode.into()).collect(),
            least_talk: typed.min_duration,
            lost_above: typed.lost_above,
            notices: typed.notice.clone(),
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
            let by_prefix = match vault.index().find_prefix(name) {
                Err(IndexError::BadPrefix) => Vec::new(),
                found => found.ok()?,
            };
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
            && typed.min_duration.is_none_or(|least| summary.talk_nanos() >= least.as_nanos())
            && typed.lost_above.is_none_or(|most| summary.worst_loss().is_some_and(|lost| lost > most))
            && any(&typed.notice, |notice| match &summary.verdict.decision {
                Decision::Admit(keep) => keep.notice == *notice,
                Decision::Refuse(_) => false,
            })
            && any(&typed.call_id, |name| is_named(summary, name))
    }

    fn has_party(&self, summary: &CallSummary, number: &str) -> bool {
        summary.numbers().any(|party| self.plan.same_number(party.expose(), number))
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

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Seoul;
    use clap::Parser;
    use earwitness_model::{Direction, Flag, Mode, Outcome, WallTime};
    use earwitness_rules::NumberPlan;

    use super::*;
    use crate::{
        filter::{
            Filters,
            moment::{Edge, moment},
        },
        view::sample,
    };

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filters: Filters,
    }

    /// The filter of a command line, at the end of the sample's day, without rules.
    fn filter(line: &str) -> Filter {
        let typed = Line::try_parse_from(std::iter::once("list").chain(line.split_whitespace()))
            .map(|line| line.filters);
        let typed = typed.unwrap_or_else(|error| panic!("{line}: {error}"));
        let now = WallTime::from_nanos(sample::after(12 * 3_600_000).nanos());
        let at =
            |text: &Option<String>, edge| text.as_deref().map(|text| moment(text, now, Seoul, edge).unwrap());
        let (since, until) = (at(&typed.since, Edge::Since), at(&typed.until, Edge::Until));
        Filter { typed, since, until, plan: NumberPlan::default() }
    }

    /// Whether the answered sample passes, and whether the refused one does.
    fn check(line: &str, expected: (bool, bool)) {
        let filter = filter(line);
        let found = (filter.matches(&sample::answered()), filter.matches(&sample::refused()));
        assert_eq!(found, expected, "{line:?}");
    }

    #[test]
    fn without_filters_every_call_passes() {
        assert!(filter("").typed.is_empty() && !filter("--ext 4001").typed.is_empty());
        check("", (true, true));
    }

    #[test]
    fn times_are_of_the_calls_beginning() {
        check("--since 2026-11-21T09:00:00+09:00", (true, true));
        check("--since 2026-11-21T09:00:00.5+09:00", (false, true));
        check("--until 2026-11-21T09:00:01+09:00", (true, false));
        check("--since today --until today", (true, true));
        check("--since -11h", (false, false));
        check("--since -13h", (true, true));
        check("--since=-13h --until -12h", (false, false));
        check("--until yesterday", (false, false));
    }

    #[test]
    fn a_number_is_any_party_in_any_spelling() {
        check("--number 0312221111", (true, false));
        check("--number +82-31-222-1111", (true, false));
        check("--number 4001", (true, false));
        check("--number alice", (false, true));
        check("--number alice --number 4001", (true, true));
        check("--number 0312221112", (false, false));
        check("--number -", (false, false));
    }

    #[test]
    fn a_number_is_found_where_only_a_header_names_it() {
        let mut entry = sample::refused();
        let pii = |text: &str| Pii::new(text.to_owned());
        entry.summary.facts.request_user = Some(pii("4100"));
        entry.summary.facts.asserted = vec![pii("+821012345678")];
        entry.summary.facts.diverted_from = vec![pii("4200")];
        entry.summary.verdict.extension = Some(pii("4300"));
        for number in ["4100", "010-1234-5678", "4200", "4300"] {
            assert!(filter(&format!("--number {number}")).matches(&entry), "{number}");
        }
        assert!(!filter("--ext 4100").matches(&entry) && filter("--ext 4300").matches(&entry));
    }

    #[test]
    fn verdict_and_outcome_can_be_asked_for() {
        check("--ext 4001", (true, false));
        check("--ext 4002,4001", (true, false));
        check("--dept welfare", (true, false));
        check("--dept permits", (false, false));
        check("--outcome answered", (true, false));
        check("--outcome busy,no-answer", (false, true));
        check("--mode blanket", (true, false));
        check("--mode selective", (false, false));
        check("--notice ivr-2026", (true, false));
        check("--notice none", (false, false));
        check("--dept welfare --outcome busy", (false, false));
    }

    #[test]
    fn length_is_that_of_the_talk_and_loss_that_of_the_worse_leg() {
        check("--min-duration 1m1s", (true, false));
        check("--min-duration 62", (false, false));
        check("--min-duration 0", (true, true));
        check("--lost-above 0.9", (true, false));
        check("--lost-above 1", (false, false));
        check("--lost-above 0", (true, false));
        let mut summary = sample::answered().summary;
        assert_eq!(summary.worst_loss(), Some(1.0));
        for stream in &mut summary.streams {
            (stream.packets, stream.lost) = (0, 90);
        }
        assert_eq!(summary.worst_loss(), Some(100.0));
        summary.flags.push(Flag::Encrypted);
        assert_eq!(summary.worst_loss(), None, "it came, and was not opened");
        summary.streams.clear();
        assert_eq!(summary.worst_loss(), None);
    }

    #[test]
    fn a_call_is_named_by_its_sip_call_id_or_the_beginning_of_its_id() {
        check("--call-id a84b4c76e66710@pc33", (true, false));
        check("--call-id a84b4c76e66710", (false, false));
        check("--call-id 01m7xpe", (true, true));
        check(&format!("--call-id {}", sample::refused().summary.id), (false, true));
        check("--call-id 민원실", (false, false));
    }

    #[test]
    fn every_value_that_a_call_can_have_can_be_asked_for() {
        let mut entry = sample::answered();
        for outcome in ["answered", "busy", "no_answer", "cancelled", "declined", "failed", "in_progress"] {
            let all = [
                Outcome::Answered,
                Outcome::Busy,
                Outcome::NoAnswer,
                Outcome::Cancelled,
                Outcome::Declined,
                Outcome::Failed,
                Outcome::InProgress,
            ];
            let passing = all.into_iter().filter(|of| {
                entry.summary.outcome = *of;
                filter(&format!("--outcome {outcome}")).matches(&entry)
            });
            assert_eq!(passing.count(), 1, "{outcome}");
        }
        entry.summary.verdict.mode = Some(Mode::Never);
        entry.summary.verdict.direction = Direction::Unknown;
        assert!(filter("--mode never").matches(&entry) && !filter("--mode blanket").matches(&entry));
    }

    #[test]
    fn what_cannot_be_asked_for_is_a_usage_error() {
        for line in ["--outcome lost", "--mode some", "--min-duration soon", "--lost-above 101", "--since"] {
            assert!(
                Line::try_parse_from(std::iter::once("list").chain(line.split_whitespace())).is_err(),
                "{line}"
            );
        }
    }
}
