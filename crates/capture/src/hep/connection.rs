//! One agent that sends over TCP.

use std::{
    io::Read,
    net::TcpStream,
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use super::{Admitted, framing::HepFraming, is_for_later};

/// How long it may take until the first packet came, and until one that began is whole.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection of an agent.
pub(super) struct Connection {
    stream: TcpStream,
    framing: HepFraming,
    opened: Instant,
    /// When a packet was last admitted.
    last: Option<Instant>,
    /// Since when a packet is not whole.
    waits: Option<Instant>,
}

/// What became of a connection at one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// There may be more.
    Open,
    /// The agent closed it, it failed, or it does not know the key.
    Closed,
    /// What came is no HEP.
    NotHep,
}

impl Connection {
    /// One that was just opened, and that does not wait when it is read.
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, framing: HepFraming::default(), opened: Instant::now(), last: None, waits: None }
    }

    /// Reads once into `buffer`, and hands whole packets to `take`.
    pub(super) fn read(&mut self, buffer: &mut [u8], mut take: impl FnMut(&[u8]) -> Admitted) -> Turn {
        let length = match self.stream.read(buffer) {
            Ok(0) => return Turn::Closed,
            Ok(length) => length,
            Err(error) if is_for_later(&error) => return Turn::Open,
            Err(_) => return Turn::Closed,
        };
        let (mut admitted, mut refused) = (false, false);
        let framed = self.framing.handle_bytes(buffer.get(..length).unwrap_or_default(), |packet| {
            // What follows a wrong key is not asked for its own.
            if !refused {
                match take(packet) {
                    Admitted::Yes => admitted = true,
                    Admitted::No => refused = true,
                }
            }
        });
        if framed.is_err() {
            return Turn::NotHep;
        }
        if refused {
            return Turn::Closed;
        }
        let now = Instant::now();
        if admitted {
            (self.last, self.waits) = (Some(now), None);
        }
        if self.framing.waiting() > 0 {
            self.waits.get_or_insert(now);
        }
        Turn::Open
    }

    /// Whether it says what it has to say soon enough.
    pub(super) fn is_in_time(&self) -> bool {
        let since = self.waits.or_else(|| self.last.is_none().then_some(self.opened));
        since.is_none_or(|since| since.elapsed() < PATIENCE)
    }

    /// For how long it has said nothing.
    pub(super) fn silence(&self) -> Duration {
        self.last.unwrap_or(self.opened).elapsed()
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
