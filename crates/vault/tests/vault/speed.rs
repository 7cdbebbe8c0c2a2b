//! What sealing costs. Ignored: a figure means something in a release build on a quiet machine only.

use std::time::{Duration, Instant};

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
