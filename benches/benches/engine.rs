//! The engine alone, in the steady state of many calls, beside the floor: what any recorder has to do with a packet.

use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    time::Duration,
};

use criterion::{BenchmarkId, Criterion, Throughput};
use earwitness_benches::{
    cpu_time::cpu_time,
    floor::Floor,
    raw,
    treadmill::{PAYLOAD, TURN_NANOS, Treadmill},
};
use earwitness_engine::{Engine, Limits, Output};
use earwitness_model::{PACKET_HEADER, Segment, SegmentContent};
use earwitness_rules::RuleSet;

const CALLS: [u32; 3] = [100, 1_000, 10_000];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    steady_state(&mut criterion);
    criterion.final_summary();
}

fn steady_state(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("packet");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for calls in CALLS {
        let mut treadmill = Treadmill::new(calls);
        let mut running = Running::new(&treadmill);
        running.check_bytes(&mut treadmill);
        group.throughput(Throughput::Elements(treadmill.packets()));
        group.bench_function(BenchmarkId::new("engine", calls), |bencher| {
            bencher.iter_custom(|turns| running.timed(&mut treadmill, turns));
        });
        running.check_end();
        let mut floor = Floor::default();
        let mut turns_run = 0;
        group.bench_function(BenchmarkId::new("floor", calls), |bencher| {
            bencher.iter_custom(|turns| {
                turns_run += turns;
                timed(&mut treadmill, turns, |treadmill| {
                    treadmill.frames().for_each(|frame| floor.handle_frame(&frame));
                })
            });
        });
        assert_eq!(floor.bytes(), turns_run * treadmill.payload_bytes());
    }
    group.finish();
}

/// The time of `work` in each of so many turns, and not of what is between them.
fn timed(treadmill: &mut Treadmill, turns: u64, mut work: impl FnMut(&Treadmill)) -> Duration {
    let mut time = Duration::ZERO;
    for _ in 0..turns {
        time += cpu_time(|| work(treadmill));
        treadmill.turn();
    }
    time
}

/// An engine that keeps every call, and what came out of it.
struct Running {
    engine: Engine,
    segment_bytes: u64,
}

impl Running {
    fn new(treadmill: &Treadmill) -> Self {
        let engine = Engine::new(RuleSet::lab(), Limits::default());
        let mut running = Self { engine, segment_bytes: 0 };
        for (frame, number) in treadmill.opening.iter().zip(1..) {
            running.engine.handle_frame(&raw(frame, number));
            running.drain(|_| ());
        }
        assert_eq!(running.engine.calls(), treadmill.calls() as usize);
        running
    }

    /// What the recorder does after each frame, with a vault that takes no time.
    fn drain(&mut self, mut look: impl FnMut(&Segment)) {
        while let Some(output) = self.engine.poll_output() {
            let Output::Segment(segment) = output else { continue };
            if segment.content == SegmentContent::Media {
                look(&segment);
                self.segment_bytes += segment.bytes.len() as u64;
            }
            self.engine.handle_returned(segment);
        }
    }

    fn timed(&mut self, treadmill: &mut Treadmill, turns: u64) -> Duration {
        timed(treadmill, turns, |treadmill| {
            for frame in treadmill.frames() {
                self.engine.handle_frame(&frame);
                self.drain(|_| ());
            }
        })
    }

    /// Three turns. Every payload of the first two has to come out, bit for bit, once, and with its time.
    fn check_bytes(&mut self, treadmill: &mut Treadmill) {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let (mut went_in, mut came_out) = (0_u64, 0_u64);
        let kept_before = self.engine.counts().media.kept;
        let from = treadmill.frames().next().expect("calls talk").time;
        let to = from.plus_nanos(2 * TURN_NANOS);
        for _ in 0..3 {
            for frame in treadmill.frames() {
                if frame.time < to {
                    let payload = &frame.bytes[frame.bytes.len() - PAYLOAD..];
                    went_in = went_in.wrapping_add(hasher.hash_one((payload, frame.time.nanos())));
                }
                self.engine.handle_frame(&frame);
                self.drain(|segment| {
                    for packet in segment.media().filter(|packet| (from..to).contains(&packet.arrival)) {
                        let hash = hasher.hash_one((packet.payload, packet.arrival.nanos()));
                        came_out = came_out.wrapping_add(hash);
                    }
                });
            }
            treadmill.turn();
        }
        assert_eq!(went_in, came_out);
        assert_eq!(self.engine.counts().media.kept - kept_before, 3 * treadmill.packets());
    }

    /// The end: every packet that went in came out.
    fn check_end(mut self) {
        self.engine.handle_end();
        self.drain(|_| ());
        let counts = self.engine.counts();
        assert_eq!((counts.media.kept, counts.lost_packets()), (counts.media.packets, 0));
        assert_eq!(counts.media.packets + counts.messages, counts.frames);
        assert_eq!(self.segment_bytes, counts.media.kept * (PACKET_HEADER + PAYLOAD) as u64);
        assert_eq!(self.engine.ring_bytes(), 0);
    }
}
