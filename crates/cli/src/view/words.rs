//! The contract's word for each value.

use earwitness_model::{
    CallKind, Direction, DtmfVia, EndedBy, Evidence, Flag, GapCause, GapEvidence, Leg, Mode, Outcome,
};

pub(crate) const fn leg_word(leg: Leg) -> &'static str {
    match leg {
        Leg::Caller => "caller",
        Leg::Callee => "callee",
    }
}

pub(super) const fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
        Direction::Internal => "internal",
        Direction::Unknown => "unknown",
    }
}

pub(super) const fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Busy => "busy",
        Outcome::NoAnswer => "no_answer",
        Outcome::Cancelled => "cancelled",
        Outcome::Declined => "declined",
        Outcome::Failed => "failed",
        Outcome::InProgress => "in_progress",
    }
}

pub(super) const fn ended_by_word(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Caller => "caller",
        EndedBy::Callee => "callee",
        EndedBy::Timeout => "timeout",
        EndedBy::CaptureEnd => "capture_end",
    }
}

pub(super) const fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Blanket => "blanket",
        Mode::Selective => "selective",
        Mode::Never => "never",
    }
}

pub(super) const fn via_word(via: DtmfVia) -> &'static str {
    match via {
        DtmfVia::Rfc4733 => "rfc4733",
        DtmfVia::Info => "info",
        DtmfVia::Inband => "inband",
    }
}

/// What shows a gap's cause.
pub(super) const fn gap_evidence_word(evidence: GapEvidence) -> &'static str {
    match evidence {
        GapEvidence::Recorder => "recorder",
        GapEvidence::FarEndLost => "far_end_lost",
        GapEvidence::FarEndReceived => "far_end_received",
        GapEvidence::ManyStreams => "many_streams",
        GapEvidence::Contradiction => "contradiction",
    }
}

pub(super) const fn cause_word(cause: GapCause) -> &'static str {
    match cause {
        GapCause::Network => "network",
        GapCause::Mirror => "mirror",
        GapCause::Capture => "capture",
        GapCause::Sender => "sender",
        GapCause::Unknown => "unknown",
    }
}

/// How the audio was protected on the wire: what keeps part of it closed, else what opened it; `None`: not at all, or it was
/// not heard.
pub(super) fn protection_word(flags: &[Flag]) -> Option<&'static str> {
    [Flag::Dtls, Flag::Zrtp, Flag::KeysUnknown, Flag::Sdes]
        .into_iter()
        .find(|flag| flags.contains(flag))
        .map(|flag| if flag == Flag::KeysUnknown { "unknown" } else { flag_word(flag) })
}

pub(super) const fn flag_word(flag: Flag) -> &'static str {
    match flag {
        Flag::OneWay => "one_way",
        Flag::NoBye => "no_bye",
        Flag::MidCall => "mid_call",
        Flag::NoMedia => "no_media",
        Flag::Encrypted => "encrypted",
        Flag::Truncated => "truncated",
        Flag::LatePackets => "late_packets",
        Flag::CaptureLoss => "capture_loss",
        Flag::Interrupted => "interrupted",
        Flag::ClockStepped => "clock_stepped",
        Flag::Resumed => "resumed",
        Flag::Fax => "fax",
        Flag::Video => "video",
        Flag::FalseBye => "false_bye",
        Flag::UnseenAnswer => "unseen_answer",
        Flag::Sdes => "sdes",
        Flag::Dtls => "dtls",
        Flag::Zrtp => "zrtp",
        Flag::KeysUnknown => "keys_unknown",
        Flag::NotAuthentic => "not_authentic",
        Flag::Tls => "tls",
        Flag::NoSignalling => "no_signalling",
        Flag::Imported => "imported",
    }
}

/// Whether there is signalling of it.
pub(super) const fn kind_word(kind: CallKind) -> &'static str {
    match kind {
        CallKind::Call => "call",
        CallKind::Stream => "stream",
    }
}

/// The first dialog of a call needs no evidence.
pub(super) const fn evidence_word(evidence: Option<Evidence>) -> &'static str {
    match evidence {
        None => "first",
        Some(Evidence::SessionId) => "session_id",
        Some(Evidence::Header) => "header",
        Some(Evidence::Media) => "media",
        Some(Evidence::Replaces) => "replaces",
        Some(Evidence::Refer) => "refer",
        Some(Evidence::Payload) => "payload",
    }
}
