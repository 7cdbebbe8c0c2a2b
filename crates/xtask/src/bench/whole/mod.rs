//! `cargo xtask bench whole`: a capture file to a sealed, encrypted, indexed vault, beside what any recorder has to do.
//!
//! The recorder and the floors read the same file in turns, so that what else the machine does is done to all of them.
//! Told is the median of processor time, of all threads, user and system. Every recording of every run is held against the
//! truth first; where one differs, no figure is told.

mod cost;
mod curve;
mod exact;
mod load;
mod plan;
mod report;
mod stages;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

pub(crate) use self::plan::Plan;
use self::{
    cost::Cost,
    exact::Truth,
    load::Load,
    plan::{Curve, Stages},
    report::{Figures, Subject},
};
use crate::{process, setup, workspace};

/// Packets that an engine alone is measured with, at least.
const ENGINE_PACKETS: u64 = 2_000_000;
/// Packets of a call in half a second, which is a turn of the engine's input.
const TURN_PACKETS: u64 = 50;

/// What cargo built.
struct Tools {
    earwitness: PathBuf,
    floors: PathBuf,
    generate: PathBuf,
}

/// Measures every load, and prints a table.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    let mut programs = vec![("time", "time")];
    if plan.stages == Stages::Shown {
        programs.push(("perf", "linux-perf"));
    }
    setup::programs(programs)?;
    let tools = Tools::build(plan.program.as_deref())?;
    let home = match &plan.home {
        Some(home) => home.clone(),
        None => workspace::target_dir()?.join("whole"),
    };
    let fresh_memory = report::fresh_memory();
    let mut all = Vec::new();
    for load in &plan.loads {
        let folder = home.join(load.name());
        empty(&folder)?;
        let measured = measure(&tools, plan, load, &folder);
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        all.push(measured.with_context(|| load.about())?);
    }
    print!("\n{}\n{}", report::heading(&tools.earwitness, fresh_memory)?, report::table(&all));
    if plan.curve == Curve::Drawn {
        let path = workspace::root().join("benches/scaling.svg");
        fs::write(&path, curve::svg(&all)?).with_context(|| format!("cannot write {}", path.display()))?;
        println!("\nwhole: benches/scaling.svg is drawn");
    }
    Ok(())
}

impl Tools {
    /// Builds them as an office would run them, each for itself: what is built together shares features.
    fn build(program: Option<&Path>) -> Result<Self> {
        let build = |arguments: &[&str]| {
            let mut command = workspace::cargo();
            command.args(["build", "--release", "--package"]).args(arguments);
            println!("$ {}", process::shown(&command));
            process::succeed(&mut command)
        };
        build(&["earwitness-benches", "--bin", "floors"])?;
        build(&["earwitness-testkit", "--example", "generate"])?;
        if program.is_none() {
            build(&["earwitness-cli", "--bin", "earwitness"])?;
        }
        let release = workspace::target_dir()?.join("release");
        Ok(Self {
            earwitness: program.map_or_else(|| release.join("earwitness"), Path::to_path_buf),
            floors: release.join("floors"),
            generate: release.join("examples/generate"),
        })
    }
}

/// One load: its capture, every program so many times, the truth after each recording.
fn measure(tools: &Tools, plan: &Plan, load: &Load, folder: &Path) -> Result<Figures> {
    println!("\nwhole: {}", load.about());
    let bench = Bench { tools, load, folder };
    let truth = bench.generate()?;
    let mut figures = Figures::new(load, &truth);
    for subject in load.subjects() {
        // Not counted: it brings the file into memory, as far as there is room, for all of them.
        bench.floor(*subject, &truth)?;
    }
    for round in 1..=plan.rounds {
        for subject in load.subjects() {
            figures.add(*subject, bench.floor(*subject, &truth)?);
        }
        figures.add(Subject::Record, bench.record(&truth)?);
        if load.is_steady() {
            figures.engine_alone.push(bench.engine_alone()?);
        }
        println!("  {round}. {}", figures.last());
    }
    if plan.stages == Stages::Shown {
        bench.stages(&figures)?;
    }
    Ok(figures)
}

/// The programs and one load.
struct Bench<'b> {
    tools: &'b Tools,
    load: &'b Load,
    folder: &'b Path,
}

impl Bench<'_> {
    fn capture(&self) -> PathBuf {
        self.folder.join("load.pcap")
    }

    /// Makes the capture and the truth about it.
    fn generate(&self) -> Result<Truth> {
        let truth = self.folder.join("truth.jsonl");
        let mut command = Command::new(&self.tools.generate);
        command.args(self.load.words()).arg("--truth").arg(&truth).arg(self.capture());
        println!("$ {}", process::shown(&command));
        process::succeed(&mut command)?;
        Truth::read(&truth)
    }

    /// Runs a floor; an error when it did not see what is in the capture.
    fn floor(&self, subject: Subject, truth: &Truth) -> Result<Cost> {
        let copy = self.folder.join("copy");
        let mut arguments = vec![subject.word().into(), self.capture().into_os_string()];
        if subject == Subject::Copy {
            arguments.push(copy.clone().into_os_string());
        }
        let (cost, printed) = cost::of(&self.tools.floors, &arguments, self.folder)?;
        if subject == Subject::Copy {
            fs::remove_file(&copy).context("the copy of the audio")?;
        }
        let told: Value = serde_json::from_str(&printed).context("a floor prints JSON")?;
        let seen = (told["frames"].as_u64(), told["payload_bytes"].as_u64());
        ensure!(
            seen == (Some(truth.frames()), Some(truth.payload_bytes)),
            "{} saw {seen:?} frames and bytes, and there are {} and {}",
            subject.word(),
            truth.frames(),
            truth.payload_bytes
        );
        // A floor is over so soon that the hundredths of `time` are too coarse, and has one thread, which knows better.
        let cpu_s = told["cpu_ns"].as_f64().context("no time")? / 1e9;
        Ok(Cost { cpu_s, ..cost })
    }

    /// Records into a new vault, and holds it against the truth.
    fn record(&self, truth: &Truth) -> Result<Cost> {
        let vault = self.folder.join("vault");
        empty(&vault)?;
        let (cost, _) = cost::of(&self.tools.earwitness, &self.record_arguments(&vault), self.folder)?;
        truth.compare(&self.tools.earwitness, &vault.join("v"))?;
        fs::remove_dir_all(&vault).context("the vault")?;
        Ok(cost)
    }

    fn record_arguments(&self, vault: &Path) -> Vec<std::ffi::OsString> {
        let capture = self.capture();
        vec![
            "record".into(),
            "-r".into(),
            capture.into(),
            "--lab".into(),
            "-q".into(),
            "--vault".into(),
            vault.join("v").into(),
        ]
    }

    /// An engine without file and vault, in the steady state: ns per packet.
    fn engine_alone(&self) -> Result<f64> {
        let calls = u64::from(self.load.calls());
        let turns = (ENGINE_PACKETS / (calls * TURN_PACKETS)).max(3);
        let mut command = Command::new(&self.tools.floors);
        command.args(["engine", &calls.to_string(), &turns.to_string()]);
        let seen: Value =
            serde_json::from_str(&process::output(&mut command)?).context("a floor prints JSON")?;
        let packets = seen["frames"].as_f64().filter(|packets| *packets > 0.0).context("no packets")?;
        Ok(seen["cpu_ns"].as_f64().context("no time")? / packets)
    }

    /// One recording more, under `perf`.
    fn stages(&self, figures: &Figures) -> Result<()> {
        let vault = self.folder.join("vault");
        empty(&vault)?;
        let profile = self.folder.join("perf.data");
        let mut command = Command::new("perf");
        command.args(["record", "-q", "-F", "999", "-o"]).arg(&profile).arg("--");
        command.arg(&self.tools.earwitness).args(self.record_arguments(&vault));
        process::succeed(&mut command)?;
        let per_packet = figures.micros(Subject::Record).context("it was measured")?;
        println!("{}", stages::table(&profile, per_packet)?);
        fs::remove_dir_all(&vault).context("the vault")
    }
}

/// Makes an empty folder of it.
fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}
