//! What the kernel could not hand over.

use crate::{Code, Evidence, Finding, RingLosses, Severity, report::percent};

/// Beyond this share the reader is too slow on the average, and no ring helps.
const HOPELESS_PERCENT: f64 = 25.0;
/// libpcap's ring keeps a header with each frame (`TPACKET_V3`, rounded up).
const FRAME_HEADER: u64 = 96;
const MIB: u64 = 1 << 20;

/// `mean_frame` is the usual length of a frame in bytes.
pub(crate) fn finish(ring: RingLosses, mean_frame: u64) -> Option<Finding> {
    let lost = ring.dropped + ring.dropped_by_interface;
    if lost == 0 {
        return None;
    }
    let all = ring.received.max(ring.dropped) + ring.dropped_by_interface;
    let share = percent(lost, all);
    let wanted = wanted_mib(ring, mean_frame);
    let advice = if ring.dropped == 0 {
        "the network card or its driver lost them: a larger capture ring does not help".to_owned()
    } else if share >= HOPELESS_PERCENT {
        "the reader is too slow for this load: no ring is large enough".to_owned()
    } else {
        format!("a ring of {wanted} MiB would have held them (`-B {wanted}`)")
    };
    Some(Finding {
        code: Code::RingTooSmall,
        // Interfaces count what was never for us, some of it twice: that alone is no proof.
        severity: if ring.dropped > 0 { Severity::Defect } else { Severity::Note },
        sentence: format!("{lost} of {all} frames ({share:.2} %) were lost in capture; {advice}"),
        evidence: Evidence::counted([
            ("received", ring.received),
            ("dropped_by_kernel", ring.dropped),
            ("dropped_by_interface", ring.dropped_by_interface),
            ("ring_mib", ring.ring_bytes / MIB),
            ("ring_wanted_mib", wanted),
        ]),
    })
}

/// What there was and what did not fit, as if it had come at once, rounded up to a power of two.
fn wanted_mib(ring: RingLosses, mean_frame: u64) -> u64 {
    let missing = ring.dropped.saturating_mul(mean_frame + FRAME_HEADER);
    ring.ring_bytes.saturating_add(missing).div_ceil(MIB).max(1).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_that_would_have_held_the_burst_is_named() {
        let ring =
            RingLosses { received: 100_000, dropped: 10_000, dropped_by_interface: 0, ring_bytes: 2 * MIB };
        let finding = finish(ring, 214).unwrap();
        assert_eq!(finding.code, Code::RingTooSmall);
        assert!(finding.sentence.contains("10000 of 100000 frames (10.00 %)"), "{}", finding.sentence);
        assert!(finding.sentence.contains("a ring of 8 MiB"), "{}", finding.sentence);
    }

    #[test]
    fn a_reader_that_is_too_slow_is_not_told_to_buy_memory() {
        let ring =
            RingLosses { received: 1_000, dropped: 900, dropped_by_interface: 0, ring_bytes: 64 * MIB };
        assert!(finish(ring, 214).unwrap().sentence.contains("no ring is large enough"));
        let card = RingLosses { received: 1_000, dropped: 0, dropped_by_interface: 3, ring_bytes: 64 * MIB };
        assert!(finish(card, 214).unwrap().sentence.contains("network card"));
        assert_eq!(finish(RingLosses { dropped_by_interface: 0, ..card }, 214), None);
    }
}
