//! A call of three minutes, from its volume to a WAV.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use earwitness_benches::{
    office::{NOW, Office, call_id, opening, summary},
    tape::Tape,
};
use earwitness_media::{
    CallAudio,
    export::{WavOptions, wav},
};
use earwitness_model::{CallEnd, CallSummary, Codec, SegmentContent, Track, TrackIndex};
use earwitness_vault::{CipherSuite, Entry, Opener, StreamOpened};

/// Half-seconds of the call.
const HALVES: u32 = 360;
/// Calls in whose vault it lies: the keys of one day.
const OTHERS: u32 = 2_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let office = Office::new(CipherSuite::Aes256Gcm);
    let call = record(&office);
    let entry = office.vault.index().get(call.id).expect("a whole index").expect("the call");
    let opener = office.vault.opener(office.unlock.clone()).expect("its key lies beside the vault");
    let samples = exported(&opener, &entry).1;
    assert_eq!(samples, 180 * 8_000, "three minutes at 8 kHz");
    let mut group = criterion.benchmark_group("export");
    group.sample_size(20);
    group.throughput(Throughput::Elements(u64::from(HALVES) / 2));
    group.bench_function("3 minutes to WAV, in an open vault", |bencher| {
        bencher.iter(|| black_box(exported(&opener, &entry).0));
    });
    group.bench_function("3 minutes opened, not decoded", |bencher| {
        bencher.iter(|| opener.segments(&entry).expect("a recording").filter(Result::is_ok).count());
    });
    group.bench_function("the officer's key and the day's", |bencher| {
        bencher.iter(|| {
            let opener = office.vault.opener(office.unlock.clone()).expect("its key");
            opener.segments(&entry).map(drop).expect("a recording");
        });
    });
    group.finish();
}

/// One call of three minutes among many.
fn record(office: &Office) -> CallSummary {
    let (sealer, mut writer) = office.vault.writer().expect("nobody else writes");
    for n in 1..=OTHERS {
        let (recording, opened) = sealer.begin(&opening(n), NOW).expect("the lab rule admits every call");
        writer.append(opened).expect("there is room");
        writer.append(recording.finish(summary(n))).expect("there is room");
    }
    let call = three_minutes();
    let (mut recording, opened) = sealer.begin(&opening(0), NOW).expect("the lab rule admits every call");
    writer.append(opened).expect("there is room");
    for stream in &call.streams {
        let (index, track, payload_type) = (stream.track, stream.of, stream.payload_type);
        let opened = StreamOpened { index, track, payload_type, codec: stream.codec.clone() };
        writer.append(recording.stream(&opened)).expect("there is room");
    }
    for segment in Tape::new(call_id(0), HALVES).take() {
        writer.append(recording.seal(segment)).expect("there is room");
    }
    writer.append(recording.finish(call.clone())).expect("there is room");
    writer.close(NOW).expect("there is room");
    call
}

fn three_minutes() -> CallSummary {
    let varied = (0..).map(|n| earwitness_benches::calls::call(n, 8)).find(|call| !call.streams.is_empty());
    let mut call = summary(0);
    let end = call.facts.start.plus_nanos(180_000_000_000);
    call.end = call.end.map(|was| CallEnd { at: end, ..was });
    let of = |index: u16| Track { ssrc: u32::from(index), ..track(index) };
    call.tracks = vec![of(0), of(1)];
    call.streams = varied.expect("some call of a day is answered").streams;
    assert_eq!(call.streams.len(), 2, "a stream of each party");
    for (index, stream) in (0..).zip(&mut call.streams) {
        (stream.track, stream.of, stream.codec) = (TrackIndex(index), of(index), Some(Codec::Pcma));
        (stream.packets, stream.lost, stream.payload_bytes) = (9_000, 0, 1_440_000);
        (stream.first, stream.last) = (call.facts.start, end);
    }
    call
}

fn track(index: u16) -> Track {
    use earwitness_model::{Flow, Leg};
    let address = |host: u8| std::net::SocketAddr::from(([10, 1, 0, host], 4_000));
    let (leg, src, dst) = match index {
        0 => (Leg::Caller, address(5), address(9)),
        _ => (Leg::Callee, address(9), address(5)),
    };
    Track { leg, flow: Flow { src, dst }, ssrc: 0 }
}

/// Bytes and samples of the WAV.
fn exported(opener: &Opener, entry: &Entry) -> (usize, u64) {
    let mut audio = CallAudio::builder(&entry.summary);
    for segment in opener.segments(entry).expect("a recording") {
        let segment = segment.expect("a whole segment");
        if segment.content == SegmentContent::Media {
            audio.add(&segment);
        }
    }
    let mut file = Vec::new();
    let written = wav(&audio.finish(), WavOptions::default(), &mut file).expect("memory takes it");
    assert_eq!((written.packets, written.not_decoded.len()), (u64::from(HALVES) * 50, 0));
    (file.len(), written.samples)
}
