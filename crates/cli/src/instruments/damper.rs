//! Which alarms others are told of: each once when it is raised and once when it is over; one that comes and goes is one.

use earwitness_model::WallTime;
use earwitness_recorder::{Alarm, AlarmCode};

/// An alarm is over when it has not stood for so long.
const OVER_NANOS: i64 = 30_000_000_000;

/// Whether it is raised or over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AlarmState {
    Raised,
    Cleared,
    /// The recorder stopped while it stood.
    Stopped,
}

impl AlarmState {
    /// For programs: stable.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Cleared => "cleared",
            Self::Stopped => "stopped",
        }
    }
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) code: AlarmCode,
    pub(super) state: AlarmState,
    pub(super) since: WallTime,
    /// The interfaces that it is about, with commas between them; empty where it is about none.
    pub(super) interface: String,
}

impl Notice {
    /// What it means.
    pub(super) fn sentence(&self) -> String {
        let sentence = self.code.sentence();
        match self.state {
            AlarmState::Raised => sentence.to_owned(),
            AlarmState::Cleared => format!("this is over: {sentence}"),
            AlarmState::Stopped => format!("the recorder stopped while this stood: {sentence}"),
        }
    }
}

/// The alarms that others know of.
#[derive(Debug, Default)]
pub(super) struct Damper {
    told: Vec<Told>,
}

#[derive(Debug)]
struct Told {
    code: AlarmCode,
    since: WallTime,
    stood: WallTime,
    interface: String,
}

impl Told {
    fn notice(self, state: AlarmState) -> Notice {
        let Self { code, since, stood: _, interface } = self;
        Notice { code, state, since, interface }
    }
}

impl Damper {
    /// What is to be told when these alarms stand at `at`, each about the interfaces that `interface_of` names.
    pub(super) fn look(
        &mut self,
        at: WallTime,
        alarms: &[Alarm],
        interface_of: impl Fn(AlarmCode) -> String,
    ) -> Vec<Notice> {
        let mut notices = Vec::new();
        for &Alarm { code, since } in alarms {
            match self.told.iter_mut().find(|told| told.code == code) {
                Some(told) => told.stood = at,
                None => {
                    let interface = interface_of(code);
                    notices.push(Notice {
                        code,
                        state: AlarmState::Raised,
                        since,
                        interface: interface.clone(),
                    });
                    self.told.push(Told { code, since, stood: at, interface });
                }
            }
        }
        let is_over = |told: &Told| at.nanos().saturating_sub(told.stood.nanos()) >= OVER_NANOS;
        let over = self.told.extract_if(.., |told| is_over(told));
        notices.extend(over.map(|told| told.notice(AlarmState::Cleared)));
        notices
    }

    /// What is to be told when the recorder stops: every alarm that nobody was told to be over.
    pub(super) fn finish(&mut self) -> Vec<Notice> {
        self.told.drain(..).map(|told| told.notice(AlarmState::Stopped)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> WallTime {
        WallTime::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn an_alarm_that_comes_and_goes_is_told_once_and_once_that_it_is_over() {
        let mut damper = Damper::default();
        let mut told = Vec::new();
        for second in 0..200 {
            let stands = second < 100 && second % 20 < 5;
            let alarm = Alarm { code: AlarmCode::InterfaceDown, since: at(second - second % 20) };
            let alarms = if stands { vec![alarm] } else { vec![] };
            let looked = damper.look(at(second), &alarms, |_| "eth1".to_owned());
            told.extend(looked.into_iter().map(|notice| (second, notice)));
        }
        let interface = "eth1".to_owned();
        let notice = |state| Notice {
            code: AlarmCode::InterfaceDown,
            state,
            since: at(0),
            interface: interface.clone(),
        };
        assert_eq!(told, [(0, notice(AlarmState::Raised)), (114, notice(AlarmState::Cleared))]);
        assert!(notice(AlarmState::Cleared).sentence().starts_with("this is over: an interface is down"));
        assert_eq!(damper.finish(), []);
        let alarm = Alarm { code: AlarmCode::InterfaceDown, since: at(0) };
        damper.look(at(300), &[alarm], |_| "eth1".to_owned());
        assert_eq!(damper.finish(), [notice(AlarmState::Stopped)]);
    }
}
