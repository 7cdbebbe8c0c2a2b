//! What the capture lost, and what could not be handed on: both end as gaps of their calls.

use std::collections::BTreeMap;

use earwitness_model::{
    CallSummary, Codec, Flag, Gap, GapCause, GapEvidence, MediaPacket, PacketTime, PayloadKind, Segment,
    StreamSummary, TrackIndex,
};

use super::{Media, hole::Holes, losses::Room};
use crate::{limits::MAX_LISTED, order::MediaSummary};

/// Whether the call of a refused segment still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It does: its summary will tell.
    Running,
    /// It was released: its summary was made with these packets in it.
    Released,
}

impl Media {
    /// The capture lost frames between `from` and `to`: what is missing then was sent, and not seen.
    #[cold]
    pub(crate) fn handle_losses(&mut self, from: PacketTime, to: PacketTime) {
        if self.losses.add(from, to) == Room::Full {
            for track in self.tracks.iter_mut().flatten() {
                track.holes.settle(|since, until| self.losses.touch(since, until));
            }
            self.losses.forget_old();
        }
    }

    /// The packets of a media segment, counted as kept, are not: nobody could take it.
    #[cold]
    pub(crate) fn handle_refused(&mut self, segment: &Segment) -> Refused {
        let packets = segment.media().count() as u64;
        self.counts.kept = self.counts.kept.saturating_sub(packets);
        self.counts.refused += packets;
        let Some(call) = self.slot(segment.call).and_then(|slot| self.calls.get(slot.0 as usize)?.as_ref())
        else {
            return Refused::Released;
        };
        for told in segment.media() {
            let packet = MediaPacket { arrival: told.arrival.plus_nanos(call.base.saturating_neg()), ..told };
            let track =
                call.track(packet.track).and_then(|slot| self.tracks.get_mut(slot as usize)?.as_mut());
            if let Some(track) = track {
                track.take_back(&packet);
            }
        }
        Refused::Running
    }
}

/// The parts of a call's summary that tell what was kept of its media.
#[derive(Debug)]
pub(crate) struct Told<'s> {
    pub(crate) streams: &'s mut Vec<StreamSummary>,
    pub(crate) gaps: &'s mut Vec<Gap>,
    pub(crate) flags: &'s mut Vec<Flag>,
}

impl<'s> Told<'s> {
    pub(crate) const fn of(summary: &'s mut CallSummary) -> Self {
        let CallSummary { streams, gaps, flags, .. } = summary;
        Self { streams, gaps, flags }
    }

    pub(crate) const fn of_media(media: &'s mut MediaSummary) -> Self {
        let MediaSummary { streams, gaps, flags, .. } = media;
        Self { streams, gaps, flags }
    }

    /// The call's last segment was refused when the call had been summed up.
    pub(crate) fn without(self, segment: &Segment) {
        let mut holes: BTreeMap<TrackIndex, Holes> = BTreeMap::new();
        for packet in segment.media() {
            self.streams.iter_mut().filter(|stream| is_of(stream, &packet)).for_each(|stream| {
                stream.packets = stream.packets.saturating_sub(1);
                stream.payload_bytes = stream.payload_bytes.saturating_sub(packet.payload.len() as u64);
            });
            holes.entry(packet.track).or_default().leave_out(packet.sequence, packet.arrival);
        }
        for (track, holes) in holes {
            let audio = |stream: &&mut StreamSummary| {
                let is_audio = stream.codec.as_ref().map(Codec::kind) == Some(PayloadKind::Audio);
                (is_audio, stream.packets)
            };
            let Some(carrier) = self.streams.iter_mut().filter(|s| s.track == track).max_by_key(audio) else {
                continue;
            };
            let (leg, ptime) = (carrier.of.leg, carrier.ptime_ms.unwrap_or(20));
            for missing in holes.missing(i64::from(ptime) * 1_000_000) {
                carrier.lost += u64::from(missing.packets);
                let ms = missing.packets.saturating_mul(ptime);
                let (cause, evidence) = (GapCause::Capture, Some(GapEvidence::Recorder));
                self.gaps.push(Gap { leg, at: missing.at, ms, cause, evidence });
            }
        }
        self.gaps.sort_by_key(|gap| (gap.at, gap.leg));
        self.gaps.truncate(MAX_LISTED);
        if !self.flags.contains(&Flag::CaptureLoss) {
            self.flags.push(Flag::CaptureLoss);
            self.flags.sort_unstable();
        }
    }
}

fn is_of(stream: &StreamSummary, packet: &MediaPacket<'_>) -> bool {
    (stream.track, stream.payload_type) == (packet.track, packet.payload_type)
}
