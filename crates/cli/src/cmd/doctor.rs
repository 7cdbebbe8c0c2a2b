//! `earwitness doctor`: is this mirror fit to record?

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use earwitness_capture::{CaptureEnd, CaptureError, FileSource, Polled, Source};
use earwitness_doctor::{Code, ExtensionReport, Options, Surroundings};

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    view::{code_object, examination, meaning_of, report_object},
};

/// Check whether a mirror is fit to record
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earwitness doctor -r mirror.pcap            what is wrong with the mirror it was captured on, and the cure
  earwitness doctor -r mirror.pcap --json     the same, for a program
  earwitness doctor --list                    everything that can be found

Each file is a mirror of its own. Rules, where there are some, say which extensions should be seen. Equipment is shown by
its addresses, because the cure needs them; no number of a caller is.

Exit codes: 0 healthy (notes do no harm), 6 a defect: calls are or will be lost, 7 a file ends before its end")]
pub(crate) struct Doctor {
    /// Capture files: pcap or pcapng, plain or gzip; `-` is standard input
    #[arg(short = 'r', long = "read", value_name = "FILE", num_args = 1.., required_unless_present = "list")]
    files: Vec<PathBuf>,
    /// Tell of enrolled extensions that were not seen, however short the capture is
    #[arg(long)]
    all_extensions: bool,
    /// Print JSON: one object for each file
    #[arg(long)]
    json: bool,
    /// List everything that can be found, with its meaning and its cure
    #[arg(long, conflicts_with = "files")]
    list: bool,
}

/// How far a file could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    Whole,
    Part,
}

impl Doctor {
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        if self.list {
            return self.list(context);
        }
        let extensions =
            if self.all_extensions { ExtensionReport::Always } else { ExtensionReport::WhenLongEnough };
        let options = Options { rules: context.rules_if_any()?, extensions };
        let (mut has_defect, mut is_cut) = (false, false);
        for path in &self.files {
            let (name, mut source) = open(path)?;
            let mut doctor = earwitness_doctor::Doctor::new(options.clone());
            let read = examine(context, &mut doctor, &mut source, &name)?;
            let report = doctor.finish(&Surroundings::default());
            has_defect |= !report.is_healthy();
            is_cut |= read == Read::Part;
            let mut out = context.out();
            if self.json {
                writeln!(out, "{}", report_object(&name, &report))?;
            } else {
                out.write_all(examination(&name, &report, context.screen()).as_bytes())?;
            }
        }
        Ok(match (has_defect, is_cut) {
            (true, _) => Exit::Loss,
            (false, true) => Exit::Part,
            (false, false) => Exit::Done,
        })
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

fn open(path: &Path) -> Result<(String, FileSource), Failure> {
    if path == Path::new("-") && std::io::stdin().is_terminal() {
        let what = "standard input is a terminal: pipe a capture into it, or name a file";
        return Err(Failure::new(Exit::Usage, what));
    }
    let source = if path == Path::new("-") { FileSource::stdin() } else { FileSource::open(path) };
    let source = source.map_err(|cause| {
        let missing = matches!(&cause, CaptureError::Unopenable { source, .. } if source.kind() == std::io::ErrorKind::NotFound);
        Failure::new(if missing { Exit::NotFound } else { Exit::Failed }, cause)
    })?;
    Ok((source.name().to_owned(), source))
}

/// Hands every frame over. A file that cannot be read on is judged by what came before.
fn examine(
    context: &Context,
    doctor: &mut earwitness_doctor::Doctor,
    source: &mut FileSource,
    name: &str,
) -> Result<Read, Failure> {
    loop {
        match source.poll(&mut |frame| doctor.handle_frame(frame)) {
            Ok(Polled::Frames | Polled::Idle) => {}
            Ok(Polled::End(CaptureEnd::Complete)) => return Ok(Read::Whole),
            Ok(Polled::End(CaptureEnd::Cut { frame, at_byte, .. })) => {
                context.say(format_args!(
                    "{name}: the file ends inside frame {frame} (byte {at_byte}): what came before is judged"
                ));
                return Ok(Read::Part);
            }
            Err(cause) if doctor.seen().frames == 0 => return Err(Failure::new(Exit::Failed, cause)),
            Err(cause) => {
                context.say(format_args!("{cause}; what came before is judged"));
                return Ok(Read::Part);
            }
        }
    }
}
