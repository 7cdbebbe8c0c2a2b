//! Civil days of the vault's zone: which directory a call belongs to, and until when it is kept.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;
use earwitness_model::{PacketTime, Period, WallTime};

/// The civil day of `at` in `zone`.
pub(crate) fn day_of(zone: Tz, at: PacketTime) -> NaiveDate {
    DateTime::<Utc>::from_timestamp_nanos(at.nanos()).with_timezone(&zone).date_naive()
}

/// When `day` begins in `zone`: at midnight, or where the clock was put forward over it, after that.
pub(crate) fn begin_of(zone: Tz, day: NaiveDate) -> WallTime {
    let begin = (0..24).find_map(|hour| {
        let local = day.and_hms_opt(hour, 0, 0)?;
        zone.from_local_datetime(&local).earliest()
    });
    let nanos = begin.and_then(|begin| begin.timestamp_nanos_opt());
    let beyond = if day.year() < 1970 { i64::MIN } else { i64::MAX };
    WallTime::from_nanos(nanos.unwrap_or(beyond))
}

/// The last day of keeping: the day of the call's start, plus the months, then the days. A month too short for the
/// day ends it on its last day (31 January plus one month is 28 February).
pub(crate) fn retention_until(start: NaiveDate, keep: Period) -> NaiveDate {
    start
        .checked_add_months(Months::new(keep.months))
        .and_then(|day| day.checked_add_days(Days::new(u64::from(keep.days))))
        .unwrap_or(NaiveDate::MAX)
}

/// A date on disk: days since 1 January of the year 1, as `i32`.
pub(crate) mod as_days {
    use chrono::{Datelike, NaiveDate};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(date: &NaiveDate, to: S) -> Result<S::Ok, S::Error> {
        date.num_days_from_ce().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<NaiveDate, D::Error> {
        let days = i32::deserialize(from)?;
        NaiveDate::from_num_days_from_ce_opt(days).ok_or_else(|| D::Error::custom("no such day"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_call_belongs_to_the_day_of_the_office_not_of_greenwich() {
        let before_midnight_utc = PacketTime::from_nanos(1_763_679_600_000_000_000); // 2025-11-20T23:00:00Z
        assert_eq!(day_of(chrono_tz::Asia::Seoul, before_midnight_utc), date("2025-11-21"));
        assert_eq!(day_of(chrono_tz::UTC, before_midnight_utc), date("2025-11-20"));
        assert_eq!(day_of(chrono_tz::UTC, PacketTime::from_nanos(-1)), date("1969-12-31"));
    }

    #[test]
    fn a_day_begins_at_midnight_of_the_office() {
        let seoul = begin_of(chrono_tz::Asia::Seoul, date("2026-11-21"));
        assert_eq!(seoul, WallTime::from_nanos(1_795_186_800_000_000_000));
        assert_eq!(begin_of(chrono_tz::UTC, date("1970-01-01")), WallTime::from_nanos(0));
        // Beirut puts its clock forward at midnight.
        let beirut = begin_of(chrono_tz::Asia::Beirut, date("2022-03-27"));
        assert_eq!(
            day_of(chrono_tz::Asia::Beirut, PacketTime::from_nanos(beirut.nanos())),
            date("2022-03-27")
        );
        assert_eq!(begin_of(chrono_tz::UTC, NaiveDate::MAX), WallTime::from_nanos(i64::MAX));
    }

    #[test]
    fn retention_counts_months_first_then_days() {
        for (start, months, days, until) in [
            ("2026-11-21", 0, 90, "2027-02-19"),
            ("2026-11-21", 36, 0, "2029-11-21"),
            ("2026-01-31", 1, 0, "2026-02-28"),
            ("2026-01-31", 1, 1, "2026-03-01"),
            ("2028-02-29", 12, 0, "2029-02-28"),
        ] {
            assert_eq!(retention_until(date(start), Period { months, days }), date(until), "{start}");
        }
        let forever = Period { months: u32::MAX, days: u32::MAX };
        assert_eq!(retention_until(date("2026-01-01"), forever), NaiveDate::MAX);
    }
}
