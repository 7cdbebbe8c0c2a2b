//! Capabilities and core dumps.

use std::fmt;

use rustix::{
    io::Errno,
    process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
        clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
        set_no_new_privs,
    },
};

/// Packet sockets are opened anew when an interface comes back: this one stays.
const KEPT: CapabilitySet = CapabilitySet::NET_RAW;

/// What is left.
pub(super) struct Privileges {
    /// Capabilities that could not be given up, beside the one that is kept.
    left: Result<CapabilitySet, Errno>,
    cores: Result<(), Errno>,
}

/// Gives up what is not needed. None of it comes back, not by another program either.
pub(super) fn give_up() -> Privileges {
    let tried = drop_capabilities();
    let left = capabilities(None).map(|sets| (sets.permitted | sets.effective).difference(KEPT));
    // With a filter on system calls the last step may be refused to who has nothing left to give up.
    let left = match (left, tried) {
        (Ok(left), Err(errno)) if !left.is_empty() => Err(errno),
        (left, _) => left,
    };
    Privileges { left, cores: forbid_cores() }
}

fn drop_capabilities() -> Result<(), Errno> {
    set_no_new_privs(true)?;
    clear_ambient_capability_set()?;
    let now = capabilities(None)?;
    if now.effective.contains(CapabilitySet::SETPCAP) {
        empty_bounding_set()?;
    }
    let kept = now.permitted.intersection(KEPT);
    set_capabilities(
        None,
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() },
    )
}

/// What a program that root starts could have at most: nothing.
fn empty_bounding_set() -> Result<(), Errno> {
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        match capability_is_in_bounding_set(capability) {
            Ok(true) => remove_capability_from_bounding_set(capability)?,
            Ok(false) => {}
            // Beyond the last that this kernel knows.
            Err(_) => break,
        }
    }
    Ok(())
}

/// Audio is in the memory: no core is written, and no other process of this user may look into it.
pub(super) fn forbid_cores() -> Result<(), Errno> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let limit = getrlimit(Resource::Core);
    if limit.current == Some(0) && limit.maximum == Some(0) {
        return Ok(());
    }
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
}

impl fmt::Display for Privileges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.left {
            Ok(left) if left.is_empty() => f.write_str("no capability but CAP_NET_RAW")?,
            Ok(left) => write!(f, "capabilities {:#x} beside CAP_NET_RAW are left", left.bits())?,
            Err(errno) => write!(f, "capabilities could not be given up ({errno})")?,
        }
        match &self.cores {
            Ok(()) => f.write_str(", no core dumps"),
            Err(errno) => write!(f, ", core dumps could not be forbidden ({errno})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is given up is the thread's: a thread of its own gives it up, and the other tests keep theirs.
    fn in_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| scope.spawn(work).join().expect("the thread ends in order"))
    }

    #[test]
    fn nothing_but_packet_sockets_is_left_and_nothing_comes_back() {
        let (said, sets, bounded) = in_a_thread(|| {
            let before = capabilities(None).expect("the kernel tells");
            let said = give_up().to_string();
            let bounded = (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit));
            let bounded = bounded.filter(|one| capability_is_in_bounding_set(*one) == Ok(true)).count();
            let again = set_capabilities(None, before);
            assert_eq!(again.is_ok(), before == capabilities(None).expect("the kernel tells"));
            (said, capabilities(None).expect("the kernel tells"), bounded)
        });
        assert_eq!(said, "no capability but CAP_NET_RAW, no core dumps");
        assert_eq!(sets.permitted.difference(KEPT), CapabilitySet::empty());
        assert_eq!(sets.inheritable, CapabilitySet::empty());
        if rustix::process::geteuid().is_root() {
            assert_eq!((sets.effective, bounded), (KEPT, 0));
        }
    }

    #[test]
    fn a_capability_that_stays_is_told() {
        let left = Privileges { left: Ok(CapabilitySet::SYS_ADMIN), cores: Err(Errno::PERM) };
        let said = left.to_string();
        assert!(
            said.starts_with("capabilities 0x200000 beside CAP_NET_RAW are left, core dumps could not"),
            "{said}"
        );
    }
}
