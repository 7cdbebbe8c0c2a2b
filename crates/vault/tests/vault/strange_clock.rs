//! Captures whose frames have another century's time.

use earwitness_model::PacketTime;
use earwitness_vault::LedgerKind;

use crate::support::{NOW, Office, begin, call_id, entries, media, opening, record, summary};

/// 2200-01-01 in UTC.
const FAR: PacketTime = PacketTime::from_nanos(7_258_118_400_000_000_000);

fn ledger_files(office: &Office) -> Vec<String> {
    let files = std::fs::read_dir(office.dir().join("ledger")).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn an_interrupted_call_of_a_capture_from_the_future_is_told_under_the_time_it_was_recorded() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut far = opening(1);
    (far.facts.start, far.at) = (FAR, FAR);
    let (mut running, opened) = sealer.begin(&far, NOW).unwrap();
    writer.append(opened).unwrap();
    let mut segment = media(1, [1]);
    segment.base = FAR;
    writer.append(running.seal(segment)).unwrap();
    writer.commit(NOW).unwrap();
    let copy = office.copy();
    let copied = copy.open();
    assert_eq!(copied.recovery().interrupted, [running.id()]);
    let rows: Vec<_> = copied.ledger().rows().map(Result::unwrap).map(|row| (row.kind, row.at)).collect();
    assert_eq!(rows, [(LedgerKind::Recorded, NOW)]);
    assert_eq!(ledger_files(&copy), ["2026-11.log"]);
}

#[test]
fn a_finished_call_of_a_capture_from_the_future_is_told_under_the_time_it_was_recorded() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 2).unwrap();
    let mut running = begin(&sealer, &mut writer, 1).unwrap();
    let mut segment = media(1, [1]);
    segment.base = FAR;
    writer.append(running.seal(segment)).unwrap();
    writer.append(running.finish(summary(1))).unwrap();
    writer.commit(NOW).unwrap();
    // The vault as a crash leaves it between the sync of the volumes and that of the ledger.
    let without = office.copy();
    drop((writer, vault));
    let vault = without.open();
    vault.index().remove(call_id(1)).unwrap();
    drop(vault);
    std::fs::remove_dir_all(without.dir().join("ledger")).unwrap();
    std::fs::write(without.volume().with_extension("open"), b"").unwrap();
    let vault = without.open();
    assert_eq!((vault.recovery().listed, entries(&vault).len()), (1, 2));
    assert_eq!(ledger_files(&without), ["2026-11.log"]);
}
