//! From a frame to the datagram in it, and from G.711 codes to samples.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use earwitness_benches::{
    raw,
    talk::{FRAMES, audio, datagram_bytes, payload_bytes},
};
use earwitness_load::Random;
use earwitness_model::RawFrame;
use g711::Law;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    datagrams(&mut criterion);
    codes(&mut criterion);
    criterion.final_summary();
}

fn datagrams(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, vlan) in [("ethernet-ipv4-udp", None), ("vlan-ipv4-udp", Some(7))] {
        let frames = audio(vlan);
        let frames: Vec<RawFrame<'_>> = frames.iter().zip(1..).map(|(frame, n)| raw(frame, n)).collect();
        assert_eq!(frames.iter().map(datagram_bytes).sum::<usize>(), FRAMES as usize * 172);
        group.throughput(Throughput::Elements(FRAMES));
        group.bench_function(BenchmarkId::new("datagram", name), |bencher| {
            bencher.iter(|| black_box(&frames).iter().map(datagram_bytes).sum::<usize>());
        });
        assert_eq!(frames.iter().map(payload_bytes).sum::<usize>(), FRAMES as usize * 160);
        group.bench_function(BenchmarkId::new("rtp", name), |bencher| {
            bencher.iter(|| black_box(&frames).iter().map(payload_bytes).sum::<usize>());
        });
    }
    group.finish();
}

fn codes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("g711");
    for (name, law) in [("a-law", Law::A), ("mu-law", Law::Mu)] {
        let mut codes = [0; 160];
        Random::keyed(&[711]).fill(&mut codes);
        let mut samples = [0; 160];
        assert_eq!(g711::decode(law, &codes, &mut samples), 160);
        assert_eq!(samples, codes.map(|code| g711::decode_sample(law, code)));
        group.throughput(Throughput::Elements(160));
        group.bench_function(BenchmarkId::new("decode-160", name), |bencher| {
            bencher.iter(|| g711::decode(law, black_box(&codes), black_box(&mut samples)));
        });
    }
    group.finish();
}
