//! One call in one format.

use earwitness_media::{
    Stream,
    export::{
        ExportFormat, Exported, FlacOptions, Layout, Samples, WavOptions, flac, hep, payload, pcapng, wav,
    },
};
use earwitness_vault::{Entry, VaultError};

use super::{files::Files, unsealed::Unsealed};
use crate::{
    exit::{Exit, Failure},
    view::{counted, leg_word},
};

/// A format, and how it is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    Wav(WavOptions),
    Flac(FlacOptions),
    Payload,
    Pcapng,
    Hep,
}

impl Shape {
    /// The format with `--mono` and `--conceal`, which are about WAV and FLAC, and `--native`, which is about WAV.
    pub(super) fn new(
        format: ExportFormat,
        (native, mono, conceal): (bool, bool, bool),
    ) -> Result<Self, Failure> {
        let usage = |text: String| Err(Failure::new(Exit::Usage, text));
        let layout = if mono { Layout::Mono } else { Layout::Stereo };
        match format {
            ExportFormat::Wav if native && mono => {
                usage("--native codes cannot be mixed by --mono: leave one of them out".to_owned())
            }
            ExportFormat::Wav => Ok(Self::Wav(WavOptions {
                layout,
                samples: if native { Samples::Native } else { Samples::Pcm16 },
                conceal,
            })),
            ExportFormat::Flac if native => {
                usage("--native codes are for wav: a flac has linear samples".to_owned())
            }
            ExportFormat::Flac => Ok(Self::Flac(FlacOptions { layout, conceal })),
            ExportFormat::Payload | ExportFormat::Pcapng | ExportFormat::Hep if native || mono || conceal => {
                usage(format!("--native, --mono and --conceal are about audio files, not {format}"))
            }
            ExportFormat::Payload => Ok(Self::Payload),
            ExportFormat::Pcapng => Ok(Self::Pcapng),
            ExportFormat::Hep => Ok(Self::Hep),
        }
    }

    pub(super) const fn format(self) -> ExportFormat {
        match self {
            Self::Wav(_) => ExportFormat::Wav,
            Self::Flac(_) => ExportFormat::Flac,
            Self::Payload => ExportFormat::Payload,
            Self::Pcapng => ExportFormat::Pcapng,
            Self::Hep => ExportFormat::Hep,
        }
    }
}

/// What there is to say of an export.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    /// What is missing from it.
    pub(super) missing: Vec<String>,
    /// What else is worth knowing.
    pub(super) besides: Vec<String>,
}

/// Writes a call's file or files; returns what there is to say of them.
pub(super) fn write_call(
    entry: &Entry,
    unsealed: &Unsealed,
    shape: Shape,
    (files, note): (&mut Files<'_>, &dyn Fn() -> Result<(), VaultError>),
) -> Result<Said, Failure> {
    let note = || Ok(note()?);
    let name = files.name_of(entry);
    let exported = match shape {
        Shape::Wav(options) => files.write(&name, &note, |out| wav(&unsealed.audio, options, out))?,
        Shape::Flac(options) => files.write(&name, &note, |out| flac(&unsealed.audio, options, out))?,
        Shape::Pcapng => {
            files.write(&name, &note, |out| pcapng(&unsealed.audio, unsealed.messages(), out))?
        }
        Shape::Hep => files.write(&name, &note, |out| hep(unsealed.messages(), out))?,
        Shape::Payload => {
            let streams = unsealed.audio.streams();
            if files.is_single() && streams.len() != 1 {
                let text = format_args!("it has {} streams, each a file: give a directory", streams.len());
                return Err(Failure::new(Exit::Usage, text));
            }
            for stream in &streams {
                let which = (stream.track, stream.payload_type);
                files.write(&payload_name(entry, &streams, stream), &note, |out| {
                    payload(&unsealed.audio, which, out)
                })?;
            }
            Exported::default()
        }
    };
    Ok(Said { missing: missing(&exported), besides: besides(&exported) })
}

/// `<call>.<leg>.<ssrc>.payload`; where that would name two streams, the payload type stands before the end, and where it
/// still would, the place in the call's table of tracks.
fn payload_name(entry: &Entry, streams: &[Stream], stream: &Stream) -> String {
    let (call, leg, ssrc) = (entry.summary.id, leg_word(stream.of.leg), format!("{:#010x}", stream.of.ssrc));
    let same = |other: &&Stream| (other.of.leg, other.of.ssrc) == (stream.of.leg, stream.of.ssrc);
    let alike: Vec<_> = streams.iter().filter(same).collect();
    let of_type = alike.iter().filter(|other| other.payload_type == stream.payload_type).count();
    let (payload_type, track) = (stream.payload_type, stream.track.0);
    match (alike.len(), of_type) {
        (..=1, _) => format!("{call}.{leg}.{ssrc}.payload"),
        (_, ..=1) => format!("{call}.{leg}.{ssrc}.{payload_type}.payload"),
        (_, _) => format!("{call}.{leg}.{ssrc}.{payload_type}.{track}.payload"),
    }
}

/// What is worth knowing of an export in which nothing of the call is missing.
pub(crate) fn besides(exported: &Exported) -> Vec<String> {
    let recovered = (exported.recovered > 0)
        .then(|| format!("{} lost packets are heard from the redundancy of later ones", exported.recovered));
    let sent_on = (exported.sent_on > 0).then(|| {
        let packets = counted(exported.sent_on, "packet");
        format!("{packets} of audio came after the hang-up: not in it; --format payload has all that came")
    });
    recovered.into_iter().chain(sent_on).collect()
}

/// What of a call is not in its export, a line for each stream.
pub(crate) fn missing(exported: &Exported) -> Vec<String> {
    let silent = exported.not_decoded.iter().map(|stream| {
        let (leg, codec) = (leg_word(stream.leg), stream.codec_name());
        // What nobody named is no audio stream, and only a pcapng has it.
        let has_them = stream.codec.as_ref().map_or(ExportFormat::Pcapng, |_| ExportFormat::Payload);
        format!(
            "{} packets of the {leg} in {codec} are silence: this version cannot decode it; --format {has_them} has them",
            stream.packets
        )
    });
    let oversized = (exported.oversized > 0).then(|| {
        format!("{} messages or packets are too long for a frame and were left out", exported.oversized)
    });
    silent.chain(oversized).collect()
}

#[cfg(test)]
mod tests {
    use earwitness_media::export::NotDecoded;
    use earwitness_model::{Codec, Leg, TrackIndex};

    use super::*;
    use crate::view::sample;

    #[test]
    fn payload_files_have_names_of_their_own() {
        let entry = sample::answered();
        let of = entry.summary.streams[0].of;
        let stream = |track, payload_type, ssrc| {
            let of = earwitness_model::Track { ssrc, ..of };
            Stream { track: TrackIndex(track), of, payload_type, codec: None, packets: 1 }
        };
        let streams =
            [stream(0, 8, 0xabcd), stream(1, 0, 7), stream(1, 8, 7), stream(2, 8, 9), stream(3, 8, 9)];
        let names: Vec<_> = streams.iter().map(|one| payload_name(&entry, &streams, one)).collect();
        let id = entry.summary.id;
        let expected = [
            "0x0000abcd.payload",
            "0x00000007.0.payload",
            "0x00000007.8.payload",
            "0x00000009.8.2.payload",
            "0x00000009.8.3.payload",
        ];
        assert_eq!(names, expected.map(|end| format!("{id}.caller.{end}")));
    }

    #[test]
    fn what_is_silence_is_said_with_the_format_that_has_it() {
        let silent = |codec| NotDecoded { leg: Leg::Caller, ssrc: 7, payload_type: 96, codec, packets: 3 };
        let amr = Codec::from_rtpmap("AMR", 8_000, None);
        let exported = Exported {
            not_decoded: vec![silent(Some(amr)), silent(None)],
            oversized: 2,
            ..Exported::default()
        };
        let said = missing(&exported);
        assert_eq!(said.len(), 3);
        for (said, part) in
            said.iter().zip(["AMR/8000 are silence", "payload type 96 are silence", "2 messages or"])
        {
            assert!(said.contains(part), "{said}");
        }
        assert!(
            said[0].ends_with("--format payload has them") && said[1].ends_with("--format pcapng has them")
        );
        assert_eq!(missing(&Exported::default()), Vec::<String>::new());
    }

    #[test]
    fn what_came_after_the_hang_up_is_told_and_is_no_part_that_is_missing() {
        let exported = Exported { recovered: 2, sent_on: 158, ..Exported::default() };
        let said = besides(&exported);
        assert_eq!(said.len(), 2);
        assert!(said[1].starts_with("158 packets of audio came after the hang-up"), "{said:?}");
        assert_eq!(missing(&exported), Vec::<String>::new());
        assert_eq!(besides(&Exported::default()), Vec::<String>::new());
    }

    #[test]
    fn options_of_wav_are_for_wav() {
        let check = |format, flags, part: &str| {
            let said = Shape::new(format, flags).unwrap_err();
            assert!(said.exit == Exit::Usage && said.to_string().contains(part), "{said}");
        };
        check(ExportFormat::Wav, (true, true, false), "cannot be mixed");
        check(ExportFormat::Flac, (true, false, false), "for wav");
        check(ExportFormat::Payload, (false, false, true), "not payload");
        check(ExportFormat::Pcapng, (true, false, false), "not pcapng");
        let shape = Shape::new(ExportFormat::Wav, (false, true, true)).unwrap();
        assert_eq!(
            shape,
            Shape::Wav(WavOptions { layout: Layout::Mono, samples: Samples::Pcm16, conceal: true })
        );
        assert_eq!(
            Shape::new(ExportFormat::Pcapng, (false, false, false)).unwrap().format(),
            ExportFormat::Pcapng
        );
    }
}
