//! Who is expected where: the endpoints that SDP announced, and which call a source belongs to by them.

use std::{net::SocketAddr, sync::Arc};

use earwitness_model::{Codec, Flow, Leg};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::{
    order::{CallSlot, Formats},
    secured::Secured,
};

/// Somebody announced that they receive at an endpoint.
#[derive(Debug, Clone)]
pub(super) struct Expectation {
    pub(super) call: CallSlot,
    /// Who will be heard there: the other party.
    pub(super) leg: Leg,
    pub(super) formats: Formats,
    /// How whoever announced it protects what it sends itself.
    pub(super) secured: Option<Arc<Secured>>,
}

/// An expectation, and when it was announced: a number that only grows.
#[derive(Debug)]
struct Announced {
    expectation: Expectation,
    serial: u64,
}

impl std::ops::Deref for Announced {
    type Target = Expectation;

    fn deref(&self) -> &Expectation {
        &self.expectation
    }
}

/// Where the call stands that announced an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is not answered yet.
    Attempt,
    /// It is answered.
    Answered,
    /// It is over.
    Over,
}

/// Whether an endpoint has room for another call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// It has.
    Enough,
    /// Its oldest expectation gave way.
    Crowded,
}

/// Which call a source belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) call: CallSlot,
    /// Whose voice it is.
    pub(super) leg: Leg,
    /// Whether it is sure enough to take a source over from a call that is over: packets in flight look alike.
    pub(super) takes_over: bool,
    /// By which announcement.
    pub(super) heard: Heard,
}

/// Which ends of a source were announced by the call that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Both, with its leg.
    BothWays,
    /// Where it sends to.
    AtDestination,
    /// Where it sends from.
    AtSource,
}

/// Expectations kept of one endpoint: a port that more calls announce is announced at random.
const MOST_HERE: usize = 16;

/// Expectations by endpoint; of several calls that announced one the newest comes last.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    by_address: HashMap<SocketAddr, Vec<Announced>, RandomState>,
    announced: u64,
}

impl Endpoints {
    /// What a call announced of an endpoint; what it announced before of the same leg is replaced.
    /// `Crowded` when the oldest of too many had to go.
    pub(super) fn announce(&mut self, endpoint: SocketAddr, expectation: Expectation) -> Room {
        self.announced += 1;
        let here = self.by_address.entry(endpoint).or_default();
        here.retain(|e| e.call != expectation.call || e.leg != expectation.leg);
        here.push(Announced { expectation, serial: self.announced });
        if here.len() <= MOST_HERE {
            return Room::Enough;
        }
        here.remove(0);
        Room::Crowded
    }

    /// The call does not expect anything there any more.
    pub(super) fn withdraw(&mut self, endpoint: &SocketAddr, call: CallSlot) {
        let Some(here) = self.by_address.get_mut(endpoint) else { return };
        here.retain(|e| e.call != call);
        if here.is_empty() {
            self.by_address.remove(endpoint);
        }
    }

    /// What a call announced of an endpoint where `leg` is heard.
    pub(super) fn announced(&self, endpoint: &SocketAddr, call: CallSlot, leg: Leg) -> Option<&Expectation> {
        let said = self.at(endpoint).iter().rev().find(|e| e.call == call && e.leg == leg);
        said.map(|announced| &announced.expectation)
    }

    /// What a payload type is: by the SDP of whoever receives it, by the sender's own, by RFC 3551.
    pub(super) fn codec(&self, flow: &Flow, call: CallSlot, payload_type: u8) -> Option<Codec> {
        [&flow.dst, &flow.src]
            .into_iter()
            .filter_map(|end| self.at(end).iter().rev().find(|e| e.call == call))
            .find_map(|e| e.formats.iter().find(|(pt, _)| *pt == payload_type))
            .map(|(_, codec)| codec.clone())
            .or_else(|| Codec::from_static(payload_type))
    }

    /// Which call a source belongs to, and whose voice it is. A call that runs beats one that is over.
    pub(super) fn claim(
        &self,
        flow: &Flow,
        standing: impl Fn(CallSlot) -> Option<Standing>,
    ) -> Option<Claim> {
        let runs = |call| standing(call).is_some_and(|standing| standing != Standing::Over);
        self.claim_among(flow, runs)
            .map(|(call, leg, heard)| {
                let takes_over = heard == Heard::BothWays || standing(call) == Some(Standing::Answered);
                Claim { call, leg, takes_over, heard }
            })
            .or_else(|| {
                let (call, leg, heard) = self.claim_among(flow, |call| standing(call).is_some())?;
                Some(Claim { call, leg, takes_over: false, heard })
            })
    }

    /// By the endpoint that the source sends to, and where nobody announced that one, by the endpoint it sends from. A
    /// call that announced both, which is told with the leg, beats a newer one that announced one. Of several that announced
    /// both, as the sides of an exchange do that lets its parties speak directly, it is the one that announced either last:
    /// the same for both directions.
    fn claim_among(&self, flow: &Flow, may: impl Fn(CallSlot) -> bool) -> Option<(CallSlot, Leg, Heard)> {
        let to = || self.at(&flow.dst).iter().rev().filter(|e| may(e.call));
        let from = || self.at(&flow.src).iter().rev().filter(|e| may(e.call));
        let both = to().filter_map(|t| {
            let serials = from().filter(|f| f.call == t.call && f.leg != t.leg).map(|f| f.serial);
            Some((serials.max()?.max(t.serial), t))
        });
        both.max_by_key(|(serial, _)| *serial)
            .map(|(_, t)| (t.call, t.leg, Heard::BothWays))
            .or_else(|| to().next().map(|t| (t.call, t.leg, Heard::AtDestination)))
            .or_else(|| from().next().map(|f| (f.call, f.leg.other(), Heard::AtSource)))
    }

    fn at(&self, endpoint: &SocketAddr) -> &[Announced] {
        self.by_address.get(endpoint).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: CallSlot = CallSlot(1);
    const NEW: CallSlot = CallSlot(2);

    fn end(port: u16) -> SocketAddr {
        SocketAddr::new([10, 0, 0, 1].into(), port)
    }

    fn expected(call: CallSlot) -> Expectation {
        Expectation { call, leg: Leg::Caller, formats: [].into(), secured: None }
    }

    /// Who owns 1 → 2 when each of `announced` (port, call, leg heard there) was said in turn.
    fn owner(
        announced: &[(u16, CallSlot, Leg)],
        old: Standing,
        new: Standing,
    ) -> Option<(CallSlot, Leg, bool)> {
        let mut endpoints = Endpoints::default();
        for &(port, call, leg) in announced {
            endpoints.announce(end(port), Expectation { call, leg, formats: [].into(), secured: None });
        }
        let flow = Flow { src: end(1), dst: end(2) };
        let standing = |call| Some(if call == OLD { old } else { new });
        endpoints.claim(&flow, standing).map(|claim| (claim.call, claim.leg, claim.takes_over))
    }

    #[test]
    fn a_source_belongs_to_whom_it_sends_to_and_else_to_where_it_sends_from() {
        let owner = |announced: &[_]| owner(announced, Standing::Answered, Standing::Attempt);
        let (to, from) = ((2, OLD, Leg::Caller), (1, NEW, Leg::Caller));
        assert_eq!(owner(&[to, from]), Some((OLD, Leg::Caller, true)));
        assert_eq!(owner(&[from]), Some((NEW, Leg::Callee, false)));
        assert_eq!(owner(&[(3, OLD, Leg::Caller)]), None);
        assert_eq!(owner(&[to, (2, NEW, Leg::Caller)]), Some((NEW, Leg::Caller, false)), "the newest");
        let both = (1, OLD, Leg::Callee);
        assert_eq!(owner(&[to, both, (2, NEW, Leg::Caller)]), Some((OLD, Leg::Caller, true)), "both ends");
    }

    #[test]
    fn of_two_calls_that_announced_both_ends_one_has_both_directions() {
        let mut endpoints = Endpoints::default();
        // Each side of an exchange announces both parties, in an order that differs from end to end.
        for (port, call, leg) in [
            (1, OLD, Leg::Callee),
            (2, NEW, Leg::Caller),
            (1, NEW, Leg::Callee),
            (2, OLD, Leg::Caller),
            (2, NEW, Leg::Caller),
            (1, OLD, Leg::Callee),
        ] {
            endpoints.announce(end(port), Expectation { call, leg, formats: [].into(), secured: None });
        }
        let there = Flow { src: end(1), dst: end(2) };
        let owner = |flow| endpoints.claim(flow, |_| Some(Standing::Answered)).map(|c| (c.call, c.leg));
        assert_eq!(owner(&there), Some((OLD, Leg::Caller)));
        assert_eq!(owner(&there.reversed()), Some((OLD, Leg::Callee)));
    }

    #[test]
    fn a_call_that_runs_beats_one_that_is_over_but_takes_nothing_over_on_one_end_alone() {
        let over = [(2, OLD, Leg::Caller), (1, OLD, Leg::Callee), (2, NEW, Leg::Caller)];
        assert_eq!(owner(&over, Standing::Over, Standing::Attempt), Some((NEW, Leg::Caller, false)));
        assert_eq!(owner(&over, Standing::Over, Standing::Answered), Some((NEW, Leg::Caller, true)));
        assert_eq!(owner(&over[..2], Standing::Over, Standing::Attempt), Some((OLD, Leg::Caller, false)));
    }

    #[test]
    fn of_many_calls_at_one_endpoint_the_newest_are_kept() {
        let mut endpoints = Endpoints::default();
        let rooms: Vec<Room> = (0..100).map(|n| endpoints.announce(end(2), expected(CallSlot(n)))).collect();
        assert_eq!(rooms.iter().filter(|room| **room == Room::Crowded).count(), 100 - MOST_HERE);
        let calls: Vec<u32> = endpoints.at(&end(2)).iter().map(|e| e.call.0).collect();
        assert_eq!(calls, (84..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_withdrawn_endpoint_is_forgotten() {
        let mut endpoints = Endpoints::default();
        endpoints.announce(end(2), expected(OLD));
        endpoints.withdraw(&end(2), NEW);
        assert_eq!(endpoints.by_address.len(), 1);
        endpoints.withdraw(&end(2), OLD);
        assert!(endpoints.by_address.is_empty());
    }
}
