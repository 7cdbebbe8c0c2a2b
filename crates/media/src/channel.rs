//! One channel of the export: the packets of one leg, painted window by window.
//!
//! Where packets overlap, the run that begins later wins, and within a run the higher sequence number. Two tracks of one
//! leg overlap when a re-INVITE moves the media (the new one is what the other party hears) and when a mirror shows the
//! same audio before and after a router (summing would double it, taking turns would chop it).

use std::ops::Range;

use g711::{Law, decode, encode_sample};

use crate::{conceal, timeline::Run};
use earwitness_model::PacketTime;

/// A stretch of samples with a place on the timeline.
#[derive(Clone, Copy)]
struct Placed<'c> {
    start: u64,
    length: u64,
    /// Which of two wins: the greater (begin of the run, place in the run).
    rank: (u32, u32),
    law: Law,
    payload: &'c [u8],
    origin: Origin,
}

/// Where the samples come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The packet itself.
    Heard,
    /// The packet stands in for what was lost after it.
    Concealed,
}

/// What a channel is made of: linear samples or codes.
pub(crate) trait Sample: Copy {
    /// Writes the samples of `law` and `payload` from `at` on.
    fn heard(law: Law, payload: &[u8], out: &mut [Self]);
    /// One concealing sample.
    fn concealed(law: Law, payload: &[u8], since: usize) -> Self;
}

impl Sample for i16 {
    fn heard(law: Law, payload: &[u8], out: &mut [Self]) {
        decode(law, payload, out);
    }

    fn concealed(law: Law, payload: &[u8], since: usize) -> Self {
        conceal::sample(law, payload, since)
    }
}

impl Sample for u8 {
    fn heard(_: Law, payload: &[u8], out: &mut [Self]) {
        for (to, from) in out.iter_mut().zip(payload) {
            *to = *from;
        }
    }

    fn concealed(law: Law, payload: &[u8], since: usize) -> Self {
        encode_sample(law, conceal::sample(law, payload, since))
    }
}

/// The packets of one leg, in the order of their places.
#[derive(Default)]
pub(crate) struct Channel<'c> {
    placed: Vec<Placed<'c>>,
    /// How many of `placed` have begun.
    begun: usize,
    /// Those that have begun and may not have ended.
    sounding: Vec<Placed<'c>>,
}

impl<'c> Channel<'c> {
    /// Places the runs of one leg on a timeline that begins at `start`, with concealment after loss where `conceal`.
    pub(crate) fn place(mut runs: Vec<&Run<'c>>, start: PacketTime, conceal: bool) -> Self {
        runs.sort_by_cached_key(|run| run.begins());
        let mut placed = Vec::with_capacity(runs.iter().map(|run| run.packets.len()).sum());
        for (run_rank, run) in (0u32..).zip(runs) {
            let offset = run.offset(start);
            let mut before: Option<Placed<'c>> = None;
            for (packet_rank, packet) in (0u32..).zip(&run.packets) {
                let this = Placed {
                    // `start` is not after the first sample of any run.
                    start: offset.saturating_add(packet.position).max(0).unsigned_abs(),
                    length: packet.payload.len() as u64,
                    rank: (run_rank, packet_rank),
                    law: packet.law,
                    payload: packet.payload,
                    origin: Origin::Heard,
                };
                if conceal && packet.after_loss {
                    placed.extend(before.and_then(|before| before.concealing_until(this.start)));
                }
                placed.push(this);
                before = Some(this);
            }
        }
        placed.sort_by_key(|placed| placed.start);
        Self { placed, begun: 0, sounding: Vec::new() }
    }

    /// The law of the packet that is heard first.
    pub(crate) fn first_law(&self) -> Option<(u64, Law)> {
        self.placed.first().map(|placed| (placed.start, placed.law))
    }

    /// Some packet has a law other than `law`.
    pub(crate) fn has_other_than(&self, law: Law) -> bool {
        self.placed.iter().any(|placed| placed.law != law)
    }

    /// Paints the samples of `window` over `out`, which is as long and holds silence. Windows follow each other.
    pub(crate) fn paint<S: Sample>(&mut self, window: Range<u64>, out: &mut [S]) {
        let beginning =
            self.placed[self.begun..].iter().take_while(|placed| placed.start < window.end).count();
        self.sounding.extend_from_slice(&self.placed[self.begun..self.begun + beginning]);
        self.begun += beginning;
        self.sounding.sort_by_key(|placed| placed.rank);
        for placed in &self.sounding {
            placed.paint(&window, out);
        }
        self.sounding.retain(|placed| placed.end() > window.end);
    }
}

impl Placed<'_> {
    const fn end(&self) -> u64 {
        self.start.saturating_add(self.length)
    }

    /// The same packet as concealment from its end to `next`, as far as that goes.
    fn concealing_until(self, next: u64) -> Option<Self> {
        let length = next.checked_sub(self.end())?.min(conceal::LONGEST as u64);
        (length > 0).then(|| Self { start: self.end(), length, origin: Origin::Concealed, ..self })
    }

    fn paint<S: Sample>(&self, window: &Range<u64>, out: &mut [S]) {
        let (from, to) = (self.start.max(window.start), self.end().min(window.end));
        if from >= to {
            return;
        }
        let out = &mut out[(from - window.start) as usize..(to - window.start) as usize];
        let skipped = (from - self.start) as usize;
        match self.origin {
            Origin::Heard => S::heard(self.law, &self.payload[skipped..], out),
            Origin::Concealed => {
                for (since, sample) in (skipped..).zip(out) {
                    *sample = S::concealed(self.law, self.payload, since);
                }
            }
        }
    }
}
