//! One run of sequence numbers of a direction: its bytes in order, and the messages in them.

use earwitness_model::{PacketTime, SipTransport};
use earwitness_tls::Role;

use super::{
    Sink, Standing, StreamLimits, StreamLoss,
    begin::{Beginning, Judged, is_start, judge, judge_anywhere},
    order::{Agreement, Order, Piece, Place},
    sip::{SipFraming, SipStep, head_len},
    tls::{Admission, TlsReading},
    websocket::{self, FrameReading, FrameStep, Handshake},
};

/// The rest of a message is waited for so long: 64 · T1, by when the transaction it belongs to is over (RFC 3261, 17.1).
const REST_NANOS: i64 = 32_000_000_000;
/// The longest head of a handshake.
const MAX_HANDSHAKE: usize = 16 << 10;
/// A buffer that has nothing in it is given back if it is larger.
pub(super) const KEPT_BUFFER: usize = 4 << 10;

/// A run of numbers.
///
/// Invariant: `unread` is what lies between the last message and [`Order::next`].
#[derive(Default)]
pub(super) struct Run {
    /// Whether its beginning was seen, in a SYN.
    begins: Option<u32>,
    /// Whether it brought a message.
    standing: Standing,
    order: Order,
    framing: Framing,
    unread: Vec<u8>,
    /// When the last byte came that was read.
    read_at: PacketTime,
}

/// What the bytes are read as.
#[derive(Default)]
pub(super) enum Framing {
    /// The first bytes of a connection, that will say what it is.
    #[default]
    Undecided,
    /// Bytes from somewhere in it, that may.
    Unknown,
    Sip(SipFraming),
    Handshake,
    Frames(FrameReading),
    Tls(Box<TlsReading>),
}

/// What a run turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may be ours.
    Ours,
    /// It is not.
    NotOurs,
}

/// What is to be done after a look at the bytes.
pub(super) enum Step {
    /// So many bytes were used; there may be more in the others.
    Used(usize),
    /// So many bytes were used, and what follows is to be read as this.
    Turn(usize, Framing),
    /// More bytes are needed.
    More,
    /// None of this is ours.
    NotOurs,
}

impl Run {
    /// One whose first byte has the number `begins`.
    pub(super) fn beginning(begins: u32) -> Self {
        Self { begins: Some(begins), order: Order::beginning(begins), ..Self::default() }
    }

    /// One that is picked up at `sequence`, where something begins that is ours.
    pub(super) fn picked_up(sequence: u32, beginning: Beginning) -> Self {
        Self { order: Order::beginning(sequence), framing: Framing::of(beginning), ..Self::default() }
    }

    /// The number that its SYN announced.
    pub(super) const fn begins(&self) -> Option<u32> {
        self.begins
    }

    /// Its SYN comes late: it was picked up behind it.
    pub(super) const fn handle_late_syn(&mut self, begins: u32) {
        self.begins = Some(begins);
    }

    /// Whether it brought a message.
    pub(super) const fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether nothing waits for its place or its rest.
    pub(super) fn is_quiet(&self) -> bool {
        self.unread.is_empty() && self.order.is_even() && !self.framing.is_within()
    }

    /// Memory of it.
    pub(super) fn held(&self) -> usize {
        self.unread.capacity() + self.order.held() + self.framing.held()
    }

    /// The number of the next byte.
    pub(super) const fn next(&self) -> u32 {
        self.order.next()
    }

    /// Whether `sequence` lies where bytes are expected or were just read.
    pub(super) fn is_near(&self, sequence: u32, limits: &StreamLimits) -> bool {
        self.order.is_near(sequence, limits)
    }

    /// The other side has everything before `number`.
    pub(super) fn handle_acknowledged(&mut self, number: u32, at: PacketTime, limits: &StreamLimits) {
        self.order.handle_acknowledged(number, at, limits);
    }

    /// Takes the payload of a segment.
    pub(super) fn handle_bytes(
        &mut self,
        (sequence, bytes, cut): (u32, &[u8], u32),
        at: PacketTime,
        sink: &mut Sink<'_>,
    ) -> Verdict {
        match self.order.place((sequence, bytes, cut), at, sink.limits) {
            Place::Next(new) => {
                let verdict = self.read(new, at, sink);
                self.break_off_if(cut, sink);
                verdict
            }
            Place::Waiting(agreement) => {
                if agreement == Agreement::Differs {
                    sink.losses.count(StreamLoss::Overlap);
                }
                self.read_waiting(at, sink)
            }
            Place::Known => Verdict::Ours,
            Place::Outside => {
                sink.losses.count(StreamLoss::Outside);
                Verdict::Ours
            }
        }
    }

    /// There may be keys that were not there before, or the other direction's hello.
    pub(super) fn handle_keys(&mut self, sink: &mut Sink<'_>) -> Verdict {
        match self.framing.waits_until() {
            Some(_) => self.read(&[], self.read_at, sink),
            None => Verdict::Ours,
        }
    }

    /// When something that is missing is given up.
    pub(super) fn deadline(&self, limits: &StreamLimits) -> Option<PacketTime> {
        // What is held for keys is not dropped for what is missing behind it.
        if let Some(until) = self.framing.waits_until() {
            return Some(until);
        }
        let gap = self.order.deadline(limits);
        if gap.is_some() || self.is_quiet() {
            return gap;
        }
        let rest = self.read_at.plus_nanos(REST_NANOS);
        Some(self.order.rest_deadline(self.read_at).map_or(rest, |sure| sure.min(rest)))
    }

    /// Gives up what is missing at `now`.
    pub(super) fn handle_time(&mut self, now: PacketTime, sink: &mut Sink<'_>) -> Verdict {
        let mut verdict = Verdict::Ours;
        while self.deadline(sink.limits).is_some_and(|due| due <= now) {
            if self.framing.waits_until().is_some_and(|until| until <= now) {
                sink.give_up_keys();
                (self.framing, self.unread, verdict) = (Framing::Unknown, Vec::new(), Verdict::NotOurs);
                continue;
            }
            if !self.order.is_even() {
                sink.losses.count(StreamLoss::Gap);
            }
            self.break_off(self.order.missing_before(None), sink);
            self.order.skip_gap();
            if self.read_waiting(PacketTime::from_nanos(i64::MIN), sink) == Verdict::NotOurs {
                verdict = Verdict::NotOurs;
            }
        }
        verdict
    }

    /// The connection is over: what is missing is given up, and what is there of messages handed over.
    pub(super) fn finish(&mut self, sink: &mut Sink<'_>) {
        self.handle_time(PacketTime::from_nanos(i64::MAX), sink);
    }

    /// Reads the pieces whose turn it is; what fills the hole before them came at `at`.
    fn read_waiting(&mut self, at: PacketTime, sink: &mut Sink<'_>) -> Verdict {
        let mut verdict = Verdict::Ours;
        while let Some(Piece { bytes, cut, at: came, .. }) = self.order.take_next() {
            if self.read(&bytes, came.max(at), sink) == Verdict::NotOurs {
                verdict = Verdict::NotOurs;
            }
            self.break_off_if(cut, sink);
        }
        verdict
    }

    /// Reads the next bytes of the stream.
    fn read(&mut self, bytes: &[u8], at: PacketTime, sink: &mut Sink<'_>) -> Verdict {
        self.read_at = self.read_at.max(at);
        sink.begin(self.read_at);
        if self.framing.is_searching() && is_start(bytes) {
            // A message begins with the segment: what is there of a line, of a body perhaps, is not before it.
            self.unread.clear();
        }
        let (verdict, used);
        if self.unread.is_empty() {
            (verdict, used) = self.framing.read(bytes, sink);
            self.unread.extend_from_slice(bytes.get(used..).unwrap_or_default());
        } else {
            self.unread.extend_from_slice(bytes);
            (verdict, used) = self.framing.read(&self.unread, sink);
            self.unread.drain(..used.min(self.unread.len()));
        }
        self.standing = self.standing.max(sink.told());
        if self.unread.is_empty() && self.unread.capacity() > KEPT_BUFFER {
            self.unread = Vec::new();
        }
        verdict
    }

    /// Whether `bytes`, far behind what was read, have a record in them that nobody but the end of this run can have made: then
    /// what lies between is missing, and the run goes on there.
    pub(super) fn goes_on_at(&mut self, sequence: u32, bytes: &[u8], sink: &mut Sink<'_>) -> bool {
        let missing = self.order.missing_before(Some(sequence));
        let Framing::Tls(tls) = &mut self.framing else { return false };
        if missing == 0 || self.standing == Standing::Unproven || !tls.goes_on_at(bytes, missing, sink) {
            return false;
        }
        sink.losses.count(StreamLoss::Gap);
        self.break_off(0, sink);
        self.order = Order::beginning(sequence);
        true
    }

    fn break_off_if(&mut self, cut: u32, sink: &mut Sink<'_>) {
        if cut > 0 {
            self.break_off(cut.into(), sink);
        }
    }

    /// What follows does not follow upon what is there: `missing` bytes are between. A message whose head is whole is handed over
    /// as it is.
    fn break_off(&mut self, missing: u64, sink: &mut Sink<'_>) {
        sink.begin(self.read_at);
        self.framing = broken(std::mem::take(&mut self.framing), &self.unread, missing, sink);
        self.unread = Vec::new();
    }
}

/// What is read behind `missing` bytes, where so much was `unread`. A message whose head is whole is handed over as it is.
pub(super) fn broken(framing: Framing, unread: &[u8], missing: u64, sink: &mut Sink<'_>) -> Framing {
    match framing {
        Framing::Undecided | Framing::Unknown | Framing::Handshake => Framing::Unknown,
        Framing::Sip(framing) => {
            if framing.is_in_body() {
                sink.losses.count(StreamLoss::CutMessage);
                sink.tell(SipTransport::Tcp, unread);
            } else if framing != SipFraming::Searching && !unread.is_empty() {
                sink.losses.count(StreamLoss::PartialMessage);
            }
            Framing::Sip(SipFraming::Searching)
        }
        Framing::Frames(frames) => {
            if frames.is_within() || !unread.is_empty() {
                sink.losses.count(StreamLoss::PartialMessage);
            }
            Framing::Frames(FrameReading::lost())
        }
        Framing::Tls(mut tls) => {
            tls.handle_gap(missing + unread.len() as u64, sink);
            Framing::Tls(tls)
        }
    }
}

impl Framing {
    fn of(beginning: Beginning) -> Self {
        match beginning {
            Beginning::Tls(role) => Self::Tls(Box::new(TlsReading::new(role))),
            Beginning::Sip => Self::Sip(SipFraming::Beginning),
            Beginning::Handshake => Self::Handshake,
            Beginning::Frames => Self::Frames(FrameReading::lost()),
        }
    }

    /// Memory of it, beside itself.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::Frames(frames) => frames.held(),
            Self::Tls(tls) => tls.held(),
            Self::Undecided | Self::Unknown | Self::Sip(_) | Self::Handshake => 0,
        }
    }

    /// Whether there is a part of a message in it that is not `unread`.
    pub(super) fn is_within(&self) -> bool {
        match self {
            Self::Frames(frames) => frames.is_within(),
            Self::Tls(tls) => tls.is_within(),
            Self::Undecided | Self::Unknown | Self::Sip(_) | Self::Handshake => false,
        }
    }

    /// Until when keys are waited for, if they are.
    fn waits_until(&self) -> Option<PacketTime> {
        match self {
            Self::Tls(tls) => tls.waits_until(),
            Self::Undecided | Self::Unknown | Self::Sip(_) | Self::Handshake | Self::Frames(_) => None,
        }
    }

    const fn is_searching(&self) -> bool {
        matches!(self, Self::Sip(SipFraming::Searching))
    }

    /// Reads `bytes` as far as they go, and says how far that is.
    pub(super) fn read(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> (Verdict, usize) {
        let mut at = 0;
        loop {
            match self.step(bytes.get(at..).unwrap_or_default(), sink) {
                Step::Used(used) => at += used,
                Step::Turn(used, framing) => {
                    at += used;
                    *self = framing;
                }
                Step::More => return (Verdict::Ours, at),
                Step::NotOurs => return (Verdict::NotOurs, bytes.len()),
            }
        }
    }

    fn step(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Step {
        match self {
            Self::Undecided => match judge(bytes) {
                Judged::Ours(beginning) => Step::Turn(0, Self::of(beginning)),
                Judged::TooFew => Step::More,
                // There is no TLS in TLS.
                Judged::Tls(_) if sink.is_in_tls => Step::NotOurs,
                Judged::Tls(Role::Client) => match sink.admit_tls(bytes) {
                    Admission::Yes => Step::Turn(0, Self::of(Beginning::Tls(Role::Client))),
                    Admission::TooFew => Step::More,
                    Admission::No => {
                        sink.count_encrypted();
                        Step::NotOurs
                    }
                },
                Judged::Tls(Role::Server) if sink.admits_server() => {
                    Step::Turn(0, Self::of(Beginning::Tls(Role::Server)))
                }
                Judged::Tls(Role::Server) => Step::NotOurs,
                Judged::Other => Step::NotOurs,
            },
            Self::Unknown if bytes.is_empty() => Step::More,
            Self::Unknown => match judge_anywhere(bytes) {
                Some(beginning) => Step::Turn(0, Self::of(beginning)),
                None => Step::NotOurs,
            },
            Self::Sip(framing) => match framing.step(bytes, sink.limits, sink.losses) {
                SipStep::Message(len) => {
                    sink.tell(SipTransport::Tcp, bytes.get(..len).unwrap_or_default());
                    Step::Used(len)
                }
                SipStep::Skip(len) => Step::Used(len),
                SipStep::More => Step::More,
            },
            Self::Handshake => shake_hands(bytes, sink),
            Self::Tls(tls) => tls.step(bytes, sink),
            Self::Frames(frames) => match frames.step(bytes, sink.limits, sink.losses) {
                FrameStep::Message(len, message) => {
                    sink.tell_framed(&message);
                    Step::Used(len)
                }
                FrameStep::Skip(len) => Step::Used(len),
                FrameStep::More => Step::More,
            },
        }
    }
}

/// Reads the head of an HTTP message; what follows it is a stream of frames, or nothing of ours.
fn shake_hands(bytes: &[u8], sink: &mut Sink<'_>) -> Step {
    let Some(len) = head_len(bytes, 0) else {
        return if bytes.len() <= MAX_HANDSHAKE { Step::More } else { Step::NotOurs };
    };
    match websocket::judge(bytes.get(..len).unwrap_or_default()) {
        Handshake::Sip | Handshake::Unnamed => Step::Turn(len, Framing::Frames(FrameReading::default())),
        Handshake::Compressed => {
            sink.losses.count(StreamLoss::Compressed);
            Step::NotOurs
        }
        Handshake::Other => Step::NotOurs,
    }
}
