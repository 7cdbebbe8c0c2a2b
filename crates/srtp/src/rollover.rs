//! The part of a packet's index that it does not carry (RFC 3711, 3.3.1): how often its sequence numbers came round.

/// Counters that are tried of a source of which nothing was opened yet: a capture that begins in mid-call does not know how
/// often it came round. At 50 packets a second they are as many times 22 minutes.
const MOST_GUESSED: u32 = 16;

/// What is known of a source's rollover counter under one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rollover(Option<Latest>);

/// The packet with the highest index that was authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Latest {
    roc: u32,
    sequence: u16,
}

impl Rollover {
    /// The counters with which a packet may be authentic, the likeliest first. `elsewhere` is that of the same source under
    /// another key: after a re-keying it goes on (RFC 3711, 3.3.1), or begins anew (RFC 4568, 6.4), as phones please.
    pub(crate) fn candidates(self, sequence: u16, elsewhere: Option<u32>) -> impl Iterator<Item = u32> {
        let estimate = self.estimate(sequence);
        // After more than half a round that nobody saw, the estimate is one too low; a straggler from before may be one too high.
        let near = estimate
            .into_iter()
            .flat_map(|roc| [Some(roc), roc.checked_add(1), roc.checked_sub(1)].into_iter().flatten());
        let guesses = if estimate.is_none() { 0..MOST_GUESSED } else { 0..0 };
        near.chain(elsewhere.filter(|_| estimate.is_none())).chain(guesses)
    }

    /// The counter that brings the packet closest to the latest one.
    pub(crate) fn estimate(self, sequence: u16) -> Option<u32> {
        let Latest { roc, sequence: latest } = self.0?;
        let ahead = sequence.wrapping_sub(latest) as i16;
        Some(match (ahead >= 0, sequence >= latest) {
            (true, true) | (false, false) => roc,
            (true, false) => roc.wrapping_add(1),
            // A straggler from before the first round began does not exist.
            (false, true) => roc.checked_sub(1).unwrap_or(roc),
        })
    }

    /// A packet was authentic under `roc`.
    pub(crate) fn handle_authentic(&mut self, roc: u32, sequence: u16) {
        let is_later = self.0.is_none_or(|latest| (roc, sequence) > (latest.roc, latest.sequence));
        if is_later {
            self.0 = Some(Latest { roc, sequence });
        }
    }

    /// Whether anything was authentic yet.
    pub(crate) const fn is_known(self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(roc: u32, sequence: u16) -> Rollover {
        Rollover(Some(Latest { roc, sequence }))
    }

    #[test]
    fn the_estimate_is_the_counter_that_brings_a_packet_closest() {
        let check = |latest: (u32, u16), sequence, expected| {
            assert_eq!(after(latest.0, latest.1).estimate(sequence), Some(expected), "{latest:?} {sequence}");
        };
        check((3, 100), 101, 3);
        check((3, 100), 99, 3);
        check((3, 65535), 0, 4);
        check((3, 65530), 20_000, 4);
        check((3, 2), 65534, 2);
        check((3, 40_000), 8_000, 3);
        check((3, 40_000), 7_000, 4);
        check((0, 2), 65534, 0);
        check((u32::MAX, 65535), 0, 0);
        assert_eq!(Rollover::default().estimate(1), None);
    }

    #[test]
    fn stragglers_do_not_move_it_back() {
        let mut rollover = Rollover::default();
        for (roc, sequence) in [(0, 65535), (1, 0), (0, 65534), (1, 2), (1, 1)] {
            rollover.handle_authentic(roc, sequence);
        }
        assert_eq!(rollover, after(1, 2));
    }

    #[test]
    fn of_an_unknown_source_the_first_rounds_are_tried_and_of_a_known_one_the_neighbours() {
        let tried = |rollover: Rollover, elsewhere| rollover.candidates(5, elsewhere).collect::<Vec<_>>();
        assert_eq!(tried(Rollover::default(), None), (0..16).collect::<Vec<_>>());
        assert_eq!(tried(Rollover::default(), Some(40))[..2], [40, 0]);
        assert_eq!(tried(after(7, 4), Some(40)), [7, 8, 6]);
        assert_eq!(tried(after(0, 4), None), [0, 1]);
    }
}
