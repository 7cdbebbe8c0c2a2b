//! Generated load with its ground truth, through the whole program.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{collections::HashMap, fs::File, io::BufWriter};

use earwitness_testkit::{load::Load, pcap};
use serde_json::Value;
use support::Bench;

/// Every call found, every direction's payload exact, everything lost, doubled and swapped counted exactly.
fn check(load: &Load) {
    let bench = Bench::new();
    let path = bench.path("load.pcap");
    pcap::write_all(BufWriter::new(File::create(&path).unwrap()), load.frames()).unwrap();
    bench.done(["record", "--lab", "-q", "-r", path.to_str().unwrap()]);
    let calls: HashMap<String, Value> = bench
        .calls(&[])
        .into_iter()
        .map(|call| (call["sip_call_ids"][0].as_str().unwrap().to_owned(), call))
        .collect();
    let truth = load.truth();
    assert_eq!(calls.len(), truth.calls.len());
    for (number, expected) in truth.calls.iter().enumerate() {
        let call = &calls[&expected.sip_call_id];
        assert_eq!((&call["outcome"], &call["recorded"]), (&"answered".into(), &true.into()));
        for direction in &expected.directions {
            let leg = format!("{:?}", direction.leg).to_lowercase();
            let streams = call["streams"].as_array().unwrap();
            let stream = streams.iter().find(|stream| stream["leg"] == leg.as_str()).unwrap();
            let counted =
                ["packets", "lost", "duplicates", "reordered"].map(|what| stream[what].as_u64().unwrap());
            let told = [direction.packets, direction.lost, direction.duplicates, direction.reordered];
            assert_eq!(counted, told, "{leg} of {}", expected.sip_call_id);
            let payload = load.leg_payload(number as u32, direction.leg);
            let hash = blake3::hash(&payload).to_hex();
            assert_eq!(stream["payload_blake3"], hash.as_str(), "{leg} of {}", expected.sip_call_id);
        }
    }
    bench.done(["verify", "--all", "--opened"]);
}

/// 1 % lost, 1 % out of order, every frame twice, in a VLAN.
fn troubled(calls: u32, seconds: f64) -> Load {
    Load {
        calls,
        seconds,
        seed: 4,
        loss_percent: 1.0,
        reorder_percent: 1.0,
        jitter_ms: 5,
        duplicate: true,
        vlan: Some(42),
        ..Load::default()
    }
}

#[test]
fn a_troubled_mirror_gives_every_call_and_every_byte() {
    check(&troubled(60, 8.0));
}

#[test]
#[ignore = "six million frames: minutes in a debug build; run with --release -- --ignored"]
fn a_troubled_mirror_of_a_thousand_calls_gives_every_call_and_every_byte() {
    check(&troubled(1000, 30.0));
}
