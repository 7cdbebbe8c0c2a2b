//! The lock on one track: its packets are, or may be, SRTP.

use std::sync::Arc;

use earwitness_model::Flag;
use earwitness_srtp::{Cipher, Opened, Source};

use crate::secured::Exchange;

/// Refused packets in a row after which a track counts as closed, whatever was opened of it before: a second of talk.
const MANY: u64 = 50;
/// Packets in a row that wait for a key that is on its way: five seconds of talk.
const MOST_WAITING: u16 = 250;

/// After so many packets from the first on that no key opened, one of [`SELDOM`] is tried until something new is said.
const FRUITLESS: u32 = 250;
const SELDOM: u32 = 64;

/// What is said of a track's protection.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) certainty: Certainty,
    pub(super) exchange: Exchange,
    /// The likeliest last.
    pub(super) ciphers: Vec<Arc<Cipher>>,
    /// Whether the party that sends has still to say its keys.
    pub(super) awaits: Awaits,
}

/// Whether a packet that no key opens may be taken as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Certainty {
    /// No: both ends said SRTP. What is not opened is not kept.
    Srtp,
    /// Yes: one end said SRTP and the other RTP, as while an offer is not answered. What a key opens is SRTP, the rest is RTP.
    Either,
}

/// Whether keys are on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaits {
    /// The sender's SDP was not seen yet.
    Keys,
    /// Everything was said.
    Nothing,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was opened.
    Opened,
    /// It is RTP.
    AsItIs,
    /// It is SRTP, and stays closed.
    Refused,
}

/// The lock of one track.
#[derive(Debug)]
pub(super) struct Lock {
    source: Source,
    certainty: Certainty,
    exchange: Exchange,
    awaits: Awaits,
    opened: u64,
    refused: u64,
    /// Refused since the last one that was taken.
    in_a_row: u64,
    seen: Seen,
    waiting: u16,
    /// Packets that no key opened since one did, or since something new was said; 1 at the least after the first.
    fruitless: u32,
}

/// Which of the latest refused packets were seen: a mirror shows many twice.
#[derive(Debug, Default)]
struct Seen {
    latest: u16,
    /// Bit n: the packet n before the latest.
    before: u64,
}

/// What packets of one leg could not be opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// There is no key, or none that fits.
    NoKey(Flag),
    /// Some were not authentic; the others were opened.
    NotAuthentic,
}

impl Lock {
    pub(super) fn new(said: Said) -> Self {
        let mut lock = Self {
            source: Source::default(),
            certainty: said.certainty,
            exchange: said.exchange,
            awaits: said.awaits,
            opened: 0,
            refused: 0,
            in_a_row: 0,
            seen: Seen::default(),
            waiting: 0,
            fruitless: 0,
        };
        lock.handle_said(Some(said));
        lock
    }

    /// Something else is said from now on; `None`: that it is RTP. Keys that were said before may still be in use.
    pub(super) fn handle_said(&mut self, said: Option<Said>) {
        let Some(Said { certainty, exchange, ciphers, awaits }) = said else {
            self.certainty = Certainty::Either;
            return;
        };
        (self.certainty, self.exchange, self.awaits) = (certainty, exchange, awaits);
        self.source.add(&ciphers);
        (self.waiting, self.fruitless) = (0, 0);
    }

    /// Opens a datagram's payload; what was in it is in `plain` then.
    pub(super) fn open(&mut self, payload: &[u8], plain: &mut Vec<u8>) -> Taken {
        match (self.try_keys(payload, plain), self.certainty) {
            (Opened::Plain, _) => {
                self.opened += 1;
                (self.in_a_row, self.waiting, self.fruitless) = (0, 0, 0);
                Taken::Opened
            }
            (Opened::Refused, Certainty::Either) => {
                self.in_a_row = 0;
                Taken::AsItIs
            }
            (Opened::Refused, Certainty::Srtp) => Taken::Refused,
        }
    }

    /// Keys that never fitted are not tried for ever: each costs as much as opening a packet. One that did is, however many
    /// packets somebody forges.
    fn try_keys(&mut self, payload: &[u8], plain: &mut Vec<u8>) -> Opened {
        let seldom = self.opened == 0 && self.fruitless >= FRUITLESS;
        let is_tried = !seldom || self.fruitless.is_multiple_of(SELDOM);
        self.fruitless = self.fruitless.wrapping_add(1).max(1);
        if is_tried {
            return self.source.open(payload, plain);
        }
        plain.clear();
        Opened::Refused
    }

    /// Whether the key of a packet that was refused may be on its way: its SDP was not seen yet, or, where `orders_lag` behind
    /// packets, a new one was said.
    pub(super) const fn may_wait(&mut self, orders_lag: bool) -> bool {
        let new_key = orders_lag && matches!(self.exchange, Exchange::Sdes);
        let may = self.waiting < MOST_WAITING && (new_key || matches!(self.awaits, Awaits::Keys));
        if may {
            self.waiting += 1;
        }
        may
    }

    /// The packet with this number was refused for good. One that is seen again counts once.
    pub(super) const fn handle_refused(&mut self, sequence: u16) {
        if self.seen.is_new(sequence) {
            self.refused += 1;
            self.in_a_row += 1;
        }
    }

    /// Whether anything was opened.
    pub(super) const fn is_open(&self) -> bool {
        self.opened > 0
    }

    /// Packets of a track that could not be opened at all, or not any more.
    pub(super) const fn closed_packets(&self) -> u64 {
        if self.opened == 0 || self.in_a_row >= MANY { self.in_a_row } else { 0 }
    }

    /// What is to be said of packets that were refused, when `leg_is_open`: others of its leg were opened.
    pub(super) const fn closed(&self, leg_is_open: bool) -> Option<Closed> {
        if self.refused == 0 {
            return None;
        }
        if self.in_a_row < MANY && leg_is_open {
            return Some(Closed::NotAuthentic);
        }
        let flag = if self.source.is_empty() { self.exchange.flag() } else { Flag::KeysUnknown };
        Some(Closed::NoKey(flag))
    }
}

impl Seen {
    const fn is_new(&mut self, sequence: u16) -> bool {
        let ahead = sequence.wrapping_sub(self.latest);
        let behind = self.latest.wrapping_sub(sequence);
        if behind < 64 {
            let bit = 1 << behind;
            let is_new = self.before & bit == 0;
            self.before |= bit;
            return is_new;
        }
        self.before = if ahead < 64 { self.before << ahead | 1 } else { 1 };
        self.latest = sequence;
        true
    }
}

/// What is said of a call's protection, from the locks of one leg.
pub(super) fn flags<'l>(locks: impl Iterator<Item = &'l Lock> + Clone) -> Vec<Flag> {
    let leg_is_open = locks.clone().any(Lock::is_open);
    let mut flags = Vec::new();
    flags.extend(leg_is_open.then_some(Flag::Sdes));
    for closed in locks.filter_map(|lock| lock.closed(leg_is_open)) {
        match closed {
            Closed::NoKey(flag) => flags.extend([Flag::Encrypted, flag]),
            Closed::NotAuthentic => flags.push(Flag::NotAuthentic),
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(certainty: Certainty, awaits: Awaits) -> Lock {
        Lock::new(Said { certainty, exchange: Exchange::Dtls, ciphers: Vec::new(), awaits })
    }

    #[test]
    fn without_a_key_a_packet_is_refused_or_taken_as_it_is_as_both_ends_said() {
        let mut plain = Vec::new();
        assert_eq!(lock(Certainty::Srtp, Awaits::Nothing).open(&[0x80; 40], &mut plain), Taken::Refused);
        assert_eq!(lock(Certainty::Either, Awaits::Nothing).open(&[0x80; 40], &mut plain), Taken::AsItIs);
        let mut lock = lock(Certainty::Srtp, Awaits::Nothing);
        lock.handle_said(None);
        assert_eq!(lock.open(&[0x80; 40], &mut plain), Taken::AsItIs);
    }

    #[test]
    fn so_many_packets_wait_for_a_key_that_is_on_its_way() {
        assert!(!lock(Certainty::Srtp, Awaits::Nothing).may_wait(false));
        let mut lock = lock(Certainty::Srtp, Awaits::Keys);
        assert_eq!((0..1000).filter(|_| lock.may_wait(false)).count(), usize::from(MOST_WAITING));
    }

    #[test]
    fn a_few_refused_packets_of_an_open_leg_are_not_authentic_and_many_are_closed() {
        let mut lock = lock(Certainty::Srtp, Awaits::Nothing);
        assert_eq!(lock.closed(false), None);
        lock.handle_refused(7);
        assert_eq!(lock.closed(true), Some(Closed::NotAuthentic));
        assert_eq!(lock.closed(false), Some(Closed::NoKey(Flag::Dtls)));
        (1..MANY as u16).for_each(|n| lock.handle_refused(7 + n));
        assert_eq!(lock.closed(true), Some(Closed::NoKey(Flag::Dtls)));
        assert_eq!(flags([&lock].into_iter()), [Flag::Encrypted, Flag::Dtls]);
    }

    #[test]
    fn keys_that_do_not_fit_are_tried_seldom_until_something_new_is_said() {
        let said = || {
            let suite = earwitness_srtp::Suite::AesCm128Tag80;
            let master = earwitness_srtp::MasterKey::new(suite, &[1; 16], &[2; 14]).unwrap();
            Said {
                certainty: Certainty::Either,
                exchange: Exchange::Sdes,
                ciphers: vec![Arc::new(Cipher::new(master))],
                awaits: Awaits::Nothing,
            }
        };
        let mut lock = Lock::new(said());
        let tried = |lock: &mut Lock, packets: u32| {
            let tried = |lock: &mut Lock| lock.fruitless < FRUITLESS || lock.fruitless.is_multiple_of(SELDOM);
            let mut plain = Vec::new();
            (0..packets)
                .filter(|_| {
                    let is_tried = tried(lock);
                    assert_eq!(lock.open(&[0x80; 40], &mut plain), Taken::AsItIs);
                    is_tried
                })
                .count()
        };
        assert_eq!(tried(&mut lock, 250), 250);
        assert_eq!(tried(&mut lock, 6_400), 100);
        lock.handle_said(Some(said()));
        assert_eq!(tried(&mut lock, 10), 10);
    }

    #[test]
    fn what_is_seen_again_counts_once() {
        let mut lock = lock(Certainty::Srtp, Awaits::Nothing);
        for sequence in [0, 0, 65_535, 1, 65_535, 3, 2, 2, 3, 60, 61, 200, 60] {
            lock.handle_refused(sequence);
        }
        // Of the 60 nobody remembers that it came before, that far behind the 200.
        assert_eq!((lock.refused, lock.closed_packets()), (9, 9));
    }
}
