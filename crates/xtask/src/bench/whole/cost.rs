//! What a program costs from its start to its end, by GNU time: all its threads.

use std::{ffi::OsString, fs, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::process;

/// Processor time, time, and memory of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost {
    /// User and system time of all threads, in seconds.
    pub(super) cpu_s: f64,
    /// From start to end, in seconds.
    pub(super) wall_s: f64,
    /// Resident memory at most, in KiB.
    pub(super) peak_kib: f64,
}

/// Runs it to its end: its cost, and what it printed.
pub(super) fn of(program: &Path, arguments: &[OsString], folder: &Path) -> Result<(Cost, String)> {
    let told = folder.join("cost");
    let mut command = Command::new("time");
    command.args(["-f", "%U %S %e %M", "-o"]).arg(&told).arg(program).args(arguments);
    let printed = process::output(&mut command)?;
    let text = fs::read_to_string(&told).with_context(|| format!("cannot read {}", told.display()))?;
    let cost = parse(&text).with_context(|| format!("time told {text:?}"))?;
    Ok((cost, printed))
}

fn parse(text: &str) -> Option<Cost> {
    let numbers: Vec<f64> = text.lines().last()?.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [user, system, wall_s, peak_kib] = numbers[..] else { return None };
    Some(Cost { cpu_s: user + system, wall_s, peak_kib })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_time_is_read() {
        let cost = Cost { cpu_s: 3.5, wall_s: 2.25, peak_kib: 4096.0 };
        assert_eq!(parse("1.25 2.25 2.25 4096\n"), Some(cost));
        assert_eq!(parse("Command terminated by signal 9\n1.25 2.25 2.25 4096\n"), Some(cost));
        assert_eq!(parse("1.25 2.25\n"), None);
        assert_eq!(parse(""), None);
    }
}
