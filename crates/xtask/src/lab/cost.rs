//! What a process costs: processor time and memory, from /proc.

use std::fs;

use anyhow::{Context, Result};

/// Ticks of /proc/PID/stat per second: fixed by the kernel's interface on every architecture this runs on.
const TICKS: f64 = 100.0;

/// What a process has used up to now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost {
    /// Processor time of all its threads, user and system, in seconds.
    pub(super) cpu_s: f64,
    /// Resident memory now, in MiB.
    pub(super) rss_mib: f64,
    /// Resident memory at most, in MiB.
    pub(super) peak_mib: f64,
}

/// Reads it.
pub(super) fn of(pid: u32) -> Result<Cost> {
    let read = |file: &str| {
        let path = format!("/proc/{pid}/{file}");
        fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    };
    parse(&read("stat")?, &read("status")?).with_context(|| format!("/proc/{pid} reads like nothing known"))
}

fn parse(stat: &str, status: &str) -> Option<Cost> {
    // The name of the program, in brackets, may have blanks in it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    let mib = |key: &str| {
        let line = status.lines().find(|line| line.starts_with(key))?;
        Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1_024.0)
    };
    Some(Cost { cpu_s: ticks / TICKS, rss_mib: mib("VmRSS:")?, peak_mib: mib("VmHWM:")? })
}

/// The cores of this machine.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_memory_are_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 5 0 1000 1 2";
        let status = "Name:\ta\nVmHWM:\t    4096 kB\nVmRSS:\t    2048 kB\n";
        assert_eq!(parse(stat, status), Some(Cost { cpu_s: 2.0, rss_mib: 2.0, peak_mib: 4.0 }));
        assert_eq!(parse("7 (a) S", status), None);
        assert!(of(std::process::id()).expect("this process is there").peak_mib > 0.0);
    }
}
