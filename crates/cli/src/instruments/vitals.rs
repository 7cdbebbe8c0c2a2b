//! The object of `status --json`: its names and their order are a contract with scripts. Counters count from the
//! recorder's start and never go back. What is absent is null.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use earwitness_model::WallTime;
use earwitness_recorder::{Health, InterfaceHealth, Link, QueueHealth, ThreadHealth};
use serde::{Deserialize, Serialize};

use super::Moment;
use crate::exit::Exit;

/// Changes when a name or a meaning does.
const SCHEMA: u8 = 1;
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
    pub(crate) interfaces: Vec<InterfaceVitals>,
    pub(crate) calls: CallVitals,
    pub(crate) media: MediaVitals,
    pub(crate) frames: FrameVitals,
    pub(crate) queues: Vec<QueueVitals>,
    pub(crate) rings: RingVitals,
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
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FrameVitals {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) sip_messages: u64,
    pub(crate) sip_malformed: u64,
    pub(crate) rtcp_packets: u64,
    pub(crate) not_udp: u64,
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
    /// What `health` says, its times in `zone`.
    pub(crate) fn new(health: &Health, zone: Tz) -> Self {
        let moment = |at: WallTime| Moment::new(at, zone);
        let (counts, media) = (&health.counts, &health.counts.media);
        Self {
            schema: SCHEMA,
            state: State::Recording,
            started: moment(health.started),
            at: moment(health.at),
            threads: health.threads.iter().map(|one| ThreadVitals::new(one, zone)).collect(),
            rule_set: health.rule_set.to_string(),
            interfaces: health.interfaces.iter().map(|one| InterfaceVitals::new(one, zone)).collect(),
            calls: CallVitals {
                running: health.calls,
                begun: health.call_counts.begun,
                answered: health.call_counts.answered,
                ended: health.call_counts.ended,
                not_admitted: health.call_counts.not_admitted,
                resumed: health.call_counts.resumed,
                table_full: counts.calls_refused,
            },
            media: MediaVitals {
                packets: media.packets,
                kept: media.kept,
                dropped: media.dropped,
                lost: counts.lost_packets(),
                lost_by_cause: lost_by_cause(health).map(|(cause, count)| (cause.to_owned(), count)).into(),
            },
            frames: FrameVitals {
                frames: counts.frames,
                bytes: counts.bytes,
                sip_messages: counts.messages,
                sip_malformed: counts.messages_malformed,
                rtcp_packets: counts.rtcp,
                not_udp: counts.not_udp,
                other_datagrams: counts.other,
                unreadable: counts.unreadable.values().sum(),
            },
            queues: health.queues.iter().map(QueueVitals::from).collect(),
            rings: RingVitals {
                bytes: health.rings.bytes,
                budget_bytes: health.rings.budget,
                high_water_bytes: health.rings.high_water,
            },
            written: WrittenVitals {
                bytes: health.written.bytes,
                calls: health.written.calls,
                commits: health.written.commits,
                slowest_commit_seconds: health.written.slowest_commit_ms as f64 / 1e3,
                waits_since: health.written.waits_since.map(moment),
                alive: health.written.alive.map(moment),
            },
            disk: DiskVitals {
                free_bytes: health.disk.free,
                total_bytes: health.disk.total,
                bytes_per_second: health.disk.bytes_per_second,
                seconds_to_full: health.disk.seconds_to_full,
            },
            clock: ClockVitals { steps: counts.clock_steps },
            alarms: health
                .alarms
                .iter()
                .map(|alarm| AlarmVitals {
                    code: alarm.code.name().to_owned(),
                    since: moment(alarm.since),
                    loss: alarm.code.is_loss(),
                    sentence: alarm.code.sentence().to_owned(),
                })
                .collect(),
        }
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

/// Packets of calls that are to be kept and were not, by cause; their sum is `Counts::lost_packets`.
pub(super) fn lost_by_cause(health: &Health) -> [(&'static str, u64); 5] {
    let media = &health.counts.media;
    [
        ("snap_length", media.truncated),
        ("no_memory", media.no_ring),
        ("not_taken", media.refused),
        ("too_many_sources", media.tracks_refused),
        ("noise", media.noise),
    ]
}

impl ThreadVitals {
    fn new(health: &ThreadHealth, zone: Tz) -> Self {
        Self { name: health.name.clone(), alive: health.alive.map(|at| Moment::new(at, zone)) }
    }
}

impl InterfaceVitals {
    fn new(health: &InterfaceHealth, zone: Tz) -> Self {
        Self {
            name: health.name.clone(),
            link: health.link.into(),
            frames: health.frames,
            bytes: health.bytes,
            frames_per_second: health.frames_per_second,
            bytes_per_second: health.bytes_per_second,
            kernel_drops: health.kernel_drops,
            interface_drops: health.interface_drops,
            last_frame: health.last_frame.map(|at| Moment::new(at, zone)),
        }
    }
}

impl From<Link> for LinkWord {
    fn from(link: Link) -> Self {
        match link {
            Link::Up => Self::Up,
            Link::Down => Self::Down,
            Link::Gone => Self::Gone,
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

impl From<&QueueHealth> for QueueVitals {
    fn from(queue: &QueueHealth) -> Self {
        Self {
            name: queue.name.to_owned(),
            capacity: queue.capacity,
            length: queue.length,
            high_water: queue.high_water,
            refused: queue.refused,
        }
    }
}
