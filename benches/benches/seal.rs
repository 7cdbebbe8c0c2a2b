//! What the vault does with a segment, and with a call that ended.

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput};
use earwitness_benches::{
    cpu_time::cpu_time,
    office::{NOW, Office, call_id, opening, summary},
    tape::Tape,
    treadmill::PAYLOAD,
};
use earwitness_model::{Segment, TrackIndex};
use earwitness_vault::{CipherSuite, Entry, Index, RecordingSealer};

/// Half-second segments that are sealed one after the other.
const SEGMENTS: u32 = 64;
/// Calls that are listed.
const CALLS: u32 = 20_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    segments(&mut criterion);
    index(&mut criterion);
    criterion.final_summary();
}

fn segments(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("seal");
    group.sample_size(20);
    for (name, cipher) in [("aes-256-gcm", CipherSuite::Aes256Gcm), ("aria-256-gcm", CipherSuite::Aria256Gcm)]
    {
        let office = Office::new(cipher);
        check_sealed(&office);
        let (sealer, _writer) = office.vault.writer().expect("the one before was closed");
        let (mut recording, _) = sealer.begin(&opening(1), NOW).expect("the lab rule admits every call");
        let mut tape = Tape::new(call_id(1), SEGMENTS);
        group.throughput(Throughput::Elements(tape.packets()));
        group.bench_function(BenchmarkId::new("packet", name), |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| sealed_in(&mut recording, &mut tape)).sum());
        });
    }
    group.finish();
}

fn sealed_in(recording: &mut RecordingSealer, tape: &mut Tape) -> Duration {
    let time = cpu_time(|| {
        for segment in &tape.segments {
            drop(black_box(recording.seal(segment)));
        }
    });
    tape.turn();
    time
}

/// Seals two rounds, commits, opens them again: the same bytes, the right hashes, nothing for `verify` to find.
fn check_sealed(office: &Office) {
    let (sealer, mut writer) = office.vault.writer().expect("nobody else writes");
    let (mut recording, opened) = sealer.begin(&opening(0), NOW).expect("the lab rule admits every call");
    writer.append(opened).expect("there is room");
    let mut tape = Tape::new(call_id(0), SEGMENTS);
    let mut sealed: Vec<Vec<u8>> = Vec::new();
    for _ in 0..2 {
        for segment in &tape.segments {
            writer.append(recording.seal(segment)).expect("there is room");
            sealed.push(segment.bytes.clone());
        }
        tape.turn();
    }
    writer.append(recording.finish(&summary(0))).expect("there is room");
    writer.close(NOW).expect("there is room");
    let entry = office.vault.index().get(call_id(0)).expect("a whole index").expect("the call that ended");
    let opener = office.vault.opener(office.unlock.clone()).expect("its key lies beside the vault");
    let segments = opener.segments(&entry).expect("a recording");
    let opened: Vec<Segment> = segments.collect::<Result<_, _>>().expect("whole segments");
    assert!(opened.iter().map(|segment| &segment.bytes).eq(&sealed), "what opens is what was sealed");
    assert_eq!(office.vault.verify(&entry, Some(&opener)), []);
    let hashes = entry.recording.expect("the call was kept").payload_hashes;
    let tracks: Vec<_> = hashes.iter().filter(|hash| hash.blake3.is_some()).map(|hash| hash.track).collect();
    assert_eq!(tracks, [TrackIndex(0), TrackIndex(1)]);
    let bytes: usize = opened.iter().flat_map(Segment::media).map(|packet| packet.payload.len()).sum();
    assert_eq!(bytes as u64, 2 * tape.packets() * PAYLOAD as u64);
}

fn index(criterion: &mut Criterion) {
    let office = Office::new(CipherSuite::Aes256Gcm);
    let index = office.vault.index();
    let entries: Vec<Entry> = (0..CALLS).map(|n| Entry::new(summary(n), None)).collect();
    entries.chunks(1000).for_each(|batch| index.put(batch).expect("there is room"));
    assert_eq!(index.len(), u64::from(CALLS));
    let mut group = criterion.benchmark_group("index");
    group.sample_size(10);
    group.throughput(Throughput::Elements(100));
    group.bench_function("put 100 calls, durable", |bencher| {
        bencher.iter(|| index.put(&entries[..100]).expect("there is room"));
    });
    group.throughput(Throughput::Elements(u64::from(CALLS)));
    group.bench_function("list 20,000 calls", |bencher| bencher.iter(|| listed(index)));
    assert_eq!((listed(index), index.check().len()), (CALLS as usize, 0));
    group.finish();
}

fn listed(index: &Index) -> usize {
    index.newest_last(None, None).filter(|entry| black_box(entry).is_ok()).count()
}
