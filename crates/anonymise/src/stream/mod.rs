//! Messages over TCP and WebSocket: put together, replaced, and cut into the segments in which they came.
//!
//! Because a replacement is as long as what it replaces, sequence numbers hold, and a segment that comes again carries again
//! what it carried. A connection that does not turn out to speak SIP does not come out, not even its opening.

mod lane;
mod unit;
mod websocket;

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
};

use earwitness_model::PacketTime;
use earwitness_wire::TcpSegment;

use self::lane::{Lane, Progress};
use crate::{Dropped, Fate, masks::Masks};

/// Connections that are followed; beyond it all are forgotten, and picked up again where they begin something.
const MAX_CONNECTIONS: usize = 1 << 16;
/// Segments without content that wait for a connection to turn out to be something.
const MAX_BARE: usize = 64;
/// How long a connection may say nothing before its segments are given up.
const SILENT_NS: i64 = 10_000_000_000;
/// How often those that wait are looked at.
const STEP_NS: i64 = 500_000_000;
/// Bytes of what was replaced that are remembered, for segments that come again: of all connections together.
const MAX_REMEMBERED: usize = 64 << 20;
/// How long after its last segment a connection is remembered that both sides have ended, and what was replaced of another.
const ENDED_NS: i64 = 30_000_000_000;
const QUIET_NS: i64 = 120_000_000_000;
/// How often all are looked at for that.
const SWEEP_NS: i64 = 10_000_000_000;

/// Ends, the lower one first.
type Key = (SocketAddr, SocketAddr);

#[derive(Debug, Default)]
pub(crate) struct Connections {
    table: HashMap<Key, Connection>,
    /// Connections of which frames wait.
    waiting: HashSet<Key>,
    looked: Option<PacketTime>,
    swept: Option<PacketTime>,
    /// Bytes that the connections of the table remember.
    remembered: usize,
}

#[derive(Debug)]
struct Connection {
    standing: Standing,
    lanes: [Lane; 2],
    /// Segments without content, while nobody knows whose they are, and since when.
    bare: Vec<u64>,
    since: PacketTime,
    last: PacketTime,
    /// Which sides have said that they are done (FIN), or that there is no such connection (RST).
    ended: [bool; 2],
}

/// What is known of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Undecided,
    Ours,
    Foreign(Dropped),
}

impl Connections {
    /// Takes a segment, the number of the frame that carries it, and when that was captured.
    pub(crate) fn handle_segment(
        &mut self,
        masks: &mut Masks,
        (segment, slot, now): (&TcpSegment<'_>, u64, PacketTime),
        fates: &mut Vec<Fate>,
    ) {
        let (src, dst) = (segment.flow.src, segment.flow.dst);
        let key = (src.min(dst), src.max(dst));
        if self.table.len() >= MAX_CONNECTIONS && !self.table.contains_key(&key) {
            self.give_up(masks, fates);
            self.table.clear();
            self.remembered = 0;
        }
        let connection = self.table.entry(key).or_insert_with(|| Connection::new(now));
        tallied(&mut self.remembered, connection, |connection| {
            connection.handle_segment(masks, (segment, slot, now), usize::from(src > dst), fates);
        });
        if connection.is_waiting() {
            self.waiting.insert(key);
        } else {
            self.waiting.remove(&key);
        }
        if self.remembered > MAX_REMEMBERED {
            self.forget();
        }
    }

    /// Forgets what was replaced.
    fn forget(&mut self) {
        for connection in self.table.values_mut() {
            tallied(&mut self.remembered, connection, Connection::forget);
        }
    }

    /// Forgets connections that have ended, and what was replaced of those that say nothing.
    fn sweep(&mut self, now: PacketTime) {
        if self.swept.is_some_and(|swept| (0..SWEEP_NS).contains(&now.since(swept))) {
            return;
        }
        self.swept = Some(now);
        let remembered = &mut self.remembered;
        self.table.retain(|_, connection| {
            let quiet = now.since(connection.last);
            if quiet > QUIET_NS || connection.has_ended() && quiet > ENDED_NS {
                tallied(remembered, connection, Connection::forget);
            }
            connection.is_waiting() || !connection.has_ended() || quiet <= ENDED_NS
        });
    }

    /// Gives up what was waited for too long.
    pub(crate) fn handle_time(&mut self, masks: &mut Masks, now: PacketTime, fates: &mut Vec<Fate>) {
        self.sweep(now);
        if self.waiting.is_empty()
            || self.looked.is_some_and(|looked| (0..STEP_NS).contains(&now.since(looked)))
        {
            return;
        }
        self.looked = Some(now);
        let (table, remembered) = (&mut self.table, &mut self.remembered);
        self.waiting.retain(|key| {
            let Some(connection) = table.get_mut(key) else { return false };
            tallied(remembered, connection, |connection| connection.handle_time(masks, now, fates));
            connection.is_waiting()
        });
    }

    /// Gives up whatever waits.
    pub(crate) fn give_up(&mut self, masks: &mut Masks, fates: &mut Vec<Fate>) {
        let mut keys: Vec<Key> = self.waiting.drain().collect();
        keys.sort_unstable();
        for key in keys {
            if let Some(connection) = self.table.get_mut(&key) {
                tallied(&mut self.remembered, connection, |connection| connection.give_up(masks, fates));
            }
        }
    }
}

/// Does something with a connection, and counts in `remembered` what it remembers then.
fn tallied(remembered: &mut usize, connection: &mut Connection, act: impl FnOnce(&mut Connection)) {
    *remembered -= connection.remembered();
    act(connection);
    *remembered += connection.remembered();
}

impl Connection {
    fn new(now: PacketTime) -> Self {
        Self {
            standing: Standing::Undecided,
            lanes: [Lane::default(), Lane::default()],
            bare: Vec::new(),
            since: now,
            last: now,
            ended: [false; 2],
        }
    }

    fn has_ended(&self) -> bool {
        self.ended == [true; 2]
    }

    fn remembered(&self) -> usize {
        self.lanes.iter().map(Lane::remembered).sum()
    }

    fn forget(&mut self) {
        self.lanes.iter_mut().for_each(Lane::forget);
    }

    fn is_waiting(&self) -> bool {
        !self.bare.is_empty() || self.lanes.iter().any(Lane::is_waiting)
    }

    fn handle_segment(
        &mut self,
        masks: &mut Masks,
        (segment, slot, now): (&TcpSegment<'_>, u64, PacketTime),
        side: usize,
        fates: &mut Vec<Fate>,
    ) {
        let first = segment.sequence.wrapping_add(u32::from(segment.flags.syn));
        if segment.flags.syn || !segment.payload.is_empty() {
            self.handle_place(masks, (side, first), fates);
        }
        if let Standing::Foreign(_) = self.standing
            && (segment.flags.syn || unit::begins(segment.payload).is_some())
        {
            *self = Self::new(now);
        }
        self.note_ends(segment, side, now);
        let Some(lane) = self.lanes.get_mut(side) else { return };
        if segment.flags.syn {
            lane.handle_opening(first, fates);
        }
        if let Standing::Foreign(dropped) = self.standing {
            fates.push(Fate::Drop(slot, dropped));
            return;
        }
        if segment.payload.is_empty() {
            if self.standing == Standing::Ours {
                fates.push(Fate::Fill(slot, Vec::new()));
            } else if self.bare.len() < MAX_BARE {
                self.bare.push(slot);
            } else {
                fates.push(Fate::Drop(slot, Dropped::OtherTcp));
            }
            return;
        }
        let progress = lane.handle_bytes(masks, (first, segment.payload, slot), now);
        let was_ours = self.standing == Standing::Ours;
        self.decide(progress, fates);
        if self.standing == Standing::Ours && !was_ours {
            self.lanes.iter_mut().for_each(|lane| lane.look_again(masks, now));
        }
        self.settle(fates);
    }

    /// A side goes on at `first`. Where that is none of the numbers that come next, another connection has begun between the
    /// same ends, and what waited for more of the one before waits no more.
    fn handle_place(&mut self, masks: &mut Masks, (side, first): (usize, u32), fates: &mut Vec<Fate>) {
        let Some(lane) = self.lanes.get_mut(side).filter(|lane| lane.is_elsewhere(first)) else { return };
        if lane.is_waiting() {
            let progress = lane.give_up(masks);
            self.decide(progress, fates);
            if self.standing == Standing::Undecided {
                self.decide(Progress::Foreign(Dropped::OtherTcp), fates);
            }
            self.settle(fates);
        }
        if let Some(lane) = self.lanes.get_mut(side) {
            lane.handle_opening(first, fates);
        }
    }

    fn note_ends(&mut self, segment: &TcpSegment<'_>, side: usize, now: PacketTime) {
        self.last = now;
        if segment.flags.syn {
            self.ended = [false; 2];
        }
        if segment.flags.rst {
            self.ended = [true; 2];
        }
        if let Some(ended) = self.ended.get_mut(side) {
            *ended |= segment.flags.fin;
        }
    }

    /// What one direction turned out to be, both are.
    fn decide(&mut self, progress: Progress, fates: &mut Vec<Fate>) {
        match progress {
            Progress::Undecided => {}
            Progress::Ours => {
                self.standing = Standing::Ours;
                self.lanes.iter_mut().for_each(Lane::handle_ours);
                fates.extend(self.bare.drain(..).map(|slot| Fate::Fill(slot, Vec::new())));
            }
            // What is known to be ours is not taken for anything else by what cannot be read.
            Progress::Foreign(_) if self.standing == Standing::Ours => {}
            Progress::Foreign(dropped) => {
                self.standing = Standing::Foreign(dropped);
                fates.extend(self.bare.drain(..).map(|slot| Fate::Drop(slot, dropped)));
                for lane in &mut self.lanes {
                    fates.extend(lane.abandon().map(|slot| Fate::Drop(slot, dropped)));
                }
            }
        }
    }

    fn settle(&mut self, fates: &mut Vec<Fate>) {
        self.lanes.iter_mut().for_each(|lane| lane.settle(fates));
    }

    fn handle_time(&mut self, masks: &mut Masks, now: PacketTime, fates: &mut Vec<Fate>) {
        if self.standing == Standing::Undecided && now.since(self.since) > SILENT_NS {
            self.decide(Progress::Foreign(Dropped::OtherTcp), fates);
            return;
        }
        for side in 0..self.lanes.len() {
            let progress = self.lanes.get_mut(side).map(|lane| lane.handle_time(masks, now));
            self.decide(progress.unwrap_or(Progress::Undecided), fates);
        }
        self.settle(fates);
    }

    fn give_up(&mut self, masks: &mut Masks, fates: &mut Vec<Fate>) {
        for side in 0..self.lanes.len() {
            let progress = self.lanes.get_mut(side).map(|lane| lane.give_up(masks));
            self.decide(progress.unwrap_or(Progress::Undecided), fates);
        }
        if self.standing == Standing::Undecided {
            self.decide(Progress::Foreign(Dropped::OtherTcp), fates);
        }
        self.settle(fates);
    }
}

#[cfg(test)]
mod tests {
    use earwitness_model::Flow;
    use earwitness_wire::TcpFlags;

    use super::*;
    use crate::Secret;

    /// Connections, and what became of the frames that carried their segments.
    struct Bench {
        masks: Masks,
        connections: Connections,
        fates: Vec<Fate>,
        slot: u64,
    }

    const BARE: TcpFlags = TcpFlags { syn: false, fin: false, rst: false };
    const SYN: TcpFlags = TcpFlags { syn: true, ..BARE };
    const FIN: TcpFlags = TcpFlags { fin: true, ..BARE };
    const RST: TcpFlags = TcpFlags { rst: true, ..BARE };

    impl Bench {
        fn new() -> Self {
            let (masks, connections) = (Masks::new(Secret::seeded(1)), Connections::default());
            Self { masks, connections, fates: Vec::new(), slot: 0 }
        }

        /// A segment at `ms` from the telephone at `port`, or to it; the number of its frame.
        fn send(&mut self, ms: i64, port: i32, (sequence, flags, payload): (u32, TcpFlags, &[u8])) -> u64 {
            let phone = SocketAddr::from(([10, 1, 0, 41], port.unsigned_abs() as u16));
            let server = SocketAddr::from(([10, 1, 0, 5], 5060));
            let (src, dst) = if port > 0 { (phone, server) } else { (server, phone) };
            let segment = TcpSegment {
                flow: Flow { src, dst },
                sequence,
                acknowledged: None,
                flags,
                payload,
                cut: 0,
                hop_limit: 64,
                tunnel: None,
            };
            self.slot += 1;
            let now = PacketTime::from_nanos(ms * 1_000_000);
            self.connections.handle_time(&mut self.masks, now, &mut self.fates);
            self.connections.handle_segment(&mut self.masks, (&segment, self.slot, now), &mut self.fates);
            self.slot
        }

        /// Time goes on until `ms` in steps of a second.
        fn wait(&mut self, from: i64, ms: i64) {
            for ms in (from..=ms).step_by(1000) {
                let now = PacketTime::from_nanos(ms * 1_000_000);
                self.connections.handle_time(&mut self.masks, now, &mut self.fates);
            }
        }

        fn fate(&self, slot: u64) -> Option<Result<Vec<u8>, Dropped>> {
            self.fates.iter().find_map(|fate| match fate {
                Fate::Fill(number, bytes) if *number == slot => Some(Ok(bytes.clone())),
                Fate::Drop(number, dropped) if *number == slot => Some(Err(*dropped)),
                Fate::Fill(..) | Fate::Drop(..) => None,
            })
        }

        fn held(&self) -> usize {
            let held = self.connections.table.values().map(Connection::remembered).sum();
            assert_eq!(self.connections.remembered, held, "what is counted is what there is");
            held
        }
    }

    /// A message with a body of so many bytes.
    fn message(body: usize) -> Vec<u8> {
        let mut message =
            format!("MESSAGE sip:4001@10.1.0.5 SIP/2.0\r\nCall-ID: 1\r\nContent-Length: {body}\r\n\r\n")
                .into_bytes();
        message.extend(vec![b'a'; body]);
        message
    }

    #[test]
    fn a_connection_that_both_sides_ended_is_remembered_for_half_a_minute() {
        let text = message(1000);
        let end = 2 + text.len() as u32;
        let mut bench = Bench::new();
        for (port, last) in [(5001, FIN), (5002, RST)] {
            bench.send(0, port, (1, SYN, b""));
            bench.send(1, port, (2, BARE, &text));
            bench.send(2, -port, (90, BARE, &text));
            bench.send(3, port, (end, last, b""));
        }
        bench.send(4, -5001, (90 + text.len() as u32, FIN, b""));
        let again = bench.send(9000, 5001, (2, BARE, &text));
        assert_eq!(bench.fate(again), bench.fate(2), "a segment that comes again");
        assert_eq!(bench.connections.table.len(), 2);
        assert!(bench.held() >= 4 * text.len());
        bench.wait(10_000, 60_000);
        assert_eq!((bench.connections.table.len(), bench.held()), (0, 0));
    }

    #[test]
    fn of_a_connection_that_says_nothing_only_its_place_is_remembered() {
        let text = message(1000);
        let mut bench = Bench::new();
        bench.send(0, 5001, (2, BARE, &text));
        bench.wait(1000, 119_000);
        assert!(bench.held() >= text.len());
        bench.wait(120_000, 140_000);
        assert_eq!((bench.connections.table.len(), bench.held()), (1, 0));
        let next = bench.send(150_000, 5001, (2 + text.len() as u32, BARE, &text));
        assert_eq!(bench.fate(next), bench.fate(1));
    }

    #[test]
    fn what_all_connections_remember_is_bounded() {
        // Line ends are the quickest to be replaced.
        let text = [&message(0)[..message(0).len() - 5], b"60000\r\n\r\n", &[b'\n'; 60_000]].concat();
        let mut bench = Bench::new();
        for port in 1..1300 {
            bench.send(i64::from(port), port, (2, BARE, &text));
        }
        assert!(bench.held() <= MAX_REMEMBERED);
        assert_eq!(bench.connections.table.len(), 1299);
        assert!(bench.fates.iter().all(|fate| matches!(fate, Fate::Fill(..))));
    }

    #[test]
    fn what_a_frame_that_waits_carries_is_not_forgotten() {
        let (one, other) = (message(1000), message(500));
        let (first, rest) = other.split_at(100);
        let mut bench = Bench::new();
        let waits = bench.send(0, 5001, (2, BARE, &[&one[..], first].concat()));
        bench.connections.forget();
        assert_eq!(bench.fate(waits), None);
        bench.send(10, 5001, (2 + (one.len() + first.len()) as u32, BARE, rest));
        let filled = bench.fate(waits).unwrap().unwrap();
        assert!(filled.starts_with(b"MESSAGE sip:") && filled.len() == one.len() + first.len());
    }

    #[test]
    fn frames_of_a_connection_before_the_next_between_the_same_ends_do_not_wait() {
        let text = message(1000);
        let (start, rest) = text.split_at(300);
        for far in [1 << 30, 3 << 30] {
            let mut bench = Bench::new();
            bench.send(0, 5001, (far, SYN, b""));
            bench.send(1, 5001, (far + 1, BARE, &text));
            let cut = bench.send(2, 5001, (far + 1 + text.len() as u32, BARE, start));
            let beyond_gap = bench.send(3, 5001, (far + 90_000, BARE, start));
            assert_eq!((bench.fate(cut), bench.fate(beyond_gap)), (None, None));
            bench.send(100, 5001, (2000, SYN, b""));
            for slot in [cut, beyond_gap] {
                let filled = bench.fate(slot).unwrap().unwrap();
                assert!(filled.starts_with(b"MESSAGE sip:") && filled.len() == start.len());
            }
            bench.send(101, 5001, (2001, BARE, start));
            let last = bench.send(102, 5001, (2001 + start.len() as u32, BARE, rest));
            assert_eq!(bench.fate(last).unwrap().unwrap().len(), rest.len());
            assert!(bench.connections.waiting.is_empty());
        }
    }

    #[test]
    fn in_a_connection_that_is_ours_nothing_waits_for_more_than_half_a_minute() {
        let text = message(1000);
        let mut bench = Bench::new();
        bench.send(0, 5001, (2, BARE, &text));
        let kept = bench.send(1, -5001, (50, BARE, b"\r\n"));
        let junk = bench.send(2, -5001, (52, BARE, b"\x00\x17rest of Kim\r\nsecret"));
        assert_eq!(bench.fate(kept), Some(Ok(b"\r\n".to_vec())));
        bench.wait(1000, 33_000);
        let filled = bench.fate(junk).unwrap().unwrap();
        assert!(!filled.windows(3).any(|window| window == b"Kim" || window == b"sec"), "{filled:?}");
        let whole = bench.send(34_000, -5001, (52 + filled.len() as u32, BARE, &text));
        assert_eq!(bench.fate(whole), bench.fate(1));
    }
}
