//! Three clocks that must not be mixed: the frames', the sender's and the wall's.

use serde::{Deserialize, Serialize};

/// When a frame was captured: nanoseconds since the Unix epoch, UTC, as the capture says. The engine's only clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct PacketTime(i64);

impl PacketTime {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// From nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Nanoseconds from `earlier` to `self`; negative when `self` is the earlier one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// `self` moved by `nanos`, which may be negative.
    #[must_use]
    pub const fn plus_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Seconds from `earlier` to `self`.
    #[must_use]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.since(earlier) as f64 / 1e9
    }
}

/// What the office's clock says: nanoseconds since the Unix epoch, UTC. Only the command line reads it; retention,
/// deadlines and audit take it as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WallTime(i64);

impl WallTime {
    /// From nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }
}

/// An RTP timestamp (RFC 3550, section 5.1): units of the payload's clock rate from a random start, modulo 2³².
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct RtpTime(pub u32);

impl RtpTime {
    /// Units from `earlier` to `self` on the shorter way round; negative when `self` is the earlier one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtp_time_goes_round_the_wrap_both_ways() {
        assert_eq!(RtpTime(10).since(RtpTime(u32::MAX - 9)), 20);
        assert_eq!(RtpTime(u32::MAX - 9).since(RtpTime(10)), -20);
    }

    #[test]
    fn packet_time_saturates_instead_of_wrapping() {
        let end = PacketTime::from_nanos(i64::MAX);
        assert_eq!(end.plus_nanos(1), end);
        assert_eq!(PacketTime::from_nanos(i64::MIN).since(end), i64::MIN);
    }
}
