//! What shows that a dialog belongs to a call that runs: a Session-ID (RFC 7989), a header that marks conversations, the
//! media endpoint of one of the call's parties. Never that numbers are equal or times near.

use std::{
    hash::BuildHasher,
    net::{IpAddr, SocketAddr},
};

use earwitness_model::Leg;
use earwitness_wire::sip::Message;
use foldhash::fast::{FixedState, RandomState};
use hashbrown::HashMap;

use super::SipDatagram;
use crate::order::CallSlot;

/// Session-IDs kept of a call: two of each dialog of it.
const MOST_SESSIONS: usize = 16;
/// Values of marking headers kept of a call.
const MOST_MARKS: usize = 8;
/// Bytes of a marking header's value; a longer one marks nothing, for a cut one may be another's.
const MOST_MARK: usize = 512;
/// Announcements kept of one endpoint: a port that more calls announce is announced at random.
const MOST_HERE: usize = 4;

/// What a header that marks conversations says: which of the headers it is, and its whole value.
type Mark = (u16, Box<[u8]>);

/// Whose announcement an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Announcer {
    pub(super) call: CallSlot,
    /// The side that announced it: it will hear there.
    pub(super) side: Leg,
    /// The host that made the message, however many proxies sent it on.
    pub(super) origin: IpAddr,
    pub(super) said: Said,
}

/// In what an endpoint was announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// In a request, whose origin is known for sure.
    Asking,
    /// In a response, whose origin may be behind the host that sent it.
    Answering,
}

/// One party of one dialog: its SDPs replace each other.
pub(super) type Speaker = (usize, u64);

/// Who would be a kin of what, for all calls that run.
#[derive(Debug, Default)]
pub(super) struct Kin {
    sessions: HashMap<u128, (CallSlot, Leg), RandomState>,
    marks: HashMap<Mark, CallSlot, RandomState>,
    endpoints: HashMap<SocketAddr, Vec<Announcer>, RandomState>,
}

/// What stands of one call in [`Kin`].
#[derive(Debug, Default)]
pub(super) struct Traces {
    sessions: Vec<u128>,
    marks: Vec<Mark>,
    endpoints: Vec<(Speaker, SocketAddr)>,
}

impl Kin {
    /// `message` was sent by `side` of `call`.
    pub(super) fn handle_session(
        &mut self,
        (call, side): (CallSlot, Leg),
        message: &Message<'_>,
        traces: &mut Traces,
    ) {
        let Some(session) = message.session_id() else { return };
        let remote = session.remote.and_then(uuid);
        for (id, side) in [(uuid(session.local), side), (remote, side.other())] {
            let Some(id) = id else { continue };
            if !traces.sessions.contains(&id) && traces.sessions.len() < MOST_SESSIONS {
                traces.sessions.push(id);
                self.sessions.insert(id, (call, side));
            }
        }
    }

    /// `message` begins a dialog of `call`; the headers called `names` mark conversations.
    pub(super) fn handle_marks(
        &mut self,
        call: CallSlot,
        (names, message): (&[String], &Message<'_>),
        traces: &mut Traces,
    ) {
        for mark in marks(names, message) {
            if !traces.marks.contains(&mark) && traces.marks.len() < MOST_MARKS {
                self.marks.insert(mark.clone(), call);
                traces.marks.push(mark);
            }
        }
    }

    /// What `speaker` announced before is taken back, and these endpoints are announced. Of more than `most` the oldest goes.
    pub(super) fn handle_endpoints(
        &mut self,
        (speaker, announcer): (Speaker, Announcer),
        endpoints: &[SocketAddr],
        most: usize,
        traces: &mut Traces,
    ) {
        self.handle_silence(announcer.call, (speaker, endpoints), traces);
        for &endpoint in endpoints {
            if traces.endpoints.contains(&(speaker, endpoint)) {
                continue;
            }
            if traces.endpoints.len() >= most {
                let (_, oldest) = traces.endpoints.remove(0);
                self.take_back(announcer.call, oldest);
            }
            traces.endpoints.push((speaker, endpoint));
            let here = self.endpoints.entry(endpoint).or_default();
            // A later hop of the same message does not change who made it.
            if !here.iter().any(|known| known.call == announcer.call) {
                if here.len() == MOST_HERE {
                    here.remove(0);
                }
                here.push(announcer);
            }
        }
    }

    /// `speaker` does not announce anything any more but what is `left`.
    fn handle_silence(
        &mut self,
        call: CallSlot,
        (speaker, left): (Speaker, &[SocketAddr]),
        traces: &mut Traces,
    ) {
        let is_gone = |(who, endpoint): &(Speaker, SocketAddr)| *who == speaker && !left.contains(endpoint);
        let (gone, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut traces.endpoints).into_iter().partition(is_gone);
        traces.endpoints = kept;
        for (_, endpoint) in gone {
            if !traces.endpoints.iter().any(|(_, known)| *known == endpoint) {
                self.take_back(call, endpoint);
            }
        }
    }

    /// The dialog at `place` of the call's names is over.
    pub(super) fn handle_over(&mut self, call: CallSlot, place: usize, traces: &mut Traces) {
        let mut speakers: Vec<Speaker> = traces.endpoints.iter().map(|(who, _)| *who).collect();
        speakers.retain(|(name, _)| *name == place);
        for speaker in speakers {
            self.handle_silence(call, (speaker, &[]), traces);
        }
    }

    fn take_back(&mut self, call: CallSlot, endpoint: SocketAddr) {
        let Some(here) = self.endpoints.get_mut(&endpoint) else { return };
        here.retain(|known| known.call != call);
        if here.is_empty() {
            self.endpoints.remove(&endpoint);
        }
    }

    /// The call left these traces, and is gone.
    pub(super) fn forget(&mut self, call: CallSlot, traces: Traces) {
        for id in traces.sessions {
            if self.sessions.get(&id).is_some_and(|(known, _)| *known == call) {
                self.sessions.remove(&id);
            }
        }
        for mark in traces.marks {
            if self.marks.get(&mark) == Some(&call) {
                self.marks.remove(&mark);
            }
        }
        for (_, endpoint) in traces.endpoints {
            self.take_back(call, endpoint);
        }
    }

    /// The call in which the sender of `message` has this Session-ID, and the side on which it has it.
    pub(super) fn by_session(&self, message: &Message<'_>) -> Option<(CallSlot, Leg)> {
        self.sessions.get(&uuid(message.session_id()?.local)?).copied()
    }

    /// The call that a header called one of `names` marks like `message`.
    pub(super) fn by_mark(&self, names: &[String], message: &Message<'_>) -> Option<CallSlot> {
        marks(names, message).find_map(|mark| self.marks.get(&mark).copied())
    }

    /// Whoever announced `endpoint` first, though `origin` did not make that message: it knows a party of another dialog. A
    /// host that announces its own port again may have begun another conversation.
    pub(super) fn by_endpoint(
        &self,
        endpoint: SocketAddr,
        origin: IpAddr,
    ) -> impl Iterator<Item = Announcer> {
        let here = self.endpoints.get(&endpoint).map_or(&[][..], Vec::as_slice);
        here.iter().rev().copied().filter(move |known| known.origin != origin)
    }
}

/// The host that made the message: of a request, whoever stands in the last Via, for proxies add theirs before it (RFC 3261,
/// 16.6); of a response, whoever sent it.
pub(super) fn origin(message: &Message<'_>, datagram: &SipDatagram<'_>) -> (IpAddr, Said) {
    let sender = datagram.flow.src.ip();
    if message.method().is_none() {
        return (sender, Said::Answering);
    }
    let host = message.vias().last().and_then(|via| std::str::from_utf8(via.host).ok());
    let host = host.and_then(|host| host.trim_matches(['[', ']']).parse().ok());
    (host.unwrap_or(sender), Said::Asking)
}

/// What stands for a tag: a collision among the parties of one call would take an endpoint back too early.
pub(super) fn tag_hash(tag: Option<&[u8]>) -> u64 {
    FixedState::default().hash_one(tag)
}

/// A Session-ID is 32 hexadecimal digits; the nil one stands for a side that is not known (RFC 7989, section 5).
fn uuid(text: &[u8]) -> Option<u128> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 32)?;
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u128::from_str_radix(text, 16).ok().filter(|&id| is_hex && id != 0)
}

/// The marks that a message carries.
fn marks(names: &[String], message: &Message<'_>) -> impl Iterator<Item = Mark> {
    (0u16..).zip(names).filter_map(|(number, name)| {
        let mut headers = message.headers();
        let header = headers.find(|header| header.name.eq_ignore_ascii_case(name.as_bytes()))?;
        let value = header.value.trim_ascii();
        (!value.is_empty() && value.len() <= MOST_MARK).then(|| (number, Box::from(value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: CallSlot = CallSlot(1);
    const OTHER: CallSlot = CallSlot(2);

    fn ip(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn end(port: u16) -> SocketAddr {
        SocketAddr::new(ip(1), port)
    }

    fn announced(kin: &mut Kin, (speaker, host): (Speaker, u8), ports: &[u16], traces: &mut Traces) {
        let announcer = Announcer { call: CALL, side: Leg::Caller, origin: ip(host), said: Said::Asking };
        let endpoints: Vec<SocketAddr> = ports.iter().map(|port| end(*port)).collect();
        kin.handle_endpoints((speaker, announcer), &endpoints, 3, traces);
    }

    fn found(kin: &Kin, port: u16, host: u8) -> Option<CallSlot> {
        kin.by_endpoint(end(port), ip(host)).next().map(|known| known.call)
    }

    #[test]
    fn an_endpoint_leads_whoever_did_not_announce_it_to_its_call_until_it_is_taken_back() {
        let (mut kin, mut traces) = (Kin::default(), Traces::default());
        announced(&mut kin, ((0, 7), 1), &[4000], &mut traces);
        assert_eq!(
            (found(&kin, 4000, 9), found(&kin, 4000, 1), found(&kin, 4002, 9)),
            (Some(CALL), None, None)
        );
        announced(&mut kin, ((0, 7), 9), &[4000], &mut traces);
        announced(&mut kin, ((0, 8), 1), &[4000], &mut traces);
        announced(&mut kin, ((0, 7), 1), &[4004], &mut traces);
        assert_eq!(found(&kin, 4000, 9), Some(CALL), "another speaker still announces it");
        kin.handle_over(CALL, 0, &mut traces);
        assert!(kin.endpoints.is_empty() && traces.endpoints.is_empty());
    }

    #[test]
    fn of_many_endpoints_the_newest_are_known_and_none_is_left_of_a_call_that_is_gone() {
        let (mut kin, mut traces) = (Kin::default(), Traces::default());
        announced(&mut kin, ((0, 7), 1), &[1, 2, 3, 4, 5], &mut traces);
        assert_eq!(
            [1, 2, 3, 4, 5].map(|port| found(&kin, port, 9).is_some()),
            [false, false, true, true, true]
        );
        kin.forget(CALL, traces);
        assert!(kin.endpoints.is_empty());
    }

    #[test]
    fn a_session_leads_to_the_side_that_has_it_and_nil_to_nobody() {
        let (a, b, nil) = ("a".repeat(32), "B".repeat(32), "0".repeat(32));
        let text = |local: &str, remote: &str| {
            format!("INVITE sip:a@b SIP/2.0\r\nSession-ID: {local};remote={remote}\r\n\r\n")
        };
        let (mut kin, mut traces) = (Kin::default(), Traces::default());
        let first = text(&a, &b);
        kin.handle_session((CALL, Leg::Caller), &Message::parse(first.as_bytes()).unwrap(), &mut traces);
        let by = |kin: &Kin, text: &str| kin.by_session(&Message::parse(text.as_bytes()).unwrap());
        assert_eq!(by(&kin, &text(&a, &nil)), Some((CALL, Leg::Caller)));
        assert_eq!(by(&kin, &text(&b.to_lowercase(), &a)), Some((CALL, Leg::Callee)));
        assert_eq!((by(&kin, &text(&nil, &a)), by(&kin, &text("+f", &a))), (None, None));
        kin.forget(OTHER, Traces { sessions: traces.sessions.clone(), ..Traces::default() });
        assert_eq!(kin.sessions.len(), 2, "they are another call's");
        kin.forget(CALL, traces);
        assert!(kin.sessions.is_empty());
    }

    #[test]
    fn a_mark_is_compared_whole_and_by_its_header() {
        let names = ["X-Call-Key".to_owned(), "X-Other".to_owned()];
        let text = |header: &str| format!("INVITE sip:a@b SIP/2.0\r\n{header}\r\n\r\n");
        let (mut kin, mut traces) = (Kin::default(), Traces::default());
        let first = text("x-call-key: 4711-a ");
        kin.handle_marks(CALL, (&names, &Message::parse(first.as_bytes()).unwrap()), &mut traces);
        for (header, expected) in [
            ("X-Call-Key: 4711-a", Some(CALL)),
            ("X-Call-Key: 4711", None),
            ("X-Call-Key:", None),
            ("X-Other: 4711-a", None),
            ("X-Unnamed: 4711-a", None),
        ] {
            let text = text(header);
            assert_eq!(kin.by_mark(&names, &Message::parse(text.as_bytes()).unwrap()), expected, "{header}");
        }
        kin.forget(CALL, traces);
        assert!(kin.marks.is_empty());
    }

    #[test]
    fn a_request_was_made_by_the_last_in_its_vias_and_a_response_by_its_sender() {
        let flow = earwitness_model::Flow { src: "10.0.0.9:5060".parse().unwrap(), dst: end(5060) };
        let of = |text: &str| {
            let datagram = SipDatagram {
                flow,
                transport: earwitness_model::SipTransport::Udp,
                tunnel: None,
                bytes: text.as_bytes(),
                time: earwitness_model::PacketTime::EPOCH,
            };
            origin(&Message::parse(text.as_bytes()).unwrap(), &datagram)
        };
        let vias = "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK2\r\nVia: SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bK1\r\n\r\n";
        assert_eq!(of(&format!("INVITE sip:a@b SIP/2.0\r\n{vias}")), (ip(5), Said::Asking));
        assert_eq!(of(&format!("SIP/2.0 200 OK\r\n{vias}")), (ip(9), Said::Answering));
        let named = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP pc33.example.kr;branch=z9hG4bK1\r\n\r\n";
        assert_eq!(of(named), (ip(9), Said::Asking), "a name is no address");
        let six = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::5]:5060;branch=z9hG4bK1\r\n\r\n";
        assert_eq!(of(six).0, "2001:db8::5".parse::<IpAddr>().unwrap());
    }
}
