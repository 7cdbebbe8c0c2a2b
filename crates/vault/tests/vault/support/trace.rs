//! What a process told the real disk, from the system calls that `strace` saw it make, of all its threads.
//!
//! The index writes to the disk itself, and so does sled in it. What they could do that is not seen here (a file mapped and
//! written, a call that is not asked for) is missed by whoever compares the journal's end with the disk: [`watched`] does.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use super::image::{Crash, Image, Told};

/// Every call that changes what lies on a disk, or makes it durable.
const CALLS: &str = "trace=open,openat,openat2,creat,write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,\
                     fsync,fdatasync,sync_file_range,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,\
                     linkat,symlink,symlinkat,copy_file_range,sendfile";

/// Longer than anything that is written at once: what is cut off is a failure.
const LONGEST: &str = "16777216";

/// Names the directory that a watched process works in.
pub(crate) const WATCHED: &str = "EARWITNESS_WATCHED_VAULT";

/// Runs one ignored test of this program in a process of its own, with `root` to work in; gives what lay there before and what the
/// disk was told. Fails where nobody can watch.
pub(crate) fn watched(test: &str, root: &Path) -> (Image, Vec<Told>) {
    let before = Image::of(root);
    let kept = tempfile::tempdir().unwrap();
    let trace = kept.path().join("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-xx", "-s", LONGEST, "-e", CALLS, "-o"]).arg(&trace);
    command.arg(std::env::current_exe().unwrap()).args([test, "--exact", "--ignored", "--nocapture"]);
    let ended = command.env(WATCHED, root).output();
    let ended = ended.expect("strace is installed: `cargo xtask setup` does it");
    let said = [&ended.stdout[..], &ended.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(ended.status.success(), "strace, which needs the right to trace a child (ptrace): {said}");
    assert!(said.contains("1 passed"), "{test} is a test: {said}");
    let told = told(&std::fs::read_to_string(trace).unwrap(), before.clone(), root);
    (before, told)
}

/// The journal of a trace.
fn told(trace: &str, mut image: Image, root: &Path) -> Vec<Told> {
    let mut journal = Vec::new();
    let mut unfinished: HashMap<&str, &str> = HashMap::new();
    for line in trace.lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        let call = if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, begun);
            continue;
        } else if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|r| r.split_once(" resumed>")) {
            format!("{}{end}", unfinished.remove(thread).unwrap())
        } else {
            rest.to_owned()
        };
        // Signals and ends of threads are no calls; what failed did nothing.
        let Some((call, result)) = call.rsplit_once(" = ") else { continue };
        if result.starts_with(['-', '?']) {
            continue;
        }
        if let Some(told) = Call::read(call, result).told(&image, root) {
            image.apply(&told);
            journal.push(told);
        }
    }
    let (seen, is) = (&image, &Image::of(root));
    let [seen, is] = [seen, is].map(|image| image.digest(Crash::Kill, root));
    assert_eq!(seen, is, "something was written that the trace does not show");
    journal
}

/// A system call that did what it was asked.
struct Call<'t> {
    name: &'t str,
    words: Vec<&'t str>,
    result: &'t str,
}

impl<'t> Call<'t> {
    /// Strings and paths are hexadecimal in a trace, so that commas and parentheses are the call's own.
    fn read(call: &'t str, result: &'t str) -> Self {
        let (name, words) = call.split_once('(').unwrap();
        let words = words.trim_end().strip_suffix(')').unwrap();
        Self { name, words: words.split(", ").collect(), result }
    }

    /// What it told the disk under `root`, if anything that lasts.
    fn told(&self, image: &Image, root: &Path) -> Option<Told> {
        let is_ours = |path: &PathBuf| path.starts_with(root);
        let file = || self.file(0).filter(is_ours);
        let named = |dir, name| Some(self.named(dir, name)).filter(is_ours);
        match self.name {
            "openat" => self.opened(named(0, 1)?, image),
            "write" | "writev" => Some(Told::Append(file()?, self.bytes())),
            "pwrite64" | "pwritev" => Some(Told::Overwrite(file()?, self.last_number(), self.bytes())),
            "ftruncate" => Some(Told::Truncate(file()?, self.number(1))),
            "fsync" | "fdatasync" => {
                let path = file()?;
                Some(if image.is_dir(&path) { Told::SyncDir(path) } else { Told::Sync(path) })
            }
            // Room for a file that keeps its size shows in no image, and a range that is sent on its way is not durable.
            "fallocate" => {
                file()?;
                assert!(self.words[1].contains("FALLOC_FL_KEEP_SIZE"), "{:?}", self.words);
                None
            }
            "sync_file_range" => None,
            "rename" => Some(Told::Rename(self.plain(0).filter(is_ours)?, self.plain(1)?)),
            "renameat" | "renameat2" => Some(Told::Rename(named(0, 1)?, self.named(2, 3))),
            "unlink" | "rmdir" => Some(Told::Remove(self.plain(0).filter(is_ours)?)),
            "unlinkat" => Some(Told::Remove(named(0, 1)?)),
            "mkdir" => Some(Told::MakeDir(self.plain(0).filter(is_ours)?)),
            "mkdirat" => Some(Told::MakeDir(named(0, 1)?)),
            other => {
                let root = hex(root);
                assert!(self.words.iter().all(|word| !word.contains(&root)), "{other} is not known here");
                None
            }
        }
    }

    fn opened(&self, path: PathBuf, image: &Image) -> Option<Told> {
        let flags = self.words[2];
        match (image.has(&path), flags.contains("O_CREAT"), flags.contains("O_TRUNC")) {
            (false, true, _) => Some(Told::Make(path)),
            (true, _, true) => Some(Told::Truncate(path, 0)),
            (false, false, _) | (true, _, false) => None,
        }
    }

    /// What was written of what was to be.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.words.iter().flat_map(|word| text(word)).flatten().collect();
        bytes.truncate(self.result.parse().unwrap());
        bytes
    }

    fn number(&self, word: usize) -> u64 {
        self.words[word].parse().unwrap()
    }

    fn last_number(&self) -> u64 {
        self.number(self.words.len() - 1)
    }

    /// The file behind an open one, while it has a name.
    fn file(&self, word: usize) -> Option<PathBuf> {
        let (path, behind) = self.words[word].split_once('<')?.1.rsplit_once('>')?;
        let path = PathBuf::from(OsString::from_vec(unhex(path)));
        let is_gone = behind.contains("deleted") || path.as_os_str().as_bytes().ends_with(b" (deleted)");
        (!is_gone).then_some(path)
    }

    /// A name beside nothing: whole.
    fn plain(&self, word: usize) -> Option<PathBuf> {
        let path = PathBuf::from(OsStr::from_bytes(&text(self.words[word])?));
        assert!(path.is_absolute(), "{}", path.display());
        Some(path)
    }

    /// A name in an open directory.
    fn named(&self, dir: usize, name: usize) -> PathBuf {
        let name = text(self.words[name]).unwrap();
        let name = Path::new(OsStr::from_bytes(&name));
        self.file(dir).map_or_else(|| name.to_owned(), |dir| dir.join(name))
    }
}

/// The string in a word, if there is one.
fn text(word: &str) -> Option<Vec<u8>> {
    let (_, rest) = word.split_once('"')?;
    let (hex, behind) = rest.split_once('"').unwrap();
    assert!(!behind.starts_with("..."), "a write of more than {LONGEST} bytes");
    Some(unhex(hex))
}

fn hex(path: &Path) -> String {
    path.as_os_str().as_bytes().iter().map(|byte| format!("\\x{byte:02x}")).collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits = hex.split("\\x").skip(1);
    digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}
