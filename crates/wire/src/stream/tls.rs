//! TLS in a stream, where somebody gave the keys: what is said in it is read as what is said in the clear.
//!
//! A connection is held for its keys when it goes to a port of SIP, or to one that was named; to other ports only when its
//! ClientHello is known from the key log by then. What is held is bounded, and given up after a while.

use std::collections::VecDeque;

use earwitness_model::PacketTime;
use earwitness_tls::{Half, Handshake, KeyLog, Role, Step as Opened, client_random};

use super::{
    Sink, StreamLoss,
    run::{Framing, KEPT_BUFFER, Step, Verdict, broken},
};

/// Keys are waited for so long: whoever logs them has by then.
const KEYS_NANOS: i64 = 30_000_000_000;
/// Bytes of a direction that are held for keys.
const MAX_HELD: usize = 64 << 10;
/// Times of arrival that are told apart in what is held.
const MAX_ARRIVALS: usize = 256;
/// Bytes of a ClientHello up to the end of its random, with the headers before it.
const HELLO_HEAD: usize = 43;

/// The keys, and where they are waited for.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) log: KeyLog,
    /// Ports on which TLS is taken for SIP beside those of SIP.
    pub(super) ports: Vec<u16>,
}

/// What became of the keys that were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TlsCounts {
    /// Connections in which something was read.
    pub opened: u64,
    /// Secrets of key logs, each once.
    pub secrets: u64,
    /// Lines of key logs that are neither a secret nor a comment.
    pub other_lines: u64,
    /// Secrets that went, because too many newer ones came.
    pub forgotten: u64,
}

impl TlsCounts {
    /// Adds what was counted elsewhere, where the same key logs were read.
    pub fn add(&mut self, other: &Self) {
        self.opened += other.opened;
        self.secrets = self.secrets.max(other.secrets);
        self.other_lines = self.other_lines.max(other.other_lines);
        self.forgotten = self.forgotten.max(other.forgotten);
    }
}

/// What both directions of a connection in TLS have in common.
#[derive(Debug, Default)]
pub(super) struct Both {
    handshake: Handshake,
    /// Something in it was read.
    is_opened: bool,
    /// It was counted that it cannot be.
    is_given_up: bool,
}

/// Whether a connection that begins with a ClientHello is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Yes,
    No,
    /// More of the ClientHello is needed to say.
    TooFew,
}

impl Keys {
    /// Judges a connection by the first bytes of its ClientHello, which goes to a port of SIP or not.
    pub(super) fn admit(&self, bytes: &[u8], is_sip_port: bool) -> Admission {
        match client_random(bytes) {
            _ if is_sip_port => Admission::Yes,
            Some(random) if self.log.knows(&random) => Admission::Yes,
            None if bytes.len() < HELLO_HEAD => Admission::TooFew,
            Some(_) | None => Admission::No,
        }
    }
}

/// One direction of a connection in TLS.
pub(super) struct TlsReading {
    half: Half,
    /// What was said, as far as it is no whole message.
    plain: Vec<u8>,
    inner: Framing,
    /// Since when it waits for keys.
    waits: Option<PacketTime>,
    /// Bytes that came, bytes that were used, and when what lies between came: where each segment ends.
    came: u64,
    used: u64,
    arrivals: VecDeque<(u64, PacketTime)>,
}

impl TlsReading {
    /// The direction of `role`, from its first byte on.
    pub(super) fn new(role: Role) -> Self {
        Self {
            half: Half::new(role),
            plain: Vec::new(),
            inner: Framing::Undecided,
            waits: None,
            came: 0,
            used: 0,
            arrivals: VecDeque::new(),
        }
    }

    /// Memory of it.
    pub(super) fn held(&self) -> usize {
        let arrivals = self.arrivals.capacity() * size_of::<(u64, PacketTime)>();
        size_of::<Self>() + self.half.held() + self.plain.capacity() + arrivals + self.inner.held()
    }

    /// Until when keys are waited for, if they are.
    pub(super) fn waits_until(&self) -> Option<PacketTime> {
        self.waits.map(|since| since.plus_nanos(KEYS_NANOS))
    }

    /// Looks at the bytes that follow upon those that were used.
    pub(super) fn step(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Step {
        let Some(keys) = sink.keys else { return Step::NotOurs };
        self.handle_arrival(bytes.len(), sink.time);
        let both = sink.tls.get_or_insert_default();
        match self.half.step(bytes, &mut both.handshake, &keys.log, &mut self.plain) {
            Opened::Used(len) => {
                self.waits = None;
                self.handle_used(len, sink);
                match self.read_plain(sink) {
                    Verdict::Ours => Step::Used(len),
                    Verdict::NotOurs => Step::NotOurs,
                }
            }
            Opened::Unopened(len) => {
                self.waits = None;
                self.handle_used(len, sink);
                sink.losses.count(StreamLoss::Unopened);
                Step::Used(len)
            }
            Opened::More => Step::More,
            Opened::Waiting if bytes.len() <= MAX_HELD => {
                self.waits.get_or_insert(sink.time);
                Step::More
            }
            Opened::Waiting | Opened::Never => {
                sink.give_up_keys();
                Step::NotOurs
            }
        }
    }

    /// Whether there is a part of a message that was said.
    pub(super) fn is_within(&self) -> bool {
        !self.plain.is_empty() || self.inner.is_within()
    }

    /// Whether `bytes`, before which `missing` are missing, have a record in them that its keys open.
    pub(super) fn goes_on_at(&mut self, bytes: &[u8], missing: u64, sink: &Sink<'_>) -> bool {
        sink.keys.is_some_and(|keys| self.half.goes_on_at(bytes, missing, &keys.log))
    }

    /// What follows does not follow upon what is there: so many bytes are between.
    pub(super) fn handle_gap(&mut self, missing: u64, sink: &mut Sink<'_>) {
        self.half.handle_gap(missing);
        self.waits = None;
        (self.came, self.used) = (0, 0);
        self.arrivals.clear();
        sink.is_in_tls = true;
        self.inner = broken(std::mem::replace(&mut self.inner, Framing::Unknown), &self.plain, 0, sink);
        sink.is_in_tls = false;
        self.plain = Vec::new();
    }

    /// So many bytes are there, the last of which came at `at`.
    fn handle_arrival(&mut self, len: usize, at: PacketTime) {
        let end = self.used + len as u64;
        if end <= self.came {
            return;
        }
        self.came = end;
        if self.arrivals.len() >= MAX_ARRIVALS {
            self.arrivals.pop_back();
        }
        self.arrivals.push_back((end, at));
    }

    /// So many bytes were used: what they said, they said when the last of them came.
    fn handle_used(&mut self, len: usize, sink: &mut Sink<'_>) {
        self.used += len as u64;
        while let Some(&(end, at)) = self.arrivals.front() {
            sink.time = at;
            if end > self.used {
                return;
            }
            self.arrivals.pop_front();
            if end == self.used {
                return;
            }
        }
    }

    /// Reads what was said.
    fn read_plain(&mut self, sink: &mut Sink<'_>) -> Verdict {
        if self.plain.is_empty() {
            return Verdict::Ours;
        }
        if let Some(both) = &mut sink.tls
            && !std::mem::replace(&mut both.is_opened, true)
        {
            *sink.opened += 1;
        }
        sink.is_in_tls = true;
        let (verdict, used) = self.inner.read(&self.plain, sink);
        sink.is_in_tls = false;
        self.plain.drain(..used.min(self.plain.len()));
        if self.plain.is_empty() && self.plain.capacity() > KEPT_BUFFER {
            self.plain = Vec::new();
        }
        verdict
    }
}

impl Sink<'_> {
    /// Whether TLS that begins with these bytes is held.
    pub(super) fn admit_tls(&self, bytes: &[u8]) -> Admission {
        match self.keys {
            Some(keys) => keys.admit(bytes, self.is_sip_port()),
            None => Admission::No,
        }
    }

    /// The server's hello is read where the client's is, or where it will be.
    pub(super) fn admits_server(&self) -> bool {
        self.tls.is_some() || (self.keys.is_some() && self.is_sip_port())
    }

    /// The connection has no keys that would open it: that is counted once.
    pub(super) fn give_up_keys(&mut self) {
        let both = self.tls.get_or_insert_default();
        if !std::mem::replace(&mut both.is_given_up, true) {
            self.losses.count(StreamLoss::Encrypted);
        }
    }
}
