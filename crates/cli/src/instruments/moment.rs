//! A moment as programs read it: RFC 3339 with microseconds, in the vault's zone.

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use chrono_tz::Tz;
use earwitness_model::WallTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A time of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(DateTime<FixedOffset>);

impl Moment {
    /// `at`, told in `zone`.
    pub(crate) fn new(at: WallTime, zone: Tz) -> Self {
        Self(DateTime::<Utc>::from_timestamp_nanos(at.nanos()).with_timezone(&zone).fixed_offset())
    }

    /// Seconds from here to `now`; negative before it.
    pub(crate) fn seconds_until(self, now: WallTime) -> f64 {
        let here = self.0.timestamp_nanos_opt().unwrap_or(i64::MAX);
        now.nanos().saturating_sub(here) as f64 / 1e9
    }

    /// `2026-11-21 09:00:00`.
    pub(crate) fn for_people(self) -> String {
        self.0.format("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// With its offset, for programs.
    pub(crate) fn rfc3339(self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::Micros, false)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        DateTime::parse_from_rfc3339(&text).map(Self).map_err(D::Error::custom)
    }
}
