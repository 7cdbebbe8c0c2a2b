//! Times of frames in the vault's zone.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use earwitness_model::PacketTime;

/// RFC 3339 with microseconds and the zone's offset.
pub(crate) fn instant(at: PacketTime, zone: Tz) -> String {
    local(at, zone).to_rfc3339_opts(SecondsFormat::Micros, false)
}

/// `2026-11-21 09:00:00`: for people, who know where they are.
pub(crate) fn for_people(at: PacketTime, zone: Tz) -> String {
    local(at, zone).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// `2026-11-21 09:00`: where there is no room for more.
pub(crate) fn to_the_minute(at: PacketTime, zone: Tz) -> String {
    local(at, zone).format("%Y-%m-%d %H:%M").to_string()
}

/// RFC 3339 without fraction.
pub(crate) fn to_the_second(at: PacketTime, zone: Tz) -> String {
    local(at, zone).to_rfc3339_opts(SecondsFormat::Secs, false)
}

/// `2026-11-21` and `090000`, as file names have them.
pub(crate) fn day_and_time(at: PacketTime, zone: Tz) -> (String, String) {
    let local = local(at, zone);
    (local.format("%Y-%m-%d").to_string(), local.format("%H%M%S").to_string())
}

/// `later - earlier` in seconds, to the microsecond.
pub(crate) fn seconds_between(earlier: PacketTime, later: PacketTime) -> f64 {
    (later.since(earlier) / 1_000) as f64 / 1e6
}

/// `0:30`, `1:02:03`: the length of `seconds`, rounded.
pub(crate) fn length(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

fn local(at: PacketTime, zone: Tz) -> DateTime<Tz> {
    DateTime::<Utc>::from_timestamp_nanos(at.nanos()).with_timezone(&zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NINE: PacketTime = PacketTime::from_nanos(1_795_219_200_000_000_000);

    #[test]
    fn times_have_the_zones_offset() {
        let at = NINE.plus_nanos(1_234_567);
        assert_eq!(instant(at, chrono_tz::Asia::Seoul), "2026-11-21T09:00:00.001234+09:00");
        assert_eq!(instant(at, chrono_tz::UTC), "2026-11-21T00:00:00.001234+00:00");
        assert_eq!(to_the_second(at, chrono_tz::Asia::Seoul), "2026-11-21T09:00:00+09:00");
        assert_eq!(for_people(at, chrono_tz::Asia::Seoul), "2026-11-21 09:00:00");
        assert_eq!(to_the_minute(at, chrono_tz::UTC), "2026-11-21 00:00");
        assert_eq!(day_and_time(at, chrono_tz::UTC), ("2026-11-21".to_owned(), "000000".to_owned()));
        for end in [i64::MIN, i64::MAX] {
            assert_eq!(
                instant(PacketTime::from_nanos(end), chrono_tz::Asia::Seoul).len(),
                32,
                "no panic at the ends"
            );
        }
    }

    #[test]
    fn lengths_are_told_as_clocks_do() {
        assert_eq!([0.9, 30.2, 61.0, 3723.0, -1.0].map(length), ["0:01", "0:30", "1:01", "1:02:03", "0:00"]);
        assert_eq!(seconds_between(NINE, NINE.plus_nanos(3_200_000_999)), 3.2);
    }
}
