//! The rings of calls: packets appended, rings closed and their buffers returned.

use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use earwitness_benches::{
    cpu_time::cpu_time,
    raw,
    treadmill::{PAYLOAD, TURN_NANOS, Treadmill},
};
use earwitness_engine::{Engine, Limits, Output};
use earwitness_model::{PACKET_HEADER, PacketTime, SegmentContent};
use earwitness_rules::RuleSet;

/// Calls whose rings fit into the cache of a core.
const CALLS: u32 = 20;
/// Segments of a call in a turn: a full ring, and what came after it.
const SEGMENTS: u64 = 2;
/// Every ring of a turn is closed by then, counted from the first packet: the second half a second after it began.
const CLOSED_NANOS: i64 = 2 * TURN_NANOS;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("ring");
    group.sample_size(20);
    timed(&mut group, Part::Append);
    timed(&mut group, Part::Close);
    group.finish();
    criterion.final_summary();
}

/// What is timed of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Half a second of packets into their rings.
    Append,
    /// All rings closed, their segments fetched and given back.
    Close,
}

fn timed(group: &mut BenchmarkGroup<'_, WallTime>, part: Part) {
    let mut rings = Rings::new();
    let (name, units) = match part {
        Part::Append => ("append a packet", rings.treadmill.packets()),
        Part::Close => ("close a segment", u64::from(CALLS) * SEGMENTS),
    };
    group.throughput(Throughput::Elements(units));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|turns| (0..turns).map(|_| rings.turn(part)).sum());
    });
}

/// An engine whose rings are all closed between two turns.
struct Rings {
    treadmill: Treadmill,
    engine: Engine,
}

impl Rings {
    fn new() -> Self {
        let treadmill = Treadmill::new(CALLS);
        let mut engine = Engine::new(RuleSet::lab(), Limits::default());
        for (frame, number) in treadmill.opening.iter().zip(1..) {
            engine.handle_frame(&raw(frame, number));
        }
        let mut rings = Self { treadmill, engine };
        let begin = rings.begin();
        rings.close(begin.plus_nanos(CLOSED_NANOS - TURN_NANOS));
        for _ in 0..10 {
            rings.turn(Part::Append);
        }
        rings
    }

    fn begin(&self) -> PacketTime {
        self.treadmill.frames().next().expect("calls talk").time
    }

    /// A turn: the time of a part of it. Every packet that went in came out, in one segment of each call.
    fn turn(&mut self, part: Part) -> Duration {
        let begin = self.begin();
        let append = cpu_time(|| {
            self.treadmill.frames().for_each(|frame| self.engine.handle_frame(&frame));
        });
        let mut closed = (0, 0);
        let close = cpu_time(|| closed = self.close(begin.plus_nanos(CLOSED_NANOS)));
        let bytes = self.treadmill.packets() * (PACKET_HEADER + PAYLOAD) as u64;
        assert_eq!(closed, (u64::from(CALLS) * SEGMENTS, bytes), "segments and bytes of a turn");
        self.treadmill.turn();
        match part {
            Part::Append => append,
            Part::Close => close,
        }
    }

    /// Moves the clock to `now`: segments of audio that came out, and their bytes.
    fn close(&mut self, now: PacketTime) -> (u64, u64) {
        self.engine.handle_time(now);
        let (mut segments, mut bytes) = (0, 0);
        while let Some(output) = self.engine.poll_output() {
            let Output::Segment(segment) = output else { continue };
            if segment.content == SegmentContent::Media {
                segments += 1;
                bytes += segment.bytes.len() as u64;
            }
            self.engine.handle_returned(segment);
        }
        (segments, bytes)
    }
}
