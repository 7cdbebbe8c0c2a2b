//! The recorder's end of one connection: every wait has an end, and ends when the recorder stops.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Serialize, de::DeserializeOwned};

use super::parcel::{pack, unpack};

/// How long one wait lasts before it is asked again whether the recorder stops.
pub(super) const ROUND: Duration = Duration::from_millis(200);

/// A client.
pub(super) struct Connection {
    stream: UnixStream,
    stop: Arc<AtomicBool>,
}

/// What the recorder waits for, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// A program that has just connected says what it wants.
    Request,
    /// A person types a passphrase, or a disk fills slowly.
    Errand,
    /// A person reads page after page.
    Reading,
}

impl Wait {
    const fn patience(self) -> Duration {
        match self {
            Self::Request => Duration::from_secs(5),
            Self::Errand => Duration::from_secs(300),
            Self::Reading => Duration::from_secs(600),
        }
    }
}

impl Connection {
    pub(super) fn new(stream: UnixStream, stop: Arc<AtomicBool>) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(ROUND))?;
        stream.set_write_timeout(Some(ROUND))?;
        Ok(Self { stream, stop })
    }

    /// Says one thing, while the other side takes it.
    pub(super) fn send(&self, thing: &impl Serialize) -> io::Result<()> {
        let bytes = pack(thing)?;
        let mut rest = bytes.as_slice();
        let mut began = Instant::now();
        while !rest.is_empty() {
            match (&self.stream).write(rest) {
                Ok(0) => return Err(io::ErrorKind::BrokenPipe.into()),
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    began = Instant::now();
                }
                Err(cause) => self.wait_on(&cause, began, Wait::Reading)?,
            }
        }
        Ok(())
    }

    /// Waits for one thing to be said.
    pub(super) fn receive<T: DeserializeOwned>(&self, most: usize, wait: Wait) -> io::Result<T> {
        unpack(&mut Patient { connection: self, began: Instant::now(), wait }, most)
    }

    /// Whether the client is there, and the recorder goes on.
    pub(super) fn is_open(&self) -> bool {
        if self.stop.load(Ordering::Relaxed) {
            return false;
        }
        let mut fds = [PollFd::new(&self.stream, PollFlags::RDHUP)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        match poll(&mut fds, Some(&at_once)) {
            Ok(0) => true,
            Ok(_) => !fds[0].revents().intersects(PollFlags::HUP | PollFlags::RDHUP | PollFlags::ERR),
            // What cannot be asked is found out by the next thing that is said.
            Err(_) => true,
        }
    }

    /// Waits another round after `cause`, or not.
    fn wait_on(&self, cause: &io::Error, began: Instant, wait: Wait) -> io::Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the recorder stops"));
        }
        let kind = cause.kind();
        let is_round_over = matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        if kind == io::ErrorKind::Interrupted || (is_round_over && began.elapsed() < wait.patience()) {
            return Ok(());
        }
        // Whoever takes or says nothing for so long is gone.
        Err(if is_round_over { io::ErrorKind::BrokenPipe.into() } else { kind.into() })
    }
}

/// Reads until it is said, it takes too long, or the recorder stops.
struct Patient<'c> {
    connection: &'c Connection,
    began: Instant,
    wait: Wait,
}

impl Read for Patient<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&self.connection.stream).read(bytes) {
                Err(cause) => self.connection.wait_on(&cause, self.began, self.wait)?,
                // A byte now and then does not make a request last longer than it may.
                Ok(_) if self.began.elapsed() > self.wait.patience() => {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
                Ok(read) => return Ok(read),
            }
        }
    }
}
