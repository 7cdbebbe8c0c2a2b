//! Interarrival jitter (RFC 3550, section 6.4.1 and A.8).

use earwitness_model::{PacketTime, RtpTime};

/// The running estimate of one stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Jitter {
    before: Option<(PacketTime, RtpTime)>,
    nanos: f64,
    measured: bool,
}

impl Jitter {
    /// Takes a packet that arrived at `arrival` with timestamp `rtp_time` on a clock of `clock_rate` Hz.
    #[inline]
    pub(crate) fn handle_packet(&mut self, arrival: PacketTime, rtp_time: RtpTime, clock_rate: u32) {
        if let Some((arrival_before, rtp_before)) = self.before.replace((arrival, rtp_time)) {
            let sent = f64::from(rtp_time.since(rtp_before)) * 1e9 / f64::from(clock_rate.max(1));
            let transit = arrival.since(arrival_before) as f64 - sent;
            self.nanos += (transit.abs() - self.nanos) / 16.0;
            self.measured = true;
        }
    }

    /// The next packet comes another way, which may be longer.
    #[cold]
    pub(crate) const fn handle_break(&mut self) {
        self.before = None;
    }

    /// The estimate in ms, once two packets came.
    pub(crate) fn millis(&self) -> Option<f64> {
        self.measured.then_some(self.nanos / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_none_and_a_late_packet_counts_a_sixteenth() {
        let mut jitter = Jitter::default();
        assert_eq!(jitter.millis(), None);
        for n in 0..50u32 {
            jitter.handle_packet(PacketTime::from_nanos(i64::from(n) * 20_000_000), RtpTime(n * 160), 8000);
        }
        assert_eq!(jitter.millis(), Some(0.0));
        jitter.handle_packet(PacketTime::from_nanos(50 * 20_000_000 + 16_000_000), RtpTime(50 * 160), 8000);
        assert_eq!(jitter.millis(), Some(1.0));
    }
}
