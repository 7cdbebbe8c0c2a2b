//! The bytes of one direction in the order of their sequence numbers (RFC 9293, section 3.4).

use std::collections::VecDeque;

use earwitness_model::PacketTime;

use super::StreamLimits;

/// Pieces that wait for what comes before them, at most.
const MAX_PIECES: usize = 512;
/// Memory of a piece beside its bytes.
const PIECE_OVERHEAD: usize = 64;
/// A segment that was sent before one the other side has acknowledged is either here by then or will not come: mirrors
/// swap neighbours, they do not hold frames back.
const LATE_NANOS: i64 = 100_000_000;

/// What is next, and what came too early.
///
/// Invariants: `waiting` is in the order of its numbers and disjoint, all of it lies behind `next`, and none of it begins at
/// `next`; `held` is what it takes.
#[derive(Default)]
pub(super) struct Order {
    next: u32,
    waiting: VecDeque<Piece>,
    held: usize,
    acknowledged: Option<Acknowledged>,
}

/// Bytes that came before others that precede them.
pub(super) struct Piece {
    sequence: u32,
    pub(super) bytes: Box<[u8]>,
    /// Bytes after these that were not captured.
    pub(super) cut: u32,
    /// When it came.
    pub(super) at: PacketTime,
}

/// The other side has what lies before `number`, which begins behind `next`.
#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    number: u32,
    since: PacketTime,
}

/// Where the bytes of a segment belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'b> {
    /// Here: they are the next ones, without what was known of them.
    Next(&'b [u8]),
    /// They wait, or fill a hole: what is next is fetched by [`Order::take_next`].
    Waiting(Agreement),
    /// They are known.
    Known,
    /// Nothing is expected there.
    Outside,
}

/// Whether two segments with the same bytes have them alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agreement {
    Same,
    Differs,
}

/// How far `to` lies behind `from`; negative: before it.
const fn distance(from: u32, to: u32) -> i64 {
    to.wrapping_sub(from).cast_signed() as i64
}

impl Order {
    /// The next byte is that of `next`, and nothing waits.
    pub(super) fn beginning(next: u32) -> Self {
        Self { next, ..Self::default() }
    }

    /// The number of the next byte.
    pub(super) const fn next(&self) -> u32 {
        self.next
    }

    /// Memory of what waits.
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// Whether nothing waits.
    pub(super) fn is_even(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether `sequence` lies where bytes are expected or were just read.
    pub(super) fn is_near(&self, sequence: u32, limits: &StreamLimits) -> bool {
        let reach = limits.window as i64;
        distance(self.next, sequence).abs() <= reach
    }

    /// Takes `bytes`, which begin at `sequence` and after which `cut` more were not captured.
    pub(super) fn place<'b>(
        &mut self,
        (sequence, bytes, cut): (u32, &'b [u8], u32),
        at: PacketTime,
        limits: &StreamLimits,
    ) -> Place<'b> {
        let next = self.next;
        let reach = limits.window as i64;
        let ahead = distance(next, sequence);
        let end = ahead + bytes.len() as i64;
        if ahead < -reach || end > reach {
            return Place::Outside;
        }
        if ahead == 0 && bytes.is_empty() && cut > 0 {
            self.advance(0, cut);
            return Place::Next(bytes);
        }
        if end <= 0 || bytes.is_empty() {
            return Place::Known;
        }
        let known = usize::try_from(-ahead).unwrap_or(0);
        let Some(bytes) = bytes.get(known..) else { return Place::Known };
        if ahead <= 0 && self.waiting.is_empty() {
            self.advance(bytes.len(), cut);
            return Place::Next(bytes);
        }
        if ahead > 0 && self.waiting.len() >= MAX_PIECES {
            return Place::Outside;
        }
        Place::Waiting(self.insert((usize::try_from(ahead).unwrap_or(0), bytes, cut), at))
    }

    /// The piece whose turn it is.
    pub(super) fn take_next(&mut self) -> Option<Piece> {
        if self.waiting.front()?.sequence != self.next {
            return None;
        }
        let piece = self.waiting.pop_front()?;
        self.held -= piece.held();
        self.advance(piece.bytes.len(), piece.cut);
        Some(piece)
    }

    /// The other side has everything before `number`.
    pub(super) fn handle_acknowledged(&mut self, number: u32, at: PacketTime, limits: &StreamLimits) {
        let next = self.next;
        let beyond = distance(next, number);
        if beyond <= 0 || beyond > limits.window as i64 {
            return;
        }
        match &mut self.acknowledged {
            Some(known) if distance(next, known.number) >= beyond => {}
            Some(known) => *known = Acknowledged { number, since: at },
            None => self.acknowledged = Some(Acknowledged { number, since: at }),
        }
    }

    /// When what is missing is given up, if something is.
    pub(super) fn deadline(&self, limits: &StreamLimits) -> Option<PacketTime> {
        let piece = self.waiting.front()?;
        let patience = piece.at.plus_nanos(limits.gap_ns);
        let was_there = self.acknowledged.filter(|known| distance(piece.sequence, known.number) >= 0);
        let sure = was_there.map(|known| known.since.max(piece.at).plus_nanos(LATE_NANOS));
        Some(sure.map_or(patience, |sure| sure.min(patience)))
    }

    /// When the rest of a message is given up of which the other side has more than was seen here; the last of that came
    /// at `read_at`.
    pub(super) fn rest_deadline(&self, read_at: PacketTime) -> Option<PacketTime> {
        Some(self.acknowledged?.since.max(read_at).plus_nanos(LATE_NANOS))
    }

    /// How many bytes are missing before those that wait, or before `sequence`; none when it lies before the next byte.
    pub(super) fn missing_before(&self, sequence: Option<u32>) -> u64 {
        let end = sequence.or_else(|| self.waiting.front().map(|piece| piece.sequence));
        end.map_or(0, |end| u64::try_from(distance(self.next, end)).unwrap_or(0))
    }

    /// Goes on behind what is missing.
    pub(super) fn skip_gap(&mut self) {
        if let Some(piece) = self.waiting.front() {
            self.next = piece.sequence;
            self.forget_acknowledged();
        }
    }

    fn advance(&mut self, len: usize, cut: u32) {
        let step = u32::try_from(len).unwrap_or(u32::MAX).wrapping_add(cut);
        self.next = self.next.wrapping_add(step);
        self.forget_acknowledged();
        // What was not captured of a segment may have come in another.
        let next = self.next;
        while let Some(piece) = self.waiting.front().filter(|piece| distance(next, piece.sequence) < 0) {
            self.held -= piece.held();
            self.waiting.pop_front();
        }
    }

    fn forget_acknowledged(&mut self) {
        let next = self.next;
        self.acknowledged = self.acknowledged.filter(|known| distance(next, known.number) > 0);
    }

    /// Puts what is new of `bytes`, `from` bytes behind `next`, between those that wait.
    fn insert(&mut self, (from, bytes, cut): (usize, &[u8], u32), at: PacketTime) -> Agreement {
        let next = self.next;
        let end = from + bytes.len();
        let part = |start: usize, stop: usize| bytes.get(start - from..stop - from).unwrap_or_default();
        let (mut start, mut index, mut agreement) = (from, 0, Agreement::Same);
        while start < end {
            let there = self.waiting.get(index).map(|piece| {
                let begins = next_to(next, piece.sequence);
                (begins, begins + piece.bytes.len())
            });
            match there {
                Some((_, stops)) if stops <= start => index += 1,
                Some((begins, stops)) if begins <= start => {
                    let both = stops.min(end);
                    let known = self
                        .waiting
                        .get(index)
                        .and_then(|piece| piece.bytes.get(start - begins..both - begins));
                    if known != Some(part(start, both)) {
                        agreement = Agreement::Differs;
                    }
                    start = both;
                }
                Some((begins, _)) if begins < end => {
                    self.put(index, (next, start, part(start, begins), 0), at);
                    start = begins;
                }
                Some(_) | None => {
                    self.put(index, (next, start, part(start, end), cut), at);
                    start = end;
                }
            }
        }
        agreement
    }

    fn put(&mut self, index: usize, (next, from, bytes, cut): (u32, usize, &[u8], u32), at: PacketTime) {
        let sequence = next.wrapping_add(u32::try_from(from).unwrap_or_default());
        let piece = Piece { sequence, bytes: bytes.into(), cut, at };
        self.held += piece.held();
        self.waiting.insert(index, piece);
    }
}

impl Piece {
    const fn held(&self) -> usize {
        self.bytes.len() + PIECE_OVERHEAD
    }
}

/// How many bytes `sequence`, which is not before `next`, lies behind it.
const fn next_to(next: u32, sequence: u32) -> usize {
    sequence.wrapping_sub(next) as usize
}
