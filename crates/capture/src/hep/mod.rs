//! HEP from the capture agents of SIP servers (Kamailio, OpenSIPS, FreeSWITCH, Asterisk, heplify, captagent), over UDP and
//! TCP, as a source of frames: each packet is a frame of [`LinkType::Hep`], lent from the buffer that it was received in.
//!
//! A frame's time is that of its arrival here, like that of every other frame: agents' clocks differ from this one and from
//! each other, and a recorder that mixed them would put answers before calls. How far an agent's clock is from this one is
//! told in [`HepCounts::clock_difference_ns`]; it is the network's delay, too.
//!
//! Everybody who reaches the port can speak, so everything has a bound: connections, what is buffered of each (one packet,
//! 64 KiB, and one reading), how long one may take to say its first packet or to end one it began. Who did not prove to be an
//! agent, by a packet that is admitted, takes no place from one that did. What is refused is counted.

mod budget;
mod connection;
mod connections;
mod counts;
mod drops;
mod envelope;
mod framing;
mod sockets;

use std::{
    fmt,
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener, UdpSocket},
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use earwitness_model::{LinkType, PacketTime, RawFrame, WallTime};

use self::{
    budget::Budget,
    connection::{Connection, Turn},
    connections::Connections,
    drops::Drops,
    envelope::Envelope,
    sockets::sockets,
};
pub use self::{
    counts::HepCounts,
    envelope::HepKey,
    framing::{HepFraming, NotHep},
};
use crate::{CaptureError, Losses, Polled, Source};

/// Connections that are taken in one batch.
const MOST_ACCEPTED: usize = 64;
/// How often connections are looked at that take too long.
const LOOK: Duration = Duration::from_secs(1);
/// The longest datagram there is, and what is read of a connection at once, in bytes.
const READ: usize = 1 << 16;

/// What agents send in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HepCarrier {
    /// A packet in each datagram.
    Udp,
    /// Packets one after the other.
    Tcp,
    /// Either, at the same port.
    Both,
}

/// Where agents are listened to, and to which.
#[derive(Clone)]
pub struct HepOptions {
    /// What they send in.
    pub carrier: HepCarrier,
    /// Where they send to.
    pub address: SocketAddr,
    /// What every packet has to carry as its authentication key; `None`: whoever reaches the port is believed.
    pub key: Option<HepKey>,
    /// How long an agent that connects may take until its first packet came, and until one that began is whole:
    /// [`Self::PATIENCE`] where nothing speaks for less.
    pub patience: Duration,
    /// The time of day.
    pub clock: fn() -> WallTime,
}

impl HepOptions {
    /// For [`Self::patience`].
    pub const PATIENCE: Duration = Duration::from_secs(10);
}

/// A port where capture agents are listened to. Nothing is ever sent.
pub struct HepSource {
    name: String,
    key: Option<HepKey>,
    clock: fn() -> WallTime,
    datagrams: Option<UdpSocket>,
    listener: Option<TcpListener>,
    connections: Connections,
    buffer: Vec<u8>,
    drops: Drops,
    looked: Instant,
    counts: HepCounts,
    /// Packets that were counted as received already.
    told: u64,
    number: u64,
}

impl HepSource {
    /// Listens.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Unopenable`] with what the operating system says: the port is taken, the address is not this
    /// machine's, a port below 1024 is not permitted.
    pub fn open(options: &HepOptions) -> Result<Self, CaptureError> {
        let HepOptions { carrier, address, .. } = *options;
        let name = match carrier {
            HepCarrier::Udp => format!("hep:udp:{address}"),
            HepCarrier::Tcp => format!("hep:tcp:{address}"),
            HepCarrier::Both => format!("hep:{address}"),
        };
        Self::listen(options, &name).map_err(|source| CaptureError::Unopenable { file: name, source })
    }

    fn listen(options: &HepOptions, name: &str) -> io::Result<Self> {
        let (datagrams, listener) = sockets(options.carrier, options.address)?;
        Ok(Self {
            name: name.to_owned(),
            key: options.key.clone(),
            clock: options.clock,
            drops: Drops::of(datagrams.as_ref()),
            datagrams,
            listener,
            connections: Connections::new(options.patience),
            buffer: vec![0; READ],
            looked: Instant::now(),
            counts: HepCounts::default(),
            told: 0,
            number: 1,
        })
    }

    /// What it is called: `hep:udp:10.1.0.9:9060`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens, with the port that the system gave where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let datagrams = self.datagrams.as_ref().and_then(|socket| socket.local_addr().ok());
        datagrams.or_else(|| self.listener.as_ref()?.local_addr().ok())
    }

    /// What came, and what was refused.
    #[must_use]
    pub const fn counts(&self) -> HepCounts {
        self.counts
    }

    /// What came and what the kernel had no room for since the last call.
    pub fn take_losses(&mut self) -> Losses {
        let kernel = self.drops.take();
        let received = self.counts.packets - self.told + kernel;
        self.told = self.counts.packets;
        Losses { received, kernel, interface: 0 }
    }

    /// What to wait for.
    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let sockets = self.datagrams.iter().map(AsFd::as_fd);
        let listeners = self.listener.iter().map(AsFd::as_fd);
        sockets.chain(listeners).chain(self.connections.fds())
    }

    fn read_datagrams(&mut self, visit: &mut dyn FnMut(&RawFrame<'_>)) {
        let Some(socket) = self.datagrams.take() else { return };
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut budget = Budget::HALF;
        while !budget.is_spent() {
            // An error is of an earlier datagram's, or there is none now.
            let Ok(length) = socket.recv(&mut buffer) else { break };
            budget.spend(length);
            let datagram = buffer.get(..length).unwrap_or_default();
            match framing::length_of(datagram) {
                Ok(Some(whole)) if whole <= length => {
                    self.take_packet(datagram.get(..whole).unwrap_or_default(), visit);
                }
                Ok(Some(_) | None) | Err(NotHep) => self.counts.not_hep += 1,
            }
        }
        (self.datagrams, self.buffer) = (Some(socket), buffer);
    }

    /// One turn of each connection, as long as there is room; the next batch goes on with those that had none.
    fn read_connections(&mut self, visit: &mut dyn FnMut(&RawFrame<'_>)) {
        let (mut buffer, mut budget) = (std::mem::take(&mut self.buffer), Budget::HALF);
        for _ in 0..self.connections.len() {
            if budget.is_spent() {
                break;
            }
            let Some(mut connection) = self.connections.take_next() else { break };
            let was_proven = connection.is_proven();
            let turn = connection.read(&mut buffer, &mut budget, |packet| self.take_packet(packet, visit));
            match turn {
                Turn::Open if connection.is_proven() && !was_proven => {
                    self.counts.refused += u64::from(self.connections.put_proven(connection));
                }
                Turn::Open => self.connections.put_back(connection),
                Turn::NotHep => self.counts.not_hep += 1,
                Turn::Closed => {}
            }
        }
        self.buffer = buffer;
        self.counts.connections = self.connections.len();
    }

    /// A whole packet. One that does not carry the key is counted and nothing else.
    fn take_packet(&mut self, packet: &[u8], visit: &mut dyn FnMut(&RawFrame<'_>)) -> Admitted {
        let envelope = Envelope::read(packet);
        if self.key.as_ref().is_some_and(|key| !key.is_in(&envelope)) {
            self.counts.wrong_key += 1;
            return Admitted::No;
        }
        let now = (self.clock)();
        self.counts.packets += 1;
        self.counts.clock_difference_ns =
            envelope.sent_ns.map(|sent| sent.saturating_sub(now.nanos())).or(self.counts.clock_difference_ns);
        visit(&RawFrame {
            time: PacketTime::from_nanos(now.nanos()),
            number: self.number,
            link: LinkType::Hep,
            wire_len: packet.len() as u32,
            bytes: packet,
        });
        self.number += 1;
        Admitted::Yes
    }

    /// Takes connections that wait, and lets those go that take too long.
    fn look_at_connections(&mut self) {
        if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            self.counts.too_slow += self.connections.close_slow() as u64;
        }
        let Some(listener) = &self.listener else { return };
        for _ in 0..MOST_ACCEPTED {
            let Ok((stream, from)) = listener.accept() else { break };
            // One that cannot be read without waiting would keep all others waiting.
            let is_refused = stream.set_nonblocking(true).is_err()
                || self.connections.add(Connection::new(stream, from.ip()));
            self.counts.refused += u64::from(is_refused);
        }
        self.counts.connections = self.connections.len();
    }
}

/// Whether a packet carried the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Admitted {
    Yes,
    No,
}

impl Source for HepSource {
    /// Hands over what came, at most half a batch of datagrams and half a batch of what came over connections, and does not
    /// wait. It has no end, and no error.
    fn poll(&mut self, visit: &mut dyn FnMut(&RawFrame<'_>)) -> Result<Polled, CaptureError> {
        let before = self.counts.packets;
        self.look_at_connections();
        self.read_datagrams(visit);
        self.read_connections(visit);
        Ok(if self.counts.packets > before { Polled::Frames } else { Polled::Idle })
    }
}

/// Whether reading a socket is to be tried again later.
fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

impl fmt::Debug for HepSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HepSource")
            .field("name", &self.name)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

/// Without the key.
impl fmt::Debug for HepOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HepOptions")
            .field("carrier", &self.carrier)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
