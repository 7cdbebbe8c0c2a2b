//! What sealing costs. Ignored: a figure means something in a release build on a quiet machine only.

use std::time::{Duration, Instant};

use earwitness_model::{CallId, RecordingId};
use earwitness_vault::{LedgerKind, RecordedRow};

use crate::support::{NOW, Office, begin, media, summary};

#[test]
#[ignore = "measures: cargo test --release -p earwitness-vault --test vault speed -- --ignored --nocapture"]
fn sealing_a_packet_costs_less_than_a_microsecond() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut recording = begin(&sealer, &mut writer, 1).unwrap();
    let segments: Vec<_> = (0..2_000).map(|n| media(1, n * 25..n * 25 + 25)).collect();
    let packets = segments.len() as u32 * 50;
    let mut segments = segments.into_iter();
    // The best of many small rounds: what it costs when nothing else runs.
    let (mut sealing, mut writing) = (Duration::MAX, Duration::MAX);
    loop {
        let round: Vec<_> = segments.by_ref().take(50).collect();
        if round.is_empty() {
            break;
        }
        let start = Instant::now();
        let sealed: Vec<_> = round.into_iter().map(|segment| recording.seal(segment)).collect();
        sealing = sealing.min(start.elapsed() / (50 * 50));
        let start = Instant::now();
        for one in sealed {
            writer.append(one).unwrap();
        }
        writer.commit(NOW).unwrap();
        drop(writer.take_written());
        writing = writing.min(start.elapsed() / (50 * 50));
    }
    writer.append(recording.finish(summary(1))).unwrap();
    writer.close(NOW).unwrap();
    let opener = office.opener(&vault);
    let entry = crate::support::entry(&vault, 1);
    assert_eq!(vault.verify(&entry, Some(&opener)), []);
    eprintln!(
        "{packets} packets of 160 bytes: sealing {sealing:?}, appending and committing {writing:?} per packet"
    );
    assert!(sealing.as_nanos() < 1_000, "{sealing:?}");
}

#[test]
#[ignore = "measures: cargo test --release -p earwitness-vault --test vault speed -- --ignored --nocapture"]
fn a_million_rows_are_walked_and_one_of_them_is_proven_in_two_seconds() {
    const ROWS: u32 = 1_000_000;
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    crate::support::record(&sealer, &mut writer, 1).unwrap();
    writer.close(NOW).unwrap();
    let row = |n: u32| RecordedRow {
        call: CallId::new(1, u128::from(n)),
        recording: RecordingId::from_bytes(u128::from(n).to_be_bytes()),
        manifest: [n as u8; 32],
        interrupted: false,
        continues: None,
    };
    for n in 0..ROWS {
        let payload = row(n).to_bytes();
        vault.ledger().append(LedgerKind::Recorded, NOW, &payload).unwrap();
    }
    vault.ledger().sync().unwrap();
    let begun = Instant::now();
    let head = vault.sign_head().unwrap();
    let signing = begun.elapsed();
    let begun = Instant::now();
    let checked = vault.check_heads(vec![]).unwrap();
    let checking = begun.elapsed();
    assert_eq!((checked.rows, checked.findings.len()), (u64::from(ROWS) + 1, 0));
    // The last one: to find it every row before it is opened.
    let begun = Instant::now();
    let proof = vault.prove_recorded(row(ROWS - 1).recording).unwrap();
    let proving = begun.elapsed();
    proof.verify(&vault.verifying_key()).unwrap();
    assert_eq!(proof.head, head.note);
    eprintln!(
        "{ROWS} rows: a head {signing:?} ({:.0} rows/s), all heads checked {checking:?}, the last row found and proven {proving:?}",
        f64::from(ROWS) / signing.as_secs_f64()
    );
    assert!(proving < Duration::from_secs(2), "{proving:?}");
}
