//! SIP over TCP, over WebSocket, and over TLS that somebody gave the keys of: the messages in the streams, put together from segments as a mirror shows them, within
//! fixed bounds. The second thing in this crate with a memory.
//!
//! ```text
//!  segment ─► table ─► Order ─► Framing ─► message
//!             │        │        SIP: Content-Length (RFC 3261, 18.3), line ends between (RFC 5626, 3.5.1)
//!             │        │        WebSocket: handshake, frames (RFC 6455, RFC 7118)
//!             │        │        TLS: records, in which are the others (`earwitness-tls`)
//!             │        sequence numbers (RFC 9293, 3.4): doubled, swapped, lost
//!             connections, by both their ends
//! ```
//!
//! **Others' connections.** A mirror is full of HTTPS. A connection has a small place in the table from its SYN to its first
//! byte; if that is none of ours it has none any more. A segment without a place costs one look into the table, and a look
//! at its first bytes: a connection whose SYN was not seen is picked up where a segment begins with a message.
//!
//! **Loss.** The network's losses are mended by retransmissions; the mirror's are not. What is missing is given up when the
//! other side has acknowledged it, or after two seconds, or when what waits behind it comes to the bound. Of a message whose
//! head is whole what is there is handed over. Then the next start line is looked for.
//!
//! **Malice.** Ends and numbers are chosen by whoever sends. The table is hashed with a random seed, and has one budget in
//! bytes; what goes first is what has never brought a message. Of two segments that differ about the same bytes the first
//! counts. A RST or FIN in the wrong place ends nothing; a SYN, or a message far away from where the connection is, begins a
//! run of numbers beside it, and does not take its place. Only in TLS a run goes on far behind what was read: where a record is
//! authentic, which its end alone can have made.
//!
//! **Keys.** From the first [`Streams::handle_keys`] on, connections in TLS to ports of SIP are held until their keys are there,
//! bounded; to other ports only when they are there already. What is said is then read as in the clear, WebSocket too, as of
//! the time when it came. A lost segment costs the record that it was part of.
//!
//! What is encrypted (TLS without keys) or compressed (RFC 7692) is counted, not read.

mod begin;
mod connection;
mod losses;
mod order;
mod run;
mod side;
mod sip;
mod tls;
mod websocket;

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
};

use earwitness_model::{Flow, PacketTime, SipTransport};
use earwitness_tls::Role;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use self::{
    begin::{Beginning, is_client_hello, judge_anywhere},
    connection::{End, Fate, State},
    tls::{Admission, Both, Keys},
};
use crate::{TcpSegment, sip::looks_like};

pub use begin::SIP_PORTS;
pub use losses::{StreamLoss, StreamLosses};
pub use tls::TlsCounts;

/// Memory of a place in the table, in the hash map and in the order of age, whatever is in it.
const PLACE_BYTES: usize = 320;

/// What [`Streams`] may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// Bytes in all: places in the table, segments that wait, messages that are not whole.
    pub bytes: usize,
    /// Bytes of the longest message.
    pub message: usize,
    /// How far ahead of the next byte a segment may lie, in bytes, and how far behind it.
    pub window: usize,
    /// How long a segment waits for one before it, in ns.
    pub gap_ns: i64,
    /// How long a connection is remembered that brought no message yet, in ns.
    pub unproven_ns: i64,
    /// How long a connection is remembered that did, in ns.
    pub idle_ns: i64,
    /// How long one in TLS is that did, in ns: once forgotten it cannot be picked up again.
    pub sealed_idle_ns: i64,
}

impl Default for StreamLimits {
    /// 64 MiB; messages and windows of 256 KiB; 2 s, 30 s, an hour, a day.
    fn default() -> Self {
        const SECOND: i64 = 1_000_000_000;
        Self {
            bytes: 64 << 20,
            message: 256 << 10,
            window: 256 << 10,
            gap_ns: 2 * SECOND,
            unproven_ns: 30 * SECOND,
            idle_ns: 3600 * SECOND,
            sealed_idle_ns: 86_400 * SECOND,
        }
    }
}

/// A message that came in a stream.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamMessage {
    /// From where to where.
    pub flow: Flow,
    /// What carried it.
    pub transport: SipTransport,
    /// When the last of it was captured.
    pub time: PacketTime,
    /// The message: its end may be missing.
    pub bytes: Box<[u8]>,
}

/// A length, and neither address nor text: those are personal.
impl fmt::Debug for StreamMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamMessage")
            .field("transport", &self.transport)
            .field("time", &self.time)
            .field("len", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// The connections that may carry SIP, and what they bring.
///
/// Invariants: `ages` holds each key of `table` once, with the standing and the time of its slot; `deadlines` holds the keys
/// whose slot has a deadline, with that; `held` is the sum of the slots' `cost`, and never above the budget.
pub struct Streams {
    limits: StreamLimits,
    table: HashMap<Flow, Slot, RandomState>,
    ages: BTreeSet<(Standing, PacketTime, Flow)>,
    deadlines: BTreeSet<(PacketTime, Flow)>,
    messages: VecDeque<StreamMessage>,
    held: usize,
    losses: StreamLosses,
    /// `None`: nobody gives any, and nothing is held for them.
    keys: Option<Box<Keys>>,
    /// Connections in TLS in which something was read.
    opened: u64,
}

/// Counts, and no address: those are personal.
impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams")
            .field("connections", &self.table.len())
            .field("held", &self.held)
            .field("losses", &self.losses)
            .finish_non_exhaustive()
    }
}

/// Whether a connection has brought a message: those that have are the last to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Standing {
    #[default]
    Unproven,
    Proven,
    /// In TLS.
    Sealed,
}

/// The place of a connection in the table.
struct Slot {
    state: State,
    standing: Standing,
    last: PacketTime,
    deadline: Option<PacketTime>,
    cost: usize,
}

/// Where what is read goes.
struct Sink<'s> {
    limits: &'s StreamLimits,
    losses: &'s mut StreamLosses,
    messages: &'s mut VecDeque<StreamMessage>,
    standing: Standing,
    /// The lower end of the connection first.
    key: Flow,
    flow: Flow,
    time: PacketTime,
    /// Messages handed over before these bytes were read.
    before: usize,
    keys: Option<&'s Keys>,
    opened: &'s mut u64,
    /// Of the connection, while something is done to it.
    tls: Option<Box<Both>>,
    /// What is read was said in TLS.
    is_in_tls: bool,
}

impl Streams {
    /// None yet.
    #[must_use]
    pub fn new(limits: StreamLimits) -> Self {
        Self {
            limits,
            table: HashMap::default(),
            ages: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            messages: VecDeque::new(),
            held: 0,
            losses: StreamLosses::default(),
            keys: None,
            opened: 0,
        }
    }

    /// Takes whole lines of a key log, and ports on which TLS is taken for SIP beside those of SIP. What was held for these
    /// keys is read.
    pub fn handle_keys(&mut self, key_log: &[u8], ports: &[u16]) {
        let keys = self.keys.get_or_insert_default();
        keys.ports.extend(ports);
        keys.ports.sort_unstable();
        keys.ports.dedup();
        keys.log.handle_text(key_log);
        // Whatever is held has a deadline.
        let held: Vec<Flow> = self.deadlines.iter().map(|&(_, key)| key).collect();
        let before = self.messages.len();
        for key in held {
            self.act((key, key), PacketTime::from_nanos(i64::MIN), State::handle_keys);
        }
        // Directions were read one after the other.
        let read = self.messages.make_contiguous().get_mut(before..).unwrap_or_default();
        read.sort_by_key(|message| message.time);
        self.make_room();
    }

    /// What became of the keys that were given.
    #[must_use]
    pub fn tls(&self) -> TlsCounts {
        let log = self.keys.as_ref().map(|keys| keys.log.counts()).unwrap_or_default();
        TlsCounts {
            opened: self.opened,
            secrets: log.secrets,
            other_lines: log.other_lines,
            forgotten: log.forgotten,
        }
    }

    /// Takes a segment that was captured at `at`. What comes of it is fetched by [`poll_message`](Self::poll_message).
    #[inline]
    pub fn handle_segment(&mut self, segment: &TcpSegment<'_>, at: PacketTime) {
        let (key, end) = ends(segment.flow);
        if !self.table.contains_key(&key) && !segment.flags.syn {
            if segment.payload.is_empty() {
                return;
            }
            let Some(beginning) = judge_anywhere(segment.payload).or_else(|| self.client_hello(segment))
            else {
                self.handle_stranger(segment);
                return;
            };
            self.forget_old(at);
            self.put((key, at), State::picked_up(end, segment, beginning));
        }
        self.handle_ours((key, end), segment, at);
    }

    /// Gives up what is missing, and forgets what is idle, at `now`.
    pub fn handle_time(&mut self, now: PacketTime) {
        while let Some(&(due, key)) = self.deadlines.first()
            && due <= now
        {
            self.act((key, key), due, |state, sink| state.handle_time(due, sink));
        }
        self.make_room();
        self.forget_old(now);
    }

    /// The capture is over: what is there of messages is handed over, and every connection forgotten.
    pub fn handle_end(&mut self) {
        while let Some(&(_, at, key)) = self.ages.first() {
            self.forget(key, at);
        }
    }

    /// The next message: those of one direction in their order.
    #[inline]
    pub fn poll_message(&mut self) -> Option<StreamMessage> {
        self.messages.pop_front()
    }

    /// When [`handle_time`](Self::handle_time) has something to give up, if nothing comes until then.
    #[inline]
    #[must_use]
    pub fn next_deadline(&self) -> Option<PacketTime> {
        self.deadlines.first().map(|&(due, _)| due)
    }

    /// What was not read so far, by cause.
    #[must_use]
    pub const fn losses(&self) -> &StreamLosses {
        &self.losses
    }

    /// Connections in the table.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.table.len()
    }

    /// Bytes of everything in the table.
    #[must_use]
    pub const fn held_bytes(&self) -> usize {
        self.held
    }

    /// A segment of a connection that has no place and gets none.
    fn handle_stranger(&mut self, segment: &TcpSegment<'_>) {
        if is_client_hello(segment.payload) && is_sip_port(segment.flow, &[]) {
            self.losses.count(StreamLoss::Encrypted);
        }
    }

    /// A ClientHello that is read, though its SYN was not seen.
    fn client_hello(&self, segment: &TcpSegment<'_>) -> Option<Beginning> {
        let keys = self.keys.as_ref().filter(|_| is_client_hello(segment.payload))?;
        let is_sip = is_sip_port(segment.flow, &keys.ports);
        (keys.admit(segment.payload, is_sip) == Admission::Yes).then_some(Beginning::Tls(Role::Client))
    }

    fn handle_ours(&mut self, (key, end): (Flow, End), segment: &TcpSegment<'_>, at: PacketTime) {
        self.forget_old(at);
        if !self.table.contains_key(&key) {
            let state = match judge_anywhere(segment.payload) {
                Some(beginning) if !segment.flags.syn => State::picked_up(end, segment, beginning),
                _ if segment.flags.syn && !segment.flags.rst => State::opening(),
                Some(_) | None => return,
            };
            self.put((key, at), state);
        }
        self.act((key, segment.flow), at, |state, sink| state.handle_segment(end, segment, at, sink));
        self.make_room();
    }

    /// Does something to the connection of `key`, on behalf of `flow`, and sees what it has come to.
    fn act(
        &mut self,
        (key, flow): (Flow, Flow),
        at: PacketTime,
        act: impl FnOnce(&mut State, &mut Sink<'_>) -> Fate,
    ) {
        let Some(slot) = self.table.get_mut(&key) else { return };
        let before = (slot.standing, slot.last);
        let mut sink = Sink {
            limits: &self.limits,
            losses: &mut self.losses,
            messages: &mut self.messages,
            standing: slot.standing,
            key,
            flow,
            time: at,
            before: 0,
            keys: self.keys.as_deref(),
            opened: &mut self.opened,
            tls: None,
            is_in_tls: false,
        };
        let fate = act(&mut slot.state, &mut sink);
        slot.standing = sink.standing;
        slot.last = slot.last.max(at);
        if fate == Fate::Forgotten {
            self.ages.remove(&(before.0, before.1, key));
            self.take_out(key);
            return;
        }
        let after = (slot.standing, slot.last);
        if before != after {
            self.ages.remove(&(before.0, before.1, key));
            self.ages.insert((after.0, after.1, key));
        }
        let deadline = slot.state.deadline(&self.limits);
        if deadline != slot.deadline {
            self.deadlines.extend(deadline.map(|due| (due, key)));
            if let Some(old) = std::mem::replace(&mut slot.deadline, deadline) {
                self.deadlines.remove(&(old, key));
            }
        }
        let cost = PLACE_BYTES + slot.state.held();
        self.held = self.held - slot.cost + cost;
        slot.cost = cost;
    }

    fn put(&mut self, (key, at): (Flow, PacketTime), state: State) {
        let cost = PLACE_BYTES + state.held();
        self.held += cost;
        self.ages.insert((Standing::Unproven, at, key));
        self.table.insert(key, Slot { state, standing: Standing::Unproven, last: at, deadline: None, cost });
    }

    /// Takes the slot of `key` out of the table; it is in `ages` no more.
    fn take_out(&mut self, key: Flow) {
        let Some(slot) = self.table.remove(&key) else { return };
        self.held -= slot.cost;
        if let Some(due) = slot.deadline {
            self.deadlines.remove(&(due, key));
        }
    }

    /// Forgets the connection of `key`; what is there of a message is handed over.
    fn forget(&mut self, key: Flow, at: PacketTime) {
        self.act((key, key), at, |state, sink| {
            state.finish(sink);
            Fate::Forgotten
        });
    }

    /// Forgets what was not heard of for too long.
    fn forget_old(&mut self, now: PacketTime) {
        for (standing, patience) in [
            (Standing::Unproven, self.limits.unproven_ns),
            (Standing::Proven, self.limits.idle_ns),
            (Standing::Sealed, self.limits.sealed_idle_ns),
        ] {
            let from = (standing, PacketTime::from_nanos(i64::MIN), LOWEST);
            while let Some(&(found, last, key)) = self.ages.range(from..).next()
                && found == standing
                && now.since(last) > patience
            {
                self.forget(key, last);
            }
        }
    }

    /// Forgets the oldest until the rest is within the budget.
    fn make_room(&mut self) {
        while self.held > self.limits.bytes
            && let Some(&(_, last, key)) = self.ages.first()
        {
            self.losses.count(StreamLoss::Evicted);
            self.forget(key, last);
        }
    }
}

impl Sink<'_> {
    /// The bytes that are read next were captured at `time`.
    fn begin(&mut self, time: PacketTime) {
        self.time = time;
        self.before = self.messages.len();
    }

    /// Whether those bytes brought a message.
    fn told(&self) -> Standing {
        if self.messages.len() > self.before { Standing::Proven } else { Standing::Unproven }
    }

    /// Hands a message over.
    fn tell(&mut self, transport: SipTransport, bytes: &[u8]) {
        self.standing = if self.is_in_tls { Standing::Sealed } else { self.standing.max(Standing::Proven) };
        let (flow, time) = (self.flow, self.time);
        let transport = if self.is_in_tls { transport.in_tls() } else { transport };
        self.messages.push_back(StreamMessage { flow, transport, time, bytes: bytes.into() });
    }

    /// Hands over what came in WebSocket frames; nothing but line ends is a keep-alive (RFC 7118, section 6).
    fn tell_framed(&mut self, bytes: &[u8]) {
        if looks_like(bytes) {
            self.tell(SipTransport::Ws, bytes);
        } else if !bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            self.losses.count(StreamLoss::NotSip);
        }
    }

    fn count_encrypted(&mut self) {
        if self.is_sip_port() {
            self.losses.count(StreamLoss::Encrypted);
        }
    }

    /// Whether TLS on it is taken for SIP.
    fn is_sip_port(&self) -> bool {
        is_sip_port(self.flow, self.keys.map_or(&[], |keys| &keys.ports))
    }
}

/// The smallest key there is.
const LOWEST: Flow = {
    let end = std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);
    Flow { src: end, dst: end }
};

/// The name of a connection, which both its directions have in common, and whose direction this one is.
#[inline]
fn ends(flow: Flow) -> (Flow, End) {
    if flow.src <= flow.dst { (flow, End::Low) } else { (flow.reversed(), End::High) }
}

fn is_sip_port(flow: Flow, others: &[u16]) -> bool {
    [flow.src, flow.dst].iter().any(|end| SIP_PORTS.contains(&end.port()) || others.contains(&end.port()))
}
