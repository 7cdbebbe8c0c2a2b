//! The sockets of a port of capture agents.

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener, UdpSocket},
};

use super::HepCarrier;

/// What the kernel keeps for a socket while nobody reads, as far as `net.core.rmem_max` allows, in bytes.
const RECEIVE_BUFFER: usize = 8 << 20;
/// How often another port is asked for where any will do.
const TRIES: u32 = 32;

/// The sockets of these carriers. Port 0 is any: both carriers are at the same, and where one got a port that the other cannot
/// have, another one is taken.
pub(super) fn sockets(
    carrier: HepCarrier,
    address: SocketAddr,
) -> io::Result<(Option<UdpSocket>, Option<TcpListener>)> {
    at_any_port(address.port() == 0, || bind(carrier, address))
}

fn at_any_port<T>(is_any: bool, mut bind: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut tries = if is_any { TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind() {
            Err(cause) if cause.kind() == ErrorKind::AddrInUse && tries > 0 => {}
            bound => return bound,
        }
    }
}

fn bind(
    carrier: HepCarrier,
    mut address: SocketAddr,
) -> io::Result<(Option<UdpSocket>, Option<TcpListener>)> {
    let datagrams = match carrier {
        HepCarrier::Udp | HepCarrier::Both => {
            let socket = UdpSocket::bind(address)?;
            socket.set_nonblocking(true)?;
            // Where the system gives less, it keeps less; what it drops then is counted.
            rustix::net::sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)?;
            address = socket.local_addr()?;
            Some(socket)
        }
        HepCarrier::Tcp => None,
    };
    let listener = match carrier {
        HepCarrier::Tcp | HepCarrier::Both => {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Some(listener)
        }
        HepCarrier::Udp => None,
    };
    Ok((datagrams, listener))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_port_is_asked_for_where_any_will_do_and_nowhere_else() {
        let tried = |is_any, free_after: u32, kind: ErrorKind| {
            let mut tries = 0;
            let bound = at_any_port(is_any, || {
                tries += 1;
                if tries > free_after { Ok(()) } else { Err(kind.into()) }
            });
            (bound.is_ok(), tries)
        };
        assert_eq!(tried(true, 3, ErrorKind::AddrInUse), (true, 4));
        assert_eq!(tried(true, u32::MAX, ErrorKind::AddrInUse), (false, TRIES));
        assert_eq!(tried(false, 1, ErrorKind::AddrInUse), (false, 1));
        assert_eq!(tried(true, 1, ErrorKind::PermissionDenied), (false, 1));
    }
}
