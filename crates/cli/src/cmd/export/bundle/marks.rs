//! What happened in a call, for its picture: read out of its messages.

use std::collections::HashSet;

use earwitness_evidence::{Mark, MarkKind};
use earwitness_model::{CallSummary, Flag, Outcome, PacketTime, SignallingMessage};
use earwitness_wire::{
    sdp::{MediaDirection, MediaKind, Session},
    sip::{Message, Method, StartLine},
};

/// What happened, in the order of time. Answer and end are those of the call's facts; a message that the mirror shows twice,
/// or that a proxy sends on, is one. That somebody called, and that somebody answered, is told only when signalling of it was
/// seen.
pub(super) fn marks<'m>(
    summary: &CallSummary,
    messages: impl Iterator<Item = SignallingMessage<'m>>,
) -> Vec<Mark> {
    let mut messages: Vec<_> = messages.collect();
    messages.sort_by_key(|message| message.time);
    let mut story = Story { marks: Vec::new(), seen: HashSet::new(), is_held: false, has_invite: false };
    for message in &messages {
        if let Ok(sip) = Message::parse(message.bytes) {
            story.handle(message.time, &sip, summary.answer);
        }
    }
    let kind = if story.has_invite { MarkKind::Called } else { MarkKind::Began };
    story.marks.insert(0, Mark { at: summary.facts.start, kind });
    let is_unseen = summary.flags.iter().any(|flag| matches!(flag, Flag::Imported | Flag::NoSignalling));
    if let Some(answer) = summary.answer.filter(|_| !is_unseen) {
        story.mark(answer, MarkKind::Answered);
    }
    if let Some(end) = &summary.end {
        let kind = match (summary.outcome, summary.sip_status) {
            (Outcome::Answered | Outcome::InProgress, _) | (_, None) => MarkKind::Ended(end.by),
            (
                Outcome::Busy | Outcome::NoAnswer | Outcome::Cancelled | Outcome::Declined | Outcome::Failed,
                Some(status),
            ) => MarkKind::Refused(status),
        };
        story.mark(end.at, kind);
    }
    story.marks.sort_by_key(|mark| mark.at);
    story.marks
}

struct Story {
    marks: Vec<Mark>,
    /// Requests that were told: who sent them, and their CSeq.
    seen: HashSet<(Vec<u8>, Method, u32)>,
    is_held: bool,
    /// The INVITE that began it.
    has_invite: bool,
}

impl Story {
    fn mark(&mut self, at: PacketTime, kind: MarkKind) {
        self.marks.push(Mark { at, kind });
    }

    fn handle(&mut self, at: PacketTime, sip: &Message<'_>, answer: Option<PacketTime>) {
        match sip.start_line() {
            StartLine::Status { code: 180..=183, .. } => {
                let is_first = !self.marks.iter().any(|mark| mark.kind == MarkKind::Rang);
                if is_first && answer.is_none_or(|answer| at <= answer) {
                    self.mark(at, MarkKind::Rang);
                }
            }
            StartLine::Status { .. } => {}
            StartLine::Request { method, .. } => self.handle_request(at, method, sip),
        }
    }

    fn handle_request(&mut self, at: PacketTime, method: Method, sip: &Message<'_>) {
        let is_within = sip.to().is_some_and(|to| to.tag().is_some());
        let from = sip.from().and_then(|from| from.tag()).unwrap_or_default().to_vec();
        let number = sip.cseq().map_or(0, |cseq| cseq.number);
        if !self.seen.insert((from, method, number)) {
            return;
        }
        match method {
            Method::Invite | Method::Update if is_within => {
                let kind = match (is_hold(sip), self.is_held) {
                    (Some(true), false) => MarkKind::Held,
                    (Some(false), true) => MarkKind::Resumed,
                    (Some(_) | None, _) => MarkKind::Changed,
                };
                self.is_held = match kind {
                    MarkKind::Held => true,
                    MarkKind::Resumed => false,
                    MarkKind::Began
                    | MarkKind::Called
                    | MarkKind::Rang
                    | MarkKind::Answered
                    | MarkKind::Refused(_)
                    | MarkKind::Changed
                    | MarkKind::Transferred
                    | MarkKind::Cancelled
                    | MarkKind::Ended(_) => self.is_held,
                };
                self.mark(at, kind);
            }
            Method::Refer => self.mark(at, MarkKind::Transferred),
            Method::Cancel => self.mark(at, MarkKind::Cancelled),
            Method::Invite => self.has_invite = true,
            Method::Update
            | Method::Ack
            | Method::Bye
            | Method::Options
            | Method::Register
            | Method::Prack
            | Method::Info
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other => {}
        }
    }
}

/// Whether what a party says of its audio puts the other on hold (RFC 3264, 8.4); `None` when it says nothing of audio.
fn is_hold(sip: &Message<'_>) -> Option<bool> {
    let session = Session::parse(sip.sdp()?).ok()?;
    let audio = session.media().find(|media| media.kind() == MediaKind::Audio)?;
    let is_nowhere = audio.connection().is_some_and(|address| address.is_unspecified());
    Some(match audio.direction() {
        MediaDirection::SendOnly | MediaDirection::Inactive => true,
        MediaDirection::SendRecv | MediaDirection::RecvOnly => is_nowhere,
    })
}

#[cfg(test)]
mod tests {
    use earwitness_model::{Flow, SipTransport};

    use super::*;
    use crate::view::sample;

    fn request(method: &str, cseq: u32, (to_tag, direction): (&str, &str)) -> String {
        let body = match direction {
            "" => String::new(),
            direction => format!("v=0\r\nc=IN IP4 10.1.0.5\r\nm=audio 4000 RTP/AVP 8\r\na={direction}\r\n"),
        };
        format!(
            "{method} sip:4001@10.1.0.9 SIP/2.0\r\nFrom: <sip:1@a>;tag=x\r\nTo: <sip:2@b>{to_tag}\r\nCall-ID: a\r\n\
             CSeq: {cseq} {method}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    #[test]
    fn holds_changes_and_transfers_are_told_once_and_answer_and_end_are_the_facts() {
        let entry = sample::answered();
        let start = entry.summary.facts.start;
        let within = ";tag=y";
        let said = [
            (0, request("INVITE", 1, ("", "sendrecv"))),
            (500, "SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\n\r\n".to_owned()),
            (600, "SIP/2.0 183 Session Progress\r\nCSeq: 1 INVITE\r\n\r\n".to_owned()),
            (9_000, request("INVITE", 2, (within, "sendonly"))),
            (9_001, request("INVITE", 2, (within, "sendonly"))),
            (9_500, request("INVITE", 3, (within, "inactive"))),
            (12_000, request("INVITE", 4, (within, "sendrecv"))),
            (13_000, request("REFER", 5, (within, ""))),
        ];
        let flow = Flow { src: "10.1.0.5:5060".parse().unwrap(), dst: "10.1.0.9:5060".parse().unwrap() };
        let messages = said.iter().map(|(ms, bytes)| SignallingMessage {
            time: start.plus_nanos(ms * 1_000_000),
            flow,
            transport: SipTransport::Udp,
            bytes: bytes.as_bytes(),
        });
        let found: Vec<_> = marks(&entry.summary, messages).iter().map(|mark| mark.kind).collect();
        use MarkKind::{Answered, Called, Changed, Ended, Held, Rang, Resumed, Transferred};
        let by = entry.summary.end.as_ref().unwrap().by;
        let expected = [Called, Rang, Answered, Held, Changed, Resumed, Transferred, Ended(by)];
        assert_eq!(found, expected);
    }
}
