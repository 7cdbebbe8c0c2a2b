//! `doctor -r`: a capture file as the mirror's witness.

use std::{io::IsTerminal, path::Path};

use earwitness_capture::{CaptureEnd, CaptureError, FileSource, Polled, Source};
use earwitness_doctor::{Options, Report, Severity, Surroundings};

use super::Extent;
use crate::{
    context::Context,
    exit::{Exit, Failure},
};

/// What is known beside a capture.
pub(crate) struct Known<'k> {
    pub(crate) options: Options,
    /// Lines of TLS key logs.
    pub(crate) key_log: &'k [u8],
}

/// The file's name, what is said of it, and how far it could be read.
pub(super) fn examine(
    context: &Context,
    path: &Path,
    known: &Known<'_>,
) -> Result<(String, Report, Extent), Failure> {
    let mut source = open(path)?;
    let mut doctor = earwitness_doctor::Doctor::new(known.options.clone());
    doctor.handle_key_log(known.key_log);
    let name = source.name().to_owned();
    let extent = loop {
        while let Some(lines) = source.poll_key_log() {
            doctor.handle_key_log(&lines);
        }
        match source.poll(&mut |frame| doctor.handle_frame(frame)) {
            Ok(Polled::Frames | Polled::Idle) => {}
            Ok(Polled::End(CaptureEnd::Complete)) => break Extent::Whole,
            Ok(Polled::End(CaptureEnd::Cut { frame, at_byte, .. })) => {
                context.say(format_args!(
                    "{name}: the file ends inside frame {frame} (byte {at_byte}): what came before is judged"
                ));
                break Extent::Part;
            }
            Err(cause) if doctor.seen().frames == 0 => return Err(Failure::new(Exit::Failed, cause)),
            Err(cause) => {
                context.say(format_args!("{cause}; what came before is judged"));
                break Extent::Part;
            }
        }
    };
    Ok((name, doctor.finish(&Surroundings::default()), extent))
}

/// What is wrong with a capture file in which no call was found, each defect with its cure; nothing where it cannot be read again.
pub(crate) fn defects(context: &Context, path: &Path, known: &Known<'_>) -> Vec<String> {
    if path == Path::new("-") {
        return Vec::new();
    }
    let Ok((name, report, _)) = examine(context, path, known) else { return Vec::new() };
    let defects = report.findings.into_iter().filter(|finding| finding.severity == Severity::Defect);
    defects.map(|finding| format!("{name}: {}. {}", finding.sentence, finding.code.cure())).collect()
}

/// The capture at `path`, or on standard input.
pub(in crate::cmd) fn open(path: &Path) -> Result<FileSource, Failure> {
    if path == Path::new("-") && std::io::stdin().is_terminal() {
        let what = "standard input is a terminal: pipe a capture into it, or name a file";
        return Err(Failure::new(Exit::Usage, what));
    }
    let source = if path == Path::new("-") { FileSource::stdin() } else { FileSource::open(path) };
    source.map_err(|cause| {
        let missing = matches!(&cause, CaptureError::Unopenable { source, .. } if source.kind() == std::io::ErrorKind::NotFound);
        Failure::new(if missing { Exit::NotFound } else { Exit::Failed }, cause)
    })
}
