//! Which flows are SRTP because their parties agreed on keys by ZRTP (RFC 6189).

use std::collections::VecDeque;

use earwitness_model::Flow;
use earwitness_wire::zrtp::Kind;

/// Pairs of endpoints of which something is remembered; of more the oldest are forgotten.
const MOST_PAIRS: usize = 1024;

/// Pairs of endpoints with a party that has confirmed. SRTP begins when both have: one message that somebody made up does
/// not make a recorder deaf.
#[derive(Debug, Default)]
pub(super) struct ZrtpFlows(VecDeque<Pair>);

#[derive(Debug)]
struct Pair {
    flow: Flow,
    forth: Confirmed,
    back: Confirmed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Confirmed {
    Not,
    Yes,
}

/// Whether a message changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The flow and the one back are SRTP from now on, or are not any more.
    Yes,
    /// Nothing.
    No,
}

impl ZrtpFlows {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether packets of `flow` are SRTP.
    pub(super) fn is_secured(&self, flow: &Flow) -> bool {
        self.0.iter().any(|pair| pair.is_of(flow) && pair.is_secured())
    }

    /// A message passed on `flow`.
    pub(super) fn handle(&mut self, flow: &Flow, kind: Kind) -> Change {
        let place = self.0.iter().position(|pair| pair.is_of(flow));
        match (kind, place) {
            (Kind::Confirmed, None) => {
                if self.0.len() == MOST_PAIRS {
                    self.0.pop_front();
                }
                self.0.push_back(Pair { flow: *flow, forth: Confirmed::Yes, back: Confirmed::Not });
                Change::No
            }
            (Kind::Confirmed, Some(place)) => {
                let pair = &mut self.0[place];
                let was = pair.is_secured();
                let side = if pair.flow == *flow { &mut pair.forth } else { &mut pair.back };
                *side = Confirmed::Yes;
                if pair.is_secured() == was { Change::No } else { Change::Yes }
            }
            (Kind::Clear, Some(place)) => {
                let was = self.0.remove(place).is_some_and(|pair| pair.is_secured());
                if was { Change::Yes } else { Change::No }
            }
            (Kind::Clear, None) | (Kind::Other, _) => Change::No,
        }
    }

    /// What passed on `flow` is over.
    pub(super) fn forget(&mut self, flow: &Flow) {
        self.0.retain(|pair| !pair.is_of(flow));
    }
}

impl Pair {
    fn is_of(&self, flow: &Flow) -> bool {
        self.flow == *flow || self.flow == flow.reversed()
    }

    fn is_secured(&self) -> bool {
        (self.forth, self.back) == (Confirmed::Yes, Confirmed::Yes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(port: u16) -> Flow {
        Flow { src: ([10, 0, 0, 1], port).into(), dst: ([10, 0, 0, 2], 4000).into() }
    }

    #[test]
    fn media_is_srtp_when_both_parties_have_confirmed_and_until_it_is_clear() {
        let mut flows = ZrtpFlows::default();
        assert_eq!(flows.handle(&flow(1), Kind::Other), Change::No);
        assert!(flows.is_empty());
        assert_eq!(flows.handle(&flow(1), Kind::Confirmed), Change::No);
        assert_eq!(flows.handle(&flow(1), Kind::Confirmed), Change::No, "the same party again");
        assert!(!flows.is_secured(&flow(1)));
        assert_eq!(flows.handle(&flow(1).reversed(), Kind::Confirmed), Change::Yes);
        assert!(flows.is_secured(&flow(1)) && flows.is_secured(&flow(1).reversed()));
        assert!(!flows.is_secured(&flow(2)));
        assert_eq!(flows.handle(&flow(1), Kind::Confirmed), Change::No);
        assert_eq!(flows.handle(&flow(1), Kind::Clear), Change::Yes);
        assert!(!flows.is_secured(&flow(1)));
    }

    #[test]
    fn so_many_pairs_are_remembered_and_what_is_over_is_forgotten() {
        let mut flows = ZrtpFlows::default();
        for port in 0..5000 {
            flows.handle(&flow(port), Kind::Confirmed);
            flows.handle(&flow(port).reversed(), Kind::Confirmed);
        }
        assert_eq!(flows.0.len(), MOST_PAIRS);
        assert!(flows.is_secured(&flow(4999)) && !flows.is_secured(&flow(0)));
        flows.forget(&flow(4999).reversed());
        assert!(!flows.is_secured(&flow(4999)));
    }
}
