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
    /// A request is waited for from then on.
    accepted: Instant,
}

/// What the recorder waits for, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// A program that has just connected says what it wants, all of it.
    Request,
    /// A program takes what it asked for, all of it, and no person is involved.
    Taking,
    /// A person types a passphrase, or a disk fills slowly.
    Errand,
    /// Keys are copied to a medium that may be slow, file by file.
    Copying,
    /// A person reads page after page: each that is taken is waited for anew.
    Reading,
}

impl Wait {
    const fn patience(self) -> Duration {
        match self {
            Self::Request => Duration::from_secs(5),
            Self::Taking => Duration::from_secs(10),
            Self::Errand => Duration::from_secs(300),
            Self::Copying => Duration::from_secs(4 * 3600),
            Self::Reading => Duration::from_secs(600),
        }
    }
}

impl Connection {
    /// One that was accepted then.
    pub(super) fn new(stream: UnixStream, stop: Arc<AtomicBool>, accepted: Instant) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(ROUND))?;
        stream.set_write_timeout(Some(ROUND))?;
        Ok(Self { stream, stop, accepted })
    }

    /// Says one thing, while the other side takes some of it now and then.
    pub(super) fn send(&self, thing: &impl Serialize) -> io::Result<()> {
        self.write(&pack(thing)?, Instant::now(), Wait::Reading)
    }

    /// Says one thing to a program that takes, soon after `began`, all that is said to it from then on.
    pub(super) fn send_at_once(&self, thing: &impl Serialize, began: Instant) -> io::Result<()> {
        self.write(&pack(thing)?, began, Wait::Taking)
    }

    fn write(&self, mut rest: &[u8], mut began: Instant, wait: Wait) -> io::Result<()> {
        while !rest.is_empty() {
            match (&self.stream).write(rest) {
                Ok(0) => return Err(io::ErrorKind::BrokenPipe.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(cause) => {
                    self.wait_on(&cause, began, wait)?;
                    continue;
                }
            }
            match wait {
                Wait::Reading => began = Instant::now(),
                // Taking a byte now and then does not make it last longer than it may.
                Wait::Request | Wait::Taking | Wait::Errand | Wait::Copying
                    if began.elapsed() > wait.patience() =>
                {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
                Wait::Request | Wait::Taking | Wait::Errand | Wait::Copying => {}
            }
        }
        Ok(())
    }

    /// Waits for one thing to be said.
    pub(super) fn receive<T: DeserializeOwned>(&self, most: usize, wait: Wait) -> io::Result<T> {
        let began = match wait {
            Wait::Request => self.accepted,
            Wait::Errand | Wait::Copying | Wait::Taking | Wait::Reading => Instant::now(),
        };
        unpack(&mut Patient { connection: self, began, wait }, most)
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

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::{
        super::{
            parcel::{MAX_REQUEST, MAX_SAID},
            protocol::{Ask, PROTOCOL, Request, Said},
        },
        *,
    };

    /// A connection whose time for this is over in a tenth of a second, and its other end.
    fn late(wait: Wait) -> (Connection, UnixStream, Instant) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let left = Duration::from_millis(100);
        let began = Instant::now().checked_sub(wait.patience() - left).unwrap();
        (Connection::new(ours, Arc::default(), began).unwrap(), theirs, began)
    }

    /// Does `drop_by_drop` once a millisecond until it fails or `work` is done, and says what `work` came to, and whether it
    /// was done soon.
    fn beside(
        mut drop_by_drop: impl FnMut() -> io::Result<()> + Send,
        work: impl FnOnce() -> io::Result<()>,
    ) -> (Option<io::ErrorKind>, bool) {
        let (done, is_done) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                while is_done.recv_timeout(Duration::from_millis(1)) == Err(mpsc::RecvTimeoutError::Timeout) {
                    if drop_by_drop().is_err() {
                        return;
                    }
                }
            });
            let began = Instant::now();
            let outcome = work().err().map(|cause| cause.kind());
            drop(done);
            (outcome, began.elapsed() < Duration::from_secs(3))
        })
    }

    #[test]
    fn a_request_that_comes_byte_by_byte_is_not_waited_for_longer_than_any_other() {
        let (connection, mut theirs, _) = late(Wait::Request);
        theirs.write_all(&60_000_u32.to_le_bytes()).unwrap();
        let cut = beside(
            || theirs.write_all(b"x"),
            || connection.receive::<Request>(MAX_REQUEST, Wait::Request).map(drop),
        );
        assert_eq!(cut, (Some(io::ErrorKind::BrokenPipe), true));
    }

    #[test]
    fn a_request_that_nobody_makes_is_not_waited_for_longer_because_the_recorder_is_slow() {
        let (connection, mut theirs, _) = late(Wait::Request);
        thread::sleep(Duration::from_millis(150));
        theirs.write_all(&pack(&Request { protocol: PROTOCOL, ask: Ask::Health }).unwrap()).unwrap();
        let refused = connection.receive::<Request>(MAX_REQUEST, Wait::Request).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn an_answer_that_is_taken_byte_by_byte_is_cut_off() {
        let (connection, mut theirs, began) = late(Wait::Taking);
        let answer = Said::Out(vec![0; MAX_SAID - 16]);
        let taken = || theirs.read_exact(&mut [0; 64]);
        let cut = beside(taken, || connection.send_at_once(&answer, began));
        assert_eq!(cut, (Some(io::ErrorKind::BrokenPipe), true));
    }

    #[test]
    fn a_command_may_last_long_after_its_request_was_due() {
        let (connection, mut theirs, _) = late(Wait::Request);
        theirs.write_all(&pack(&Request { protocol: PROTOCOL, ask: Ask::Health }).unwrap()).unwrap();
        connection.receive::<Request>(MAX_REQUEST, Wait::Request).unwrap();
        thread::sleep(Duration::from_millis(150));
        let piece = Said::Out(vec![7; MAX_SAID - 16]);
        let whole = pack(&piece).unwrap().len();
        let mut taken = 0;
        let take = || theirs.read(&mut [0; 1 << 16]).map(|read| taken += read);
        assert_eq!(beside(take, || connection.send(&piece)).0, None, "a page at a time");
        assert!(taken > whole / 4, "{taken}");
        let mut rest = vec![0; whole - taken];
        theirs.read_exact(&mut rest).unwrap();
        theirs.write_all(&pack(&1_u8).unwrap()).unwrap();
        assert_eq!(connection.receive::<u8>(1, Wait::Errand).unwrap(), 1, "an errand that was run");
    }
}
