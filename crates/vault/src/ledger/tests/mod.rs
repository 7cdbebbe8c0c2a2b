//! The ledger as its callers see it.

mod crash;
mod disk;
mod tampering;

use super::*;
use crate::{cipher::CipherSuite, disk::RealDisk};

/// 2026-11-21T00:00:00Z in ns.
const MORNING: i64 = 1_795_219_200_000_000_000;
const DAY: i64 = 86_400_000_000_000;

fn key() -> MetadataKey {
    MetadataKey::new(CipherSuite::Aes256Gcm, [7; 32])
}

fn on_day(day: i64) -> WallTime {
    WallTime::from_nanos(MORNING + day * DAY)
}

fn open(dir: &Path) -> (Ledger, LedgerState) {
    Ledger::open(Arc::new(RealDisk), dir, key()).expect("the ledger opens")
}

/// A clean opening that goes on with row `next_number`.
fn clean(next_number: u64) -> LedgerState {
    LedgerState { next_number, ..LedgerState::default() }
}

fn row(number: u64, kind: LedgerKind, at: WallTime, payload: &[u8]) -> Row {
    Row { number, kind, at, payload: payload.to_vec() }
}

fn rows(ledger: &Ledger) -> Vec<Row> {
    ledger.rows().collect::<Result<_, _>>().expect("whole rows")
}

fn month(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.log"))
}

/// Five rows over three months: two in November 2026, one in December, two in January 2027.
fn three_months(dir: &Path) -> Vec<Row> {
    use LedgerKind::{Excluded, Exported, Recorded, RecorderStarted, RecorderStopped};
    let appended = vec![
        row(0, RecorderStarted, on_day(0), b""),
        row(1, Recorded, on_day(1), b"call, recording, manifest"),
        row(2, Excluded, on_day(20), &[0xee; 3000]),
        row(3, Exported, on_day(45), b"to whom"),
        row(4, RecorderStopped, on_day(46), b""),
    ];
    let (mut ledger, state) = open(dir);
    assert_eq!(state, clean(0));
    for row in &appended {
        ledger.append(row.kind, row.at, &row.payload).unwrap();
    }
    ledger.sync().unwrap();
    assert_eq!(ledger.verify(), []);
    appended
}

#[test]
fn rows_come_back_in_order_through_the_months_and_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut appended = three_months(dir.path());
    let names: Vec<_> = chain::files(&RealDisk, dir.path()).unwrap();
    assert_eq!(names, ["2026-11", "2026-12", "2027-01"].map(|name| month(dir.path(), name)));
    let (mut ledger, state) = open(dir.path());
    assert_eq!((state, rows(&ledger)), (clean(5), appended.clone()));
    ledger.append(LedgerKind::Held, on_day(47), b"why").unwrap();
    ledger.sync().unwrap();
    appended.push(row(5, LedgerKind::Held, on_day(47), b"why"));
    assert_eq!(rows(&ledger), appended);
    assert_eq!((ledger.verify(), check_chain(&RealDisk, dir.path())), (vec![], vec![]));
}

#[test]
fn the_head_names_the_last_row_and_survives_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, _) = open(dir.path());
    assert_eq!(ledger.head(), [0; 32]);
    let mut heads = vec![ledger.head()];
    for _ in 0..3 {
        ledger.append(LedgerKind::CoverageGap, on_day(0), b"same").unwrap();
        assert!(!heads.contains(&ledger.head()), "the same words are another row");
        heads.push(ledger.head());
    }
    ledger.sync().unwrap();
    assert_eq!(open(dir.path()).0.head(), heads[3]);
}

#[test]
fn a_clock_that_goes_back_writes_into_the_newest_month_with_its_own_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut appended = three_months(dir.path());
    let (mut ledger, _) = open(dir.path());
    ledger.append(LedgerKind::Failed, on_day(0), b"late").unwrap();
    ledger.sync().unwrap();
    appended.push(row(5, LedgerKind::Failed, on_day(0), b"late"));
    assert_eq!((rows(&ledger), ledger.verify()), (appended, vec![]));
    assert_eq!(chain::files(&RealDisk, dir.path()).unwrap().len(), 3);
}

#[test]
fn times_at_the_ends_of_what_can_be_counted_have_their_month() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, _) = open(dir.path());
    for nanos in [i64::MIN, -1, 0, i64::MAX] {
        ledger.append(LedgerKind::Failed, WallTime::from_nanos(nanos), b"").unwrap();
    }
    ledger.sync().unwrap();
    let names = ["1677-09", "1969-12", "1970-01", "2262-04"].map(|name| month(dir.path(), name));
    assert_eq!(chain::files(&RealDisk, dir.path()).unwrap(), names);
    let times: Vec<_> = rows(&ledger).iter().map(|row| row.at.nanos()).collect();
    assert_eq!((times, ledger.verify()), (vec![i64::MIN, -1, 0, i64::MAX], vec![]));
}

#[test]
fn rows_wait_for_the_sync() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, _) = open(dir.path());
    ledger.append(LedgerKind::Recorded, on_day(0), b"1").unwrap();
    assert_eq!(rows(&ledger), []);
    ledger.sync().unwrap();
    ledger.append(LedgerKind::Recorded, on_day(0), b"2").unwrap();
    drop(ledger);
    assert_eq!(rows(&open(dir.path()).0), [row(0, LedgerKind::Recorded, on_day(0), b"1")]);
}

#[test]
fn many_rows_are_written_before_they_fill_the_memory() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, _) = open(dir.path());
    for number in 0..500_u32 {
        ledger.append(LedgerKind::Excluded, on_day(0), &[number.to_le_bytes(); 256].concat()).unwrap();
        assert!(ledger.pending.len() < WRITE_AT + 2048);
    }
    ledger.sync().unwrap();
    let read: Vec<_> = rows(&ledger).into_iter().map(|row| row.payload).collect();
    assert_eq!(read, (0..500_u32).map(|n| [n.to_le_bytes(); 256].concat()).collect::<Vec<_>>());
}

#[test]
fn the_longest_payload_is_kept_and_a_longer_one_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, _) = open(dir.path());
    let longest = vec![0x5a; MAX_PAYLOAD];
    ledger.append(LedgerKind::Excluded, on_day(0), &longest).unwrap();
    let refused = ledger.append(LedgerKind::Excluded, on_day(0), &vec![0; MAX_PAYLOAD + 1]);
    assert!(
        matches!(refused, Err(LedgerError::TooLarge { bytes, limit: MAX_PAYLOAD }) if bytes == MAX_PAYLOAD + 1)
    );
    ledger.append(LedgerKind::Failed, on_day(0), b"after").unwrap();
    ledger.sync().unwrap();
    let (ledger, state) = open(dir.path());
    assert_eq!(state, clean(2));
    assert_eq!(rows(&ledger)[0].payload, longest);
    assert_eq!(ledger.verify(), []);
}

#[test]
fn payloads_are_not_readable_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    three_months(dir.path());
    for path in chain::files(&RealDisk, dir.path()).unwrap() {
        let bytes = std::fs::read(&path).unwrap();
        for clear in [&b"recording"[..], b"to whom", &[0xee; 16]] {
            assert!(!bytes.windows(clear.len()).any(|window| window == clear), "{path:?} holds {clear:?}");
        }
    }
}

#[test]
fn a_long_month_is_gone_on_with_from_its_end_whatever_is_in_its_middle() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, _) = open(dir.path());
    let payload = vec![7; 4000];
    for _ in 0..1500 {
        ledger.append(LedgerKind::Recorded, on_day(0), &payload).unwrap();
    }
    ledger.sync().unwrap();
    let head = ledger.head();
    drop(ledger);
    let path = month(dir.path(), "2026-11");
    let mut bytes = std::fs::read(&path).unwrap();
    let torn = [&bytes[..], &bytes[100..300]].concat();
    std::fs::write(&path, torn).unwrap();
    let (ledger, state) = open(dir.path());
    assert_eq!((ledger.head(), state.next_number), (head, 1500));
    assert_eq!(state.cut.unwrap().offset, bytes.len() as u64);
    assert_eq!((state.findings, ledger.verify()), (vec![], vec![]));
    drop(ledger);
    // Damage before the end is for `verify` to find; damage in the end is found at once.
    for (at, at_once) in [(1_000_000, 0), (5_000_000, 2)] {
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let (mut ledger, state) = open(dir.path());
        assert_eq!((ledger.head(), state.next_number, state.findings.len()), (head, 1500, at_once));
        assert_eq!(ledger.verify().len(), 2, "the row, and that it is missing");
        ledger.append(LedgerKind::Recorded, on_day(0), b"next").unwrap();
        ledger.sync().unwrap();
        assert_eq!(ledger.rows().flatten().last().unwrap().number, 1500);
        bytes[at] ^= 1;
    }
}
