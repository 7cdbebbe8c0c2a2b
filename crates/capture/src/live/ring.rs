//! One opened ring of libpcap.

use std::{
    fmt, fs,
    os::fd::{AsFd, BorrowedFd},
    thread,
    time::Duration,
};

use earwitness_model::{LinkType, PacketTime, RawFrame};
use pcap::{Active, Capture, Linktype, Precision, Stat};
use rustix::{
    fs::fstat,
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socket_with},
};

use super::{LiveOptions, Losses, Refusal, filter::Filter};

/// The kernel hands a block of frames over when it is full, or this many milliseconds after its first frame. Longer is
/// cheaper and later, and lets a ring last longer on a quiet link, where blocks are handed over nearly empty. In
/// immediate mode it hands over every frame by itself, which costs thirty times as much.
const HAND_OVER_MILLIS: u16 = 20;

/// Two of libpcap's blocks of 256 KiB: with one, nothing could be read while the kernel writes.
const LEAST_RING: usize = 512 << 10;

/// libpcap takes the size as a C int.
const MOST_RING: usize = i32::MAX as usize;

/// Whether the options can be had at all.
pub(super) fn check(options: &LiveOptions) -> Result<(), Refusal> {
    let most = available_memory().map_or(MOST_RING, |available| (available / 2).min(MOST_RING));
    let asked = options.ring_bytes;
    if asked < LEAST_RING || asked > most {
        return Err(Refusal::RingSize { asked, least: LEAST_RING, most });
    }
    if options.snap_len == 0 || options.snap_len > LiveOptions::MAX_SNAP_LEN {
        return Err(Refusal::SnapLength { asked: options.snap_len });
    }
    if let Some(filter) = Filter::new(options.filter.as_deref()) {
        let refused =
            |error: pcap::Error| Refusal::Filter { filter: filter.typed().to_owned(), cause: said(error) };
        // By itself, so that what the user is told is about what the user typed.
        let capture = Capture::dead(Linktype::ETHERNET).map_err(refused)?;
        capture.compile(filter.typed(), true).map(drop).map_err(refused)?;
    }
    check_permission()
}

/// libpcap tells only in words that it may not capture.
fn check_permission() -> Result<(), Refusal> {
    match socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::CLOEXEC, None) {
        Ok(_) => Ok(()),
        Err(Errno::PERM | Errno::ACCESS) => Err(Refusal::NotPermitted),
        Err(errno) => Err(Refusal::Unopenable { cause: format!("no packet socket: {errno}") }),
    }
}

/// What the kernel could give without swapping, in bytes, if it says so.
fn available_memory() -> Option<usize> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse::<usize>().ok()?.checked_mul(1024)
}

pub(super) struct Ring {
    capture: Capture<Active>,
    link: LinkType,
    /// The index of the interface it was opened on.
    index: u32,
    /// The counters of the last call: they begin with 0, and wrap.
    seen: Stat,
}

impl Ring {
    /// Opens the interface that has this name and index.
    pub(super) fn open(name: &str, index: u32, options: &LiveOptions) -> Result<Self, Refusal> {
        check_permission()?;
        let inactive = Capture::from_device(name).map_err(unopenable)?;
        let inactive = inactive
            // The pseudo-device cannot be promiscuous, and to ask for it is an error.
            .promisc(index != 0)
            .snaplen(options.snap_len.cast_signed())
            // Checked to be no more than a C int holds.
            .buffer_size(options.ring_bytes as i32)
            .timeout(HAND_OVER_MILLIS.into())
            .precision(Precision::Nano)
            .immediate_mode(false);
        let capture = inactive.open().and_then(Capture::setnonblock).map_err(unopenable)?;
        let number = u16::try_from(capture.get_datalink().0).unwrap_or(u16::MAX);
        let link = LinkType::from_number(number);
        let mut ring = Self { capture, link, index, seen: Stat { received: 0, dropped: 0, if_dropped: 0 } };
        ring.check_size(options.ring_bytes)?;
        if let Some(fanout) = options.fanout {
            ring.shut()?;
            fanout.join(ring.capture.as_fd())?;
        }
        ring.admit(options)?;
        Ok(ring)
    }

    /// libpcap takes a smaller ring when there is no memory for the one asked for, and does not say so.
    fn check_size(&self, asked: usize) -> Result<(), Refusal> {
        match self.bytes() {
            Some(is) if is < asked as u64 => Err(Refusal::RingShrunk { asked, is }),
            Some(_) | None => Ok(()),
        }
    }

    /// How much of the ring is mapped, in bytes: what `/proc` says of this socket.
    pub(super) fn bytes(&self) -> Option<u64> {
        let inode = fstat(self.capture.as_fd()).ok()?.st_ino;
        let maps = fs::read_to_string("/proc/self/maps").ok()?;
        let socket = format!("socket:[{inode}]");
        let range = maps.lines().find(|line| line.ends_with(&socket))?.split(' ').next()?;
        let (from, to) = range.split_once('-')?;
        u64::from_str_radix(to, 16).ok()?.checked_sub(u64::from_str_radix(from, 16).ok()?)
    }

    /// Lets nothing in, and throws away what came before.
    ///
    /// Until it belongs to a group a source sees every frame, and so do others: each would be handed over twice. What falls to
    /// it between joining and the filter that opens it again is not captured, as if it had been opened so much later.
    fn shut(&mut self) -> Result<(), Refusal> {
        self.capture.filter("less 0", true).map_err(unopenable)?;
        // The block that is open now is handed over within this time.
        thread::sleep(Duration::from_millis(2 * u64::from(HAND_OVER_MILLIS)));
        while self.capture.dispatch(Some(super::BATCH_FRAMES), |_thrown_away| {}).map_err(unopenable)? > 0 {}
        self.take_stat();
        Ok(())
    }

    fn admit(&mut self, options: &LiveOptions) -> Result<(), Refusal> {
        let filter = Filter::new(options.filter.as_deref());
        let (typed, expression) = match &filter {
            Some(filter) => (filter.typed(), filter.widened(self.link)),
            None if options.fanout.is_some() => ("", String::new()),
            None => return Ok(()),
        };
        self.capture
            .filter(&expression, true)
            .map_err(|error| Refusal::Filter { filter: typed.to_owned(), cause: said(error) })
    }

    pub(super) fn index(&self) -> u32 {
        self.index
    }

    /// Hands over what is there, at most one batch; the frames are numbered from `number` on.
    pub(super) fn dispatch(
        &mut self,
        number: &mut u64,
        visit: &mut dyn FnMut(&RawFrame<'_>),
    ) -> Result<usize, String> {
        let link = self.link;
        let handed = self.capture.dispatch(Some(super::BATCH_FRAMES), |packet| {
            let stamp = packet.header.ts;
            visit(&RawFrame {
                // In a capture of nanoseconds, `tv_usec` holds them.
                time: PacketTime::from_nanos(stamp.tv_sec * 1_000_000_000 + stamp.tv_usec),
                number: *number,
                link,
                wire_len: packet.header.len,
                bytes: packet.data,
            });
            *number += 1;
        });
        handed.map_err(said)
    }

    /// Adds what came and what was lost since the last call.
    pub(super) fn add_losses(&mut self, losses: &mut Losses) {
        let (before, now) = (self.seen, self.take_stat());
        losses.received += u64::from(now.received.wrapping_sub(before.received));
        losses.kernel += u64::from(now.dropped.wrapping_sub(before.dropped));
    }

    fn take_stat(&mut self) -> Stat {
        // The kernel refuses only what is no packet socket; then nothing was counted either.
        self.seen = self.capture.stats().unwrap_or(self.seen);
        self.seen
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.capture.as_fd()
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("link", &self.link).field("index", &self.index).finish_non_exhaustive()
    }
}

fn unopenable(error: pcap::Error) -> Refusal {
    Refusal::Unopenable { cause: said(error) }
}

/// What libpcap says, without who says it.
fn said(error: pcap::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("libpcap error: ").unwrap_or(&text).to_owned()
}
