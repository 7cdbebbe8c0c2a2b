//! What a client lets the recorder have done with its rights: what its own command line names or needs, and nothing else.

use std::{
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

use ureq::http::Uri;

use crate::seat::{NewOfficer, Over};

/// Places and devices that a command may use at its seat, and what of its user's it may see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Grant {
    output: Option<(PathBuf, Over)>,
    player: bool,
    key: bool,
    rules: bool,
    backup: Option<PathBuf>,
    /// A passphrase for what leaves: out of this file, or typed.
    new_passphrase: Option<Option<PathBuf>>,
    /// Folders may be made at the place, one in the other, twice.
    folders: bool,
    new_officer: Option<NewOfficer>,
    key_backup: Option<PathBuf>,
    files: Vec<PathBuf>,
    authority: Option<Uri>,
}

impl Grant {
    /// Files at this place: itself, or in it when it is a directory; over others only where the command line says so.
    pub(crate) fn output(place: &Path, over: Over) -> Self {
        Self { output: Some((place.to_owned(), over)), ..Self::default() }
    }

    /// The system's player.
    pub(crate) fn player() -> Self {
        Self { player: true, ..Self::default() }
    }

    /// Also the officer's key: without it the command cannot open what is sealed.
    pub(crate) fn with_key(self) -> Self {
        Self { key: true, ..self }
    }

    /// Also the capture rules, which name the office's numbers.
    pub(crate) fn with_rules(self) -> Self {
        Self { rules: true, ..self }
    }

    /// Also a new passphrase for what leaves, out of `file` or typed.
    pub(crate) fn with_new_passphrase(self, file: Option<PathBuf>) -> Self {
        Self { new_passphrase: Some(file), ..self }
    }

    /// Also files in folders at the place.
    pub(crate) fn with_folders(self) -> Self {
        Self { folders: true, ..self }
    }

    /// Whether a new passphrase may be asked for, out of this file or typed.
    pub(super) fn permits_passphrase(&self, file: Option<&Path>) -> bool {
        self.new_passphrase.as_ref().is_some_and(|granted| granted.as_deref() == file)
    }

    /// A backup of the vault's volumes in this folder, and its list.
    pub(crate) fn backup(dir: &Path) -> Self {
        Self { backup: Some(dir.to_owned()), ..Self::output(dir, Over::Files) }
    }

    /// Whether a backup may be copied here.
    pub(super) fn permits_backup(&self, dir: &Path) -> bool {
        self.backup.as_deref() == Some(dir)
    }

    /// Also who the officer of the vault shall be, and the new officer's key, where one is made.
    pub(crate) fn with_new_officer(self, new: NewOfficer) -> Self {
        Self { new_officer: Some(new), ..self }
    }

    /// A backup of the vault's keys in this folder, with what lists its files.
    pub(crate) fn key_backup(dir: &Path) -> Self {
        Self { key_backup: Some(dir.to_owned()), ..Self::output(dir, Over::Files) }
    }

    pub(super) const fn new_officer(&self) -> Option<&NewOfficer> {
        self.new_officer.as_ref()
    }

    pub(super) fn permits_key_backup(&self, dir: &Path) -> bool {
        self.key_backup.as_deref() == Some(dir)
    }

    /// Also what is in this file, and in no other.
    pub(crate) fn with_file(mut self, path: &Path) -> Self {
        self.files.push(path.to_owned());
        self
    }

    /// Also a question to this authority.
    pub(crate) fn with_post(self, url: &Uri) -> Self {
        Self { authority: Some(url.clone()), ..self }
    }

    /// Whether what is in a file may be told.
    pub(super) fn permits_read(&self, path: &Path) -> bool {
        self.files.iter().any(|file| file == path)
    }

    /// The authority of this URL, if it may be asked.
    pub(super) fn asked(&self, url: &str) -> Option<&Uri> {
        self.authority.as_ref().filter(|authority| **authority == *url)
    }

    pub(super) const fn has_key(&self) -> bool {
        self.key
    }

    pub(super) const fn has_rules(&self) -> bool {
        self.rules
    }

    pub(super) const fn has_player(&self) -> bool {
        self.player
    }

    /// Whether files that are there may go.
    pub(super) fn permits_over(&self, over: Over) -> bool {
        match over {
            Over::Nothing => true,
            Over::Files => matches!(self.output, Some((_, Over::Files))),
        }
    }

    /// Whether a file may be made here. In a directory, none that is hidden: shells and programs believe what lies there.
    pub(super) fn permits(&self, path: &Path) -> bool {
        let Some((output, _)) = &self.output else { return false };
        let Ok(below) = path.strip_prefix(output) else { return false };
        let mut steps = below.components();
        let is_open = |step| matches!(step, Component::Normal(name) if !name.as_bytes().starts_with(b"."));
        match (steps.next(), steps.next(), steps.next()) {
            (None, _, _) => true,
            (Some(name), None, _) => is_open(name),
            (Some(folder), Some(name), None) => self.folders && is_open(folder) && is_open(name),
            (Some(_), Some(_), Some(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_files_and_the_authority_of_the_command_line_are_read_and_asked() {
        let url: Uri = "http://tsa.example/".parse().unwrap();
        let grant = Grant::default().with_file(Path::new("head.txt")).with_post(&url);
        assert!(grant.permits_read(Path::new("head.txt")) && !grant.permits_read(Path::new("/etc/shadow")));
        assert_eq!(grant.asked("http://tsa.example/"), Some(&url));
        assert_eq!(grant.asked("http://other.example/"), None);
        assert!(!Grant::default().permits_read(Path::new("head.txt")));
    }

    #[test]
    fn files_are_made_where_the_command_line_says_and_nowhere_else() {
        let check = |output: &str, path: &str, permitted| {
            assert_eq!(
                Grant::output(Path::new(output), Over::Nothing).permits(Path::new(path)),
                permitted,
                "{output} {path}"
            );
        };
        for (output, path) in [
            ("out", "out"),
            ("out/", "out/a.wav"),
            ("/x/a.wav", "/x/a.wav"),
            (".", "./a.wav"),
            (".hidden.wav", ".hidden.wav"),
            ("../out", "../out/b"),
        ] {
            check(output, path, true);
        }
        for (output, path) in [
            ("out", "out/../a"),
            ("out", "out/a/b"),
            (".", "./.profile"),
            ("/srv/out", "/srv/out/.bashrc"),
            ("out", "outer"),
            ("out", "/etc/passwd"),
            ("/x/a.wav", "/x/b.wav"),
            ("/x/a.wav", "/x"),
        ] {
            check(output, path, false);
        }
        let over = |grant: Grant| grant.permits_over(Over::Files);
        let out = |over| Grant::output(Path::new("out"), over);
        assert!(over(out(Over::Files)) && !over(out(Over::Nothing)) && !over(Grant::player()));
        assert!(out(Over::Nothing).permits_over(Over::Nothing));
        let deep = out(Over::Nothing).with_folders();
        let permitted = |path: &str| deep.permits(Path::new(path));
        assert!(permitted("out/a") && permitted("out/a/b") && !permitted("out/a/b/c"));
        assert!(!permitted("out/.a/b") && !permitted("out/a/.b") && !permitted("out/../b"));
        let typed = out(Over::Nothing).with_new_passphrase(None);
        assert!(typed.permits_passphrase(None) && !typed.permits_passphrase(Some(Path::new("x"))));
        assert!(!out(Over::Nothing).permits_passphrase(None));
        assert!(!Grant::player().permits(Path::new("a")) && !Grant::default().has_player());
    }
}
