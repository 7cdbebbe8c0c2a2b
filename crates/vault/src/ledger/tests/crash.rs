//! What a crash can leave, built byte by byte.

use super::*;

/// A ledger of three months, to be copied with another newest file.
struct Original {
    dir: tempfile::TempDir,
    appended: Vec<Row>,
    newest: Vec<u8>,
}

impl Original {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let appended = three_months(dir.path());
        let newest = std::fs::read(month(dir.path(), "2027-01")).unwrap();
        Self { dir, appended, newest }
    }

    fn with_newest(&self, newest: &[u8]) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        for name in ["2026-11", "2026-12"] {
            std::fs::copy(month(self.dir.path(), name), month(copy.path(), name)).unwrap();
        }
        std::fs::write(month(copy.path(), "2027-01"), newest).unwrap();
        copy
    }
}

/// Opens `dir`, expects the first rows of `appended` and nothing else, appends one and expects it too.
fn goes_on(dir: &Path, appended: &[Row], what: &str) -> LedgerState {
    let (mut ledger, state) = open(dir);
    assert_eq!(rows(&ledger), appended, "{what}");
    let number = appended.len() as u64;
    assert_eq!(state.next_number, number, "{what}");
    ledger.append(LedgerKind::Recovered, on_day(50), b"next").unwrap();
    ledger.sync().unwrap();
    let mut expected = appended.to_vec();
    expected.push(row(number, LedgerKind::Recovered, on_day(50), b"next"));
    let (ledger, again) = open(dir);
    assert_eq!((rows(&ledger), ledger.verify(), again), (expected, vec![], clean(number + 1)), "{what}");
    state
}

#[test]
fn a_ledger_cut_at_any_byte_keeps_its_whole_rows_and_goes_on() {
    let original = Original::new();
    let newest = &original.newest;
    let first_row_end = FILE_HEADER + 61 + b"to whom".len() + MetadataKey::OVERHEAD;
    for end in 0..=newest.len() {
        let dir = original.with_newest(&newest[..end]);
        let whole = if end == newest.len() {
            5
        } else if end >= first_row_end {
            4
        } else {
            3
        };
        let state = goes_on(dir.path(), &original.appended[..whole], &format!("cut at {end}"));
        let boundary = [FILE_HEADER, first_row_end, newest.len()].contains(&end);
        let cut = state.cut.map(|cut| (cut.offset, cut.fault));
        let torn = |from: usize| Some((from as u64, LedgerFault::TornTail { bytes: (end - from) as u64 }));
        let expected = match end {
            _ if boundary => None,
            _ if end < FILE_HEADER => Some((0, LedgerFault::Header)),
            _ if end < first_row_end => torn(FILE_HEADER),
            _ => torn(first_row_end),
        };
        assert_eq!(cut, expected, "cut at {end}");
        assert_eq!(
            aside::count(&RealDisk, dir.path()).unwrap(),
            0,
            "cut at {end}: it was never acknowledged"
        );
    }
}

#[test]
fn a_tail_of_zeros_or_noise_is_cut_like_a_torn_one() {
    let original = Original::new();
    let newest = &original.newest;
    let noise: Vec<u8> = (0..5000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for tail in [vec![0; 5000], noise, b"row\n".repeat(1000)] {
        let dir = original.with_newest(&[newest.clone(), tail].concat());
        let state = goes_on(dir.path(), &original.appended, "a tail");
        assert_eq!(state.cut.map(|cut| cut.offset), Some(newest.len() as u64));
        assert_eq!(state.findings, []);
        assert_eq!(aside::count(&RealDisk, dir.path()).unwrap(), 0);
    }
}

#[test]
fn a_last_row_that_reached_the_disk_in_part_was_never_acknowledged_and_a_damaged_one_is_kept_beside() {
    let original = Original::new();
    let newest = &original.newest;
    let last_row = FILE_HEADER + 61 + b"to whom".len() + MetadataKey::OVERHEAD;
    for at in last_row..newest.len() {
        let mut zeros = newest.clone();
        zeros[at..].fill(0);
        let dir = original.with_newest(&zeros);
        goes_on(dir.path(), &original.appended[..4], &format!("zeros from {at}"));
        // The last byte may be one that was zero.
        let is_kept = aside::count(&RealDisk, dir.path()).unwrap() > 0;
        assert!(!is_kept || at > newest.len() - 4, "zeros from {at}");
        let mut flipped = newest.clone();
        flipped[at] ^= 1 << (at % 8);
        let dir = original.with_newest(&flipped);
        goes_on(dir.path(), &original.appended[..4], &format!("byte {at} flipped"));
        let kept = std::fs::read(dir.path().join("2027-01.row-4.damaged")).unwrap();
        assert_eq!(kept, flipped[last_row..], "byte {at} flipped");
        assert_eq!(aside::count(&RealDisk, dir.path()).unwrap(), 1);
    }
}

#[test]
fn a_file_that_held_rows_and_is_noise_now_is_kept_aside_and_missed() {
    let original = Original::new();
    let dir = original.with_newest(&[0; 4096]);
    let (ledger, state) = open(dir.path());
    assert_eq!(rows(&ledger), original.appended[..3]);
    let faults: Vec<_> = state.findings.iter().map(|finding| finding.fault).collect();
    let bytes = 4096 - FILE_HEADER as u64;
    assert_eq!((faults, state.cut), (vec![LedgerFault::Header, LedgerFault::TornTail { bytes }], None));
    assert_eq!(std::fs::read(dir.path().join("2027-01.damaged")).unwrap(), [0; 4096]);
}
