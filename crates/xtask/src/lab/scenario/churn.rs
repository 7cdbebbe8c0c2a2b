//! The soak: fifty new calls a second for ten minutes. Memory does not grow with the number of calls that were.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::lab::{
    Lab, cost, health, listing,
    recorder::{self, Recorder, Settings},
    scenario::load,
    sender::{self, Sender},
    table::Table,
};

/// New calls in a second.
const RATE: u32 = 50;
/// How long each talks.
const TALK: u32 = 20;
/// Calls that the vault has from before.
const EARLIER: u32 = 200_000;
/// Growth that is told from noise, in MiB a minute.
const GROWTH: f64 = 2.0;

pub(super) fn run(lab: &Lab, table: &mut Table) -> Result<()> {
    let seconds = lab.order.seconds.unwrap_or(600);
    let line = format!("--calls {} --seconds {TALK} --spread {seconds} --ring 0.5 --seed 14", RATE * seconds);
    let truth = sender::truth(lab, &line)?;
    let settings = Settings::of(lab);
    fill_index(lab, &settings)?;
    let recorder = Recorder::start(lab, &settings)?;
    let before = cost::of(recorder.pid())?;
    let sender = Sender::start(lab, "sender", &line)?;
    let begun = Instant::now();
    let mut memory = Vec::new();
    while begun.elapsed() < Duration::from_secs(u64::from(seconds)) {
        sleep(Duration::from_secs(1));
        memory.push((begun.elapsed().as_secs_f64(), cost::of(recorder.pid())?.rss_mib));
    }
    let sent = sender.finish(Duration::from_secs(u64::from(TALK) + 60))?;
    let after = cost::of(recorder.pid())?;
    let health = health::of(lab, &settings.vault);
    let ended = recorder.stop(lab)?;

    table.equal("recorder's exit code", ended.code.unwrap_or(-1), 0);
    load::compare(&listing::calls(lab, &settings.vault)?, &truth, table);
    let steady = &memory[memory.len() / 2..];
    let growth = slope(steady) * 60.0;
    table.check("growth of resident memory", format_args!("{growth:.2} MiB a minute"), growth < GROWTH);
    let sizes = |at: usize| memory.get(at).map_or(0.0, |(_, size)| *size);
    table.figure(
        "resident memory",
        format_args!(
            "{:.0} MiB before, {:.0} after half, {:.0} at the end, {:.0} at most",
            before.rss_mib,
            sizes(memory.len() / 2),
            sizes(memory.len() - 1),
            after.peak_mib
        ),
    );
    table.figure("rate", format_args!("{RATE} calls/s, {:.1} kpps for {:.0} s", sent.kpps(), sent.took_s));
    table.figure(
        "processor time of the recorder",
        format_args!("{:.3} µs per frame", (after.cpu_s - before.cpu_s) * 1e6 / sent.frames.max(1) as f64),
    );
    match health {
        Ok(health) => table.figure("queues, at most", health.queues().join(", ")),
        Err(error) => table.check("status --json", format_args!("{error:#}"), false),
    }
    let verified = recorder::verify(lab, &settings.vault);
    table.check("verify --all --opened", verified.as_deref().unwrap_or("failed"), verified.is_ok());
    Ok(())
}

/// Calls of earlier days: the index of an office is larger than what of it is kept in memory.
pub(super) fn fill_index(lab: &Lab, settings: &Settings) -> Result<()> {
    let line = format!("--calls {EARLIER} --seconds 1 --spread 100 --no-rtp --seed 13");
    Recorder::piped(lab, settings, &line)?.finish(Duration::from_secs(300))
}

/// The slope of the straight line nearest to the points.
pub(super) fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len().max(1) as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let (mut over, mut under) = (0.0, 0.0);
    for point in points {
        over += (point.0 - x) * (point.1 - y);
        under += (point.0 - x).powi(2);
    }
    if under > 0.0 { over / under } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_that_of_the_nearest_line() {
        assert!((slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) - 2.0).abs() < 1e-12);
        assert!(slope(&[(0.0, 2.0), (1.0, 1.0), (2.0, 2.0)]).abs() < 1e-12);
        assert!(slope(&[]).abs() < 1e-12);
    }
}
