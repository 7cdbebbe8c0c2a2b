//! One call as a row of columns.

use chrono_tz::Tz;
use earwitness_model::{Direction, EndedBy};
use earwitness_vault::Entry;

use super::{
    instant::{length, seconds_between, to_the_minute, to_the_second},
    is_recorded,
    party::{ABSENT, number},
    printable, reason,
    reason::why_not,
    shown,
    words::{direction_word, mode_word, outcome_word},
};

/// The columns of [`Row::fields`], as a CSV heads them.
pub(crate) const COLUMNS: [&str; 14] = [
    "id",
    "start",
    "direction",
    "from",
    "to",
    "extension",
    "department",
    "outcome",
    "ring_s",
    "talk_s",
    "lost_percent",
    "mode",
    "recorded",
    "reason",
];

/// Stands before the outcome of what goes on from an earlier part, and behind that of what a restart cut off.
const SIGN: &str = "…";
/// Stands behind the outcome of a call that is one conversation with another.
const RELATED: &str = "+";

/// Whether the recorder was stopped, or the capture ended, before the call did.
pub(crate) fn is_cut(entry: &Entry) -> bool {
    entry.summary.end.as_ref().is_some_and(|end| end.by == Some(EndedBy::CaptureEnd))
}

/// One call of a list.
pub(crate) struct Row<'e> {
    entry: &'e Entry,
    zone: Tz,
}

impl<'e> Row<'e> {
    pub(crate) const fn new(entry: &'e Entry, zone: Tz) -> Self {
        Self { entry, zone }
    }

    /// The fields of [`COLUMNS`], unknown ones empty.
    pub(crate) fn fields(&self) -> [String; 14] {
        let (summary, verdict) = (&self.entry.summary, &self.entry.summary.verdict);
        let start = summary.facts.start;
        let seconds =
            |seconds: Option<f64>| seconds.map(|seconds| format!("{seconds:.3}")).unwrap_or_default();
        let known = |text: String| if text == ABSENT { String::new() } else { text };
        [
            summary.id.to_string(),
            to_the_second(start, self.zone),
            direction_word(verdict.direction).to_owned(),
            known(number(&summary.facts.from)),
            known(number(&summary.facts.to)),
            shown(&verdict.extension),
            verdict.department.as_deref().map(printable).unwrap_or_default().into_owned(),
            outcome_word(summary.outcome).to_owned(),
            seconds(summary.answer.or_else(|| self.end()).map(|until| seconds_between(start, until))),
            seconds(self.talk()),
            summary.worst_loss().map(|lost| format!("{lost:.2}")).unwrap_or_default(),
            verdict.mode.map(mode_word).unwrap_or_default().to_owned(),
            if is_recorded(self.entry) { "yes" } else { "no" }.to_owned(),
            reason(self.entry),
        ]
    }

    /// The same for a pipe: separated by tabs, unknown fields a dash, so that every column is where it is.
    pub(crate) fn line(&self) -> String {
        let fields = self.fields().map(|field| if field.is_empty() { ABSENT.to_owned() } else { field });
        fields.join("\t")
    }

    /// The cells of a table for people.
    pub(super) fn cells(&self) -> [String; 9] {
        let (summary, verdict) = (&self.entry.summary, &self.entry.summary.verdict);
        let arrow = match verdict.direction {
            Direction::Inbound => "in",
            Direction::Outbound => "out",
            Direction::Internal => "int",
            Direction::Unknown => "?",
        };
        let desk = [shown(&verdict.extension), verdict.department.clone().unwrap_or_default()];
        let desk: Vec<_> = desk.iter().filter(|part| !part.is_empty()).map(|part| printable(part)).collect();
        [
            to_the_minute(summary.facts.start, self.zone),
            arrow.to_owned(),
            format!("{} → {}", number(&summary.facts.from), number(&summary.facts.to)),
            desk.join(" "),
            self.with_signs(&outcome_word(summary.outcome).replace('_', " "))
                + if is_cut(self.entry) { "*" } else { "" },
            self.talk().map(length).unwrap_or_default(),
            summary.worst_loss().map(|lost| format!("{lost:.1}%")).unwrap_or_default(),
            if is_recorded(self.entry) {
                verdict.mode.map(mode_word).unwrap_or_default().to_owned()
            } else {
                format!("no: {}", why_not(self.entry))
            },
            summary.id.to_string(),
        ]
    }

    /// The outcome of a call of which this is a part, with a sign on the side where the other part is.
    fn with_signs(&self, outcome: &str) -> String {
        let (before, after) = self
            .entry
            .recording
            .as_ref()
            .map_or((false, false), |recording| (recording.continues.is_some(), recording.interrupted));
        let related = if self.is_related() { RELATED } else { "" };
        format!("{}{outcome}{}{related}", if before { SIGN } else { "" }, if after { SIGN } else { "" })
    }

    /// Whether it is one conversation with another call: a transfer, or the other side of an exchange.
    pub(super) fn is_related(&self) -> bool {
        !self.entry.summary.related.is_empty()
    }

    /// Whether its outcome has the sign of a part.
    pub(super) fn is_part(&self) -> bool {
        let recording = self.entry.recording.as_ref();
        recording.is_some_and(|recording| recording.continues.is_some() || recording.interrupted)
    }

    fn end(&self) -> Option<earwitness_model::PacketTime> {
        self.entry.summary.end.as_ref().map(|end| end.at)
    }

    fn talk(&self) -> Option<f64> {
        self.entry.summary.answer.zip(self.end()).map(|(answer, end)| seconds_between(answer, end))
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Seoul;

    use super::*;
    use crate::view::sample;

    #[test]
    fn a_call_that_was_cut_is_marked_for_people_and_a_whole_one_is_not() {
        let mut entry = sample::answered();
        assert_eq!(Row::new(&entry, Seoul).cells()[4], "answered");
        entry.summary.end.as_mut().unwrap().by = Some(EndedBy::CaptureEnd);
        assert_eq!(Row::new(&entry, Seoul).cells()[4], "answered*");
        assert!(Row::new(&entry, Seoul).line().contains("\tanswered\t"));
    }

    #[test]
    fn a_line_for_a_pipe_has_every_column_and_no_empty_one() {
        let entry = sample::answered();
        let line = Row::new(&entry, Seoul).line();
        assert_eq!(
            line.split('\t').collect::<Vec<_>>(),
            [
                &*entry.summary.id.to_string(),
                "2026-11-21T09:00:00+09:00",
                "inbound",
                "0312221111",
                "4001",
                "4001",
                "welfare",
                "answered",
                "3.200",
                "61.040",
                "1.00",
                "blanket",
                "yes",
                "welfare-desk",
            ]
        );
        let refused = sample::refused();
        let line = Row::new(&refused, Seoul).line();
        assert_eq!(line.split('\t').count(), COLUMNS.len());
        assert!(line.ends_with("\tbusy\t0.060\t-\t-\t-\tno\tno rule names this extension"), "{line}");
    }
}
