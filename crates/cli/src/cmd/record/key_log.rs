//! `--tls-keys`: key logs, whole for a capture, and as they grow beside a live one.

use std::{
    fs::{File, Metadata},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use earwitness_recorder::{KeyLogLines, Watch};
use zeroize::Zeroizing;

use crate::{
    exit::{Exit, Failure},
    instruments::{Event, Log},
};

/// Between two looks at a key log.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What is read of a key log at most: its end. More secrets than are in it are not kept anyway.
const MOST_BYTES: u64 = 16 << 20;

/// All that the key logs at `paths` have now.
///
/// # Errors
/// When one cannot be read.
pub(in crate::cmd) fn read_all(paths: &[PathBuf]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut all = Zeroizing::new(Vec::new());
    for path in paths {
        let mut tail = Tail::new(path.clone());
        let read = tail.read().map_err(|cause| {
            let missing = cause.kind() == io::ErrorKind::NotFound;
            let what = format_args!("the key log {}: {cause}", path.display());
            Failure::new(if missing { Exit::NotFound } else { Exit::Failed }, what)
        })?;
        // The last line may have no end.
        for part in [read.as_slice(), tail.rest.as_slice(), b"\n"] {
            all = joined(&all, part);
        }
    }
    Ok(all)
}

/// Hands what is written into the key logs at `paths` to the recorder, once a second until `ended` closes. One that is not
/// there, or cannot be read, is told of and tried again.
pub(super) fn follow((paths, ports): (&[PathBuf], &[u16]), watch: &Watch, ended: &Receiver<()>, log: Log) {
    let mut tails: Vec<Tail> = paths.iter().cloned().map(Tail::new).collect();
    // Also when there are no lines yet: connections are held for those that come.
    let mut waiting = Some(Zeroizing::new(Vec::new()));
    loop {
        for tail in &mut tails {
            let read = tail.read();
            if let Some(trouble) = tail.trouble(&read) {
                let what = "SIP in TLS that this key log opens";
                log.tell(&Event::Without { what, why: format!("{}: {trouble}", tail.path.display()) });
            }
            if let Some(text) = read.ok().filter(|text| !text.is_empty()) {
                waiting = Some(joined(waiting.as_deref().map_or(&[], Vec::as_slice), &text));
            }
        }
        if let Some(text) = waiting.take() {
            let lines = KeyLogLines { text: text.clone(), ports: ports.to_vec() };
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
    /// Of the file that was read last, and how far.
    file: Option<(u64, u64)>,
    /// The beginning of a line that has no end yet.
    rest: Zeroizing<Vec<u8>>,
    /// What was last told of it.
    told: Option<io::ErrorKind>,
}

impl Tail {
    fn new(path: PathBuf) -> Self {
        Self { path, file: None, rest: Zeroizing::new(Vec::new()), told: None }
    }

    /// The lines that were ended since the last time.
    fn read(&mut self) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut file = File::open(&self.path)?;
        let (from, len) = self.place(&file.metadata()?);
        if len <= from {
            return Ok(Zeroizing::new(Vec::new()));
        }
        file.seek(SeekFrom::Start(from))?;
        let room = usize::try_from((len - from).min(MOST_BYTES)).unwrap_or(0);
        // Made as large as it gets: what grows leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(self.rest.len() + room));
        text.extend_from_slice(&self.rest);
        file.take(room as u64).read_to_end(&mut text)?;
        let read = text.len() - self.rest.len();
        if let Some((_, place)) = &mut self.file {
            *place = from + read as u64;
        }
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.rest = Zeroizing::new(text.get(whole..).unwrap_or_default().to_vec());
        text.truncate(whole);
        Ok(text)
    }

    /// Where the file is read on, and how long it is. One that is another file, or shorter, is read from its beginning.
    fn place(&mut self, metadata: &Metadata) -> (u64, u64) {
        let len = metadata.len();
        let known = self.file.filter(|&(file, place)| file == metadata.ino() && place <= len);
        let from = known.map_or(0, |(_, place)| place);
        if known.is_none() {
            self.rest = Zeroizing::new(Vec::new());
        }
        let from = from.max(len.saturating_sub(MOST_BYTES));
        self.file = Some((metadata.ino(), from));
        (from, len)
    }

    /// What is to be told of `read`: trouble that was not told the last time.
    fn trouble(&mut self, read: &io::Result<Zeroizing<Vec<u8>>>) -> Option<String> {
        let kind = read.as_ref().err().map(io::Error::kind);
        let is_new = std::mem::replace(&mut self.told, kind) != kind;
        read.as_ref().err().filter(|_| is_new).map(ToString::to_string)
    }
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
    use std::{
        fs,
        io::{ErrorKind, Write},
    };

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
