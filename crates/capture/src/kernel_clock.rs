//! What the kernel knows of the wall clock's truth: adjtimex(2), read only.

/// What the kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelClock {
    /// Whether somebody keeps it in time.
    pub discipline: Discipline,
    /// What is still to be corrected, in nanoseconds.
    pub offset_nanos: i64,
    /// The error as whoever keeps it estimates it, in microseconds.
    pub estimated_error_micros: u64,
    /// The error at most, in microseconds: it grows while nobody corrects the clock.
    pub maximum_error_micros: u64,
}

/// Whether a clock is kept in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Discipline {
    /// NTP or PTP keeps it.
    Synchronised,
    /// Nobody does (`STA_UNSYNC`).
    Unsynchronised,
}

/// Asks the kernel; `None` where it does not say.
#[must_use]
#[expect(unsafe_code, reason = "no safe wrapper knows adjtimex")]
pub fn kernel_clock() -> Option<KernelClock> {
    // SAFETY: `timex` is plain numbers, for which zeros are a value; `modes` of zero asks and changes nothing, and the kernel
    // writes into this one structure only.
    let (state, clock) = unsafe {
        let mut clock: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut clock), clock)
    };
    if state < 0 {
        return None;
    }
    let is_unsynchronised = state == libc::TIME_ERROR || clock.status & libc::STA_UNSYNC != 0;
    let nanos_per_unit = if clock.status & libc::STA_NANO != 0 { 1 } else { 1000 };
    Some(KernelClock {
        discipline: if is_unsynchronised { Discipline::Unsynchronised } else { Discipline::Synchronised },
        offset_nanos: clock.offset.saturating_mul(nanos_per_unit),
        estimated_error_micros: u64::try_from(clock.esterror).unwrap_or(0),
        maximum_error_micros: u64::try_from(clock.maxerror).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel keeps both within limits of its own (`NTP_PHASE_LIMIT`, `MAXPHASE`), which another unit or another field exceeds.
    #[test]
    fn the_kernel_says_how_far_its_clock_may_be_wrong() {
        let clock = kernel_clock().unwrap();
        assert!(clock.maximum_error_micros <= 16_000_000, "{clock:?}");
        assert!(clock.offset_nanos.abs() <= 500_000_000, "{clock:?}");
    }
}
