//! What somebody should look at: a closed list, decided from one [`Health`] and the one before it.

use earwitness_model::WallTime;

use crate::health::{Health, Link};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlarmCode {
    /// The disk has no room for recordings: audio that comes waits in memory, then becomes gaps.
    DiskFull,
    /// The disk cannot keep up: queues are full.
    DiskSlow,
    /// At the present rate the disk is full within a day.
    DiskFillsSoon,
    /// An interface is down or gone.
    InterfaceDown,
    /// Frames were lost before the recorder saw them, within the last minute.
    FramesLost,
    /// Audio of admitted calls could not be kept, within the last minute.
    AudioLost,
    /// The call table is full: new calls are not followed.
    CallTableFull,
    /// No interface delivered a frame for five minutes.
    MirrorSilent,
    /// The rules on the disk are not in force: they were read again, and have errors.
    RulesRefused,
    /// What is due could not be destroyed, or not be looked for.
    NotDisposed,
}

/// Something is wrong since a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm {
    /// What.
    pub code: AlarmCode,
    /// Since when.
    pub since: WallTime,
}

impl AlarmCode {
    /// Every code, worst first.
    pub const ALL: [Self; 10] = [
        Self::DiskFull,
        Self::InterfaceDown,
        Self::AudioLost,
        Self::FramesLost,
        Self::CallTableFull,
        Self::DiskSlow,
        Self::RulesRefused,
        Self::NotDisposed,
        Self::MirrorSilent,
        Self::DiskFillsSoon,
    ];

    /// Its name for scripts: stable.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::DiskSlow => "disk_slow",
            Self::DiskFillsSoon => "disk_fills_soon",
            Self::InterfaceDown => "interface_down",
            Self::FramesLost => "frames_lost",
            Self::AudioLost => "audio_lost",
            Self::CallTableFull => "call_table_full",
            Self::MirrorSilent => "mirror_silent",
            Self::RulesRefused => "rules_refused",
            Self::NotDisposed => "not_disposed",
        }
    }

    /// What it means and what to do, in a sentence.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::DiskFull => {
                "the vault's disk is full: audio that comes waits in memory and is then lost; make room or add a disk, nothing kept is deleted"
            }
            Self::DiskSlow => "the vault's disk cannot keep up with the calls: look at its load",
            Self::DiskFillsSoon => "the vault's disk is full within a day at the present rate: make room",
            Self::InterfaceDown => "an interface is down or gone: look at its cable and the mirror port",
            Self::FramesLost => {
                "frames were lost before the recorder saw them: give a larger ring (-B), or see `earwitness doctor -i`"
            }
            Self::AudioLost => "audio of calls that are to be kept was lost: see `earwitness coverage`",
            Self::CallTableFull => "more calls at once than the call table holds: new ones are not followed",
            Self::RulesRefused => {
                "the rules were to be read again and have errors, the old ones stay in force: see `earwitness rules check`, mend them, and read them again (SIGHUP)"
            }
            Self::NotDisposed => {
                "what is due could not be destroyed, or not be looked for: the log says why; `earwitness dispose plan` lists it"
            }
            Self::MirrorSilent => "no frame for five minutes: is the mirror still configured?",
        }
    }

    /// Whether calls are being lost, and not only about to be.
    #[must_use]
    pub const fn is_loss(self) -> bool {
        match self {
            Self::DiskFull
            | Self::InterfaceDown
            | Self::AudioLost
            | Self::FramesLost
            | Self::CallTableFull => true,
            Self::DiskSlow
            | Self::MirrorSilent
            | Self::DiskFillsSoon
            | Self::RulesRefused
            | Self::NotDisposed => false,
        }
    }
}

const SECOND: i64 = 1_000_000_000;
/// A loss is told of for this long after it happened.
const LOSS_FADES: i64 = 60 * SECOND;
/// A mirror port of an office is never silent for so long: phones register.
const SILENCE: i64 = 300 * SECOND;
/// Less time to full than this is told of.
const SOON_SECONDS: f64 = 86_400.0;

/// Tells alarms from one look after the other.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    standing: Vec<Alarm>,
    lost: Mark,
    dropped: Mark,
    refused: Mark,
    waited: Mark,
}

/// A counter, and when it last moved.
#[derive(Debug, Default, Clone, Copy)]
struct Mark {
    count: u64,
    moved: Option<WallTime>,
}

impl Mark {
    fn moves(&mut self, count: u64, at: WallTime) -> bool {
        if count > self.count {
            (self.count, self.moved) = (count, Some(at));
        }
        self.moved.is_some_and(|moved| at.nanos().saturating_sub(moved.nanos()) < LOSS_FADES)
    }
}

impl Alarms {
    /// What stands at this look. An alarm that stood before keeps its time.
    pub(crate) fn look(&mut self, health: &Health) -> Vec<Alarm> {
        let at = health.at;
        let lost = self.lost.moves(health.counts.lost_packets(), at);
        let drops = health.interfaces.iter().map(|i| i.kernel_drops + i.interface_drops).sum();
        let dropped = self.dropped.moves(drops, at);
        let refused = self.refused.moves(health.counts.calls_refused, at);
        let waited = self.waited.moves(health.queues.iter().map(|queue| queue.refused).sum(), at);
        let stands = |code| match code {
            AlarmCode::DiskFull => health.written.waits_since.is_some() || health.disk.is_full(),
            AlarmCode::DiskSlow => waited && health.written.waits_since.is_none(),
            AlarmCode::DiskFillsSoon => health.disk.seconds_to_full.is_some_and(|left| left < SOON_SECONDS),
            AlarmCode::InterfaceDown => health.interfaces.iter().any(|i| i.link != Link::Up),
            AlarmCode::FramesLost => dropped,
            AlarmCode::AudioLost => lost,
            AlarmCode::CallTableFull => refused,
            AlarmCode::MirrorSilent => is_silent(health),
            AlarmCode::RulesRefused => health.rules.refused.is_some(),
            AlarmCode::NotDisposed => health.not_disposed,
        };
        let before = std::mem::take(&mut self.standing);
        let since = |code| before.iter().find(|alarm| alarm.code == code).map_or(at, |alarm| alarm.since);
        self.standing = AlarmCode::ALL
            .into_iter()
            .filter(|&code| stands(code))
            .map(|code| Alarm { code, since: since(code) })
            .collect();
        self.standing.clone()
    }
}

fn is_silent(health: &Health) -> bool {
    let last = health.interfaces.iter().filter_map(|i| i.last_frame).max().unwrap_or(health.started);
    health.at.nanos().saturating_sub(last.nanos().max(health.started.nanos())) >= SILENCE
}
