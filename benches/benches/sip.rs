//! What is read of an INVITE.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use earwitness_benches::invite::{DESCRIBED, READ, body, datagram, described, read};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    invite(&mut criterion);
    criterion.final_summary();
}

fn invite(criterion: &mut Criterion) {
    let (datagram, body) = (datagram(), body());
    assert_eq!((read(&datagram), described(&body)), (READ, DESCRIBED));
    let mut group = criterion.benchmark_group("sip");
    group.throughput(Throughput::Bytes(datagram.len() as u64));
    group.bench_function("invite: parse, Call-ID, CSeq, From, To", |bencher| {
        bencher.iter(|| read(black_box(&datagram)));
    });
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("sdp: parse, first media, its port and format", |bencher| {
        bencher.iter(|| described(black_box(&body)));
    });
    group.finish();
}
