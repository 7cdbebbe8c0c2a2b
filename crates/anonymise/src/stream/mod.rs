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
mod tests;
