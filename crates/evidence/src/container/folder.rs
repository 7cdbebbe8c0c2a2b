//! A bundle that somebody unpacked.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use super::Named;
use crate::name::{MOST_BYTES, MOST_FILES, is_name};

/// Why a folder is no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FolderFault {
    /// It cannot be read.
    #[error("cannot read {what}: {cause}")]
    Unreadable {
        /// What of it.
        what: String,
        /// What the system says.
        cause: String,
        /// Its kind.
        kind: std::io::ErrorKind,
    },
    /// There is something that is no file of a bundle.
    #[error("there is something in the folder that is no file of a bundle: {0}")]
    Strange(String),
    /// More files than a bundle has.
    #[error("the folder has more files than a bundle")]
    TooMany,
    /// More bytes than a bundle has.
    #[error("the folder has more bytes than a bundle")]
    TooLarge,
}

/// The files in a folder, sorted by name. Links are not followed.
///
/// # Errors
/// Those of [`FolderFault`].
pub fn read_folder(folder: &Path) -> Result<Vec<Named>, FolderFault> {
    let mut found = Found { files: Vec::new(), left: MOST_BYTES };
    found.walk(folder, "")?;
    found.files.sort();
    Ok(found.files)
}

struct Found {
    files: Vec<Named>,
    left: u64,
}

impl Found {
    fn walk(&mut self, folder: &Path, within: &str) -> Result<(), FolderFault> {
        for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
            let entry = entry.map_err(unreadable(folder))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(unreadable(&path))?;
            let name = format!("{within}{}", entry.file_name().to_string_lossy());
            if !is_name(&name) {
                return Err(FolderFault::Strange(name));
            }
            if kind.is_dir() && within.is_empty() {
                self.walk(&path, &format!("{name}/"))?;
            } else if kind.is_file() {
                self.take(&path, name)?;
            } else {
                return Err(FolderFault::Strange(name));
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &Path, name: String) -> Result<(), FolderFault> {
        if self.files.len() == MOST_FILES {
            return Err(FolderFault::TooMany);
        }
        let mut content = Vec::new();
        let file = File::open(path).map_err(unreadable(path))?;
        let read = file.take(self.left + 1).read_to_end(&mut content).map_err(unreadable(path))?;
        self.left = self.left.checked_sub(read as u64).ok_or(FolderFault::TooLarge)?;
        self.files.push((name, content));
        Ok(())
    }
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> FolderFault {
    let what = path.display().to_string();
    |cause| FolderFault::Unreadable { what, cause: cause.to_string(), kind: cause.kind() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_sorted_and_links_and_strangers_are_named() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::create_dir(at("sealed")).unwrap();
        fs::write(at("b.txt"), "b").unwrap();
        fs::write(at("sealed/a.bin"), "a").unwrap();
        let files = read_folder(home.path()).unwrap();
        assert_eq!(files, [("b.txt".to_owned(), b"b".to_vec()), ("sealed/a.bin".to_owned(), b"a".to_vec())]);
        std::os::unix::fs::symlink("/etc/hostname", at("link")).unwrap();
        assert_eq!(read_folder(home.path()), Err(FolderFault::Strange("link".to_owned())));
        fs::remove_file(at("link")).unwrap();
        fs::create_dir(at("sealed/deeper")).unwrap();
        assert_eq!(read_folder(home.path()), Err(FolderFault::Strange("sealed/deeper".to_owned())));
    }
}
