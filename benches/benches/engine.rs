//! The engine alone, in the steady state of many calls, beside the floor: what any recorder has to do with a packet.

use std::{env, time::Duration};

use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, measurement::WallTime};
use earwitness_benches::{cpu_time::cpu_time, floor::Floor, running::Running, treadmill::Treadmill};

/// Calls at once. The largest takes 2 GiB of memory.
const CALLS: [u32; 4] = [100, 1_000, 20_000, 50_000];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    // As a test, everything is asserted in debug builds: there, what thousands of calls do, a thousand do.
    let is_timed = env::args().any(|word| word == "--bench");
    let calls = CALLS.iter().filter(|calls| is_timed || **calls <= 1_000);
    let mut group = criterion.benchmark_group("packet");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    calls.for_each(|calls| steady_state(&mut group, *calls));
    group.finish();
    criterion.final_summary();
}

fn steady_state(group: &mut BenchmarkGroup<'_, WallTime>, calls: u32) {
    let mut treadmill = Treadmill::new(calls);
    let mut running = Running::new(&treadmill);
    running.check_bytes(&mut treadmill);
    group.throughput(Throughput::Elements(treadmill.packets()));
    group.bench_function(BenchmarkId::new("engine", calls), |bencher| {
        bencher.iter_custom(|turns| timed(&mut treadmill, turns, |treadmill| running.turn(treadmill)));
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

/// The time of `work` in each of so many turns, and not of what is between them.
fn timed(treadmill: &mut Treadmill, turns: u64, mut work: impl FnMut(&Treadmill)) -> Duration {
    let mut time = Duration::ZERO;
    for _ in 0..turns {
        time += cpu_time(|| work(treadmill));
        treadmill.turn();
    }
    time
}
