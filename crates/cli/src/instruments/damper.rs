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
}

impl AlarmState {
    /// For programs: stable.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Cleared => "cleared",
        }
    }
}

/// Something to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) code: AlarmCode,
    pub(super) state: AlarmState,
    pub(super) since: WallTime,
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
}

impl Damper {
    /// What is to be told when these alarms stand at `at`.
    pub(super) fn look(&mut self, at: WallTime, alarms: &[Alarm]) -> Vec<Notice> {
        let mut notices = Vec::new();
        for &Alarm { code, since } in alarms {
            match self.told.iter_mut().find(|told| told.code == code) {
                Some(told) => told.stood = at,
                None => {
                    notices.push(Notice { code, state: AlarmState::Raised, since });
                    self.told.push(Told { code, since, stood: at });
                }
            }
        }
        let is_over = |told: &Told| at.nanos().saturating_sub(told.stood.nanos()) >= OVER_NANOS;
        let over = self.told.extract_if(.., |told| is_over(told));
        notices.extend(over.map(|Told { code, since, .. }| Notice {
            code,
            state: AlarmState::Cleared,
            since,
        }));
        notices
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
            told.extend(damper.look(at(second), &alarms).into_iter().map(|notice| (second, notice)));
        }
        let notice = |state| Notice { code: AlarmCode::InterfaceDown, state, since: at(0) };
        assert_eq!(told, [(0, notice(AlarmState::Raised)), (114, notice(AlarmState::Cleared))]);
    }
}
