//! What the vault does with a segment, and with a call that ended.

use std::{
    fs::File,
    hint::black_box,
    io::{IoSlice, Write as _},
    time::Duration,
};

use criterion::{BenchmarkId, Criterion, Throughput};
use earwitness_benches::{
    cpu_time::cpu_time,
    office::{NOW, Office, call_id, opening, summary},
    sealed::{Recorded, Sealing},
    tape::Tape,
};
use earwitness_vault::{CipherSuite, Entry, Index, RecordingSealer};

/// Half-second segments that are sealed one after the other.
const SEGMENTS: u32 = 64;
/// Calls that are listed.
const CALLS: u32 = 20_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    segments(&mut criterion);
    written(&mut criterion);
    index(&mut criterion);
    criterion.final_summary();
}

fn segments(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("seal");
    group.sample_size(20);
    for (name, cipher) in [("aes-256-gcm", CipherSuite::Aes256Gcm), ("aria-256-gcm", CipherSuite::Aria256Gcm)]
    {
        let office = Office::new(cipher);
        let mut checked = Sealing::begin(&office, SEGMENTS);
        for _ in 0..2 {
            checked.round();
            checked.turn();
        }
        let _recorded: Recorded = checked.check();
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
    let segments = tape.take();
    let mut sealed = Vec::with_capacity(segments.len());
    let time = cpu_time(|| {
        for segment in segments {
            sealed.push(black_box(recording.seal(segment)));
        }
    });
    tape.turn();
    time
}

/// What sealing costs beside writing: a round sealed, appended and handed to the kernel, and the same bytes handed to it as
/// they are.
fn written(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("write");
    // What is written is gigabytes soon.
    group.sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    for (name, cipher) in [("aes-256-gcm", CipherSuite::Aes256Gcm), ("aria-256-gcm", CipherSuite::Aria256Gcm)]
    {
        let office = Office::new(cipher);
        let mut sealing = Sealing::begin(&office, SEGMENTS);
        group.throughput(Throughput::Elements(sealing.tape.packets()));
        group.bench_function(BenchmarkId::new("sealed", name), |bencher| {
            bencher.iter_custom(|rounds| {
                (0..rounds)
                    .map(|_| {
                        let time = cpu_time(|| {
                            sealing.round();
                            sealing.write_out();
                        });
                        sealing.tape.turn();
                        time
                    })
                    .sum()
            });
        });
    }
    let mut tape = Tape::new(call_id(2), SEGMENTS);
    let mut file = tempfile::tempfile().expect("a file can be made");
    group.throughput(Throughput::Elements(tape.packets()));
    group.bench_function("raw", |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| raw_in(&mut file, &mut tape)).sum());
    });
    group.finish();
}

fn raw_in(file: &mut File, tape: &mut Tape) -> Duration {
    let segments = tape.take();
    let time = cpu_time(|| {
        let pieces: Vec<_> = segments.iter().map(|segment| IoSlice::new(&segment.bytes)).collect();
        let written = file.write_vectored(&pieces).expect("there is room");
        assert_eq!(written, segments.iter().map(|segment| segment.bytes.len()).sum::<usize>());
    });
    tape.turn();
    time
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
