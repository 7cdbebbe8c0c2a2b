//! What a scraper gets of a recorder at work, and what Prometheus' own program says of it.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use super::{Lab, order::Way, room::Host, table::Table};
use crate::process;

/// Where the recorder is scraped, in its own namespace.
const PORT: &str = "9464";
/// A counter that every recorder with a mirror has.
const FRAMES: &str = "earwitness_frames_total ";

/// The options of a recorder that can be scraped; none of one that reads a file.
pub(super) fn options(lab: &Lab) -> Vec<String> {
    match lab.order.way {
        Way::Live => ["--metrics", PORT].map(str::to_owned).into(),
        Way::File => Vec::new(),
    }
}

/// Scrapes the recorder: it counts frames, and `promtool check metrics` has nothing to say. Without these programs the
/// row says so; they are not what is tested.
pub(super) fn check(lab: &Lab, table: &mut Table) -> Result<()> {
    match lab.order.way {
        Way::File => return Ok(()),
        Way::Live if !process::on_path("curl") => {
            table.figure("metrics", "LEFT OUT: curl is not installed");
            return Ok(());
        }
        Way::Live => {}
    }
    let mut command = Host::Recorder.command("curl");
    let url = format!("http://127.0.0.1:{PORT}/metrics");
    let page = process::output(command.args(["--silent", "--show-error", "--fail", &url]))?;
    let frames = frames(&page);
    table.check("metrics: frames so far", frames, frames > 0);
    if !process::on_path("promtool") {
        table.figure("metrics: promtool", "LEFT OUT: promtool (package prometheus) is not installed");
        return Ok(());
    }
    let said = complaints(&page)?;
    let told = if said.is_empty() { "no complaint" } else { &said };
    table.check("metrics: promtool", told, said.is_empty());
    Ok(())
}

/// The value of the counter of frames; 0 where there is none.
fn frames(page: &str) -> u64 {
    let value = page.lines().find_map(|line| line.strip_prefix(FRAMES));
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn complaints(page: &str) -> Result<String> {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start promtool")?;
    let mut page_in = promtool.stdin.take().context("promtool takes a page")?;
    page_in.write_all(page.as_bytes()).context("promtool does not read")?;
    drop(page_in);
    let output = promtool.wait_with_output().context("promtool")?;
    let mut said = [output.stdout, output.stderr].concat();
    if said.is_empty() && !output.status.success() {
        said = output.status.to_string().into_bytes();
    }
    Ok(String::from_utf8_lossy(&said).trim().replace('\n', " | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_off_their_own_line_only() {
        let page = "# TYPE earwitness_frames_total counter\nearwitness_frames_total 120\nearwitness_frames_total_x 7\n";
        assert_eq!((frames(page), frames("earwitness_frames_unreadable_total 3\n")), (120, 0));
    }
}
