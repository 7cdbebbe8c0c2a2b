//! What a recorder tells its service manager, and what it has given up.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::{
    fs,
    os::unix::net::UnixDatagram,
    process::{Child, Stdio},
    time::Duration,
};

use support::{
    Bench, Said,
    wire::{Wire, may_lock_memory},
};

/// A recorder beside a socket that a service manager would listen on.
struct Service {
    recorder: Child,
    manager: UnixDatagram,
}

impl Service {
    fn start(bench: &Bench, wire: &Wire) -> Self {
        let socket = bench.home.path().join("notify");
        let manager = UnixDatagram::bind(&socket).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut command = wire.command(bench, &["record", "-i", "tap"]);
        command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "1500000");
        let recorder = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { recorder, manager }
    }

    /// What the manager hears next.
    fn hears(&self) -> String {
        let mut datagram = [0; 4096];
        let length = self.manager.recv(&mut datagram).expect("the recorder says something within 20 s");
        String::from_utf8(datagram[..length].to_vec()).unwrap()
    }

    /// Skips what is told until a line begins so.
    fn hears_at_last(&self, line: &str) -> String {
        loop {
            let told = self.hears();
            if told.lines().any(|told| told.starts_with(line)) {
                return told;
            }
        }
    }

    /// A field of what the kernel says of the process.
    fn status(&self, field: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.recorder.id())).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
        value.trim().to_owned()
    }

    fn stop(self) -> Said {
        let pid = rustix::process::Pid::from_child(&self.recorder);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let stopping = self.hears_at_last("STOPPING=1");
        assert!(stopping.contains("STATUS=finishing"), "{stopping}");
        Said::from(self.recorder.wait_with_output().unwrap())
    }
}

fn office() -> Bench {
    let bench = Bench::new();
    bench.done(["init", "--access", "open"]);
    bench
}

#[test]
fn a_service_manager_hears_that_recording_begins_goes_on_and_ends() {
    let Some(wire) = Wire::new() else { return };
    let bench = office();
    let service = Service::start(&bench, &wire);
    let first = service.hears();
    assert!(first.starts_with("READY=1\nSTATUS=tap up; 0 calls run, 0 are listed"), "{first}");
    for _ in 0..3 {
        service.hears_at_last("WATCHDOG=1");
    }
    let said = service.stop();
    assert_eq!(said.code, Some(0), "{said:?}");
}

#[test]
fn a_recorder_that_root_started_has_given_up_all_but_packet_sockets_its_vault_and_its_rules() {
    let Some(wire) = Wire::new() else { return };
    let bench = office();
    let service = Service::start(&bench, &wire);
    service.hears_at_last("READY=1");
    for (field, expected) in [
        ("CapEff", "0000000000002000"),
        ("CapPrm", "0000000000002000"),
        ("CapInh", "0000000000000000"),
        ("CapBnd", "0000000000000000"),
        ("CapAmb", "0000000000000000"),
        ("NoNewPrivs", "1"),
    ] {
        assert_eq!(service.status(field), expected, "{field}");
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", service.recorder.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"]);
    // All its threads, those of the index too: none ran before.
    let threads = fs::read_dir(format!("/proc/{}/task", service.recorder.id())).unwrap();
    for thread in threads {
        let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        assert!(status.contains("CapEff:\t0000000000002000\n"), "{status}");
    }
    let said = service.stop();
    assert!(said.err.contains("no capability but CAP_NET_RAW, no core dumps; "), "{said:?}");
    let memory =
        if may_lock_memory() { "; memory locked\n" } else { "; memory not locked, it may be swapped out: " };
    assert!(said.err.contains(memory), "{said:?}");
    assert!(!said.err.contains("threads that ran already"), "{said:?}");
}

#[test]
fn a_running_recorder_cannot_read_what_others_keep_in_etc() {
    let Some(wire) = Wire::new() else { return };
    let bench = office();
    let rules = bench.path("rules");
    bench.done(["rules", "init", rules.to_str().unwrap()]);
    let recorder = wire.record(&bench, &["--rules", rules.to_str().unwrap()]);
    // Whoever may write rules has the recorder, which root started, read what they may not.
    std::os::unix::fs::symlink("/etc/shadow", rules.join("more.toml")).unwrap();
    recorder.signal(rustix::process::Signal::HUP);
    std::thread::sleep(Duration::from_millis(500));
    let said = recorder.stop();
    let expected = format!("cannot read {}: Permission denied", rules.join("more.toml").display());
    assert!(said.err.contains(&expected), "{said:?}");
    assert!(said.err.contains("the rules that were in force stay in force"), "{said:?}");
}
