//! What of the streams could not be read, and how often.

/// Why something that came over TCP was not read, or not all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StreamLoss {
    /// Segments were missing, and did not come in time.
    Gap,
    /// A message was handed over without its end: that was missing.
    CutMessage,
    /// The beginning of a message was dropped: the rest of its head was missing.
    PartialMessage,
    /// Two segments disagree about the same bytes; the first one counts.
    Overlap,
    /// A segment lies where nothing is expected: too far ahead, too far back, or behind too many others.
    Outside,
    /// Bytes between messages that are none.
    NotSip,
    /// A head or a message is longer than the bound, or says that it is.
    TooLong,
    /// Content-Length is no number, or is two.
    BadLength,
    /// A WebSocket frame that RFC 6455, section 5.2, does not know.
    BadFrame,
    /// A connection was forgotten, because all together they had come to the bound.
    Evicted,
    /// A connection in TLS on a port of SIP, of which no key is known.
    Encrypted,
    /// A WebSocket connection whose messages are compressed (RFC 7692).
    Compressed,
    /// A record of TLS that its connection's keys do not open.
    Unopened,
}

impl StreamLoss {
    /// Every cause.
    pub const ALL: [Self; 13] = [
        Self::Gap,
        Self::CutMessage,
        Self::PartialMessage,
        Self::Overlap,
        Self::Outside,
        Self::NotSip,
        Self::TooLong,
        Self::BadLength,
        Self::BadFrame,
        Self::Evicted,
        Self::Encrypted,
        Self::Compressed,
        Self::Unopened,
    ];

    /// A word for it, as programs read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::CutMessage => "cut_message",
            Self::PartialMessage => "partial_message",
            Self::Overlap => "overlap",
            Self::Outside => "outside",
            Self::NotSip => "not_sip",
            Self::TooLong => "too_long",
            Self::BadLength => "bad_length",
            Self::BadFrame => "bad_frame",
            Self::Evicted => "evicted",
            Self::Encrypted => "encrypted",
            Self::Compressed => "compressed",
            Self::Unopened => "unopened",
        }
    }
}

/// How often each happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamLosses {
    counts: [u64; StreamLoss::ALL.len()],
}

impl StreamLosses {
    /// How often `loss` happened.
    #[must_use]
    pub fn of(&self, loss: StreamLoss) -> u64 {
        self.counts.get(loss as usize).copied().unwrap_or_default()
    }

    /// Every cause with its count.
    pub fn iter(&self) -> impl Iterator<Item = (StreamLoss, u64)> {
        StreamLoss::ALL.into_iter().zip(self.counts)
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
    }

    pub(super) fn count(&mut self, loss: StreamLoss) {
        if let Some(count) = self.counts.get_mut(loss as usize) {
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_a_count_of_its_own_and_counts_add_up() {
        let mut losses = StreamLosses::default();
        for (times, loss) in StreamLoss::ALL.into_iter().enumerate() {
            (0..times).for_each(|_| losses.count(loss));
        }
        let once = losses;
        losses.add(&once);
        for (times, (loss, count)) in losses.iter().enumerate() {
            let expected = 2 * times as u64;
            assert_eq!((loss, count, losses.of(loss)), (StreamLoss::ALL[times], expected, expected));
        }
    }
}
