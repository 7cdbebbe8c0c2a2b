//! Where an export goes: read from PATH, the format and how many calls there are.

use std::path::{Path, PathBuf};

use earwitness_media::export::ExportFormat;

use crate::{
    exit::{Exit, Failure},
    seat::{Seat, Standing},
};

/// Where files go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    /// Into the pipe.
    Stdout(ExportFormat),
    /// This one file.
    File(PathBuf, ExportFormat),
    /// Files of their own names in here.
    Directory(PathBuf, ExportFormat),
}

impl Destination {
    /// What PATH, where this stands, means for so many calls.
    pub(super) fn of(
        (path, standing): (&Path, Standing),
        format: Option<ExportFormat>,
        calls: usize,
    ) -> Result<Self, Failure> {
        let text = path.as_os_str().as_encoded_bytes();
        let wrong = |what: &str| Failure::new(Exit::Usage, format_args!("-o {}: {what}", path.display()));
        if text == b"-" {
            return match (calls, format.unwrap_or(ExportFormat::Wav)) {
                (1, format @ (ExportFormat::Wav | ExportFormat::Flac | ExportFormat::Pcapng)) => {
                    Ok(Self::Stdout(format))
                }
                // Its packets say how long they are: calls may follow each other.
                (_, ExportFormat::Hep) => Ok(Self::Stdout(ExportFormat::Hep)),
                (1, ExportFormat::Payload) => {
                    Err(wrong("a payload is one file per stream: give a directory"))
                }
                (_, _) => Err(wrong("one call fits into a pipe: give a directory for several")),
            };
        }
        let is_dir = is_directory(path, standing);
        let by_name = format_of((path, standing), None);
        let is_file = !is_dir && (standing != Standing::Nothing || by_name.is_some());
        match (is_dir, calls, format, by_name) {
            (false, 2.., _, _) if is_file => Err(wrong("several calls need a directory: end it with `/`")),
            (true, _, _, _) | (_, 2.., _, _) => {
                Ok(Self::Directory(path.to_owned(), format.unwrap_or(ExportFormat::Wav)))
            }
            (false, _, Some(ExportFormat::Payload), _) if !is_file => {
                Ok(Self::Directory(path.to_owned(), ExportFormat::Payload))
            }
            (false, _, Some(format), _) | (false, _, None, Some(format)) => {
                Ok(Self::File(path.to_owned(), format))
            }
            (false, _, None, None) => Err(wrong(
                "which format? give --format wav, flac, payload, pcapng or hep, or end the name with .wav, .flac, .payload, \
                 .pcapng or .hep, or with `/` for a directory",
            )),
        }
    }

    pub(super) const fn format(&self) -> ExportFormat {
        match self {
            Self::Stdout(format) | Self::File(_, format) | Self::Directory(_, format) => *format,
        }
    }

    /// Makes the directory if it is not there, for its owner only: what will lie in it is personal.
    pub(super) fn make(&self, seat: &dyn Seat) -> Result<(), Failure> {
        match self {
            Self::Stdout(_) | Self::File(..) => Ok(()),
            Self::Directory(path, _) => seat.make_dir(path),
        }
    }
}

/// The format that was asked for, or that the name of a file ends in.
pub(super) fn format_of(
    (path, standing): (&Path, Standing),
    asked: Option<ExportFormat>,
) -> Option<ExportFormat> {
    let by_name = || path.extension().filter(|_| !is_directory(path, standing))?.to_str()?.parse().ok();
    asked.or_else(by_name)
}

fn is_directory(path: &Path, standing: Standing) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/") || standing == Standing::Directory
}

#[cfg(test)]
mod tests {
    use super::*;
    use ExportFormat::{Flac, Payload, Pcapng, Wav};

    fn check(
        path: &str,
        (format, calls): (Option<ExportFormat>, usize),
        expected: Result<Destination, &str>,
    ) {
        let standing = if path == "/tmp" { Standing::Directory } else { Standing::Nothing };
        let found = Destination::of((Path::new(path), standing), format, calls);
        let said = found.map_err(|failure| {
            assert_eq!(failure.exit, Exit::Usage);
            failure.to_string()
        });
        match expected {
            Ok(expected) => assert_eq!(said, Ok(expected), "{path}"),
            Err(part) => assert!(said.as_ref().is_err_and(|said| said.contains(part)), "{path}: {said:?}"),
        }
    }

    #[test]
    fn a_path_is_a_pipe_a_file_or_a_directory() {
        let (file, directory) = (
            |path: &str, format| Ok(Destination::File(path.into(), format)),
            |path: &str, format| Ok(Destination::Directory(path.into(), format)),
        );
        check("-", (None, 1), Ok(Destination::Stdout(Wav)));
        check("-", (Some(Pcapng), 1), Ok(Destination::Stdout(Pcapng)));
        check("call.wav", (None, 1), file("call.wav", Wav));
        check("call.flac", (None, 1), file("call.flac", Flac));
        check("-", (Some(Flac), 1), Ok(Destination::Stdout(Flac)));
        check("call.pcapng", (None, 1), file("call.pcapng", Pcapng));
        check("call.payload", (None, 1), file("call.payload", Payload));
        check("call", (Some(Wav), 1), file("call", Wav));
        check("call.bin", (Some(Pcapng), 1), file("call.bin", Pcapng));
        check("streams", (Some(Payload), 1), directory("streams", Payload));
        check("out/", (None, 1), directory("out/", Wav));
        check("/tmp", (None, 1), directory("/tmp", Wav));
        check("calls.pcapng/", (None, 1), directory("calls.pcapng/", Wav));
        check("out", (None, 2), directory("out", Wav));
        check("out", (Some(Payload), 2), directory("out", Payload));
    }

    #[test]
    fn what_cannot_be_says_what_can() {
        check("-", (None, 2), Err("give a directory for several"));
        check("-", (Some(Payload), 1), Err("one file per stream"));
        check("call.wav", (None, 2), Err("several calls need a directory"));
        check("call", (None, 1), Err("which format?"));
        check("call.mp3", (None, 1), Err("which format?"));
    }
}
