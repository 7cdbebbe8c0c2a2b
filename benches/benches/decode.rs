//! From a frame to the datagram in it, and from G.711 codes to samples.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use earwitness_benches::raw;
use earwitness_model::RawFrame;
use earwitness_testkit::{Frame, Load, Random};
use earwitness_wire::{Carried, rtp};
use g711::Law;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    datagrams(&mut criterion);
    codes(&mut criterion);
    criterion.final_summary();
}

/// Audio frames of 10 calls.
fn audio(vlan: Option<u16>) -> Vec<Frame> {
    let load = Load { calls: 10, seconds: 2.0, start_spread_s: 0.0, vlan, ..Load::default() };
    let is_audio = |frame: &Frame| frame.bytes.len() == 14 + 20 + 8 + 12 + 160 + vlan.map_or(0, |_| 4);
    load.frames().filter(is_audio).take(1000).collect()
}

fn datagrams(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, vlan) in [("ethernet-ipv4-udp", None), ("vlan-ipv4-udp", Some(7))] {
        let frames = audio(vlan);
        let frames: Vec<RawFrame<'_>> = frames.iter().zip(1..).map(|(frame, n)| raw(frame, n)).collect();
        assert_eq!(frames.iter().map(datagram_bytes).sum::<usize>(), 1000 * 172);
        group.throughput(Throughput::Elements(1000));
        group.bench_function(BenchmarkId::new("datagram", name), |bencher| {
            bencher.iter(|| black_box(&frames).iter().map(datagram_bytes).sum::<usize>());
        });
        assert_eq!(frames.iter().map(payload_bytes).sum::<usize>(), 1000 * 160);
        group.bench_function(BenchmarkId::new("rtp", name), |bencher| {
            bencher.iter(|| black_box(&frames).iter().map(payload_bytes).sum::<usize>());
        });
    }
    group.finish();
}

fn datagram_bytes(frame: &RawFrame<'_>) -> usize {
    match earwitness_wire::decode(frame) {
        Ok(Carried::Udp(datagram)) => black_box(datagram).payload.len(),
        Ok(_) | Err(_) => 0,
    }
}

fn payload_bytes(frame: &RawFrame<'_>) -> usize {
    match earwitness_wire::decode(frame) {
        Ok(Carried::Udp(datagram)) => {
            rtp::Packet::parse(datagram.payload).map_or(0, |packet| black_box(packet).payload().len())
        }
        Ok(_) | Err(_) => 0,
    }
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
