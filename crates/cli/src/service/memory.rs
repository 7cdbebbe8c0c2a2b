//! Memory that is never written to a disk: what holds keys and audio stays out of swap.

use std::fmt;

use rustix::{
    io::Errno,
    mm::{MlockAllFlags, mlockall},
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::CapabilitySet,
};

use super::privileges::forbid_cores;
use crate::terminal;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// All that there is and all that comes is locked, page by page as it is touched.
    Locked,
    /// So many bytes may be locked, which is not enough: with a limit, memory that comes later would be refused.
    Limited(u64),
    /// The system refused.
    Refused(Errno),
}

/// What becomes of the capabilities of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capabilities {
    /// They are given up next: what they allow is allowed no more when memory comes later.
    Go,
    /// They stay.
    Stay,
}

/// Locks all memory, now and from now on. Call it before capabilities are given up: root may raise its own limit.
pub(crate) fn lock(capabilities: Capabilities) -> Memory {
    let is_above_limits = capabilities == Capabilities::Stay && may_lock_anything();
    if let (Err(limit), false) = (unlimited(), is_above_limits) {
        return Memory::Limited(limit);
    }
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    match mlockall(flags) {
        Ok(()) => Memory::Locked,
        Err(errno) => Memory::Refused(errno),
    }
}

/// The officer's key comes into this process: nothing of it goes into a core file from now on, nor, where the system allows it,
/// to swap. Somebody who may lock no memory opens recordings all the same.
pub(crate) fn guard_keys(verbose: u8) {
    let memory = forbid_cores().map_or_else(Memory::Refused, |()| lock(Capabilities::Stay));
    if verbose > 0 {
        terminal::say(memory);
    }
}

fn may_lock_anything() -> bool {
    rustix::thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK))
}

/// Takes the limit away, where there is one; what it is where that is refused.
fn unlimited() -> Result<(), u64> {
    let limit = getrlimit(Resource::Memlock);
    let Some(bytes) = limit.current else { return Ok(()) };
    // The service manager's own limit (LimitMEMLOCK=infinity) was met above; root raises it here.
    let raised = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None });
    raised.map_err(|_errno| bytes)
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => f.write_str("memory locked"),
            Self::Limited(bytes) => write!(
                f,
                "memory not locked, it may be swapped out: the limit is {} KiB (LimitMEMLOCK=infinity lifts it)",
                bytes >> 10
            ),
            Self::Refused(errno) => write!(f, "memory not locked, it may be swapped out ({errno})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_swapped_out_is_told_with_its_cure() {
        for (memory, said) in [
            (Memory::Locked, "memory locked"),
            (
                Memory::Limited(8 << 20),
                "memory not locked, it may be swapped out: the limit is 8192 KiB (LimitMEMLOCK=infinity lifts it)",
            ),
            (
                Memory::Refused(Errno::NOMEM),
                "memory not locked, it may be swapped out (Cannot allocate memory (os error 12))",
            ),
        ] {
            assert_eq!(memory.to_string(), said);
        }
    }
}
