//! IP packets that came in pieces, put together again.
//!
//! `etherparse`'s `defrag` is not used: its pool has no bound in count, bytes or time and says so, it merges overlapping
//! pieces silently with the later bytes winning, and a mirror that copies every frame starts a second packet that never
//! ends. Here an overlap refuses the packet (RFC 5722 asks for that, and what a recorder keeps must not depend on whose
//! reading of two pieces it took), every bound is counted when it strikes, and a copy of a piece is told from a new one.

mod assembly;
mod losses;

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

use earwitness_model::PacketTime;

use self::assembly::{Assembly, Progress};
use crate::{
    Carried, Fragment, Tunnel,
    decode::{FirstFragment, decode_reassembled},
};

pub use losses::{FragmentLoss, FragmentLosses};

/// What a [`Reassembler`] may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReassemblyLimits {
    /// IP packets at a time, those remembered to know their copies included; at least 1.
    pub datagrams: usize,
    /// Bytes of fragments at a time.
    pub bytes: usize,
    /// How long after its first fragment a packet is given up, in ns.
    pub lifetime_ns: i64,
}

impl Default for ReassemblyLimits {
    /// 1,024 packets, 8 MiB, 30 s: the time that Linux waits, half of what RFC 8200, section 4.5, allows.
    fn default() -> Self {
        Self { datagrams: 1024, bytes: 8 << 20, lifetime_ns: 30_000_000_000 }
    }
}

/// What became of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reassembled<'r> {
    /// Others are missing, or it is a copy of one that came before.
    Pending,
    /// It was the last that was missing: what the whole packet carries, borrowed until the next fragment.
    Whole(Carried<'r>),
    /// The packet it belongs to is lost, and why. Each of its later fragments gives the same answer and is not counted.
    Refused(FragmentLoss),
}

/// Puts fragments together, in any order, within fixed bounds.
///
/// Invariants: `waiting` and `finished` hold each key of `table` exactly once, together, oldest first; `held` is the sum
/// of the bytes in `table` and never above the limit, nor `table.len()` above its own.
#[derive(Debug)]
pub struct Reassembler {
    limits: ReassemblyLimits,
    table: HashMap<Key, Slot>,
    waiting: VecDeque<Key>,
    finished: VecDeque<Key>,
    held: usize,
    losses: FragmentLosses,
}

/// What became of a fragment, and which packet it made whole.
#[derive(Debug, Clone, Copy)]
enum Taken {
    Pending,
    Whole(Key),
    Refused(FragmentLoss),
}

/// What the fragments of one packet have in common (RFC 791, section 3.2; RFC 8200, section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    /// 0 in IPv6, where the fragments may differ in it.
    protocol: u8,
    id: u32,
}

#[derive(Debug)]
struct Slot {
    since: PacketTime,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting(Assembly),
    /// Put together and handed over; kept to know copies of its fragments.
    Whole(Assembly),
    Refused(FragmentLoss),
}

impl Reassembler {
    /// An empty one.
    #[must_use]
    pub fn new(limits: ReassemblyLimits) -> Self {
        let limits = ReassemblyLimits { datagrams: limits.datagrams.max(1), ..limits };
        Self {
            limits,
            table: HashMap::new(),
            waiting: VecDeque::new(),
            finished: VecDeque::new(),
            held: 0,
            losses: FragmentLosses::default(),
        }
    }

    /// Takes in a fragment that was captured at `now`. Where a whole packet is a tunnel with a fragment in it, that one is
    /// taken in too: it lies in one tunnel more, so that this ends.
    pub fn handle_fragment(&mut self, fragment: &Fragment<'_>, now: PacketTime) -> Reassembled<'_> {
        self.handle_time(now);
        let mut taken = self.take(fragment, now);
        for _ in 0..Tunnel::MAX_LAYERS {
            let Taken::Whole(key) = taken else { break };
            let Some((first, bytes)) = self.nesting(&key) else { break };
            let Ok(Carried::Fragment(inner)) = decode_reassembled(&first, &bytes) else { break };
            taken = self.take(&inner, now);
        }
        match taken {
            Taken::Pending => Reassembled::Pending,
            Taken::Refused(loss) => Reassembled::Refused(loss),
            Taken::Whole(key) => self.carried(&key).map_or(Reassembled::Pending, Reassembled::Whole),
        }
    }

    fn take(&mut self, fragment: &Fragment<'_>, now: PacketTime) -> Taken {
        let key = Key::of(fragment);
        match self.table.get(&key).map(|slot| &slot.state) {
            Some(State::Refused(loss)) => return Taken::Refused(*loss),
            Some(State::Whole(whole)) if whole.holds(fragment) => return Taken::Pending,
            // The sender has come round to this identification again.
            Some(State::Whole(_)) => self.forget_finished(&key),
            Some(State::Waiting(_)) | None => {}
        }
        if !self.make_room(&key, fragment.bytes.len()) {
            self.losses.count(FragmentLoss::TableFull);
            return Taken::Refused(FragmentLoss::TableFull);
        }
        match self.add(key, fragment, now) {
            Ok(Progress::Pending) => Taken::Pending,
            Ok(Progress::Whole) => self.finish(&key),
            Err(loss) => {
                self.refuse(&key, loss);
                Taken::Refused(loss)
            }
        }
    }

    /// Gives up what is older than its lifetime at `now`. [`handle_fragment`](Self::handle_fragment) does it too; this is
    /// for a link without fragments.
    pub fn handle_time(&mut self, now: PacketTime) {
        let lifetime = self.limits.lifetime_ns;
        let is_old = |slot: Option<&Slot>| slot.is_some_and(|slot| now.since(slot.since) > lifetime);
        while let Some(key) = self.waiting.front().copied() {
            if !is_old(self.table.get(&key)) {
                break;
            }
            self.give_up_oldest(FragmentLoss::Expired);
        }
        while let Some(key) = self.finished.front().copied() {
            if !is_old(self.table.get(&key)) {
                break;
            }
            self.forget_oldest_finished();
        }
    }

    /// Packets lost so far, by cause.
    #[must_use]
    pub const fn losses(&self) -> &FragmentLosses {
        &self.losses
    }

    /// Packets of which fragments are missing.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Packets in the table: those waiting and those remembered.
    #[must_use]
    pub fn tracked(&self) -> usize {
        self.table.len()
    }

    /// Bytes of fragments in the table.
    #[must_use]
    pub const fn held_bytes(&self) -> usize {
        self.held
    }

    /// Makes room for `len` bytes under `key`: what is only remembered goes first, then the oldest that waits.
    fn make_room(&mut self, key: &Key, len: usize) -> bool {
        if len > self.limits.bytes {
            return false;
        }
        while self.held + len > self.limits.bytes
            || (self.table.len() >= self.limits.datagrams && !self.table.contains_key(key))
        {
            if !self.forget_oldest_finished() && !self.give_up_oldest(FragmentLoss::TableFull) {
                return false;
            }
        }
        true
    }

    fn add(&mut self, key: Key, fragment: &Fragment<'_>, now: PacketTime) -> Result<Progress, FragmentLoss> {
        let waiting = &mut self.waiting;
        let slot = self.table.entry(key).or_insert_with(|| {
            waiting.push_back(key);
            Slot { since: now, state: State::Waiting(Assembly::default()) }
        });
        let State::Waiting(assembly) = &mut slot.state else {
            return Ok(Progress::Pending);
        };
        let before = assembly.held();
        let progress = assembly.add(fragment);
        self.held += assembly.held() - before;
        progress
    }

    /// Ends the wait for the packet of `key`, of which nothing is missing any more.
    fn finish(&mut self, key: &Key) -> Taken {
        if self.carried(key).is_none() {
            self.refuse(key, FragmentLoss::Unreadable);
            return Taken::Refused(FragmentLoss::Unreadable);
        }
        self.waiting.retain(|other| other != key);
        self.finished.push_back(*key);
        if let Some(Slot { state, .. }) = self.table.get_mut(key)
            && let State::Waiting(assembly) = state
        {
            *state = State::Whole(std::mem::take(assembly));
        }
        Taken::Whole(*key)
    }

    /// What the packet of `key` carries, of which nothing is missing.
    fn carried(&mut self, key: &Key) -> Option<Carried<'_>> {
        match &mut self.table.get_mut(key)?.state {
            State::Waiting(whole) | State::Whole(whole) => whole.carried(),
            State::Refused(_) => None,
        }
    }

    /// The whole packet of `key`, if it carries a fragment: a copy, because the packet itself stays here to be known again.
    fn nesting(&mut self, key: &Key) -> Option<(FirstFragment, Vec<u8>)> {
        match &mut self.table.get_mut(key)?.state {
            State::Waiting(whole) | State::Whole(whole) => whole.nesting(),
            State::Refused(_) => None,
        }
    }

    /// Drops the bytes of `key` and remembers that it is refused, so that its later fragments do not begin it anew.
    fn refuse(&mut self, key: &Key, loss: FragmentLoss) {
        self.losses.count(loss);
        self.waiting.retain(|other| other != key);
        self.finished.push_back(*key);
        if let Some(slot) = self.table.get_mut(key) {
            self.held -= slot.state.held();
            slot.state = State::Refused(loss);
        }
    }

    fn give_up_oldest(&mut self, loss: FragmentLoss) -> bool {
        let Some(key) = self.waiting.pop_front() else {
            return false;
        };
        self.losses.count(loss);
        self.remove(&key);
        true
    }

    fn forget_oldest_finished(&mut self) -> bool {
        let Some(key) = self.finished.pop_front() else {
            return false;
        };
        self.remove(&key);
        true
    }

    fn forget_finished(&mut self, key: &Key) {
        self.finished.retain(|other| other != key);
        self.remove(key);
    }

    fn remove(&mut self, key: &Key) {
        if let Some(slot) = self.table.remove(key) {
            self.held -= slot.state.held();
        }
    }
}

impl State {
    const fn held(&self) -> usize {
        match self {
            Self::Waiting(assembly) | Self::Whole(assembly) => assembly.held(),
            Self::Refused(_) => 0,
        }
    }
}

impl Key {
    const fn of(fragment: &Fragment<'_>) -> Self {
        let protocol = match fragment.src {
            IpAddr::V4(_) => fragment.protocol,
            IpAddr::V6(_) => 0,
        };
        Self { src: fragment.src, dst: fragment.dst, protocol, id: fragment.id }
    }
}
