//! The process or the power goes away: the files are as they were at that moment.

use super::*;

#[test]
fn what_put_returned_for_is_in_the_files_at_that_moment() {
    let dir = tempfile::tempdir().unwrap();
    let (live, crashed) = (dir.path().join("live"), dir.path().join("crashed"));
    let index = open(&live).index;
    let entries: Vec<_> = (0..300).map(|ms| entry(call(ms, 0), &[&format!("{ms}@pc33")])).collect();
    for (n, batch) in entries.chunks(20).enumerate() {
        index.put(batch).unwrap();
        copy(&live, &crashed);
        let Opened { index, state } = open(&crashed);
        assert_eq!(state, IndexState::Whole);
        assert_eq!(listed(&index), entries[..(n + 1) * 20]);
        assert_eq!(index.check(), []);
        let last = format!("{}@pc33", (n + 1) * 20 - 1);
        assert_eq!(index.by_sip_call_id(&last).unwrap(), [entries[(n + 1) * 20 - 1].summary.id]);
        drop(index);
        fs::remove_dir_all(&crashed).unwrap();
    }
}

/// Two calls of one day and one of the next, put over one; the index before and after, closed.
fn before_and_after(dir: &Path) -> [PathBuf; 2] {
    let [live, before, after] = ["live", "before", "after"].map(|name| dir.join(name));
    let second =
        [entry(call(1, 0), &["b@pc33"]), entry(call(2, 0), &["c@pc33"]), entry(call(DAY, 0), &["d@pc33"])];
    open(&live).index.put(&[entry(call(0, 0), &["a@pc33"])]).unwrap();
    copy(&live, &before);
    open(&live).index.put(&second).unwrap();
    copy(&live, &after);
    [before, after]
}

const DAY: i64 = 86_400_000;

#[test]
fn a_batch_torn_at_any_byte_is_there_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let [before, after] = before_and_after(dir.path());
    let crashed = dir.path().join("crashed");
    let names = [call(0, 0), call(DAY, 0)].map(|id| {
        day::Place::of(&after, day::day_of(id)).rows.file_name().unwrap().to_str().unwrap().to_owned()
    });
    let (mut none, mut all) = (0, 0);
    for (torn, whole) in [(&names[0], &names[1]), (&names[1], &names[0])] {
        let old = fs::read(before.join(torn)).map_or(0, |bytes| bytes.len());
        let new = fs::read(after.join(torn)).unwrap();
        for end in old..=new.len() {
            // Rows are written to the days one after the other; the mark and sled come when all of them are durable.
            copy(&before, &crashed);
            fs::copy(after.join(whole), crashed.join(whole)).unwrap();
            fs::write(crashed.join(torn), &new[..end]).unwrap();
            let what = format!("{torn} torn at {end} of {}", new.len());
            let Opened { index, state } = open(&crashed);
            assert_eq!(state, IndexState::Whole, "{what}");
            match (index.len(), end == new.len()) {
                (1, false) => none += 1,
                (4, true) => all += 1,
                (other, _) => panic!("{other} calls, {what}"),
            }
            assert_eq!(index.check(), [], "{what}");
            // And what comes next is not disturbed by what was left.
            index.put(&[entry(call(3, 0), &["e@pc33"])]).unwrap();
            drop(index);
            let again = open(&crashed);
            assert_eq!((again.state, again.index.check()), (IndexState::Whole, vec![]), "{what}");
            assert!([2, 5].contains(&again.index.len()), "{what}");
            drop(again.index);
            fs::remove_dir_all(&crashed).unwrap();
        }
    }
    assert!(none > 100 && all == 2, "{none} before, {all} after");
}

#[test]
fn what_sled_had_not_written_it_learns_from_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    let [before, after] = before_and_after(dir.path());
    let crashed = dir.path().join("crashed");
    let (old, new) = (fs::read(before.join("db")).unwrap(), fs::read(after.join("db")).unwrap());
    let changed = |at: &usize| old.get(*at) != new.get(*at);
    let (from, to) = ((0..new.len()).find(changed).unwrap(), (0..new.len()).rfind(changed).unwrap() + 1);
    for torn in (from..to).step_by((to - from) / 40 + 1).chain([to]) {
        copy(&after, &crashed);
        for name in fs::read_dir(&crashed).unwrap().map(|f| f.unwrap().file_name()) {
            if name.to_string_lossy().starts_with("snap") {
                fs::remove_file(crashed.join(name)).unwrap();
            }
        }
        // What sled had written when the power went: a beginning of its next bytes, the old ones after it.
        let beyond = old.get(torn..).unwrap_or_default();
        fs::write(crashed.join("db"), [&new[..torn], beyond].concat()).unwrap();
        let Opened { index, state } = open(&crashed);
        assert_eq!((state, index.len()), (IndexState::Whole, 4), "torn at {torn} of {from}..{to}");
        assert_eq!(index.check(), [], "torn at {torn} of {from}..{to}");
        drop(index);
        fs::remove_dir_all(&crashed).unwrap();
    }
}
