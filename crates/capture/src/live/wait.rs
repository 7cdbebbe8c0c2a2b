//! Waiting for frames of several interfaces on one thread.

use std::{
    os::fd::{AsFd, BorrowedFd},
    thread,
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::LiveSource;

/// Waits until one of `sources` has frames or news of its interface, a signal comes, or the time is over.
///
/// The kernel hands frames over in blocks, at the latest 20 ms after a block's first one; that is how late it may wake.
pub fn wait(sources: &[&LiveSource], at_most: Duration) {
    wait_beside(sources, &[], at_most);
}

/// As [`wait`], or until something came to one of `sockets`.
pub(crate) fn wait_beside(sources: &[&LiveSource], sockets: &[BorrowedFd<'_>], at_most: Duration) {
    let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(2 * sources.len() + sockets.len());
    fds.extend(sockets.iter().map(|socket| PollFd::from_borrowed_fd(*socket, PollFlags::IN)));
    for source in sources {
        fds.push(PollFd::from_borrowed_fd(source.kernel.as_fd(), PollFlags::IN));
        let ring = source.ring.as_ref();
        fds.extend(ring.map(|ring| PollFd::from_borrowed_fd(ring.as_fd(), PollFlags::IN)));
    }
    // A ring that is being emptied is asked again and again: its interface wakes nobody any more.
    let is_leaving = sources.iter().any(|source| source.leaving.is_some());
    let at_most = if is_leaving { at_most.min(super::EMPTIED) } else { at_most };
    let timeout = Timespec::try_from(at_most).ok();
    // Interrupted by a signal is awake; any other error must not become a loop that never rests.
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(_) => thread::sleep(at_most.min(Duration::from_millis(10))),
    }
}
