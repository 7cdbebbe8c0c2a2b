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
        drop(index);
        fs::remove_dir_all(&crashed).unwrap();
    }
}

#[test]
fn a_batch_torn_at_any_byte_is_there_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let [live, before, after, crashed] =
        ["live", "before", "after", "crashed"].map(|name| dir.path().join(name));
    let first = [entry(call(0, 0), &["a@pc33"])];
    let second = [entry(call(1, 0), &["b@pc33"]), entry(call(2, 0), &["c@pc33"])];
    let index = open(&live).index;
    index.put(&first).unwrap();
    copy(&live, &before);
    index.put(&second).unwrap();
    copy(&live, &after);
    let (old, new) = (fs::read(before.join("db")).unwrap(), fs::read(after.join("db")).unwrap());
    let changed = |at: &usize| old.get(*at) != new.get(*at);
    let (from, to) = ((0..new.len()).find(changed).unwrap(), (0..new.len()).rfind(changed).unwrap() + 1);
    let (mut none, mut all) = (0, 0);
    for torn in (from..to).chain([to]) {
        copy(&before, &crashed);
        // What sled had written when the power went: a beginning of its next bytes, the old ones after it.
        let beyond = old.get(torn..).unwrap_or_default();
        fs::write(crashed.join("db"), [&new[..torn], beyond].concat()).unwrap();
        let Opened { index, state } = open(&crashed);
        assert_eq!(state, IndexState::Whole, "torn at {torn} of {from}..{to}");
        match index.len() {
            1 => none += 1,
            3 => all += 1,
            other => panic!("{other} calls, torn at {torn} of {from}..{to}"),
        }
        assert_eq!(index.check(), [], "torn at {torn} of {from}..{to}");
        drop(index);
        fs::remove_dir_all(&crashed).unwrap();
    }
    assert!(none > 100 && all > 0, "{none} before, {all} after");
}
