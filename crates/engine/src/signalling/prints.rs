//! The same audio in two calls: an exchange sends on what it receives, and nothing in its SIP says so. Equal payload alone
//! shows nothing: an announcement or music on hold is played to many. What came to a host in one call and left it in the
//! other, several times and always as late, was sent on.

use std::collections::VecDeque;

use earwitness_model::{CallId, Evidence};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::Signalling;
use crate::order::{CallSlot, Print};

/// Prints remembered of all calls, with room for them from the beginning; the oldest gives way. A hundred calls that begin in
/// one second have less than half of them.
const MOST_PRINTS: usize = 1 << 13;
/// Pairs of calls that are compared at a time; more are not begun.
const MOST_PAIRS: usize = 1 << 12;
/// An exchange sends on what it received within this, ns.
const MOST_DELAY_NANOS: i64 = 1_000_000_000;
/// How much the delays of one pair differ at most, ns.
const MOST_APART_NANOS: i64 = 100_000_000;
/// Different payloads that must be equal.
const LEAST_EQUAL: u8 = 3;

/// Prints of the running calls' audio.
#[derive(Debug)]
pub(super) struct Prints {
    by_hash: HashMap<u64, (CallSlot, CallId, Print), RandomState>,
    /// Their hashes, oldest first.
    order: VecDeque<u64>,
    pairs: HashMap<(CallSlot, CallSlot), Pair, RandomState>,
}

/// What two calls have in common so far.
#[derive(Debug)]
struct Pair {
    delay: i64,
    equal: u8,
}

impl Default for Prints {
    fn default() -> Self {
        Self {
            by_hash: HashMap::with_capacity_and_hasher(MOST_PRINTS + 1, RandomState::default()),
            order: VecDeque::with_capacity(MOST_PRINTS + 1),
            pairs: HashMap::default(),
        }
    }
}

impl Prints {
    /// A print of the call's audio: the call that it is now known to be one conversation with.
    fn handle(&mut self, (call, id): (CallSlot, CallId), print: Print) -> Option<(CallSlot, CallId)> {
        match self.by_hash.get(&print.hash).copied() {
            None => {
                if self.order.len() == MOST_PRINTS
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.by_hash.remove(&oldest);
                }
                self.order.push_back(print.hash);
                self.by_hash.insert(print.hash, (call, id, print));
                None
            }
            Some((_, other, _)) if other == id => None,
            Some((.., known)) if print.at.since(known.at) > MOST_DELAY_NANOS => {
                // An old one, perhaps of a call that is gone, tells nothing of this one.
                self.by_hash.insert(print.hash, (call, id, print));
                None
            }
            Some((slot, other, known)) => {
                let delay = sent_on(&known, &print).or_else(|| sent_on(&print, &known))?;
                self.compare((call, slot), delay).then_some((slot, other))
            }
        }
    }

    /// One payload more that two calls have in common; whether these are now enough.
    fn compare(&mut self, (one, other): (CallSlot, CallSlot), delay: i64) -> bool {
        let key = (one.min(other), one.max(other));
        if self.pairs.len() >= MOST_PAIRS && !self.pairs.contains_key(&key) {
            return false;
        }
        let pair = self.pairs.entry(key).or_insert(Pair { delay, equal: 0 });
        if (delay - pair.delay).abs() <= MOST_APART_NANOS {
            pair.equal = pair.equal.saturating_add(1);
        }
        pair.equal == LEAST_EQUAL
    }

    /// The call is gone.
    pub(super) fn forget(&mut self, call: CallSlot) {
        if !self.pairs.is_empty() {
            self.pairs.retain(|(one, other), _| *one != call && *other != call);
        }
    }
}

/// How long after the first print the second was taken, ns, when the host that the first was sent to sent the second.
fn sent_on(first: &Print, second: &Print) -> Option<i64> {
    let delay = second.at.since(first.at);
    ((0..=MOST_DELAY_NANOS).contains(&delay) && first.to == second.from).then_some(delay)
}

impl Signalling {
    /// A print was taken of the audio of the call called `id`.
    pub(super) fn handle_printed(&mut self, slot: CallSlot, id: CallId, print: Print) {
        let is = |slot, id| self.call(slot).is_some_and(|call| call.id == id);
        if !is(slot, id) {
            return;
        }
        let found = self.prints.handle((slot, id), print);
        if let Some((other, known)) = found
            && self.call(other).is_some_and(|call| call.id == known)
        {
            self.relate(slot, other, Evidence::Payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use earwitness_model::PacketTime;

    use super::*;

    const IN: (CallSlot, CallId) = (CallSlot(1), CallId::from_bytes([1; 16]));
    const OUT: (CallSlot, CallId) = (CallSlot(2), CallId::from_bytes([2; 16]));

    fn print(hash: u64, ms: i64, (from, to): (u8, u8)) -> Print {
        let ip = |last| [10, 0, 0, last].into();
        Print { hash, at: PacketTime::from_nanos(ms * 1_000_000), from: ip(from), to: ip(to) }
    }

    /// After how many payloads that came to the first host and left the second, so many ms later, the calls are one.
    fn found_after(way: [(u8, u8); 2], delays: &[i64]) -> Option<usize> {
        let mut prints = Prints::default();
        (0u64..).zip(delays).position(|(n, delay)| {
            let ms = n as i64 * 20;
            prints.handle(IN, print(n, ms, way[0]));
            prints.handle(OUT, print(n, ms + delay, way[1])).is_some()
        })
    }

    #[test]
    fn what_came_to_a_host_and_left_it_as_late_each_time_was_sent_on() {
        let through = [(5, 9), (9, 21)];
        assert_eq!(found_after(through, &[7; 5]), Some(2));
        assert_eq!(found_after(through, &[-7; 5]), None, "the other way round");
        assert_eq!(found_after(through, &[7, 500, 7, 7]), Some(3), "one is chance");
        assert_eq!(found_after(through, &[1500; 5]), None, "an answering machine");
        assert_eq!(found_after([(9, 5), (9, 21)], &[7; 5]), None, "music on hold for two");
        assert_eq!(found_after([(5, 9), (6, 9)], &[7; 5]), None);
        assert_eq!(found_after(through, &[7; 2]), None);
    }

    #[test]
    fn prints_are_bounded_and_pairs_of_a_call_that_is_gone_are_forgotten() {
        let mut prints = Prints::default();
        let found = (0..2 * MOST_PRINTS as u64).filter_map(|n| prints.handle(IN, print(n, 0, (5, 9))));
        assert_eq!(found.count(), 0);
        assert_eq!((prints.by_hash.len(), prints.order.len()), (MOST_PRINTS, MOST_PRINTS));
        prints.handle(OUT, print(2 * MOST_PRINTS as u64 - 1, 7, (9, 21)));
        assert_eq!(prints.pairs.len(), 1);
        prints.forget(IN.0);
        assert!(prints.pairs.is_empty());
    }
}
