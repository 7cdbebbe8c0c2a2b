//! Why an interface cannot be captured, for the person who named it.

use std::io;

use thiserror::Error;

use super::FanoutFault;

/// Why an interface cannot be captured, and what to do about it.
#[derive(Debug, Error)]
pub enum Refusal {
    /// There is none of that name.
    #[error("there is no such interface; there are: {}", there.join(", "))]
    NoSuchInterface {
        /// The names of those there are.
        there: Vec<String>,
    },
    /// The process may not open packet sockets.
    #[error("no permission to capture; run as root, or give the program the capability CAP_NET_RAW")]
    NotPermitted,
    /// A ring that does not fit into memory, or one too small to be one.
    #[error(
        "a ring of {} MiB cannot be had, from {} to {} MiB can; \
         the ring is taken from memory and stays there, half of what is available is the most",
        mebibytes(*.asked), mebibytes(*.least), mebibytes(*.most)
    )]
    RingSize {
        /// What was asked for, in bytes.
        asked: usize,
        /// The smallest possible, in bytes.
        least: usize,
        /// The largest possible now, in bytes.
        most: usize,
    },
    /// The kernel had less memory in one piece than it said.
    #[error(
        "a ring of {} MiB was asked for, and the kernel had memory for {} MiB only; ask for that, or free memory",
        mebibytes(*.asked), mebibytes(usize::try_from(*.is).unwrap_or(usize::MAX))
    )]
    RingShrunk {
        /// What was asked for, in bytes.
        asked: usize,
        /// What libpcap got, in bytes.
        is: u64,
    },
    /// A snap length of 0, or above what libpcap reads.
    #[error("a snap length of {asked} bytes, from 1 to {most} can be had", most = super::LiveOptions::MAX_SNAP_LEN)]
    SnapLength {
        /// What was asked for, in bytes.
        asked: u32,
    },
    /// The filter does not make sense.
    #[error(
        "the filter `{filter}` does not make sense: {cause}; its language is that of tcpdump, see pcap-filter(7)"
    )]
    Filter {
        /// As the user typed it.
        filter: String,
        /// What libpcap says.
        cause: String,
    },
    /// The interface cannot be shared out between threads.
    #[error("sharing the interface out between threads, group {group}: {fault}")]
    Fanout {
        /// The number of the group.
        group: u16,
        /// What is wrong.
        fault: FanoutFault,
    },
    /// The kernel does not say which interfaces there are.
    #[error(
        "the kernel cannot be asked for interfaces: {0}; \
         where a service restricts address families, it needs AF_NETLINK and AF_PACKET"
    )]
    KernelSilent(io::Error),
    /// Something else.
    #[error("cannot be captured: {cause}")]
    Unopenable {
        /// What libpcap or the kernel says.
        cause: String,
    },
}

fn mebibytes(bytes: usize) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}
