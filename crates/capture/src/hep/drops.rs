//! Datagrams that the kernel dropped because nobody read a socket fast enough: what `/proc/net/udp` says of it.

use std::{fs, net::UdpSocket};

use rustix::fs::fstat;

/// The counter of one socket.
#[derive(Debug, Default)]
pub(super) struct Drops {
    /// The table that the socket stands in, and its inode.
    place: Option<(&'static str, u64)>,
    seen: u64,
}

impl Drops {
    pub(super) fn of(socket: Option<&UdpSocket>) -> Self {
        let place = socket.and_then(|socket| {
            let table = if socket.local_addr().ok()?.is_ipv4() {
                "/proc/self/net/udp"
            } else {
                "/proc/self/net/udp6"
            };
            Some((table, fstat(socket).ok()?.st_ino))
        });
        Self { place, seen: 0 }
    }

    /// How many were dropped since the last call.
    pub(super) fn take(&mut self) -> u64 {
        let now = self.place.and_then(|(table, inode)| dropped(&fs::read_to_string(table).ok()?, inode));
        let now = now.unwrap_or(self.seen);
        now.saturating_sub(std::mem::replace(&mut self.seen, now))
    }
}

/// The last column of the socket's row.
fn dropped(table: &str, inode: u64) -> Option<u64> {
    let inode = inode.to_string();
    table.lines().find_map(|row| {
        let mut columns = row.split_ascii_whitespace().skip(9);
        (columns.next()? == inode).then(|| columns.nth(2)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_of_the_socket_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
                     1012: 0100007F:2364 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 71234 2 0000000000000000 17\n\
                     1013: 0100007F:2365 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 7123 2 0000000000000000 5\n";
        assert_eq!(
            (dropped(table, 71234), dropped(table, 7123), dropped(table, 1)),
            (Some(17), Some(5), None)
        );
    }
}
