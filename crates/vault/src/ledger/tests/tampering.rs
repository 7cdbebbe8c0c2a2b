//! What somebody with the disk, and without the key, can do to it.

use std::ops::Range;

use proptest::prelude::*;

use super::*;

/// One month of six rows: the file, and the byte range of each row.
fn one_month() -> (tempfile::TempDir, Vec<u8>, Vec<Range<usize>>) {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, _) = open(dir.path());
    let mut ranges = Vec::new();
    let mut at = FILE_HEADER;
    for n in 0..6_u8 {
        let payload = vec![n; usize::from(n) * 10];
        ledger.append(LedgerKind::Recorded, on_day(0), &payload).unwrap();
        let end = at + 61 + payload.len() + MetadataKey::OVERHEAD;
        ranges.push(at..end);
        at = end;
    }
    ledger.sync().unwrap();
    let bytes = std::fs::read(month(dir.path(), "2026-11")).unwrap();
    assert_eq!(bytes.len(), at);
    (dir, bytes, ranges)
}

/// What is found, with and without the key, and the numbers of the rows that can still be read.
fn found(dir: &Path, bytes: &[u8]) -> (Vec<LedgerFault>, Vec<LedgerFault>, Vec<u64>) {
    std::fs::write(month(dir, "2026-11"), bytes).unwrap();
    let faults = |findings: Vec<LedgerFinding>| findings.into_iter().map(|f| f.fault).collect();
    let (with_key, _) = examine(&RealDisk, dir, Some(&key()));
    let without = check_chain(&RealDisk, dir);
    let (ledger, _) = open(dir);
    let read = ledger.rows().flatten().map(|row| row.number).collect();
    (faults(with_key), faults(without), read)
}

fn joined(bytes: &[u8], ranges: &[Range<usize>], order: &[usize]) -> Vec<u8> {
    let mut file = bytes[..FILE_HEADER].to_vec();
    order.iter().for_each(|&n| file.extend_from_slice(&bytes[ranges[n].clone()]));
    file
}

#[test]
fn rows_taken_out_put_in_twice_or_moved_are_found_without_the_key() {
    use LedgerFault::{Missing, OutOfOrder};
    let (dir, bytes, ranges) = one_month();
    let cases: [(&[usize], Vec<LedgerFault>); 6] = [
        (&[0, 1, 2, 3, 4, 5], vec![]),
        (&[0, 1, 4, 5], vec![Missing { from: 2, to: 3 }]),
        (&[1, 2, 3, 4, 5], vec![Missing { from: 0, to: 0 }]),
        (&[0, 1, 1, 2, 3, 4, 5], vec![OutOfOrder { number: 1, expected: 2 }]),
        (
            &[0, 2, 1, 3, 4, 5],
            vec![
                Missing { from: 1, to: 1 },
                OutOfOrder { number: 1, expected: 3 },
                Missing { from: 2, to: 2 },
            ],
        ),
        // Nothing tells without a statement of the head: the one thing that this form cannot find.
        (&[0, 1, 2], vec![]),
    ];
    for (order, expected) in cases {
        let (with_key, without, read) = found(dir.path(), &joined(&bytes, &ranges, order));
        assert_eq!((&with_key, &without), (&expected, &expected), "{order:?}");
        assert_eq!(read, order.iter().map(|&n| n as u64).collect::<Vec<_>>(), "{order:?}");
    }
}

#[test]
fn an_open_ledger_notices_that_rows_went_from_its_end() {
    let (dir, bytes, ranges) = one_month();
    let (ledger, _) = open(dir.path());
    std::fs::write(month(dir.path(), "2026-11"), joined(&bytes, &ranges, &[0, 1, 2])).unwrap();
    assert_eq!(ledger.verify().iter().map(|f| f.fault).collect::<Vec<_>>(), [LedgerFault::End]);
}

#[test]
fn a_forged_row_with_right_number_and_checksum_breaks_the_chain_or_the_seal() {
    let (dir, bytes, ranges) = one_month();
    let place = |kind: u8| StoredRow::seal_place(2, kind, on_day(0).nanos());
    let stranger = MetadataKey::new(CipherSuite::Aes256Gcm, [9; 32]);
    // Without the key, in place of row 2: the chain cannot be continued to row 3 whatever is written.
    let sealed = stranger.seal(&place(3), b"forged");
    let forged = StoredRow::after(Place { number: 2, chain: [0; 32] }, 3, on_day(0).nanos(), sealed);
    let mut file = joined(&bytes, &ranges, &[0, 1]);
    forged.write(&mut file);
    (3..6).for_each(|n| file.extend_from_slice(&bytes[ranges[n].clone()]));
    let broken = |number| LedgerFault::ChainBroken { number };
    let (with_key, without, read) = found(dir.path(), &file);
    assert_eq!(with_key, [broken(2), LedgerFault::Unsealed { number: 2 }, broken(3)]);
    assert_eq!(without, [broken(2), broken(3)]);
    assert_eq!(read, [0, 1, 3, 4, 5]);
}

#[test]
fn a_kind_of_a_later_version_is_named_and_the_rest_read() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, _) = open(dir.path());
    ledger.append(LedgerKind::Recorded, on_day(0), b"1").unwrap();
    StoredRow::after(ledger.place, 200, 0, vec![]).write(&mut ledger.pending);
    ledger.place = StoredRow::after(ledger.place, 200, 0, vec![]).next();
    ledger.append(LedgerKind::Recorded, on_day(0), b"3").unwrap();
    ledger.sync().unwrap();
    let faults: Vec<_> = ledger.verify().into_iter().map(|f| f.fault).collect();
    assert_eq!(faults, [LedgerFault::UnknownKind { number: 1, code: 200 }]);
    let numbers: Vec<_> = ledger.rows().map(|row| row.map(|row| row.number).ok()).collect();
    assert_eq!(numbers, [Some(0), None, Some(2)]);
}

#[test]
fn a_file_of_another_version_is_refused_with_both_versions_named() {
    let (dir, mut bytes, _) = one_month();
    bytes[8] = 9;
    let crc = crc32c::crc32c(&bytes[..FILE_HEADER - 4]);
    bytes[FILE_HEADER - 4..FILE_HEADER].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(month(dir.path(), "2026-11"), &bytes).unwrap();
    let error = Ledger::open(Arc::new(RealDisk), dir.path(), key()).unwrap_err();
    assert!(matches!(error, LedgerError::Version { found: 9, known: 1, .. }));
    assert!(error.to_string().contains("format version 9, this program reads version 1"), "{error}");
}

#[test]
fn a_missing_month_is_found() {
    let dir = tempfile::tempdir().unwrap();
    three_months(dir.path());
    std::fs::remove_file(month(dir.path(), "2026-12")).unwrap();
    let faults: Vec<_> = check_chain(&RealDisk, dir.path()).into_iter().map(|f| f.fault).collect();
    assert_eq!(faults, [LedgerFault::Missing { from: 2, to: 2 }]);
    std::fs::remove_file(month(dir.path(), "2026-11")).unwrap();
    let faults: Vec<_> = check_chain(&RealDisk, dir.path()).into_iter().map(|f| f.fault).collect();
    assert_eq!(faults, [LedgerFault::Missing { from: 0, to: 2 }]);
}

#[test]
fn another_key_opens_no_payload_and_the_chain_still_holds() {
    let (dir, _, _) = one_month();
    let other = MetadataKey::new(CipherSuite::Aes256Gcm, [8; 32]);
    let (findings, _) = examine(&RealDisk, dir.path(), Some(&other));
    let unsealed: Vec<_> = (0..6).map(|number| LedgerFault::Unsealed { number }).collect();
    assert_eq!(findings.into_iter().map(|f| f.fault).collect::<Vec<_>>(), unsealed);
    assert_eq!(check_chain(&RealDisk, dir.path()), []);
}

#[test]
fn every_flipped_byte_is_found_and_costs_at_most_its_own_row() {
    let (dir, bytes, ranges) = one_month();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(month(dir.path(), "2026-11"), &flipped).unwrap();
        let findings = check_chain(&RealDisk, dir.path());
        assert_ne!(findings, [], "byte {at}");
        let hit = ranges.iter().position(|range| range.contains(&at));
        let ledger = open(dir.path()).0;
        let read: Vec<_> = ledger.rows().flatten().map(|row| row.number as usize).collect();
        let expected: Vec<_> = (0..6).filter(|n| Some(*n) != hit).collect();
        assert_eq!(read, expected, "byte {at}");
    }
}

proptest! {
    #[test]
    fn no_file_makes_the_ledger_panic(noise in prop::collection::vec(any::<u8>(), 0..600), at in 0_usize..400, cut in 0_usize..400) {
        let (dir, mut bytes, _) = one_month();
        let at = at.min(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, noise);
        std::fs::write(month(dir.path(), "2026-11"), &bytes).unwrap();
        if let Ok((mut ledger, _)) = Ledger::open(Arc::new(RealDisk), dir.path(), key()) {
            ledger.append(LedgerKind::Recovered, on_day(1), b"next").unwrap();
            ledger.sync().unwrap();
            let last = ledger.rows().flatten().last().expect("the row just appended");
            prop_assert_eq!(last.payload, b"next");
        }
    }
}
