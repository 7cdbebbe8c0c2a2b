//! `--tls-keys`: SIP in TLS, from captures and by a live key log.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it left out"
)]

mod support;

use std::{fs, thread, time::Duration};

use earwitness_model::{LinkType, SipTransport};
use earwitness_testkit::{
    Carriage, Opening, SegmentOrder,
    pcap::{self, Order, Pcapng},
    script::{Script, parse_over},
};
use support::{Bench, wire::Wire};

const CALL: &str =
    "at 0 10.1.0.5:40001 > 10.1.0.9:5061 INVITE call-1 from=01012345678 to=4001 sdp=10.1.0.5:4000/PCMA
at 1 10.1.0.9:5061 > 10.1.0.5:40001 200 call-1 sdp=10.1.0.9:4002/PCMA
at 1.02 10.1.0.5:40001 > 10.1.0.9:5061 ACK call-1
rtp call-1 caller from=1.04 to=3 ssrc=0x11
rtp call-1 callee from=1.04 to=3 ssrc=0x12
at 3 10.1.0.5:40001 > 10.1.0.9:5061 BYE call-1
at 3.01 10.1.0.9:5061 > 10.1.0.5:40001 200 call-1
";

fn script(transport: SipTransport) -> Script {
    let carriage = Carriage { transport, largest: 1460, order: SegmentOrder::AsSent, opening: Opening::Seen };
    parse_over(CALL, carriage).unwrap()
}

/// A bench with the capture of a call and its key log beside it.
fn bench(transport: SipTransport) -> (Bench, Script) {
    let (bench, script) = (Bench::new(), script(transport));
    fs::write(bench.path("call.pcap"), pcap::write_all(Vec::new(), script.frames()).unwrap()).unwrap();
    fs::write(bench.path("keys.log"), format!("# a comment\n{}", script.key_log())).unwrap();
    (bench, script)
}

#[test]
fn a_capture_and_a_key_log_are_a_call_that_tells_what_opened_it() {
    for (transport, name) in [(SipTransport::Tls, "TLS"), (SipTransport::Wss, "WSS")] {
        let (bench, script) = bench(transport);
        let without = bench.run(["record", "--lab", "-r", "call.pcap"]);
        assert!(
            without.err.contains("no call was found") && without.err.contains("1 connection encrypted"),
            "{}",
            without.err
        );
        let with = bench.run(["record", "--lab", "--tls-keys", "keys.log", "-r", "call.pcap"]);
        assert_eq!(with.code, Some(0), "{}", with.err);
        assert!(with.err.contains("1 connection in TLS opened by key logs"), "{}", with.err);
        let calls = bench.calls(&[]);
        let [call] = &calls[..] else { panic!("one call: {calls:?}") };
        assert_eq!(call["flags"], serde_json::json!(["tls"]));
        assert_eq!((&call["outcome"], &call["streams"][1]["packets"]), (&"answered".into(), &98.into()));
        let shown = bench.run(["show", call["id"].as_str().unwrap()]);
        assert_eq!(
            shown.out.matches(&format!("  {name}")).count(),
            5,
            "each message says what carried it: {}",
            shown.out
        );
        assert!(shown.out.contains("was opened by a key log"), "{}", shown.out);
        assert_eq!(bench.run(["verify", "--all"]).code, Some(0));
        // Of the keys nothing is in the vault.
        let secrets = script.key_log().lines().filter_map(|line| line.split(' ').nth(2)).map(str::to_owned);
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
        };
        for secret in secrets {
            let raw = bytes(&secret);
            for path in support::files(&bench.vault()) {
                let file = fs::read(&path).unwrap();
                let is_in = |what: &[u8]| file.windows(what.len()).any(|window| window == what);
                assert!(
                    !is_in(&raw[..16]) && !is_in(&secret.as_bytes()[..32]),
                    "a key in {}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn keys_in_the_capture_itself_are_enough() {
    let (bench, script) = (Bench::new(), script(SipTransport::Tls));
    let mut file = Pcapng::new();
    let mut secrets =
        [&0x544c_534b_u32.to_le_bytes()[..], &(script.key_log().len() as u32).to_le_bytes()].concat();
    secrets.extend(script.key_log().as_bytes());
    secrets.resize(secrets.len().next_multiple_of(4), 0);
    file.section(Order::Little).interface(LinkType::Ethernet, 0, &[]).block(10, &secrets);
    for frame in script.frames() {
        file.packet(0, frame.time.nanos() as u64 / 1000, &frame.bytes);
    }
    fs::write(bench.path("call.pcapng"), file.bytes()).unwrap();
    let said = bench.run(["record", "--lab", "-r", "call.pcapng"]);
    assert_eq!((said.code, bench.calls(&[]).len()), (Some(0), 1), "{}", said.err);
    let healthy = bench.run(["doctor", "-r", "call.pcapng"]);
    assert!(!healthy.out.contains("signalling-encrypted"), "{}", healthy.out);
}

#[test]
fn what_is_wrong_with_a_key_log_is_said() {
    let (bench, _) = bench(SipTransport::Tls);
    let missing = bench.run(["record", "--lab", "--tls-keys", "no.log", "-r", "call.pcap"]);
    assert_eq!(missing.code, Some(3), "{}", missing.err);
    assert!(missing.err.contains("no.log"), "{}", missing.err);
    fs::write(bench.path("wrong.log"), "-----BEGIN PRIVATE KEY-----\n").unwrap();
    let wrong = bench.run(["record", "--lab", "--tls-keys", "wrong.log", "-r", "call.pcap"]);
    assert!(
        wrong.err.contains("1 lines of key logs that are neither a secret nor a comment"),
        "{}",
        wrong.err
    );
    assert!(
        wrong.err.contains("1 connection in TLS on SIP ports that no key in the key logs opens"),
        "{}",
        wrong.err
    );
}

#[test]
fn the_doctor_finds_tls_a_defect_only_without_its_keys() {
    let (bench, _) = bench(SipTransport::Tls);
    let without = bench.run(["doctor", "-r", "call.pcap"]);
    assert_eq!(without.code, Some(6), "{}", without.out);
    assert!(without.out.contains("1 connections that no key log opens"), "{}", without.out);
    let with = bench.run(["doctor", "-r", "call.pcap", "--tls-keys", "keys.log"]);
    assert!(!with.out.contains("signalling-encrypted"), "{}", with.out);
    let by_environment = support::Said::from(
        bench.command(["doctor", "-r", "call.pcap"]).env("EARWITNESS_TLS_KEYS", "keys.log").output().unwrap(),
    );
    assert!(!by_environment.out.contains("signalling-encrypted"), "{}", by_environment.out);
}

#[test]
fn a_live_key_log_is_read_as_it_grows_and_what_was_said_before_its_keys_is_not_lost() {
    let Some(wire) = Wire::new() else { return };
    for threads in ["1", "2"] {
        let (bench, script) = bench(SipTransport::Tls);
        bench.done(["init", "--access", "open"]);
        fs::create_dir(bench.path("run")).unwrap();
        let recorder = wire.record(&bench, &["--threads", threads, "--tls-keys", "run/pbx.log"]);
        let log = script.key_log();
        let (first, rest) = log.split_at(log.len() / 2 + 7);
        thread::scope(|scope| {
            scope.spawn(|| wire.send(script.frames()));
            // The INVITE was sent, and the call is not answered; half a line comes first.
            thread::sleep(Duration::from_millis(300));
            fs::write(bench.path("run/pbx.log"), first).unwrap();
            thread::sleep(Duration::from_millis(200));
            fs::write(bench.path("run/pbx.log"), [first, rest].concat()).unwrap();
        });
        let said = recorder.stop();
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(said.err.contains("1 connection in TLS opened by key logs"), "{}", said.err);
        let calls = bench.calls(&[]);
        let [call] = &calls[..] else { panic!("one call: {calls:?}") };
        assert_eq!((&call["flags"], &call["recorded"]), (&serde_json::json!(["tls"]), &true.into()));
        let packets: Vec<_> =
            call["streams"].as_array().unwrap().iter().map(|stream| stream["packets"].clone()).collect();
        assert_eq!(packets, [98, 98], "with {threads} threads");
        let ring = call["ring_s"].as_f64().unwrap();
        assert!((0.9..1.1).contains(&ring), "the INVITE is told as of when it came: {ring}");
    }
}

#[test]
fn whoever_looks_again_has_the_keys_and_calls_that_they_open_are_judged() {
    let bench = Bench::new();
    let carriage = Carriage {
        transport: SipTransport::Tls,
        largest: 1460,
        order: SegmentOrder::AsSent,
        opening: Opening::Seen,
    };
    // Something is said, and it is no call.
    let text = "at 0 10.1.0.5:40001 > 10.1.0.9:5061 OPTIONS o-1 from=4002 to=4001
at 1 10.1.0.9:5061 > 10.1.0.5:40001 200 o-1
";
    let script = parse_over(text, carriage).unwrap();
    fs::write(bench.path("none.pcap"), pcap::write_all(Vec::new(), script.frames()).unwrap()).unwrap();
    fs::write(bench.path("none.log"), script.key_log()).unwrap();
    let said = bench.run(["record", "--lab", "-r", "none.pcap", "--tls-keys", "none.log"]);
    assert!(said.err.contains("1 connection in TLS opened by key logs"), "{}", said.err);
    assert!(!said.err.contains("that no key log opens"), "{}", said.err);
    // A mirror that shows the signalling in TLS and none of the media.
    let script = parse_over(CALL.replace("rtp ", "# rtp ").as_str(), carriage).unwrap();
    fs::write(bench.path("mute.pcap"), pcap::write_all(Vec::new(), script.frames()).unwrap()).unwrap();
    fs::write(bench.path("mute.log"), script.key_log()).unwrap();
    let found = bench.run(["doctor", "-r", "mute.pcap", "--tls-keys", "mute.log"]);
    assert!(found.out.contains("no-media") && found.code == Some(6), "{}", found.out);
}

#[test]
fn a_live_key_log_is_not_for_captures_and_its_folder_has_to_be_there() {
    let (bench, _) = bench(SipTransport::Tls);
    fs::write(bench.path("office.toml"), "tls-keys = [\"no/such/keys.log\"]\n").unwrap();
    let read = bench.run(["--config", "office.toml", "record", "--lab", "-r", "call.pcap"]);
    assert!(read.code == Some(0) && read.err.contains("1 connection encrypted"), "{}", read.err);
    let examined = bench.run(["--config", "office.toml", "doctor", "-r", "call.pcap"]);
    assert!(examined.out.contains("signalling-encrypted"), "{} {}", examined.out, examined.err);
    let live = bench.run(["record", "-i", "lo", "--tls-keys", "no/such/keys.log"]);
    assert_eq!(live.code, Some(3), "{}", live.err);
    assert!(live.err.contains("the folder no/such of a key log is not there"), "{}", live.err);
}
