//! A folder that looks as a machine's root will after the installation.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::process;

/// How a file may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Read by everybody, written by root.
    Plain = 0o644,
    /// The same, and run.
    Program = 0o755,
}

/// The folder.
pub(super) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// An empty folder at `root`, whatever was there.
    pub(super) fn empty(root: &Path) -> Result<Self> {
        match fs::remove_dir_all(root) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot empty {}", root.display()));
            }
            Ok(()) | Err(_) => {}
        }
        let tree = Self { root: root.to_path_buf() };
        tree.folder("")?;
        Ok(tree)
    }

    /// Where it is.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where the file `path` of the machine is in the tree; its folders are made.
    pub(super) fn at(&self, path: &str) -> Result<PathBuf> {
        if let Some((folder, _name)) = path.rsplit_once('/') {
            self.folder(folder)?;
        }
        Ok(self.root.join(path))
    }

    /// Writes a file.
    pub(super) fn write(&self, path: &str, mode: Mode, content: impl AsRef<[u8]>) -> Result<()> {
        let at = self.at(path)?;
        fs::write(&at, content).with_context(|| format!("cannot write {}", at.display()))?;
        self.set_mode(path, mode)
    }

    /// Writes a file, compressed, with `.gz` at the end of its name; without a name or time inside.
    pub(super) fn write_gzip(&self, path: &str, content: impl AsRef<[u8]>) -> Result<()> {
        self.write(path, Mode::Plain, content)?;
        process::succeed(Command::new("gzip").args(["-9", "-n", "-f"]).arg(self.root.join(path)))
    }

    /// Sets what may be done with a file, whatever the umask was.
    pub(super) fn set_mode(&self, path: &str, mode: Mode) -> Result<()> {
        let at = self.root.join(path);
        fs::set_permissions(&at, Permissions::from_mode(mode as u32))
            .with_context(|| format!("cannot set the mode of {}", at.display()))
    }

    /// The files in it, from its root, sorted.
    pub(super) fn files(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        self.list(&self.root, &mut found)?;
        found.sort();
        Ok(found)
    }

    fn list(&self, folder: &Path, found: &mut Vec<String>) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                self.list(&path, found)?;
            } else if let Ok(name) = path.strip_prefix(&self.root) {
                found.push(name.to_string_lossy().into_owned());
            }
        }
        Ok(())
    }

    /// Makes a folder and those above it, for everybody to enter.
    fn folder(&self, path: &str) -> Result<()> {
        let mut at = self.root.clone();
        make_open(&at)?;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at.push(part);
            make_open(&at)?;
        }
        Ok(())
    }
}

fn make_open(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::set_permissions(folder, Permissions::from_mode(Mode::Program as u32))
        .with_context(|| format!("cannot set the mode of {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_listed_from_the_root_in_order_and_have_the_modes_they_were_given() {
        let home = tempfile::tempdir().expect("a folder can be made");
        let tree = Tree::empty(&home.path().join("tree")).expect("it can be made");
        tree.write("usr/bin/b", Mode::Program, "x").expect("it can be written");
        tree.write("etc/a", Mode::Plain, "x").expect("it can be written");
        assert_eq!(tree.files().expect("it can be listed"), ["etc/a", "usr/bin/b"]);
        let mode = |path: &str| {
            fs::metadata(tree.root().join(path)).expect("it is there").permissions().mode() & 0o7777
        };
        assert_eq!((mode("usr"), mode("usr/bin/b"), mode("etc/a")), (0o755, 0o755, 0o644));
        let again = Tree::empty(tree.root()).expect("it can be emptied");
        assert_eq!(again.files().expect("it can be listed"), [""; 0]);
    }
}
