//! What a running recorder says of itself: `status --json` and `coverage --json`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Lab;

/// One look at a running recorder.
#[derive(Debug)]
pub(super) struct Health(pub(super) Value);

/// Asks the recorder that has `vault`. Its exit code tells of alarms, which are in the answer too.
pub(super) fn of(lab: &Lab, vault: &Path) -> Result<Health> {
    Ok(Health(answer(lab, "status", vault)?))
}

/// What was watched and what was not, as `coverage --json` tells it.
pub(super) fn coverage(lab: &Lab, vault: &Path) -> Result<Value> {
    answer(lab, "coverage", vault)
}

fn answer(lab: &Lab, command: &str, vault: &Path) -> Result<Value> {
    let output = lab.earwitness(command, vault, &["--json"]).output().context("cannot start earwitness")?;
    match serde_json::from_slice(&output.stdout) {
        Ok(json) => Ok(json),
        Err(_) => bail!("{command} --json: {}", String::from_utf8_lossy(&output.stderr).trim()),
    }
}

impl Health {
    /// Whether an alarm stands.
    pub(super) fn has_alarm(&self, code: &str) -> bool {
        let alarms = self.0["alarms"].as_array().map_or(&[][..], Vec::as_slice);
        alarms.iter().any(|alarm| alarm["code"] == code)
    }

    /// Each queue's most and its capacity.
    pub(super) fn queues(&self) -> Vec<String> {
        let queues = self.0["queues"].as_array().map_or(&[][..], Vec::as_slice);
        queues
            .iter()
            .map(|queue| {
                format!(
                    "{} {} of {}",
                    queue["name"].as_str().unwrap_or("?"),
                    queue["high_water"],
                    queue["capacity"]
                )
            })
            .collect()
    }
}

/// Gaps of one cause in what [`coverage`] answered, and the frames that they tell of.
pub(super) fn gaps(coverage: &Value, cause: &str) -> (usize, u64) {
    let gaps = coverage["gaps"].as_array().map_or(&[][..], Vec::as_slice);
    let of_cause: Vec<&Value> = gaps.iter().filter(|gap| gap["cause"] == cause).collect();
    (of_cause.len(), of_cause.iter().filter_map(|gap| gap["frames"].as_u64()).sum())
}
