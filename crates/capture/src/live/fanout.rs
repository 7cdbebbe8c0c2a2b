//! One interface shared out between several sources, each on a thread of its own: `PACKET_FANOUT` (packet(7)).

use std::{
    io,
    num::NonZeroU16,
    os::fd::{AsRawFd, BorrowedFd},
};

use thiserror::Error;

use super::Refusal;

/// The group of sources that share an interface: every frame goes to one of them.
///
/// The kernel chooses by a hash that is the same for both directions of a flow. No flag is set, on purpose: without `DEFRAG`
/// fragments come as they were on the wire, and all those of a datagram to the same source, because the hash leaves the ports
/// out for each of them; the kernel's reassembly would lose incomplete datagrams without a count. Without `ROLLOVER`
/// a flow stays where it is known; what a full ring cannot take is lost and counted, and not sent to a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fanout {
    /// Its number, one per interface and process: all sources with the same belong together, in a network namespace.
    pub group: NonZeroU16,
}

/// What is wrong with a group.
#[derive(Debug, Error)]
pub enum FanoutFault {
    /// The kernel does not let the source in.
    #[error("{0}; another program may use the same group for another interface or in another way")]
    NotJoined(io::Error),
    /// The kernel says something else than it was told.
    #[error("the kernel was told {asked:#x} and has {is:#x}")]
    TookNoEffect {
        /// Group and way, as `PACKET_FANOUT` takes them.
        asked: u32,
        /// What it gives back.
        is: u32,
    },
}

impl Fanout {
    /// Lets the packet socket `fd` into the group, and asks whether it is in.
    pub(super) fn join(self, fd: BorrowedFd<'_>) -> Result<(), Refusal> {
        let refused = |fault| Refusal::Fanout { group: self.group.get(), fault };
        let asked = u32::from(self.group.get()) | (libc::PACKET_FANOUT_HASH << 16);
        set(fd, asked).map_err(|errno| refused(FanoutFault::NotJoined(errno)))?;
        match fanout(fd).map_err(|errno| refused(FanoutFault::NotJoined(errno)))? {
            is if is == asked => Ok(()),
            is => Err(refused(FanoutFault::TookNoEffect { asked, is })),
        }
    }
}

#[expect(unsafe_code, reason = "no safe wrapper knows PACKET_FANOUT")]
fn set(fd: BorrowedFd<'_>, value: u32) -> io::Result<()> {
    // SAFETY: `fd` is open for the length of the call, and the kernel reads the four bytes of `value`, no more.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_FANOUT,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[expect(unsafe_code, reason = "no safe wrapper knows PACKET_FANOUT")]
fn fanout(fd: BorrowedFd<'_>) -> io::Result<u32> {
    let mut value = 0_u32;
    let mut length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: `fd` is open for the length of the call, and the kernel writes at most `length` bytes, those of `value`.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_FANOUT,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    if result == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}
