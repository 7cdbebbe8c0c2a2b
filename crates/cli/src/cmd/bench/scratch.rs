//! Places for vaults that are measured and not kept, and the signals that end measuring early: nothing is left behind.

use std::{
    fs::{DirBuilder, remove_dir_all},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::exit::{Exit, Failure};

/// A directory of one's own, which is gone with all that is in it when this is dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes one in `at`, or where the system has such things.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn make(at: Option<&Path>) -> Result<Self, Failure> {
        let at = at.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let at = std::path::absolute(at)?;
        let mut made = (0..1_000).map(|number| {
            let path = at.join(format!("earwitness-bench-{}-{number}", std::process::id()));
            DirBuilder::new().mode(0o700).create(&path).map(|()| Self { path })
        });
        let is_taken = |made: &io::Result<Self>| {
            made.as_ref().is_err_and(|cause| cause.kind() == io::ErrorKind::AlreadyExists)
        };
        let taken = || Err(io::ErrorKind::AlreadyExists.into());
        made.find(|made| !is_taken(made)).unwrap_or_else(taken).map_err(|cause| {
            let what = format_args!("cannot make a folder in {}: {cause}", at.display());
            Failure::new(Exit::Failed, what)
        })
    }

    /// A place in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Removes a folder in it, and the key beside it.
    pub(super) fn remove_vault(&self, name: &str) {
        // What stays goes with the whole.
        remove_dir_all(self.path(name)).unwrap_or_default();
        std::fs::remove_file(self.path(&format!("{name}.key"))).unwrap_or_default();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(cause) = remove_dir_all(&self.path) {
            crate::terminal::say(format_args!("{} is left behind: {cause}", self.path.display()));
        }
    }
}

/// Whether a signal asked for the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on signals are heard here, and do not end the process by themselves.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn on_signals() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Self(asked))
    }

    /// As if one came.
    #[cfg(test)]
    pub(super) fn ask(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether one came.
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// Goes on, or not.
    ///
    /// # Errors
    /// When a signal came.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.is_asked() { Err(stopped()) } else { Ok(()) }
    }
}

/// What is said when a signal ended it.
pub(super) fn stopped() -> Failure {
    Failure::new(Exit::Failed, "stopped before the end: nothing is told, and nothing is left behind")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_place_is_its_owners_and_gone_with_its_vaults() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let (one, other) =
            (Scratch::make(Some(home.path())).unwrap(), Scratch::make(Some(home.path())).unwrap());
        assert_ne!(one.path, other.path);
        assert_eq!(one.path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::create_dir(one.path("v")).unwrap();
        std::fs::write(one.path("v.key"), "key").unwrap();
        one.remove_vault("v");
        assert_eq!(std::fs::read_dir(&one.path).unwrap().count(), 0);
        std::fs::write(one.path("w.key"), "key").unwrap();
        drop((one, other));
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }
}
