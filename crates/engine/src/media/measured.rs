//! What the receivers of a call's streams measured (RFC 3611, section 4.7): of each the last that it said.

use std::net::IpAddr;

use earwitness_model::{Codec, PacketTime, PayloadKind, VoipMetrics};

use crate::order::MediaSummary;

/// Receivers and sources told apart in one call; of more, those give way of which no audio was heard, and that spoke longest ago.
const MOST_SAYINGS: usize = 32;

/// What one host measured of one source of another host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Saying {
    /// The source.
    pub(crate) ssrc: u32,
    /// Who receives it, and measured.
    pub(crate) by: IpAddr,
    /// Who sends it.
    pub(crate) to: IpAddr,
    /// Its audio was heard when this was said, by this part of the engine.
    pub(crate) is_heard: bool,
    pub(crate) at: PacketTime,
    pub(crate) metrics: VoipMetrics,
}

/// All that was measured in one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured(Vec<Saying>);

impl Measured {
    /// Something was measured: of what is said of a source by its receiver, the last counts.
    pub(super) fn handle(&mut self, saying: Saying) {
        if let Some(known) = self.known(&saying) {
            known.replace(saying);
            return;
        }
        if self.0.len() == MOST_SAYINGS {
            let all = self.0.iter().enumerate();
            let least = all.min_by_key(|(_, known)| (known.is_heard, known.at));
            match least.map(|(place, least)| (place, least.is_heard)) {
                Some((place, is_heard)) if saying.is_heard >= is_heard => drop(self.0.swap_remove(place)),
                Some(_) | None => return,
            }
        }
        self.0.push(saying);
    }

    /// What another shard heard of the same call is heard of it, too.
    pub(super) fn join(&mut self, other: Self) {
        for theirs in other.0 {
            match self.known(&theirs) {
                Some(known) => known.replace(theirs),
                None => self.0.push(theirs),
            }
        }
    }

    fn known(&mut self, saying: &Saying) -> Option<&mut Saying> {
        let key = |of: &Saying| (of.ssrc, of.by, of.to);
        self.0.iter_mut().find(|known| key(known) == key(saying))
    }
}

impl Saying {
    fn replace(&mut self, other: Self) {
        let is_heard = self.is_heard || other.is_heard;
        if other.at >= self.at {
            *self = other;
        }
        self.is_heard = is_heard;
    }
}

/// Tells each stream what its receiver measured: the host that it goes to, said to the host that it comes from. As with its
/// reports, of a track's streams it is the one that carries the audio.
pub(crate) fn tell(media: &mut MediaSummary) {
    for trail in &media.trails {
        let (by, to) = (trail.of.flow.dst.ip(), trail.of.flow.src.ip());
        let mut all = media.far_ends.measured.0.iter();
        let Some(saying) = all.find(|said| (said.ssrc, said.by, said.to) == (trail.of.ssrc, by, to)) else {
            continue;
        };
        let of_track = media.streams.iter_mut().filter(|stream| stream.of == trail.of);
        let carrier = of_track.max_by_key(|stream| {
            (stream.codec.as_ref().map(Codec::kind) == Some(PayloadKind::Audio), stream.packets)
        });
        if let Some(carrier) = carrier {
            carrier.quality.metrics = Some(saying.metrics);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(ssrc: u32, second: i64, loss_rate: u8) -> Saying {
        Saying {
            ssrc,
            by: [10, 1, 0, 9].into(),
            to: [10, 1, 0, 5].into(),
            is_heard: ssrc == 1,
            at: PacketTime::from_nanos(second * 1_000_000_000),
            metrics: VoipMetrics { loss_rate, ..VoipMetrics::default() },
        }
    }

    fn rates(measured: &Measured) -> Vec<u8> {
        measured.0.iter().map(|said| said.metrics.loss_rate).collect()
    }

    #[test]
    fn the_last_that_a_receiver_says_counts_wherever_it_was_heard() {
        let mut measured = Measured::default();
        measured.handle(saying(1, 5, 1));
        measured.handle(saying(1, 10, 2));
        measured.handle(saying(1, 7, 9));
        assert_eq!(rates(&measured), [2]);
        let mut another = Measured::default();
        another.handle(saying(1, 15, 3));
        another.handle(saying(2, 1, 4));
        measured.join(another);
        assert_eq!(rates(&measured), [3, 4]);
        let stranger = Saying { by: [10, 1, 0, 66].into(), ..saying(1, 20, 5) };
        measured.handle(stranger);
        assert_eq!(rates(&measured), [3, 4, 5]);
    }

    #[test]
    fn a_flood_of_sources_stays_bounded_and_costs_no_stream_that_is_heard() {
        let mut measured = Measured::default();
        measured.handle(saying(1, 0, 7));
        (2..100_000).for_each(|ssrc| measured.handle(saying(ssrc, i64::from(ssrc), 0)));
        assert_eq!(measured.0.len(), MOST_SAYINGS);
        assert_eq!(
            measured.0.iter().filter(|said| said.is_heard).map(|said| said.ssrc).collect::<Vec<_>>(),
            [1]
        );
        measured.handle(saying(1, 100_000, 8));
        assert!(rates(&measured).contains(&8));
    }
}
