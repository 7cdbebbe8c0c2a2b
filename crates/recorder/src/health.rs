//! What a running recorder says of itself, once a second, as plain values.

use std::sync::Arc;

use earwitness_capture::HepCounts;
use earwitness_engine::{CallCounts, Counts};
use earwitness_model::{RuleSetHash, WallTime};

use crate::{alarm::Alarm, closing::DayEnd, lag::LagHealth};

/// One look at everything. All counters count from the recorder's start and never go back.
#[derive(Debug, Clone)]
pub struct Health {
    /// When the recorder began to watch.
    pub started: WallTime,
    /// When this was written down. One that is older than a few seconds means that capturing hangs.
    pub at: WallTime,
    /// The threads that capture and the one that follows the calls, each with its last sign of life.
    pub threads: Vec<ThreadHealth>,
    /// The rules in force.
    pub rule_set: RuleSetHash,
    /// Since when, and whether others were refused.
    pub rules: RulesHealth,
    /// The interfaces, in the order they were named.
    pub interfaces: Vec<InterfaceHealth>,
    /// The queues between the threads, in the order work goes through them.
    pub queues: Vec<QueueHealth>,
    /// The ring buffers of running calls.
    pub rings: RingHealth,
    /// What the engine saw and what it left out.
    pub counts: Counts,
    /// Calls that are followed now.
    pub calls: usize,
    /// How many calls there were.
    pub call_counts: CallCounts,
    /// What was written.
    pub written: WriterHealth,
    /// What waits for room on the disk, while something does.
    pub waiting: Option<WaitingHealth>,
    /// The vault's disk.
    pub disk: DiskHealth,
    /// The last day that was closed, or could not be.
    pub day_end: Option<Arc<DayEnd>>,
    /// What is due could not be destroyed, or not be looked for, when it was last tried.
    pub not_disposed: bool,
    /// What somebody should look at, worst first.
    pub alarms: Vec<Alarm>,
}

/// When rules were loaded and refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RulesHealth {
    /// Since when the present rule set is in force.
    pub since: WallTime,
    /// Since when the rules on the disk are not those in force, because they have errors.
    pub refused: Option<WallTime>,
}

/// One thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadHealth {
    /// Its name.
    pub name: String,
    /// When it last came round, once a second; one that is older than a few seconds hangs. `None` before the first time.
    pub alive: Option<WallTime>,
}

impl Health {
    /// The oldest sign of life of whoever captures or follows the calls.
    #[must_use]
    pub fn oldest_sign(&self) -> WallTime {
        let signs = self.threads.iter().map(|thread| thread.alive.unwrap_or(self.started));
        signs.min().unwrap_or(self.at).min(self.at)
    }
}

/// Whether an interface delivers frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Link {
    /// Up.
    Up,
    /// There, and down.
    Down,
    /// Not there.
    Gone,
}

/// One interface.
#[derive(Debug, Clone)]
pub struct InterfaceHealth {
    /// Its name now.
    pub name: String,
    /// Whether it delivers frames.
    pub link: Link,
    /// Frames taken from its ring.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames a second, since the look before.
    pub frames_per_second: f64,
    /// Their bytes a second.
    pub bytes_per_second: f64,
    /// Frames that the kernel dropped because the ring was full.
    pub kernel_drops: u64,
    /// Frames that the interface dropped before the kernel saw them.
    pub interface_drops: u64,
    /// When its last frame came; `None` before the first.
    pub last_frame: Option<WallTime>,
    /// What a port of capture agents counts beside that; `None` of an interface.
    pub hep: Option<HepCounts>,
}

/// One bounded queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueHealth {
    /// Its name.
    pub name: &'static str,
    /// How many places it has.
    pub capacity: usize,
    /// How many are taken.
    pub length: usize,
    /// How many were taken at most.
    pub high_water: usize,
    /// How often it was full when something came: that waited, or became a gap.
    pub refused: u64,
}

/// The ring buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RingHealth {
    /// Bytes in use: filling, or on their way to the vault.
    pub bytes: usize,
    /// Bytes that there may be.
    pub budget: usize,
    /// Bytes in use at most.
    pub high_water: usize,
}

/// The writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriterHealth {
    /// Bytes committed to volumes.
    pub bytes: u64,
    /// Calls listed, kept or refused.
    pub calls: u64,
    /// Commits.
    pub commits: u64,
    /// How long the slowest commit of the last minute took, in ms.
    pub slowest_commit_ms: u64,
    /// Since when the writer waits for room on the disk.
    pub waits_since: Option<WallTime>,
    /// When it last came round; one that is older than a few seconds means that the disk hangs.
    pub alive: Option<WallTime>,
    /// How long audio takes from its arrival until it is safe on the disk, since the start.
    pub lag: LagHealth,
}

/// Audio that waits for room on the disk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WaitingHealth {
    /// Packets that were taken since the writer waits, and are in memory only.
    pub packets: u64,
    /// For how long it has waited, in seconds.
    pub seconds: f64,
    /// In about how many seconds the memory for audio is full, and audio is lost; `None` before any of it is used.
    pub lost_in_seconds: Option<f64>,
}

/// The vault's disk.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DiskHealth {
    /// Bytes free for recordings: without the reserve that keeps endings, ledger and index writable.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
    /// Bytes a second written, over the last hour or since the start.
    pub bytes_per_second: f64,
    /// Seconds until it is full at that rate; `None` when nothing is written.
    pub seconds_to_full: Option<f64>,
}

impl DiskHealth {
    /// Whether recordings have no room, as far as the disk says how much it has.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.total > 0 && self.free == 0
    }
}
