//! Whose the ends are between which audio without signalling is heard: a followed stream's, or SIP's.

use std::{collections::VecDeque, net::SocketAddr};

use earwitness_model::PacketTime;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::{order::CallSlot, timer::Timer};

/// Ends of calls that left the table, remembered at a time.
const MOST_LATELY: usize = 1 << 14;

/// A dialog of a call, by its place among the call's names.
pub(super) type Dialog = (CallSlot, usize);

/// How far a dialog came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nobody was seen to take part in it but who began it: anybody can say that much.
    Invited,
    /// A 2xx or its ACK was seen.
    Answered,
}

/// The ends of running streams, and those that SIP announced.
#[derive(Debug, Default)]
pub(super) struct StrayEnds {
    running: HashMap<SocketAddr, CallSlot, RandomState>,
    /// What the calls in the table announced.
    said: HashMap<CallSlot, Vec<Said>, RandomState>,
    /// By how many dialogs of theirs each end is announced.
    held: HashMap<SocketAddr, u32, RandomState>,
    lately: Lately,
}

/// What a dialog announced, oldest first.
#[derive(Debug)]
struct Said {
    place: usize,
    standing: Standing,
    ends: Vec<SocketAddr>,
}

impl StrayEnds {
    /// `stream` runs at `end`.
    pub(super) fn handle_stream(&mut self, stream: CallSlot, end: SocketAddr) {
        self.running.insert(end, stream);
    }

    /// The stream that runs at `end`.
    pub(super) fn stream_at(&self, end: &SocketAddr) -> Option<CallSlot> {
        self.running.get(end).copied()
    }

    /// Streams that run.
    pub(super) fn streams(&self) -> usize {
        // Each has two ends.
        self.running.len() / 2
    }

    /// The dialog announces `end`, of which it may announce so many at `most`; how far it came.
    pub(super) fn handle_announced(&mut self, dialog: Dialog, end: SocketAddr, most: usize) -> Standing {
        let said = said_in(&mut self.said, dialog);
        if !said.ends.contains(&end) {
            if said.ends.len() >= most.max(1) {
                let oldest = said.ends.remove(0);
                let_go(&mut self.held, &oldest);
            }
            said.ends.push(end);
            *self.held.entry(end).or_default() += 1;
        }
        said.standing
    }

    /// The dialog is answered; what it announced until then, the first time.
    pub(super) fn handle_answered(&mut self, dialog: Dialog) -> Vec<SocketAddr> {
        let said = said_in(&mut self.said, dialog);
        match std::mem::replace(&mut said.standing, Standing::Answered) {
            Standing::Invited => said.ends.clone(),
            Standing::Answered => Vec::new(),
        }
    }

    /// Whether `end`, where audio is heard at `at`, is a running stream's or SIP's: then it is no stray's. SIP's is what a call
    /// in the table announced; and what an answered one did, while audio goes on there after it.
    pub(super) fn knows(&mut self, end: &SocketAddr, at: PacketTime) -> bool {
        self.lately.knows(end, at) || self.held.contains_key(end) || self.running.contains_key(end)
    }

    /// The call leaves the table; the last of it was at `at`.
    pub(super) fn forget(&mut self, call: CallSlot, at: PacketTime) {
        if !self.running.is_empty() {
            self.running.retain(|_, running| *running != call);
        }
        for said in self.said.remove(&call).into_iter().flatten() {
            for end in said.ends {
                let_go(&mut self.held, &end);
                if said.standing == Standing::Answered {
                    self.lately.add(end, at);
                }
            }
        }
    }
}

fn said_in(all: &mut HashMap<CallSlot, Vec<Said>, RandomState>, (call, place): Dialog) -> &mut Said {
    let of_call = all.entry(call).or_default();
    let known = of_call.iter().position(|said| said.place == place);
    let at = known.unwrap_or_else(|| {
        of_call.push(Said { place, standing: Standing::Invited, ends: Vec::new() });
        of_call.len() - 1
    });
    &mut of_call[at]
}

fn let_go(held: &mut HashMap<SocketAddr, u32, RandomState>, end: &SocketAddr) {
    if let Some(dialogs) = held.get_mut(end) {
        *dialogs -= 1;
        if *dialogs == 0 {
            held.remove(end);
        }
    }
}

/// Ends that were SIP's, until nothing is heard of them; of too many those go that were heard of least lately.
#[derive(Debug, Default)]
struct Lately {
    last: HashMap<SocketAddr, PacketTime, RandomState>,
    /// In the order in which they were heard of. What was heard of again stands in it more than once, and counts with its latest
    /// time.
    order: VecDeque<(PacketTime, SocketAddr)>,
}

impl Lately {
    fn add(&mut self, end: SocketAddr, at: PacketTime) {
        let at = self.last.get(&end).map_or(at, |before| at.max(*before));
        if self.last.insert(end, at) != Some(at) {
            self.order.push_back((at, end));
        }
        while self.last.len() > MOST_LATELY
            && let Some((at, end)) = self.order.pop_front()
        {
            if self.last.get(&end) == Some(&at) {
                self.last.remove(&end);
            }
        }
        if self.order.len() > 2 * MOST_LATELY {
            self.order.retain(|(at, end)| self.last.get(end) == Some(at));
        }
    }

    fn knows(&mut self, end: &SocketAddr, at: PacketTime) -> bool {
        let is_recent = self.last.get(end).is_some_and(|last| at.since(*last) < Timer::Announced.nanos());
        if is_recent {
            self.add(*end, at);
        }
        is_recent
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const CALL: CallSlot = CallSlot(1);
    const OTHER: CallSlot = CallSlot(2);

    fn end(n: u32) -> SocketAddr {
        SocketAddr::new(IpAddr::from(n.to_be_bytes()), 4000)
    }

    fn at(seconds: i64) -> PacketTime {
        PacketTime::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn an_attempt_holds_its_ends_and_only_an_answered_call_leaves_them_behind() {
        let mut ends = StrayEnds::default();
        assert_eq!(ends.handle_announced((CALL, 0), end(1), 8), Standing::Invited);
        assert!(ends.knows(&end(1), at(9_000)) && !ends.knows(&end(2), at(0)));
        ends.forget(CALL, at(5));
        assert!(!ends.knows(&end(1), at(5)) && ends.held.is_empty(), "nobody answered");
        ends.handle_announced((CALL, 0), end(1), 8);
        ends.handle_announced((CALL, 1), end(3), 8);
        assert_eq!(
            (ends.handle_answered((CALL, 0)), ends.handle_answered((CALL, 0))),
            (vec![end(1)], vec![])
        );
        assert_eq!(ends.handle_announced((CALL, 0), end(2), 8), Standing::Answered);
        assert_eq!(ends.handle_announced((CALL, 1), end(3), 8), Standing::Invited, "another dialog of it");
        ends.forget(CALL, at(1_000));
        assert!(ends.knows(&end(2), at(1_299)) && ends.knows(&end(1), at(1_000)));
        assert!(ends.knows(&end(2), at(1_598)), "as long as audio goes on");
        assert!(!ends.knows(&end(2), at(1_898)) && !ends.knows(&end(1), at(1_300)));
        assert!(!ends.knows(&end(3), at(1_000)));
    }

    #[test]
    fn an_end_is_held_until_the_last_dialog_that_announced_it_is_gone() {
        let mut ends = StrayEnds::default();
        ends.handle_announced((CALL, 0), end(1), 8);
        ends.handle_announced((OTHER, 0), end(1), 8);
        ends.forget(CALL, at(0));
        assert!(ends.knows(&end(1), at(0)));
        ends.forget(OTHER, at(0));
        assert!(!ends.knows(&end(1), at(0)));
        (0..100).for_each(|n| {
            ends.handle_announced((CALL, 0), end(n), 4);
        });
        assert_eq!(ends.held.len(), 4, "the latest");
        assert!(ends.knows(&end(99), at(0)) && !ends.knows(&end(95), at(0)));
    }

    #[test]
    fn what_is_heard_of_again_is_not_the_oldest_and_repeating_pushes_nothing_out() {
        let mut lately = Lately::default();
        (0..MOST_LATELY as u32).for_each(|n| lately.add(end(n), at(1)));
        lately.add(end(0), at(2));
        lately.add(end(1 << 20), at(3));
        assert!(
            lately.knows(&end(0), at(3)) && !lately.knows(&end(1), at(3)) && lately.knows(&end(2), at(3))
        );
        (0..200_000).for_each(|n| lately.add(end(1 << 20), PacketTime::from_nanos(4_000_000_000 + n)));
        assert!(lately.knows(&end(3), at(5)));
        assert!(lately.last.len() == MOST_LATELY && lately.order.len() <= 2 * MOST_LATELY + 1);
        (0..40_000).for_each(|n| lately.add(end((1 << 21) + n), at(6)));
        assert_eq!((lately.last.len(), lately.knows(&end(3), at(6))), (MOST_LATELY, false));
    }
}
