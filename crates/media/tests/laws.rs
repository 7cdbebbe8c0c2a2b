//! Laws that hold for any packets at all.
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

mod script;

use earwitness_media::{
    CallAudio,
    export::{ExportError, Layout, Samples, WavOptions, payload, pcapng, wav},
};
use earwitness_model::{PayloadKind, Segment, TrackIndex};
use proptest::{collection::vec, prelude::*, sample::select};
use script::{Outline, Spoken, segment};

fn any_packet() -> impl Strategy<Value = Spoken> {
    let kinds = vec![
        PayloadKind::Audio,
        PayloadKind::Audio,
        PayloadKind::TelephoneEvent,
        PayloadKind::ComfortNoise,
        PayloadKind::Unknown,
    ];
    // Numbers that are near each other make runs, overlaps and repeats; the others make restarts.
    let sequence = prop_oneof![4 => 0..40u32, 1 => any::<u32>()];
    let rtp_time = prop_oneof![4 => (0..9_000u32).prop_map(|t| t.wrapping_sub(4_000)), 1 => any::<u32>()];
    let what = (
        0..4u16,
        select(vec![0u8, 3, 8, 8, 9, 13, 18, 96, 97, 98, 99, 100, 101]),
        select(kinds),
        any::<bool>(),
    );
    let when = (sequence, rtp_time, -1_000_000_000..4_000_000_000i64);
    (what, when, vec(any::<u8>(), 0..330)).prop_map(|(what, (sequence, rtp_time, arrival), payload)| {
        let (track, payload_type, kind, marker) = what;
        Spoken { track, payload_type, kind, marker, sequence, rtp_time, arrival, payload }
    })
}

fn any_options() -> impl Strategy<Value = WavOptions> {
    let layout = select(vec![Layout::Stereo, Layout::Mono]);
    let samples = select(vec![Samples::Pcm16, Samples::Native]);
    (layout, samples, any::<bool>()).prop_map(|(layout, samples, conceal)| WavOptions {
        layout,
        samples,
        conceal,
    })
}

fn built(segments: &[Segment]) -> CallAudio {
    let mut builder = CallAudio::builder(&Outline::default().summary());
    segments.iter().for_each(|segment| builder.add(segment));
    builder.finish()
}

/// Everything that can be exported of a call.
fn exports(call: &CallAudio) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new(); 3];
    wav(call, WavOptions { conceal: true, ..WavOptions::default() }, &mut all[0]).unwrap();
    pcapng(call, std::iter::empty(), &mut all[1]).unwrap();
    for stream in call.streams() {
        payload(call, (stream.track, stream.payload_type), &mut all[2]).unwrap();
    }
    all
}

proptest! {
    // Each case decodes seconds at 48 kHz; the fuzz target `decoders` goes deeper.
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_wav_is_as_long_as_its_header_says_whatever_came(
        packets in vec(any_packet(), 0..60),
        options in any_options(),
    ) {
        let call = Outline::default().call(&packets);
        let mut out = Vec::new();
        match wav(&call, options, &mut out) {
            Ok(exported) => {
                let (header, block) = match (options.samples, options.layout) {
                    (Samples::Pcm16, Layout::Stereo) => (44, 4),
                    (Samples::Pcm16, Layout::Mono) => (44, 2),
                    (Samples::Native, _) => (58, 2),
                };
                prop_assert_eq!(out.len() as u64, header + exported.samples * block);
                prop_assert_eq!(exported.bytes, out.len() as u64);
                let riff = u32::from_le_bytes([out[4], out[5], out[6], out[7]]);
                prop_assert_eq!(riff as usize, out.len() - 8);
                let call = u64::from(exported.rate) / 10;
                prop_assert!(exported.samples >= call, "never shorter than the call");
            }
            Err(ExportError::NativeMono) => {
                prop_assert_eq!((options.samples, options.layout), (Samples::Native, Layout::Mono));
            }
            Err(ExportError::MixedLaws { .. } | ExportError::NotG711 { .. }) => {
                prop_assert_eq!(options.samples, Samples::Native);
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
    }

    #[test]
    fn the_order_and_the_size_of_segments_do_not_matter(
        (packets, shuffled) in vec(any_packet(), 0..40).prop_flat_map(|p| (Just(p.clone()), Just(p).prop_shuffle())),
        size in 1..9usize,
    ) {
        // A segment's arrivals are within 2 s of its base; one packet per segment, against several made of near ones.
        let mut near = packets.clone();
        near.sort_by_key(|packet| packet.arrival);
        let several: Vec<Segment> = near
            .chunk_by(|a, b| a.arrival / 1_000_000_000 == b.arrival / 1_000_000_000)
            .flat_map(|second| second.chunks(size))
            .rev()
            .map(segment)
            .collect();
        let single: Vec<Segment> = shuffled.iter().map(|p| segment(std::slice::from_ref(p))).collect();
        let (one, other) = (built(&several), built(&single));
        prop_assert_eq!(exports(&one), exports(&other));
        prop_assert_eq!(one.left_out, other.left_out);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_capture_clock_gone_mad_is_refused_or_exported_and_nothing_else(
        packets in vec((any_packet(), prop_oneof![Just(i64::MIN), Just(i64::MAX), any::<i64>()]), 1..20),
        answer in proptest::option::of(-1_000..1_000i64),
    ) {
        let packets: Vec<Spoken> =
            packets.into_iter().map(|(packet, arrival)| Spoken { arrival, ..packet }).collect();
        let call = Outline { answer, end: None, ..Outline::default() }.call(&packets);
        let kept: usize = call.tracks.iter().map(|track| track.len()).sum();
        match wav(&call, WavOptions::default(), std::io::sink()) {
            Ok(exported) => prop_assert!(exported.samples <= 24 * 3_600 * u64::from(exported.rate)),
            Err(ExportError::TooLong { hours }) => prop_assert!(hours >= 24),
            Err(ExportError::TooLarge { bytes }) => prop_assert!(bytes > u64::from(u32::MAX) - 44),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
        prop_assert_eq!(pcapng(&call, std::iter::empty(), std::io::sink()).unwrap().packets, kept as u64);
    }

    #[test]
    fn every_packet_is_in_a_track_or_counted(packets in vec(any_packet(), 0..60)) {
        let call = Outline::default().call(&packets);
        let kept: usize = call.tracks.iter().map(|track| track.len()).sum();
        let left_out = call.left_out.duplicates + call.left_out.unattributed_packets;
        prop_assert_eq!(kept as u64 + left_out, packets.len() as u64);
        let unattributed = packets.iter().filter(|p| p.track > 2).count();
        prop_assert_eq!(call.left_out.unattributed_packets, unattributed as u64);
    }
}

#[test]
fn foreign_segments_and_torn_bytes_are_counted_and_not_used() {
    let mut foreign = segment(&[script::spoken(1, 0, 0, (1, 160))]);
    foreign.call = earwitness_model::CallId::from_bytes([9; 16]);
    let mut torn = segment(&[script::spoken(1, 0, 0, (1, 160)), script::spoken(2, 160, 20, (2, 160))]);
    torn.bytes.truncate(178 + 100);
    let call = built(&[foreign, torn]);
    assert_eq!((call.left_out.foreign_segments, call.left_out.torn_bytes), (1, 100));
    assert_eq!(call.tracks[0].len(), 1);
}

#[test]
fn the_payload_of_a_stream_is_its_audio_in_sequence_order() {
    let of = |sequence, code, kind, payload_type| Spoken {
        kind,
        payload_type,
        ..script::spoken(sequence, 0, i64::from(sequence), (code, 2))
    };
    let packets = [
        of(65_537, 4, PayloadKind::Audio, 8),
        of(2, 1, PayloadKind::Audio, 8),
        of(3, 9, PayloadKind::TelephoneEvent, 101),
        of(4, 8, PayloadKind::Audio, 0),
        of(5, 2, PayloadKind::Audio, 8),
        of(5, 2, PayloadKind::Audio, 8),
    ];
    let call = Outline::default().call(&packets);
    let mut out = Vec::new();
    let exported = payload(&call, (TrackIndex(0), 8), &mut out).unwrap();
    assert_eq!(out, [1, 1, 2, 2, 4, 4]);
    assert_eq!((exported.bytes, exported.packets), (6, 3));
    let listed: Vec<_> = call.streams().iter().map(|s| (s.track.0, s.payload_type, s.packets)).collect();
    assert_eq!(listed, [(0, 0, 1), (0, 8, 3)]);
    for absent in [(TrackIndex(0), 101), (TrackIndex(1), 8), (TrackIndex(77), 8)] {
        let error = payload(&call, absent, &mut out).unwrap_err();
        assert!(matches!(error, ExportError::NoSuchStream { .. }), "{error}");
    }
    assert_eq!(out.len(), 6);
}
