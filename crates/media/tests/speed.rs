//! The export of three-minute calls, timed: `cargo test --release -p earwitness-media --test speed -- --ignored --nocapture`.
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]
#![expect(clippy::disallowed_methods, reason = "a test measures time")]

mod script;

use std::time::{Duration, Instant};

use earwitness_media::{
    CallAudio,
    export::{FlacOptions, Layout, Samples, WavOptions, flac, pcapng, wav},
};
use earwitness_model::Segment;
use script::{Outline, Spoken, segment, spoken};

/// Three minutes of both parties, in segments of half a second.
fn three_minutes() -> Vec<Segment> {
    let packets: Vec<Spoken> = (0..9_000u32)
        .flat_map(|n| {
            let caller = spoken(n, n * 160, i64::from(n) * 20, (n as u8, 160));
            let callee = Spoken { track: 1, ..caller.clone() };
            [caller, callee]
        })
        .collect();
    packets.chunks(50).map(segment).collect()
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..15)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[7]
}

#[test]
#[ignore = "measures; run it alone, in release"]
fn three_minutes_are_exported_within_30_ms() {
    let (summary, segments) =
        (Outline { end: Some(180_000), ..Outline::default() }.summary(), three_minutes());
    let build = || {
        let mut builder = CallAudio::builder(&summary);
        segments.iter().for_each(|segment| builder.add(segment));
        builder.finish()
    };
    println!("build          {:?}", median(|| assert_eq!(build().tracks[1].len(), 9_000)));
    let call = build();
    let mut out = Vec::with_capacity(8 << 20);
    for (layout, samples, bytes) in [
        (Layout::Stereo, Samples::Pcm16, 44 + 5_760_000),
        (Layout::Mono, Samples::Pcm16, 44 + 2_880_000),
        (Layout::Stereo, Samples::Native, 58 + 2_880_000),
    ] {
        let options = WavOptions { layout, samples, conceal: false };
        let time = median(|| {
            out.clear();
            assert_eq!(wav(&call, options, &mut out).unwrap().bytes, bytes);
        });
        println!("wav {layout:?} {samples:?} {time:?}");
        assert!(time < Duration::from_millis(30));
    }
    let time = median(|| {
        out.clear();
        assert_eq!(pcapng(&call, std::iter::empty(), &mut out).unwrap().packets, 18_000);
    });
    println!("pcapng         {time:?}");
}

/// Three minutes of both parties in an encoding: octets of a packet, and RTP clock units in it.
fn three_minutes_in(payload_type: u8, payload: &[u8], units: u32) -> CallAudio {
    let packets: Vec<Spoken> = (0..9_000u32)
        .flat_map(|n| {
            let said = spoken(n, n.wrapping_mul(units), i64::from(n) * 20, (0, 0));
            let caller = Spoken { payload_type, payload: payload.to_vec(), ..said };
            let callee = Spoken { track: 1, ..caller.clone() };
            [caller, callee]
        })
        .collect();
    Outline { end: Some(180_000), ..Outline::default() }.call(&packets)
}

#[test]
#[ignore = "measures; run it alone, in release"]
fn three_minutes_of_any_encoding_are_exported_within_3_s() {
    let mut encoder = opus_pure::OpusEncoder::new(48_000, 1, opus_pure::Application::Voip).unwrap();
    let pcm: Vec<f32> = (0..960u16).map(|n| 0.3 * (f32::from(n) * 0.05).sin()).collect();
    let mut opus = vec![0; 1_000];
    let octets = encoder.encode(&pcm, 960, &mut opus).unwrap();
    let noise: Vec<u8> = (0..160u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (name, payload_type, payload, units) in [
        ("PCMA", 8, &noise[..], 160),
        ("G722", 9, &noise[..], 160),
        ("GSM", 3, &noise[..33], 160),
        ("G726-32", 98, &noise[..80], 160),
        ("Opus", 96, &opus[..octets], 960),
    ] {
        let call = three_minutes_in(payload_type, payload, units);
        let wav = median(|| {
            let exported = wav(&call, WavOptions::default(), std::io::sink()).unwrap();
            assert_eq!((exported.packets, exported.samples), (18_000, u64::from(exported.rate) * 180));
        });
        let flac = median(|| {
            assert_eq!(flac(&call, FlacOptions::default(), std::io::sink()).unwrap().packets, 18_000)
        });
        println!("{name:8} wav {wav:?} flac {flac:?}");
        assert!(wav < Duration::from_secs(3) && flac < Duration::from_secs(6));
    }
}
