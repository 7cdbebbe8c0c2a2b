//! A network interface as a source of frames.

mod fanout;
mod filter;
mod link;
mod netlink;
mod refusal;
mod ring;
mod wait;

use std::{
    fmt,
    time::{Duration, Instant},
};

use earwitness_model::RawFrame;

pub(crate) use self::wait::wait_beside;
pub use self::{
    fanout::{Fanout, FanoutFault},
    link::{LinkEvent, LinkState},
    refusal::Refusal,
    wait::wait,
};
use self::{
    link::Watch,
    netlink::{Kernel, Notice},
    ring::Ring,
};
use crate::{CaptureError, Polled, Source};

/// A batch is over after so many frames.
const BATCH_FRAMES: usize = 256;

/// How often the interface is asked for at least: an opening that was refused is tried again then, and what no notice of
/// the kernel told is found out.
const LOOK: Duration = Duration::from_secs(1);

/// How often the kernel's notices are read while frames keep coming; on an idle link they are read at once.
const LISTEN: Duration = Duration::from_millis(100);

/// How long after the last frame the ring of an interface that is gone is empty: longer than a block waits to be handed over.
const EMPTIED: Duration = Duration::from_millis(50);

/// How an interface is captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveOptions {
    /// The kernel's ring, in bytes; it is taken from memory when the interface is opened, and rounded up to blocks of
    /// 256 KiB. A block is handed over when it is full and at the latest 20 ms after its first frame, so that the
    /// default of 64 MiB lasts 5 s when nobody reads, and less above 100 Mbit/s. What comes while the ring is full is lost,
    /// and counted in [`Losses::kernel`].
    pub ring_bytes: usize,
    /// How many bytes of a frame are kept. In libpcap's ring frames lie one after the other, so that a large snap length
    /// costs nothing: the default is the largest, so that jumbo frames and what the kernel merged (GRO) come whole.
    pub snap_len: u32,
    /// Which frames are wanted, as the user typed it: a BPF expression on the outermost IP header, or `None` for all.
    /// Fragments and tagged frames are added to it, see [`LiveSource`].
    pub filter: Option<String>,
    /// Whether the interface is shared out between several sources, one per thread.
    pub fanout: Option<Fanout>,
}

impl LiveOptions {
    /// The longest frame that libpcap hands over.
    pub const MAX_SNAP_LEN: u32 = 262_144;
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self { ring_bytes: 64 << 20, snap_len: Self::MAX_SNAP_LEN, filter: None, fanout: None }
    }
}

/// What came and what was lost since it was last asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Losses {
    /// Frames that passed the filter, those included that then found the ring full.
    pub received: u64,
    /// Of these, frames that found the ring full.
    pub kernel: u64,
    /// Frames that the interface damaged or had no room for, of all that came to it: the filter was not asked. Drivers
    /// count differently, and some count a frame twice: it is evidence of loss, and at most this much.
    pub interface: u64,
}

/// A live interface, read through libpcap's memory-mapped ring (TPACKET_V3).
///
/// Frames are lent from the ring where the kernel put them. Their time is the kernel's clock, in nanoseconds, when it
/// took the frame from the driver; a VLAN tag that the hardware or the kernel took off is back in its place. What the
/// kernel merged (GRO, LRO) before the ring saw it is one frame: `wire_len` is then the length of the merged one, which was
/// never on any wire. The interface is promiscuous, except for `any`.
///
/// **Filter.** A filter on ports sees only the first fragment of a datagram, and a filter on addresses does not see
/// behind a second VLAN tag. So later fragments (of any traffic: they name no port) and frames with one and two tags are let
/// through by the same expression. Behind a tunnel it sees only the outer header.
///
/// **Losing the interface** is no error: it is captured again as soon as it is up, or there again under its name, and
/// [`LiveSource::poll_event`] tells. Renamed, it is followed.
pub struct LiveSource {
    options: LiveOptions,
    kernel: Kernel,
    watch: Watch,
    ring: Option<Ring>,
    /// The ring of an interface that is gone, and since when nothing came out of it. It is emptied before another one is
    /// opened, so that no frame is lost between the two and there is never memory for two.
    leaving: Option<(Ring, Instant)>,
    looked: Instant,
    listened: Instant,
    /// When the interface could last not be opened, if it could not.
    refused: Option<Instant>,
    /// Of rings that were closed, not yet taken.
    losses: Losses,
    /// Of the frame that comes next.
    number: u64,
}

impl LiveSource {
    /// Opens `interface`. One that is down, or has no cable, is waited for.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Interface`] with the reason: there is no such interface, it may not be captured, the ring does not
    /// fit, the filter does not make sense, the fanout is not what was asked for.
    pub fn open(interface: &str, options: &LiveOptions) -> Result<Self, CaptureError> {
        Self::begin(interface, options)
            .map_err(|refusal| CaptureError::Interface { interface: interface.to_owned(), refusal })
    }

    fn begin(interface: &str, options: &LiveOptions) -> Result<Self, Refusal> {
        ring::check(options)?;
        let mut kernel = Kernel::open()?;
        let link = kernel.find(interface)?;
        let now = Instant::now();
        let mut source = Self {
            options: options.clone(),
            kernel,
            watch: Watch::new(link),
            ring: None,
            leaving: None,
            looked: now,
            listened: now,
            refused: None,
            losses: Losses::default(),
            number: 1,
        };
        source.ring = source.open_ring()?;
        Ok(source)
    }

    /// A ring on the interface as it is now; none when it is not on.
    fn open_ring(&mut self) -> Result<Option<Ring>, Refusal> {
        let Some(index) = self.watch.index().filter(|_| self.watch.can_open()) else { return Ok(None) };
        let opened = Ring::open(self.watch.name(), index, &self.options);
        match (opened, self.kernel.ask(self.watch.which())) {
            // It may have gone, or gone off, in the meantime.
            (Err(_), Ok(None)) => Ok(None),
            (Err(_), Ok(Some(link))) if !link.is_on => Ok(None),
            (opened, _) => opened.map(Some),
        }
    }

    /// What the interface is called now.
    #[must_use]
    pub fn name(&self) -> &str {
        self.watch.name()
    }

    /// Whether anything can come from the interface.
    #[must_use]
    pub fn link(&self) -> LinkState {
        match self.watch.state() {
            LinkState::Up if self.ring.is_none() => LinkState::Down,
            state @ (LinkState::Up | LinkState::Down | LinkState::Gone) => state,
        }
    }

    /// What happened to the interface, oldest first. Of an interface that flaps while nobody asks, the last 64 events
    /// are kept.
    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        self.watch.poll_event()
    }

    /// The size of the kernel's ring, in bytes; `None` while there is none, or where `/proc` does not tell.
    #[must_use]
    pub fn ring_bytes(&self) -> Option<u64> {
        self.ring.as_ref().and_then(Ring::bytes)
    }

    /// The number of the frame that comes next.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.number
    }

    /// Numbers frames from `number` on, for who reads several sources and counts over all of them.
    pub fn number_from(&mut self, number: u64) {
        self.number = number;
    }

    /// What came and what was lost since the last call. Costs three system calls and more: once per second is often enough.
    pub fn take_losses(&mut self) -> Losses {
        let mut losses = std::mem::take(&mut self.losses);
        let leaving = self.leaving.as_mut().map(|(ring, _)| ring);
        self.ring.iter_mut().chain(leaving).for_each(|ring| ring.add_losses(&mut losses));
        self.look();
        losses.interface += self.watch.take_interface_losses();
        losses
    }

    /// Asks for the interface, and opens a ring where there should be one and is none.
    fn look(&mut self) {
        self.looked = Instant::now();
        // An answer must not be followed by older news.
        self.hear();
        match self.kernel.ask(self.watch.which()) {
            Ok(Some(link)) => self.watch.handle_notice(&Notice::Is(link)),
            Ok(None) => self.watch.handle_gone(),
            // Nothing was learnt; the next look asks again.
            Err(_) => {}
        }
        self.follow();
    }

    /// Reads what the kernel told of interfaces since the last time.
    fn listen(&mut self) {
        self.listened = Instant::now();
        if self.looked.elapsed() >= LOOK {
            self.look();
        } else {
            self.hear();
            self.follow();
        }
    }

    fn hear(&mut self) {
        while let Some(notice) = self.kernel.poll_notice() {
            self.watch.handle_notice(&notice);
        }
    }

    /// Brings the ring in line with the interface.
    fn follow(&mut self) {
        if let Some(ring) = self.ring.take_if(|ring| Some(ring.index()) != self.watch.index()) {
            self.leaving = Some((ring, Instant::now()));
        }
        let may_try = self.refused.is_none_or(|when| when.elapsed() >= LOOK) && self.leaving.is_none();
        if self.ring.is_some() || !self.watch.can_open() || !may_try {
            return;
        }
        match self.open_ring() {
            Ok(ring) => {
                self.ring = ring;
                if self.refused.take().is_some() && self.link() == LinkState::Up {
                    self.watch.tell(LinkEvent::Up);
                }
            }
            Err(refusal) => {
                if self.refused.replace(Instant::now()).is_none() {
                    self.watch.tell(LinkEvent::Refused(refusal));
                }
            }
        }
    }

    /// Hands over what is left in the ring of an interface that is gone.
    fn empty(&mut self, visit: &mut dyn FnMut(&RawFrame<'_>)) -> usize {
        let Some((ring, since)) = &mut self.leaving else { return 0 };
        // That the interface is gone is known; frames come before the error that tells it.
        let handed = ring.dispatch(&mut self.number, visit).unwrap_or(0);
        if handed > 0 {
            *since = Instant::now();
        } else if since.elapsed() >= EMPTIED {
            ring.add_losses(&mut self.losses);
            self.leaving = None;
        }
        handed
    }

    /// Hands over what the ring has.
    fn read(&mut self, visit: &mut dyn FnMut(&RawFrame<'_>)) -> usize {
        let Some(ring) = &mut self.ring else { return 0 };
        match ring.dispatch(&mut self.number, visit) {
            Ok(handed) => handed,
            Err(cause) => {
                self.look();
                // Of an interface that is gone the ring was left by now; of one that is not, it is opened anew in a second.
                if let Some(ring) = self.ring.take() {
                    self.leaving = Some((ring, Instant::now()));
                    self.refused = Some(Instant::now());
                    self.watch.tell(LinkEvent::Refused(Refusal::Unopenable { cause }));
                }
                0
            }
        }
    }
}

impl Source for LiveSource {
    /// Hands over what the ring has, at most a batch, and does not wait: [`Polled::Idle`] when there was nothing, and then
    /// [`wait()`] waits. It has no end, and no error.
    fn poll(&mut self, visit: &mut dyn FnMut(&RawFrame<'_>)) -> Result<Polled, CaptureError> {
        let handed = self.empty(visit) + self.read(visit);
        if handed == 0 || self.listened.elapsed() >= LISTEN {
            self.listen();
        }
        Ok(if handed > 0 { Polled::Frames } else { Polled::Idle })
    }
}

impl fmt::Debug for LiveSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSource")
            .field("options", &self.options)
            .field("watch", &self.watch)
            .field("ring", &self.ring)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
