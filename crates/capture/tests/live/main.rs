//! Live capture, each test alone in a network namespace of its own, on interfaces that it makes there.

#![expect(clippy::unwrap_used, reason = "a test stops where something it counts on is not so")]
#![expect(
    clippy::print_stderr,
    reason = "who runs the tests without the right to is told what was not tested"
)]

mod fanout;
mod filter;
mod frames;
mod link;
mod losses;
mod opening;
mod reading;

use std::{
    env, fs,
    process::Command,
    time::{Duration, Instant},
};

use earwitness_capture::{LinkEvent, LiveOptions, LiveSource, Polled, Source, wait};
use pcap::{Active, Capture};

/// Which test a process was started for.
const ALONE: &str = "EARWITNESS_TEST_ALONE";

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `body` in a network namespace of its own: this very test is started again, in one, and there it comes to here again.
/// `program` is what starts it.
fn alone_by(program: &[&str], test: &str, body: fn()) {
    if env::var(ALONE).is_ok_and(|name| name == test) {
        // No neighbour discovery: the interfaces carry what the test sends, and nothing else.
        fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").expect("a namespace of our own");
        return body();
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT TESTED, for it needs root: {test}");
        return;
    }
    let mut command = Command::new("unshare");
    command.arg("--net").args(program).arg(env::current_exe().expect("this test is a file"));
    let ran = command.args([test, "--exact", "--nocapture"]).env(ALONE, test).output().expect("unshare(1)");
    let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(ran.status.success() && said.contains("1 passed"), "{test}:\n{said}");
}

fn alone(test: &str, body: fn()) {
    alone_by(&[], test, body);
}

/// `ip` with these words as its arguments.
fn ip(words: &str) {
    let ran = Command::new("ip").args(words.split(' ')).output().expect("ip(8), from iproute2");
    assert!(ran.status.success(), "ip {words}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// A cable: what is sent into `phone` comes out of `mirror`.
fn cable() {
    ip("link add mirror mtu 9000 type veth peer name phone mtu 9000");
    ip("link set mirror up");
    ip("link set phone up");
}

/// The other end, to send from.
fn sender(interface: &str) -> Capture<Active> {
    Capture::from_device(interface).unwrap().open().unwrap()
}

fn filtered(filter: &str) -> LiveOptions {
    LiveOptions { filter: Some(filter.to_owned()), ..small() }
}

/// A ring that many tests have room for at once.
fn small() -> LiveOptions {
    LiveOptions { ring_bytes: 2 << 20, ..LiveOptions::default() }
}

/// The frames that come until there are `count`, and until nothing comes for a while after them.
fn read(source: &mut LiveSource, count: usize) -> Vec<Vec<u8>> {
    let (mut frames, begun, mut quiet) = (Vec::new(), Instant::now(), 0);
    while (frames.len() < count && begun.elapsed() < PATIENCE) || quiet < 3 {
        match source.poll(&mut |frame| frames.push(frame.bytes.to_vec())).unwrap() {
            Polled::Frames => quiet = 0,
            Polled::Idle => {
                quiet += 1;
                wait(&[source], Duration::from_millis(30));
            }
            Polled::End(end) => panic!("a live interface does not end: {end:?}"),
        }
    }
    frames
}

/// The next event, which must come.
fn event(source: &mut LiveSource) -> LinkEvent {
    let begun = Instant::now();
    loop {
        if let Some(event) = source.poll_event() {
            return event;
        }
        assert!(begun.elapsed() < PATIENCE, "nothing happened to {source:?}");
        source.poll(&mut |_| ()).unwrap();
        wait(&[source], Duration::from_millis(100));
    }
}
