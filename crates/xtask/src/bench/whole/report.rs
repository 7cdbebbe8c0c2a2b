//! What was measured of a load, and the table of all.

use std::{collections::HashMap, fs, hint::black_box, path::Path, process::Command, thread, time::Instant};

use anyhow::Result;

use super::{cost::Cost, exact::Truth, load::Load};
use crate::{process, workspace};

/// A program that reads the capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// Reads and looks at headers.
    Walk,
    /// The same by libpcap's loop.
    Libpcap,
    /// Looks streams up and appends to their buffers.
    Flow,
    /// The same, and never empties them.
    Keep,
    /// Writes the audio to one file.
    Copy,
    /// Reads as the recorder does, into an engine without a vault.
    ReadEngine,
    /// The recorder.
    Record,
}

impl Subject {
    /// All that are no recorder.
    pub(super) const FLOORS: [Self; 6] =
        [Self::Walk, Self::Libpcap, Self::Flow, Self::Keep, Self::Copy, Self::ReadEngine];

    /// What `floors` calls it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Walk => "walk",
            Self::Libpcap => "libpcap",
            Self::Flow => "flow",
            Self::Keep => "keep",
            Self::Copy => "copy",
            Self::ReadEngine => "read-engine",
            Self::Record => "record",
        }
    }
}

/// What was measured of one load.
pub(super) struct Figures {
    load: Load,
    /// Frames of the capture.
    frames: u64,
    /// Packets of audio in it.
    packets: u64,
    costs: HashMap<Subject, Vec<Cost>>,
    /// An engine without a file, in ns per packet.
    pub(super) engine_alone: Vec<f64>,
}

impl Figures {
    pub(super) fn new(load: &Load, truth: &Truth) -> Self {
        Self {
            load: load.clone(),
            frames: truth.frames(),
            packets: truth.packets,
            costs: HashMap::new(),
            engine_alone: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, subject: Subject, cost: Cost) {
        self.costs.entry(subject).or_default().push(cost);
    }

    /// The load.
    pub(super) const fn load(&self) -> &Load {
        &self.load
    }

    /// Processor time for each frame of the capture, in µs.
    pub(super) fn micros(&self, subject: Subject) -> Option<f64> {
        Some(self.median(subject, |cost| cost.cpu_s)? * 1e6 / self.frames as f64)
    }

    /// An engine alone, in µs per packet.
    pub(super) fn engine_micros(&self) -> Option<f64> {
        median(self.engine_alone.clone()).map(|nanos| nanos / 1e3)
    }

    /// The recorder's memory at most, for each call, in KiB.
    pub(super) fn kib_per_call(&self) -> Option<f64> {
        Some(self.median(Subject::Record, |cost| cost.peak_kib)? / f64::from(self.load.calls()))
    }

    fn median(&self, subject: Subject, what: impl Fn(&Cost) -> f64) -> Option<f64> {
        median(self.costs.get(&subject)?.iter().map(what).collect())
    }

    /// How often the recorder costs what a floor does: of each round, and of these the median.
    fn ratio(&self, floor: Subject) -> Option<f64> {
        let pairs = self.costs.get(&Subject::Record)?.iter().zip(self.costs.get(&floor)?);
        median(pairs.map(|(record, floor)| record.cpu_s / floor.cpu_s.max(1e-9)).collect())
    }

    /// The last round, for whoever waits.
    pub(super) fn last(&self) -> String {
        let frames = self.frames as f64;
        let of = |subject: &Subject| {
            let cost = self.costs.get(subject)?.last()?;
            Some(format!("{} {:.3}", subject.word(), cost.cpu_s * 1e6 / frames))
        };
        let told: Vec<String> = Subject::FLOORS.iter().chain([&Subject::Record]).filter_map(of).collect();
        format!("{} µs per frame; every recording exact", told.join(", "))
    }
}

/// The middle one; of two, their mean.
pub(super) fn median(mut all: Vec<f64>) -> Option<f64> {
    all.sort_by(f64::total_cmp);
    let upper = *all.get(all.len() / 2)?;
    let lower = *all.get((all.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// How fast this machine gives out memory that nobody used for a while, in GiB/s. Where the host of a virtual
/// machine takes free pages back it is a tenth of the usual, and every program pays for that when it begins.
pub(super) fn fresh_memory() -> f64 {
    const BYTES: usize = 512 << 20;
    let begin = Instant::now();
    let mut fresh = vec![0u8; BYTES];
    fresh.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    black_box(&fresh);
    BYTES as f64 / f64::from(1 << 30) / begin.elapsed().as_secs_f64()
}

/// Where, when and of what.
pub(super) fn heading(program: &Path, fresh_memory: f64) -> Result<String> {
    let date = process::output(Command::new("date").args(["-u", "+%F %H:%M UTC"]))?;
    let version = process::output(Command::new(program).arg("--version"))?;
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty", "--exclude=*"]).current_dir(workspace::root());
    let commit = process::output(&mut git).unwrap_or_default();
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let (_, processor) = processor.unwrap_or(("", "an unknown processor"));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(format!(
        "{}, {} at {}, {cores} × {processor}, load {load} at the end, \
         fresh memory at {fresh_memory:.1} GiB/s\n",
        date.trim(),
        version.trim(),
        commit.trim()
    ))
}

/// All loads, as Markdown: µs of processor time per frame of the capture, but for the engine alone, which is per packet.
pub(super) fn table(all: &[Figures]) -> String {
    let mut text = "| load | audio packets | walk | libpcap | flow + append | flow + append + keep | copy | engine alone | read + engine | whole \
                    | × flow + append | × flow + append + keep | wall, s | RSS, MiB | KiB per call |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for figures in all {
        let micros = |subject| shown(figures.micros(subject), 3);
        let cells = [
            figures.load.about(),
            figures.packets.to_string(),
            micros(Subject::Walk),
            micros(Subject::Libpcap),
            micros(Subject::Flow),
            micros(Subject::Keep),
            micros(Subject::Copy),
            shown(figures.engine_micros(), 3),
            micros(Subject::ReadEngine),
            micros(Subject::Record),
            shown(figures.ratio(Subject::Flow), 1),
            shown(figures.ratio(Subject::Keep), 1),
            shown(figures.median(Subject::Record, |cost| cost.wall_s), 2),
            shown(figures.median(Subject::Record, |cost| cost.peak_kib / 1024.0), 0),
            shown(figures.kib_per_call(), 1),
        ];
        text += &format!("| {} |\n", cells.join(" | "));
    }
    for figures in all.iter().filter(|figures| !figures.load.is_steady()) {
        let cpu = figures.median(Subject::Record, |cost| cost.cpu_s);
        let per_call = cpu.map(|cpu| cpu * 1e6 / f64::from(figures.load.calls()));
        text += &format!(
            "\n{}: {} s of processor time, {} µs per call\n",
            figures.load.about(),
            shown(cpu, 2),
            shown(per_call, 0)
        );
    }
    if let Some(kib) = growth(all) {
        text += &format!(
            "\nmemory at most grows by {kib:.1} KiB per call, from the fewest calls at once to the most\n"
        );
    }
    text
}

/// How much more memory the most calls take than the fewest, for each call more, in KiB.
fn growth(all: &[Figures]) -> Option<f64> {
    let steady = || all.iter().filter(|figures| figures.load.is_steady());
    let few = steady().min_by_key(|figures| figures.load.calls())?;
    let many = steady().max_by_key(|figures| figures.load.calls())?;
    let calls = f64::from(many.load.calls()) - f64::from(few.load.calls());
    let peak = |figures: &Figures| figures.median(Subject::Record, |cost| cost.peak_kib);
    (calls > 0.0).then_some((peak(many)? - peak(few)?) / calls)
}

fn shown(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.digits$}"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Two rounds of one load: floor 1 µs and 3 µs per frame, recorder 4 and 6, 2 MiB, an engine of 100 ns.
    pub(in super::super) fn measured(calls: u32) -> Figures {
        let cost = |cpu_s| Cost { cpu_s, wall_s: 1.5, peak_kib: 2048.0 };
        let load = Load::Steady { calls, seconds: 4.0 };
        let mut figures = Figures {
            load,
            frames: 1_000_000,
            packets: 999_000,
            costs: HashMap::new(),
            engine_alone: vec![90.0, 110.0],
        };
        for (subject, cpu) in
            [(Subject::Flow, 1.0), (Subject::Flow, 3.0), (Subject::Record, 4.0), (Subject::Record, 6.0)]
        {
            figures.add(subject, cost(cpu));
        }
        figures
    }

    #[test]
    fn medians_are_told_and_what_was_not_measured_is_not() {
        let table = table(&[measured(100)]);
        let row = "| 100 calls at once, 4 s each | 999000 | – | – | 2.000 | – | – | 0.100 | – | 5.000 | 3.0 | – | 1.50 | 2 | 20.5 |";
        assert_eq!(table.lines().nth(2), Some(row));
        let columns = |line: &str| line.matches('|').count();
        assert!(table.lines().all(|line| columns(line) == columns(row)), "{table}");
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }
}
