//! How much is too much: the same traffic, faster and faster, read by a bare ring reader and recorded by the recorder.

use std::{thread::sleep, time::Duration};

use anyhow::{Context, Result};

use crate::lab::{
    Lab, cost, listing,
    program::Program,
    recorder::{Recorder, Settings},
    room::{Host, MONITOR},
    sender::{Sender, Sent},
    table::Table,
};

/// Thousands of frames per second.
const RATES: [u32; 9] = [50, 100, 150, 200, 300, 400, 500, 650, 800];
/// Packets per second of a call.
const OF_A_CALL: u32 = 100;
/// SIP messages of a call.
const MESSAGES: u64 = 7;
/// What the recorder should reach of the reader's rate.
const GOAL: f64 = 0.8;

/// What became of the traffic at one rate.
struct Run {
    sent: Sent,
    /// Frames on the mirror that were not taken, or packets of calls that were not kept.
    missed: u64,
    /// Of these: frames that the kernel dropped, because its ring was full.
    dropped: u64,
    /// Processor time per frame, in µs.
    cpu_us: f64,
}

pub(super) fn run(lab: &Lab, table: &mut Table) -> Result<()> {
    let seconds = lab.order.seconds.unwrap_or(5);
    let (mut reader_best, mut recorder_best) = (0.0_f64, 0.0_f64);
    table.figure("frames per second", "bare reader: missed, CPU per frame | recorder: missed, CPU per frame");
    for rate in RATES {
        let line = format!(
            "--calls {} --seconds {seconds} --spread 0.5 --ring 0.1 --seed {rate} --preload",
            rate * 1_000 / OF_A_CALL
        );
        let reader = read(lab, &line)?;
        let recorder = record(lab, rate, &line)?;
        if reader.missed == 0 {
            reader_best = reader_best.max(reader.sent.kpps());
        }
        if recorder.missed == 0 {
            recorder_best = recorder_best.max(recorder.sent.kpps());
        }
        table.figure(&format!("{rate} kpps asked for"), format_args!("{reader} | {recorder}"));
        // A sender that is late is at its own limit: a higher rate says nothing.
        let is_late = |run: &Run| run.sent.late_ms > 500.0;
        if is_late(&reader) && is_late(&recorder) {
            table.figure("the sweep ends", "the sender is at its limit");
            break;
        }
    }
    table.figure("cores, shared by sender, kernel and reader", cost::cores());
    table.figure("highest rate without loss, reader", format_args!("{reader_best:.0} kpps"));
    table.figure("highest rate without loss, recorder", format_args!("{recorder_best:.0} kpps"));
    let ratio = recorder_best / reader_best.max(1e-9);
    table.check("recorder's rate, of the reader's", format_args!("{ratio:.2}"), ratio >= GOAL);
    Ok(())
}

/// The bare reader beside the traffic.
fn read(lab: &Lab, line: &str) -> Result<Run> {
    let mut command = Host::Recorder.urgent(&lab.tools.bare_reader);
    command.args(["-i", MONITOR, "-B", "64", "600"]);
    let name = format!("reader-{}", lab.room.mirrored()?);
    let mut reader = Program::start(&name, command, &lab.folder)?;
    reader.ready(Duration::from_secs(10), |reader| !reader.out().is_empty())?;
    let before = cost::of(reader.pid())?;
    let sent = Sender::start(lab, &format!("sender-{name}"), line)?.finish(Duration::from_secs(120))?;
    sleep(Duration::from_millis(2_500));
    let after = cost::of(reader.pid())?;
    // Each second's line ends with what the kernel has dropped up to then.
    let out = reader.out();
    let dropped =
        out.lines().last().and_then(|line| line.split(", ").nth(1)?.split(' ').next()?.parse().ok());
    let missed = dropped.with_context(|| format!("the reader said {out:?}"))?;
    Ok(Run {
        sent,
        missed,
        dropped: missed,
        cpu_us: (after.cpu_s - before.cpu_s) * 1e6 / sent.frames.max(1) as f64,
    })
}

/// The recorder beside the traffic.
fn record(lab: &Lab, rate: u32, line: &str) -> Result<Run> {
    let vault = lab.path(&format!("vault-{rate}"));
    let settings = Settings { vault, ..Settings::of(lab) };
    let recorder = Recorder::start(lab, &settings)?;
    let before = cost::of(recorder.pid())?;
    let sent = Sender::start(lab, &format!("sender-{rate}"), line)?.finish(Duration::from_secs(120))?;
    sleep(Duration::from_millis(2_500));
    let after = cost::of(recorder.pid())?;
    let ended = recorder.stop(lab)?;
    let listed = listing::calls(lab, &settings.vault)?;
    let kept: u64 = listed.iter().flat_map(|call| &call.streams).map(|stream| stream.packets).sum();
    let said = sent.frames.saturating_sub(u64::from(rate * 1_000 / OF_A_CALL) * MESSAGES);
    std::fs::remove_dir_all(&settings.vault).context("the vault of this rate")?;
    Ok(Run {
        sent,
        missed: said.saturating_sub(kept),
        dropped: ended.count(" frames that kernel and interfaces dropped"),
        cpu_us: (after.cpu_s - before.cpu_s) * 1e6 / sent.frames.max(1) as f64,
    })
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.0} kpps: {} missed ({} in the kernel's ring), {:.2} µs",
            self.sent.kpps(),
            self.missed,
            self.dropped,
            self.cpu_us
        )
    }
}
