//! A mirror port of the check's own: a veth pair in a network namespace.

use std::process::Command;

use anyhow::Result;

use crate::{process, workspace};

/// The namespace, with `tap` to listen on and `send` to send into. It goes when it is dropped.
pub(super) struct Mirror {
    namespace: String,
}

impl Mirror {
    pub(super) fn new() -> Result<Self> {
        let mirror = Self { namespace: format!("earwitness-check-{}", std::process::id()) };
        ip(&["netns", "add", &mirror.namespace])?;
        mirror.ip(&["link", "add", "tap", "type", "veth", "peer", "name", "send"])?;
        for end in ["tap", "send"] {
            mirror.ip(&["link", "set", end, "addrgenmode", "none"])?;
            mirror.ip(&["link", "set", end, "up"])?;
        }
        Ok(mirror)
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Sends generated calls of the example office in their own time.
    pub(super) fn send(&self, calls: usize) -> Result<()> {
        let mut build = workspace::cargo();
        build.args(["build", "--quiet", "--package", "earwitness-testkit", "--example", "generate"]);
        process::succeed(&mut build)?;
        let generate = workspace::target_dir()?.join("debug/examples/generate");
        let mut send = Command::new("ip");
        send.args(["netns", "exec", &self.namespace]).arg(generate);
        send.args([
            "--calls",
            &calls.to_string(),
            "--seconds",
            "2",
            "--spread",
            "0.5",
            "--ring",
            "0.2",
            "--live",
            "send",
        ]);
        process::output(&mut send).map(drop)
    }

    fn ip(&self, arguments: &[&str]) -> Result<()> {
        ip(&[&["-n", &self.namespace], arguments].concat())
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        // What cannot be removed is gone with the machine's next start.
        ip(&["netns", "del", &self.namespace]).unwrap_or_default();
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    process::succeed(Command::new("ip").args(arguments))
}
