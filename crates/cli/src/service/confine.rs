//! One call that gives up everything recording does not need.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::{
    files::{self, Closed},
    memory::{self, Capabilities, Memory},
    privileges::{self, Privileges},
};

/// What the recorder needs of the machine once it runs.
pub(crate) struct Confinement<'a> {
    /// The vault: the one place that is written.
    pub(crate) vault: &'a Path,
    /// What is read again later: rules, the configuration.
    pub(crate) reads: &'a [PathBuf],
    /// TCP ports that it listens on: the metrics.
    pub(crate) listens: &'a [u16],
    /// TCP ports of others that it connects to: where alarms are posted.
    pub(crate) connects: &'a [u16],
    /// Whether it runs commands of the administrator.
    pub(crate) hooks: Hooks,
}

/// Whether commands of the administrator are run. They inherit the confinement, so that it must be wider with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hooks {
    /// No program is ever started.
    None,
    /// An alarm starts one: everything may be read and run, temporary files may be written, any host be spoken to.
    Run,
}

/// What was achieved.
pub(crate) struct Confined {
    privileges: Privileges,
    files: Closed,
    memory: Memory,
}

/// Gives up, for this thread and those that it starts from now on, every capability but that of packet sockets, every file
/// but those named, and core dumps; and keeps its memory, keys and audio in it, out of swap. Call it before any other thread runs: the index of the vault starts some.
pub(crate) fn confine(confinement: &Confinement<'_>) -> Confined {
    // Files first: the kernel is told what may be opened by paths that a lesser process might not see.
    let files = files::close(confinement);
    // And memory before capabilities: root may lock as much as it likes.
    let memory = memory::lock(Capabilities::Go);
    Confined { privileges: privileges::give_up(), files, memory }
}

impl fmt::Display for Confined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "confined: {}; {}; {}", self.privileges, self.files, self.memory)
    }
}
