//! SIP Call-IDs on their way into rows, and out of them.

use super::{by_sip_call_id::MOST_IN_ROW, *};

fn name(n: i64) -> String {
    format!("{n}@pc33")
}

fn one(n: i64) -> Entry {
    entry(call(n, 0), &[&name(n)])
}

/// The batches of the rows and how many SIP Call-IDs each has.
fn shape(dir: &Path) -> Vec<(u64, u64, usize)> {
    let row = |(row_key, look_ups): (Vec<u8>, Vec<LookUp>)| match schema::row_kind(&row_key) {
        schema::RowKind::SipCallIds(batches) => (batches.first, batches.last, look_ups.len()),
        schema::RowKind::Batch | schema::RowKind::Unknown => panic!("{row_key:?}"),
    };
    look_up_rows(dir).into_iter().map(row).collect()
}

/// As a crash at this moment would leave it, opened: whole, and each call found by what it has.
fn check_crashed(live: &Path, calls: &[(i64, &[String])], what: &str) {
    let crashed = live.with_extension("crashed");
    copy(live, &crashed);
    // Twice: what was learnt is not learnt again.
    for _ in 0..2 {
        let Opened { index, state } = open(&crashed);
        assert_eq!((state, index.check()), (IndexState::Whole, vec![]), "{what}");
        for (n, names) in calls {
            for name in *names {
                assert_eq!(index.by_sip_call_id(name).unwrap(), [call(*n, 0)], "{name}, {what}");
            }
        }
    }
    fs::remove_dir_all(&crashed).unwrap();
}

#[test]
fn many_batches_share_a_row() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    for n in 0..150 {
        index.put(&[one(n)]).unwrap();
        for asked in [0, n / 2, n] {
            assert_eq!(index.by_sip_call_id(&name(asked)).unwrap(), [call(asked, 0)], "{asked} of {n}");
        }
    }
    assert_eq!(index.check(), []);
    drop(index);
    assert_eq!(shape(dir.path()), [(1, 64, 64), (65, 128, 64), (129, 150, 22)]);
    assert_eq!(open(dir.path()).index.check(), []);
}

#[test]
fn many_calls_are_written_before_many_batches_came() {
    let dir = tempfile::tempdir().unwrap();
    let (live, crashed) = (dir.path().join("live"), dir.path().join("crashed"));
    let index = open(&live).index;
    let entries: Vec<_> = (0..8400).map(one).collect();
    entries.chunks(200).for_each(|batch| index.put(batch).unwrap());
    copy(&live, &crashed);
    assert_eq!(shape(&crashed), (1..=41).map(|batch| (batch, batch, 200)).collect::<Vec<_>>());
    for gone in entries[..1030].chunks(206) {
        index.put(&gone.iter().map(|e| entry(e.summary.id, &[])).collect::<Vec<_>>()).unwrap();
    }
    assert_eq!(index.check(), []);
    fs::remove_dir_all(&crashed).unwrap();
    copy(&live, &crashed);
    let left =
        [(6, 6, 170)].into_iter().chain((7..=41).map(|batch| (batch, batch, 200))).chain([(42, 47, 200)]);
    assert_eq!(shape(&crashed), left.collect::<Vec<_>>());
}

#[test]
fn a_row_has_whole_batches_and_a_batch_that_is_too_large_has_several() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    let entries: Vec<_> = (0..2200).map(one).collect();
    entries.chunks(100).for_each(|batch| index.put(batch).unwrap());
    let names: Vec<String> = (0..600).map(|n| format!("{n}@loud")).collect();
    let loud = entry(call(5000, 0), &names.iter().map(String::as_str).collect::<Vec<_>>());
    index.put(&[loud, one(5001)]).unwrap();
    index.put(&[one(5002)]).unwrap();
    assert_eq!(index.check(), []);
    assert_eq!(index.by_sip_call_id("599@loud").unwrap(), [call(5000, 0)]);
    drop(index);
    let by_two = (0..11).map(|n| (2 * n + 1, 2 * n + 2, 200));
    let rest = [(23, 23, MOST_IN_ROW), (23, 23, MOST_IN_ROW), (23, 23, 89), (24, 24, 1)];
    assert_eq!(shape(dir.path()), by_two.chain(rest).collect::<Vec<_>>());

    let index = open(dir.path()).index;
    assert_eq!(index.check(), []);
    // From rows that are neighbours and from rows that are not.
    for gone in [5000, 0, 1, 250, 450, 1850] {
        assert!(index.remove(call(gone, 0)).unwrap());
    }
    assert_eq!((index.by_sip_call_id("599@loud").unwrap(), index.check()), (vec![], vec![]));
    drop(index);
    let left: Vec<_> = shape(dir.path()).into_iter().map(|(first, _, look_ups)| (first, look_ups)).collect();
    let changed = [(1, 198), (3, 199), (5, 199)];
    assert_eq!(left[..3], changed);
    assert_eq!(left[8..], [(17, 200), (19, 199), (21, 200), (23, 1), (24, 1)]);
    assert_eq!(open(dir.path()).index.check(), []);
}

#[test]
fn what_led_to_an_entry_leaves_its_row_when_the_entry_goes_or_another_takes_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let live = dir.path().join("index");
    let index = open(&live).index;
    (0..100).for_each(|n| index.put(&[one(n)]).unwrap());
    // Calls 3 and 4 are in a row of sled, 90 and 91 wait.
    let kept = [name(3), "new@pc33".to_owned()];
    for (n, names) in [(3, &kept[..]), (90, &[name(90)])] {
        index.put(&[entry(call(n, 0), &names.iter().map(String::as_str).collect::<Vec<_>>())]).unwrap();
    }
    index.put(&[entry(call(5, 0), &[])]).unwrap();
    assert!(index.remove(call(4, 0)).unwrap() && index.remove(call(91, 0)).unwrap());
    let found = |index: &Index| {
        for (n, name) in [(3, name(3)), (3, "new@pc33".to_owned()), (90, name(90)), (6, name(6))] {
            assert_eq!(index.by_sip_call_id(&name).unwrap(), [call(n, 0)], "{name}");
        }
        for n in [4, 5, 91] {
            assert_eq!(index.by_sip_call_id(&name(n)).unwrap(), [], "{n}");
        }
        assert_eq!(index.check(), []);
    };
    found(&index);
    drop(index);
    assert_eq!(shape(&live), [(1, 64, 61), (65, 105, 37)]);
    let rows = look_up_rows(&live);
    let in_rows =
        |n: i64| rows.iter().map(move |(_, row)| row.iter().filter(|one| one.call == call(n, 0)).count());
    for (n, times) in [(3, [0, 2]), (4, [0, 0]), (5, [0, 0]), (90, [0, 1]), (91, [0, 0])] {
        assert_eq!(in_rows(n).collect::<Vec<_>>(), times, "{n}");
    }
    found(&open(&live).index);
}

#[test]
fn a_row_that_every_entry_left_goes() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    (0..70).for_each(|n| index.put(&[one(n)]).unwrap());
    (0..64).for_each(|n| assert!(index.remove(call(n, 0)).unwrap()));
    assert_eq!(index.check(), []);
    drop(index);
    assert_eq!(shape(dir.path()), [(65, 128, 6)]);
    let index = open(dir.path()).index;
    assert_eq!((index.len(), index.check()), (6, vec![]));
}

#[test]
fn after_a_crash_at_any_batch_every_call_is_found_by_what_it_has_and_nothing_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let live = dir.path().join("index");
    let index = open(&live).index;
    let mut names: std::collections::BTreeMap<i64, Vec<String>> = std::collections::BTreeMap::new();
    for n in 0..140 {
        // One call in each batch; now and then one that stood for long, or one that is new, changes or goes.
        match n % 7 {
            3 | 4 => {
                let changed = if n % 7 == 3 { n / 3 } else { n - 2 };
                let own = vec![name(changed), format!("{n}@changed")];
                index
                    .put(&[entry(call(changed, 0), &own.iter().map(String::as_str).collect::<Vec<_>>())])
                    .unwrap();
                names.insert(changed, own);
            }
            5 | 6 => {
                let gone = if n % 7 == 5 { n / 2 } else { n - 6 };
                assert_eq!(index.remove(call(gone, 0)).unwrap(), names.remove(&gone).is_some());
            }
            _ => {
                index.put(&[one(n)]).unwrap();
                names.insert(n, vec![name(n)]);
            }
        }
        let calls: Vec<_> = names.iter().map(|(n, own)| (*n, &own[..])).collect();
        if n % 9 == 0 || n > 130 {
            check_crashed(&live, &calls, &format!("after {n}"));
        }
    }
    assert_eq!((index.len(), index.check()), (names.len() as u64, vec![]));
}

#[test]
fn calls_are_found_while_they_are_put_replaced_and_written() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    index.put(&(0..50).map(one).collect::<Vec<_>>()).unwrap();
    std::thread::scope(|scope| {
        let putting = scope.spawn(|| {
            for n in 0..400 {
                index.put(&[one(n % 50), one(1000 + n)]).unwrap();
            }
        });
        let mut asked = 0;
        while !putting.is_finished() {
            assert_eq!(index.by_sip_call_id(&name(asked % 50)).unwrap(), [call(asked % 50, 0)]);
            assert_eq!(index.check(), []);
            asked += 1;
        }
        putting.join().unwrap();
        assert!(asked > 0);
    });
    assert_eq!((index.len(), index.check()), (450, vec![]));
}
