//! `top` on a terminal, and where there is none.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "support/pty.rs"]
mod pty;
mod support;

use std::process::Child;

use pty::Pty;
use rustix::process::{Pid, Signal, kill_process};
use support::{Bench, until, wire::Wire};

fn killed(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn without_a_terminal_top_says_what_to_do_instead_and_without_a_recorder_it_changes_no_terminal() {
    let bench = Bench::new();
    bench.done(["init", "--access", "open"]);
    let said = bench.run(["top"]);
    let instead = "this needs a terminal: `earwitness status` tells how a recorder is without one";
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains(instead), "{said:?}");
    let pty = Pty::new();
    let before = pty.modes();
    let code = pty.spawn(&mut bench.command(["top"])).wait().unwrap().code();
    assert_eq!((code, pty.modes()), (Some(3), before));
    let shown = pty.finish();
    assert!(
        shown.contains("no recorder runs on the vault at ") && !shown.contains(pty::ENTERED),
        "{shown:?}"
    );
}

#[test]
fn however_top_ends_the_terminal_is_as_it_was_before() {
    let Some(wire) = Wire::new() else { return };
    let bench = Bench::new();
    bench.done(["init", "--access", "open"]);
    let recorder = wire.record(&bench, &[]);
    until("the recorder has looked once", || bench.run(["status"]).out.starts_with("recording since "));
    type Ending = fn(&mut Pty, &Child);
    let endings: [(&str, Ending); 5] = [
        ("q", |pty, _| pty.press("q")),
        ("Ctrl-C", |pty, _| pty.press("\u{3}")),
        ("SIGTERM", |_, child| killed(child, Signal::TERM)),
        ("SIGHUP", |_, child| killed(child, Signal::HUP)),
        ("SIGQUIT", |_, child| killed(child, Signal::QUIT)),
    ];
    for (name, ending) in endings {
        let mut pty = Pty::new();
        let before = pty.modes();
        let mut child = pty.spawn(&mut bench.command(["top"]));
        until("top has drawn", || pty.is_raw() && pty.shown().contains("q leave"));
        assert_ne!(pty.modes(), before);
        ending(&mut pty, &child);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{name}");
        assert_eq!(pty.modes(), before, "{name}");
        let shown = pty.finish();
        assert_eq!((shown.matches(pty::ENTERED).count(), shown.matches(pty::LEFT).count()), (1, 1), "{name}");
        let after = shown.rsplit(pty::LEFT).next().unwrap();
        assert!(after.contains(pty::CURSOR) && !after.contains("q leave"), "{name}: {after:?}");
    }
    assert_eq!(recorder.stop().code, Some(0));
}
