//! `earwitness bench`: how many calls at once does this box keep without losing a packet?

mod as_fast;
mod kept;
mod link;
mod plot;
mod report;
mod search;
mod sender;
mod step;

use std::{
    fs::File,
    io::Write,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

pub(super) use self::step::{Setting, Step};
use self::{as_fast::AsFast, report::Report, search::Search, step::Level};
use super::{
    Form,
    build::Running,
    progress::Bar,
    scratch::{Scratch, Stop},
};
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
};

/// What is asked for.
pub(super) struct Wanted<'a> {
    /// These numbers of calls, instead of those that find the knee.
    pub(super) calls: &'a [u32],
    pub(super) setting: &'a Setting,
    pub(super) effort: Effort,
    pub(super) plot: Option<&'a Path>,
    pub(super) vault_at: Option<&'a Path>,
    pub(super) form: Form,
}

/// How long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// About two minutes.
    Usual,
    /// About half a minute, and a coarser figure.
    Quick,
}

impl Effort {
    /// After this no further number of calls is begun.
    const fn budget(self) -> Duration {
        match self {
            Self::Usual => Duration::from_secs(100),
            Self::Quick => Duration::from_secs(20),
        }
    }

    /// How long all calls talk, in ms.
    const fn hold_ms(self) -> u32 {
        match self {
            Self::Usual => 5_000,
            Self::Quick => 2_000,
        }
    }
}

/// Calls begin no faster than this many a second.
const CALLS_PER_SECOND: u32 = 2_000;
/// What made-up calls have media ports for is more; nobody has more at once on one box.
const MOST_CALLS: u32 = 200_000;
/// A recording is late when one frame of 100 takes longer than this to the disk: it is written once in half a second.
const LATE_MS: f64 = 3_000.0;
/// The recorder does not follow when so much of the ring is in use at the end.
const FULL: f64 = 0.5;
/// This share of the memory that is there may be used.
const MEMORY: f64 = 0.7;

pub(super) fn run(wanted: &Wanted<'_>, context: &Context) -> Outcome {
    if let Setting { send: Some(send), receive: Some(receive), .. } = wanted.setting {
        link::refuse_one_in_use(send, receive)?;
    }
    if let Some(path) = wanted.plot.filter(|path| path.exists()) {
        let what =
            format_args!("{} is there already: name a file that is not, for the drawing", path.display());
        return Err(Failure::new(Exit::Failed, what));
    }
    let stop = Stop::on_signals()?;
    let scratch = Scratch::make(wanted.vault_at)?;
    let bar = Bar::new(context);
    bar.show(0, 1, "as fast as it can, from a file");
    let as_fast = as_fast::measure(&scratch, &stop, wanted.effort)?;
    let levels = Levels { wanted, scratch: &scratch, stop: &stop, bar: &bar };
    let found = levels.find(&as_fast);
    bar.finish();
    let (levels, knee) = found?;
    if let Some(level) = levels.iter().find(|level| level.inexact > 0) {
        let what = format_args!(
            "of {} calls at once {} streams say to be whole and are not what was sent: this build must not be used; no figure is told",
            level.calls, level.inexact
        );
        return Err(Failure::new(Exit::Broken, what));
    }
    let report = Report { as_fast: &as_fast, levels: &levels, knee, setting: wanted.setting };
    if let Some(path) = wanted.plot {
        let written =
            File::create_new(path).and_then(|mut file| file.write_all(plot::svg(&report).as_bytes()));
        written.map_err(|cause| {
            Failure::new(Exit::Failed, format_args!("cannot write {}: {cause}", path.display()))
        })?;
    }
    let mut out = context.out();
    match wanted.form {
        Form::Json => writeln!(out, "{}", report.object())?,
        Form::Page => out.write_all(report.page().as_bytes())?,
    }
    Ok(Exit::Done)
}

/// Why no more calls were tried, or what the last figure is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// Above it something was lost.
    Knee,
    /// The time was over before the knee was found.
    Time,
    /// More have no room in memory.
    Memory,
    /// Only certain numbers were asked for.
    Asked,
}

/// The most calls that were kept, the fewest that were not, and what bounds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Knee {
    kept: Option<u32>,
    lost: Option<u32>,
    bound: Bound,
}

/// Numbers of calls, one after the other.
struct Levels<'a> {
    wanted: &'a Wanted<'a>,
    scratch: &'a Scratch,
    stop: &'a Stop,
    bar: &'a Bar,
}

impl Levels<'_> {
    fn find(&self, as_fast: &AsFast) -> Result<(Vec<Level>, Knee), Failure> {
        let mut levels = Vec::new();
        if !self.wanted.calls.is_empty() {
            for calls in self.wanted.calls {
                self.bar.show(levels.len(), self.wanted.calls.len(), "numbers of calls at once");
                levels.push(self.measure(*calls)?);
            }
            levels.sort_by_key(|level| level.calls);
            let kept = levels.iter().take_while(|level| is_kept(level)).map(|level| level.calls).max();
            let lost = levels.iter().filter(|level| !is_kept(level)).map(|level| level.calls).min();
            return Ok((levels, Knee { kept, lost, bound: Bound::Asked }));
        }
        let mut search = Search::new(as_fast.third_of_the_ceiling(), MOST_CALLS);
        let began = Instant::now();
        let mut bound = Bound::Knee;
        while let Some(calls) = search.next() {
            if !levels.is_empty() && began.elapsed() > self.wanted.effort.budget() {
                bound = Bound::Time;
                break;
            }
            self.bar.show(levels.len(), levels.len() + 4, "numbers of calls at once");
            let level = self.measure(calls)?;
            if let Some(most) = room(&level) {
                search.bound(most.max(calls));
            }
            search.handle(calls, is_kept(&level));
            levels.push(level);
        }
        if search.is_at_most() {
            bound = Bound::Memory;
        }
        levels.sort_by_key(|level| level.calls);
        let (kept, lost) = search.knee();
        Ok((levels, Knee { kept, lost, bound }))
    }

    /// Runs one number of calls in a process of its own.
    fn measure(&self, calls: u32) -> Result<Level, Failure> {
        self.stop.check()?;
        self.scratch.remove_vault("vault");
        let spread_ms = (calls.saturating_mul(1_000) / CALLS_PER_SECOND).max(500);
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "step", "--vault"]).arg(self.scratch.path("vault"));
        let Setting { send, receive, buffer, threads, memory } = self.wanted.setting;
        for (name, value) in [
            ("--at-once", calls.to_string()),
            ("--spread-ms", spread_ms.to_string()),
            ("--hold-ms", self.wanted.effort.hold_ms().to_string()),
            ("--buffer-size", buffer.to_string()),
            ("--threads", threads.to_string()),
            ("--memory", memory.to_string()),
        ] {
            command.args([name, &value]);
        }
        for (name, value) in [("--send", send), ("--receive", receive)] {
            if let Some(value) = value {
                command.args([name, value]);
            }
        }
        let [running] = Running::wait([Running::begin("the recorder", &mut command)?], self.stop)?;
        let level = running.told();
        self.scratch.remove_vault("vault");
        level
    }
}

/// Whether nothing was lost, nothing is wrong, and the recorder would go on like this.
fn is_kept(level: &Level) -> bool {
    level.calls_whole == level.calls
        && level.dropped == 0
        && level.missing == 0
        && level.fill_end < FULL
        && level.late_ms < LATE_MS / 10.0
        && level.lag_p99_ms.is_none_or(|lag| lag < LATE_MS)
}

/// How many calls have room in memory, by what those of `level` took; `None` where the system does not say what there is.
fn room(level: &Level) -> Option<u32> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let free: f64 = line.split_whitespace().next()?.parse().ok()?;
    let calls = (free * MEMORY - level.rss_before_kib as f64) / level.kib_per_call().max(1.0);
    Some(calls.clamp(1.0, f64::from(MOST_CALLS)) as u32)
}
