//! A capture of an office becomes a load that may be given away.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{fs, os::unix::fs::PermissionsExt};

use earwitness_testkit::pcap;
use serde_json::Value;
use support::Bench;

/// What is told of a call without saying whose it is.
fn shape(call: &Value) -> Vec<Value> {
    ["start", "outcome", "talk_s", "ended_by"].map(|name| call[name].clone()).into()
}

#[test]
fn a_load_is_recorded_as_the_capture_is_and_names_nobody() {
    let bench = Bench::new();
    let office = bench.office();
    let said = bench.run(["bench", "anonymise", "office.pcap", "-o", "load.pcap", "--mapping", "own.csv"]);
    assert_eq!((said.code, &said.out[..]), (Some(0), ""), "{said:?}");
    assert!(said.err.contains("frames of"), "{said:?}");
    let (before, after) = (fs::read(&office).unwrap(), fs::read(bench.path("load.pcap")).unwrap());
    assert_eq!(before.len(), after.len());
    let mapping = fs::read_to_string(bench.path("own.csv")).unwrap();
    assert!(mapping.starts_with("kind,was,is\n") && mapping.contains("\nuser,01012345678,0"), "{mapping}");
    assert_eq!(fs::metadata(bench.path("own.csv")).unwrap().permissions().mode() & 0o777, 0o600);
    for line in mapping.lines().filter(|line| line.starts_with("user,0")) {
        let number = line.split(',').nth(1).unwrap();
        let is_in = |bytes: &[u8]| bytes.windows(number.len()).any(|window| window == number.as_bytes());
        assert!(is_in(&before) && !is_in(&after), "{number}");
    }
    bench.done(["record", "--lab", "-r", "office.pcap"]);
    let told = bench.calls(&[]);
    let other = Bench::new();
    fs::copy(bench.path("load.pcap"), other.path("load.pcap")).unwrap();
    other.done(["record", "--lab", "-r", "load.pcap"]);
    let again = other.calls(&[]);
    assert!(told.len() > 3);
    assert_eq!(told.iter().map(shape).collect::<Vec<_>>(), again.iter().map(shape).collect::<Vec<_>>());
}

#[test]
fn every_run_has_other_people_and_nothing_is_overwritten() {
    let bench = Bench::new();
    bench.office();
    for load in ["a.pcap", "b.pcap"] {
        bench.done(["bench", "anonymise", "office.pcap", "-o", load]);
    }
    assert_ne!(fs::read(bench.path("a.pcap")).unwrap(), fs::read(bench.path("b.pcap")).unwrap());
    let said = bench.run(["bench", "anonymise", "office.pcap", "-o", "a.pcap"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("a.pcap"), "{said:?}");
    pcap::write_all(fs::File::create(bench.path("nothing.pcap")).unwrap(), []).unwrap();
    let said = bench.run(["bench", "anonymise", "nothing.pcap", "-o", "n.pcap"]);
    assert!(said.code == Some(1) && said.err.contains("there is no load"), "{said:?}");
    assert!(!bench.path("n.pcap").exists());
    let said = bench.run(["bench", "anonymise", "nowhere.pcap", "-o", "c.pcap"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(!bench.path("c.pcap").exists());
}

#[test]
fn a_file_that_ends_early_gives_what_it_has() {
    let bench = Bench::new();
    let office = fs::read(bench.office()).unwrap();
    fs::write(bench.path("cut.pcap"), &office[..office.len() / 2]).unwrap();
    let said = bench.run(["bench", "anonymise", "cut.pcap", "-o", "load.pcap"]);
    assert_eq!(said.code, Some(7), "{said:?}");
    assert!(said.err.contains("cut.pcap: the file ends inside frame"), "{said:?}");
    assert!(fs::read(bench.path("load.pcap")).unwrap().len() > office.len() / 3);
}
