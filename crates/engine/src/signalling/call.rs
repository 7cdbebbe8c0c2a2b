//! One call as its signalling tells it (RFC 3261): an attempt, an answer, an end.

use earwitness_model::{
    CallEnd, CallFacts, CallId, Decision, EarlyMedia, EndedBy, Flag, Flow, Leg, Mode, PacketTime, Refusal,
    Related, Tunnel, Verdict,
};

use super::{
    acknowledged::Invited,
    beside::Beside,
    farewell::{Farewell, Later},
    hold::Hold,
    info::InfoKeys,
    keys::Closed,
    kin::Traces,
    ladder::Ladder,
    names::{Name, Names},
    resume::Announced,
};
use crate::{order::Keeping, output::Opened, timer::Timer};

/// Where the call stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// An INVITE was seen, or only its answers.
    Attempt,
    /// A 2xx to an INVITE was seen.
    Answered,
    /// It is over; stragglers are still taken.
    Over(CallEnd),
}

/// How the call became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// By its first INVITE.
    Invite,
    /// By a later message of its dialog: it was up when the capture began.
    MidDialog,
    /// By responses only: the requests do not cross the mirror. It counts as a call once its media is seen.
    Response,
    /// It ran when another engine stopped, which saw it answered.
    Resumed,
    /// It ran when another engine stopped, which saw it in mid-dialog.
    MidDialogResumed,
    /// By its audio: nobody signalled it where that could be read.
    Stream,
    /// So, and it ran when another engine stopped.
    StreamResumed,
}

impl Beginning {
    /// Whether the answer was seen.
    pub(super) const fn saw_answer(self) -> bool {
        match self {
            Self::Invite | Self::Response | Self::Resumed | Self::Stream | Self::StreamResumed => true,
            Self::MidDialog | Self::MidDialogResumed => false,
        }
    }

    /// Whether there are no messages of it.
    pub(super) const fn is_stream(self) -> bool {
        match self {
            Self::Stream | Self::StreamResumed => true,
            Self::Invite | Self::MidDialog | Self::Response | Self::Resumed | Self::MidDialogResumed => false,
        }
    }

    /// What is to be said of it.
    pub(super) const fn flags(self) -> &'static [Flag] {
        match self {
            Self::Invite => &[],
            Self::MidDialog | Self::Response => &[Flag::MidCall],
            Self::Resumed => &[Flag::Resumed],
            Self::MidDialogResumed => &[Flag::MidCall, Flag::Resumed],
            Self::Stream => &[Flag::NoSignalling],
            Self::StreamResumed => &[Flag::NoSignalling, Flag::Resumed],
        }
    }
}

/// What is known of a call when it enters the table.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) id: CallId,
    pub(super) base: i64,
    pub(super) name: Name,
    pub(super) facts: CallFacts,
    pub(super) verdict: Verdict,
    pub(super) beginning: Beginning,
    pub(super) caller_tags: Vec<Option<Box<[u8]>>>,
    pub(super) first_hop: Option<Flow>,
    pub(super) tunnel: Option<Tunnel>,
    pub(super) at: PacketTime,
}

/// How a call was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// By a 2xx with this status.
    Seen(u16),
    /// By one that the mirror did not show.
    Acknowledged,
    /// Before the capture began.
    Before,
}

/// The state of one call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    /// Capture time less engine time, as the call is told: that of its beginning.
    pub(super) base: i64,
    /// A message of it came under another setting of the clock.
    pub(super) clock_stepped: bool,
    pub(super) names: Names,
    pub(super) facts: CallFacts,
    pub(super) verdict: Verdict,
    pub(super) beginning: Beginning,
    /// The From tags of INVITEs outside a dialog, one per hop of a back-to-back user agent: they tell the parties apart.
    pub(super) caller_tags: Vec<Option<Box<[u8]>>>,
    /// Where the INVITE that decides was first seen: only what answers it there is final.
    pub(super) first_hop: Option<Flow>,
    pub(super) invited: Invited,
    pub(super) state: State,
    pub(super) answer: Option<PacketTime>,
    pub(super) status: Option<u16>,
    pub(super) cancelled: bool,
    /// What the parties last said of keys that a listener does not learn.
    pub(super) closed: Closed,
    pub(super) beside: Beside,
    pub(super) hold: Hold,
    /// Keeping began.
    pub(super) opened: bool,
    pub(super) messages: u32,
    pub(super) last_message: PacketTime,
    /// The BYE that ended it.
    pub(super) farewell: Option<Farewell>,
    pub(super) later: Option<Later>,
    pub(super) false_bye: bool,
    pub(super) unseen_answer: bool,
    /// A message of it came in TLS.
    pub(super) in_tls: bool,
    /// Its Call-IDs lead to it.
    pub(super) is_named: bool,
    /// What others may be known by to belong to it.
    pub(super) traces: Traces,
    pub(super) related: Vec<Related>,
    /// What its first message came in.
    pub(super) tunnel: Option<Tunnel>,
    pub(super) info_keys: InfoKeys,
    pub(super) ladder: Ladder,
    pub(super) announced: Announced,
    /// What the call waits for, and until when.
    pub(super) waits: Option<(Timer, PacketTime)>,
    /// The deadline that stands for the call in the queue: one, however often it waits anew.
    pub(super) queued: Option<PacketTime>,
}

impl Call {
    /// An attempt.
    pub(super) fn new(origin: Origin) -> Self {
        let Origin { id, base, name, facts, verdict, beginning, .. } = origin;
        Self {
            id,
            base,
            clock_stepped: false,
            names: Names::new(name),
            facts,
            verdict,
            beginning,
            caller_tags: origin.caller_tags,
            first_hop: origin.first_hop,
            invited: Invited::default(),
            state: State::Attempt,
            answer: None,
            status: None,
            cancelled: false,
            closed: Closed::default(),
            beside: Beside::default(),
            hold: Hold::default(),
            opened: false,
            messages: 0,
            last_message: origin.at,
            farewell: None,
            later: None,
            false_bye: false,
            unseen_answer: false,
            in_tls: false,
            is_named: false,
            traces: Traces::default(),
            related: Vec::new(),
            tunnel: origin.tunnel,
            info_keys: InfoKeys::default(),
            ladder: Ladder::default(),
            announced: Announced::default(),
            waits: None,
            queued: None,
        }
    }

    /// What the media half has to do with the call's audio.
    pub(super) fn keeping(&self) -> Keeping {
        match &self.verdict.decision {
            Decision::Refuse(_) => Keeping::Never,
            Decision::Admit(_) if self.verdict.mode == Some(Mode::Selective) => Keeping::Never,
            Decision::Admit(keep) => match keep.early_media {
                EarlyMedia::Drop => Keeping::FromAnswer,
                EarlyMedia::Keep => Keeping::FromStart,
            },
        }
    }

    /// Whether its messages are kept: also while another dialog, which a rule names, may still join it.
    pub(super) fn keeps_messages(&self) -> bool {
        self.keeping() != Keeping::Never || self.waits_for_a_rule()
    }

    /// No rule names it so far, and it was not answered.
    pub(super) fn waits_for_a_rule(&self) -> bool {
        let is_open = self.state == State::Attempt && self.beginning == Beginning::Invite;
        is_open && self.verdict.decision == Decision::Refuse(Refusal::NoRule)
    }

    /// Whether what happens now is kept.
    pub(super) fn keeps(&self) -> bool {
        match self.keeping() {
            Keeping::Never => false,
            Keeping::FromAnswer => self.answer.is_some(),
            Keeping::FromStart => true,
        }
    }

    /// Whether silence is to be expected: one party holds the other, or they fax.
    pub(super) fn is_held(&self) -> bool {
        self.hold.held().contains(&true) || self.beside.is_faxing()
    }

    /// For how long its media may pause before it is taken to be over.
    pub(super) const fn silence(&self) -> Timer {
        if self.beginning.is_stream() { Timer::StreamSilence } else { Timer::MediaSilence }
    }

    /// The capture time of what happens at `at`, by the clock of the call's beginning.
    pub(super) const fn told(&self, at: PacketTime) -> PacketTime {
        at.plus_nanos(self.base)
    }

    /// What is said when keeping begins at `at`, in capture time.
    pub(super) fn opening(&self, at: PacketTime) -> Opened {
        Opened { call: self.id, facts: self.facts.clone(), verdict: self.verdict.clone(), at }
    }

    /// Whose message it is, by the From tag: requests are sent by the party in From, responses by the other one.
    pub(super) fn sender(&self, from_tag: Option<&[u8]>, is_response: bool) -> Leg {
        let from_caller = self.caller_tags.iter().any(|tag| tag.as_deref() == from_tag);
        if from_caller == is_response { Leg::Callee } else { Leg::Caller }
    }

    /// An INVITE outside a dialog was seen: whoever sent it is on the caller's side.
    pub(super) fn add_caller_tag(&mut self, tag: Option<&[u8]>) {
        const MOST_HOPS: usize = 16;
        if self.caller_tags.len() < MOST_HOPS && !self.caller_tags.iter().any(|known| known.as_deref() == tag)
        {
            self.caller_tags.push(tag.map(Box::from));
        }
    }

    /// Whether `flow` carries answers to the first INVITE where it was first seen.
    pub(super) fn is_first_hop(&self, flow: &Flow) -> bool {
        self.first_hop.is_some_and(|hop| flow.src.ip() == hop.dst.ip() && flow.dst.ip() == hop.src.ip())
    }

    /// A CANCEL was seen. It takes the way of the INVITE that it cancels (RFC 3261, 9.1): on a later hop it is a proxy that
    /// gives up one branch, not the caller.
    pub(super) fn cancel(&mut self, flow: &Flow) {
        self.cancelled |= self.answer.is_none() && self.is_first_hop(&flow.reversed());
    }

    /// The call is over at `at`, once: a repeated BYE does not move the end.
    pub(super) fn end(&mut self, at: PacketTime, by: Option<EndedBy>, reason: Option<String>) {
        if !matches!(self.state, State::Over(_)) {
            self.state = State::Over(CallEnd { at, by, reason });
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use earwitness_model::PacketTime;
    use earwitness_rules::{RuleSet, facts_for};

    use super::*;

    fn flow(src: &str, dst: &str) -> Flow {
        Flow { src: src.parse().unwrap(), dst: dst.parse().unwrap() }
    }

    /// An attempt from 10.1.0.5 with the From tag `a`, under the lab rule.
    pub(in crate::signalling) fn attempt() -> Call {
        let facts = facts_for("0312221111", "4001");
        Call::new(Origin {
            id: CallId::new(0, 0),
            base: 0,
            name: Name::new(b"x", None, Leg::Caller, 1),
            verdict: RuleSet::lab().decide(&facts),
            facts,
            beginning: Beginning::Invite,
            caller_tags: vec![Some(Box::from(&b"a"[..]))],
            first_hop: Some(flow("10.1.0.5:5060", "10.1.0.9:5060")),
            tunnel: None,
            at: PacketTime::EPOCH,
        })
    }

    #[test]
    fn requests_are_the_from_partys_and_responses_the_other_ones() {
        let mut call = attempt();
        assert_eq!(call.sender(Some(b"a"), false), Leg::Caller, "the caller's BYE");
        assert_eq!(call.sender(Some(b"a"), true), Leg::Callee, "the callee's 200 to the INVITE");
        assert_eq!(call.sender(Some(b"b"), false), Leg::Callee, "the callee's re-INVITE");
        assert_eq!(call.sender(Some(b"b"), true), Leg::Caller, "the caller's 200 to it");
        assert_eq!(call.sender(None, false), Leg::Callee);
        call.add_caller_tag(Some(b"hop"));
        assert_eq!(call.sender(Some(b"hop"), false), Leg::Caller, "a back-to-back user agent's next hop");
    }

    #[test]
    fn tags_of_hops_are_listed_once_and_so_many() {
        let mut call = attempt();
        for n in 0..20u8 {
            call.add_caller_tag(Some(&[n]));
            call.add_caller_tag(Some(&[n]));
        }
        assert_eq!(call.caller_tags.len(), 16);
        assert_eq!(call.caller_tags[1].as_deref(), Some(&[0][..]));
    }

    #[test]
    fn the_first_end_stands() {
        let mut call = attempt();
        call.end(PacketTime::from_nanos(5), Some(EndedBy::Caller), Some("done".to_owned()));
        call.end(PacketTime::from_nanos(9), Some(EndedBy::Callee), None);
        let end =
            CallEnd { at: PacketTime::from_nanos(5), by: Some(EndedBy::Caller), reason: Some("done".into()) };
        assert_eq!(call.state, State::Over(end));
    }

    #[test]
    fn only_what_comes_back_over_the_first_hop_is_final_and_only_its_cancel_counts() {
        let mut call = attempt();
        assert!(call.is_first_hop(&flow("10.1.0.9:5062", "10.1.0.5:5060")), "ports may differ");
        assert!(!call.is_first_hop(&flow("10.1.0.5:5060", "10.1.0.9:5060")));
        assert!(!call.is_first_hop(&flow("10.1.1.7:5060", "10.1.0.9:5060")));
        call.cancel(&flow("10.1.0.9:5060", "10.1.1.7:5060"));
        assert!(!call.cancelled);
        call.cancel(&flow("10.1.0.5:5060", "10.1.0.9:5060"));
        assert!(call.cancelled);
    }
}
