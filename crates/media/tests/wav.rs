//! The WAV file: header fields, samples against the ITU expansion, what is refused, what is silence.
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod script;

use std::io::{self, Write};

use earwitness_media::export::{ExportError, Exported, Layout, Samples, WavOptions, wav};
use earwitness_model::{Codec, Leg, PayloadKind};
use g711::Law;
use script::{Outline, Spoken, program::piped, spoken};

const STEREO: WavOptions = WavOptions { layout: Layout::Stereo, samples: Samples::Pcm16, conceal: false };
const MONO: WavOptions = WavOptions { layout: Layout::Mono, ..STEREO };
const NATIVE: WavOptions = WavOptions { samples: Samples::Native, ..STEREO };

fn written(packets: &[Spoken], options: WavOptions) -> (Vec<u8>, Exported) {
    let mut out = Vec::new();
    let exported = wav(&Outline::default().call(packets), options, &mut out).unwrap();
    assert_eq!(exported.bytes, out.len() as u64);
    (out, exported)
}

/// A-law of the caller and the callee that goes through all codes.
fn sweep() -> Vec<Spoken> {
    let codes = |n: u32| (0..160).map(|i| (n * 160 + i) as u8).collect();
    let packets = |track, first| {
        (0..5u32).map(move |n| Spoken {
            track,
            payload: codes(n),
            ..spoken(first + n, first + n * 160, i64::from(n) * 20, (0, 0))
        })
    };
    packets(0, 7).chain(packets(1, 70_000)).collect()
}

fn linear(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|word| i16::from_le_bytes([word[0], word[1]])).collect()
}

#[test]
fn the_pcm_header_is_the_canonical_44_bytes() {
    let (out, exported) = written(&sweep(), STEREO);
    assert_eq!((exported.samples, exported.packets, out.len()), (800, 10, 44 + 3_200));
    #[rustfmt::skip]
    assert_eq!(out[..44], [
        b'R', b'I', b'F', b'F', 0xa4, 0x0c, 0, 0, b'W', b'A', b'V', b'E',
        b'f', b'm', b't', b' ', 16, 0, 0, 0, 1, 0, 2, 0, 0x40, 0x1f, 0, 0, 0x00, 0x7d, 0, 0, 4, 0, 16, 0,
        b'd', b'a', b't', b'a', 0x80, 0x0c, 0, 0,
    ]);
}

#[test]
fn the_mono_header_has_one_channel() {
    let (out, _) = written(&sweep(), MONO);
    assert_eq!(out.len(), 44 + 1_600);
    assert_eq!(out[20..36], [1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0]);
}

#[test]
fn the_native_header_has_the_laws_tag_and_a_fact_chunk() {
    for (payload_type, tag) in [(8, 6), (0, 7)] {
        let packets: Vec<Spoken> = sweep().into_iter().map(|p| Spoken { payload_type, ..p }).collect();
        let (out, _) = written(&packets, NATIVE);
        assert_eq!(out.len(), 58 + 1_600);
        #[rustfmt::skip]
        assert_eq!(out[..58], [
            b'R', b'I', b'F', b'F', 0x72, 0x06, 0, 0, b'W', b'A', b'V', b'E',
            b'f', b'm', b't', b' ', 18, 0, 0, 0, tag, 0, 2, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 8, 0, 0, 0,
            b'f', b'a', b'c', b't', 4, 0, 0, 0, 0x20, 3, 0, 0,
            b'd', b'a', b't', b'a', 0x40, 6, 0, 0,
        ]);
    }
}

#[test]
fn a_stream_without_loss_equals_the_itu_expansion_sample_for_sample() {
    for (payload_type, law) in [(8, Law::A), (0, Law::Mu)] {
        let packets: Vec<Spoken> = sweep().into_iter().map(|p| Spoken { payload_type, ..p }).collect();
        let samples = linear(&written(&packets, STEREO).0[44..]);
        let expected: Vec<i16> = (0..800).map(|i| g711::decode_sample(law, i as u8)).collect();
        assert_eq!(samples.iter().step_by(2).copied().collect::<Vec<_>>(), expected);
        assert_eq!(samples.iter().skip(1).step_by(2).copied().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn native_samples_are_the_captured_codes() {
    let (out, _) = written(&sweep(), NATIVE);
    let expected: Vec<u8> = (0..800u32).flat_map(|i| [i as u8, i as u8]).collect();
    assert_eq!(out[58..], expected);
}

#[test]
fn mono_is_the_sum_clipped() {
    // 0x80 is 5,504 and 0xaa the loudest, 32,256.
    let callee = |code| Spoken { track: 1, ..spoken(1, 0, 0, (code, 160)) };
    let (sum, _) = written(&[spoken(1, 0, 0, (0x80, 160)), callee(0x80)], MONO);
    assert_eq!(linear(&sum[44..])[..160], [11_008; 160]);
    let (clipped, _) = written(&[spoken(1, 0, 0, (0xaa, 160)), callee(0x80)], MONO);
    assert_eq!(linear(&clipped[44..])[..160], [i16::MAX; 160]);
}

#[test]
fn a_leg_that_sent_nothing_is_silent() {
    let (out, _) = written(&[spoken(1, 0, 0, (0x80, 160))], STEREO);
    let samples = linear(&out[44..]);
    assert!(samples.iter().skip(1).step_by(2).all(|&sample| sample == 0));
    assert_eq!(samples.iter().step_by(2).filter(|&&sample| sample == 5_504).count(), 160);
}

#[test]
fn an_encoding_that_is_not_decoded_is_silent_and_said_so() {
    let g729 = Spoken { track: 1, payload_type: 18, ..spoken(1, 0, 0, (9, 80)) };
    let (out, exported) = written(&[spoken(1, 0, 0, (0x80, 160)), g729], STEREO);
    assert!(linear(&out[44..]).iter().skip(1).step_by(2).all(|&sample| sample == 0));
    let [silent] = &exported.not_decoded[..] else { panic!("{:?}", exported.not_decoded) };
    assert_eq!(
        (silent.leg, silent.ssrc, silent.payload_type, silent.packets),
        (Leg::Callee, 0x1234_0100, 18, 1)
    );
    assert_eq!((silent.codec_name().as_str(), exported.packets), ("G729", 1));
}

#[test]
fn a_call_of_which_nothing_can_be_decoded_is_silence_of_its_length_and_said_so() {
    let silent = |packet| {
        let (out, exported) = written(&[packet], STEREO);
        assert_eq!((exported.samples, exported.packets, exported.rate), (800, 0, 8_000));
        assert!(out[44..].iter().all(|&octet| octet == 0));
        exported.not_decoded[0].codec_name()
    };
    assert_eq!(silent(Spoken { payload_type: 18, ..spoken(1, 0, 0, (9, 160)) }), "G729");
    let unnamed = Spoken { payload_type: 100, kind: PayloadKind::Unknown, ..spoken(1, 0, 0, (9, 4)) };
    assert_eq!(silent(unnamed), "payload type 100");
}

#[test]
fn a_static_payload_type_that_the_call_does_not_name_is_decoded() {
    let outline = Outline { formats: vec![(96, Some(Codec::Pcmu))], ..Outline::default() };
    let call = outline.call(&[spoken(1, 0, 0, (0x80, 160))]);
    assert_eq!(wav(&call, STEREO, io::sink()).unwrap().packets, 1);
}

#[test]
fn native_refuses_two_laws_and_mono() {
    let mu = Spoken { track: 1, payload_type: 0, ..spoken(1, 0, 20, (9, 160)) };
    let call = Outline::default().call(&[spoken(1, 0, 0, (1, 160)), mu]);
    let both = wav(&call, NATIVE, io::sink()).unwrap_err();
    assert!(matches!(both, ExportError::MixedLaws { first: Law::A }), "{both}");
    let mono = wav(&call, WavOptions { layout: Layout::Mono, ..NATIVE }, io::sink()).unwrap_err();
    assert!(matches!(mono, ExportError::NativeMono), "{mono}");
    let wide = Spoken { payload_type: 9, ..spoken(1, 0, 0, (1, 160)) };
    let other = wav(&Outline::default().call(&[wide]), NATIVE, io::sink()).unwrap_err();
    assert!(matches!(other, ExportError::NotG711 { codec: "G.722" }), "{other}");
    assert_eq!(wav(&call, STEREO, io::sink()).unwrap().packets, 2);
}

#[test]
fn a_destination_that_fails_fails_the_export() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let call = Outline::default().call(&sweep());
    let error = wav(&call, STEREO, Full(50)).unwrap_err();
    assert!(
        matches!(&error, ExportError::Write(cause) if cause.kind() == io::ErrorKind::StorageFull),
        "{error}"
    );
    assert_eq!(wav(&call, STEREO, Full(3_244)).unwrap().bytes, 3_244);
}

#[test]
fn sox_reads_the_same_samples_from_pcm_from_native_and_from_the_raw_payload() {
    let raw: Vec<u8> = sweep().iter().take(5).flat_map(|packet| packet.payload.clone()).collect();
    let from_raw = ["-t", "raw", "-e", "a-law", "-b", "8", "-r", "8000", "-c", "1", "-", "-t", "s16", "-"];
    let Some(expected) = piped("sox", &from_raw, raw) else {
        println!("left out: sox is not installed");
        return;
    };
    let left = ["-t", "wav", "-", "-t", "s16", "-", "remix", "1"];
    for options in [STEREO, NATIVE] {
        let samples = piped("sox", &left, written(&sweep(), options).0).unwrap();
        assert_eq!(samples.len(), 1_600);
        assert!(samples == expected, "{options:?}");
    }
}
