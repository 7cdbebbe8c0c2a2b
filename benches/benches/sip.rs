//! What is read of an INVITE.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use earwitness_benches::raw;
use earwitness_model::Codec;
use earwitness_testkit::Load;
use earwitness_wire::{
    Carried,
    sdp::Session,
    sip::{Message, Method},
};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    invite(&mut criterion);
    criterion.final_summary();
}

/// The INVITE of an ordinary call, with its SDP.
fn datagram() -> Vec<u8> {
    let frame = Load { codec: Codec::Pcma, ..Load::default() }.frames().next().expect("a load has calls");
    match earwitness_wire::decode(&raw(&frame, 1)) {
        Ok(Carried::Udp(datagram)) => datagram.payload.to_vec(),
        other => panic!("the first frame of a call is a datagram, not {other:?}"),
    }
}

/// The lengths of Call-ID, From's and To's users, and the CSeq's number: proof that they were read.
fn read(datagram: &[u8]) -> Option<[usize; 4]> {
    let message = Message::parse(datagram).ok()?;
    let (from, to) = (message.from()?, message.to()?);
    let cseq = message.cseq().filter(|cseq| cseq.method == Method::Invite)?;
    let user = |name: &earwitness_wire::sip::NameAddr<'_>| Some(name.uri().user?.len());
    Some([message.call_id()?.len(), user(&from)?, user(&to)?, cseq.number as usize])
}

/// The port of the first audio and the length of its first format's name.
fn described(body: &[u8]) -> Option<(u16, usize)> {
    let session = Session::parse(body).ok()?;
    let media = session.media().next()?;
    let payload_type = media.payload_types().next()?;
    Some((media.port(), media.rtpmap(payload_type)?.name.len()))
}

fn invite(criterion: &mut Criterion) {
    let datagram = datagram();
    let body = Message::parse(&datagram).expect("an INVITE").sdp().expect("an offer").to_vec();
    assert_eq!(read(&datagram), Some([12, 11, 4, 1]));
    assert_eq!(described(&body), Some((10_000, "PCMA".len())));
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
