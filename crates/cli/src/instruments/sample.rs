//! A recorder's health made by hand, for the tests of what shows it.

use earwitness_engine::{CallCounts, Counts, MediaCounts};
use earwitness_model::{RuleSetHash, WallTime};
use earwitness_recorder::{
    Alarm, AlarmCode, DiskHealth, Health, InterfaceHealth, LagHealth, Link, QueueHealth, RingHealth,
    RulesHealth, ThreadHealth, WriterHealth,
};

const SECOND: i64 = 1_000_000_000;
/// 2026-11-21 09:00 in Korea.
const STARTED: i64 = 1_795_219_200 * SECOND;

/// `seconds` after the recorder's start.
pub(crate) const fn at(seconds: i64) -> WallTime {
    WallTime::from_nanos(STARTED + seconds * SECOND)
}

fn interface(name: &str, frames: u64, link: Link) -> InterfaceHealth {
    InterfaceHealth {
        name: name.to_owned(),
        link,
        frames,
        bytes: frames * 218,
        frames_per_second: frames as f64 / 7200.0,
        bytes_per_second: frames as f64 * 218.0 / 7200.0,
        kernel_drops: 0,
        interface_drops: 0,
        last_frame: Some(at(7200)),
        hep: None,
    }
}

/// Two hours of an office, nothing wrong.
pub(crate) fn healthy() -> Health {
    let queue =
        |name, capacity, length, high_water| QueueHealth { name, capacity, length, high_water, refused: 0 };
    let media =
        MediaCounts { packets: 36_300_000, kept: 36_000_000, dropped: 299_000, ..MediaCounts::default() };
    Health {
        started: at(0),
        at: at(7200),
        threads: ["signalling", "capture 0", "capture 1"]
            .map(|name| ThreadHealth { name: name.to_owned(), alive: Some(at(7200)) })
            .into(),
        rule_set: RuleSetHash([0x5a; 32]),
        rules: RulesHealth { since: at(3600), refused: None },
        interfaces: vec![interface("eth1", 36_400_000, Link::Up), interface("eth2", 72_000, Link::Up)],
        queues: vec![
            queue("backlog", 65_536, 0, 3),
            queue("work", 1024, 2, 40),
            queue("written", 1024, 0, 17),
            queue("notes", 256, 0, 0),
        ],
        rings: RingHealth { bytes: 12 << 20, budget: 1024 << 20, high_water: 30 << 20 },
        counts: Counts {
            frames: 36_472_000,
            bytes: 7_950_896_000,
            messages: 24_000,
            media,
            ..Counts::default()
        },
        calls: 212,
        call_counts: CallCounts { begun: 2000, answered: 1900, ended: 1788, not_admitted: 500, resumed: 0 },
        written: WriterHealth {
            bytes: 5 << 30,
            calls: 1788,
            commits: 14_000,
            slowest_commit_ms: 12,
            waits_since: None,
            alive: Some(at(7200)),
            lag: LagHealth::default(),
        },
        waiting: None,
        disk: DiskHealth {
            free: 100_000_000_000,
            total: 120_000_000_000,
            bytes_per_second: 50_000.0,
            seconds_to_full: Some(2_000_000.0),
        },
        day_end: None,
        not_disposed: false,
        alarms: vec![],
    }
}

/// The same office after a loss on an interface that went down.
pub(crate) fn losing() -> Health {
    let mut health = healthy();
    health.interfaces[0].kernel_drops = 1234;
    health.interfaces[1].link = Link::Down;
    let alarm = |code, since| Alarm { code, since: at(since) };
    health.alarms = vec![alarm(AlarmCode::InterfaceDown, 7140), alarm(AlarmCode::FramesLost, 7199)];
    health
}
