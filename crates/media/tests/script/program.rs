//! Other programs, asked for their opinion.
#![expect(clippy::disallowed_methods, reason = "a test asks a program")]
#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
};

/// What `command` writes when it reads `input`; `None` where it is not installed.
pub(crate) fn piped(command: &str, args: &[&str], input: Vec<u8>) -> Option<Vec<u8>> {
    let mut child = Command::new(command)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{command} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}
