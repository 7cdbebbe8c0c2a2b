//! Capture agents: a call that left as HEP comes in as HEP, and is the same call.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::{
    io::Write,
    net::{SocketAddr, TcpStream, UdpSocket},
    os::unix::net::UnixStream,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{Bench, Said, until};

/// An address of this machine that nobody listens at, over either carrier.
fn free() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap()
}

struct Listening {
    child: Child,
    at: SocketAddr,
}

/// A recorder that listens to agents alone.
fn listening(bench: &Bench, more: &[&str]) -> Listening {
    bench.done(["init", "--access", "open"]);
    let at = free();
    let mut command: Command = bench.command(["record", "--hep", &at.to_string()]);
    let child = command.args(more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the recorder listens", || UnixStream::connect(bench.vault().join("control.sock")).is_ok());
    Listening { child, at }
}

impl Listening {
    fn stop(self) -> Said {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        Said::from(self.child.wait_with_output().unwrap())
    }
}

/// The port of agents, as `status` tells it.
fn port(bench: &Bench) -> Value {
    let status: Value = serde_json::from_str(&bench.run(["status", "--json"]).out).unwrap_or_default();
    status["interfaces"][0].clone()
}

/// The calls of the demo office that were kept, as one HEP stream.
fn stream(office: &Bench) -> Vec<u8> {
    let output =
        office.command(["export", "--since", "2020-01-01", "--format", "hep", "-o", "-"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// What signalling alone tells of the calls.
fn told(calls: &[Value]) -> Vec<String> {
    let facts = ["sip_call_ids", "from", "to", "direction", "extension", "outcome", "sip_status", "ended_by"];
    let mut told: Vec<String> =
        calls.iter().map(|call| facts.map(|fact| call[fact].to_string()).join(" ")).collect();
    told.sort();
    told
}

/// The payloads of the chunks that hold messages, in the order of the stream.
fn messages(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while let Some((head, _)) = stream.split_first_chunk::<6>() {
        let (packet, rest) = stream.split_at(usize::from(u16::from_be_bytes([head[4], head[5]])));
        let mut chunks = &packet[6..];
        while let Some((head, _)) = chunks.split_first_chunk::<6>() {
            let (chunk, rest) = chunks.split_at(usize::from(u16::from_be_bytes([head[4], head[5]])));
            if head[2..4] == [0, 15] {
                all.push(chunk[6..].to_vec());
            }
            chunks = rest;
        }
        stream = rest;
    }
    all.sort();
    all
}

#[test]
fn calls_that_left_as_hep_over_tcp_come_in_as_the_same_calls() {
    in_and_out(&[]);
}

#[test]
fn several_threads_hear_agents_as_one_does() {
    in_and_out(&["--threads", "2"]);
}

/// Sends the office's calls to a recorder over TCP, and compares.
fn in_and_out(more: &[&str]) {
    let (office, bench) = (Bench::with_office(), Bench::new());
    let out = stream(&office);
    let recorder = listening(&bench, more);
    let mut agent = TcpStream::connect(recorder.at).unwrap();
    agent.write_all(&out).unwrap();
    let sent = messages(&out).len() as u64;
    until("all packets are taken", || port(&bench)["frames"] == sent);
    let said = port(&bench);
    assert_eq!(said["name"], format!("hep:{}", recorder.at));
    assert_eq!((&said["hep"]["connections"], &said["hep"]["not_hep"]), (&1.into(), &0.into()));
    assert!(said["hep"]["clock_difference_seconds"].as_f64().unwrap().abs() > 1.0, "they are of another day");
    let page = bench.run(["status"]).out;
    assert!(page.contains("1 connections") && page.contains("an agent's clock"), "{page}");
    drop(agent);
    let said = recorder.stop();
    assert_eq!(said.code, Some(0), "{said:?}");
    let kept: Vec<Value> =
        office.calls(&[]).into_iter().filter(|call| !call["recording"].is_null()).collect();
    let calls = bench.calls(&[]);
    assert!(kept.len() > 3);
    assert_eq!(told(&calls), told(&kept));
    let again =
        bench.command(["export", "--since", "2020-01-01", "--format", "hep", "-o", "-"]).output().unwrap();
    assert_eq!(messages(&again.stdout), messages(&out), "every byte of every message");
}

#[test]
fn an_agent_with_a_wrong_key_is_counted_and_not_believed() {
    let (office, bench) = (Bench::with_office(), Bench::new());
    std::fs::write(bench.path("hep.key"), "secret\n").unwrap();
    let recorder = listening(&bench, &["--hep-key-file", "hep.key"]);
    let out = stream(&office);
    let first = usize::from(u16::from_be_bytes([out[4], out[5]]));
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    agent.send_to(&out[..first], recorder.at).unwrap();
    until("it is counted", || port(&bench)["hep"]["wrong_key"] == 1);
    assert_eq!(port(&bench)["frames"], 0);
    let said = recorder.stop();
    assert!(said.code == Some(0) && bench.calls(&[]).is_empty(), "{said:?}");
    let said = bench.run(["record", "--hep", "127.0.0.1:1", "--hep-key-file", "none"]);
    assert!(said.code == Some(1) && said.err.contains("none: "), "{said:?}");
    let said = bench.run(["record", "--hep", "homer:9060"]);
    assert!(said.code == Some(2) && said.err.contains("an address and a port"), "{said:?}");
}

#[test]
fn a_port_that_others_reach_and_that_asks_for_no_key_is_told_of() {
    let bench = Bench::new();
    let open = format!("0.0.0.0:{}", free().port());
    let said = listening(&bench, &["--hep", &open]).stop();
    let told = format!("without a key for capture agents: whoever reaches {open} makes calls and ends them");
    assert!(said.code == Some(0) && said.err.contains(&told), "{said:?}");
    let bench = Bench::new();
    let said = listening(&bench, &[]).stop();
    assert!(!said.err.contains("without a key"), "of this machine's own programs nothing is told: {said:?}");
}
