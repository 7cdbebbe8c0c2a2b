//! The vault's disk against the load.

use crate::{Code, DiskSpeed, DiskTrial, Evidence, Finding, Severity};

/// A disk must take so many times the busiest second: it also serves exports, checks and other writers, and slows down
/// as it fills.
const RESERVE: u64 = 3;

/// What the trial says; `busiest` is RTP bytes in the busiest second.
pub(crate) fn finish(trial: DiskTrial, busiest: u64) -> Option<Finding> {
    let (code, sentence, counts) = match trial {
        DiskTrial::Took(disk) => return finish_speed(disk, busiest),
        DiskTrial::NoRoom { bytes } => (
            Code::DiskFull,
            format!("the vault's disk is full: it has no room for {} MiB", bytes >> 20),
            vec![("wanted_bytes", bytes)],
        ),
        DiskTrial::Failed => {
            (Code::DiskFailed, "the vault's disk could not be written".to_owned(), Vec::new())
        }
    };
    Some(Finding { code, severity: Severity::Defect, sentence, evidence: Evidence::counted(counts) })
}

fn finish_speed(disk: DiskSpeed, busiest: u64) -> Option<Finding> {
    let speed = disk.bytes_per_second();
    let wanted = busiest.saturating_mul(RESERVE);
    if busiest == 0 || speed >= wanted {
        return None;
    }
    Some(Finding {
        code: Code::DiskTooSlow,
        severity: Severity::Defect,
        sentence: format!(
            "the disk wrote and synced {:.1} MB/s; the busiest second has {:.1} MB of audio, which asks for {:.1} MB/s",
            megabytes(speed),
            megabytes(busiest),
            megabytes(wanted)
        ),
        evidence: Evidence::counted([
            ("disk_bytes_per_second", speed),
            ("audio_bytes_in_busiest_second", busiest),
            ("wanted_bytes_per_second", wanted),
        ]),
    })
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_judged_by_three_times_the_busiest_second() {
        let disk = DiskSpeed { bytes: 32_000_000, nanos: 2_000_000_000 };
        assert_eq!(disk.bytes_per_second(), 16_000_000);
        assert_eq!(finish(DiskTrial::Took(disk), 5_000_000), None);
        let finding = finish(DiskTrial::Took(disk), 6_000_000).unwrap();
        assert_eq!(finding.code, Code::DiskTooSlow);
        assert!(finding.sentence.contains("16.0 MB/s") && finding.sentence.contains("18.0 MB/s"));
        assert_eq!(finish(DiskTrial::Took(DiskSpeed { bytes: 1, nanos: 0 }), 0), None);
    }
}
