//! Every call that SIP tells of: where its media should be, and whether it is there.

use std::net::SocketAddr;

use earwitness_model::{Flow, PacketTime};
use earwitness_wire::{
    Tags,
    sdp::{Media, MediaDirection, MediaKind, Session},
    sip::{Message, Method, StartLine},
};

use crate::{bounded::Bounded, exam::Sight};

/// Calls that are followed.
const MOST_CALLS: usize = 20_000;
/// Addresses that are kept of each party of a call.
const MOST_ENDS: usize = 4;
/// A longer Call-ID is none of a phone's.
const MOST_NAME: usize = 512;

/// Whose message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Party {
    Caller,
    Callee,
}

/// What the SDP of one party says of encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Protection {
    /// No SDP was seen.
    #[default]
    Unsaid,
    /// RTP, or SRTP with keys in the SDP, by which it is opened.
    Readable,
    /// SRTP whose keys the SDP does not show.
    Encrypted,
}

/// One Call-ID with an INVITE or the answer to one.
pub(crate) struct Call {
    /// Its first frame.
    pub(crate) first_frame: u64,
    /// Where its first message went.
    pub(crate) flow: Flow,
    /// The tags of that frame.
    pub(crate) tags: Tags,
    /// When it was answered.
    pub(crate) answered: Option<PacketTime>,
    /// When a BYE was seen.
    pub(crate) ended: Option<PacketTime>,
    /// Whether some SDP wanted media one way or not at all: then one way is as it should be.
    pub(crate) was_held: bool,
    /// Where the caller hears.
    pub(crate) caller: Vec<SocketAddr>,
    /// Where the callee hears.
    pub(crate) callee: Vec<SocketAddr>,
    /// What the caller's SDP says.
    pub(crate) offered: Protection,
    /// What the callee's SDP says.
    pub(crate) chosen: Protection,
    caller_tag: Option<Box<[u8]>>,
}

/// The calls by Call-ID.
#[derive(Debug)]
pub(crate) struct Calls {
    table: Bounded<Box<[u8]>, Call>,
}

impl Calls {
    pub(crate) fn new() -> Self {
        Self { table: Bounded::new(MOST_CALLS) }
    }

    /// Takes a message of any dialog.
    pub(crate) fn handle_message(&mut self, message: &Message<'_>, flow: Flow, at: Sight) {
        let Some(call_id) = message.call_id().filter(|id| id.len() <= MOST_NAME) else { return };
        let Some(method) = message.cseq().map(|cseq| cseq.method).or_else(|| message.method()) else {
            return;
        };
        if !matches!(method, Method::Invite | Method::Ack | Method::Bye | Method::Prack | Method::Update) {
            return;
        }
        let from_tag = message.from().and_then(|from| from.tag());
        let fresh = || Call {
            first_frame: at.number,
            flow,
            tags: at.tags,
            answered: None,
            ended: None,
            was_held: false,
            caller: Vec::new(),
            callee: Vec::new(),
            offered: Protection::Unsaid,
            chosen: Protection::Unsaid,
            caller_tag: from_tag.filter(|tag| tag.len() <= MOST_NAME).map(Box::from),
        };
        if let Some(call) = self.table.entry(Box::from(call_id), fresh) {
            call.handle_message(message, method, at.time);
        }
    }

    /// Every call.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Call> {
        self.table.values()
    }

    /// How many.
    pub(crate) fn len(&self) -> u64 {
        self.table.len() as u64
    }

    /// Messages of calls that the table had no room for.
    pub(crate) const fn left_out(&self) -> u64 {
        self.table.left_out()
    }
}

impl Call {
    fn handle_message(&mut self, message: &Message<'_>, method: Method, time: PacketTime) {
        match message.start_line() {
            StartLine::Request { method: Method::Bye, .. } => {
                self.ended.get_or_insert(time);
            }
            StartLine::Status { code: 200..300, .. } if method == Method::Invite => {
                self.answered.get_or_insert(time);
            }
            StartLine::Request { .. } | StartLine::Status { .. } => {}
        }
        if let Some(session) = message.sdp().and_then(|body| Session::parse(body).ok()) {
            let party = self.speaker(message);
            for media in session.media().filter(|media| media.kind() == MediaKind::Audio) {
                self.handle_audio(party, &media);
            }
        }
    }

    /// Requests carry their sender's tag in From; responses carry it too, and come from the other party (RFC 3261, 8.2.6.2).
    fn speaker(&self, message: &Message<'_>) -> Party {
        let from_caller = message.from().and_then(|from| from.tag()) == self.caller_tag.as_deref();
        match (message.start_line(), from_caller) {
            (StartLine::Request { .. }, true) | (StartLine::Status { .. }, false) => Party::Caller,
            (StartLine::Request { .. }, false) | (StartLine::Status { .. }, true) => Party::Callee,
        }
    }

    fn handle_audio(&mut self, party: Party, media: &Media<'_>) {
        let direction = media.direction();
        let address = media.connection().filter(|address| !address.is_unspecified());
        self.was_held |= direction != MediaDirection::SendRecv || address.is_none();
        let has_keys = media.crypto().next().is_some();
        let is_encrypted = media.protocol().is_srtp() || media.fingerprint().is_some();
        let protection = if is_encrypted && !has_keys { Protection::Encrypted } else { Protection::Readable };
        let Some(end) = address.map(|address| SocketAddr::new(address, media.port())) else { return };
        if end.port() == 0 {
            return;
        }
        let (ends, said) = match party {
            Party::Caller => (&mut self.caller, &mut self.offered),
            Party::Callee => (&mut self.callee, &mut self.chosen),
        };
        *said = protection;
        if ends.len() < MOST_ENDS && !ends.contains(&end) {
            ends.push(end);
        }
    }
}
