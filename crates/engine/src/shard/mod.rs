//! The engine on several capture threads: a [`MediaShard`] on each, and one [`SignallingShard`].
//!
//! The kernel deals frames to threads by flow (`PACKET_FANOUT`), so that a source's packets are one thread's, in order. What
//! the two halves of the engine say to each other goes through channels then:
//!
//! ```text
//!   thread 1  MediaShard ──ShardReport──►                   ──ShardOrder──► every MediaShard
//!   thread 2  MediaShard ──ShardReport──►  SignallingShard
//!   thread n  MediaShard ──ShardReport──►                   ──Output──► Opened, signalling segments, Running, Ended
//!        └──Output──► Stream, media segments
//! ```
//!
//! What whoever moves them has to keep:
//!
//! - a channel is in order, and loses nothing;
//! - what `poll_output` gives is handed on before what `poll_report` or `poll_order` gave after it: then a call is opened
//!   before its first stream and ended after its last segment, wherever these come from;
//! - each thread is told the time while its part of the link is idle ([`MediaShard::handle_time`], ten times a second):
//!   signalling goes on when all threads have come so far, or one lags more than a second behind;
//! - at the end of the capture: all frames and [`MediaShard::handle_last_frame`], then all reports, then [`SignallingShard::handle_end`], then its orders, their
//!   reports, and [`MediaShard::handle_end`].
//!
//! Messages are taken in the order of time, whichever thread saw them. Orders come late to a thread, by what the slowest
//! of the others lags and the channels take: therefore media of a call that is not known yet, not answered or not opened
//! waits, in the bounded place for [unclaimed](crate::MediaCounts::unclaimed) media, and is told apart by its own time
//! when the order comes. That place is to have room for two buffers of [`RING_BYTES`](crate::RING_BYTES) for each voice
//! that is heard while its call rings ([`Limits::unclaimed_bytes`](crate::Limits::unclaimed_bytes), of which each shard
//! has its part): with less, the first moments of some calls after their answer are
//! [counted](crate::MediaCounts::unclaimed_refused), and missing.
//!
//! As long as threads and messages are not more than 200 ms apart, calls come out as from one [`Engine`] on one thread.
//! When they are further apart, these may differ: a call that begins on the ports of one that is running or just over may
//! lose its first packets to it; the codec of a payload type may be taken from an older SDP; media that goes on for five
//! seconds after the end of its call is cut later; of media that waits longer than about a second, the oldest goes; and
//! beyond a second, messages of one call that two threads see are taken in the wrong order, so that its beginning, or all
//! of it, may not be told. At any distance, media that begins within that time after the two sides of an exchange both announced
//! its addresses may be told in the other of the two calls, which name each other. Every packet is counted at any distance. Frames stamped with the very same time on two threads
//! have no order.
//!
//! [`Engine`]: crate::Engine

mod live;
mod looks;
mod media;
mod merge;
mod order_of_time;
mod signalling;
mod silence;

use std::num::NonZeroU16;

use earwitness_model::{Flow, PacketTime, SipTransport, Tunnel};

pub use self::{media::MediaShard, signalling::SignallingShard};
use crate::order::{Order, Report};

/// Which of so many shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardPlace {
    index: u16,
    of: NonZeroU16,
}

impl ShardPlace {
    /// The places of `count` shards.
    pub fn all(count: NonZeroU16) -> impl Iterator<Item = Self> {
        (0..count.get()).map(move |index| Self { index, of: count })
    }

    /// Which one, from 0.
    #[must_use]
    pub const fn index(self) -> u16 {
        self.index
    }

    /// The number, among all shards, of what is `local` in this one; `None` when there are no more numbers.
    pub(crate) fn number(self, local: u16) -> Option<u16> {
        local.checked_mul(self.of.get())?.checked_add(self.index)
    }

    /// The inverse of [`Self::number`].
    pub(crate) const fn local(self, number: u16) -> u16 {
        number / self.of.get()
    }

    /// This shard's part of what all may use.
    pub(crate) fn part_of(self, whole: usize) -> usize {
        whole / usize::from(self.of.get())
    }
}

/// From the signalling shard to every media shard.
#[derive(Debug, Clone)]
pub struct ShardOrder(pub(crate) Order);

/// From a media shard to the signalling shard.
#[derive(Debug)]
pub struct ShardReport {
    pub(crate) from: u16,
    pub(crate) news: News,
}

/// What a media shard reports.
#[derive(Debug)]
pub(crate) enum News {
    /// A message, or a datagram that looks like one, when the shard's clock stood at `now`.
    Sip { now: PacketTime, datagram: OwnedSip },
    /// What the media half says.
    Media(Report),
    /// Everything from before this time was reported.
    Reached(PacketTime),
}

/// A SIP message that left its frame.
pub(crate) struct OwnedSip {
    pub(crate) flow: Flow,
    pub(crate) transport: SipTransport,
    pub(crate) tunnel: Option<Tunnel>,
    pub(crate) bytes: Box<[u8]>,
    pub(crate) time: PacketTime,
    /// Capture time less engine time.
    pub(crate) base: i64,
}

impl std::fmt::Debug for OwnedSip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnedSip")
            .field("time", &self.time)
            .field("length", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_shards_are_different_and_lead_back() {
        let of = NonZeroU16::new(3).unwrap();
        let numbers: Vec<u16> = (0..4)
            .flat_map(|local| ShardPlace::all(of).map(move |place| place.number(local).unwrap()))
            .collect();
        assert_eq!(numbers, (0..12).collect::<Vec<_>>());
        for place in ShardPlace::all(of) {
            assert_eq!(place.number(7).map(|number| place.local(number)), Some(7));
            assert_eq!(place.number(u16::MAX), None);
        }
    }
}
