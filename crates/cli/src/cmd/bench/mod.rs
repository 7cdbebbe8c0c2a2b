//! `earwitness bench`: what a box carries, and whether another build does as well as this one.

mod against;
mod anonymise;
mod build;
mod capacity;
mod measured;
mod progress;
mod scratch;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use self::against::Candidate;
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
};

/// Measure this box, or this build against another one
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  earwitness bench                                               how many calls at once does this box keep?
  earwitness bench --vault-at /srv --plot capacity.svg           on the disk that will have them, with a drawing
  earwitness bench --send veth0 --receive veth1                  the same through the kernel: a pair or a cable of one's own
  earwitness bench --against ./earwitness-new                    does the new build record the same, at the same cost?
  earwitness bench --against ./earwitness-new -r site.pcap       the same with a capture of one's own site, by --rules or all of it
  earwitness bench --against ./earwitness-new --json             for a program: one object
  earwitness bench anonymise site.pcap -o load.pcap              a load for others: see its own help

Without --against, made-up G.711 calls are recorded at once, ever more of them, by the real recorder into a real vault, until something is lost; then halfway between, until the knee is known. Each number is a process of its own; every recording is compared with what was sent before any figure is told. Frames come from a ring in memory that drops what it has no room for, as the kernel's does; what the kernel's own capture costs is only in it with --send and --receive. The sender is on the same box and takes its share of the processors, which is told. lag is from the arrival of a segment's first packet until it is safe on the disk.

--against replays the same traffic through both builds, at least --pairs times, side by side on one processor, so that \
whatever disturbs one disturbs the other. Recordings are compared bit for bit, listings fact by fact as far as both tell, \
exported payload byte by byte, ledgers by their rows; made-up calls also with what was made. Processor time and memory are \
told as the median of the pairs' ratios and an interval that holds the true one in 99 of 100 cases; listings are of every \
pair, exports and ledgers of the first pair, of which each build also verifies its vault. A build does worse when \
the whole interval is above 1 and the median above 1 + --tolerance. The newer version is judged, or, where both say the same \
version, either; --candidate says which. \
Vaults for measuring are made in --vault-at, or where the system keeps temporary files, and removed.

Exit codes: 0 done, or no regression, 8 one build does worse, 5 a recording is not what was sent, 4 made-up calls are not sent \
on a link in use, 1 something could not be run"
)]
pub(crate) struct Bench {
    #[command(subcommand)]
    command: Option<BenchCommand>,
    /// Compare with this build: another earwitness program
    #[arg(long, value_name = "PROGRAM", conflicts_with_all = ["send", "receive", "buffer", "threads", "memory"])]
    against: Option<PathBuf>,
    /// Capture files to compare with instead of made-up calls
    #[arg(short = 'r', long = "read", value_name = "FILE", num_args = 1.., requires = "against")]
    files: Vec<PathBuf>,
    /// Pairs of runs, at least; four times as many where the machine is noisy
    #[arg(long, value_name = "N", default_value_t = 9, requires = "against", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pairs: u16,
    /// How much more processor time is no regression
    #[arg(long, value_name = "PERCENT", default_value = "1", requires = "against", value_parser = crate::filter::percent)]
    tolerance: f64,
    /// How much more memory is no regression
    #[arg(long, value_name = "PERCENT", default_value = "5", requires = "against", value_parser = crate::filter::percent)]
    memory_tolerance: f64,
    /// Which build is judged [default: the newer one]
    #[arg(long, value_enum, requires = "against")]
    candidate: Option<Candidate>,
    /// Try these numbers of calls at once instead of looking for the knee; with --against, make up so many: one number [default: 200]
    #[arg(long, value_name = "N", num_args = 1.., value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=200_000))]
    calls: Vec<u32>,
    /// With --against, how long made-up calls talk
    #[arg(long, value_name = "N", default_value_t = 20, requires = "against", value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// With --against, what decides everything that is made up: the same number, the same frames
    #[arg(long, value_name = "N", default_value_t = 1, requires = "against")]
    seed: u64,
    /// Half a minute instead of two, and a coarser figure
    #[arg(long, conflicts_with = "against")]
    quick: bool,
    /// Draw what was found into this file (SVG)
    #[arg(long, value_name = "FILE", conflicts_with = "against")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    setting: capacity::Setting,
    /// Where the vaults for measuring are made, and removed: a folder on the disk that will have the recordings
    #[arg(long, value_name = "DIR")]
    vault_at: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    /// Make a capture that may be given away: other people, the same timing and shapes
    Anonymise(anonymise::Anonymise),
    /// Run a program, and tell what it took
    #[command(hide = true)]
    Measured(measured::Measured),
    /// Record so many made-up calls at once, and tell what it took
    #[command(hide = true)]
    Step(capacity::Step),
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// For people.
    Page,
    /// For programs.
    Json,
}

impl Bench {
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        match (&self.command, &self.against) {
            (Some(BenchCommand::Anonymise(command)), _) => command.run(context),
            (Some(BenchCommand::Measured(command)), _) => command.run(context),
            (Some(BenchCommand::Step(command)), _) => command.run(context),
            (None, Some(_)) if self.calls.len() > 1 => Err(Failure::new(
                Exit::Usage,
                "--calls with --against is one number: so many calls are made up",
            )),
            (None, Some(other)) => against::run(&self.compared(other), context),
            (None, None) => capacity::run(&self.carried(), context),
        }
    }

    fn compared<'a>(&'a self, other: &'a std::path::Path) -> against::Wanted<'a> {
        against::Wanted {
            other,
            files: &self.files,
            calls: self.calls.first().copied().unwrap_or(200),
            seconds: self.seconds,
            seed: self.seed,
            pairs: usize::from(self.pairs),
            tolerance: self.tolerance,
            memory_tolerance: self.memory_tolerance,
            candidate: self.candidate,
            vault_at: self.vault_at.as_deref(),
            form: self.form(),
        }
    }

    fn carried(&self) -> capacity::Wanted<'_> {
        capacity::Wanted {
            calls: &self.calls,
            setting: &self.setting,
            effort: if self.quick { capacity::Effort::Quick } else { capacity::Effort::Usual },
            plot: self.plot.as_deref(),
            vault_at: self.vault_at.as_deref(),
            form: self.form(),
        }
    }

    const fn form(&self) -> Form {
        if self.json { Form::Json } else { Form::Page }
    }
}
