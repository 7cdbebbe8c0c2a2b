//! What a recorder's [`Health`] is called in its vitals.

use chrono_tz::Tz;
use earwitness_capture::HepCounts;
use earwitness_model::WallTime;
use earwitness_recorder::{Health, InterfaceHealth, Link, QueueHealth, ThreadHealth};

use super::{
    AlarmVitals, CallVitals, ClockVitals, DiskVitals, FrameVitals, HepVitals, InterfaceVitals, LinkWord,
    MediaVitals, Moment, QueueVitals, RingVitals, State, ThreadVitals, Vitals, WaitingVitals, WrittenVitals,
};

/// Changes when a name or a meaning does.
const SCHEMA: u8 = 1;

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
            rules_since: Some(moment(health.rules.since)),
            rules_refused_since: health.rules.refused.map(moment),
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
                waiting: health.waiting.map(|waiting| WaitingVitals {
                    packets: waiting.packets,
                    seconds: waiting.seconds,
                    lost_in_seconds: waiting.lost_in_seconds,
                }),
            },
            frames: FrameVitals {
                frames: counts.frames,
                bytes: counts.bytes,
                sip_messages: counts.messages,
                sip_malformed: counts.messages_malformed,
                rtcp_packets: counts.rtcp,
                not_udp: counts.not_udp,
                tunnels: counts.tunnels.iter().map(|(kind, count)| (kind.to_string(), count)).collect(),
                other_datagrams: counts.other,
                unreadable: counts.unreadable.values().sum(),
            },
            queues: health.queues.iter().map(QueueVitals::from).collect(),
            rings: RingVitals {
                bytes: health.rings.bytes,
                budget_bytes: health.rings.budget,
                high_water_bytes: health.rings.high_water,
            },
            memory: None,
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
}

/// Packets of calls that are to be kept and were not, by cause; their sum is `Counts::lost_packets`.
pub(in crate::instruments) fn lost_by_cause(health: &Health) -> [(&'static str, u64); 5] {
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
            hep: health.hep.as_ref().map(HepVitals::from),
        }
    }
}

impl From<&HepCounts> for HepVitals {
    fn from(counts: &HepCounts) -> Self {
        Self {
            connections: counts.connections,
            not_hep: counts.not_hep,
            wrong_key: counts.wrong_key,
            refused: counts.refused,
            too_slow: counts.too_slow,
            clock_difference_seconds: counts.clock_difference_ns.map(|nanos| nanos as f64 / 1e9),
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
