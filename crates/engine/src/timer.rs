//! Every timeout of the engine, and the queue they wait in.

use std::{cmp::Reverse, collections::BinaryHeap};

use earwitness_model::PacketTime;

/// What is waited for. Each has one value, in [`Timer::nanos`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// An INVITE that nobody answered, not even provisionally: 64 × T1 (RFC 3261, 17.1.1.2, Timer B).
    NoResponse,
    /// An INVITE that rings: Timer C of a proxy (RFC 3261, 16.6) is longer than three minutes.
    Ringing,
    /// A 401 or 407, or a failure on a later hop, after which another INVITE or answer may come.
    Retry,
    /// A call that is over: late packets, repeated messages and media in flight still belong to it.
    Linger,
    /// An answered call that is not on hold and whose media stopped: its BYE was lost.
    MediaSilence,
    /// A call without signalling whose audio stopped: nobody says that it is over.
    StreamSilence,
    /// What SIP announced is SIP's, also after its call: while audio goes on there, and so long after it.
    Announced,
    /// A source without signalling of which nothing came: it is not watched any more.
    StraySource,
    /// Such sources, where there is no room for all: so often they are looked at, and one of which nothing came for so long
    /// gives way, unless it was believed to be a telephone.
    StrayLook,
    /// A source without signalling that was told of, and that nobody claimed: it is told of again.
    StrayAgain,
    /// An answered call that is not on hold and whose media was never seen: its messages alone keep it.
    Unseen,
    /// An answered call that is on hold: only its length bounds it.
    Held,
    /// A REFER whose INVITE did not come yet: as long as that INVITE would be sent again (RFC 3261, Timer B).
    Referral,
    /// A running segment: half a second, so that a crash costs no more than the last second.
    Segment,
    /// RTP that came before its SDP waits for one to two of these.
    Unclaimed,
}

impl Timer {
    /// How long, in ns of packet time.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        const SECOND: i64 = 1_000_000_000;
        match self {
            Self::NoResponse | Self::Referral => 32 * SECOND,
            Self::Retry => 120 * SECOND,
            Self::Ringing => 190 * SECOND,
            Self::Linger => 5 * SECOND,
            Self::MediaSilence => 120 * SECOND,
            Self::StreamSilence => 30 * SECOND,
            Self::Announced => 300 * SECOND,
            Self::StraySource => 5 * SECOND,
            Self::StrayLook => SECOND,
            Self::StrayAgain => 10 * SECOND,
            Self::Unseen => 600 * SECOND,
            Self::Held => 4 * 3600 * SECOND,
            Self::Segment => SECOND / 2,
            Self::Unclaimed => 2 * SECOND,
        }
    }
}

/// Packets in flight, and what a phone sends until its user interface follows: so long after its BYE, in ns of packet time, a
/// party is silent. Nothing waits for it: what was heard is laid beside it when [`Timer::Linger`] is over.
pub(crate) const FAREWELL_GRACE_NANOS: i64 = 2_000_000_000;

/// When no deadline waits.
pub(crate) const NEVER: PacketTime = PacketTime::from_nanos(i64::MAX);

/// Deadlines in order of time; what is due is looked at, and may be put off.
#[derive(Debug)]
pub(crate) struct Deadlines<K> {
    waiting: BinaryHeap<Reverse<(PacketTime, K)>>,
}

impl<K: Ord> Default for Deadlines<K> {
    fn default() -> Self {
        Self { waiting: BinaryHeap::new() }
    }
}

impl<K: Ord + Copy> Deadlines<K> {
    /// `key` is due at `at`.
    pub(crate) fn add(&mut self, at: PacketTime, key: K) {
        self.waiting.push(Reverse((at, key)));
    }

    /// The earliest deadline, or [`NEVER`].
    #[inline]
    pub(crate) fn next(&self) -> PacketTime {
        self.waiting.peek().map_or(NEVER, |Reverse((at, _))| *at)
    }

    /// Takes what is due at `now`, earliest first.
    pub(crate) fn take_due(&mut self, now: PacketTime) -> Option<(PacketTime, K)> {
        (self.next() <= now).then(|| self.waiting.pop().map(|Reverse(due)| due)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_in_order_of_time_and_not_before() {
        let at = PacketTime::from_nanos;
        let mut deadlines = Deadlines::default();
        assert_eq!(deadlines.next(), NEVER);
        for (time, key) in [(30, 'c'), (10, 'a'), (20, 'b')] {
            deadlines.add(at(time), key);
        }
        assert_eq!(deadlines.next(), at(10));
        assert_eq!(deadlines.take_due(at(9)), None);
        assert_eq!(deadlines.take_due(at(20)), Some((at(10), 'a')));
        assert_eq!(deadlines.take_due(at(20)), Some((at(20), 'b')));
        assert_eq!((deadlines.take_due(at(20)), deadlines.next()), (None, at(30)));
    }

    #[test]
    fn nothing_outlives_its_own_order_of_magnitude() {
        assert!(Timer::Segment.nanos() < Timer::Unclaimed.nanos());
        assert!(FAREWELL_GRACE_NANOS < Timer::Linger.nanos());
        assert!(Timer::Linger.nanos() < Timer::Retry.nanos());
        assert!(Timer::StreamSilence.nanos() < Timer::MediaSilence.nanos());
        assert!(Timer::MediaSilence.nanos() < Timer::Unseen.nanos());
        assert!(Timer::Unseen.nanos() < Timer::Held.nanos());
    }
}
