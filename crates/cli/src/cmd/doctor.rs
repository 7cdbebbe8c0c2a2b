//! `earwitness doctor`: is this mirror fit to record?

mod file;
mod live;
mod surroundings;

use std::{io::Write, path::PathBuf};

use clap::Args;
use earwitness_doctor::{Code, ExtensionReport, Options, Report};

pub(super) use self::file::{Known, defects, open};
use super::record::read_key_logs;
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    view::{code_object, examination, meaning_of, report_object},
};

/// Check whether a mirror is fit to record
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earwitness doctor -i eth1 --seconds 600     listen to the mirror for ten minutes
  earwitness doctor -r mirror.pcap            what is wrong with the mirror it was captured on, and the cure
  earwitness doctor -r mirror.pcap --json     the same, for a program
  earwitness doctor --list                    everything that can be found

Interfaces are judged together, each file by itself. With -i the clock, the kernel's ring and, where there is a vault, \
its disk are judged too: 32 MiB are written into the vault's folder and removed. Rules, where there are some, say which \
extensions should be seen. Where a stream lost 1 % of its packets or more, the first line says so: the network's loss is a \
note: what does not come to the mirror nobody can keep. Equipment is shown by its addresses, because the cure needs them; no number \
of a caller is.

Exit codes: 0 healthy (notes do no harm), 6 a defect: calls are or will be lost, 7 a file ends before its end")]
pub(crate) struct Doctor {
    /// An interface on a mirror port; repeat it for several
    #[arg(short = 'i', long = "interface", value_name = "IFACE")]
    interfaces: Vec<String>,
    /// Capture files: pcap or pcapng, plain or gzip; `-` is standard input
    #[arg(short = 'r', long = "read", value_name = "FILE", num_args = 1.., conflicts_with = "interfaces")]
    files: Vec<PathBuf>,
    /// How long an interface is listened to; Ctrl-C ends it earlier
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// The kernel's ring for each interface, in MiB: 1 to 1024
    #[arg(short = 'B', long = "buffer-size", value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    buffer: u32,
    /// Judge only what matches this BPF expression; fragments and VLAN tags are added to it
    #[arg(value_name = "EXPRESSION", requires = "interfaces", trailing_var_arg = true)]
    expression: Vec<String>,
    /// A key log of TLS that the recorder will have too: what it opens is no defect; repeat it for several
    #[arg(long, value_name = "FILE", env = "EARWITNESS_TLS_KEYS")]
    tls_keys: Vec<PathBuf>,
    /// Tell of enrolled extensions that were not seen, however short the capture is
    #[arg(long)]
    all_extensions: bool,
    /// Print JSON: one object for each file, or for all interfaces
    #[arg(long)]
    json: bool,
    /// List everything that can be found, with its meaning and its cure
    #[arg(long, conflicts_with_all = ["files", "interfaces"])]
    list: bool,
}

/// How far a file could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    Part,
}

impl Doctor {
    /// No key logs, if it is about captures: those of the mirror are not for them.
    pub(crate) fn forget_live_key_logs(&mut self) {
        if !self.files.is_empty() {
            self.tls_keys.clear();
        }
    }

    pub(crate) fn run(&self, context: &Context) -> Outcome {
        if self.list {
            return self.list(context);
        }
        if self.interfaces.is_empty() && self.files.is_empty() {
            let what = "examine what? -i IFACE listens to a mirror port, -r FILE reads a capture, --list tells what can be found";
            return Err(Failure::new(Exit::Usage, what));
        }
        let extensions =
            if self.all_extensions { ExtensionReport::Always } else { ExtensionReport::WhenLongEnough };
        let options = Options { rules: context.rules_if_any()?, extensions };
        if !self.interfaces.is_empty() {
            let report = live::examine(self, context, options)?;
            self.print(context, &self.interfaces.join(", "), &report)?;
            return Ok(if report.is_healthy() { Exit::Done } else { Exit::Loss });
        }
        let key_log = read_key_logs(&self.tls_keys)?;
        let known = Known { options, key_log: &key_log };
        let (mut has_defect, mut is_cut) = (false, false);
        for path in &self.files {
            let (name, report, extent) = file::examine(context, path, &known)?;
            has_defect |= !report.is_healthy();
            is_cut |= extent == Extent::Part;
            self.print(context, &name, &report)?;
        }
        Ok(match (has_defect, is_cut) {
            (true, _) => Exit::Loss,
            (false, true) => Exit::Part,
            (false, false) => Exit::Done,
        })
    }

    fn print(&self, context: &Context, name: &str, report: &Report) -> std::io::Result<()> {
        let mut out = context.out();
        if self.json {
            writeln!(out, "{}", report_object(name, report))
        } else {
            out.write_all(examination(name, report, context.screen()).as_bytes())
        }
    }

    fn list(&self, context: &Context) -> Outcome {
        let mut out = context.out();
        for code in Code::ALL {
            if self.json {
                writeln!(out, "{}", code_object(*code))?;
            } else {
                out.write_all(meaning_of(*code, context.screen()).as_bytes())?;
            }
        }
        Ok(Exit::Done)
    }
}
