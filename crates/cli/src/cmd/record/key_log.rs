//! `--tls-keys`: key logs, whole for a capture, and as they grow beside a live one.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use earwitness_recorder::{KeyLogLines, Watch};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::{
    exit::{Exit, Failure},
    instruments::{Event, Log},
};

/// Between two looks at a key log.
pub(in crate::cmd) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What is read of a key log at most: its end. More secrets than are in it are not kept anyway.
const MOST_BYTES: u64 = 16 << 20;

/// Why a key log may be denied that was not before: Landlock knows folders, not their names.
const ANEW: &str = ": it may not be read, or its folder was made anew since the recorder started and is closed to it: restart \
    it, and have the folder outlive the PBX's restarts (systemd: RuntimeDirectoryPreserve=yes)";
/// Bytes before the place where a file is read on, by which it is known again.
const KNOWN_BY: usize = 64;
/// No line that says a secret is longer.
const MOST_LINE: usize = 4 << 10;

/// All that the key logs at `paths` have now. What is no plain file, as a pipe, is read to its end.
///
/// # Errors
/// When one cannot be read.
pub(in crate::cmd) fn read_all(paths: &[PathBuf]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut all = Zeroizing::new(Vec::new());
    for path in paths {
        let read = read_whole(path).map_err(|cause| {
            let missing = cause.kind() == io::ErrorKind::NotFound;
            let what = format_args!("the key log {}: {cause}", path.display());
            Failure::new(if missing { Exit::NotFound } else { Exit::Failed }, what)
        })?;
        // The last line may have no end.
        for part in [read.as_slice(), b"\n"] {
            all = joined(&all, part);
        }
    }
    Ok(all)
}

fn read_whole(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    if fs::metadata(path)?.is_file() {
        let mut tail = Tail::new(path.to_owned());
        let read = tail.read()?;
        return Ok(joined(&read, &tail.rest));
    }
    let mut all = Zeroizing::new(Vec::with_capacity(1 << 16));
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut all)?;
    if all.len() as u64 > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has no end within 16 MiB"));
    }
    Ok(all)
}

/// Key logs as they grow.
pub(in crate::cmd) struct Growing {
    tails: Vec<Tail>,
}

impl Growing {
    /// Those at `paths`, none of which was read.
    pub(in crate::cmd) fn new(paths: &[PathBuf]) -> Self {
        Self { tails: paths.iter().cloned().map(Tail::new).collect() }
    }

    /// The lines that were ended since the last time. `tell` is told of each that is not there or cannot be read, once; it is tried
    /// again the next time.
    pub(in crate::cmd) fn read(&mut self, mut tell: impl FnMut(String)) -> Zeroizing<Vec<u8>> {
        let mut all = Zeroizing::new(Vec::new());
        for tail in &mut self.tails {
            let read = tail.read();
            if let Some(trouble) = tail.trouble(&read) {
                tell(format!("{}: {trouble}", tail.path.display()));
            }
            if let Some(text) = read.ok().filter(|text| !text.is_empty()) {
                all = joined(&all, &text);
            }
        }
        all
    }
}

/// What is followed: key logs, and ports on which TLS is taken for SIP beside those of SIP.
pub(super) struct Followed<'f> {
    pub(super) paths: &'f [PathBuf],
    pub(super) ports: &'f [u16],
}

/// Hands what is written into key logs to the recorder, once a second until `ended` closes. One that is not there, or cannot be
/// read, is told of and tried again.
pub(super) fn follow(followed: &Followed<'_>, watch: &Watch, ended: &Receiver<()>, log: Log) {
    let mut logs = Growing::new(followed.paths);
    // Also when there are no lines yet: connections are held for those that come.
    let mut waiting = Some(Zeroizing::new(Vec::new()));
    loop {
        let what = "SIP in TLS that this key log opens";
        let text = logs.read(|why| log.tell(&Event::Without { what, why }));
        if !text.is_empty() {
            waiting = Some(joined(waiting.as_deref().map_or(&[], Vec::as_slice), &text));
        }
        if let Some(text) = waiting.take() {
            let lines = KeyLogLines { text: text.clone(), ports: followed.ports.to_vec() };
            if watch.key_log(lines).is_err() {
                waiting = Some(text);
            }
        }
        match ended.recv_timeout(LOOK_EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// A file that grows, and may be begun anew.
struct Tail {
    path: PathBuf,
    /// Where the file is read on that was read last.
    place: Option<Place>,
    /// The beginning of a line that has no end yet.
    rest: Zeroizing<Vec<u8>>,
    /// What was last told of it.
    told: Option<io::ErrorKind>,
}

/// A place in a file, and what lies right before it.
struct Place {
    inode: u64,
    at: u64,
    before: Zeroizing<Vec<u8>>,
}

impl Place {
    /// Whether it is in `file` still: one that was emptied and filled again may be as long as before.
    fn is_in(&self, file: &File, metadata: &Metadata) -> bool {
        let mut there = Zeroizing::new([0; KNOWN_BY]);
        let Some(there) = there.get_mut(..self.before.len()) else { return false };
        let from = self.at - self.before.len() as u64;
        self.inode == metadata.ino()
            && self.at <= metadata.len()
            && file.read_exact_at(there, from).is_ok()
            && *there == **self.before
    }
}

impl Tail {
    fn new(path: PathBuf) -> Self {
        Self { path, place: None, rest: Zeroizing::new(Vec::new()), told: None }
    }

    /// The lines that were ended since the last time. A file that is another, or was begun anew, is read from its beginning.
    fn read(&mut self) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut file = open_plain(&self.path)?;
        let metadata = file.metadata()?;
        let place = self.place.take().filter(|place| place.is_in(&file, &metadata));
        let (at, len) = (place.as_ref().map_or(0, |place| place.at), metadata.len());
        let from = at.max(len.saturating_sub(MOST_BYTES));
        if place.is_none() || from > at {
            self.rest = Zeroizing::new(Vec::new());
        }
        if len <= from {
            let none = || Place { inode: metadata.ino(), at: 0, before: Zeroizing::new(Vec::new()) };
            self.place = Some(place.unwrap_or_else(none));
            return Ok(Zeroizing::new(Vec::new()));
        }
        file.seek(SeekFrom::Start(from))?;
        let room = usize::try_from(len - from).unwrap_or(0);
        // Made as large as it gets: what grows leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(self.rest.len() + room));
        text.extend_from_slice(&self.rest);
        file.take(room as u64).read_to_end(&mut text)?;
        let read = (text.len() - self.rest.len()) as u64;
        let before = text.get(text.len().saturating_sub(KNOWN_BY)..).unwrap_or_default().to_vec();
        self.place = Some(Place { inode: metadata.ino(), at: from + read, before: Zeroizing::new(before) });
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let rest = text.get(whole..).filter(|rest| rest.len() <= MOST_LINE).unwrap_or_default();
        self.rest = Zeroizing::new(rest.to_vec());
        text.truncate(whole);
        if from > at {
            // It begins in the middle of a line.
            let end = text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| end + 1);
            text.drain(..end);
        }
        Ok(text)
    }

    /// What is to be told of `read`: trouble that was not told the last time.
    fn trouble(&mut self, read: &io::Result<Zeroizing<Vec<u8>>>) -> Option<String> {
        let kind = read.as_ref().err().map(io::Error::kind);
        let is_new = std::mem::replace(&mut self.told, kind) != kind;
        let error = read.as_ref().err().filter(|_| is_new)?;
        let cause = if error.kind() == io::ErrorKind::PermissionDenied { ANEW } else { "" };
        Some(format!("{error}{cause}"))
    }
}

/// Opens a plain file: nothing else has a place to read on from, and a pipe would be waited for.
fn open_plain(path: &Path) -> io::Result<File> {
    let at_once = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(at_once).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file"));
    }
    Ok(file)
}

/// Folders in which key logs may be begun anew: a file that takes the place of another is another.
pub(super) fn folders(paths: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    paths.iter().map(|path| match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    })
}

/// Both, where neither leaves a copy behind.
fn joined(first: &[u8], second: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([first, second].concat())
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Write};

    use super::*;

    fn read(tail: &mut Tail) -> String {
        String::from_utf8(tail.read().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn lines_are_read_when_they_are_whole_and_a_file_begun_anew_from_its_beginning() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("keys.log");
        let mut tail = Tail::new(path.clone());
        let first = tail.read();
        assert_eq!(first.as_ref().unwrap_err().kind(), ErrorKind::NotFound);
        assert!(tail.trouble(&first).is_some() && tail.trouble(&first).is_none(), "it is told once");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(read(&mut tail), "one\n");
        assert_eq!(read(&mut tail), "");
        file.write_all(b"o\nthree\n").unwrap();
        assert_eq!(read(&mut tail), "two\nthree\n");
        // Emptied in place.
        file.set_len(0).unwrap();
        fs::write(&path, "4\n5").unwrap();
        assert_eq!(read(&mut tail), "4\n");
        // Another file in its place, as long.
        let other = home.path().join("other");
        fs::write(&other, "6\n7").unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(read(&mut tail), "6\n");
    }

    #[test]
    fn a_file_that_was_emptied_and_filled_to_more_than_before_between_two_looks_is_read_from_its_beginning() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("keys.log");
        let line = |byte: &str| byte.repeat(170) + "\n";
        fs::write(&path, line("a") + &line("b")).unwrap();
        let mut tail = Tail::new(path.clone());
        assert_eq!(read(&mut tail), line("a") + &line("b"));
        for more in [["c", "d"].map(line).concat(), ["e", "f", "g"].map(line).concat()] {
            // In place: it is the same file.
            fs::write(&path, &more).unwrap();
            assert_eq!(read(&mut tail), more);
            assert_eq!(read(&mut tail), "");
        }
    }

    #[test]
    fn what_is_no_plain_file_is_refused_live_and_read_to_its_end_otherwise() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
            .unwrap();
        // Nobody writes: it is not waited for.
        let refused = Tail::new(path.clone()).read().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        let writes = {
            let path = path.clone();
            std::thread::spawn(move || fs::write(path, "one\ntwo").unwrap())
        };
        assert_eq!(&**read_all(&[path]).unwrap(), b"one\ntwo\n");
        writes.join().unwrap();
    }

    #[test]
    fn a_line_without_an_end_is_not_kept_and_a_skip_joins_no_two_lines() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("keys.log");
        let mut file = File::create(&path).unwrap();
        let mut tail = Tail::new(path);
        file.write_all(&[b'x'; 10_000]).unwrap();
        assert_eq!((read(&mut tail).as_str(), tail.rest.len()), ("", 0));
        file.write_all(b"\nwhole\nbegun").unwrap();
        assert_eq!((read(&mut tail).as_str(), tail.rest.len()), ("\nwhole\n", 5));
        let many = vec![b'y'; MOST_BYTES as usize];
        file.write_all(&many).unwrap();
        file.write_all(b"yy\nlast\n").unwrap();
        assert_eq!(read(&mut tail), "last\n");
    }

    #[test]
    fn a_whole_log_needs_no_last_line_end_and_of_a_huge_one_the_end_is_read() {
        let home = tempfile::tempdir().unwrap();
        let [small, huge] = ["small", "huge"].map(|name| home.path().join(name));
        fs::write(&small, "one\ntwo").unwrap();
        let mut file = File::create(&huge).unwrap();
        file.set_len(MOST_BYTES + 100).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(b"\nlast\n").unwrap();
        assert_eq!(&**read_all(std::slice::from_ref(&small)).unwrap(), b"one\ntwo\n");
        let all = read_all(&[small, huge]).unwrap();
        assert!(all.ends_with(b"\nlast\n\n") && all.len() < (MOST_BYTES + 100) as usize);
        let missing = read_all(&[home.path().join("no")]).unwrap_err();
        assert_eq!(missing.exit, Exit::NotFound);
    }

    #[test]
    fn folders_are_those_of_the_files() {
        let paths = ["/run/pbx/keys.log", "keys.log"].map(PathBuf::from);
        assert_eq!(folders(&paths).collect::<Vec<_>>(), [PathBuf::from("/run/pbx"), PathBuf::from(".")]);
    }
}
