//! Both directions of a connection, from its SYN (RFC 9293, section 3.5) or from where it was picked up, to its end.

use earwitness_model::PacketTime;
use earwitness_tls::Role;

use super::{
    Sink, Standing, StreamLimits,
    begin::{Beginning, Judged, judge, judge_anywhere},
    run::{Run, Verdict},
    side::Side,
    tls::{Admission, Both},
};
use crate::TcpSegment;

/// What is known of a connection.
pub(super) enum State {
    /// Nobody has said anything; the numbers of the first bytes that the SYNs announced. Most connections of a mirror are
    /// forgotten out of this, at the first byte that is none of ours.
    Opening([Option<u32>; 2]),
    /// One that may be ours.
    Speaking(Box<Connection>),
}

/// A connection that may be ours.
#[derive(Default)]
pub(super) struct Connection {
    sides: [Side; 2],
    /// Where it is in TLS that is read.
    tls: Option<Box<Both>>,
}

/// Which end of a connection speaks: that whose address is the lower one, or the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Low,
    High,
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    /// It is none of ours, or over.
    Forgotten,
}

impl End {
    /// Both of `pair`: what is this end's, and what is the other's.
    const fn own_and_other<T>(self, pair: &mut [T; 2]) -> (&mut T, &mut T) {
        let [low, high] = pair;
        match self {
            Self::Low => (low, high),
            Self::High => (high, low),
        }
    }
}

/// The number of the first byte of what the segment carries: a SYN has one of its own before it.
const fn first_byte(segment: &TcpSegment<'_>) -> u32 {
    segment.sequence.wrapping_add(segment.flags.syn as u32)
}

impl State {
    /// A connection of which nothing is known.
    pub(super) const fn opening() -> Self {
        Self::Opening([None; 2])
    }

    /// A connection that is picked up at `segment`, which begins something of ours.
    pub(super) fn picked_up(end: End, segment: &TcpSegment<'_>, beginning: Beginning) -> Self {
        let mut connection = Connection::default();
        *end.own_and_other(&mut connection.sides).0 =
            Side::of(Run::picked_up(first_byte(segment), beginning));
        Self::Speaking(Box::new(connection))
    }

    /// Memory of it, beside its place in the table.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::Opening(_) => 0,
            Self::Speaking(connection) => {
                let held: usize = connection.sides.iter().map(Side::held).sum();
                size_of::<Connection>() + connection.tls.as_ref().map_or(0, |_| size_of::<Both>()) + held
            }
        }
    }

    /// When something that is missing is given up.
    pub(super) fn deadline(&self, limits: &StreamLimits) -> Option<PacketTime> {
        match self {
            Self::Opening(_) => None,
            Self::Speaking(connection) => {
                connection.sides.iter().filter_map(|side| side.deadline(limits)).min()
            }
        }
    }

    /// Takes a segment that `end` sent.
    pub(super) fn handle_segment(
        &mut self,
        end: End,
        segment: &TcpSegment<'_>,
        at: PacketTime,
        sink: &mut Sink<'_>,
    ) -> Fate {
        if let Self::Opening(begins) = self {
            match open(begins, end, segment, sink) {
                Ok(connection) => *self = Self::Speaking(Box::new(connection)),
                Err(fate) => return fate,
            }
        }
        let Self::Speaking(connection) = self else { return Fate::Kept };
        connection.with_tls(sink, |connection, sink| connection.handle_segment(end, segment, at, sink))
    }

    /// Gives up what is missing at `now`.
    pub(super) fn handle_time(&mut self, now: PacketTime, sink: &mut Sink<'_>) -> Fate {
        let Self::Speaking(connection) = self else { return Fate::Kept };
        connection.with_tls(sink, |connection, sink| {
            connection.each_side(sink, |side, sink| side.handle_time(now, sink))
        })
    }

    /// There may be keys that were not there before.
    pub(super) fn handle_keys(&mut self, sink: &mut Sink<'_>) -> Fate {
        let Self::Speaking(connection) = self else { return Fate::Kept };
        connection.with_tls(sink, |connection, sink| connection.each_side(sink, Side::handle_keys))
    }

    /// It is forgotten: what is there of a message is handed over.
    pub(super) fn finish(&mut self, sink: &mut Sink<'_>) {
        if let Self::Speaking(connection) = self {
            connection.with_tls(sink, Connection::finish);
        }
    }
}

/// The first segment with something in it makes of an opening connection one that may be ours; or what else becomes of it.
fn open(
    begins: &mut [Option<u32>; 2],
    end: End,
    segment: &TcpSegment<'_>,
    sink: &mut Sink<'_>,
) -> Result<Connection, Fate> {
    let first = first_byte(segment);
    let (own, other) = end.own_and_other(begins);
    if segment.flags.syn && *own != Some(first) {
        // A SYN without ACK is the first word of a connection: what the other end said belongs to the one before.
        if segment.acknowledged.is_none() {
            *other = None;
        }
        *own = Some(first);
    }
    if segment.payload.is_empty() {
        let is_over = segment.flags.fin || segment.flags.rst;
        return Err(if is_over { Fate::Forgotten } else { Fate::Kept });
    }
    let reach = sink.limits.window;
    let run = match *own {
        Some(begins) if begins == first => match judge(segment.payload) {
            Judged::Ours(_) | Judged::TooFew => Run::beginning(begins),
            Judged::Tls(Role::Client) if sink.admit_tls(segment.payload) == Admission::No => {
                sink.count_encrypted();
                return Err(Fate::Forgotten);
            }
            Judged::Tls(Role::Server) if !sink.admits_server() => return Err(Fate::Forgotten),
            Judged::Tls(_) => Run::beginning(begins),
            Judged::Other => return Err(Fate::Forgotten),
        },
        Some(begins) if (first.wrapping_sub(begins) as usize) < reach => Run::beginning(begins),
        Some(_) | None => match judge_anywhere(segment.payload) {
            Some(beginning) => Run::picked_up(first, beginning),
            None => return Err(Fate::Kept),
        },
    };
    let other = other.map_or_else(Side::default, |begins| Side::of(Run::beginning(begins)));
    let mut connection = Connection::default();
    let (own_side, other_side) = end.own_and_other(&mut connection.sides);
    (*own_side, *other_side) = (Side::of(run), other);
    Ok(connection)
}

impl Connection {
    /// Does something with what both directions have of TLS in its place.
    fn with_tls<T>(&mut self, sink: &mut Sink<'_>, act: impl FnOnce(&mut Self, &mut Sink<'_>) -> T) -> T {
        sink.tls = self.tls.take();
        let done = act(self, sink);
        self.tls = sink.tls.take();
        done
    }

    /// Does something to both directions; what it comes to.
    fn each_side(
        &mut self,
        sink: &mut Sink<'_>,
        mut act: impl FnMut(&mut Side, &mut Sink<'_>) -> Verdict,
    ) -> Fate {
        let mut fate = Fate::Kept;
        for (side, flow) in self.sides.iter_mut().zip([sink.key, sink.key.reversed()]) {
            sink.flow = flow;
            if act(side, sink) == Verdict::NotOurs && sink.standing == Standing::Unproven {
                fate = Fate::Forgotten;
            }
        }
        fate
    }

    fn handle_segment(
        &mut self,
        end: End,
        segment: &TcpSegment<'_>,
        at: PacketTime,
        sink: &mut Sink<'_>,
    ) -> Fate {
        let first = first_byte(segment);
        let (own, other) = end.own_and_other(&mut self.sides);
        if segment.flags.syn {
            own.handle_syn(first, sink);
        }
        if let Some(number) = segment.acknowledged {
            other.handle_acknowledged(number, at, sink.limits);
        }
        if !segment.payload.is_empty() || segment.cut > 0 {
            let verdict = own.handle_bytes((first, segment.payload, segment.cut), at, sink);
            if verdict == Verdict::NotOurs && sink.standing == Standing::Unproven {
                return Fate::Forgotten;
            }
            // What one direction says of keys, the other may have waited for.
            if sink.tls.is_some() {
                sink.flow = segment.flow.reversed();
                let verdict = other.handle_keys(sink);
                sink.flow = segment.flow;
                if verdict == Verdict::NotOurs && sink.standing == Standing::Unproven {
                    return Fate::Forgotten;
                }
            }
        }
        self.handle_close(end, segment, sink)
    }

    /// FIN and RST count where they are due (RFC 5961, section 3): a flood of others ends nothing.
    fn handle_close(&mut self, end: End, segment: &TcpSegment<'_>, sink: &mut Sink<'_>) -> Fate {
        if !segment.flags.fin && !segment.flags.rst {
            return Fate::Kept;
        }
        let len = u32::try_from(segment.payload.len()).unwrap_or_default();
        let after = first_byte(segment).wrapping_add(len).wrapping_add(segment.cut);
        let (own, other) = end.own_and_other(&mut self.sides);
        let is_closed = own.handle_close(after, sink);
        if is_closed && (segment.flags.rst || other.is_empty()) {
            self.finish(sink);
            return Fate::Forgotten;
        }
        Fate::Kept
    }

    fn finish(&mut self, sink: &mut Sink<'_>) {
        for (side, flow) in self.sides.iter_mut().zip([sink.key, sink.key.reversed()]) {
            sink.flow = flow;
            side.finish(sink);
        }
    }
}
