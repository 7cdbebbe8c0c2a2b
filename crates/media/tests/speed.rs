//! The export of a three-minute call, timed: `cargo test --release -p earwitness-media --test speed -- --ignored --nocapture`.
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]
#![expect(clippy::disallowed_methods, reason = "a test measures time")]

mod script;

use std::time::{Duration, Instant};

use earwitness_media::{
    CallAudio,
    export::{Layout, Samples, WavOptions, pcapng, wav},
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
