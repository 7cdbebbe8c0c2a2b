//! Two machines that talk to each other, whichever of them sends.

use std::{fmt, net::SocketAddr};

use earwitness_model::{Flow, Pii};

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
