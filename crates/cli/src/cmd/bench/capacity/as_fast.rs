//! What a frame costs when nobody waits: `record -r` over a file of made-up calls, as fast as it can.

use std::thread;

use earwitness_load::Load;

use super::Effort;
use crate::{
    cmd::bench::{
        against::Traffic,
        build::{Build, Running, Task},
        measured::Cost,
        scratch::{Scratch, Stop},
    },
    exit::{Exit, Failure},
};

/// What it came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AsFast {
    /// Calls in the file, and their frames.
    pub(super) calls: u32,
    pub(super) frames: u64,
    /// What each run cost, the cheapest first.
    pub(super) costs: Vec<Cost>,
}

impl AsFast {
    /// Processor time for a frame, all threads, in µs: the middle of the runs.
    pub(super) fn cpu_us(&self) -> f64 {
        self.costs.get(self.costs.len() / 2).map_or(0.0, |cost| cost.cpu_us as f64 / self.frames as f64)
    }

    /// Frames a second.
    pub(super) fn frames_per_second(&self) -> f64 {
        let wall = self.costs.get(self.costs.len() / 2).map_or(0, |cost| cost.wall_us).max(1);
        self.frames as f64 * 1e6 / wall as f64
    }

    /// A third of the calls that would keep all processors busy: where to begin.
    pub(super) fn third_of_the_ceiling(&self) -> u32 {
        let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // 100 packets a second are a call.
        let ceiling = processors as f64 * 1e6 / self.cpu_us().max(0.01) / 100.0;
        ((ceiling / 300.0).round() as u32 * 100).max(100)
    }
}

/// Measures, and checks each recording against what was made.
pub(super) fn measure(scratch: &Scratch, stop: &Stop, effort: Effort) -> Result<AsFast, Failure> {
    let (calls, seconds, runs) = match effort {
        Effort::Usual => (500, 20.0, 3),
        Effort::Quick => (100, 5.0, 1),
    };
    let load = Load { calls, seconds, start_spread_s: 2.0, ..Load::default() };
    let traffic = Traffic::write(scratch.path("made-up.pcap"), vec![load])?;
    let build = Build::find("this", &std::env::current_exe()?)?;
    let task = Task { files: traffic.files.clone(), rules: None };
    let mut costs = Vec::new();
    for _ in 0..runs {
        stop.check()?;
        scratch.remove_vault("as-fast");
        let running = build.start(&task, &scratch.path("as-fast"), None)?;
        let [running] = Running::wait([running], stop)?;
        costs.push(running.finish()?);
    }
    if let Some((wrong, all)) =
        traffic.wrong(&build.list(&scratch.path("as-fast"))?).filter(|(wrong, _)| *wrong > 0)
    {
        let what = format_args!("{wrong} of {all} calls of a file are not what was made: no figure is told");
        return Err(Failure::new(Exit::Broken, what));
    }
    scratch.remove_vault("as-fast");
    std::fs::remove_file(scratch.path("made-up.pcap"))?;
    costs.sort_by_key(|cost| cost.cpu_us);
    Ok(AsFast { calls, frames: traffic.frames().unwrap_or(1), costs })
}
