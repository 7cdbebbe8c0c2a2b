//! The recorder is killed in the middle of its work, again and again.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{process::Stdio, thread, time::Instant};

use earwitness_testkit::{load::Load, pcap};
use support::Bench;

/// Kills at moments spread over the run, and what must hold after each.
#[test]
fn killed_at_random_moments_the_vault_opens_is_clean_and_what_was_finished_verifies() {
    let bench = Bench::new();
    let load = Load { calls: 120, seconds: 12.0, seed: 7, start_spread_s: 30.0, ..Load::default() };
    let path = bench.path("load.pcap");
    pcap::write_all(std::io::BufWriter::new(std::fs::File::create(&path).unwrap()), load.frames()).unwrap();
    let record = ["record", "--lab", "-q", "-r", path.to_str().unwrap()];
    let kills: u64 = if std::env::var_os("EARWITNESS_ALL_KILLS").is_some() { 50 } else { 12 };
    let begun = Instant::now();
    bench.done(record);
    let whole_run = begun.elapsed();
    let (mut interrupted, mut finished) = (0, 0);
    for kill in 0..kills {
        let _gone = std::fs::remove_dir_all(bench.vault());
        let _gone = std::fs::remove_file(bench.path("vault.key"));
        let mut recorder = bench.command(record).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(whole_run.mul_f64((kill * 7 % kills) as f64 / kills as f64));
        recorder.kill().unwrap();
        recorder.wait().unwrap();
        if !bench.vault().join("vault.toml").exists() {
            continue;
        }
        let checked = bench.run(["index", "check"]);
        assert_eq!(checked.code, Some(0), "kill {kill}: {checked:?}");
        let verified = bench.run(["verify", "--all", "--opened"]);
        assert_eq!(verified.code, Some(0), "kill {kill}: {verified:?}");
        for call in bench.calls(&[]) {
            if call["flags"].as_array().unwrap().contains(&"interrupted".into()) {
                interrupted += 1
            } else {
                finished += 1
            }
        }
    }
    println!("{kills} kills: {finished} finished and {interrupted} interrupted calls, all whole");
    assert!(finished > 0 && interrupted > 0, "{finished} {interrupted}: no kill came in the middle");
    // The same file again completes what was interrupted.
    bench.done(record);
    let calls = bench.calls(&[]);
    assert_eq!(calls.len(), 120);
    assert!(calls.iter().all(|call| call["outcome"] == "answered" && call["recorded"] == true));
    assert!(calls.iter().all(|call| !call["flags"].as_array().unwrap().contains(&"interrupted".into())));
    bench.done(["verify", "--all", "--opened"]);
}
