//! What the kernel knows of its interfaces, asked and told over rtnetlink (rtnetlink(7)).
//!
//! Not read from `/sys`, which may be that of another network namespace, and is silent about what happened in between.
//!
//! ```text
//!  0               4       6       8               12              16
//! | length          | type  | flags | sequence      | port          |   nlmsghdr
//! | family, pad, hw | index         | flags         | change mask   |   ifinfomsg, 16 bytes
//! | length, type | value, padded to 4 | …                              attributes
//! ```

use std::{
    fmt,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, netlink::SocketAddrNetlink, recv,
        send, socket_with,
    },
};

use super::Refusal;

const NEW_LINK: u16 = 16;
const DEL_LINK: u16 = 17;
const GET_LINK: u16 = 18;
const ERROR: u16 = 2;
const DONE: u16 = 3;

const REQUEST: u16 = 0x1;
const DUMP: u16 = 0x300;

const IFLA_IFNAME: u16 = 3;
const IFLA_STATS64: u16 = 23;

const IFF_UP: u32 = 0x1;
const IFF_LOWER_UP: u32 = 0x1_0000;

/// The multicast group of all that happens to interfaces.
const GROUP_LINK: u32 = 1;

/// As long as the longest message of an interface is, with room: with many virtual functions it is some KiB.
const LONGEST: usize = 64 << 10;

/// The longest name of an interface, without its end (`IFNAMSIZ`).
const LONGEST_NAME: usize = 15;

/// Every interface at once, a pseudo-device of libpcap that the kernel knows nothing of.
const ANY: &str = "any";

/// An interface, as the kernel described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// Its number for as long as it exists; 0 of `any`.
    pub(super) index: u32,
    pub(super) name: String,
    /// Switched on: it can be opened.
    pub(super) is_on: bool,
    /// Switched on, and there is a carrier.
    pub(super) is_running: bool,
    /// Frames that the interface damaged or had no room for, since it exists.
    pub(super) lost: u64,
}

/// What the kernel told of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice {
    /// It is like this.
    Is(Link),
    /// The interface with this index is gone.
    Went(u32),
}

/// Which interface is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which<'a> {
    Any,
    Index(u32),
    Name(&'a str),
}

/// The two sockets to the kernel.
pub(super) struct Kernel {
    asking: OwnedFd,
    notices: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
    told: Vec<Notice>,
}

impl Kernel {
    pub(super) fn open() -> Result<Self, Refusal> {
        let open = || {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let asking = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
            let notices = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
            bind(&notices, &SocketAddrNetlink::new(0, GROUP_LINK))?;
            Ok(Self { asking, notices, sequence: 0, buffer: vec![0; LONGEST], told: Vec::new() })
        };
        open().map_err(|errno: Errno| Refusal::KernelSilent(errno.into()))
    }

    /// The interface called `name`, for who wants to open it.
    pub(super) fn find(&mut self, name: &str) -> Result<Link, Refusal> {
        let which = if name == ANY { Which::Any } else { Which::Name(name) };
        let found = self.ask(which).map_err(|errno| Refusal::KernelSilent(errno.into()))?;
        if let Some(link) = found {
            return Ok(link);
        }
        let there = self.names().map_err(|errno| Refusal::KernelSilent(errno.into()))?;
        Err(Refusal::NoSuchInterface { there })
    }

    /// The interface, if it exists.
    pub(super) fn ask(&mut self, which: Which<'_>) -> Result<Option<Link>, Errno> {
        let (index, name) = match which {
            Which::Any => return Ok(Some(Link::any())),
            Which::Index(index) => (index, None),
            // The kernel answers to longer names with ERANGE, and to none with ENODEV.
            Which::Name(name) if name.len() > LONGEST_NAME || name.is_empty() => return Ok(None),
            Which::Name(name) => (0, Some(name)),
        };
        match self.exchange(index, name, REQUEST) {
            Ok(mut links) => Ok(links.pop()),
            Err(Errno::NODEV) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// What all interfaces are called.
    fn names(&mut self) -> Result<Vec<String>, Errno> {
        let links = self.exchange(0, None, REQUEST | DUMP)?;
        Ok(links.into_iter().map(|link| link.name).collect())
    }

    /// Asks, and reads the answers to this very question.
    fn exchange(&mut self, index: u32, name: Option<&str>, flags: u16) -> Result<Vec<Link>, Errno> {
        self.sequence = self.sequence.wrapping_add(1);
        let question = question(self.sequence, flags, index, name);
        send(&self.asking, &question, SendFlags::empty())?;
        let mut links = Vec::new();
        loop {
            let (_, length) = recv(&self.asking, self.buffer.as_mut_slice(), RecvFlags::empty())?;
            for message in messages(self.buffer.get(..length).unwrap_or_default()) {
                if message.sequence != self.sequence {
                    continue;
                }
                match message.kind {
                    NEW_LINK => links.extend(Link::read(message.body)),
                    ERROR => return Err(errno_of(message.body)),
                    DONE => return Ok(links),
                    _ => {}
                }
            }
            if flags & DUMP == 0 && !links.is_empty() {
                return Ok(links);
            }
        }
    }

    /// The next thing that the kernel told by itself.
    pub(super) fn poll_notice(&mut self) -> Option<Notice> {
        if self.told.is_empty() {
            let (_, length) = recv(&self.notices, self.buffer.as_mut_slice(), RecvFlags::empty()).ok()?;
            let notices = messages(self.buffer.get(..length).unwrap_or_default()).filter_map(Notice::read);
            self.told.extend(notices);
            self.told.reverse();
        }
        self.told.pop()
    }
}

impl AsFd for Kernel {
    /// Readable when there is a notice.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.notices.as_fd()
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

impl Link {
    fn any() -> Self {
        Self { index: 0, name: ANY.to_owned(), is_on: true, is_running: true, lost: 0 }
    }

    /// `body` is what follows a `nlmsghdr`.
    fn read(body: &[u8]) -> Option<Self> {
        let (index, flags) = (u32_at(body, 4)?, u32_at(body, 8)?);
        let mut link = Self {
            index,
            name: String::new(),
            is_on: flags & IFF_UP != 0,
            is_running: flags & (IFF_UP | IFF_LOWER_UP) == IFF_UP | IFF_LOWER_UP,
            lost: 0,
        };
        let mut rest = body.get(16..)?;
        while let Some((length, kind)) = u16_at(rest, 0).zip(u16_at(rest, 2)) {
            let Some(value) = rest.get(4..usize::from(length)) else { break };
            match kind {
                IFLA_IFNAME => {
                    let name = value.split(|byte| *byte == 0).next().unwrap_or_default();
                    link.name = String::from_utf8_lossy(name).into_owned();
                }
                IFLA_STATS64 => link.lost = lost(value),
                _ => {}
            }
            rest = rest.get(usize::from(length).next_multiple_of(4)..).unwrap_or_default();
        }
        (!link.name.is_empty()).then_some(link)
    }
}

impl Notice {
    fn read(message: Message<'_>) -> Option<Self> {
        match message.kind {
            NEW_LINK => Link::read(message.body).map(Self::Is),
            DEL_LINK => u32_at(message.body, 4).map(Self::Went),
            _ => None,
        }
    }
}

/// Frames lost by an interface, of its `rtnl_link_stats64`: those with errors (CRC, length: the cable), and those
/// for which there was no room. Drivers report the latter under one of three names or under several, so the largest
/// counts. `rx_dropped` does not: frames of a VLAN that this machine knows not are counted there, captured or not.
fn lost(stats: &[u8]) -> u64 {
    let counter = |place: usize| {
        let bytes = stats.get(place * 8..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
    };
    let (errors, over, fifo, missed) = (counter(4), counter(11), counter(14), counter(15));
    errors.saturating_add(over.max(fifo).max(missed))
}

struct Message<'b> {
    kind: u16,
    sequence: u32,
    body: &'b [u8],
}

/// The messages of one datagram. What does not make sense ends it.
fn messages(mut rest: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(rest, 0)?).ok()?;
        let message =
            Message { kind: u16_at(rest, 4)?, sequence: u32_at(rest, 8)?, body: rest.get(16..length)? };
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

fn question(sequence: u32, flags: u16, index: u32, name: Option<&str>) -> Vec<u8> {
    let mut bytes = vec![0; 32];
    bytes[4..6].copy_from_slice(&GET_LINK.to_ne_bytes());
    bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
    bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
    bytes[20..24].copy_from_slice(&index.to_ne_bytes());
    if let Some(name) = name {
        // A name has at most 15 bytes, and one more ends it.
        bytes.extend((4 + name.len() as u16 + 1).to_ne_bytes());
        bytes.extend(IFLA_IFNAME.to_ne_bytes());
        bytes.extend(name.as_bytes());
        bytes.resize((bytes.len() + 1).next_multiple_of(4), 0);
    }
    let length = bytes.len() as u32;
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes
}

/// The cause in the body of an error, which is negative there.
fn errno_of(body: &[u8]) -> Errno {
    let code = u32_at(body, 0).unwrap_or_default().cast_signed();
    Errno::from_raw_os_error(code.saturating_neg())
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A message about interface 7, with these attributes.
    fn message(kind: u16, flags: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = question(1, 0, 7, None);
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[24..28].copy_from_slice(&flags.to_ne_bytes());
        for (kind, value) in attributes {
            bytes.extend((4 + value.len() as u16).to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(*value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        let length = bytes.len() as u32;
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        bytes
    }

    fn notices(bytes: &[u8]) -> Vec<Notice> {
        messages(bytes).filter_map(Notice::read).collect()
    }

    #[test]
    fn interfaces_are_read_with_name_state_and_losses() {
        let mut stats = [0_u8; 24 * 8];
        // Errors 5, dropped 1000, overruns 1, FIFO 2, missed 3.
        for (place, count) in [(4, 5_u64), (6, 1000), (11, 1), (14, 2), (15, 3)] {
            stats[place * 8..place * 8 + 8].copy_from_slice(&count.to_ne_bytes());
        }
        let flags = IFF_UP | IFF_LOWER_UP | 0x42;
        let up = message(NEW_LINK, flags, &[(99, b"?"), (IFLA_IFNAME, b"eth1\0"), (IFLA_STATS64, &stats)]);
        let off = message(NEW_LINK, IFF_LOWER_UP, &[(IFLA_IFNAME, b"eth1\0")]);
        let went = message(DEL_LINK, 0, &[]);
        let link = Link { index: 7, name: "eth1".to_owned(), is_on: true, is_running: true, lost: 8 };
        assert_eq!(
            notices(&[up, off, went].concat()),
            [
                Notice::Is(link.clone()),
                Notice::Is(Link { is_on: false, is_running: false, lost: 0, ..link }),
                Notice::Went(7)
            ]
        );
    }

    #[test]
    fn the_kernel_knows_the_loopback_interface_and_no_nonsense() {
        let mut kernel = Kernel::open().expect("netlink");
        let link = kernel.ask(Which::Name("lo")).expect("an answer").expect("every machine has one");
        assert_eq!(link.name, "lo");
        assert_eq!(kernel.ask(Which::Index(link.index)).expect("an answer"), Some(link));
        assert_eq!(kernel.ask(Which::Index(u32::MAX >> 1)).expect("an answer"), None);
        for name in ["", "no-such-if", "a-name-that-is-far-too-long"] {
            assert_eq!(kernel.ask(Which::Name(name)).expect("an answer"), None);
        }
        assert!(
            matches!(kernel.find("no-such-if"), Err(Refusal::NoSuchInterface { there }) if there.contains(&"lo".to_owned()))
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let count = messages(&bytes).count();
            prop_assert!(count <= bytes.len() / 16);
            prop_assert!(notices(&bytes).len() <= count);
        }

        #[test]
        fn a_message_cut_anywhere_tells_of_no_other_interface(cut in 0_usize..60, byte in any::<u8>()) {
            let mut bytes = message(NEW_LINK, IFF_UP, &[(99, b"?"), (IFLA_IFNAME, b"eth1\0")]);
            bytes.truncate(cut);
            bytes.push(byte);
            for notice in notices(&bytes) {
                let is_of_it = matches!(notice, Notice::Is(Link { index: 7, .. }));
                prop_assert!(is_of_it, "{notice:?}");
            }
        }
    }
}
