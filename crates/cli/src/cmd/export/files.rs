//! The files of one export: their names, and who is told of them before they leave.

use std::{
    collections::HashSet,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use chrono_tz::Tz;
use earwitness_media::export::{ExportError, Exported, NameFields, NameTemplate};
use earwitness_vault::Entry;

use super::destination::Destination;
use crate::{
    context::Context,
    exit::{Exit, Failure},
    seat::{Out, Over, Seat, Standing, Target},
    view::{counted, day_and_time, ours_and_theirs},
};

/// Where the files of one export go, and which were written.
pub(super) struct Files<'s> {
    seat: &'s dyn Seat,
    destination: Destination,
    names: Names,
    written: HashSet<PathBuf>,
    bytes: u64,
    skipped: u64,
}

/// What becomes of files that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// They stay, and it is told.
    Refuse,
    /// They stay: they were exported before.
    Skip,
    /// They are written over.
    Replace,
}

impl Existing {
    pub(super) const fn over(self) -> Over {
        match self {
            Self::Refuse | Self::Skip => Over::Nothing,
            Self::Replace => Over::Files,
        }
    }
}

/// What files in a directory are called.
pub(super) struct Names {
    pub(super) template: NameTemplate,
    pub(super) existing: Existing,
    pub(super) zone: Tz,
}

impl<'s> Files<'s> {
    pub(super) fn new(seat: &'s dyn Seat, destination: Destination, names: Names) -> Result<Self, Failure> {
        destination.make(seat)?;
        Ok(Self { seat, destination, names, written: HashSet::new(), bytes: 0, skipped: 0 })
    }

    /// Whether there is one file for everything.
    pub(super) const fn is_single(&self) -> bool {
        match &self.destination {
            Destination::Stdout(_) | Destination::File(..) => true,
            Destination::Directory(..) => false,
        }
    }

    /// The name of a call's file by the template.
    pub(super) fn name_of(&self, entry: &Entry) -> String {
        let summary = &entry.summary;
        let (date, time) = day_and_time(summary.facts.start, self.names.zone);
        let (ext, peer) = ours_and_theirs(summary);
        let (id, format) = (summary.id.to_string(), self.destination.format().name());
        self.names.template.render(&NameFields {
            date: &date,
            time: &time,
            ext: &ext,
            peer: &peer,
            id: &id,
            format,
        })
    }

    /// Writes one file, or into the pipe. In a directory it is called `name`, or as near to it as one that was just
    /// written allows. What leaves is noted before its first byte does.
    pub(super) fn write(
        &mut self,
        name: &str,
        note: &dyn Fn() -> Result<(), Failure>,
        fill: impl FnOnce(&mut dyn Write) -> Result<Exported, ExportError>,
    ) -> Result<Exported, Failure> {
        let place = match &self.destination {
            Destination::Stdout(_) => {
                if self.seat.screen().is_for_people() {
                    let what = "standard output is a terminal: pipe it somewhere, or give -o FILE";
                    return Err(Failure::new(Exit::Usage, what));
                }
                note()?;
                let mut out = BufWriter::new(Out(self.seat));
                let exported = fill(&mut out).map_err(failed)?;
                out.flush()?;
                return Ok(exported);
            }
            Destination::File(path, _) => path.clone(),
            Destination::Directory(path, _) => self.free_name(path, name),
        };
        match (self.names.existing, self.seat.standing(&place)?) {
            (Existing::Skip, Standing::File) => {
                self.skipped += 1;
                return Ok(Exported::default());
            }
            (Existing::Refuse, Standing::File) => {
                let what = format!("{} is there already; --force writes over it", place.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, what).into());
            }
            (Existing::Replace, _) | (_, Standing::Nothing | Standing::Directory | Standing::Other) => {}
        }
        let target = Target::File { place: place.clone(), over: self.names.existing.over() };
        let mut sink = self.seat.begin(&target)?;
        note()?;
        let exported = fill(&mut sink).map_err(failed)?;
        sink.finish()?;
        self.written.insert(place);
        self.bytes += exported.bytes;
        Ok(exported)
    }

    /// Two calls may have one name by the template: the second one gets a number, even where files may be written over.
    fn free_name(&self, directory: &Path, name: &str) -> PathBuf {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let numbered = (2u64..).map(|number| match extension {
            "" => format!("{stem}_{number}"),
            extension => format!("{stem}_{number}.{extension}"),
        });
        let mut places = std::iter::once(name.to_owned()).chain(numbered).map(|name| directory.join(name));
        places.find(|place| !self.written.contains(place)).unwrap_or_else(|| directory.join(name))
    }

    /// What was written, on stderr.
    pub(super) fn tell(&self, context: &Context) {
        if self.skipped > 0 {
            context.say(format_args!("{} there already: left as they were", counted(self.skipped, "file")));
        }
        let mut places = self.written.iter();
        match (places.next(), places.next(), &self.destination) {
            (None, _, _) => {}
            (Some(place), None, _) => {
                context.say(format_args!("wrote {} ({} bytes)", place.display(), self.bytes))
            }
            (Some(_), Some(_), Destination::Directory(path, _) | Destination::File(path, _)) => {
                context.say(format_args!(
                    "wrote {} files ({} bytes) to {}",
                    self.written.len(),
                    self.bytes,
                    path.display()
                ));
            }
            (Some(_), Some(_), Destination::Stdout(_)) => {}
        }
    }
}

fn failed(error: ExportError) -> Failure {
    match error {
        ExportError::Write(cause) => cause.into(),
        ExportError::NativeMono => Failure::new(Exit::Usage, error),
        ExportError::MixedLaws { .. }
        | ExportError::NotG711 { .. }
        | ExportError::Encoder { .. }
        | ExportError::TooLong { .. }
        | ExportError::TooLarge { .. }
        | ExportError::NoSuchStream { .. } => Failure::new(Exit::Failed, error),
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Seoul;
    use clap::Parser;
    use earwitness_media::export::ExportFormat;

    use super::*;
    use crate::{CommandLine, seat::Here, view::sample};

    fn here() -> Here {
        let CommandLine { options, .. } = CommandLine::parse_from(["earwitness", "man"]);
        Here::new(options)
    }

    fn files<'s>(here: &'s Here, directory: &Path, template: &str, force: bool) -> Files<'s> {
        let destination = Destination::Directory(directory.to_owned(), ExportFormat::Wav);
        let existing = if force { Existing::Replace } else { Existing::Refuse };
        let names = Names { template: template.parse().unwrap(), existing, zone: Seoul };
        Files::new(here, destination, names).unwrap()
    }

    fn write(files: &mut Files<'_>, name: &str, text: &str) -> Result<u64, String> {
        let fill = |out: &mut dyn Write| {
            out.write_all(text.as_bytes())?;
            Ok(Exported { bytes: text.len() as u64, ..Exported::default() })
        };
        files
            .write(name, &|| Ok(()), fill)
            .map(|exported| exported.bytes)
            .map_err(|failure| failure.to_string())
    }

    fn names(directory: &Path) -> Vec<String> {
        let names = std::fs::read_dir(directory)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn the_name_has_our_extension_and_the_other_party() {
        let directory = tempfile::tempdir().unwrap();
        let here = here();
        let files = files(&here, directory.path(), "{date}_{time}_{ext}_{peer}_{id}.{format}", false);
        let id = sample::answered().summary.id;
        assert_eq!(files.name_of(&sample::answered()), format!("2026-11-21_090000_4001_0312221111_{id}.wav"));
    }

    #[test]
    fn two_calls_of_one_name_are_two_files_even_by_force() {
        let (directory, here) = (tempfile::tempdir().unwrap(), here());
        for force in [false, true] {
            let place = directory.path().join(force.to_string());
            let mut files = files(&here, &place, "call.{format}", force);
            for text in ["one", "two", "three"] {
                assert_eq!(write(&mut files, "call.wav", text), Ok(text.len() as u64));
            }
            assert_eq!(names(&place), ["call.wav", "call_2.wav", "call_3.wav"]);
            assert_eq!(std::fs::read_to_string(place.join("call_2.wav")).unwrap(), "two");
        }
    }

    #[test]
    fn what_is_there_is_not_written_over_unless_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("call.wav"), "old").unwrap();
        let here = here();
        let said = write(&mut files(&here, directory.path(), "x", false), "call.wav", "new").unwrap_err();
        assert!(said.ends_with("call.wav is there already; --force writes over it"), "{said}");
        assert_eq!(std::fs::read_to_string(directory.path().join("call.wav")).unwrap(), "old");
        assert_eq!(write(&mut files(&here, directory.path(), "x", true), "call.wav", "new"), Ok(3));
        assert_eq!(std::fs::read_to_string(directory.path().join("call.wav")).unwrap(), "new");
    }

    #[test]
    fn what_fails_leaves_no_file_and_what_is_not_noted_does_not_leave() {
        let directory = tempfile::tempdir().unwrap();
        let here = here();
        let mut files = files(&here, directory.path(), "x", false);
        let fails = |_: &mut dyn Write| Err(ExportError::TooLong { hours: 25 });
        assert!(files.write("a.wav", &|| Ok(()), fails).is_err());
        let no_ledger = || Err(Failure::new(Exit::Broken, "the ledger is damaged"));
        let fill = |out: &mut dyn Write| Ok(out.write_all(b"voice").map(|()| Exported::default())?);
        assert_eq!(files.write("b.wav", &no_ledger, fill).unwrap_err().exit, Exit::Broken);
        assert_eq!(names(directory.path()), Vec::<String>::new());
    }

    #[test]
    fn an_export_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("new");
        write(&mut files(&here(), &place, "x", false), "a.wav", "voice").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&place), mode(&place.join("a.wav"))), (0o700, 0o600));
    }
}
