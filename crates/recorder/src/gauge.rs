//! What the writer says of itself and of its disk while it runs. Whoever reads it never waits for a disk.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use earwitness_model::WallTime;
use earwitness_vault::{Committed, Ended, Vault};

use crate::{closing::DayEnd, health::WriterHealth, lag::LagGauge, pulse::Pulse};

/// When nothing is told.
const NEVER: i64 = i64::MIN;
/// Room that nobody knows of.
const UNKNOWN: u64 = u64::MAX;

/// Room on the vault's disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Free for recordings.
    pub(crate) free: u64,
    /// The whole disk.
    pub(crate) total: u64,
}

/// The writer's signs.
pub(crate) struct WriterGauge {
    bytes: AtomicU64,
    calls: AtomicU64,
    commits: AtomicU64,
    slowest_ms: AtomicU64,
    waits_since: AtomicI64,
    pulse: Pulse,
    free: AtomicU64,
    total: AtomicU64,
    /// From the arrival of frames to the medium.
    pub(crate) lag: LagGauge,
    /// The recorder was told to stop.
    pub(crate) ending: AtomicBool,
    /// Calls that the engine gave out as ended.
    ended: AtomicU64,
    /// Those of them that the vault had already.
    known: AtomicU64,
    /// The last day that was closed, or could not be.
    day_end: Mutex<Option<Arc<DayEnd>>>,
}

impl Default for WriterGauge {
    fn default() -> Self {
        Self {
            bytes: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            slowest_ms: AtomicU64::new(0),
            waits_since: AtomicI64::new(NEVER),
            pulse: Pulse::default(),
            free: AtomicU64::new(UNKNOWN),
            total: AtomicU64::new(UNKNOWN),
            lag: LagGauge::default(),
            ending: AtomicBool::new(false),
            ended: AtomicU64::new(0),
            known: AtomicU64::new(0),
            day_end: Mutex::default(),
        }
    }
}

impl WriterGauge {
    pub(crate) fn health(&self) -> WriterHealth {
        WriterHealth {
            bytes: self.bytes.load(Relaxed),
            calls: self.calls.load(Relaxed),
            commits: self.commits.load(Relaxed),
            slowest_commit_ms: self.slowest_ms.load(Relaxed),
            waits_since: Some(self.waits_since.load(Relaxed))
                .filter(|&at| at != NEVER)
                .map(WallTime::from_nanos),
            alive: self.pulse.last(),
            lag: self.lag.health(),
        }
    }

    /// The room that the disk last told of; `None` when it did not say.
    pub(crate) fn room(&self) -> Option<Room> {
        let (free, total) = (self.free.load(Relaxed), self.total.load(Relaxed));
        (free != UNKNOWN).then_some(Room { free, total })
    }

    /// The engine gave out a call that ended.
    pub(crate) fn count_ended(&self) {
        self.ended.fetch_add(1, Relaxed);
    }

    /// The vault had it already.
    pub(crate) fn count_known(&self) {
        self.known.fetch_add(1, Relaxed);
    }

    /// Calls that the engine gave out.
    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Relaxed)
    }

    /// The same, for the ledger.
    pub(crate) fn all_ended(&self) -> Ended {
        Ended { calls: self.ended(), known: self.known.load(Relaxed) }
    }

    /// A day was closed, or could not be.
    pub(crate) fn day_ended(&self, end: Arc<DayEnd>) {
        *self.day_end.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
    }

    /// The last of them.
    pub(crate) fn day_end(&self) -> Option<Arc<DayEnd>> {
        self.day_end.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The slowest commit is told of once, for the minute that is over.
    pub(crate) fn begin_minute(&self) {
        self.slowest_ms.store(0, Relaxed);
    }

    /// The writer comes round.
    pub(crate) fn beat(&self, now: WallTime) {
        self.pulse.beat(now);
    }

    /// Asks the disk how much room it has. It may take its time, as only the writer has it.
    pub(crate) fn ask_for_room(&self, vault: &Vault) {
        let (free, total) = vault.space().map_or((UNKNOWN, UNKNOWN), |space| (space.usable(), space.total));
        self.total.store(total, Relaxed);
        self.free.store(free, Relaxed);
    }

    /// The writer waits for room since `now`; who waits already knows since when.
    pub(crate) fn begin_to_wait(&self, now: WallTime) {
        self.waits_since.compare_exchange(NEVER, now.nanos(), Relaxed, Relaxed).unwrap_or_default();
    }

    /// There is room.
    pub(crate) fn end_to_wait(&self) {
        self.waits_since.store(NEVER, Relaxed);
    }

    pub(crate) fn count(&self, committed: &Committed, took: Duration) {
        self.bytes.fetch_add(committed.bytes, Relaxed);
        self.calls.fetch_add(committed.calls.len() as u64, Relaxed);
        self.commits.fetch_add(1, Relaxed);
        self.slowest_ms.fetch_max(u64::try_from(took.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }
}
