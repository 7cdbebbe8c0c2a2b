//! Two machines that talk to each other, whichever of them sends, and what each of them sends.

use std::{fmt, net::SocketAddr};

use earwitness_model::{Flow, Pii};

use crate::bounded::Bounded;

/// Pairs of machines that are followed.
const MOST_PAIRS: usize = 8_192;

/// Two ends, the smaller first. Ports count only where one machine talks to itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Pair {
    low: SocketAddr,
    high: SocketAddr,
}

/// Nothing: addresses are personal.
impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Pii::new(()).fmt(f)
    }
}

/// Who of a pair sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    Low,
    High,
}

impl Pair {
    /// The pair of `flow`, and who of the two sent.
    pub(crate) fn of(flow: Flow) -> (Self, Sender) {
        let Flow { src, dst } = flow;
        let end = |end: SocketAddr| if src.ip() == dst.ip() { end } else { SocketAddr::new(end.ip(), 0) };
        let (src, dst) = (end(src), end(dst));
        if src <= dst {
            (Self { low: src, high: dst }, Sender::Low)
        } else {
            (Self { low: dst, high: src }, Sender::High)
        }
    }

    /// From the sender to the other one.
    pub(crate) const fn flow(self, sender: Sender) -> Flow {
        match sender {
            Sender::Low => Flow { src: self.low, dst: self.high },
            Sender::High => Flow { src: self.high, dst: self.low },
        }
    }
}

/// What is known of each direction between pairs of machines.
#[derive(Debug)]
pub(crate) struct Sides<D> {
    pairs: Bounded<Pair, [D; 2]>,
}

impl<D: Default> Sides<D> {
    pub(crate) fn new() -> Self {
        Self { pairs: Bounded::new(MOST_PAIRS) }
    }

    /// The direction that `flow` goes in; `None`, counted, where there is no room for its pair.
    pub(crate) fn direction(&mut self, flow: Flow) -> Option<&mut D> {
        let (pair, sender) = Pair::of(flow);
        let [low, high] = self.pairs.entry(pair, Default::default)?;
        Some(match sender {
            Sender::Low => low,
            Sender::High => high,
        })
    }

    /// Each pair, and what the smaller and the greater of it sent.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Pair, &[D; 2])> {
        self.pairs.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// What came of pairs that there was no room for.
    pub(crate) const fn left_out(&self) -> u64 {
        self.pairs.left_out()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_back_is_the_other_direction_of_the_same_pair_whatever_the_ports() {
        let flow = |src: &str, dst: &str| Flow { src: src.parse().unwrap(), dst: dst.parse().unwrap() };
        let mut sides: Sides<u32> = Sides::new();
        *sides.direction(flow("10.0.0.9:5060", "10.0.0.5:5060")).unwrap() += 1;
        *sides.direction(flow("10.0.0.5:7000", "10.0.0.9:5060")).unwrap() += 10;
        let all: Vec<_> = sides.iter().collect();
        let [(pair, counts)] = all.as_slice() else { panic!("{}", all.len()) };
        assert_eq!(**counts, [10, 1]);
        assert_eq!(pair.flow(Sender::High), flow("10.0.0.9:0", "10.0.0.5:0"));
    }
}
