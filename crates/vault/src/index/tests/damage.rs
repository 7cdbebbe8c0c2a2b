//! Damaged files: never a panic, never a wrong entry, never a row gone unnoticed.

use super::{by_sip_call_id::seal_row, *};

/// Two calls in a closed index.
fn small_index(dir: &Path) -> Vec<Entry> {
    let entries = vec![entry(call(0, 1), &["a84b4c76@pc33"]), entry(call(5, 2), &["b@pc33", "c@pc33"])];
    let index = open(dir).index;
    entries.iter().for_each(|one| index.put(std::slice::from_ref(one)).unwrap());
    entries
}

/// Opens what is in `dir` and asks it everything: each answer is an error or what was put.
fn errs_or_answers_the_same(dir: &Path, entries: &[Entry], what: &str) -> Outcome {
    // Who only lists does without what sled has.
    match Index::open_whole(dir, key(), LookUps::Later) {
        Ok(index) => match index.newest_last(None, None).collect::<Result<Vec<_>, _>>() {
            Ok(listed) => assert_eq!(listed, entries, "{what}"),
            Err(error) => assert!(error.is_damage(), "{what}: {error}"),
        },
        Err(error) => assert!(matches!(error, IndexError::Damaged(_)), "{what}: {error}"),
    }
    let index = match Index::open_whole(dir, key(), LookUps::Now) {
        Ok(index) => index,
        // What `open` sets aside.
        Err(IndexError::Damaged(_)) => return Outcome::SetAside,
        Err(error) => panic!("{what}: {error}"),
    };
    let listed: Result<Vec<_>, _> = index.newest_last(None, None).collect();
    let got: Result<Vec<_>, _> = entries.iter().map(|e| index.get(e.summary.id)).collect();
    match (listed, got) {
        (Ok(listed), Ok(got)) => {
            for one in entries {
                for id in &one.summary.sip_call_ids {
                    if let Ok(found) = index.by_sip_call_id(id.expose()) {
                        assert!(
                            found.is_empty() && !index.check().is_empty() || found == [one.summary.id],
                            "{what}"
                        );
                    }
                }
            }
            assert_eq!(listed, entries, "{what}");
            assert!(got.iter().flatten().eq(entries), "{what}");
            Outcome::Same
        }
        _ => {
            assert_ne!(index.check(), [], "{what}: an error that the check does not find");
            Outcome::Refused
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Same,
    Refused,
    SetAside,
}

#[test]
fn any_flipped_byte_is_an_error_or_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let entries = small_index(&whole);
    // Opened once more: sled writes its snapshot then, and the flips go through that too.
    drop(open(&whole));
    let (mut flips, mut noticed) = (0, 0);
    for file in fs::read_dir(&whole).unwrap().map(Result::unwrap).filter(|f| f.path().is_file()) {
        let name = file.file_name();
        let bytes = fs::read(file.path()).unwrap();
        let used = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
        // Every byte in use, and some of the zeros that sled fills its segments with.
        for at in (0..used).chain((used..bytes.len()).step_by(32 << 10)) {
            let copied = dir.path().join("copy");
            copy(&whole, &copied);
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(copied.join(&name), damaged).unwrap();
            let what = format!("{} byte {at} of {used}", name.display());
            flips += 1;
            noticed += u32::from(errs_or_answers_the_same(&copied, &entries, &what) != Outcome::Same);
            fs::remove_dir_all(&copied).unwrap();
        }
    }
    println!("{flips} flips, {noticed} noticed");
    assert!(flips > 1000 && noticed > flips / 4, "{flips} flips, {noticed} noticed");
}

/// Damage of one place in a larger index. `DAMAGE_ROUNDS` asks for more of it than an ordinary run has time for.
#[test]
fn a_larger_index_flipped_or_cut_anywhere_errs_or_answers_the_same() {
    let rounds = std::env::var("DAMAGE_ROUNDS").map_or(40, |rounds| rounds.parse().expect("a number"));
    let dir = tempfile::tempdir().unwrap();
    let (whole, reopened, copied) = ["whole", "reopened", "copy"].map(|name| dir.path().join(name)).into();
    let entries: Vec<_> = (0..1500).map(|ms| entry(call(ms, 0), &[&format!("{ms}@pc33")])).collect();
    let index = open(&whole).index;
    entries.chunks(100).for_each(|batch| index.put(batch).unwrap());
    drop(index);
    copy(&whole, &reopened);
    let day = day::Place::of(&whole, day::day_of(call(0, 0)));
    let [rows, columns] =
        [&day.rows, &day.columns].map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    // From now on there is a snapshot: sled does not read the whole log when it opens, and finds damage as it goes.
    drop(open(&reopened));
    let outcomes: Vec<Outcome> = (0..rounds)
        .map(|round: u64| {
            // A step that is prime to any size spreads the places evenly over files and bytes.
            let place = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
            let name = ["conf", "db", &rows, &columns][usize::try_from(round / 5 % 4).unwrap()];
            copy(if round % 5 < 2 { &whole } else { &reopened }, &copied);
            let mut bytes = fs::read(copied.join(name)).unwrap();
            let used = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
            let at = usize::try_from(place).unwrap() % used;
            if round.is_multiple_of(3) {
                bytes.truncate(at)
            } else {
                bytes[at] ^= 1 << (round % 8)
            }
            fs::write(copied.join(name), bytes).unwrap();
            let outcome =
                errs_or_answers_the_same(&copied, &entries, &format!("{name} byte {at}, round {round}"));
            fs::remove_dir_all(&copied).unwrap();
            outcome
        })
        .collect();
    let count = |of| outcomes.iter().filter(|&&outcome| outcome == of).count();
    let (same, refused, aside) = (count(Outcome::Same), count(Outcome::Refused), count(Outcome::SetAside));
    println!("{rounds} rounds: {same} the same, {refused} refused a row, {aside} set aside");
    assert!(refused + aside > outcomes.len() / 2, "{same} same, {refused} refused, {aside} aside");
}

#[test]
fn damage_of_the_store_is_found_when_it_is_asked_and_listing_goes_on_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("index");
    let entries: Vec<_> = (0..1500).map(|ms| entry(call(ms, 0), &[&format!("{ms}@pc33")])).collect();
    let index = open(&dir).index;
    entries.chunks(100).for_each(|batch| index.put(batch).unwrap());
    drop(index);
    // With a snapshot sled opens without reading every page.
    drop(open(&dir));
    let mut log = fs::read(dir.join("db")).unwrap();
    log.iter_mut().skip(16 << 10).for_each(|byte| *byte ^= 4);
    fs::write(dir.join("db"), log).unwrap();

    let Opened { index, state } = Index::open(&dir, key(), LookUps::Later).unwrap();
    assert_eq!((state, listed(&index)), (IndexState::Whole, entries.clone()));
    assert_eq!(index.get(call(700, 0)).unwrap().as_ref(), Some(&entries[700]));
    assert_eq!(index.by_sip_call_id("700@pc33").unwrap(), [call(700, 0)], "nobody asked the store");
    assert!(index.check().iter().any(|found| matches!(found, IndexFinding::Store(_))));
    assert!(matches!(index.put(&entries[..1]), Err(IndexError::Damaged(_))));

    index.begin_rebuild().unwrap();
    index.put(&entries).unwrap();
    index.finish_rebuild().unwrap();
    assert_eq!((listed(&index), index.check()), (entries, vec![]));
}

#[test]
fn rows_that_were_acknowledged_and_are_gone_are_missed() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, older) = (dir.path().join("index"), dir.path().join("older"));
    let entries = small_index(&whole);
    copy(&whole, &older);
    open(&whole).index.put(&[entry(call(9, 9), &[])]).unwrap();
    let newest = dir.path().join("newest");
    copy(&whole, &newest);
    // Rows go back by one batch, as after a disk that lost what it said it had; the mark does not.
    let behind = Damage::Behind { acknowledged: 3, found: 2 };
    for name in ["mark.0", "mark.1"] {
        fs::remove_dir_all(&whole).unwrap();
        copy(&older, &whole);
        assert_eq!(open(&whole).index.len(), entries.len() as u64);
        fs::copy(newest.join(name), whole.join(name)).unwrap();
        let state = open(&whole).state;
        // Which of the two has the last batch is its number's affair.
        if name == "mark.1" {
            assert_eq!(state, IndexState::SetAside { to: dir.path().join("index.set-aside"), why: behind });
        }
    }
    // And what is looked up is of calls that nobody knows any more.
    for name in ["db", "conf"] {
        fs::copy(newest.join(name), older.join(name)).unwrap();
    }
    for name in fs::read_dir(&older).unwrap().map(|f| f.unwrap().file_name()) {
        if name.to_string_lossy().starts_with("snap") {
            fs::remove_file(older.join(name)).unwrap();
        }
    }
    assert!(matches!(open(&older).state, IndexState::SetAside { why, .. } if why == behind));
}

#[test]
fn a_torn_mark_is_carried_by_the_other_one_and_a_missing_one_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("index");
    let entries = small_index(&whole);
    for name in ["mark.0", "mark.1"] {
        let mark = fs::read(whole.join(name)).unwrap();
        fs::write(whole.join(name), vec![0; mark.len()]).unwrap();
        let Opened { index, state } = open(&whole);
        assert_eq!((state, listed(&index), index.check()), (IndexState::Whole, entries.clone(), vec![]));
        drop(index);
        fs::write(whole.join(name), mark).unwrap();
    }
    fs::remove_file(whole.join("mark.0")).unwrap();
    assert!(matches!(open(&whole).state, IndexState::SetAside { why: Damage::MarkUnreadable, .. }));
}

#[test]
fn an_index_of_an_earlier_version_is_set_aside_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("index");
    small_index(&whole);
    for name in ["mark.0", "mark.1"] {
        let mut mark = fs::read(whole.join(name)).unwrap();
        mark[4] = 2;
        let length = 9 + usize::try_from(u32::from_le_bytes(mark[5..9].try_into().unwrap())).unwrap();
        let crc = crc32c::crc32c(&mark[4..length]);
        mark[..4].copy_from_slice(&crc.to_le_bytes());
        fs::write(whole.join(name), mark).unwrap();
    }
    let of_version_2 = Damage::RowVersion { found: 2, known: 3 };
    assert!(matches!(open(&whole).state, IndexState::SetAside { why, .. } if why == of_version_2));

    small_index(&whole);
    for name in ["mark.0", "mark.1"] {
        fs::remove_file(whole.join(name)).unwrap();
    }
    fs::write(whole.join("mark"), [0; 24]).unwrap();
    let of_version_1 = Damage::RowVersion { found: 1, known: 3 };
    assert!(matches!(open(&whole).state, IndexState::SetAside { why, .. } if why == of_version_1));
}

#[test]
fn a_second_damaged_index_takes_the_place_of_the_first_one_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    for _ in 0..2 {
        small_index(&index);
        for name in ["mark.0", "mark.1"] {
            fs::write(index.join(name), b"").unwrap();
        }
        let damaged = open(&index);
        assert!(matches!(damaged.state, IndexState::SetAside { .. }));
    }
    let names = fs::read_dir(dir.path()).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["index", "index.set-aside"]);
}

#[test]
fn another_key_is_said_to_be_one_and_moves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    let entries = small_index(&index);
    let other = MetadataKey::new(CipherSuite::Aes256Gcm, [8; 32]);
    assert!(matches!(Index::open(&index, other, LookUps::Now), Err(IndexError::WrongKey)));
    assert_eq!(listed(&open(&index).index), entries);
}

#[test]
fn the_directory_names_nobody_and_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("index");
    small_index(&dir);
    // sled makes a snapshot when it opens what was written.
    drop(open(&dir));
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    for path in fs::read_dir(&dir).unwrap().map(|f| f.unwrap().path()).filter(|path| path.is_file()) {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
        let bytes = fs::read(&path).unwrap();
        let plain_hash = blake3::hash(b"a84b4c76@pc33");
        for clear in [&b"0312221111"[..], b"4001", b"a84b4c76", &plain_hash.as_bytes()[..16]] {
            assert!(!bytes.windows(clear.len()).any(|w| w == clear), "{path:?} holds {clear:?}");
        }
    }
}

/// Puts `value` into the store of a closed index behind its back.
fn overwrite(dir: &Path, row_key: &[u8], value: Option<Vec<u8>>) {
    let store = Store::open(dir).unwrap();
    let mut batch = sled::Batch::default();
    match value {
        Some(value) => batch.insert(row_key, value),
        None => batch.remove(row_key),
    }
    store.apply(batch).unwrap();
    store.sync().unwrap();
}

/// What `get` says of the first call, and what the check says of the index, after its row was replaced by `value`.
fn with_row(value: impl FnOnce(&[u8]) -> Vec<u8>) -> (Damage, Vec<IndexFinding>) {
    let dir = tempfile::tempdir().unwrap();
    small_index(dir.path());
    let mut rows = rows(dir.path());
    rows[0].value = value(&schema::entry_key(&rows[0].head));
    put_rows(dir.path(), &rows);
    let index = open(dir.path()).index;
    let Err(IndexError::Damaged(damage)) = index.get(call(0, 1)) else { panic!("believed") };
    assert_eq!(
        index.newest_last(None, None).filter(Result::is_ok).count(),
        1,
        "the other call is still listed"
    );
    (damage, index.check())
}

#[test]
fn a_listing_tells_of_rows_that_are_missing_from_either_end_whatever_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let entries = small_index(dir.path());
    put_rows(dir.path(), &rows(dir.path())[..1]);
    let index = open(dir.path()).index;
    let told = |row: Option<Result<Entry, IndexError>>| match row {
        Some(Err(IndexError::Damaged(damage))) => Some(damage),
        _ => None,
    };
    let missing = Some(Damage::RowsMissing { expected: 2, found: 1 });
    let mut rows = index.newest_last(None, None);
    assert_eq!(rows.next().unwrap().unwrap(), entries[0]);
    assert_eq!(told(rows.next()), missing);
    assert!(rows.next().is_none());
    let mut rows = index.newest_last(None, None).rev();
    assert_eq!(rows.next().unwrap().unwrap(), entries[0]);
    assert_eq!(told(rows.next()), missing);
    let second = Some(PacketTime::from_nanos((MORNING + 3) * 1_000_000));
    assert_eq!(told(index.newest_last(second, None).next()), missing);
    let nobody = Search { departments: vec!["nobody".to_owned()], ..Search::default() };
    assert_eq!(told(index.search(&nobody).next()), missing);
}

#[test]
fn each_way_a_row_can_be_wrong_has_its_name() {
    let row = |damage| IndexFinding::Entry { call: call(0, 1), damage };
    let dangling = IndexFinding::SipCallIdDangling { call: call(0, 1) };
    let empty = |version: u8, row_key: &[u8]| {
        let mut value = vec![version];
        value.extend(crc32c::crc32c_append(crc32c::crc32c(&[version]), row_key).to_le_bytes());
        value
    };
    let old_schema = |row_key: &[u8]| {
        let bytes = Entry { schema: 0, ..entry(call(0, 1), &[]) }.to_bytes();
        schema::seal(&key(), row_key, &bytes)
    };
    type Value = Box<dyn FnOnce(&[u8]) -> Vec<u8>>;
    let wrong: [(Value, Damage); 7] = [
        (Box::new(|_| vec![1, 2, 3]), Damage::RowTooShort { bytes: 3 }),
        (Box::new(|_| vec![1; 40]), Damage::RowChecksum),
        (Box::new(move |k| empty(2, k)), Damage::RowVersion { found: 2, known: 3 }),
        (Box::new(old_schema), Damage::EntrySchema { found: 0 }),
        (Box::new(move |k| empty(3, k)), Damage::RowSeal),
        (Box::new(|k| schema::seal(&key(), k, &[1, 2])), Damage::RowContent),
        (Box::new(|k| schema::seal(&key(), k, &entry(call(5, 2), &[]).to_bytes())), Damage::RowMisplaced),
    ];
    for (value, damage) in wrong {
        assert_eq!(with_row(value), (damage, vec![row(damage), IndexFinding::Content, dangling]));
    }
    assert_eq!(
        IndexError::from(Damage::EntrySchema { found: 0 }).to_string(),
        "index: a row holds an entry of schema 0, which this program does not read; \
         rebuild it with `earwitness index rebuild`"
    );
}

/// What the check says of the small index after its one row of SIP Call-IDs was changed into these.
fn with_look_ups(
    change: impl FnOnce(Vec<LookUp>) -> Vec<(schema::Batches, Vec<LookUp>)>,
) -> Vec<IndexFinding> {
    let dir = tempfile::tempdir().unwrap();
    small_index(dir.path());
    let [(row_key, look_ups)] = look_up_rows(dir.path()).try_into().expect("two batches are one row");
    assert_eq!(row_key, schema::sip_call_ids_key(schema::Batches { first: 1, last: 2 }, 0));
    overwrite(dir.path(), &row_key, None);
    for (batches, look_ups) in change(look_ups) {
        let row_key = schema::sip_call_ids_key(batches, 0);
        overwrite(dir.path(), &row_key, Some(seal_row(&key(), &row_key, &look_ups)));
    }
    let mut found = open(dir.path()).index.check();
    found.sort_by_key(|finding| format!("{finding:?}"));
    found
}

#[test]
fn the_check_finds_what_is_looked_up_and_not_there_or_not_once_or_elsewhere() {
    let hash = SipCallIdHash::new(&key());
    let look_up = |name: &str, call: CallId| LookUp { hash: hash.of(name), call };
    let rows = |first, last, look_ups: Vec<LookUp>| (schema::Batches { first, last }, look_ups);
    let sorted = |mut look_ups: Vec<LookUp>| {
        look_ups.sort_unstable();
        look_ups
    };
    let (first, second) = (call(0, 1), call(5, 2));
    let (dangling, missing) =
        (IndexFinding::SipCallIdDangling { call: first }, IndexFinding::SipCallIdMissing { call: second });
    let stranger = look_up("nobody@pc33", first);
    let gone = look_up("b@pc33", second);

    assert_eq!(with_look_ups(|own| vec![rows(1, 2, own)]), []);
    let found = with_look_ups(|own| {
        let own = own.into_iter().filter(|one| *one != gone).chain([stranger]).collect();
        vec![rows(1, 2, sorted(own))]
    });
    assert_eq!(found, [dangling, missing]);
    let found = with_look_ups(|own| vec![rows(1, 2, own), rows(1, 7, vec![gone])]);
    assert_eq!(found, [IndexFinding::SipCallIdTwice { call: second }]);
    // The second call was put in batch 2: this is not where it is found when it goes.
    let found = with_look_ups(|own| vec![rows(1, 1, own)]);
    let elsewhere = IndexFinding::SipCallIdDangling { call: second };
    assert_eq!(found, [elsewhere, elsewhere, missing, missing]);
    let found = with_look_ups(|mut own| {
        own.reverse();
        vec![rows(1, 2, own)]
    });
    let of_first = IndexFinding::SipCallIdMissing { call: first };
    assert_eq!(found, [of_first, missing, missing, IndexFinding::Store(Damage::RowContent)]);
}

#[test]
fn the_check_finds_rows_that_are_none_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    small_index(dir.path());
    overwrite(dir.path(), b"\x09", Some(vec![]));
    overwrite(dir.path(), b"\x02short", Some(vec![]));
    assert_eq!(open(dir.path()).index.check(), [IndexFinding::UnknownRow; 2]);
    put_rows(dir.path(), &rows(dir.path())[..1]);
    assert!(open(dir.path()).index.check().contains(&IndexFinding::Count { expected: 2, found: 1 }));
}

#[test]
fn a_row_of_sip_call_ids_that_cannot_be_read_is_told_of_and_stops_nobody_who_puts() {
    let dir = tempfile::tempdir().unwrap();
    let entries = small_index(dir.path());
    let (row_key, _) = look_up_rows(dir.path()).remove(0);
    overwrite(dir.path(), &row_key, Some(schema::seal(&key(), &row_key, &[1, 2])));
    let index = open(dir.path()).index;
    let told = |id: &str| match index.by_sip_call_id(id) {
        Err(IndexError::Damaged(damage)) => damage,
        other => panic!("{other:?}"),
    };
    assert_eq!((told("b@pc33"), told("nobody@pc33")), (Damage::RowContent, Damage::RowContent));
    assert!(index.check().contains(&IndexFinding::Store(Damage::RowContent)));
    assert!(index.remove(call(0, 1)).unwrap());
    drop(index);
    let index = open(dir.path()).index;
    assert_eq!(listed(&index), entries[1..]);
    assert!(index.check().contains(&IndexFinding::Store(Damage::RowContent)));
}

#[test]
fn columns_that_are_not_those_of_their_rows_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let entries = small_index(dir.path());
    let columns = day::Place::of(dir.path(), day::day_of(call(0, 0))).columns;
    let mut bytes = fs::read(&columns).unwrap();
    let at = bytes.len() - 30;
    bytes[at] ^= 1;
    fs::write(&columns, bytes).unwrap();
    let index = open(dir.path()).index;
    assert_eq!(listed(&index), entries, "rows are read where columns cannot be");
    let day = chrono::NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
    assert_eq!(index.check(), [IndexFinding::Columns { day }]);
}
