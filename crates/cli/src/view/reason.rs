//! Why a call is recorded, or why not.

use earwitness_model::{CallSummary, Decision, Flag, PayloadKind, Refusal};
use earwitness_vault::Entry;

/// Some audio packet was kept.
pub(crate) fn is_recorded(entry: &Entry) -> bool {
    entry.recording.as_ref().is_some_and(|recording| !recording.payload_hashes.is_empty())
}

/// The name of the rule that recorded the call, or why there is no audio of it.
pub(crate) fn reason(entry: &Entry) -> String {
    let summary = &entry.summary;
    match &summary.verdict.decision {
        Decision::Refuse(refusal) => refusal.to_string(),
        Decision::Admit(_) if is_recorded(entry) => {
            summary.verdict.rule.clone().unwrap_or_else(|| "admitted".to_owned())
        }
        Decision::Admit(_) => without_audio(summary).to_owned(),
    }
}

/// Why there is no audio of the call, in a word or two for a table.
pub(super) fn why_not(entry: &Entry) -> &'static str {
    let summary = &entry.summary;
    match &summary.verdict.decision {
        Decision::Refuse(Refusal::NoRule) => "no rule",
        Decision::Refuse(Refusal::Never) => "never",
        Decision::Refuse(Refusal::InternalCall) => "internal",
        Decision::Refuse(Refusal::Direction) => "direction",
        Decision::Refuse(Refusal::SelectiveNotStarted) => "selective",
        Decision::Admit(_) if summary.answer.is_none() && summary.streams.is_empty() => "no answer",
        Decision::Admit(_) => "no audio",
    }
}

fn without_audio(summary: &CallSummary) -> &'static str {
    let is_unknown = |kind| match kind {
        Some(PayloadKind::Audio | PayloadKind::TelephoneEvent | PayloadKind::ComfortNoise) => false,
        Some(PayloadKind::Unknown) | None => true,
    };
    if summary.flags.contains(&Flag::CaptureLoss) {
        "the recorder had no room for it"
    } else if summary.answer.is_none() {
        "not answered"
    } else if summary.streams.is_empty() {
        "no media seen"
    } else if summary.streams.iter().all(|stream| is_unknown(stream.codec.as_ref().map(|codec| codec.kind())))
    {
        "no payload type of its media is named by an SDP"
    } else {
        "no audio seen while it was to be kept"
    }
}
