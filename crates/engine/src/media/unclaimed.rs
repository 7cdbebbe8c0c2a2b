//! RTP that came before its SDP, for a little while.

use std::net::SocketAddr;

use earwitness_model::{Flow, PacketTime};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::{
    pool::{Pool, RING_BYTES},
    timer::{Deadlines, Timer},
};

/// Datagrams to endpoints that no SDP has named yet, in buffers of an own, bounded pool. A buffer turns over every
/// [`Timer::Unclaimed`], or when it is full; the one before it is wiped then, so that nobody's audio stays longer than
/// two turns, and what came last before the SDP is there.
#[derive(Debug)]
pub(crate) struct Unclaimed {
    waiting: HashMap<SocketAddr, Waiting, RandomState>,
    turns: Deadlines<SocketAddr>,
    pool: Pool,
    expired: u64,
    refused: u64,
}

#[derive(Debug)]
struct Waiting {
    older: Turn,
    newer: Turn,
    /// When its turn is over; what waited here before and was claimed had a deadline of its own.
    due: PacketTime,
}

/// What came within one [`Timer::Unclaimed`].
#[derive(Debug, Default)]
struct Turn {
    bytes: Vec<u8>,
    packets: u64,
}

impl Turn {
    fn has_room(&self, payload: &[u8]) -> bool {
        self.bytes.len() + HEADER + payload.len() <= RING_BYTES
    }
}

/// A datagram that waited.
pub(crate) struct Claimed<'b> {
    pub(crate) time: PacketTime,
    pub(crate) flow: Flow,
    pub(crate) payload: &'b [u8],
}

/// length u16 | time i64 | source: family, port, address
const HEADER: usize = 2 + 8 + 1 + 2 + 16;

impl Unclaimed {
    /// At most `budget` bytes of waiting datagrams.
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            waiting: HashMap::default(),
            turns: Deadlines::default(),
            pool: Pool::new(budget),
            expired: 0,
            refused: 0,
        }
    }

    /// Keeps a datagram for whoever claims its destination.
    pub(crate) fn handle_datagram(&mut self, flow: &Flow, payload: &[u8], time: PacketTime, now: PacketTime) {
        let length = u16::try_from(payload.len()).ok();
        let Some(length) = length.filter(|&length| HEADER + usize::from(length) <= RING_BYTES) else {
            self.refused += 1;
            return;
        };
        if self.waiting.get(&flow.dst).is_some_and(|waiting| !waiting.newer.has_room(payload)) {
            self.turn(flow.dst);
        }
        let Some(waiting) = self.waiting_for(flow.dst, now).filter(|waiting| waiting.newer.has_room(payload))
        else {
            self.refused += 1;
            return;
        };
        let Turn { bytes, packets } = &mut waiting.newer;
        *packets += 1;
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&time.nanos().to_le_bytes());
        bytes.push(if flow.src.is_ipv4() { 4 } else { 6 });
        bytes.extend_from_slice(&flow.src.port().to_le_bytes());
        bytes.extend_from_slice(&match flow.src {
            SocketAddr::V4(v4) => v4.ip().to_ipv6_mapped().octets(),
            SocketAddr::V6(v6) => v6.ip().octets(),
        });
        bytes.extend_from_slice(payload);
    }

    /// Whether something waits for `endpoint`.
    pub(crate) fn has(&self, endpoint: &SocketAddr) -> bool {
        self.waiting.contains_key(endpoint)
    }

    fn waiting_for(&mut self, dst: SocketAddr, now: PacketTime) -> Option<&mut Waiting> {
        if !self.waiting.contains_key(&dst) {
            let newer = Turn { bytes: self.pool.take_empty()?, packets: 0 };
            let due = now.plus_nanos(Timer::Unclaimed.nanos());
            self.waiting.insert(dst, Waiting { newer, older: Turn::default(), due });
            self.turns.add(due, dst);
        }
        self.waiting.get_mut(&dst)
    }

    /// Hands what waits for `endpoint` to `claim`, oldest first, and forgets it.
    pub(crate) fn claim(&mut self, endpoint: SocketAddr, mut claim: impl FnMut(Claimed<'_>)) {
        let Some(waiting) = self.waiting.remove(&endpoint) else { return };
        for turn in [waiting.older, waiting.newer] {
            let mut rest = &turn.bytes[..];
            while let Some((claimed, after)) = read(rest, endpoint) {
                claim(claimed);
                rest = after;
            }
            self.forget(turn.bytes);
        }
    }

    /// Lets what waited too long go.
    pub(crate) fn handle_time(&mut self, now: PacketTime) {
        while let Some((due, dst)) = self.turns.take_due(now) {
            let Some(waiting) = self.waiting.get_mut(&dst).filter(|waiting| waiting.due == due) else {
                continue;
            };
            if waiting.newer.packets > 0 {
                waiting.due = due.plus_nanos(Timer::Unclaimed.nanos());
                self.turns.add(waiting.due, dst);
                self.turn(dst);
            } else if let Some(waiting) = self.waiting.remove(&dst) {
                self.expire(waiting.older);
                self.expire(waiting.newer);
            }
        }
    }

    /// A turn is over, by time or because its buffer is full: what is oldest goes, what just came stays.
    fn turn(&mut self, dst: SocketAddr) {
        let Some(waiting) = self.waiting.get_mut(&dst) else { return };
        let due = waiting.due;
        let (older, newer) = (std::mem::take(&mut waiting.older), std::mem::take(&mut waiting.newer));
        self.expire(older);
        let fresh = self.pool.take_empty();
        let (older, newer) = match fresh {
            Some(bytes) => (newer, Turn { bytes, packets: 0 }),
            None => {
                self.expire(newer);
                (Turn::default(), Turn { bytes: self.pool.take_empty().unwrap_or_default(), packets: 0 })
            }
        };
        self.waiting.insert(dst, Waiting { older, newer, due });
    }

    /// No SDP will come any more: everything goes.
    pub(crate) fn handle_end(&mut self) {
        for (_, waiting) in std::mem::take(&mut self.waiting) {
            self.expire(waiting.older);
            self.expire(waiting.newer);
        }
        self.turns = Deadlines::default();
    }

    /// When [`Self::handle_time`] has something to do.
    #[inline]
    pub(crate) fn next_deadline(&self) -> PacketTime {
        self.turns.next()
    }

    /// Datagrams that nobody claimed.
    pub(crate) const fn expired(&self) -> u64 {
        self.expired
    }

    /// Datagrams that there was no room for.
    pub(crate) const fn refused(&self) -> u64 {
        self.refused
    }

    /// Counts and wipes what nobody claimed.
    fn expire(&mut self, turn: Turn) {
        self.expired += turn.packets;
        self.forget(turn.bytes);
    }

    /// Wipes a buffer and takes it back.
    fn forget(&mut self, buffer: Vec<u8>) {
        if buffer.capacity() > 0 {
            self.pool.give_back(buffer);
        }
    }
}

fn read(bytes: &[u8], dst: SocketAddr) -> Option<(Claimed<'_>, &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
    let [
        l0,
        l1,
        t @ ..,
        family,
        p0,
        p1,
        a0,
        a1,
        a2,
        a3,
        a4,
        a5,
        a6,
        a7,
        a8,
        a9,
        a10,
        a11,
        a12,
        a13,
        a14,
        a15,
    ] = *header;
    let v6 = std::net::Ipv6Addr::from([a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15]);
    let ip = if family == 4 { v6.to_ipv4_mapped()?.into() } else { v6.into() };
    let src = SocketAddr::new(ip, u16::from_le_bytes([p0, p1]));
    let (payload, after) = rest.split_at_checked(usize::from(u16::from_le_bytes([l0, l1])))?;
    let time = PacketTime::from_nanos(i64::from_le_bytes(t));
    Some((Claimed { time, flow: Flow { src, dst }, payload }, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timer::NEVER;

    const SECOND: i64 = 1_000_000_000;

    fn at(seconds: i64) -> PacketTime {
        PacketTime::from_nanos(seconds * SECOND)
    }

    fn flow(port: u16) -> Flow {
        Flow { src: "10.0.0.1:4000".parse().unwrap(), dst: SocketAddr::new([10, 0, 0, 2].into(), port) }
    }

    fn claimed(unclaimed: &mut Unclaimed, port: u16) -> Vec<(i64, Vec<u8>)> {
        let mut all = Vec::new();
        unclaimed.claim(flow(port).dst, |c| {
            assert_eq!(c.flow, flow(port));
            all.push((c.time.nanos() / SECOND, c.payload.to_vec()));
        });
        all
    }

    #[test]
    fn what_came_before_its_sdp_is_handed_over_once_in_order() {
        let mut unclaimed = Unclaimed::new(4 * RING_BYTES);
        unclaimed.handle_datagram(&flow(5000), b"one", at(1), at(1));
        unclaimed.handle_datagram(&flow(6000), b"other", at(1), at(1));
        unclaimed.handle_time(at(3));
        unclaimed.handle_datagram(&flow(5000), b"two", at(4), at(4));
        assert_eq!(claimed(&mut unclaimed, 5000), [(1, b"one".to_vec()), (4, b"two".to_vec())]);
        assert_eq!(claimed(&mut unclaimed, 5000), []);
        assert_eq!(claimed(&mut unclaimed, 6000).len(), 1);
        assert_eq!(unclaimed.pool.bytes_out(), 0);
    }

    #[test]
    fn what_nobody_claims_is_gone_after_two_turns() {
        let mut unclaimed = Unclaimed::new(4 * RING_BYTES);
        unclaimed.handle_datagram(&flow(5000), b"voice", at(0), at(0));
        for second in 1..=8 {
            unclaimed.handle_time(at(second));
        }
        assert_eq!((claimed(&mut unclaimed, 5000), unclaimed.expired), (vec![], 1));
        assert_eq!((unclaimed.pool.bytes_out(), unclaimed.next_deadline()), (0, NEVER));
    }

    #[test]
    fn what_waits_again_after_a_claim_waits_as_long_as_anything() {
        let mut unclaimed = Unclaimed::new(4 * RING_BYTES);
        unclaimed.handle_datagram(&flow(5000), b"one", at(0), at(0));
        assert_eq!(claimed(&mut unclaimed, 5000).len(), 1);
        unclaimed.handle_datagram(&flow(5000), b"two", at(1), at(1));
        (2..=4).for_each(|second| unclaimed.handle_time(at(second)));
        assert_eq!(claimed(&mut unclaimed, 5000), [(1, b"two".to_vec())]);
        unclaimed.handle_time(at(10));
        assert_eq!((unclaimed.expired(), unclaimed.next_deadline()), (0, NEVER));
    }

    #[test]
    fn every_packet_that_was_not_claimed_is_counted_whenever_it_went() {
        let mut unclaimed = Unclaimed::new(4 * RING_BYTES);
        for second in 0..=10 {
            unclaimed.handle_time(at(second));
            unclaimed.handle_datagram(&flow(5000), b"voice", at(second), at(second));
        }
        let claimed = claimed(&mut unclaimed, 5000).len() as u64;
        assert_eq!((claimed, unclaimed.expired()), (3, 8));
        unclaimed.handle_datagram(&flow(5000), b"last", at(11), at(11));
        unclaimed.handle_end();
        assert_eq!((unclaimed.expired(), unclaimed.pool.bytes_out()), (9, 0));
    }

    #[test]
    fn of_more_than_there_is_room_for_the_newest_waits_without_a_hole() {
        let mut unclaimed = Unclaimed::new(2 * RING_BYTES);
        let most = RING_BYTES / (HEADER + 172);
        for n in 0..4 * most {
            unclaimed.handle_datagram(&flow(5000), &[n as u8; 172], at(0), at(0));
        }
        let claimed: Vec<u8> =
            claimed(&mut unclaimed, 5000).into_iter().map(|(_, payload)| payload[0]).collect();
        assert_eq!(claimed, (2 * most..4 * most).map(|n| n as u8).collect::<Vec<_>>());
        assert_eq!((unclaimed.expired(), unclaimed.refused()), (2 * most as u64, 0));
    }

    #[test]
    fn a_flood_of_endpoints_is_counted_and_stays_within_the_budget() {
        let mut unclaimed = Unclaimed::new(10 * RING_BYTES);
        for port in 1..=1000 {
            unclaimed.handle_datagram(&flow(port), &[0; 172], at(0), at(0));
        }
        assert_eq!((unclaimed.pool.bytes_out(), unclaimed.refused()), (10 * RING_BYTES, 990));
    }
}
