//! One agent that sends over TCP.

use std::{
    io::Read,
    net::{IpAddr, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use super::{Admitted, NotHep, budget::Budget, framing::HepFraming, is_for_later};

/// A connection of an agent.
pub(super) struct Connection {
    stream: TcpStream,
    peer: IpAddr,
    framing: HepFraming,
    /// What was received and is not read, because a batch was full.
    unread: Vec<u8>,
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
    /// One that `peer` just opened, and that does not wait when it is read.
    pub(super) fn new(stream: TcpStream, peer: IpAddr) -> Self {
        Self {
            stream,
            peer,
            framing: HepFraming::default(),
            unread: Vec::new(),
            opened: Instant::now(),
            last: None,
            waits: None,
        }
    }

    /// Hands whole packets to `take` as far as the budget goes: those that were received before, or else what one reading into
    /// `buffer` gives.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        budget: &mut Budget,
        take: impl FnMut(&[u8]) -> Admitted,
    ) -> Turn {
        let unread = std::mem::take(&mut self.unread);
        if !unread.is_empty() {
            return self.take_packets(&unread, budget, take);
        }
        match self.stream.read(buffer) {
            Ok(0) => Turn::Closed,
            Ok(length) => self.take_packets(buffer.get(..length).unwrap_or_default(), budget, take),
            Err(error) if is_for_later(&error) => Turn::Open,
            Err(_) => Turn::Closed,
        }
    }

    fn take_packets(
        &mut self,
        mut bytes: &[u8],
        budget: &mut Budget,
        mut take: impl FnMut(&[u8]) -> Admitted,
    ) -> Turn {
        let mut admitted = false;
        while !budget.is_spent() {
            match self.framing.next_packet(&mut bytes) {
                Ok(Some(packet)) => {
                    budget.spend(packet.len());
                    match take(packet) {
                        Admitted::Yes => admitted = true,
                        // What follows a wrong key is not asked for its own.
                        Admitted::No => return Turn::Closed,
                    }
                }
                Ok(None) => break,
                Err(NotHep) => return Turn::NotHep,
            }
        }
        self.unread.extend_from_slice(bytes);
        let now = Instant::now();
        if admitted {
            (self.last, self.waits) = (Some(now), None);
        }
        if self.framing.waiting() > 0 {
            self.waits.get_or_insert(now);
        }
        Turn::Open
    }

    /// Who opened it.
    pub(super) const fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Whether a packet of it was admitted.
    pub(super) const fn is_proven(&self) -> bool {
        self.last.is_some()
    }

    /// Whether it says what it has to say within `patience`.
    pub(super) fn is_in_time(&self, patience: Duration) -> bool {
        let since = self.waits.or_else(|| self.last.is_none().then_some(self.opened));
        since.is_none_or(|since| since.elapsed() < patience)
    }

    /// For how long it has said nothing.
    pub(super) fn silence(&self) -> Duration {
        self.last.unwrap_or(self.opened).elapsed()
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
