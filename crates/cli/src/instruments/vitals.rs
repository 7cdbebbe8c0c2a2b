//! The object of `status --json`: its names and their order are a contract with scripts. Counters count from the
//! recorder's start and never go back. What is absent is null.

mod from_health;

use std::collections::BTreeMap;

use earwitness_model::WallTime;
use serde::{Deserialize, Serialize};

pub(super) use self::from_health::lost_by_cause;
use super::{MemoryVitals, Moment};
use crate::exit::Exit;

/// A recorder writes its health down once a second: one that is older than this hangs.
pub(crate) const STALE_SECONDS: f64 = 5.0;

/// How a recorder is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Vitals {
    pub(crate) schema: u8,
    pub(crate) state: State,
    /// When the recorder began to watch.
    pub(crate) started: Moment,
    /// When this was written down.
    pub(crate) at: Moment,
    /// Who captures and who follows the calls.
    pub(crate) threads: Vec<ThreadVitals>,
    pub(crate) rule_set: String,
    /// Since when it is in force.
    #[serde(default)]
    pub(crate) rules_since: Option<Moment>,
    /// Since when the rules on the disk are not those in force, because they have errors.
    #[serde(default)]
    pub(crate) rules_refused_since: Option<Moment>,
    pub(crate) interfaces: Vec<InterfaceVitals>,
    pub(crate) calls: CallVitals,
    pub(crate) media: MediaVitals,
    pub(crate) frames: FrameVitals,
    pub(crate) queues: Vec<QueueVitals>,
    pub(crate) rings: RingVitals,
    /// Null where the system does not tell.
    #[serde(default)]
    pub(crate) memory: Option<MemoryVitals>,
    pub(crate) written: WrittenVitals,
    pub(crate) disk: DiskVitals,
    pub(crate) clock: ClockVitals,
    /// Worst first.
    pub(crate) alarms: Vec<AlarmVitals>,
}

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Frames are taken.
    Recording,
    /// Nobody has looked at the frames for a while: capturing hangs.
    Hanging,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ThreadVitals {
    pub(crate) name: String,
    /// When it last came round; null before the first time.
    pub(crate) alive: Option<Moment>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct InterfaceVitals {
    pub(crate) name: String,
    pub(crate) link: LinkWord,
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    /// Over the last second.
    pub(crate) frames_per_second: f64,
    pub(crate) bytes_per_second: f64,
    pub(crate) kernel_drops: u64,
    pub(crate) interface_drops: u64,
    pub(crate) last_frame: Option<Moment>,
    /// Of a port of capture agents; null of an interface.
    #[serde(default)]
    pub(crate) hep: Option<HepVitals>,
}

/// What came from capture agents, and was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HepVitals {
    /// Open now.
    pub(crate) connections: usize,
    pub(crate) not_hep: u64,
    pub(crate) wrong_key: u64,
    /// Connections for which there was no place.
    pub(crate) refused: u64,
    pub(crate) too_slow: u64,
    /// How far the clock of the agent heard last is ahead of this machine's; null before one said its time.
    pub(crate) clock_difference_seconds: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LinkWord {
    Up,
    Down,
    Gone,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CallVitals {
    /// Followed now.
    pub(crate) running: usize,
    pub(crate) begun: u64,
    pub(crate) answered: u64,
    pub(crate) ended: u64,
    /// The rules do not keep them.
    pub(crate) not_admitted: u64,
    /// Taken up after a restart.
    pub(crate) resumed: u64,
    /// Messages of calls beyond the bound of the call table.
    pub(crate) table_full: u64,
}

/// RTP packets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MediaVitals {
    pub(crate) packets: u64,
    pub(crate) kept: u64,
    /// Of calls that are not kept, or from before the answer.
    pub(crate) dropped: u64,
    /// Of calls that are to be kept, and were not.
    pub(crate) lost: u64,
    pub(crate) lost_by_cause: BTreeMap<String, u64>,
    /// Of those kept: they wait for room on the disk, in memory. Null while nothing waits.
    #[serde(default)]
    pub(crate) waiting: Option<WaitingVitals>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WaitingVitals {
    pub(crate) packets: u64,
    pub(crate) seconds: f64,
    /// When memory is full, at the rate since the wait began; null where nothing tells.
    pub(crate) lost_in_seconds: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FrameVitals {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) sip_messages: u64,
    pub(crate) sip_malformed: u64,
    pub(crate) rtcp_packets: u64,
    pub(crate) not_udp: u64,
    #[serde(default)]
    pub(crate) tunnels: BTreeMap<String, u64>,
    pub(crate) other_datagrams: u64,
    pub(crate) unreadable: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct QueueVitals {
    pub(crate) name: String,
    pub(crate) capacity: usize,
    pub(crate) length: usize,
    pub(crate) high_water: usize,
    pub(crate) refused: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RingVitals {
    pub(crate) bytes: usize,
    pub(crate) budget_bytes: usize,
    pub(crate) high_water_bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WrittenVitals {
    pub(crate) bytes: u64,
    /// Calls listed, kept or refused.
    pub(crate) calls: u64,
    pub(crate) commits: u64,
    /// Of the last minute.
    pub(crate) slowest_commit_seconds: f64,
    /// Since when it waits for room on the disk.
    pub(crate) waits_since: Option<Moment>,
    /// When the writer last came round.
    pub(crate) alive: Option<Moment>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DiskVitals {
    /// Free for recordings.
    pub(crate) free_bytes: u64,
    pub(crate) total_bytes: u64,
    /// Over the last hour.
    pub(crate) bytes_per_second: f64,
    pub(crate) seconds_to_full: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClockVitals {
    /// How often the clock of the frames was set.
    pub(crate) steps: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AlarmVitals {
    pub(crate) code: String,
    pub(crate) since: Moment,
    /// Whether calls are being lost, and not only about to be.
    pub(crate) loss: bool,
    pub(crate) sentence: String,
}

impl Vitals {
    /// The same, with the memory that the process has.
    pub(crate) fn beside(self, memory: Option<MemoryVitals>) -> Self {
        Self { memory, ..self }
    }

    /// As it is at `now`: one that is old, or that shows a thread without a recent sign of life, is of a recorder that hangs.
    pub(crate) fn seen_at(mut self, now: WallTime) -> Self {
        if self.oldest_sign().seconds_until(now) > STALE_SECONDS {
            self.state = State::Hanging;
        }
        self
    }

    /// The oldest sign of life of whoever captures or follows the calls.
    pub(crate) fn oldest_sign(&self) -> Moment {
        let signs = self.threads.iter().map(|thread| thread.alive.unwrap_or(self.started));
        signs.fold(self.at, Moment::min)
    }

    /// What monitoring is told: loss is worse than anything that is only wrong.
    pub(crate) fn exit(&self) -> Exit {
        if self.alarms.iter().any(|alarm| alarm.loss) {
            return Exit::Loss;
        }
        match self.state {
            State::Hanging => Exit::Failed,
            State::Recording if !self.alarms.is_empty() => Exit::Failed,
            State::Recording => Exit::Done,
        }
    }
}

impl LinkWord {
    /// As people read it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Gone => "gone",
        }
    }
}
