//! Times as people type them: RFC 3339, a day, a day and a time, `today`, `yesterday`, `now`, `-2h`.

use std::fmt;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use earwitness_model::{PacketTime, WallTime};

use super::span::units;

/// Which end of a span of time is meant. A day alone begins the span at its beginning and ends it at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    Since,
    Until,
}

/// A text that is no time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotATime(String);

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allowed = "2026-11-21, \"2026-11-21 14:00\", 2026-11-21T14:00:00+09:00, -2h, -30m, -3d, today, yesterday, now";
        write!(f, "{:?} is no time: write {allowed}", self.0)
    }
}

/// The time that `text` means, where `now` is now and `zone` the zone of what does not name its own.
pub(super) fn moment(text: &str, now: WallTime, zone: Tz, edge: Edge) -> Result<PacketTime, NotATime> {
    let text = text.trim();
    let now = DateTime::<Utc>::from_timestamp_nanos(now.nanos());
    let at = if text.eq_ignore_ascii_case("now") {
        Some(now)
    } else if let Some(back) = text.strip_prefix('-') {
        before(now, back)
    } else if let Ok(exact) = DateTime::parse_from_rfc3339(text) {
        Some(exact.to_utc())
    } else {
        local(text, now.with_timezone(&zone).date_naive(), edge).and_then(|local| in_zone(local, zone))
    };
    at.and_then(|at| at.timestamp_nanos_opt())
        .map(PacketTime::from_nanos)
        .ok_or_else(|| NotATime(text.to_owned()))
}

fn before(now: DateTime<Utc>, back: &str) -> Option<DateTime<Utc>> {
    now.checked_sub_signed(TimeDelta::from_std(units(back)?).ok()?)
}

/// A day, and perhaps a time of it.
fn local(text: &str, today: NaiveDate, edge: Edge) -> Option<NaiveDateTime> {
    let (day, time) = match text.split_once([' ', 'T']) {
        Some((day, time)) => (day, Some(time.trim())),
        None => (text, None),
    };
    let day = match day {
        "today" => today,
        "yesterday" => today.pred_opt()?,
        date => NaiveDate::parse_from_str(date, "%Y-%m-%d").ok().filter(|_| date.len() == 10)?,
    };
    match (time, edge) {
        (Some(time), Edge::Since | Edge::Until) => Some(day.and_time(time_of_day(time)?)),
        (None, Edge::Since) => Some(day.and_time(NaiveTime::MIN)),
        (None, Edge::Until) => Some(day.checked_add_days(Days::new(1))?.and_time(NaiveTime::MIN)),
    }
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    ["%H:%M", "%H:%M:%S", "%H:%M:%S%.f"].iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok())
}

/// A clock that was set back shows a time twice: the first is meant. One that was set forward never shows it: the next
/// time that it shows is meant, at most a day later (Samoa, 2011).
fn in_zone(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    const STEP_MINUTES: i64 = 15;
    (0..=96).find_map(|step| {
        let shown = local.checked_add_signed(TimeDelta::minutes(STEP_MINUTES * step))?;
        zone.from_local_datetime(&shown).earliest().map(|at| at.to_utc())
    })
}

#[cfg(test)]
mod tests {
    use chrono_tz::{America::New_York, Asia::Seoul, UTC};

    use super::*;

    fn nanos(rfc3339: &str) -> i64 {
        DateTime::parse_from_rfc3339(rfc3339).unwrap().timestamp_nanos_opt().unwrap()
    }

    /// At 2026-11-21 16:30 in Korea.
    fn check(text: &str, (zone, edge): (Tz, Edge), expected: &str) {
        let now = WallTime::from_nanos(nanos("2026-11-21T16:30:00+09:00"));
        let expected = PacketTime::from_nanos(nanos(expected));
        assert_eq!(moment(text, now, zone, edge), Ok(expected), "{text} {zone} {edge:?}");
    }

    #[test]
    fn every_way_to_write_a_time_is_read_in_the_vaults_zone() {
        for (text, expected) in [
            ("2026-11-21T14:00:00Z", "2026-11-21T14:00:00Z"),
            ("2026-11-21T14:00:00.25+09:00", "2026-11-21T14:00:00.25+09:00"),
            ("2026-11-21 14:00:00+09:00", "2026-11-21T14:00:00+09:00"),
            ("2026-11-21", "2026-11-21T00:00:00+09:00"),
            ("2026-11-21 14:00", "2026-11-21T14:00:00+09:00"),
            ("2026-11-21T14:00", "2026-11-21T14:00:00+09:00"),
            ("2026-11-21 14:00:05.5", "2026-11-21T14:00:05.5+09:00"),
            (" today ", "2026-11-21T00:00:00+09:00"),
            ("yesterday", "2026-11-20T00:00:00+09:00"),
            ("yesterday 09:30", "2026-11-20T09:30:00+09:00"),
            ("now", "2026-11-21T16:30:00+09:00"),
            ("-2h", "2026-11-21T14:30:00+09:00"),
            ("-30m", "2026-11-21T16:00:00+09:00"),
            ("-3d", "2026-11-18T16:30:00+09:00"),
            ("-1d12h", "2026-11-20T04:30:00+09:00"),
        ] {
            check(text, (Seoul, Edge::Since), expected);
        }
    }

    #[test]
    fn a_day_as_the_end_counts_to_its_end_and_a_time_does_not() {
        check("2026-11-21", (Seoul, Edge::Until), "2026-11-22T00:00:00+09:00");
        check("yesterday", (Seoul, Edge::Until), "2026-11-21T00:00:00+09:00");
        check("2026-11-21 14:00", (Seoul, Edge::Until), "2026-11-21T14:00:00+09:00");
        check("-2h", (Seoul, Edge::Until), "2026-11-21T14:30:00+09:00");
    }

    #[test]
    fn today_is_the_offices_day_and_not_greenwichs() {
        check("today", (New_York, Edge::Since), "2026-11-21T00:00:00-05:00");
        let early = WallTime::from_nanos(nanos("2026-11-21T08:00:00+09:00"));
        let today = |zone| moment("today", early, zone, Edge::Since).map(PacketTime::nanos);
        assert_eq!(today(Seoul), Ok(nanos("2026-11-21T00:00:00+09:00")));
        assert_eq!(today(UTC), Ok(nanos("2026-11-20T00:00:00Z")));
    }

    #[test]
    fn times_that_a_clock_shows_twice_or_never_are_still_times() {
        check("2026-11-01 01:30", (New_York, Edge::Since), "2026-11-01T01:30:00-04:00");
        check("2026-03-08 02:30", (New_York, Edge::Since), "2026-03-08T03:00:00-04:00");
        check("2011-12-30", (chrono_tz::Pacific::Apia, Edge::Since), "2011-12-31T00:00:00+14:00");
    }

    #[test]
    fn what_is_no_time_says_what_is() {
        let now = WallTime::from_nanos(nanos("2026-11-21T16:30:00+09:00"));
        for text in [
            "",
            "tomorrow",
            "-",
            "-2",
            "-2x",
            "2026-13-01",
            "26-11-21",
            "2026-11-21 25:00",
            "-9999999999w",
            "9999-01-01",
        ] {
            let said = moment(text, now, Seoul, Edge::Since).unwrap_err().to_string();
            assert!(said.starts_with(&format!("{text:?} is no time: write 2026-11-21,")), "{said}");
        }
    }
}
