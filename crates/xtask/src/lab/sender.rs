//! Traffic by the thousand: testkit's `generate` on the mirror, at the switch's end of it.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{
    Lab,
    program::Program,
    room::{Host, MIRROR},
};
use crate::process;

/// A sender at work.
#[derive(Debug)]
pub(super) struct Sender(Program);

/// What it has sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    /// Frames.
    pub(super) frames: u64,
    /// In how many seconds.
    pub(super) took_s: f64,
    /// How late the latest was, in ms.
    pub(super) late_ms: f64,
}

impl Sent {
    /// Thousands of frames per second.
    pub(super) fn kpps(&self) -> f64 {
        self.frames as f64 / self.took_s.max(1e-9) / 1e3
    }
}

impl Sender {
    /// Begins to send what the words of `line` describe.
    pub(super) fn start(lab: &Lab, name: &str, line: &str) -> Result<Self> {
        let mut command = Host::Switch.urgent(&lab.tools.generate);
        command.args(line.split_whitespace()).args(["--live", MIRROR]);
        Ok(Self(Program::start(name, command, &lab.folder)?))
    }

    /// Waits until everything is sent.
    pub(super) fn finish(mut self, at_most: Duration) -> Result<Sent> {
        self.0.succeed(at_most)?;
        let out = self.0.out();
        let json: Value = out
            .lines()
            .last()
            .and_then(|line| serde_json::from_str(line).ok())
            .with_context(|| format!("the sender said {out:?}"))?;
        Ok(Sent {
            frames: json["frames"].as_u64().context("no frames")?,
            took_s: json["took_s"].as_f64().context("no took_s")?,
            late_ms: json["late_ms"].as_f64().context("no late_ms")?,
        })
    }
}

/// The truth about the load that the words of `line` describe, a line of JSON for each call.
pub(super) fn truth(lab: &Lab, line: &str) -> Result<Vec<Value>> {
    let path = lab.path("truth.jsonl");
    process::succeed(
        Command::new(&lab.tools.generate).args(line.split_whitespace()).arg("--truth").arg(&path),
    )?;
    read(&path)
}

fn read(path: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.lines().map(|line| serde_json::from_str(line).context("the truth is no JSON")).collect()
}
