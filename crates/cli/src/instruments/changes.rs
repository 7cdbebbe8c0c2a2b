//! What happened between two looks at a recorder's health.

use std::sync::Arc;

use earwitness_model::WallTime;
use earwitness_recorder::{Alarm, Health};

use super::{Event, event::Lost};

/// A loss that goes on is told of in pieces of this length.
const PIECE_SECONDS: u64 = 60;

/// Remembers the last look, and the losses that go on.
#[derive(Debug, Default)]
pub(super) struct Changes {
    before: Option<Arc<Health>>,
    losing: Vec<(Lost, u64, WallTime)>,
}

impl Changes {
    /// What happened since the last look. At the first one only what stands already is told.
    pub(super) fn look(&mut self, health: &Arc<Health>) -> Vec<Event> {
        let before = self.before.replace(Arc::clone(health));
        let Some(before) = before else {
            return health.alarms.iter().map(|alarm| Event::Raised(alarm.code)).collect();
        };
        if before.at == health.at {
            return Vec::new();
        }
        let mut events = interfaces(&before, health);
        self.add_losses(&before, health);
        events.extend(self.losses(health.at, Window::Over));
        if before.rule_set != health.rule_set {
            events.push(Event::Rules { before: before.rule_set, now: health.rule_set });
        }
        if health.counts.clock_steps > before.counts.clock_steps {
            events.push(Event::ClockSet { times: health.counts.clock_steps });
        }
        events.extend(alarms(&before.alarms, health));
        events
    }

    /// What is still open when the recorder stops.
    pub(super) fn finish(&mut self) -> Vec<Event> {
        let at = self.before.as_ref().map_or(WallTime::from_nanos(0), |before| before.at);
        self.losses(at, Window::All)
    }

    fn add_losses(&mut self, before: &Health, health: &Health) {
        for (was, is) in before.interfaces.iter().zip(&health.interfaces) {
            let (kernel, own) =
                (is.kernel_drops - was.kernel_drops, is.interface_drops - was.interface_drops);
            self.add(Lost::KernelDrops { interface: is.name.clone() }, kernel, before.at);
            self.add(Lost::InterfaceDrops { interface: is.name.clone() }, own, before.at);
        }
        let audio = health.counts.lost_packets().saturating_sub(before.counts.lost_packets());
        self.add(Lost::Audio, audio, before.at);
    }

    fn add(&mut self, what: Lost, count: u64, from: WallTime) {
        match self.losing.iter_mut().find(|(losing, ..)| *losing == what) {
            Some((_, total, _)) => *total += count,
            None if count > 0 => self.losing.push((what, count, from)),
            None => {}
        }
    }

    fn losses(&mut self, now: WallTime, window: Window) -> Vec<Event> {
        let seconds =
            |from: &WallTime| now.nanos().saturating_sub(from.nanos()).unsigned_abs() / 1_000_000_000;
        let is_told = |from: &WallTime| match window {
            Window::All => true,
            Window::Over => seconds(from) >= PIECE_SECONDS,
        };
        let over = self.losing.extract_if(.., |(_, _, from)| is_told(from));
        over.map(|(what, count, from)| Event::Lost { what, count, seconds: seconds(&from).max(1) }).collect()
    }
}

/// Which windows are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    Over,
    All,
}

fn interfaces(before: &Health, health: &Health) -> Vec<Event> {
    let pairs = before.interfaces.iter().zip(&health.interfaces);
    let mut events = Vec::new();
    for (was, is) in pairs {
        if was.name != is.name {
            events.push(Event::Renamed { from: was.name.clone(), to: is.name.clone() });
        }
        if was.link != is.link {
            events.push(Event::Interface { name: is.name.clone(), link: is.link });
        }
    }
    events
}

fn alarms(before: &[Alarm], health: &Health) -> Vec<Event> {
    let is_in = |alarms: &[Alarm], alarm: &Alarm| alarms.iter().any(|other| other.code == alarm.code);
    let raised =
        health.alarms.iter().filter(|alarm| !is_in(before, alarm)).map(|alarm| Event::Raised(alarm.code));
    let cleared = before.iter().filter(|alarm| !is_in(&health.alarms, alarm)).map(|alarm| {
        let seconds = health.at.nanos().saturating_sub(alarm.since.nanos()).unsigned_abs() / 1_000_000_000;
        Event::Cleared { code: alarm.code, seconds }
    });
    raised.chain(cleared).collect()
}

#[cfg(test)]
mod tests {
    use earwitness_recorder::{AlarmCode, Link};

    use super::*;
    use crate::instruments::sample::{at, healthy};

    /// A healthy recorder, `seconds` after the sample's, changed.
    fn after(seconds: i64, change: impl FnOnce(&mut Health)) -> Arc<Health> {
        let mut health = healthy();
        health.at = at(7200 + seconds);
        change(&mut health);
        Arc::new(health)
    }

    #[test]
    fn a_loss_is_told_by_the_minute_and_not_by_the_frame() {
        let mut changes = Changes::default();
        let mut told = Vec::new();
        for second in 0..=150 {
            let lost = second.min(90) as u64;
            told.extend(changes.look(&after(second, |health| health.interfaces[0].kernel_drops = lost)));
        }
        told.extend(changes.finish());
        let what = Lost::KernelDrops { interface: "eth1".to_owned() };
        let lost = |count, seconds| Event::Lost { what: what.clone(), count, seconds };
        assert_eq!(told, [lost(60, 60), lost(30, 60)]);
    }

    #[test]
    fn interfaces_rules_clock_and_alarms_are_told_once() {
        let mut changes = Changes::default();
        assert_eq!(changes.look(&after(0, |_| ())), []);
        let rules = earwitness_model::RuleSetHash([7; 32]);
        let worse = |second| {
            after(second, |health| {
                health.interfaces[1].link = Link::Gone;
                health.interfaces[0].name = "mirror".to_owned();
                health.rule_set = rules;
                health.counts.clock_steps = 1;
                health.alarms = vec![Alarm { code: AlarmCode::InterfaceDown, since: at(7201) }];
            })
        };
        let expected = [
            Event::Renamed { from: "eth1".to_owned(), to: "mirror".to_owned() },
            Event::Interface { name: "eth2".to_owned(), link: Link::Gone },
            Event::Rules { before: healthy().rule_set, now: rules },
            Event::ClockSet { times: 1 },
            Event::Raised(AlarmCode::InterfaceDown),
        ];
        assert_eq!(changes.look(&worse(1)), expected);
        assert_eq!(changes.look(&worse(1)), []);
        assert_eq!(changes.look(&worse(2)), []);
        let better = after(10, |health| {
            health.interfaces[0].name = "mirror".to_owned();
            health.rule_set = rules;
            health.counts.clock_steps = 1;
        });
        let expected = [
            Event::Interface { name: "eth2".to_owned(), link: Link::Up },
            Event::Cleared { code: AlarmCode::InterfaceDown, seconds: 9 },
        ];
        assert_eq!(changes.look(&better), expected);
    }
}
