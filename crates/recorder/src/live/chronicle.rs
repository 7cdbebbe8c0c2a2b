//! What is told of a live recording: its health once a second, and rows of the ledger when something happens.

use earwitness_capture::{Discipline, KernelClock, LinkEvent, Losses};
use earwitness_engine::{CallCounts, Counts};
use earwitness_model::{RuleSetHash, WallTime};
use earwitness_vault::{
    AlarmState, Alive, ClockStatus, CoverageCause, LedgerNote, LinkState, Synchronised, Watching,
};

use super::{
    clock::ClockStep,
    lapse::{Lapses, Subject},
    notes::Notes,
};
use crate::{
    alarm::{Alarm, Alarms},
    disk::DiskWatch,
    health::{
        Health, InterfaceHealth, Link, QueueHealth, RingHealth, RulesHealth, ThreadHealth, WaitingHealth,
    },
    pipeline::{Pool, Stopped},
    pool::Written,
    queue::Offered,
};

/// The slowest commit is told of by the minute, and a sign of life is given.
const MINUTE_NANOS: i64 = 60_000_000_000;
const HOUR_NANOS: i64 = 60 * MINUTE_NANOS;

/// What the capture threads show at a look.
pub(super) struct Sight {
    pub(super) threads: Vec<ThreadHealth>,
    pub(super) interfaces: Vec<InterfaceHealth>,
    pub(super) queues: Vec<QueueHealth>,
    pub(super) rings: RingHealth,
    pub(super) counts: Counts,
    pub(super) calls: usize,
    pub(super) call_counts: CallCounts,
}

/// What an interface did not hand over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Nothing,
    Frames,
}

/// Remembers what was told already.
pub(super) struct Chronicle {
    watching: Watching,
    rules: RulesHealth,
    not_disposed: bool,
    alarms: Alarms,
    standing: Vec<Alarm>,
    lapses: Lapses,
    /// Packets that were taken at the last look at which nothing waited for room.
    taken: u64,
    disk: DiskWatch,
    started: WallTime,
    looked: WallTime,
    /// Packets for which there was no memory, and calls for which there was no place, as they were last seen.
    left_out: [u64; 2],
    /// In which hour the clock's status was told, and whether it was kept in time.
    clock_told: Option<(i64, Discipline)>,
    /// Rows that found the writer's queue full.
    notes: Notes,
}

impl Chronicle {
    pub(super) fn new(watching: Watching, now: WallTime) -> Self {
        Self {
            watching,
            rules: RulesHealth { since: now, refused: None },
            not_disposed: false,
            alarms: Alarms::default(),
            standing: Vec::new(),
            lapses: Lapses::default(),
            taken: 0,
            disk: DiskWatch::new(now),
            started: now,
            looked: now,
            left_out: [0; 2],
            clock_told: None,
            notes: Notes::default(),
        }
    }

    /// These rules were loaded: others, or the same once more.
    pub(super) fn rules(&mut self, now: WallTime, rule_set: RuleSetHash) {
        self.rules.refused = None;
        if self.watching.rule_set == rule_set {
            return;
        }
        self.rules.since = now;
        self.watching.rule_set = rule_set;
        self.note(now, LedgerNote::RuleSetChanged(self.watching.clone()));
    }

    /// The rules on the disk have errors: those in force stay.
    pub(super) const fn rules_refused(&mut self, now: WallTime) {
        if self.rules.refused.is_none() {
            self.rules.refused = Some(now);
        }
    }

    /// What is due was to be destroyed.
    pub(super) const fn disposal(&mut self, has_failed: bool) {
        self.not_disposed = has_failed;
    }

    /// The wall clock was set.
    pub(super) fn clock_stepped(&mut self, ClockStep { at, by_nanos }: ClockStep) {
        self.note(at, LedgerNote::ClockStepped { by_nanos });
    }

    /// Something happened to an interface since the last look. One that came back was away until then: nobody knows when in
    /// between.
    pub(super) fn link_changed(&mut self, now: WallTime, event: &LinkEvent, interface: &str) {
        if matches!(event, LinkEvent::Up | LinkEvent::Back) {
            let subject =
                Subject { cause: CoverageCause::InterfaceDown, interface: Some(interface.to_owned()) };
            self.lapses.add(subject, self.since_look(now), None);
        }
        let link = match event {
            LinkEvent::Up | LinkEvent::Back | LinkEvent::Renamed { .. } => LinkState::Up,
            LinkEvent::Down | LinkEvent::Refused(_) => LinkState::Down,
            LinkEvent::Gone => LinkState::Gone,
        };
        self.note(now, LedgerNote::InterfaceChanged { interface: interface.to_owned(), link });
    }

    /// What the kernel says of the clock: told at the beginning, when somebody begins or ceases to keep it in time, and once
    /// an hour.
    pub(super) fn clock_status(&mut self, now: WallTime, clock: Option<KernelClock>) {
        let Some(clock) = clock else { return };
        let hour = now.nanos() / HOUR_NANOS;
        if self.clock_told.replace((hour, clock.discipline)) == Some((hour, clock.discipline)) {
            return;
        }
        let synchronised = match clock.discipline {
            Discipline::Synchronised => Synchronised::Yes,
            Discipline::Unsynchronised => Synchronised::No,
        };
        self.note(
            now,
            LedgerNote::ClockStatus(ClockStatus {
                synchronised,
                offset_nanos: clock.offset_nanos,
                estimated_error_micros: clock.estimated_error_micros,
                maximum_error_micros: clock.maximum_error_micros,
            }),
        );
    }

    /// From the last look to `now`.
    pub(super) fn since_look(&self, now: WallTime) -> (WallTime, WallTime) {
        (self.looked.min(now), now)
    }

    /// What an interface lost in the `window` that its thread looked at; whether audio of calls may have passed unseen then. Not
    /// where capture agents send to: audio comes elsewhere, and anybody can fill that port with packets.
    pub(super) fn lost(
        &mut self,
        window: (WallTime, WallTime),
        interface: &InterfaceHealth,
        losses: Losses,
    ) -> Missing {
        let causes = [
            (CoverageCause::KernelDrops, losses.kernel > 0, Some(losses.kernel)),
            (CoverageCause::InterfaceDrops, losses.interface > 0, Some(losses.interface)),
            (CoverageCause::InterfaceDown, interface.link != Link::Up, None),
        ];
        let mut missing = Missing::Nothing;
        for (cause, _, frames) in causes.into_iter().filter(|(_, happened, _)| *happened) {
            self.lapses.add(Subject { cause, interface: Some(interface.name.clone()) }, window, frames);
            if interface.hep.is_none() {
                missing = Missing::Frames;
            }
        }
        missing
    }

    /// Once a second: what was lost becomes rows, what stands becomes health.
    pub(super) fn look(&mut self, now: WallTime, sight: Sight, pool: &Pool) -> Result<Health, Stopped> {
        let health = self.health(now, sight, pool);
        self.look_at_left_out(&health);
        for gap in self.lapses.take_over(now) {
            self.note(now, LedgerNote::CoverageGap(gap));
        }
        if now.nanos() / MINUTE_NANOS != self.looked.nanos() / MINUTE_NANOS {
            pool.gauge.begin_minute();
            let ended = Some(pool.gauge.all_ended());
            let calls = u32::try_from(health.calls).unwrap_or(u32::MAX);
            self.note(now, LedgerNote::Alive(Alive { frames: health.counts.frames, calls, ended }));
        }
        self.tell_alarms(&health);
        self.hand_over(pool)?;
        self.looked = now;
        Ok(health)
    }

    /// The recorder stops: what is still open is told, and the writer's queue waited for.
    pub(super) fn finish(&mut self, now: WallTime, pool: &Pool) -> Result<(), Stopped> {
        for gap in self.lapses.take_all() {
            self.note(now, LedgerNote::CoverageGap(gap));
        }
        while let Some((at, note)) = self.notes.pop() {
            pool.send_writer(Written::Note { at, note })?;
        }
        Ok(())
    }

    fn health(&mut self, now: WallTime, sight: Sight, pool: &Pool) -> Health {
        let Sight { threads, interfaces, queues, rings, counts, calls, call_counts } = sight;
        let written = pool.gauge.health();
        if written.waits_since.is_none() {
            self.taken = counts.media.kept;
        }
        let waiting = written.waits_since.map(|since| {
            let seconds = now.nanos().saturating_sub(since.nanos()).max(0) as f64 / 1e9;
            let left = rings.budget.saturating_sub(rings.bytes) as f64;
            let lost_in_seconds =
                (rings.bytes > 0 && seconds > 0.0).then(|| left * seconds / rings.bytes as f64);
            WaitingHealth { packets: counts.media.kept.saturating_sub(self.taken), seconds, lost_in_seconds }
        });
        let mut health = Health {
            started: self.started,
            at: now,
            threads,
            rule_set: self.watching.rule_set,
            rules: self.rules,
            interfaces,
            queues: queues.into_iter().chain(pool.queues()).chain([self.notes.health()]).collect(),
            rings,
            counts,
            calls,
            call_counts,
            written,
            waiting,
            disk: self.disk.look(now, written.bytes, pool.gauge.room()),
            day_end: pool.gauge.day_end(),
            not_disposed: self.not_disposed,
            alarms: Vec::new(),
        };
        health.alarms = self.alarms.look(&health);
        health
    }

    /// Packets and calls that there was no memory or no place for.
    fn look_at_left_out(&mut self, health: &Health) {
        let media = &health.counts.media;
        let now = [media.no_ring + media.refused, health.counts.calls_refused];
        let more = [now[0].saturating_sub(self.left_out[0]), now[1].saturating_sub(self.left_out[1])];
        self.left_out = now;
        let waits = health.written.waits_since.is_some();
        let causes = [
            if waits { CoverageCause::DiskFull } else { CoverageCause::MemoryFull },
            if waits { CoverageCause::DiskFull } else { CoverageCause::CallTableFull },
        ];
        let window = self.since_look(health.at);
        for (cause, more) in causes.into_iter().zip(more).filter(|(_, more)| *more > 0) {
            self.lapses.add(Subject { cause, interface: None }, window, Some(more));
        }
    }

    fn tell_alarms(&mut self, health: &Health) {
        let before = std::mem::replace(&mut self.standing, health.alarms.clone());
        let is_in = |alarm: &Alarm, of: &[Alarm]| of.iter().any(|other| other.code == alarm.code);
        let raised = health.alarms.iter().filter(|alarm| !is_in(alarm, &before));
        let cleared = before.iter().filter(|alarm| !is_in(alarm, &health.alarms));
        let told = raised.map(|alarm| (alarm, AlarmState::Raised));
        for (alarm, state) in told.chain(cleared.map(|alarm| (alarm, AlarmState::Cleared))) {
            self.note(health.at, LedgerNote::Alarm { name: alarm.code.name().to_owned(), state });
        }
    }

    fn note(&mut self, at: WallTime, note: LedgerNote) {
        self.notes.push(at, note);
    }

    fn hand_over(&mut self, pool: &Pool) -> Result<(), Stopped> {
        while let Some((at, note)) = self.notes.pop() {
            if let Offered::Full(Written::Note { at, note }) =
                pool.offer_writer(Written::Note { at, note })?
            {
                self.notes.put_back(at, note);
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
