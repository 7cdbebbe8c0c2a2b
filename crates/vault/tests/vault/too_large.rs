//! A call of which more is known than a row of the index holds.

use earwitness_model::{CallSummary, Gap, GapCause, Leg, Pii};
use earwitness_vault::{Entry, IndexError};

use crate::support::{
    NOW, Office, START, begin, call_id, entries, entry, media, opening, record, signalling, summary,
};

/// More gaps than a row holds, and a name longer than a row of the ledger.
fn endless(n: u32) -> CallSummary {
    let mut endless = summary(n);
    endless.gaps =
        vec![Gap { leg: Leg::Callee, at: START, ms: 40, cause: GapCause::Network, evidence: None }; 100_000];
    endless.facts.from.display = Some(Pii::new("x".repeat(600 << 10)));
    endless
}

/// One recorded and one not, of which too much is known, and an ordinary call among them.
fn office_with_endless_calls() -> Office {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut recording = begin(&sealer, &mut writer, 1).unwrap();
    writer.append(recording.seal(signalling(1))).unwrap();
    writer.append(recording.finish(endless(1))).unwrap();
    writer.exclude(&endless(2));
    record(&sealer, &mut writer, 3).unwrap();
    let committed = writer.close(NOW).unwrap();
    assert_eq!(committed.calls, [call_id(1), call_id(2), call_id(3)]);
    assert_eq!(committed.shortened, 2);
    office
}

#[test]
fn a_call_too_large_for_the_index_is_listed_shortened_and_keeps_no_other_from_it() {
    let office = office_with_endless_calls();
    let vault = office.open();
    assert!(vault.recovery().is_clean());
    let listed = entry(&vault, 1);
    assert!(listed.summary.gaps.is_empty());
    let display = listed.summary.facts.from.display.clone().unwrap().into_exposed();
    assert_eq!(display, "x".repeat(253) + "…");
    assert_eq!(listed.summary.facts.from.user, summary(1).facts.from.user);
    assert_eq!(entry(&vault, 3).summary, summary(3));
    assert_eq!(vault.manifest(&listed).unwrap().summary, endless(1), "the manifest leaves nothing out");
    let opener = office.opener(&vault);
    for entry in entries(&vault) {
        assert_eq!(vault.verify(&entry, Some(&opener)), []);
    }
    assert_eq!(vault.check_index(), []);
}

#[test]
fn a_rebuild_shortens_the_same_calls_in_the_same_way() {
    let office = office_with_endless_calls();
    let vault = office.open();
    let listed = entries(&vault);
    // The ledger's own row of the call without a recording was shortened when it was written.
    assert_eq!(vault.rebuild_index().unwrap().shortened, 1);
    assert_eq!(entries(&vault), listed);
    drop(vault);
    std::fs::remove_dir_all(office.dir().join("index")).unwrap();
    let vault = office.open();
    assert_eq!((vault.recovery().shortened, entries(&vault)), (1, listed));
}

#[test]
fn recovery_lists_a_finished_call_that_is_too_large() {
    let office = office_with_endless_calls();
    let vault = office.open();
    let listed = entries(&vault);
    vault.index().remove(call_id(1)).unwrap();
    drop(vault);
    std::fs::write(office.volume().with_extension("open"), b"").unwrap();
    let vault = office.open();
    assert_eq!((vault.recovery().listed, vault.recovery().shortened), (1, 1));
    assert_eq!(entries(&vault), listed);
}

#[test]
fn recovery_lists_an_interrupted_call_that_is_too_large() {
    let office = Office::new();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    let mut too_much = opening(1);
    too_much.facts = endless(1).facts;
    let (mut running, opened) = sealer.begin(&too_much, NOW).unwrap();
    writer.append(opened).unwrap();
    writer.append(running.seal(media(1, [1, 2]))).unwrap();
    writer.commit(NOW).unwrap();
    let copy = office.copy();
    let copied = copy.open();
    assert_eq!(
        (copied.recovery().interrupted.as_slice(), copied.recovery().shortened),
        (&[running.id()][..], 1)
    );
    let listed = entry(&copied, 1);
    assert_eq!(copied.verify(&listed, Some(&copy.opener(&copied))), []);
    assert_eq!(copied.check_index(), []);
}

#[test]
fn a_batch_of_nothing_but_large_calls_is_there_after_a_reopening() {
    let office = Office::new();
    let vault = office.open();
    let (_sealer, mut writer) = vault.writer().unwrap();
    for n in 1..=24 {
        let mut large = summary(n);
        // Just fits: nothing is left out.
        large.facts.from.display = Some(Pii::new("x".repeat(250 << 10)));
        writer.exclude(&large);
    }
    assert_eq!(writer.close(NOW).unwrap().shortened, 0);
    drop(vault);
    let vault = office.open();
    assert!(vault.recovery().is_clean(), "{:?}", vault.recovery());
    assert_eq!((vault.index().len(), vault.check_index()), (24, Vec::new()));
    let direct = vault.index().put(&[Entry::new(endless(30), None)]);
    assert!(matches!(direct, Err(IndexError::TooLarge { call, .. }) if call == call_id(30)), "{direct:?}");
}
