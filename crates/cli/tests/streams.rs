//! Audio without signalling, as a user meets it: with a stream rule a call between addresses, without one nothing.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::{fs, io::BufWriter, path::PathBuf, thread, time::Duration};

use earwitness_testkit::{Frame, pcap, script};
use rustix::process::Signal;
use serde_json::Value;
use support::{Bench, files, until, wire::Wire};

const TALK: &str = "rtp a caller from=0.000 to=6.000 src=10.1.0.5:4000 dst=10.1.0.9:4002 codec=PCMA ssrc=0x11 speech-seed=1\n\
    rtp a callee from=0.010 to=6.000 src=10.1.0.9:4002 dst=10.1.0.5:4000 codec=PCMA ssrc=0x22 speech-seed=2\n";

fn talk() -> Vec<Frame> {
    script::parse(TALK).unwrap().frames()
}

fn capture(bench: &Bench, frames: Vec<Frame>) -> PathBuf {
    let path = bench.path("talk.pcap");
    pcap::write_all(BufWriter::new(fs::File::create(&path).unwrap()), frames).unwrap();
    path
}

/// Rules that name the telephones' network.
fn rules(bench: &Bench) -> PathBuf {
    let folder = bench.path("rules");
    fs::create_dir_all(&folder).unwrap();
    let text = "schema = 1\n[[streams]]\nname = \"old-phones\"\nnetworks = [\"10.1.0.0/16\"]\nretention = \"short\"\n\
        notice = \"spoken\"\n[retention.short]\nkeep = \"P90D\"\n[notice.spoken]\naudio = \"none\"\n";
    fs::write(folder.join("streams.toml"), text).unwrap();
    folder
}

#[test]
fn with_a_rule_it_is_a_call_between_addresses_that_is_listed_shown_exported_and_verified() {
    let bench = Bench::new();
    let (rules, talk) = (rules(&bench), capture(&bench, talk()));
    let (rules, talk) = (rules.to_str().unwrap(), talk.to_str().unwrap());
    bench.done(["record", "--rules", rules, "-r", talk]);
    let calls = bench.calls(&[]);
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(
        (&call["kind"], &call["recorded"], &call["reason"]),
        (&"stream".into(), &true.into(), &"old-phones".into())
    );
    assert_eq!(
        (&call["from"]["user"], &call["from"]["host"], &call["to"]["host"]),
        (&Value::Null, &"10.1.0.5".into(), &"10.1.0.9".into())
    );
    assert_eq!(
        (&call["sip_call_ids"], &call["legs"]),
        (&Value::Array(Vec::new()), &Value::Array(Vec::new()))
    );
    assert_eq!((&call["flags"][0], call["talk_s"].as_f64().unwrap() > 5.9), (&"no_signalling".into(), true));
    let packets: Vec<u64> =
        call["streams"].as_array().unwrap().iter().map(|s| s["packets"].as_u64().unwrap()).collect();
    assert_eq!(packets, [300, 300]);
    let listed = bench.done(["list"]);
    assert!(listed.contains("\t10.1.0.5\t10.1.0.9\t"), "{listed}");
    let id = call["id"].as_str().unwrap();
    let shown = bench.done(["show", id]);
    assert!(shown.contains("10.1.0.5") && shown.contains("no_signalling"), "{shown}");
    bench.done(["export", id, "-o", "out/"]);
    assert!(fs::metadata(&files(&bench.path("out"))[0]).unwrap().len() > 6 * 8_000 * 2 * 2);
    bench.done(["verify", "--all", "--opened"]);
    bench.done(["record", "--rules", rules, "-r", talk]);
    assert_eq!(bench.calls(&[]).len(), 1, "the same audio is the same call");
}

#[test]
fn without_a_rule_nothing_is_kept_and_it_is_said_what_there_was() {
    let bench = Bench::new();
    let talk = capture(&bench, talk());
    let said = bench.run(["record", "-r", talk.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(bench.calls(&[]).is_empty());
    for part in [
        "no call was found in 0 messages of SIP",
        "600 packets of RTP, or like it",
        "[[streams]]",
        "600 RTP packets in 2 streams, and no SIP message",
        "Add the port of the SIP server",
    ] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    assert!(
        files(&bench.vault()).iter().all(|path| !path.display().to_string().contains("volumes")),
        "no volume was begun"
    );
}

#[test]
fn a_capture_of_other_signalling_is_told_by_its_name() {
    let bench = Bench::new();
    let sccp = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/doctor/signalling-sccp/capture.pcap");
    let said = bench.run(["record", "-r", sccp]);
    assert!(
        said.err.contains("messages of SCCP (Skinny)")
            && said.err.contains("Your phones speak SCCP, not SIP"),
        "{said:?}"
    );
}

#[test]
fn a_stream_that_a_kill_cut_is_one_in_both_parts() {
    let Some(wire) = Wire::new() else { return };
    let bench = Bench::new();
    let rules = rules(&bench);
    bench.done(["init", "--access", "open"]);
    let more = ["--rules", rules.to_str().unwrap()];
    let first = wire.record(&bench, &more);
    let (head, tail): (Vec<Frame>, Vec<Frame>) =
        talk().into_iter().partition(|frame| frame.time.since(earwitness_testkit::MORNING) < 3_000_000_000);
    wire.send(head);
    thread::sleep(Duration::from_secs(1));
    first.signal(Signal::KILL);
    first.end();
    let second = wire.record(&bench, &more);
    wire.send(tail);
    until("the second part is heard", || {
        let status: Value = serde_json::from_str(&bench.run(["status", "--json"]).out).unwrap_or_default();
        status["media"]["kept"].as_u64() == Some(300)
    });
    let said = second.stop();
    assert_eq!(said.code, Some(0), "{said:?}");
    let calls = bench.calls(&[]);
    let kinds: Vec<(&Value, bool)> =
        calls.iter().map(|call| (&call["kind"], call["continues"].is_string())).collect();
    assert_eq!(kinds, [(&"stream".into(), false), (&"stream".into(), true)], "{calls:?}");
    assert!(calls.iter().all(|call| call["sip_call_ids"] == Value::Array(Vec::new())));
    bench.done(["verify", "--all", "--opened"]);
}
