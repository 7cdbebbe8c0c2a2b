//! The long soak: half an hour of calls at fifty a second, drawn out over a day of packet time. Memory stays, and every
//! call of the day is there. From a pipe, because a wire would take the day.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::churn::{fill_index, slope};
use crate::lab::{
    Lab, cost, listing,
    recorder::{self, Recorder, Settings},
    scenario::load,
    sender,
    table::Table,
};

/// Calls: fifty a second for half an hour.
const CALLS: u32 = 50 * 30 * 60;
/// How long each talks, in seconds.
const TALK: u32 = 6;
/// The packet time that they are spread over, in seconds.
const DAY: u32 = 24 * 60 * 60;
/// Growth that is told from noise, in MiB for a day of packet time.
const GROWTH: f64 = 8.0;

pub(super) fn run(lab: &Lab, table: &mut Table) -> Result<()> {
    let (calls, talk) = (lab.order.calls.unwrap_or(CALLS), lab.order.seconds.unwrap_or(TALK));
    let line = format!("--calls {calls} --seconds {talk} --spread {DAY} --ring 0.5 --seed 15");
    let truth = sender::truth(lab, &line)?;
    let settings = Settings::of(lab);
    fill_index(lab, &settings)?;
    let mut piped = Recorder::piped(lab, &settings, &line)?;
    let (begun, mut memory, mut last) = (Instant::now(), Vec::new(), None);
    while piped.program.ended()?.is_none() {
        if let Ok(now) = cost::of(piped.program.pid()) {
            memory.push((begun.elapsed().as_secs_f64(), now.rss_mib));
            last = Some(now);
        }
        sleep(Duration::from_millis(200));
    }
    let took = begun.elapsed().as_secs_f64();
    piped.finish(Duration::from_secs(10))?;
    load::compare(&listing::calls(lab, &settings.vault)?, &truth, table);

    let steady = &memory[memory.len() / 2..];
    let growth = slope(steady) * took;
    table.check("growth of resident memory", format_args!("{growth:.2} MiB a day"), growth < GROWTH);
    let at = |share: usize| memory.get(memory.len() * share / 4).map_or(0.0, |(_, size)| *size);
    table.figure(
        "resident memory",
        format_args!(
            "{:.0} MiB after a quarter of the day, {:.0} after half, {:.0} after three quarters, {:.0} at most",
            at(1),
            at(2),
            at(3),
            last.map_or(0.0, |last| last.peak_mib)
        ),
    );
    table.figure("calls", format_args!("{calls} of {talk} s in 24 h of packet time, read in {took:.0} s"));
    let verified = recorder::verify(lab, &settings.vault);
    table.check("verify --all --opened", verified.as_deref().unwrap_or("failed"), verified.is_ok());
    Ok(())
}
