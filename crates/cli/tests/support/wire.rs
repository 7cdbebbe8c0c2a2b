//! A mirror port of the test's own: a veth pair in a network namespace of its own.

use std::{
    os::{fd::AsFd, unix::net::UnixStream},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use earwitness_testkit::Frame;

use super::{Bench, Said};

/// The namespace and its two ends: frames sent into `send` come out of `tap`.
pub(crate) struct Wire {
    namespace: String,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Wire {
    /// `None`, said loudly, for who may not make network namespaces.
    pub(crate) fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("left out: only root can make the network namespace that this test needs");
            return None;
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let wire = Self { namespace: format!("ew-test-{}-{number}", std::process::id()) };
        ip(&["netns", "add", &wire.namespace]);
        wire.link();
        Some(wire)
    }

    /// Its name.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Makes the pair.
    pub(crate) fn link(&self) {
        self.ip(&["link", "add", "tap", "type", "veth", "peer", "name", "send"]);
        for end in ["tap", "send"] {
            self.ip(&["link", "set", end, "addrgenmode", "none"]);
            self.ip(&["link", "set", end, "up"]);
        }
    }

    /// `ip` in the namespace.
    pub(crate) fn ip(&self, arguments: &[&str]) {
        ip(&[&["-n", &self.namespace], arguments].concat());
    }

    /// A command of the program in the namespace.
    pub(crate) fn command(&self, bench: &Bench, arguments: &[&str]) -> Command {
        let inner = bench.command(arguments);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(inner.get_program()).args(inner.get_args());
        for (name, value) in inner.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        command.current_dir(bench.home.path());
        command
    }

    /// Starts recording and waits until it does.
    pub(crate) fn record(&self, bench: &Bench, more: &[&str]) -> Running {
        let mut command = self.command(bench, &[&["record", "-i", "tap"], more].concat());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let running = Running { child };
        running.wait_until_it_listens(bench);
        running
    }

    /// Sends frames in their own time.
    pub(crate) fn send(&self, frames: impl IntoIterator<Item = Frame> + Send) {
        std::thread::scope(|scope| {
            let sent = scope.spawn(|| {
                let path = format!("/run/netns/{}", self.namespace);
                let namespace = std::fs::File::open(path).unwrap();
                let kind = Some(rustix::thread::LinkNameSpaceType::Network);
                rustix::thread::move_into_link_name_space(namespace.as_fd(), kind).unwrap();
                let mut out = pcap::Capture::from_device("send").unwrap().open().unwrap();
                let begun = Instant::now();
                let mut first = None;
                for frame in frames {
                    let due = frame.time.since(*first.get_or_insert(frame.time));
                    let due = Duration::from_nanos(u64::try_from(due).unwrap_or(0));
                    std::thread::sleep(due.saturating_sub(begun.elapsed()));
                    out.sendpacket(&frame.bytes[..]).unwrap();
                }
            });
            sent.join().unwrap();
        });
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        ip(&["netns", "del", &self.namespace]);
    }
}

fn ip(arguments: &[&str]) {
    let done = Command::new("ip").args(arguments).output().expect("iproute2 is installed");
    assert!(done.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A recorder that runs.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Ends it in order.
    pub(crate) fn stop(self) -> Said {
        self.signal(rustix::process::Signal::TERM);
        self.end()
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Said {
        Said::from(self.child.wait_with_output().unwrap())
    }

    /// It answers at its socket when all interfaces are captured.
    fn wait_until_it_listens(&self, bench: &Bench) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            if UnixStream::connect(bench.vault().join("control.sock")).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the recorder does not listen");
    }
}

/// Whether a recorder that these tests start may lock its memory: without a limit, or with the right to lift it
/// (CAP_SYS_RESOURCE).
pub(crate) fn may_lock_memory() -> bool {
    use rustix::{
        process::{Resource, getrlimit},
        thread::{CapabilitySet, capabilities},
    };
    let may_lift = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_RESOURCE));
    may_lift || getrlimit(Resource::Memlock).current.is_none()
}
