//! The FLAC file: its header, and the samples of the WAV as another program reads them.
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod script;

use earwitness_media::export::{FlacOptions, Layout, WavOptions, flac, wav};
use script::{Outline, Spoken, program::piped, spoken};

/// Both parties for 1.3 s, which is no whole number of blocks.
fn talk(payload_type: u8) -> Vec<Spoken> {
    let voice = |track: u16, step: u32| {
        (0..65u32).map(move |n| Spoken {
            track,
            payload_type,
            payload: (0..160).map(|i| ((n * 160 + i) / step) as u8).collect(),
            ..spoken(n, n * 160, i64::from(n) * 20, (0, 0))
        })
    };
    voice(0, 3).chain(voice(1, 7)).collect()
}

#[test]
fn the_header_has_rate_channels_and_length_before_the_first_sample() {
    for (payload_type, rate, samples) in [(8, 8_000u32, 10_400u64), (9, 16_000, 20_800)] {
        let mut out = Vec::new();
        let outline = Outline { end: Some(1_300), ..Outline::default() };
        let exported = flac(&outline.call(&talk(payload_type)), FlacOptions::default(), &mut out).unwrap();
        assert_eq!((exported.samples, exported.rate, exported.packets), (samples, rate, 130));
        assert_eq!(exported.bytes, out.len() as u64);
        // RFC 9639, 8.1 and 8.2: the marker, the only metadata block, 34 octets; blocks of 4,096, frames of unknown size.
        assert_eq!(out[..18], [b'f', b'L', b'a', b'C', 0x80, 0, 0, 34, 0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0]);
        let fields = u64::from_be_bytes(*out[18..].first_chunk().unwrap());
        assert_eq!(fields >> 44, u64::from(rate));
        assert_eq!((fields >> 41 & 7, fields >> 36 & 31), (1, 15), "two channels of 16 bits");
        assert_eq!(fields & 0xf_ffff_ffff, samples);
        assert_ne!(out[26..42], [0; 16], "the MD5 of the samples");
    }
}

/// What sox reads from a file of `kind`, as 16-bit samples; `None` where it is not installed.
fn read_by_sox(kind: &str, input: Vec<u8>) -> Option<Vec<u8>> {
    piped("sox", &["-D", "-t", kind, "-", "-t", "s16", "-"], input)
}

#[test]
fn sox_reads_the_samples_of_the_wav_from_the_flac() {
    let outline = Outline { end: Some(1_300), ..Outline::default() };
    for (payload_type, layout) in [(8, Layout::Stereo), (0, Layout::Mono), (9, Layout::Stereo)] {
        let (mut lossless, mut linear) = (Vec::new(), Vec::new());
        let call = outline.call(&talk(payload_type));
        flac(&call, FlacOptions { layout, conceal: false }, &mut lossless).unwrap();
        wav(&call, WavOptions { layout, ..WavOptions::default() }, &mut linear).unwrap();
        assert!(lossless.len() < linear.len());
        let Some(found) = read_by_sox("flac", lossless) else {
            println!("left out: sox is not installed");
            return;
        };
        assert!(found == linear[44..], "{payload_type} {layout:?}");
    }
}

#[test]
fn a_call_without_audio_is_a_flac_of_silence() {
    let mut out = Vec::new();
    let exported = flac(&Outline::default().call(&[]), FlacOptions::default(), &mut out).unwrap();
    assert_eq!((exported.samples, exported.rate, exported.packets), (800, 8_000, 0));
    if let Some(found) = read_by_sox("flac", out) {
        assert_eq!(found, [0; 3_200]);
    }
}
