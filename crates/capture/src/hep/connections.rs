//! The connections of agents: how many there are of which, and who gives way to whom.

use std::{collections::VecDeque, os::fd::BorrowedFd, time::Duration};

use super::connection::Connection;

/// Connections at once of agents that proved to be ones: a packet of theirs was admitted.
const MOST_PROVEN: usize = 64;
/// Connections beside them, of whom nobody knows yet.
const MOST_UNPROVEN: usize = 32;
/// Of these, from one address.
const MOST_FROM_ONE: usize = 8;
/// An agent that said nothing for so many times the patience with one that has to say something gives way to another agent.
const IDLE: u32 = 6;

/// The connections, those that were read least lately first.
pub(super) struct Connections {
    each: VecDeque<Connection>,
    patience: Duration,
}

impl Connections {
    /// None yet. One has `patience` to say its first packet, and to end one that it began.
    pub(super) const fn new(patience: Duration) -> Self {
        Self { each: VecDeque::new(), patience }
    }

    pub(super) fn len(&self) -> usize {
        self.each.len()
    }

    /// Whoever just came has a place among the unproven; where there is none, it is that of the one that waited for the longest
    /// time, of the same address when that has too many. Whether one gave way.
    pub(super) fn add(&mut self, connection: Connection) -> bool {
        let peer = connection.peer();
        let unproven = |other: &Connection| !other.is_proven();
        let from_one = |other: &Connection| !other.is_proven() && other.peer() == peer;
        let gave_way = if self.count(from_one) >= MOST_FROM_ONE {
            self.remove_longest(from_one)
        } else if self.count(unproven) >= MOST_UNPROVEN {
            self.remove_longest(unproven)
        } else {
            false
        };
        self.each.push_back(connection);
        gave_way
    }

    /// The one whose turn it is.
    pub(super) fn take_next(&mut self) -> Option<Connection> {
        self.each.pop_front()
    }

    /// It had its turn.
    pub(super) fn put_back(&mut self, connection: Connection) {
        self.each.push_back(connection);
    }

    /// It had its turn, and proved to be an agent's. Where there are enough of them, one that said nothing for long gives way;
    /// where there is none, it is closed itself. Whether one was closed.
    pub(super) fn put_proven(&mut self, connection: Connection) -> bool {
        let idle = self.patience * IDLE;
        let is_full = self.count(Connection::is_proven) >= MOST_PROVEN;
        let gave_way = is_full && self.remove_longest(|other| other.is_proven() && other.silence() >= idle);
        if !is_full || gave_way {
            self.each.push_back(connection);
        }
        is_full
    }

    /// Closes those that take too long; how many they were.
    pub(super) fn close_slow(&mut self) -> usize {
        let before = self.each.len();
        self.each.retain(|connection| connection.is_in_time(self.patience));
        before - self.each.len()
    }

    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.each.iter().map(Connection::as_fd)
    }

    fn count(&self, which: impl Fn(&Connection) -> bool) -> usize {
        self.each.iter().filter(|connection| which(connection)).count()
    }

    /// Closes the one among `which` that said nothing for the longest time, if there is one.
    fn remove_longest(&mut self, which: impl Fn(&Connection) -> bool) -> bool {
        let among = self.each.iter().enumerate().filter(|(_, connection)| which(connection));
        let longest = among.max_by_key(|(_, connection)| connection.silence()).map(|(place, _)| place);
        longest.and_then(|place| self.each.remove(place)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        net::{IpAddr, Ipv4Addr, TcpListener, TcpStream},
    };

    use super::*;
    use crate::hep::{Admitted, budget::Budget, connection::Turn};

    const LONG: Duration = Duration::from_secs(3_600);

    /// A connection as if it came from 10.0.0.`peer`, and the other end of it.
    fn connection(listener: &TcpListener, peer: u8) -> (Connection, TcpStream) {
        let there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (here, _) = listener.accept().unwrap();
        (Connection::new(here, IpAddr::V4(Ipv4Addr::new(10, 0, 0, peer))), there)
    }

    /// One that said something.
    fn proven(listener: &TcpListener, peer: u8) -> (Connection, TcpStream) {
        let (mut here, mut there) = connection(listener, peer);
        there.write_all(b"HEP3\0\x06").unwrap();
        while !here.is_proven() {
            let turn = here.read(&mut [0; 64], &mut Budget::HALF.clone(), |_| Admitted::Yes);
            assert_eq!(turn, Turn::Open);
        }
        (here, there)
    }

    fn peers(connections: &Connections) -> Vec<u8> {
        let octets = connections.each.iter().map(|connection| match connection.peer() {
            IpAddr::V4(peer) => peer.octets()[3],
            IpAddr::V6(_) => 0,
        });
        octets.collect()
    }

    #[test]
    fn strangers_give_way_to_strangers_and_agents_never_do() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut connections = Connections::new(LONG);
        let mut others = Vec::new();
        for peer in 1..=3 {
            let (agent, other) = proven(&listener, peer);
            assert!(!connections.put_proven(agent));
            others.push(other);
        }
        let mut add = |connections: &mut Connections, peer| {
            let (stranger, other) = connection(&listener, peer);
            others.push(other);
            connections.add(stranger)
        };
        let gave_way = (0..20).filter(|_| add(&mut connections, 4)).count();
        assert_eq!((gave_way, connections.len()), (20 - MOST_FROM_ONE, 3 + MOST_FROM_ONE));
        let gave_way = (5..=200).filter(|peer| add(&mut connections, *peer)).count();
        assert_eq!((gave_way, connections.len()), (196 + MOST_FROM_ONE - MOST_UNPROVEN, 3 + MOST_UNPROVEN));
        assert_eq!(peers(&connections), [1, 2, 3].into_iter().chain(169..=200).collect::<Vec<u8>>());
    }

    #[test]
    fn an_agent_gives_way_to_an_agent_when_it_was_silent_for_long() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (mut connections, mut others) = (Connections::new(LONG), Vec::new());
        let mut put = |connections: &mut Connections, peer| {
            let (agent, other) = proven(&listener, peer);
            others.push(other);
            connections.put_proven(agent)
        };
        assert_eq!((0..MOST_PROVEN as u8).filter(|peer| put(&mut connections, *peer)).count(), 0);
        assert!(put(&mut connections, 100), "nobody is idle");
        assert_eq!(peers(&connections), (0..MOST_PROVEN as u8).collect::<Vec<_>>());
        connections.patience = Duration::ZERO;
        assert!(put(&mut connections, 100));
        let expected: Vec<u8> = (1..MOST_PROVEN as u8).chain([100]).collect();
        assert_eq!(peers(&connections), expected, "the one that was silent for the longest time went");
    }
}
