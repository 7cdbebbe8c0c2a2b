//! One channel of the export: the packets of one leg, decoded as the timeline comes to them and painted window by window.
//!
//! Where packets overlap, the run that begins later wins, and within a run the higher sequence number. Two tracks of one
//! leg overlap when a re-INVITE moves the media (the new one is what the other party hears) and when an exchange sends the
//! audio on in another encoding (summing would double it, taking turns would chop it). Copies in the same encoding are one
//! run by now (`copies.rs`).

use std::ops::Range;

use crate::{
    timeline::{Run, RunPacket, Span},
    voicing::Voicing,
};

/// Behind a window, how far packets are decoded for it, in seconds: what raises rates waits for fewer samples.
const AHEAD_OF_A_SECOND: u32 = 100;

/// A stretch of samples on the timeline.
struct Piece<S> {
    start: i64,
    samples: Vec<S>,
    /// Which of two wins: the greater (begin of the run, place in the run).
    rank: (u32, u32),
}

/// A run on its way onto the timeline.
struct Voice<'r, V> {
    packets: &'r [RunPacket<'r>],
    /// Where each packet begins.
    starts: Vec<i64>,
    /// The earliest begin of each packet and those behind it: they are decoded in RTP order, and a sender's clock may
    /// step back.
    earliest: Vec<i64>,
    next: usize,
    rank: u32,
    voicing: V,
}

/// The packets of one leg.
pub(crate) struct Channel<'r, V: Voicing> {
    voices: Vec<Voice<'r, V>>,
    /// Those that are decoded and may not have ended.
    sounding: Vec<Piece<V::Sample>>,
    conceal: bool,
    ahead: i64,
}

impl<'r, V: Voicing> Channel<'r, V> {
    /// Places the runs of one leg on the timeline, with concealment after loss where `conceal`.
    pub(crate) fn place(mut runs: Vec<&'r Run<'r>>, span: &Span, conceal: bool) -> Self {
        runs.sort_by_cached_key(|run| run.begins());
        let voices = (0u32..).zip(runs).map(|(rank, run)| Voice::new(rank, run, span)).collect();
        let ahead = i64::from(span.rate / AHEAD_OF_A_SECOND);
        Self { voices, sounding: Vec::new(), conceal, ahead }
    }

    /// Paints the samples of `window` over `out`, which is as long and holds silence. Windows follow each other.
    pub(crate) fn paint(&mut self, window: Range<u64>, out: &mut [V::Sample]) {
        let (from, until) = (window.start as i64, window.end as i64);
        for voice in &mut self.voices {
            voice.sound(until, (self.conceal, self.ahead), &mut self.sounding);
        }
        self.sounding.sort_by_key(|piece| piece.rank);
        for piece in &self.sounding {
            piece.paint(from, out);
        }
        self.sounding.retain(|piece| piece.end() > until);
        self.voices.retain(|voice| !voice.is_over());
    }
}

impl<'r, V: Voicing> Voice<'r, V> {
    fn new(rank: u32, run: &'r Run<'r>, span: &Span) -> Self {
        let starts: Vec<i64> = run.starts(span.start, span.rate).collect();
        let mut earliest = starts.clone();
        for at in (1..earliest.len()).rev() {
            earliest[at - 1] = earliest[at - 1].min(earliest[at]);
        }
        Self { packets: &run.packets, starts, earliest, next: 0, rank, voicing: V::new(span.rate) }
    }

    fn is_over(&self) -> bool {
        self.next == self.packets.len() && self.voicing.waits_from().is_none()
    }

    /// Decodes what begins before `until`, and a little further: a packet that goes on where another ends begins at most
    /// so far behind the last sample that waits for it.
    fn sound(&mut self, until: i64, (conceal, ahead): (bool, i64), sounding: &mut Vec<Piece<V::Sample>>) {
        let mut placed = Vec::new();
        while let (Some(packet), Some(&start)) = (self.packets.get(self.next), self.starts.get(self.next)) {
            if self.earliest.get(self.next).is_none_or(|&earliest| earliest >= until.saturating_add(ahead)) {
                break;
            }
            if conceal && packet.after_loss {
                self.voicing.conceal(start, &mut placed);
            }
            self.voicing.voice(packet, start, &mut placed);
            let rank = (self.rank, self.next as u32);
            sounding.extend(placed.drain(..).map(|(start, samples)| Piece { start, samples, rank }));
            self.next += 1;
        }
        if self.voicing.waits_from().is_some_and(|from| from < until) {
            self.voicing.finish(&mut placed);
            let rank = (self.rank, self.next as u32);
            sounding.extend(placed.drain(..).map(|(start, samples)| Piece { start, samples, rank }));
        }
    }
}

impl<S: Copy> Piece<S> {
    const fn end(&self) -> i64 {
        self.start.saturating_add(self.samples.len() as i64)
    }

    /// Writes what of it lies in the window that begins at `from` and is as long as `out`.
    fn paint(&self, from: i64, out: &mut [S]) {
        let (skipped, place) = match self.start.saturating_sub(from) {
            before @ ..0 => (usize::try_from(before.unsigned_abs()).unwrap_or(usize::MAX), 0),
            behind => (0, usize::try_from(behind).unwrap_or(usize::MAX)),
        };
        let heard = self.samples.get(skipped..).unwrap_or_default();
        for (to, sample) in out.get_mut(place..).unwrap_or_default().iter_mut().zip(heard) {
            *to = *sample;
        }
    }
}
