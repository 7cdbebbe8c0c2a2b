//! The index as its callers see it.

mod crash;
mod damage;
mod order;
mod search;
mod waiting;

use earwitness_model::{
    CallFacts, CallSummary, Decision, Direction, Outcome, PacketTime, Party, Pii, Refusal, RuleSetHash,
    Verdict,
};

use std::{fs, path::Path};

use super::{
    by_sip_call_id::{LookUp, open_row},
    *,
};
use crate::cipher::CipherSuite;

/// 2026-11-21T00:00:00Z in ms.
const MORNING: i64 = 1_795_219_200_000;

fn key() -> MetadataKey {
    MetadataKey::new(CipherSuite::Aes256Gcm, [7; 32])
}

fn open(dir: &Path) -> Opened {
    let opened = Index::open(dir, key(), LookUps::Now).expect("the index opens");
    if opened.state == IndexState::Fresh {
        opened.index.finish_rebuild().expect("an empty index is complete");
    }
    opened
}

/// The call that begins `ms` after the morning; `tail` tells apart those of one ms.
fn call(ms: i64, tail: u128) -> CallId {
    CallId::new(MORNING + ms, tail)
}

fn entry(id: CallId, sip_call_ids: &[&str]) -> Entry {
    let start = PacketTime::from_nanos(
        (id.to_bytes()[..6].iter().fold(0, |ms, b| ms << 8 | i64::from(*b))) * 1_000_000,
    );
    let party = |user: &str| Party { user: Some(Pii::new(user.to_owned())), display: None, host: None };
    let facts = CallFacts {
        start,
        from: party("0312221111"),
        to: party("4001"),
        request_user: None,
        asserted: vec![],
        diverted_from: vec![],
    };
    let verdict = Verdict {
        decision: Decision::Refuse(Refusal::NoRule),
        mode: None,
        rule: None,
        direction: Direction::Inbound,
        extension: None,
        department: None,
        rule_set: RuleSetHash([1; 32]),
    };
    let summary = CallSummary {
        id,
        sip_call_ids: sip_call_ids.iter().map(|id| Pii::new((*id).to_owned())).collect(),
        facts,
        verdict,
        answer: None,
        end: None,
        outcome: Outcome::NoAnswer,
        sip_status: Some(480),
        tracks: vec![],
        streams: vec![],
        dtmf: vec![],
        gaps: vec![],
        flags: vec![],
        messages: 5,
        joined: vec![],
        joined_parties: vec![],
        related: vec![],
        tunnel: None,
    };
    Entry::new(summary, None)
}

/// Copies the files of an index, open or not.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

/// The rows of a day in a closed index.
fn rows(dir: &Path) -> Vec<row::Row> {
    let place = day::Place::of(dir, day::day_of(call(0, 0)));
    let file = place.open().unwrap();
    let end = file.metadata().unwrap().len();
    let row = |step: std::io::Result<row::Step>| match step.unwrap() {
        row::Step::Row(row) => row,
        row::Step::Damaged { at } => panic!("no row at {at}"),
    };
    row::Walk::new(&file, 0, end).map(row).collect()
}

/// Puts `rows` in the place of those of a closed index, behind its back: what it counted stays as it was.
fn put_rows(dir: &Path, rows: &[row::Row]) {
    let place = day::Place::of(dir, day::day_of(call(0, 0)));
    let bytes = rows.iter().flat_map(|row| {
        let length = u32::try_from(row.value.len()).unwrap();
        [&row::RowHead { length, ..row.head }.to_bytes()[..], &row.value].concat()
    });
    let bytes: Vec<u8> = bytes.collect();
    let (mark, mut contents) = mark::Mark::open(dir, &key()).unwrap();
    contents.days.get_mut(&place.day).unwrap().end = bytes.len() as u64;
    mark.settle(&contents, &key()).unwrap();
    fs::write(&place.rows, bytes).unwrap();
    fs::remove_file(&place.columns).unwrap();
}

/// The rows of SIP Call-IDs that sled has in a closed index.
fn look_up_rows(dir: &Path) -> Vec<(Vec<u8>, Vec<LookUp>)> {
    let store = Arc::new(Store::open(dir).unwrap());
    let rows = store.rows(&[1], &schema::ROWS_END).map(Result::unwrap);
    rows.map(|(row_key, value)| (row_key.to_vec(), open_row(&key(), &row_key, &value).unwrap())).collect()
}

fn listed(index: &Index) -> Vec<Entry> {
    index.newest_last(None, None).collect::<Result<_, _>>().expect("whole rows")
}

#[test]
fn what_was_put_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let entries = [entry(call(0, 1), &["a@pc33"]), entry(call(5, 2), &["b@pc33", "c@pc33"])];
    let Opened { index, state } = open(dir.path());
    assert_eq!(state, IndexState::Fresh);
    index.put(&entries).unwrap();
    drop(index);
    let Opened { index, state } = open(dir.path());
    assert_eq!(state, IndexState::Whole);
    assert_eq!(listed(&index), entries);
    assert_eq!(index.get(call(5, 2)).unwrap().as_ref(), Some(&entries[1]));
    assert_eq!(index.get(call(5, 3)).unwrap(), None);
    assert_eq!(index.len(), 2);
    assert_eq!(index.check(), []);
}

#[test]
fn a_call_put_again_replaces_its_row_and_its_call_ids() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    index.put(&[entry(call(0, 1), &["old@pc33", "kept@pc33"])]).unwrap();
    let newer = Entry { hold: true, ..entry(call(0, 1), &["kept@pc33", "new@pc33"]) };
    // Twice in one batch: the last one counts.
    index.put(&[entry(call(0, 1), &["between@pc33"]), newer.clone()]).unwrap();
    assert_eq!(listed(&index), [newer]);
    assert_eq!(index.by_sip_call_id("old@pc33").unwrap(), []);
    assert_eq!(index.by_sip_call_id("between@pc33").unwrap(), []);
    assert_eq!(index.by_sip_call_id("kept@pc33").unwrap(), [call(0, 1)]);
    assert_eq!(index.by_sip_call_id("new@pc33").unwrap(), [call(0, 1)]);
    assert_eq!((index.len(), index.check()), (1, vec![]));
}

#[test]
fn a_removed_call_is_found_by_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    index.put(&[entry(call(0, 1), &["a@pc33"]), entry(call(1, 1), &["a@pc33"])]).unwrap();
    assert!(index.remove(call(0, 1)).unwrap());
    assert!(!index.remove(call(0, 1)).unwrap());
    assert_eq!(index.get(call(0, 1)).unwrap(), None);
    assert_eq!(index.by_sip_call_id("a@pc33").unwrap(), [call(1, 1)]);
    assert_eq!((index.len(), index.check()), (1, vec![]));
}

#[test]
fn answers_of_one_sip_call_id_are_bounded_and_oldest_first() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    let entries: Vec<_> = (0..100).map(|ms| entry(call(ms, 0), &["same@pbx", "same@pbx"])).collect();
    index.put(&entries).unwrap();
    let found = index.by_sip_call_id("same@pbx").unwrap();
    assert_eq!(found, (0..64).map(|ms| call(ms, 0)).collect::<Vec<_>>());
    assert_eq!(index.by_sip_call_id("same@pbx2").unwrap(), []);
}

#[test]
fn an_ambiguous_prefix_gives_all_its_calls_up_to_the_bound() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    let entries: Vec<_> = (0..70).map(|tail| entry(call(0, tail), &[])).collect();
    index.put(&entries).unwrap();
    index.put(&[entry(call(86_400_000, 0), &[])]).unwrap();
    let of_the_ms = &call(0, 0).to_string()[..10];
    assert_eq!(index.find_prefix(of_the_ms).unwrap(), (0..64).map(|t| call(0, t)).collect::<Vec<_>>());
    let whole = call(0, 69).to_string();
    assert_eq!(index.find_prefix(&whole.to_lowercase()).unwrap(), [call(0, 69)]);
    assert_eq!(index.find_prefix(&whole[..25]).unwrap(), (64..70).map(|t| call(0, t)).collect::<Vec<_>>());
    assert_eq!(index.find_prefix("7ZZ").unwrap(), []);
    assert!(matches!(index.find_prefix("a84b4c76e66710@pc33"), Err(IndexError::BadPrefix)));
}

#[test]
fn clearing_leaves_an_index_that_is_empty_and_whole() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("index");
    let index = open(&dir).index;
    let entries: Vec<_> = (0..1000).map(|ms| entry(call(ms, 0), &["a@pc33"])).collect();
    index.put(&entries).unwrap();
    let mut begun = index.newest_last(None, None);
    assert_eq!(begun.next().unwrap().unwrap(), entries[0]);
    index.clear().unwrap();
    assert!(index.is_empty());
    assert!(
        begun.map(Result::unwrap).eq(entries[1..].iter().cloned()),
        "an iteration that has begun goes on"
    );
    assert_eq!((listed(&index), index.check()), (vec![], vec![]));
    assert_eq!(index.by_sip_call_id("a@pc33").unwrap(), []);
    index.put(&entries[..1]).unwrap();
    drop(index);
    let Opened { index, state } = open(&dir);
    assert_eq!((state, listed(&index)), (IndexState::Whole, entries[..1].to_vec()));
}

#[test]
fn an_index_that_was_not_finished_is_never_listed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("index");
    let to = dir.with_extension("set-aside");
    let entries = [entry(call(0, 0), &[]), entry(call(1, 0), &[])];
    let interrupted = IndexState::SetAside { to: to.clone(), why: Damage::RebuildInterrupted };
    // Made for a vault that has volumes, and interrupted while it was filled; so was the one that took its place.
    let fresh = Index::open(&dir, key(), LookUps::Now).unwrap();
    assert_eq!(fresh.state, IndexState::Fresh);
    fresh.index.put(&entries[..1]).unwrap();
    drop(fresh);
    let again = Index::open(&dir, key(), LookUps::Now).unwrap();
    assert_eq!((again.state, again.index.len()), (interrupted.clone(), 0));
    again.index.put(&entries[..1]).unwrap();
    drop(again.index);
    let Opened { index, state } = Index::open(&dir, key(), LookUps::Now).unwrap();
    assert_eq!(state, interrupted);
    index.put(&entries).unwrap();
    assert!(to.exists());
    index.finish_rebuild().unwrap();
    assert!(!to.exists(), "what was set aside goes when it is replaced");
    drop(index);
    // And a rebuild of a whole one.
    let Opened { index, state } = Index::open(&dir, key(), LookUps::Now).unwrap();
    assert_eq!((state, listed(&index)), (IndexState::Whole, entries.to_vec()));
    index.begin_rebuild().unwrap();
    index.put(&entries[..1]).unwrap();
    drop(index);
    assert_eq!(Index::open(&dir, key(), LookUps::Now).unwrap().state, interrupted);
}

#[test]
fn of_a_store_that_was_replaced_nothing_stays_open() {
    let root = tempfile::tempdir().unwrap();
    let index = open(&root.path().join("index")).index;
    index.put(&[entry(call(0, 0), &[])]).unwrap();
    index.begin_rebuild().unwrap();
    index.put(&[entry(call(1, 0), &[])]).unwrap();
    index.finish_rebuild().unwrap();
    let open_files = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let ours: Vec<_> = open_files
        .filter_map(|file| fs::read_link(file.path()).ok())
        .filter(|path| path.starts_with(root.path()))
        .collect();
    assert!(ours.iter().any(|path| path.ends_with("index/db")), "{ours:?}");
    assert!(ours.iter().all(|path| !path.to_string_lossy().contains("set-aside")), "{ours:?}");
}

#[test]
fn an_entry_beyond_the_limit_is_refused_and_nothing_of_its_batch_put() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    let long = "x".repeat(MAX_ENTRY);
    let result = index.put(&[entry(call(0, 0), &[]), entry(call(1, 0), &[&long])]);
    assert!(
        matches!(result, Err(IndexError::TooLarge { call: c, bytes, limit: MAX_ENTRY }) if c == call(1, 0) && bytes > MAX_ENTRY)
    );
    assert!(index.is_empty());
    let nearly = "x".repeat(MAX_ENTRY - 1024);
    index.put(&[entry(call(1, 0), &[&nearly])]).unwrap();
    drop(index);
    assert_eq!(listed(&open(dir.path()).index), [entry(call(1, 0), &[&nearly])]);
}
