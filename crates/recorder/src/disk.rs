//! How long the vault's disk lasts. How much room it has the writer's thread asks it: a disk may take its time to answer.

use std::collections::VecDeque;

use earwitness_model::WallTime;

use crate::{gauge::Room, health::DiskHealth};

/// The rate is measured over this many minutes: a lunch break is no reason to alarm, nor to be calm.
const MINUTES: usize = 60;
const MINUTE_NANOS: i64 = 60_000_000_000;

/// Remembers what was written when.
pub(crate) struct DiskWatch {
    /// Bytes written at the beginning of each of the last minutes.
    minutes: VecDeque<(WallTime, u64)>,
    /// Bytes that were used on the disk, by whomever, likewise.
    used: VecDeque<(WallTime, u64)>,
}

impl DiskWatch {
    pub(crate) fn new(now: WallTime) -> Self {
        Self { minutes: VecDeque::from([(now, 0)]), used: VecDeque::new() }
    }

    /// What there is, with `written` bytes written since the start, and the room that the disk last told of.
    pub(crate) fn look(&mut self, now: WallTime, written: u64, room: Option<Room>) -> DiskHealth {
        let bytes_per_second = rate(&mut self.minutes, now, written);
        // A disk that does not even say how full it is shows in the writer's own errors.
        let Some(Room { free, total }) = room else {
            return DiskHealth { bytes_per_second, ..DiskHealth::default() };
        };
        let by_all = rate(&mut self.used, now, total.saturating_sub(free));
        // What others write in a moment is no rate.
        let by_all = if is_long(&self.used) { by_all } else { 0.0 };
        let fastest = bytes_per_second.max(by_all);
        let seconds_to_full = (fastest > 0.0).then(|| free as f64 / fastest);
        DiskHealth { free, total, bytes_per_second, seconds_to_full }
    }
}

/// Whether a minute at least is remembered.
fn is_long(minutes: &VecDeque<(WallTime, u64)>) -> bool {
    let (Some((first, _)), Some((last, _))) = (minutes.front(), minutes.back()) else { return false };
    last.nanos().saturating_sub(first.nanos()) >= MINUTE_NANOS
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
    fn a_disk_that_others_fill_is_full_when_they_have_filled_it() {
        let at = |second: i64| WallTime::from_nanos(second * 1_000_000_000);
        let mut watch = DiskWatch::new(at(0));
        let mut left = Vec::new();
        for second in 0..=600 {
            let room = Room { free: 1_000_000 - 1_000 * second as u64, total: 2_000_000 };
            left.push(watch.look(at(second), 10 * second as u64, Some(room)).seconds_to_full);
        }
        assert_eq!(left[30], Some(97_000.0), "by what the recorder writes");
        assert_eq!(left[600], Some(400.0), "by what all write");
    }

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
