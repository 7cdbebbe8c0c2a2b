//! Interarrival jitter (RFC 3550, section 6.4.1 and A.8).

use earwitness_model::{PacketTime, RtpTime};

/// A step of the sender's clock against ours that no network makes: it begins anew, or stood still on hold. What is heard is
/// no later for it (`media/src/timeline.rs` has the same bound).
const LEAP_NANOS: f64 = 2e9;

/// The running estimate of one stream, and what it was on the way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Jitter {
    before: Option<(PacketTime, RtpTime)>,
    nanos: f64,
    measured: bool,
    /// The same without leaps of the sender's clock, and the sum of it over all packets.
    delay: f64,
    delays: f64,
    packets: u64,
    /// The packet before was comfort noise.
    after_noise: bool,
    /// Over the packets that only follow the one before: how many, the sum of the estimates, the most of them.
    regular: u64,
    sum: f64,
    most: f64,
}

/// What the marker bit of an audio packet says (RFC 3551, section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Talk {
    /// A talkspurt begins.
    Begins,
    /// It goes on.
    GoesOn,
    /// It pauses: comfort noise (RFC 3389).
    Noise,
}

impl Jitter {
    /// Takes a packet that arrived at `arrival` with timestamp `rtp_time` on a clock of `clock_rate` Hz.
    #[inline]
    pub(crate) fn handle_packet(
        &mut self,
        arrival: PacketTime,
        (rtp_time, talk): (RtpTime, Talk),
        clock_rate: u32,
    ) {
        if let Some((arrival_before, rtp_before)) = self.before.replace((arrival, rtp_time)) {
            let sent = f64::from(rtp_time.since(rtp_before)) * 1e9 / f64::from(clock_rate.max(1));
            let transit = arrival.since(arrival_before) as f64 - sent;
            self.nanos += (transit.abs() - self.nanos) / 16.0;
            self.measured = true;
            if transit.abs() < LEAP_NANOS {
                self.delay += (transit.abs() - self.delay) / 16.0;
            }
            self.delays += self.delay;
            self.packets += 1;
            if talk == Talk::GoesOn && !self.after_noise {
                self.regular += 1;
                self.sum += self.nanos;
                self.most = self.most.max(self.nanos);
            }
        }
        self.after_noise = talk == Talk::Noise;
    }

    /// The estimate in ns, leaps of the sender's clock left out; 0 before there is one.
    #[inline]
    pub(crate) const fn delay_nanos(&self) -> f64 {
        self.delay
    }

    /// The mean of that, in ms.
    pub(crate) fn delay_millis(&self) -> Option<f64> {
        (self.packets > 0).then(|| self.delays / self.packets as f64 / 1e6)
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

    /// The mean and the most of the estimates so far, in ms.
    pub(crate) fn course_millis(&self) -> Option<(f64, f64)> {
        (self.regular > 0).then(|| (self.sum / self.regular as f64 / 1e6, self.most / 1e6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_none_and_a_late_packet_counts_a_sixteenth() {
        let mut jitter = Jitter::default();
        assert_eq!((jitter.millis(), jitter.course_millis()), (None, None));
        let on = |n: u32| (RtpTime(n * 160), Talk::GoesOn);
        for n in 0..50u32 {
            jitter.handle_packet(PacketTime::from_nanos(i64::from(n) * 20_000_000), on(n), 8000);
        }
        assert_eq!((jitter.millis(), jitter.course_millis()), (Some(0.0), Some((0.0, 0.0))));
        jitter.handle_packet(PacketTime::from_nanos(50 * 20_000_000 + 16_000_000), on(50), 8000);
        assert_eq!((jitter.millis(), jitter.course_millis()), (Some(1.0), Some((0.02, 1.0))));
        // What begins a talkspurt counts to the estimate, and not to its course.
        let begins = (RtpTime(51 * 160), Talk::Begins);
        jitter.handle_packet(PacketTime::from_nanos(51 * 20_000_000 + 64_000_000), begins, 8000);
        assert_eq!((jitter.millis(), jitter.course_millis()), (Some(3.9375), Some((0.02, 1.0))));
    }

    #[test]
    fn a_leap_of_the_senders_clock_delays_nothing() {
        let mut jitter = Jitter::default();
        for n in 0..50u32 {
            let leap = if n < 25 { 0 } else { 400_000 };
            let arrival = PacketTime::from_nanos(i64::from(n) * 20_000_000);
            jitter.handle_packet(arrival, (RtpTime(n * 160 + leap), Talk::GoesOn), 8000);
        }
        assert_eq!((jitter.delay_nanos(), jitter.delay_millis()), (0.0, Some(0.0)));
        assert!(jitter.course_millis().unwrap().1 > 3_000.0, "RFC 3550 knows no leaps");
    }
}
