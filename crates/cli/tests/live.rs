//! Recording from an interface: a real one, in a network namespace of the test's own.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{
    collections::HashMap,
    thread,
    time::{Duration, Instant},
};

use earwitness_testkit::load::Load;
use rustix::process::Signal;
use serde_json::Value;
use support::{Bench, wire::Wire};

/// Calls of the example office's extensions, lasting a few seconds of real time.
fn load(calls: u32, seconds: f64) -> Load {
    Load { calls, seconds, start_spread_s: 0.5, ring_s: 0.2, ..Load::default() }
}

fn office() -> Bench {
    let bench = Bench::new();
    bench.done(["init", "--access", "open"]);
    bench
}

fn calls(bench: &Bench) -> HashMap<String, Value> {
    let calls = bench.calls(&[]).into_iter();
    calls.map(|call| (call["sip_call_ids"][0].as_str().unwrap().to_owned(), call)).collect()
}

/// Every call that is to be kept is there, with every byte.
fn check(bench: &Bench, load: &Load) {
    let calls = calls(bench);
    assert_eq!(calls.len(), load.calls as usize);
    let mut kept = 0;
    for (number, expected) in load.truth().calls.iter().enumerate() {
        let call = &calls[&expected.sip_call_id];
        assert_eq!(call["outcome"], "answered");
        if call["recorded"] == false {
            continue;
        }
        kept += 1;
        assert_eq!(call["gaps"], Value::Array(Vec::new()));
        for direction in &expected.directions {
            let leg = format!("{:?}", direction.leg).to_lowercase();
            let streams = call["streams"].as_array().unwrap();
            let stream = streams.iter().find(|stream| stream["leg"] == leg.as_str()).unwrap();
            let payload = load.leg_payload(number as u32, direction.leg);
            assert_eq!((&stream["packets"], &stream["lost"]), (&direction.packets.into(), &0.into()));
            assert_eq!(stream["payload_blake3"], blake3::hash(&payload).to_hex().as_str());
        }
    }
    assert!(kept > 0, "the example office keeps some of its calls");
    bench.done(["verify", "--all", "--opened"]);
}

#[test]
fn calls_on_a_wire_are_recorded_whole_and_sealed_when_the_recorder_is_told_to_stop() {
    let Some(wire) = Wire::new() else { return };
    let (bench, load) = (office(), load(20, 2.0));
    let recorder = wire.record(&bench, &[]);
    wire.send(load.frames());
    thread::sleep(Duration::from_millis(500));
    let said = recorder.stop();
    assert_eq!(said.code, Some(0), "{said:?}");
    check(&bench, &load);
}

/// The recorder's capture threads; each has given a sign of life in the last seconds.
fn living(bench: &Bench) -> Vec<String> {
    let status: Value = serde_json::from_str(&bench.run(["status", "--json"]).out).unwrap();
    assert_eq!(status["state"], "recording");
    let threads = status["threads"].as_array().unwrap().iter();
    threads
        .map(|thread| {
            assert!(thread["alive"].is_string(), "{thread}");
            thread["name"].as_str().unwrap().to_owned()
        })
        .collect()
}

/// What a call list says of `calls`, without ids and what depends on when frames were captured.
fn told(bench: &Bench) -> Vec<String> {
    let timed = ["id", "recording", "start", "answer", "end", "ring_s", "talk_s"];
    let timed_in_streams = ["first", "last", "jitter_ms"];
    let mut calls = bench.calls(&[]);
    for call in &mut calls {
        let call = call.as_object_mut().unwrap();
        timed.iter().for_each(|name| drop(call.remove(*name)));
        for stream in call["streams"].as_array_mut().unwrap() {
            timed_in_streams.iter().for_each(|name| drop(stream.as_object_mut().unwrap().remove(*name)));
        }
        call["streams"].as_array_mut().unwrap().sort_by_key(|stream| stream["src"].to_string());
    }
    let mut told: Vec<String> = calls.iter().map(Value::to_string).collect();
    told.sort();
    told
}

#[test]
fn two_and_four_capture_threads_list_what_one_lists() {
    let Some(wire) = Wire::new() else { return };
    let load = load(40, 3.0);
    let benches = [office(), office(), office()];
    let threads = ["1", "2", "4"];
    let recorders: Vec<_> = benches
        .iter()
        .zip(threads)
        .map(|(bench, threads)| wire.record(bench, &["--threads", threads]))
        .collect();
    thread::sleep(Duration::from_secs(1));
    wire.send(load.frames());
    thread::sleep(Duration::from_secs(1));
    for (bench, names) in benches.iter().zip([&["capture"][..], &["signalling", "capture 0", "capture 1"]]) {
        assert_eq!(living(bench), names);
    }
    for recorder in recorders {
        let said = recorder.stop();
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    let [one, two, four] = &benches;
    for several in [two, four] {
        for (one, several) in told(one).iter().zip(&told(several)) {
            assert_eq!(one, several);
        }
        assert_eq!(told(one).len(), told(several).len());
    }
    benches.iter().for_each(|bench| check(bench, &load));
}

#[test]
fn a_recorder_without_a_vault_refuses_and_says_what_to_do() {
    let bench = Bench::new();
    let said = bench.run(["record", "-i", "lo"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.err.contains("earwitness init"), "{said:?}");
    assert!(!bench.vault().exists());
}

#[test]
fn an_interface_that_is_not_there_is_refused_by_name_with_those_that_are() {
    let Some(wire) = Wire::new() else { return };
    let bench = office();
    let output = wire.command(&bench, &["record", "-i", "eth77"]).output().unwrap();
    let said = support::Said::from(output);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.err.contains("eth77") && said.err.contains("tap"), "{said:?}");
}

#[test]
fn an_interface_that_goes_away_and_comes_back_is_recorded_again() {
    let Some(wire) = Wire::new() else { return };
    let (bench, load) = (office(), load(4, 1.0));
    let recorder = wire.record(&bench, &[]);
    wire.ip(&["link", "del", "tap"]);
    thread::sleep(Duration::from_millis(1500));
    wire.link();
    thread::sleep(Duration::from_millis(2500));
    wire.send(load.frames());
    thread::sleep(Duration::from_millis(500));
    let said = recorder.stop();
    assert_eq!(said.code, Some(0), "{said:?}");
    check(&bench, &load);
}

#[test]
fn a_recorder_that_was_killed_goes_on_with_the_calls_that_run_when_it_is_back() {
    let Some(wire) = Wire::new() else { return };
    check_goes_on(&wire, 0.8, |_| ());
}

#[test]
fn commands_that_open_the_vault_after_a_kill_leave_running_calls_to_the_next_recorder() {
    let Some(wire) = Wire::new() else { return };
    check_goes_on(&wire, 1.5, |bench| {
        let calls = bench.calls(&[]);
        let interrupted = calls.iter().find(|call| call["recorded"] == true).unwrap();
        assert!(interrupted["flags"].as_array().unwrap().contains(&"interrupted".into()), "{interrupted}");
        bench.done(["export", interrupted["id"].as_str().unwrap(), "-o", "meanwhile.wav"]);
        bench.done(["verify", "--all"]);
    });
}

/// A recorder is killed in the middle of calls, `meanwhile` is done, and another goes on with them: no more is missing than
/// what came while none was there, and what was not committed in the `seconds` before.
fn check_goes_on(wire: &Wire, seconds: f64, meanwhile: impl Fn(&Bench)) {
    let (bench, load) = (office(), load(6, 6.0));
    let recorder = wire.record(&bench, &[]);
    let (recorder, away) = thread::scope(|scope| {
        let sending = scope.spawn(|| wire.send(load.frames()));
        thread::sleep(Duration::from_secs(3));
        recorder.signal(Signal::KILL);
        let killed = Instant::now();
        recorder.end();
        meanwhile(&bench);
        let recorder = wire.record(&bench, &[]);
        let away = killed.elapsed();
        sending.join().unwrap();
        (recorder, away)
    });
    thread::sleep(Duration::from_millis(500));
    assert_eq!(recorder.stop().code, Some(0));
    let calls = bench.calls(&[]);
    let kept: Vec<_> = calls.iter().filter(|call| call["recorded"] == true).collect();
    let (first, second): (Vec<&Value>, Vec<&Value>) =
        kept.iter().partition(|call| call["continues"].is_null());
    assert!(!first.is_empty() && first.len() == second.len(), "{first:#?} {second:#?}");
    for part in &second {
        let before = first.iter().find(|before| before["recording"] == part["continues"]).unwrap();
        assert_eq!(before["sip_call_ids"], part["sip_call_ids"]);
        for stream in before["streams"].as_array().unwrap() {
            assert!(stream["packets"].is_null() && stream["lost"].is_null(), "nobody counted them: {before}");
        }
        let begins = part["gaps"].as_array().unwrap().iter().filter(|gap| gap["at_s"] == 0.0);
        assert!(begins.clone().count() == 2 && begins.clone().all(|gap| gap["cause"] == "capture"), "{part}");
        let shown = bench.done(["show", part["id"].as_str().unwrap()]);
        let names = format!("continues   call {}, ", before["id"].as_str().unwrap());
        assert!(shown.contains(&names), "{shown}");
        assert!(part["flags"].as_array().unwrap().contains(&"resumed".into()), "{part}");
        assert!(part["ended_by"] == "caller" || part["ended_by"] == "callee", "the BYE was seen: {part}");
        let truth = load.truth();
        let expected =
            truth.calls.iter().find(|call| part["sip_call_ids"][0] == call.sip_call_id.as_str()).unwrap();
        let bytes = payload_bytes(&bench, before) + payload_bytes(&bench, part);
        let sent: u64 = expected.directions.iter().map(|direction| direction.packets * 160).sum();
        // Two directions of 8,000 bytes a second: what lay in memory, and while nobody listened.
        let may_miss = (16_000.0 * (seconds + away.as_secs_f64())) as u64;
        assert!(bytes <= sent && bytes + may_miss >= sent, "{bytes} of {sent}, away for {away:?}");
    }
    bench.done(["verify", "--all", "--opened"]);
}

/// The payload of a call's streams, as it is exported.
fn payload_bytes(bench: &Bench, call: &Value) -> u64 {
    let id = call["id"].as_str().unwrap();
    let place = format!("payload-{id}/");
    bench.done(["export", id, "--format", "payload", "-o", &place]);
    support::files(&bench.path(&place)).iter().map(|file| file.metadata().unwrap().len()).sum()
}

/// A small disk under the vault, filled up to half a MiB that recordings may use.
struct SmallDisk {
    dir: std::path::PathBuf,
}

impl SmallDisk {
    fn under(bench: &Bench) -> Self {
        let dir = bench.home.path().to_owned();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).arg(&dir);
        assert!(mount.status().unwrap().success());
        bench.done(["init", "--access", "open"]);
        Self { dir }
    }

    /// The reserve is 8 MiB.
    fn fill(&self) {
        let free = rustix::fs::statvfs(&self.dir).unwrap();
        let free = free.f_bavail * free.f_frsize;
        let ballast = vec![1; (free - (8 << 20) - (1 << 19)) as usize];
        std::fs::write(self.dir.join("ballast"), ballast).unwrap();
    }

    /// As others may: to the last byte, with no regard to the reserve.
    fn fill_to_the_last_byte(&self) {
        use std::io::Write as _;
        let mut ballast = std::fs::File::create(self.dir.join("ballast")).unwrap();
        while ballast.write_all(&[1; 1 << 16]).is_ok() {}
        while ballast.write_all(&[1]).is_ok() {}
        let free = rustix::fs::statvfs(&self.dir).unwrap().f_bavail;
        assert_eq!(free, 0);
    }

    fn make_room(&self) {
        std::fs::remove_file(self.dir.join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        std::process::Command::new("umount").arg("-l").arg(&self.dir).status().unwrap();
    }
}

/// The calls of `load`, recorded on a disk that is full for their first seconds.
fn on_a_full_disk(wire: &Wire, load: &Load, more: &[&str]) -> (Bench, SmallDisk, support::Said) {
    let bench = Bench::new();
    let disk = SmallDisk::under(&bench);
    let recorder = wire.record(&bench, more);
    disk.fill();
    thread::scope(|scope| {
        let sending = scope.spawn(|| wire.send(load.frames()));
        thread::sleep(Duration::from_secs_f64(load.seconds - 1.0));
        disk.make_room();
        sending.join().unwrap();
    });
    thread::sleep(Duration::from_secs(1));
    let said = recorder.stop();
    (bench, disk, said)
}

#[test]
fn a_full_disk_costs_nothing_as_long_as_memory_holds_what_comes() {
    let Some(wire) = Wire::new() else { return };
    let load = load(30, 5.0);
    let (bench, _disk, said) = on_a_full_disk(&wire, &load, &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    check(&bench, &load);
}

#[test]
fn a_full_disk_that_lasts_costs_audio_that_is_told_and_nothing_that_was_sealed() {
    let Some(wire) = Wire::new() else { return };
    let load = load(120, 10.0);
    let (bench, _disk, said) = on_a_full_disk(&wire, &load, &["--memory", "1"]);
    assert_eq!(said.code, Some(6), "{said:?}");
    let calls = bench.calls(&[]);
    let kept: Vec<_> = calls.iter().filter(|call| call["recorded"] == true).collect();
    let has_gap =
        |call: &&&Value| call["gaps"].as_array().unwrap().iter().any(|gap| gap["cause"] == "capture");
    let shortened: Vec<_> = kept.iter().filter(has_gap).collect();
    assert!(
        !shortened.is_empty()
            && shortened.iter().all(|call| call["flags"].to_string().contains("capture_loss"))
    );
    let sent: HashMap<_, _> =
        load.truth().calls.into_iter().map(|call| (call.sip_call_id, call.directions)).collect();
    for call in &kept {
        for direction in &sent[call["sip_call_ids"][0].as_str().unwrap()] {
            let leg = format!("{:?}", direction.leg).to_lowercase();
            let streams = call["streams"].as_array().unwrap();
            let of = |what: &str| -> u64 {
                streams.iter().filter(|s| s["leg"] == leg.as_str()).map(|s| s[what].as_u64().unwrap()).sum()
            };
            assert_eq!(of("packets") + of("lost"), direction.packets, "{call}");
        }
    }
    bench.done(["verify", "--all", "--opened"]);
}

/// What `status` says, until `holds` or for ten seconds.
fn status_until(bench: &Bench, holds: impl Fn(&Value) -> bool) -> (Option<i32>, Value) {
    let begun = Instant::now();
    loop {
        let said = bench.run(["status", "--json"]);
        let status: Value = serde_json::from_str(&said.out).unwrap_or(Value::Null);
        if holds(&status) || begun.elapsed() > Duration::from_secs(10) {
            return (said.code, status);
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn has_alarm(status: &Value, code: &str) -> bool {
    status["alarms"].as_array().is_some_and(|alarms| alarms.iter().any(|alarm| alarm["code"] == code))
}

/// Commands that only read answer.
fn check_readable(bench: &Bench, calls: usize) {
    assert_eq!(bench.calls(&[]).len(), calls);
    bench.done(["verify", "--all"]);
    let covered = bench.run(["coverage", "--json"]);
    assert!(serde_json::from_str::<Value>(&covered.out).is_ok(), "{covered:?}");
}

#[test]
fn a_disk_that_others_fill_to_the_last_byte_is_told_waited_out_and_read_meanwhile() {
    let Some(wire) = Wire::new() else { return };
    let bench = Bench::new();
    let disk = SmallDisk::under(&bench);
    let load = load(20, 15.0);
    let recorder = wire.record(&bench, &[]);
    disk.fill_to_the_last_byte();
    let (code, status) = status_until(&bench, |status| has_alarm(status, "disk_full"));
    assert!(has_alarm(&status, "disk_full"), "also when no call runs: {status}");
    assert_eq!(code, Some(6));
    check_readable(&bench, 0);
    let (code, state) = thread::scope(|scope| {
        let sending = scope.spawn(|| wire.send(load.frames()));
        thread::sleep(Duration::from_secs(13));
        let (code, status) = status_until(&bench, |status| has_alarm(status, "disk_full"));
        let waiting = &status["media"]["waiting"];
        assert!(waiting["packets"].as_u64() > Some(0) && waiting["lost_in_seconds"].is_f64(), "{status}");
        if code == Some(6) {
            check_readable(&bench, 0);
        }
        disk.make_room();
        sending.join().unwrap();
        (code, status["state"].clone())
    });
    if (code, &state) != (Some(6), &"recording".into()) {
        panic!("{code:?} {state}: {:?}", recorder.end());
    }
    let (_, status) = status_until(&bench, |status| !has_alarm(status, "disk_full"));
    assert!(status["state"] == "recording" && !has_alarm(&status, "disk_full"), "{status}");
    assert_eq!(recorder.stop().code, Some(0));
    check(&bench, &load);
    disk.fill_to_the_last_byte();
    check_readable(&bench, load.calls as usize);
    let recorder = wire.record(&bench, &[]);
    let (code, status) = status_until(&bench, |status| has_alarm(status, "disk_full"));
    assert_eq!(code, Some(6), "a recorder that starts on a full disk waits: {status}");
    disk.make_room();
    let (_, status) = status_until(&bench, |status| !has_alarm(status, "disk_full"));
    assert!(status["state"] == "recording" && !has_alarm(&status, "disk_full"), "{status}");
    assert_eq!(recorder.stop().code, Some(0));
}

/// Of each voice of a call that is kept: what was recorded, and what is missing.
fn kept_and_lost(call: &Value, leg: &str) -> (u64, u64) {
    let streams = call["streams"].as_array().unwrap().iter().filter(|stream| stream["leg"] == leg);
    let of = |what: &'static str| streams.clone().map(|stream| stream[what].as_u64().unwrap()).sum();
    (of("packets"), of("lost"))
}

#[test]
fn a_recorder_that_is_stopped_on_a_full_disk_says_of_every_packet_what_became_of_it() {
    let Some(wire) = Wire::new() else { return };
    let (bench, load) = (Bench::new(), load(60, 6.0));
    let disk = SmallDisk::under(&bench);
    let recorder = wire.record(&bench, &["--memory", "8"]);
    disk.fill();
    wire.send(load.frames());
    thread::sleep(Duration::from_millis(500));
    let said = recorder.stop();
    assert_eq!(said.code, Some(6), "{said:?}");
    let sent: HashMap<_, _> =
        load.truth().calls.into_iter().map(|call| (call.sip_call_id, call.directions)).collect();
    let calls = bench.calls(&[]);
    assert_eq!(calls.len(), load.calls as usize);
    let mut missing = 0;
    for call in calls.iter().filter(|call| call["recorded"] == true) {
        for direction in &sent[call["sip_call_ids"][0].as_str().unwrap()] {
            let leg = format!("{:?}", direction.leg).to_lowercase();
            let (kept, lost) = kept_and_lost(call, &leg);
            assert_eq!(kept + lost, direction.packets, "{call}");
            missing += lost;
        }
        if kept_and_lost(call, "caller").1 > 0 {
            let gaps = call["gaps"].as_array().unwrap();
            assert!(gaps.iter().any(|gap| gap["cause"] == "capture"), "{call}");
            assert!(call["flags"].to_string().contains("capture_loss"), "{call}");
        }
    }
    assert!(missing > 0, "the disk was full");
    let covered = bench.run(["coverage", "--json"]);
    assert_eq!(covered.code, Some(6), "{covered:?}");
    let covered: Value = serde_json::from_str(&covered.out).unwrap();
    let full = covered["gaps"].as_array().unwrap().iter().filter(|gap| gap["cause"] == "disk_full");
    assert!(full.clone().count() > 0, "{covered}");
    let told: u64 = full.filter_map(|gap| gap["frames"].as_u64()).sum();
    assert!(told >= missing, "{told} of {missing}: {covered}");
    bench.done(["verify", "--all", "--opened"]);
}

#[test]
fn a_call_that_ended_just_before_the_recorder_was_killed_is_not_waited_for_again() {
    let Some(wire) = Wire::new() else { return };
    let (bench, load) = (office(), load(4, 1.5));
    let recorder = wire.record(&bench, &[]);
    wire.send(load.frames());
    thread::sleep(Duration::from_millis(1200));
    recorder.signal(Signal::KILL);
    recorder.end();
    let recorder = wire.record(&bench, &[]);
    thread::sleep(Duration::from_millis(200));
    assert_eq!(recorder.stop().code, Some(0));
    let calls = bench.calls(&[]);
    assert_eq!(calls.iter().filter(|call| call["recorded"] == true).count(), calls.len());
    assert_eq!(calls.len(), 4, "{calls:#?}");
    for call in &calls {
        assert!(call["ended_by"] == "caller" || call["ended_by"] == "callee", "{call}");
        assert!(call["flags"].as_array().unwrap().contains(&"interrupted".into()), "{call}");
    }
    bench.done(["verify", "--all", "--opened"]);
}
