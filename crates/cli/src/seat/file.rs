//! Files that leave: written beside their place under another name, put into it when they are whole, never over what is
//! there unless that was asked for.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{Over, Sink, Standing};
use crate::exit::{Exit, Failure};

/// A file that is being written.
pub(super) struct Leaving {
    /// Where it is written; `None` when it is in its place.
    temporary: Option<PathBuf>,
    place: PathBuf,
    over: Over,
    out: BufWriter<File>,
}

impl Leaving {
    pub(super) fn begin(place: &Path, over: Over) -> Result<Self, Failure> {
        match (standing(place), over) {
            (Standing::Directory | Standing::Other, _) => {
                let what = format_args!(
                    "{} is no file: a device or directory is not replaced; `-o -` writes into a pipe",
                    place.display()
                );
                return Err(Failure::new(Exit::Usage, what));
            }
            (Standing::File, Over::Nothing) => return Err(there_already(place)),
            (Standing::File, Over::Files) | (Standing::Nothing, _) => {}
        }
        let temporary = beside(place);
        // Somebody else's file or link in a shared directory is never written into.
        match std::fs::remove_file(&temporary) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(cannot("replace", &temporary, &cause));
            }
            Ok(()) | Err(_) => {}
        }
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary);
        let out = BufWriter::new(made.map_err(|cause| unmade(place, &cause))?);
        Ok(Self { temporary: Some(temporary), place: place.to_owned(), over, out })
    }

    /// Whoever made a file here meanwhile keeps it: its place is taken, empty, before the rename.
    fn put(&mut self) -> Result<(), Failure> {
        let Some(temporary) = &self.temporary else { return Ok(()) };
        match self.over {
            Over::Files => {}
            Over::Nothing => {
                let taken = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.place);
                taken.map_err(|cause| {
                    if cause.kind() == io::ErrorKind::AlreadyExists {
                        there_already(&self.place)
                    } else {
                        cannot("make", &self.place, &cause)
                    }
                })?;
            }
        }
        std::fs::rename(temporary, &self.place).map_err(|cause| cannot("make", &self.place, &cause))?;
        self.temporary = None;
        Ok(())
    }
}

impl Write for Leaving {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Sink for Leaving {
    fn finish(mut self: Box<Self>) -> Result<(), Failure> {
        let written = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        written.map_err(|cause| cannot("write", &self.place, &cause))?;
        self.put()
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // One that stays is named so that nobody takes it for an export.
            std::fs::remove_file(temporary).unwrap_or_default();
        }
    }
}

/// What stands at a place.
pub(super) fn standing(path: &Path) -> Standing {
    let Ok(itself) = path.symlink_metadata() else { return Standing::Nothing };
    match path.metadata() {
        Ok(there) if there.is_dir() => Standing::Directory,
        Ok(_) | Err(_) if itself.is_file() || itself.is_symlink() => Standing::File,
        Ok(_) | Err(_) => Standing::Other,
    }
}

/// Makes a directory for its owner only: what will lie in it is personal.
pub(super) fn make_dir(path: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|cause| cannot("make", path, &cause))
}

/// A name of this process in the same directory, so that a rename puts it into its place.
fn beside(place: &Path) -> PathBuf {
    place.with_file_name(format!(".earwitness-{}.part", std::process::id()))
}

/// Of the file beside the place nobody has heard.
fn unmade(place: &Path, cause: &io::Error) -> Failure {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
    match (cause.kind(), folder) {
        (io::ErrorKind::NotFound, Some(folder)) => {
            let what = format_args!("there is no folder {}: make it first", folder.display());
            Failure::new(Exit::NotFound, what)
        }
        (_, Some(folder)) => cannot("make a file in", folder, cause),
        (_, None) => cannot("make", place, cause),
    }
}

fn there_already(place: &Path) -> Failure {
    Failure::new(Exit::Failed, format_args!("{} is there already; --force writes over it", place.display()))
}

fn cannot(what: &str, path: &Path, cause: &io::Error) -> Failure {
    Failure::new(Exit::Failed, format_args!("cannot {what} {}: {cause}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_is_told_and_a_link_leads_to_what_it_leads_to() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        std::fs::write(at("file"), "").unwrap();
        for (link, to) in [("to-file", "file"), ("to-dir", "."), ("to-nothing", "nowhere")] {
            std::os::unix::fs::symlink(to, at(link)).unwrap();
        }
        let found =
            ["file", "to-file", "to-nothing", "to-dir", "none", "/dev/null"].map(|name| standing(&at(name)));
        use Standing::{Directory, File, Nothing, Other};
        assert_eq!(found, [File, File, File, Directory, Nothing, Other]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named_and_not_the_file_beside() {
        let home = tempfile::tempdir().unwrap();
        let failure = Leaving::begin(&home.path().join("nowhere/call.wav"), Over::Nothing).err().unwrap();
        let expected = format!("there is no folder {}: make it first", home.path().join("nowhere").display());
        assert_eq!((failure.exit, failure.to_string()), (Exit::NotFound, expected));
    }

    #[test]
    fn a_place_that_was_taken_meanwhile_stays_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("call.wav");
        let mut leaving = Box::new(Leaving::begin(&place, Over::Nothing).unwrap());
        leaving.write_all(b"voice").unwrap();
        std::fs::write(&place, "another's").unwrap();
        assert!(leaving.finish().unwrap_err().to_string().contains("is there already"));
        assert_eq!(std::fs::read(&place).unwrap(), b"another's");
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
