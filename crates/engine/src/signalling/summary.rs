//! What is told of a call when it is let go.

use earwitness_model::{CallEnd, CallSummary, EndedBy, Flag, Outcome, PacketTime, Pii};

use super::call::{Call, State};
use crate::{order::MediaSummary, presses};

impl Call {
    /// How the attempt came out, as far as it is known.
    fn outcome(&self) -> Outcome {
        if self.answer.is_some() {
            return Outcome::Answered;
        }
        match (&self.state, self.status) {
            (State::Attempt | State::Answered, _) => Outcome::InProgress,
            (State::Over(end), _) if end.by == Some(EndedBy::CaptureEnd) => Outcome::InProgress,
            (State::Over(_), _) if self.cancelled => Outcome::Cancelled,
            (State::Over(_), Some(487)) => Outcome::Cancelled,
            (State::Over(_), Some(486 | 600)) => Outcome::Busy,
            (State::Over(_), Some(408 | 480) | None) => Outcome::NoAnswer,
            (State::Over(_), Some(403 | 603)) => Outcome::Declined,
            (State::Over(_), Some(_)) => Outcome::Failed,
        }
    }

    /// Everything that is known, now that the media is counted.
    pub(super) fn summary(self, media: MediaSummary) -> CallSummary {
        let (outcome, base) = (self.outcome(), self.base);
        let told = |at: PacketTime| at.plus_nanos(base);
        let end = match self.state {
            State::Over(end) => Some(CallEnd { at: told(end.at), ..end }),
            State::Attempt | State::Answered => None,
        };
        let is_stream = self.beginning.is_stream();
        let no_bye = self.answer.is_some()
            && !is_stream
            && end.as_ref().is_none_or(|end| matches!(end.by, Some(EndedBy::Timeout | EndedBy::CaptureEnd)));
        let mut flags = media.flags;
        flags.extend(media.heard.flag());
        flags.extend(self.beginning.flags());
        flags.extend(no_bye.then_some(Flag::NoBye));
        // Media that was heard says better what could be opened.
        if media.streams.is_empty() {
            flags.extend(self.closed.flags());
        }
        let found = [
            (self.clock_stepped, Flag::ClockStepped),
            (self.false_bye, Flag::FalseBye),
            (self.unseen_answer, Flag::UnseenAnswer),
            (self.in_tls, Flag::Tls),
        ];
        flags.extend(self.beside.flags());
        flags.extend(found.into_iter().filter_map(|(is_so, flag)| is_so.then_some(flag)));
        flags.sort_unstable();
        flags.dedup();
        let mut presses = media.presses;
        presses.extend(self.info_keys.into_listed());
        // What stands for a Call-ID of a stream is nobody's.
        let names = self.names.iter().filter(|_| !is_stream);
        CallSummary {
            id: self.id,
            sip_call_ids: names.map(|name| Pii::new(super::facts::text(&name.sip_call_id))).collect(),
            facts: self.facts,
            verdict: self.verdict,
            answer: self.answer.filter(|_| self.beginning.saw_answer()).map(told),
            end,
            outcome,
            sip_status: self.status,
            tracks: media.tracks,
            streams: media.streams,
            dtmf: presses::united(presses),
            gaps: media.gaps,
            flags,
            messages: self.messages,
            joined: self.names.iter().filter_map(|name| name.by).collect(),
            joined_parties: self.names.joined().iter().map(|name| name.parties.clone()).collect(),
            related: self.related,
            tunnel: self.tunnel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signalling::call::tests::attempt;

    #[test]
    fn an_answer_outweighs_every_end_and_a_cancel_every_status() {
        let at = PacketTime::EPOCH;
        let ended = |answered: bool, cancelled: bool, status: Option<u16>| {
            let mut call = attempt();
            (call.answer, call.cancelled, call.status) = (answered.then_some(at), cancelled, status);
            call.end(at, None, None);
            call.outcome()
        };
        assert_eq!(ended(true, true, Some(200)), Outcome::Answered);
        assert_eq!(ended(false, true, Some(486)), Outcome::Cancelled);
        assert_eq!(ended(false, false, None), Outcome::NoAnswer);
        assert_eq!(ended(false, false, Some(404)), Outcome::Failed);
        assert_eq!(attempt().outcome(), Outcome::InProgress);
    }
}
