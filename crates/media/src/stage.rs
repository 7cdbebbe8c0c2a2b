//! The two parties of a call on one timeline: what every audio format is written from.

use earwitness_model::{Leg, PacketTime, PayloadKind};
use g711::Law;

use crate::{
    CallAudio,
    audio::Reading,
    channel::Channel,
    codec::Coding,
    copies,
    export::{ExportError, Exported, NotDecoded},
    timeline::{self, Origin, Run, Span},
    voicing::Voicing,
};

/// Samples per second of an export in which nothing asks for more.
const LEAST_RATE: u32 = 8_000;

/// A call's audio, placed.
pub(crate) struct Stage<'c> {
    runs: Vec<(Leg, Run<'c>)>,
    span: Span,
    not_decoded: Vec<NotDecoded>,
    sent_on: u64,
}

impl<'c> Stage<'c> {
    /// # Errors
    /// [`ExportError::TooLong`].
    pub(crate) fn of(call: &'c CallAudio) -> Result<Self, ExportError> {
        let runs: Vec<(Leg, Run<'c>)> = call
            .tracks
            .iter()
            .flat_map(|track| {
                timeline::runs(track, call.hung_up).into_iter().map(|run| (track.track.leg, run))
            })
            .collect();
        let runs = copies::united(runs);
        let packets = runs.iter().flat_map(|(_, run)| &run.packets);
        let rate = packets.map(|packet| packet.format.rate).max().unwrap_or(LEAST_RATE);
        let span = Span::of(call, runs.iter().map(|(_, run)| run), rate);
        if let Some(hours) = span.too_many_hours() {
            return Err(ExportError::TooLong { hours });
        }
        let sent_on = call.tracks.iter().map(|track| timeline::sent_on(track, call.hung_up)).sum();
        Ok(Self { runs, span, not_decoded: not_decoded(call), sent_on })
    }

    /// Samples per channel.
    pub(crate) const fn samples(&self) -> u64 {
        self.span.samples.unsigned_abs()
    }

    /// Samples per second.
    pub(crate) const fn rate(&self) -> u32 {
        self.span.rate
    }

    /// When the first sample is heard.
    pub(crate) const fn start(&self) -> PacketTime {
        self.span.start
    }

    /// What is in an export, but for its bytes.
    pub(crate) fn exported(self) -> Exported {
        let of = |origin| {
            let packets = self.runs.iter().flat_map(|(_, run)| &run.packets);
            packets.filter(|packet| packet.origin == origin).count() as u64
        };
        Exported {
            packets: of(Origin::Sent),
            recovered: of(Origin::Recovered),
            samples: self.samples(),
            rate: self.rate(),
            not_decoded: self.not_decoded,
            sent_on: self.sent_on,
            ..Exported::default()
        }
    }

    /// The one law of all packets; A-law, the one of international circuits, when there are none.
    ///
    /// # Errors
    /// [`ExportError::MixedLaws`], [`ExportError::NotG711`].
    pub(crate) fn law(&self) -> Result<Law, ExportError> {
        let mut begins: Vec<&Run<'c>> = self.runs.iter().map(|(_, run)| run).collect();
        begins.sort_by_key(|run| run.begins());
        let mut first = None;
        for packet in begins.into_iter().flat_map(|run| &run.packets) {
            let law = match packet.format.coding {
                Coding::G711(law) => law,
                Coding::G722 => return Err(ExportError::NotG711 { codec: "G.722" }),
                Coding::Gsm => return Err(ExportError::NotG711 { codec: "GSM" }),
                Coding::G726(..) => return Err(ExportError::NotG711 { codec: "G.726" }),
                Coding::L16(_) => return Err(ExportError::NotG711 { codec: "L16" }),
                Coding::Opus => return Err(ExportError::NotG711 { codec: "Opus" }),
            };
            let first = *first.get_or_insert(law);
            if law != first {
                return Err(ExportError::MixedLaws { first });
            }
        }
        Ok(first.unwrap_or(Law::A))
    }

    /// Shows `write` one window of a second after the other: caller, callee.
    ///
    /// # Errors
    /// What `write` fails with.
    pub(crate) fn paint<V: Voicing>(
        &self,
        (silence, conceal): (V::Sample, bool),
        mut write: impl FnMut(&[V::Sample], &[V::Sample]) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let channel = |leg| {
            let of_leg = self.runs.iter().filter(|(of, _)| *of == leg).map(|(_, run)| run).collect();
            Channel::<V>::place(of_leg, &self.span, conceal)
        };
        let [mut left, mut right] = [channel(Leg::Caller), channel(Leg::Callee)];
        let second = self.rate() as usize;
        let mut voices = [vec![silence; second], vec![silence; second]];
        for start in (0..self.samples()).step_by(second) {
            let window = start..self.samples().min(start + second as u64);
            let length = (window.end - window.start) as usize;
            let [caller, callee] = voices.each_mut().map(|voice| &mut voice[..length]);
            caller.fill(silence);
            callee.fill(silence);
            left.paint(window.clone(), caller);
            right.paint(window, callee);
            write(caller, callee)?;
        }
        Ok(())
    }
}

/// Streams that are silence for want of a decoder.
fn not_decoded(call: &CallAudio) -> Vec<NotDecoded> {
    let audio = call.streams_of(&[PayloadKind::Audio]).into_iter().filter_map(|mut stream| {
        let track = call.tracks.get(usize::from(stream.track.0))?;
        let readings = track.readings();
        match readings[usize::from(stream.payload_type & 0x7f)] {
            Reading::Plain(_) => return None,
            Reading::None => {}
            Reading::Redundant => {
                let silent = track.packets().iter().filter(|packet| {
                    packet.kind == PayloadKind::Audio
                        && packet.payload_type == stream.payload_type
                        && !timeline::is_audible(&readings, packet, track.payload(packet))
                });
                stream.packets = silent.count() as u64;
            }
        }
        (stream.packets > 0).then_some(stream)
    });
    audio
        .chain(call.streams_of(&[PayloadKind::Unknown]))
        .map(|stream| NotDecoded {
            leg: stream.of.leg,
            ssrc: stream.of.ssrc,
            payload_type: stream.payload_type,
            codec: stream.codec,
            packets: stream.packets,
        })
        .collect()
}
