//! When the recorder watched, and when calls may have passed it: told by the ledger alone.
//!
//! A span is watched from a recorder's beginning on interfaces to the last row that only a living recorder writes. It writes
//! one at least every [`ALIVE_EVERY`]: what lies between two that are further apart, or behind the last one of a recorder that
//! did not stop in order, is a gap. A gap is thereby never told shorter than it was, and at most a minute too long.

use std::time::Duration;

use earwitness_model::WallTime;
use serde::{Deserialize, Serialize};

use crate::ledger::{LedgerKind, LedgerNote, Row};

/// How often a recorder that watches interfaces says so in the ledger.
pub const ALIVE_EVERY: Duration = Duration::from_secs(60);
/// Two signs of life that are further apart have a gap between them: a second one may come late behind a slow disk.
const PATIENCE_NANOS: i64 = 150_000_000_000;

/// Why calls may have passed unseen or unkept. Stored: new ones come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CoverageCause {
    /// The kernel's ring was full.
    KernelDrops,
    /// The network card or its driver dropped frames.
    InterfaceDrops,
    /// A queue within the recorder was full.
    OwnQueue,
    /// The interface had no link, or was gone.
    InterfaceDown,
    /// The recorder ended without being stopped: killed, crashed, or the machine lost its power.
    RecorderDown,
    /// The recorder was not running: stopped in order, or not yet begun.
    RecorderStopped,
    /// The recorder gave no sign of life in the midst of its run: the machine slept, or stood still.
    NoSignOfLife,
    /// The disk had no room.
    DiskFull,
    /// More calls at once than the call table holds.
    CallTableFull,
    /// More audio at once than the memory for it holds.
    MemoryFull,
}

/// A time in which calls may have passed unseen or unkept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageGap {
    /// Its beginning.
    pub from: WallTime,
    /// Its end.
    pub to: WallTime,
    /// Why.
    pub cause: CoverageCause,
    /// Frames that were lost, where that is known.
    pub frames: Option<u64>,
    /// The interface, where it concerns one.
    pub interface: Option<String>,
}

/// From a time to a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Its beginning.
    pub from: WallTime,
    /// Its end.
    pub to: WallTime,
}

/// What was watched of a span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// The span that was asked for.
    pub of: Span,
    /// When a recorder watched interfaces: in order, apart from each other.
    pub watched: Vec<Span>,
    /// When calls may have passed, by their beginnings. Those that touch, of one cause and interface, are one.
    pub gaps: Vec<CoverageGap>,
    /// Nanoseconds of the span that were watched and lie in no gap.
    pub covered_nanos: i64,
}

impl CoverageCause {
    /// Its name for scripts: stable.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KernelDrops => "kernel_drops",
            Self::InterfaceDrops => "interface_drops",
            Self::OwnQueue => "own_queue",
            Self::InterfaceDown => "interface_down",
            Self::RecorderDown => "recorder_down",
            Self::RecorderStopped => "recorder_stopped",
            Self::NoSignOfLife => "no_sign_of_life",
            Self::DiskFull => "disk_full",
            Self::CallTableFull => "call_table_full",
            Self::MemoryFull => "memory_full",
        }
    }
}

impl Span {
    /// How long it is, in nanoseconds.
    #[must_use]
    pub const fn nanos(&self) -> i64 {
        self.to.nanos().saturating_sub(self.from.nanos())
    }

    fn within(self, other: Self) -> Option<Self> {
        let span = Self { from: self.from.max(other.from), to: self.to.min(other.to) };
        (span.from < span.to).then_some(span)
    }
}

impl Coverage {
    /// The share of the span that was watched and lies in no gap, from 0 to 1. An empty span is covered.
    #[must_use]
    pub fn share(&self) -> f64 {
        let whole = self.of.nanos();
        if whole <= 0 { 1.0 } else { self.covered_nanos as f64 / whole as f64 }
    }
}

/// What the ledger's `rows`, in their order, tell of the time from `since` (or a recorder's first beginning) to `until`.
/// `None` when no recorder ever watched an interface.
#[must_use]
pub fn coverage(
    rows: impl IntoIterator<Item = Row>,
    since: Option<WallTime>,
    until: WallTime,
) -> Option<Coverage> {
    let mut story = Story::default();
    rows.into_iter().for_each(|row| story.handle_row(&row));
    let first = story.first?;
    let of = Span { from: since.unwrap_or(first), to: until };
    if of.from < first {
        let to = first.min(until);
        story.gap(Span { from: of.from, to }, CoverageCause::RecorderStopped);
    }
    story.end(until);
    let watched = united(story.watched.iter().filter_map(|span| span.within(of)).collect());
    let gaps = merged(story.gaps, of);
    let lost = united(gaps.iter().map(|gap| Span { from: gap.from, to: gap.to }).collect());
    let covered: i64 = watched.iter().map(Span::nanos).sum();
    let both = watched.iter().flat_map(|span| lost.iter().filter_map(|gap| span.within(*gap)));
    let covered_nanos = covered - both.map(|span| span.nanos()).sum::<i64>();
    Some(Coverage { of, watched, gaps, covered_nanos })
}

/// The ledger, read row by row.
#[derive(Default)]
struct Story {
    /// When a recorder first watched an interface.
    first: Option<WallTime>,
    /// The recorder that watches: since when, and its last sign of life.
    watching: Option<Span>,
    /// When nobody watched any more, and why.
    ended: Option<(WallTime, CoverageCause)>,
    watched: Vec<Span>,
    gaps: Vec<CoverageGap>,
}

impl Story {
    fn handle_row(&mut self, row: &Row) {
        match (row.kind, LedgerNote::of(row)) {
            (_, Some(LedgerNote::RecorderStarted(watching))) => {
                self.close(CoverageCause::RecorderDown);
                if !watching.interfaces.is_empty() {
                    self.begin(row.at);
                }
            }
            (_, Some(LedgerNote::RecorderStopped(_))) => {
                self.sign(row.at);
                self.close(CoverageCause::RecorderStopped);
            }
            (_, Some(LedgerNote::ClockStepped { by_nanos })) => self.step(row.at, by_nanos),
            (_, Some(LedgerNote::CoverageGap(gap))) => {
                self.sign(row.at);
                self.gaps.push(gap);
            }
            (LedgerKind::Recovered, _) => self.close(CoverageCause::RecorderDown),
            (
                LedgerKind::Alive
                | LedgerKind::Recorded
                | LedgerKind::Excluded
                | LedgerKind::Failed
                | LedgerKind::RuleSetChanged
                | LedgerKind::InterfaceChanged
                | LedgerKind::Alarm
                | LedgerKind::ClockStepped
                | LedgerKind::CoverageGap,
                _,
            ) => self.sign(row.at),
            // Of a later version, or written by commands that need no recorder.
            (
                LedgerKind::RecorderStarted
                | LedgerKind::RecorderStopped
                | LedgerKind::Listened
                | LedgerKind::Exported
                | LedgerKind::Held
                | LedgerKind::Released
                | LedgerKind::Disposed
                | LedgerKind::KeysRotated
                | LedgerKind::DayClosed
                | LedgerKind::Anchored
                | LedgerKind::ClockStatus
                | LedgerKind::KeysBackedUp
                | LedgerKind::KeysSplit
                | LedgerKind::BackedUp
                | LedgerKind::Restored
                | LedgerKind::Imported
                | LedgerKind::IndexRebuilt
                | LedgerKind::RetentionProposed
                | LedgerKind::RetentionChanged
                | LedgerKind::ClockConfirmed
                | LedgerKind::DisposalRun,
                _,
            ) => {}
        }
    }

    fn begin(&mut self, at: WallTime) {
        if let Some((from, cause)) = self.ended.take() {
            self.gap(Span { from, to: at }, cause);
        }
        self.first.get_or_insert(at);
        self.watching = Some(Span { from: at, to: at });
    }

    /// A row that only a living recorder writes. One from before the last sign proves nothing new.
    fn sign(&mut self, at: WallTime) {
        let Some(watching) = &mut self.watching else { return };
        let silence = Span { from: watching.to, to: at };
        if silence.nanos() > PATIENCE_NANOS {
            self.watched.push(*watching);
            *watching = Span { from: at, to: at };
            self.gap(silence, CoverageCause::NoSignOfLife);
        } else {
            watching.to = watching.to.max(at);
        }
    }

    /// The clock shows `at` now and was stepped by so much: what it skipped never was, and what it shows again is watched again.
    fn step(&mut self, at: WallTime, by_nanos: i64) {
        let Some(watching) = self.watching.as_mut() else { return };
        let before = WallTime::from_nanos(at.nanos().saturating_sub(by_nanos));
        let silence = Span { from: watching.to, to: before };
        if by_nanos > 0 && silence.nanos() <= PATIENCE_NANOS {
            watching.to = watching.to.max(at);
            return;
        }
        self.sign(before);
        if let Some(ended) = self.watching.replace(Span { from: at, to: at }) {
            self.watched.push(ended);
        }
    }

    /// Nobody watches any more, since the last sign of life.
    fn close(&mut self, cause: CoverageCause) {
        if let Some(watching) = self.watching.take() {
            self.watched.push(watching);
            self.ended = Some((watching.to, cause));
        }
    }

    /// The ledger ends, and it is `until`: a recorder that gave a sign just now is believed to live.
    fn end(&mut self, until: WallTime) {
        match &mut self.watching {
            Some(watching) if Span { from: watching.to, to: until }.nanos() <= PATIENCE_NANOS => {
                watching.to = watching.to.max(until);
                self.watched.push(*watching);
            }
            Some(_) | None => {
                self.close(CoverageCause::RecorderDown);
                if let Some((from, cause)) = self.ended {
                    self.gap(Span { from, to: until }, cause);
                }
            }
        }
    }

    fn gap(&mut self, Span { from, to }: Span, cause: CoverageCause) {
        if from < to {
            self.gaps.push(CoverageGap { from, to, cause, frames: None, interface: None });
        }
    }
}

/// Spans in order, those that overlap or touch as one.
fn united(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut united: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match united.last_mut() {
            Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
            Some(_) | None => united.push(span),
        }
    }
    united
}

/// The gaps that lie within `of`, those that touch, of one cause and interface, as one.
fn merged(gaps: Vec<CoverageGap>, of: Span) -> Vec<CoverageGap> {
    let mut within: Vec<CoverageGap> = gaps
        .into_iter()
        .filter_map(|gap| {
            // A loss that took no time still happened.
            let to = WallTime::from_nanos(gap.to.nanos().max(gap.from.nanos().saturating_add(1)));
            let Span { from, to } = Span { from: gap.from, to }.within(of)?;
            Some(CoverageGap { from, to, ..gap })
        })
        .collect();
    within.sort_by(|one, other| {
        let key = |gap: &CoverageGap| (gap.cause, gap.from, gap.to);
        one.interface.cmp(&other.interface).then(key(one).cmp(&key(other)))
    });
    let mut merged: Vec<CoverageGap> = Vec::with_capacity(within.len());
    for gap in within {
        match merged.last_mut() {
            Some(last)
                if (last.cause, &last.interface) == (gap.cause, &gap.interface) && gap.from <= last.to =>
            {
                last.to = last.to.max(gap.to);
                last.frames = match (last.frames, gap.frames) {
                    (Some(one), Some(other)) => Some(one.saturating_add(other)),
                    (known, None) | (None, known) => known,
                };
            }
            Some(_) | None => merged.push(gap),
        }
    }
    merged.sort_by_key(|gap| (gap.from, gap.to, gap.cause));
    merged
}

#[cfg(test)]
mod tests;
