//! How long the vault's disk lasts.

use std::collections::VecDeque;

use earwitness_model::WallTime;
use earwitness_vault::Vault;

use crate::health::DiskHealth;

/// The rate is measured over this many minutes: a lunch break is no reason to alarm, nor to be calm.
const MINUTES: usize = 60;
const MINUTE_NANOS: i64 = 60_000_000_000;

/// Looks at the disk, and remembers what was written when.
pub(crate) struct DiskWatch<'a> {
    vault: &'a Vault,
    /// Bytes written at the beginning of each of the last minutes.
    minutes: VecDeque<(WallTime, u64)>,
}

impl<'a> DiskWatch<'a> {
    pub(crate) fn new(vault: &'a Vault, now: WallTime) -> Self {
        Self { vault, minutes: VecDeque::from([(now, 0)]) }
    }

    /// What there is, with `written` bytes written since the start.
    pub(crate) fn look(&mut self, now: WallTime, written: u64) -> DiskHealth {
        let bytes_per_second = rate(&mut self.minutes, now, written);
        // A disk that does not even say how full it is shows in the writer's own errors.
        let Ok(space) = self.vault.space() else {
            return DiskHealth { bytes_per_second, ..DiskHealth::default() };
        };
        let free = space.usable();
        let seconds_to_full = (bytes_per_second > 0.0).then(|| free as f64 / bytes_per_second);
        DiskHealth { free, total: space.total, bytes_per_second, seconds_to_full }
    }
}

/// Bytes a second since the oldest minute that is remembered.
fn rate(minutes: &mut VecDeque<(WallTime, u64)>, now: WallTime, written: u64) -> f64 {
    let since = |(at, _): &(WallTime, u64)| now.nanos().saturating_sub(at.nanos());
    if minutes.back().is_none_or(|newest| !(0..MINUTE_NANOS).contains(&since(newest))) {
        minutes.push_back((now, written));
        if minutes.len() > MINUTES {
            minutes.pop_front();
        }
    }
    match minutes.front() {
        Some(oldest) if since(oldest) > 0 => {
            written.saturating_sub(oldest.1) as f64 * 1e9 / since(oldest) as f64
        }
        Some(_) | None => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_hour() {
        let at = |minute: i64| WallTime::from_nanos(minute * MINUTE_NANOS);
        let mut minutes = VecDeque::from([(at(0), 0)]);
        assert_eq!(rate(&mut minutes, at(0), 0), 0.0);
        for minute in 1..=60 {
            rate(&mut minutes, at(minute), 600 * minute as u64);
        }
        assert!((rate(&mut minutes, at(60), 36_000) - 10.0).abs() < 0.2);
        for minute in 61..=121 {
            rate(&mut minutes, at(minute), 36_000);
        }
        assert_eq!(rate(&mut minutes, at(121), 36_000), 0.0, "nothing was written in the last hour");
    }
}
