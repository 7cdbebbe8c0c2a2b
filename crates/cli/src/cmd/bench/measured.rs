//! A program run for its cost: started, waited for, and told what it took of processor and memory.
//!
//! It is a process between this program and the one that is measured, because the kernel adds up what all children of a
//! process took: here there is one.

use std::{
    ffi::OsString,
    io::Write,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use clap::Args;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde::{Deserialize, Serialize};

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
};

/// Run a program, and tell what it took
#[derive(Debug, Args)]
pub(in crate::cmd::bench) struct Measured {
    /// The processor that it may use, and no other
    #[arg(long, value_name = "N")]
    core: Option<usize>,
    /// The program and its arguments
    #[arg(value_name = "PROGRAM", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    program: Vec<OsString>,
}

/// What a program took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cmd::bench) struct Cost {
    /// Its exit code; `None` when a signal ended it.
    pub(in crate::cmd::bench) exit: Option<i32>,
    /// Processor time of all its threads, the kernel's for it included, in µs.
    pub(in crate::cmd::bench) cpu_us: u64,
    /// The most memory that it had at once, in KiB.
    pub(in crate::cmd::bench) rss_kib: u64,
    /// From its start to its end, in µs.
    pub(in crate::cmd::bench) wall_us: u64,
}

impl Measured {
    pub(in crate::cmd::bench) fn run(&self, context: &Context) -> Outcome {
        if let Some(core) = self.core {
            let mut cores = CpuSet::new();
            cores.set(core);
            // Where it may not be chosen, both programs of a pair run on all.
            sched_setaffinity(None, &cores).unwrap_or_default();
        }
        let (name, arguments) = self.program.split_first().expect("clap requires it");
        let began = Instant::now();
        let status = Command::new(name).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status();
        let status = status.map_err(|cause| {
            Failure::new(Exit::Failed, format_args!("cannot run {}: {cause}", name.display()))
        })?;
        let wall_us = micros(began.elapsed());
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(std::io::Error::from)?;
        let cost = Cost {
            exit: status.code(),
            cpu_us: micros(processor_time(&usage)),
            rss_kib: u64::try_from(usage.max_rss()).unwrap_or(0),
            wall_us,
        };
        let line = serde_json::to_string(&cost).map_err(std::io::Error::from)?;
        writeln!(context.out(), "{line}")?;
        Ok(Exit::Done)
    }
}

/// The program's own and the kernel's for it.
pub(in crate::cmd::bench) fn processor_time(usage: &Usage) -> Duration {
    let time = usage.user_time() + usage.system_time();
    Duration::from_micros(u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
