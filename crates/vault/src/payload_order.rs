//! The running order of one track: packets come as they arrived, and leave in sequence.
//!
//! A packet whose number is the next one leaves at once, from where it lies. Behind a hole, packets are copied and held
//! back until the next segment that has packets of the track has been merged; then they leave, hole or no hole. The
//! beginning of a track counts as a hole, so that its first packets may come in any order too. A packet that comes
//! after its place was passed is late, and says so.
//!
//! Law: when every packet comes at the latest in the track's segment after the one in which a packet with a higher number
//! came first, the order that leaves is the sorted order.

use std::hint::black_box;

/// Packets of a track in a segment, usually.
const USUAL: usize = 24;

/// One packet on its way through the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ordered<'b> {
    pub(crate) sequence: u32,
    pub(crate) payload_type: u8,
    /// `None`: its number counts, its payload is not hashed.
    pub(crate) payload: Option<&'b [u8]>,
}

/// What becomes of packets.
pub(crate) trait Sink {
    /// The next packet in sequence.
    fn in_order(&mut self, packet: Ordered<'_>);
    /// A packet whose place was passed.
    fn late(&mut self, packet: Ordered<'_>);
}

/// The order of one track.
#[derive(Debug, Default)]
pub(crate) struct PayloadOrder {
    /// The number after the last that left, which may be beyond all numbers; `None` before the first.
    next: Option<u64>,
    held: Vec<Held>,
    /// Their payloads, which are wiped where they lay.
    bytes: Wiped,
    /// The first so many of `held` were held before this segment.
    old: usize,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    sequence: u32,
    payload_type: u8,
    payload: Option<(usize, usize)>,
}

impl PayloadOrder {
    /// Takes one packet of the current segment.
    pub(crate) fn handle_packet(&mut self, packet: Ordered<'_>, sink: &mut impl Sink) {
        match self.next {
            Some(next) if u64::from(packet.sequence) == next => self.pass(packet, sink),
            Some(next) if u64::from(packet.sequence) < next => sink.late(packet),
            Some(_) | None => self.hold(packet),
        }
    }

    /// The segment is over, and it had packets of this track.
    pub(crate) fn handle_segment_end(&mut self, sink: &mut impl Sink) {
        if !self.held.is_empty() {
            let due = self.held[..self.old].iter().map(|held| held.sequence).max();
            self.release(due, sink);
        }
    }

    /// The track is over: everything held leaves.
    pub(crate) fn finish(&mut self, sink: &mut impl Sink) {
        self.release(Some(u32::MAX), sink);
    }

    fn pass(&mut self, packet: Ordered<'_>, sink: &mut impl Sink) {
        self.next = Some(u64::from(packet.sequence) + 1);
        sink.in_order(packet);
    }

    fn hold(&mut self, packet: Ordered<'_>) {
        if self.held.is_empty() {
            self.held.reserve(USUAL);
            let usual = USUAL * packet.payload.map_or(0, <[u8]>::len);
            self.bytes = Wiped(Vec::with_capacity(usual));
        }
        let payload = packet.payload.map(|payload| {
            let begin = self.bytes.0.len();
            add(&mut self.bytes, payload);
            (begin, self.bytes.0.len())
        });
        self.held.push(Held { sequence: packet.sequence, payload_type: packet.payload_type, payload });
    }

    /// Lets go what is due, whatever is missing before it, and what follows without a hole.
    fn release(&mut self, due: Option<u32>, sink: &mut impl Sink) {
        self.held.sort_by_key(|held| held.sequence);
        let (held, bytes) = (std::mem::take(&mut self.held), std::mem::take(&mut self.bytes));
        let mut left = 0;
        for packet in held.iter().map(|held| held.read(&bytes.0)) {
            let number = u64::from(packet.sequence);
            let is_due = due.is_some_and(|due| packet.sequence <= due);
            match self.next {
                Some(next) if number < next => sink.late(packet),
                next if is_due || next == Some(number) => self.pass(packet, sink),
                Some(_) | None => break,
            }
            left += 1;
        }
        self.keep(held, bytes, left);
    }

    /// Keeps what stays, in the buffers it came in. Where nothing stays, no buffer does: a track holds packets back at its
    /// beginning and after a loss, not while it runs.
    fn keep(&mut self, mut held: Vec<Held>, mut bytes: Wiped, left: usize) {
        if left == held.len() {
            (held, bytes) = (Vec::new(), Wiped::default());
        } else if left > 0 {
            let staying: Vec<_> = held.drain(left..).collect();
            held.clear();
            for one in staying {
                let payload = one.payload.map(|(from, to)| {
                    let begin = self.bytes.0.len();
                    add(&mut self.bytes, &bytes.0[from..to]);
                    (begin, self.bytes.0.len())
                });
                held.push(Held { payload, ..one });
            }
            bytes = std::mem::take(&mut self.bytes);
        }
        self.old = held.len();
        (self.held, self.bytes) = (held, bytes);
    }
}

/// Payloads that are wiped when they go: at once, where the zeroize crate goes byte by byte.
#[derive(Debug, Default)]
struct Wiped(Vec<u8>);

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Overwrites all that a buffer ever held, and the compiler must believe that somebody looks.
pub(crate) fn wipe(bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.resize(bytes.capacity(), 0);
    black_box(bytes);
}

/// Adds a payload. A buffer that is too small is left wiped.
fn add(bytes: &mut Wiped, payload: &[u8]) {
    if bytes.0.capacity() - bytes.0.len() < payload.len() {
        let mut larger = Vec::with_capacity(2 * (bytes.0.len() + payload.len()));
        larger.extend_from_slice(&bytes.0);
        *bytes = Wiped(larger);
    }
    bytes.0.extend_from_slice(payload);
}

impl Held {
    fn read<'b>(&self, bytes: &'b [u8]) -> Ordered<'b> {
        Ordered {
            sequence: self.sequence,
            payload_type: self.payload_type,
            payload: self.payload.map(|(from, to)| &bytes[from..to]),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Seen {
        order: Vec<(u32, Option<Vec<u8>>)>,
        late: Vec<u32>,
    }

    impl Sink for Seen {
        fn in_order(&mut self, packet: Ordered<'_>) {
            self.order.push((packet.sequence, packet.payload.map(<[u8]>::to_vec)));
        }

        fn late(&mut self, packet: Ordered<'_>) {
            self.late.push(packet.sequence);
        }
    }

    /// Every third packet has no payload to hash; the others' tells their number.
    fn payload(sequence: u32) -> Option<Vec<u8>> {
        (!sequence.is_multiple_of(3)).then(|| sequence.to_be_bytes().to_vec())
    }

    fn run(segments: &[Vec<u32>]) -> Seen {
        let (mut order, mut seen) = (PayloadOrder::default(), Seen::default());
        for segment in segments {
            for &sequence in segment {
                let bytes = payload(sequence);
                let packet = Ordered { sequence, payload_type: 8, payload: bytes.as_deref() };
                order.handle_packet(packet, &mut seen);
            }
            order.handle_segment_end(&mut seen);
        }
        order.finish(&mut seen);
        assert!(seen.order.iter().all(|(sequence, bytes)| *bytes == payload(*sequence)));
        seen
    }

    fn check(segments: &[&[u32]], order: &[u32], late: &[u32]) {
        let seen = run(&segments.iter().map(|s| s.to_vec()).collect::<Vec<_>>());
        assert_eq!(
            seen.order.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(),
            order,
            "{segments:?}"
        );
        assert_eq!(seen.late, late, "{segments:?}");
    }

    #[test]
    fn packets_leave_in_sequence() {
        check(&[&[1, 2, 3], &[4, 5]], &[1, 2, 3, 4, 5], &[]);
        check(&[&[2, 1, 3], &[5, 4]], &[1, 2, 3, 4, 5], &[]);
        check(&[&[2, 3], &[1, 4]], &[1, 2, 3, 4], &[]);
    }

    #[test]
    fn a_hole_waits_for_the_next_segment_of_the_track_and_no_longer() {
        check(&[&[1], &[2, 4], &[3, 5], &[6]], &[1, 2, 3, 4, 5, 6], &[]);
        check(&[&[1], &[2, 4], &[5], &[3, 6]], &[1, 2, 4, 5, 6], &[3]);
        check(&[&[1], &[2, 4], &[6], &[5, 7]], &[1, 2, 4, 5, 6, 7], &[]);
        check(&[&[1], &[2], &[9, 7], &[5, 8]], &[1, 2, 5, 7, 8, 9], &[]);
    }

    #[test]
    fn what_is_lost_is_passed_over() {
        check(&[&[1, 2], &[5, 6], &[7], &[20]], &[1, 2, 5, 6, 7, 20], &[]);
    }

    #[test]
    fn a_repeated_number_is_late_not_hashed_twice() {
        check(&[&[1, 2], &[2, 3]], &[1, 2, 3], &[2]);
        check(&[&[5, 5]], &[5], &[5]);
        check(&[&[u32::MAX, u32::MAX]], &[u32::MAX], &[u32::MAX]);
    }

    proptest! {
        #[test]
        fn reordering_within_the_bound_leaves_the_sorted_order(
            lost in prop::collection::vec(prop::bool::weighted(0.2), 1..120),
            cuts in prop::collection::vec(1usize..8, 120),
            moved in prop::collection::vec((prop::bool::weighted(0.2), any::<u32>()), 120),
        ) {
            let sent: Vec<u32> = (0u32..).zip(&lost).filter(|(_, lost)| !**lost).map(|(n, _)| 70_000 + n).collect();
            let mut segments: Vec<Vec<u32>> = Vec::new();
            let mut rest = &sent[..];
            for cut in cuts {
                let (segment, more) = rest.split_at(cut.min(rest.len()));
                segments.push(segment.to_vec());
                rest = more;
            }
            // A packet may move to the next segment, once, when a higher one stays behind to hold its place.
            let mut arrived = vec![Vec::new(); segments.len()];
            for (at, segment) in segments.iter().enumerate() {
                let highest = segment.iter().max().copied().unwrap_or_default();
                let has_next = segments.get(at + 1).is_some_and(|next| !next.is_empty());
                for &n in segment {
                    let goes = has_next && n < highest && moved[(n % 120) as usize].0;
                    arrived[at + usize::from(goes)].push(n);
                }
            }
            let mut segments = arrived;
            for segment in &mut segments {
                segment.sort_by_key(|n| moved[(n % 120) as usize].1);
            }
            segments.retain(|segment| !segment.is_empty());
            let seen = run(&segments);
            prop_assert_eq!(seen.late, Vec::<u32>::new());
            prop_assert_eq!(seen.order.into_iter().map(|(n, _)| n).collect::<Vec<_>>(), sent);
        }

        #[test]
        fn what_leaves_is_sorted_and_nothing_disappears(
            segments in prop::collection::vec(prop::collection::vec(prop_oneof![0u32..40, any::<u32>()], 0..12), 0..12)
        ) {
            let seen = run(&segments);
            let order: Vec<u32> = seen.order.iter().map(|(n, _)| *n).collect();
            prop_assert!(order.is_sorted());
            let mut all: Vec<u32> = order.iter().chain(&seen.late).copied().collect();
            let mut came = segments.concat();
            all.sort_unstable();
            came.sort_unstable();
            prop_assert_eq!(all, came);
        }
    }
}
