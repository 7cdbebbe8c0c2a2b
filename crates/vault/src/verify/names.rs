//! The files of a vault by their names: what is none of its own, and what lies there twice and must be the same.

use std::{
    io,
    path::{Path, PathBuf},
};

use chrono::NaiveDate;

use super::{Fault, Finding};
use crate::{
    disk::{Disk, if_there, read_all},
    error::{VaultError, failed},
    keys::{KeyFile, KeyKind, KeyState, read_key},
    layout::{Layout, is_class_name, key_file_of, number_of},
    recorded::Recorded,
    vault::Parts,
};

/// Files directly in `keys/`.
const KEYS: [&str; 9] = [
    "backups.toml",
    "index.check",
    "index.key",
    "officer.next",
    "officer.past",
    "officer.pub",
    "recorder.key",
    "recorder.pub",
    "officer.key",
];

/// What is wrong with the names in `volumes/`, `keys/` and `ledger/`, and with second copies. A file that a replacement left
/// unfinished (`.new`) is what a crash leaves, and no stranger.
pub(super) fn check(parts: &Parts, told: &Recorded) -> Vec<Finding> {
    let mut names = Names { disk: &*parts.disk, layout: &parts.layout, told, findings: Vec::new() };
    let (own, held) = (parts.layout.volumes(), parts.layout.all_held());
    for checked in [names.volumes(&own), names.volumes(&held), names.keys(), names.ledger()] {
        if let Err(error) = checked {
            let fault = Fault::Unreadable(error.to_string());
            names.find(parts.layout.dir.clone(), fault);
        }
    }
    names.findings
}

struct Names<'v> {
    disk: &'v dyn Disk,
    layout: &'v Layout,
    told: &'v Recorded,
    findings: Vec<Finding>,
}

impl Names<'_> {
    fn find(&mut self, path: PathBuf, fault: Fault) {
        self.findings.push(Finding { recording: None, path, fault });
    }

    fn stranger(&mut self, path: PathBuf) {
        if path.extension().is_none_or(|extension| extension != "new") {
            self.find(path, Fault::Stranger);
        }
    }

    /// What is in a directory; `None` when it is a file.
    fn list(&self, dir: &Path) -> Result<Option<Vec<PathBuf>>, VaultError> {
        match self.disk.list(dir) {
            Err(cause) if cause.kind() == io::ErrorKind::NotADirectory => Ok(None),
            other => other.map(Some).map_err(failed("list", dir)),
        }
    }

    fn volumes(&mut self, above: &Path) -> Result<(), VaultError> {
        for class in self.list(above)?.unwrap_or_default() {
            let days = if name(&class).is_some_and(is_class_name) { self.list(&class)? } else { None };
            let Some(days) = days else {
                self.stranger(class);
                continue;
            };
            for day in days {
                let files = if name(&day).is_some_and(is_day) { self.list(&day)? } else { None };
                let Some(files) = files else {
                    self.stranger(day);
                    continue;
                };
                let is_own = |path: &Path| [".vol", ".open"].iter().any(|end| number_of(path, end).is_some());
                files.into_iter().filter(|path| !is_own(path)).for_each(|path| self.stranger(path));
            }
        }
        Ok(())
    }

    fn keys(&mut self) -> Result<(), VaultError> {
        for path in self.list(&self.layout.keys())?.unwrap_or_default() {
            let Some(files) = self.list(&path)? else {
                if !name(&path).is_some_and(|name| KEYS.contains(&name)) {
                    self.stranger(path);
                }
                continue;
            };
            match name(&path) {
                Some("day") => {
                    let strange = files.into_iter().filter(|path| !name(path).is_some_and(is_of_a_day));
                    strange.for_each(|path| self.stranger(path));
                }
                Some(class) if is_class_name(class) => {
                    for file in files {
                        self.key_file(file)?;
                    }
                }
                Some(_) | None => self.stranger(path),
            }
        }
        Ok(())
    }

    fn key_file(&mut self, path: PathBuf) -> Result<(), VaultError> {
        let place = path.strip_prefix(self.layout.keys()).ok().and_then(key_file_of);
        let Some((shelf, generation)) = place else {
            self.stranger(path);
            return Ok(());
        };
        let read = if_there(read_all(self.disk, &path)).map_err(failed("read", &path))?;
        // `None`: disposal took it since the folder was read.
        let Some(bytes) = read else { return Ok(()) };
        let rows = KeyFile::read(&bytes).rows.into_iter().map(|placed| placed.row);
        let live =
            rows.filter(|row| row.state != KeyState::Destroyed && self.told.is_disposed(row.recording));
        for row in live {
            let fault = Fault::KeyReturned(row.recording);
            self.findings.push(Finding { recording: Some(row.recording), path: path.clone(), fault });
        }
        let salt = KeyFile::read_head(&bytes).and_then(|head| head.salt);
        let copy = self.layout.day_salt(&shelf, generation);
        if let Some(salt) = salt
            && !read_key(self.disk, &copy, KeyKind::Salt).is_ok_and(|copied| *copied == salt)
        {
            self.find(copy, Fault::SaltCopy);
        }
        Ok(())
    }

    /// Directories in it are of heads and rules, which check themselves.
    fn ledger(&mut self) -> Result<(), VaultError> {
        for path in self.list(&self.layout.ledger())?.unwrap_or_default() {
            let stem = name(&path)
                .and_then(|name| name.strip_suffix(".log").or_else(|| name.strip_suffix(".damaged")));
            let is_own = stem.is_some_and(|month| is_day(&format!("{month}-01")));
            if !is_own && self.list(&path)?.is_none() {
                self.stranger(path);
            }
        }
        Ok(())
    }
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

fn is_day(text: &str) -> bool {
    text.parse().is_ok_and(|day: NaiveDate| day.to_string() == text)
}

/// A day's private key or salt, or one that waits for the end of a rotation: `<class>-<day>[.<n>].<kind>`.
fn is_of_a_day(name: &str) -> bool {
    let name = name.strip_suffix(".next").unwrap_or(name);
    let Some(stem) = name.strip_suffix(".age").or_else(|| name.strip_suffix(".salt")) else { return false };
    let stem = match stem.split_once('.') {
        Some((stem, generation)) if generation.parse().is_ok_and(|n: u32| n > 1) => stem,
        Some(_) => return false,
        None => stem,
    };
    let Some((class, day)) = stem.len().checked_sub(10).and_then(|at| stem.split_at_checked(at)) else {
        return false;
    };
    is_day(day) && class.strip_suffix('-').is_some_and(is_class_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_day_are_known_by_class_day_generation_and_kind() {
        for own in [
            "citizen-90d-2026-11-21.age",
            "a-2026-11-21.salt",
            "a-2026-11-21.2.age",
            "a-2026-11-21.2.age.next",
        ] {
            assert!(is_of_a_day(own), "{own}");
        }
        for other in [
            "2026-11-21.age",
            "a-2026-11-21.1.age",
            "a-2026-11-21.copy.age",
            "a-2026-13-21.age",
            "x",
            "민원.age",
        ] {
            assert!(!is_of_a_day(other), "{other}");
        }
    }
}
