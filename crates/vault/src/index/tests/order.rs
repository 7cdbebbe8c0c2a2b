//! Calls come in the order of their start.

use super::*;

/// A permutation of 0..n without a random generator: n is prime to the step.
fn shuffled(n: i64) -> impl Iterator<Item = i64> {
    (0..n).map(move |i| i * 7919 % n)
}

#[test]
fn ten_thousand_calls_come_out_by_start_from_both_ends() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    let ids: Vec<_> = shuffled(10_000).map(|ms| entry(call(ms, 0), &[&format!("{ms}@pc33")])).collect();
    ids.chunks(256).for_each(|batch| index.put(batch).unwrap());
    let forward: Vec<CallId> = index.newest_last(None, None).map(|e| e.unwrap().summary.id).collect();
    assert_eq!(forward, (0..10_000).map(|ms| call(ms, 0)).collect::<Vec<_>>());
    let backward: Vec<CallId> =
        index.newest_last(None, None).rev().take(3).map(|e| e.unwrap().summary.id).collect();
    assert_eq!(backward, [call(9_999, 0), call(9_998, 0), call(9_997, 0)]);
    assert_eq!(index.by_sip_call_id("4711@pc33").unwrap(), [call(4711, 0)]);
    assert_eq!(index.len(), 10_000);
    assert_eq!(index.check(), []);
}

#[test]
fn a_span_of_time_includes_its_beginning_and_not_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    index.put(&(0..10).map(|ms| entry(call(ms, 9), &[])).collect::<Vec<_>>()).unwrap();
    let at = |ms: i64, ns: i64| Some(PacketTime::from_nanos((MORNING + ms) * 1_000_000 + ns));
    let all = (None, None, 0..10);
    for (since, until, expected) in [
        all,
        (at(3, 0), None, 3..10),
        (None, at(3, 0), 0..3),
        (at(3, 0), at(5, 0), 3..5),
        (at(3, 1), at(5, 1), 3..6),
        (at(5, 0), at(3, 0), 0..0),
        (Some(PacketTime::from_nanos(-1)), Some(PacketTime::EPOCH), 0..0),
        (Some(PacketTime::from_nanos(i64::MIN)), Some(PacketTime::from_nanos(i64::MAX)), 0..10),
    ] {
        let found: Vec<_> = index.newest_last(since, until).map(|e| e.unwrap().summary.id).collect();
        assert_eq!(found, expected.map(|ms| call(ms, 9)).collect::<Vec<_>>(), "{since:?} to {until:?}");
    }
}

/// Run with `--release -- --ignored --nocapture` it prints the figures for a machine; `INDEX_CALLS` and `INDEX_DIR` say how
/// many calls and on which disk.
#[test]
#[ignore = "a measurement"]
fn many_calls_in_batches_of_256() {
    let calls: i64 = std::env::var("INDEX_CALLS").map_or(20_000, |calls| calls.parse().expect("a number"));
    let dir = std::env::var_os("INDEX_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::tempdir_in(dir).unwrap();
    let timed = |what: &str, work: &mut dyn FnMut()| {
        let began = std::time::Instant::now();
        work();
        println!("{what}: {:?}", began.elapsed());
    };
    let mut index = open(dir.path()).index;
    let entries: Vec<_> = shuffled(calls).map(|ms| entry(call(ms, 0), &[&format!("{ms}@pc33")])).collect();
    timed("put", &mut || entries.chunks(256).for_each(|batch| index.put(batch).unwrap()));
    timed("list", &mut || {
        assert_eq!(index.newest_last(None, None).filter(Result::is_ok).count(), entries.len())
    });
    drop(index);
    timed("open, whole log", &mut || drop(open(dir.path())));
    index = open(dir.path()).index;
    timed("newest after opening", &mut || {
        let newest = index.newest_last(None, None).next_back().unwrap().unwrap();
        assert_eq!(newest.summary.id, call(calls - 1, 0));
    });
    drop(index);
    timed("open, with snapshot", &mut || drop(open(dir.path())));
    timed("check", &mut || assert_eq!(open(dir.path()).index.check(), []));
}
