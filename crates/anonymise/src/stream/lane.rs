//! One direction of a connection.

use earwitness_model::PacketTime;

use super::{
    unit::{self, Judged, Unit},
    websocket,
};
use crate::{Dropped, Fate, masks::Masks, sip};

/// How long a missing segment is waited for, and how long a message may take to become whole.
const GAP_NS: i64 = 2_000_000_000;
const PATIENCE_NS: i64 = 30_000_000_000;
/// How far ahead a segment may be, and how many may be.
const WINDOW: usize = 1 << 20;
const MAX_AHEAD: usize = 1024;
/// What is remembered of what was replaced, for segments that come again.
const REMEMBERED: usize = 256 << 10;

/// What a direction consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Sip,
    /// HTTP that may open a WebSocket.
    Handshake,
    Frames,
}

/// What a direction shows of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Undecided,
    Ours,
    Foreign(Dropped),
}

/// Invariants: `next` is the number of the first byte of `raw`, and of the byte after the last of `done`; every hole ends
/// behind `next`, once it was settled, and there is none where nothing is left to be replaced.
#[derive(Debug, Default)]
pub(super) struct Lane {
    next: Option<u32>,
    mode: Option<Mode>,
    /// What is not replaced yet.
    raw: Vec<u8>,
    /// The connection speaks SIP: what cannot be read in it is junk, and no sign of another protocol.
    is_ours: bool,
    /// What lies beyond a gap, and since when there is one.
    ahead: Vec<(u32, Vec<u8>)>,
    gap_since: Option<PacketTime>,
    /// What was replaced last.
    done: Vec<u8>,
    holes: Vec<Hole>,
}

/// A frame that waits for what it carries.
#[derive(Debug, Clone, Copy)]
struct Hole {
    slot: u64,
    first: u32,
    len: usize,
    since: PacketTime,
}

/// How far `number` is from `from`, forwards or backwards.
const fn distance(from: u32, number: u32) -> i64 {
    number.wrapping_sub(from).cast_signed() as i64
}

impl Lane {
    pub(super) const fn is_waiting(&self) -> bool {
        !self.holes.is_empty()
    }

    /// The connection speaks SIP.
    pub(super) const fn handle_ours(&mut self) {
        self.is_ours = true;
    }

    /// Looks again at what there is, now that more is known of the connection.
    pub(super) fn look_again(&mut self, masks: &mut Masks, now: PacketTime) {
        self.advance(masks, now);
    }

    /// Whether `first` is none of the numbers that come next: another connection between the same ends begins.
    pub(super) fn is_elsewhere(&self, first: u32) -> bool {
        self.next.is_some_and(|next| distance(next, first).unsigned_abs() >= WINDOW as u64)
    }

    /// The direction begins at `first`, if it has not. Frames of another before it, which waited, wait no more.
    pub(super) fn handle_opening(&mut self, first: u32, fates: &mut Vec<Fate>) {
        if self.next.is_none() || self.is_elsewhere(first) {
            (self.raw, self.ahead) = (Vec::new(), Vec::new());
            self.settle(fates);
            *self = Self { next: Some(first), is_ours: self.is_ours, ..Self::default() };
        }
    }

    /// Bytes that are remembered: what waits is bounded by the frames that wait, and leaves no room behind.
    pub(super) const fn remembered(&self) -> usize {
        self.done.capacity()
    }

    /// Forgets what was replaced, but for what frames that wait carry.
    pub(super) fn forget(&mut self) {
        let Some(next) = self.next else { return };
        let behind = self.holes.iter().map(|hole| -distance(next, hole.first)).max().unwrap_or(0);
        let kept = usize::try_from(behind).unwrap_or(0).min(self.done.len());
        self.done.drain(..self.done.len() - kept);
        self.done.shrink_to_fit();
    }

    /// Takes the bytes of the frame under a number.
    pub(super) fn handle_bytes(
        &mut self,
        masks: &mut Masks,
        (first, bytes, slot): (u32, &[u8], u64),
        now: PacketTime,
    ) -> Progress {
        self.next.get_or_insert(first);
        self.holes.push(Hole { slot, first, len: bytes.len(), since: now });
        if self.ahead.len() < MAX_AHEAD {
            self.ahead.push((first, bytes.to_vec()));
        }
        self.advance(masks, now)
    }

    /// Gives up what was waited for too long.
    pub(super) fn handle_time(&mut self, masks: &mut Masks, now: PacketTime) -> Progress {
        let is_gap_old = self.gap_since.is_some_and(|since| now.since(since) > GAP_NS);
        let is_hole_old = self.holes.first().is_some_and(|hole| now.since(hole.since) > PATIENCE_NS);
        if is_hole_old {
            return self.give_up(masks);
        }
        if !is_gap_old {
            return Progress::Undecided;
        }
        self.close(masks);
        self.skip_gap();
        self.advance(masks, now)
    }

    /// Replaces whatever there is, whole or not.
    pub(super) fn give_up(&mut self, masks: &mut Masks) -> Progress {
        let mut progress = Progress::Undecided;
        while !self.raw.is_empty() || !self.ahead.is_empty() {
            self.close(masks);
            self.skip_gap();
            match self.advance(masks, PacketTime::EPOCH) {
                Progress::Undecided if self.mode.is_none() && !self.is_ours => {
                    return Progress::Foreign(Dropped::OtherTcp);
                }
                Progress::Undecided => {}
                Progress::Ours => progress = Progress::Ours,
                Progress::Foreign(dropped) => return Progress::Foreign(dropped),
            }
        }
        progress
    }

    /// The frames that wait, which wait no more.
    pub(super) fn abandon(&mut self) -> impl Iterator<Item = u64> + use<> {
        let holes = std::mem::take(&mut self.holes);
        *self = Self::default();
        holes.into_iter().map(|hole| hole.slot)
    }

    /// Tells frames what they carry, as far as that is known.
    pub(super) fn settle(&mut self, fates: &mut Vec<Fate>) {
        let Some(next) = self.next else { return };
        let done = &self.done;
        let is_more = !self.raw.is_empty() || !self.ahead.is_empty();
        self.holes.retain(|hole| {
            let end = distance(next, hole.first) + hole.len as i64;
            if end > 0 && is_more {
                return true;
            }
            let from = done.len() as i64 + end - hole.len as i64;
            let known = usize::try_from(from).ok().and_then(|from| done.get(from..from + hole.len));
            // What is not remembered any more, or never was, is filler.
            fates.push(Fate::Fill(hole.slot, known.map_or_else(|| vec![b'x'; hole.len], <[u8]>::to_vec)));
            false
        });
        if self.holes.is_empty() {
            self.holes = Vec::new();
        }
    }

    /// Replaces what is whole.
    fn advance(&mut self, masks: &mut Masks, now: PacketTime) -> Progress {
        let mut progress = Progress::Undecided;
        self.join();
        while !self.raw.is_empty() {
            let Some(mode) = self.mode else {
                match unit::judge(&self.raw) {
                    Judged::TooFew if self.is_ours && unit::blanks(&self.raw) > 0 => {
                        self.replace(unit::blanks(&self.raw), <[u8]>::to_vec);
                    }
                    Judged::TooFew => break,
                    Judged::Foreign(_) if self.is_ours => {
                        self.replace(unit::junk(&self.raw), |old| vec![b'x'; old.len()]);
                    }
                    Judged::Foreign(dropped) => return Progress::Foreign(dropped),
                    Judged::Ours(mode) => {
                        self.mode = Some(mode);
                        // HTTP has yet to show what it opens.
                        if mode != Mode::Handshake {
                            progress = Progress::Ours;
                        }
                    }
                }
                continue;
            };
            match unit::next(mode, &self.raw) {
                Unit::More => break,
                Unit::Blank(len) => self.replace(len, <[u8]>::to_vec),
                Unit::Message(len) => self.replace(len, |old| sip::message(masks, old)),
                Unit::Frames(len) => self.replace(len, |old| websocket::replaced(masks, old)),
                Unit::Junk(len) => self.replace(len, |old| vec![b'x'; old.len()]),
                Unit::Handshake(len) => {
                    if !self.raw.get(..len).is_some_and(unit::opens_websocket) {
                        return Progress::Foreign(Dropped::OtherTcp);
                    }
                    self.replace(len, |old| sip::handshake(masks, old));
                    self.mode = Some(Mode::Frames);
                    progress = Progress::Ours;
                }
            }
        }
        if self.ahead.is_empty() {
            (self.ahead, self.gap_since) = (Vec::new(), None);
        } else {
            self.gap_since.get_or_insert(now);
        }
        progress
    }

    /// Moves what follows `raw` to it, and forgets what is behind it.
    fn join(&mut self) {
        let Some(next) = self.next else { return };
        self.ahead.sort_by_key(|(first, _)| distance(next, *first));
        let (raw, mut is_open) = (&mut self.raw, true);
        self.ahead.retain(|(first, bytes)| {
            let from = distance(next, *first);
            let end = raw.len() as i64;
            if !is_open || from > end {
                is_open = false;
                return true;
            }
            if let Some(new) = usize::try_from(end - from).ok().and_then(|known| bytes.get(known..)) {
                raw.extend_from_slice(new);
            }
            false
        });
    }

    /// Replaces the first `len` bytes.
    fn replace(&mut self, len: usize, rewrite: impl FnOnce(&[u8]) -> Vec<u8>) {
        let len = len.min(self.raw.len());
        let old: Vec<u8> = self.raw.drain(..len).collect();
        if self.raw.is_empty() {
            self.raw = Vec::new();
        }
        let new = rewrite(&old);
        debug_assert_eq!(new.len(), old.len(), "a replacement is as long as what it replaces");
        self.remember(&new);
        self.next = self.next.map(|next| next.wrapping_add(len as u32));
    }

    fn remember(&mut self, new: &[u8]) {
        self.done.extend_from_slice(new);
        if self.done.len() > 2 * REMEMBERED {
            self.done.drain(..self.done.len() - REMEMBERED);
        }
    }

    /// Replaces what is there of something that does not become whole.
    fn close(&mut self, masks: &mut Masks) {
        let len = self.raw.len();
        match self.mode {
            Some(Mode::Sip) => self.replace(len, |old| sip::message(masks, old)),
            Some(Mode::Handshake | Mode::Frames) => self.replace(len, |old| vec![b'x'; old.len()]),
            None if self.is_ours => self.replace(len, unit::blotted),
            None => {}
        }
    }

    /// Goes on behind the gap.
    fn skip_gap(&mut self) {
        let Some((next, first)) = self.next.zip(self.ahead.first().map(|(first, _)| *first)) else { return };
        let missing = usize::try_from(distance(next, first)).unwrap_or(0);
        if (self.mode.is_some() || self.is_ours) && self.raw.is_empty() {
            self.remember(&vec![b'x'; missing.min(WINDOW)]);
            self.next = Some(first);
            self.gap_since = None;
        }
    }
}
