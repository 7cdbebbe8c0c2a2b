//! Damaged files: never a panic, never a wrong entry, never a row gone unnoticed.

use super::*;

/// Two calls in a closed index.
fn small_index(dir: &Path) -> Vec<Entry> {
    let entries = vec![entry(call(0, 1), &["a84b4c76@pc33"]), entry(call(5, 2), &["b@pc33", "c@pc33"])];
    let index = open(dir).index;
    entries.iter().for_each(|one| index.put(std::slice::from_ref(one)).unwrap());
    entries
}

/// Opens what is in `dir` and asks it everything: each answer is an error or what was put.
fn errs_or_answers_the_same(dir: &Path, entries: &[Entry], what: &str) -> Outcome {
    let index = match life::open_whole(dir, &key()) {
        Ok(parts) => Index::assemble(parts, key()),
        // What `open` sets aside.
        Err(IndexError::Damaged(_)) => return Outcome::SetAside,
        Err(error) => panic!("{what}: {error}"),
    };
    let listed: Result<Vec<_>, _> = index.newest_last(None, None).collect();
    let got: Result<Vec<_>, _> = entries.iter().map(|e| index.get(e.summary.id)).collect();
    match (listed, got) {
        (Ok(listed), Ok(got)) => {
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
    // From now on there is a snapshot: sled does not read the whole log when it opens, and finds damage as it goes.
    drop(open(&reopened));
    let outcomes: Vec<Outcome> = (0..rounds)
        .map(|round: u64| {
            // A step that is prime to any size spreads the places evenly over files and bytes.
            let place = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
            let name = if round % 8 == 7 { "conf" } else { "db" };
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
fn damage_found_late_stops_the_index_until_it_is_started_over() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("index");
    let entries: Vec<_> = (0..1500).map(|ms| entry(call(ms, 0), &[])).collect();
    let index = open(&dir).index;
    entries.chunks(100).for_each(|batch| index.put(batch).unwrap());
    let value = index.store().get(&schema::entry_key(call(700, 0))).unwrap().unwrap();
    drop(index);
    // With a snapshot sled opens without reading this page.
    drop(open(&dir));
    let mut log = fs::read(dir.join("db")).unwrap();
    let places = log.windows(value.len()).enumerate().filter(|(_, window)| *window == &value[..]);
    let places: Vec<usize> = places.map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| log[at + 100] ^= 4);
    fs::write(dir.join("db"), log).unwrap();

    let Opened { index, state } = open(&dir);
    if state != IndexState::Whole {
        // sled's threads wrote no snapshot in time: it read the page at opening, and the damage is found at once.
        assert!(matches!(
            state,
            IndexState::SetAside { why: Damage::StoreCorrupt | Damage::StorePanicked, .. }
        ));
        return;
    }
    let error = index.get(call(700, 0)).unwrap_err();
    assert!(matches!(error, IndexError::Damaged(Damage::StoreCorrupt | Damage::StorePanicked)), "{error}");
    let stopped = |error| matches!(error, IndexError::Damaged(Damage::StoreStopped));
    assert!(stopped(index.get(call(0, 0)).unwrap_err()) && stopped(index.put(&entries[..1]).unwrap_err()));
    assert!(stopped(index.newest_last(None, None).next().unwrap().unwrap_err()));
    assert_eq!(index.check()[0], IndexFinding::Store(Damage::StoreStopped));

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
    // The store goes back by one batch, as after a tail that it takes for torn; the mark does not.
    let mark = fs::read(whole.join("mark")).unwrap();
    fs::remove_dir_all(&whole).unwrap();
    copy(&older, &whole);
    assert_eq!(open(&whole).index.len(), entries.len() as u64);
    fs::write(whole.join("mark"), mark).unwrap();
    let IndexState::SetAside { to, why } = open(&whole).state else { panic!("believed") };
    assert_eq!((to, why), (dir.path().join("index.set-aside"), Damage::Behind { acknowledged: 4, found: 3 }));
}

#[test]
fn a_torn_mark_is_carried_by_its_other_slot_and_a_missing_one_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("index");
    small_index(&whole);
    let mark = fs::read(whole.join("mark")).unwrap();
    for slot in [0..12, 12..24] {
        let mut torn = mark.clone();
        torn[slot].fill(0);
        fs::write(whole.join("mark"), torn).unwrap();
        assert_eq!(open(&whole).state, IndexState::Whole);
    }
    fs::remove_file(whole.join("mark")).unwrap();
    assert!(matches!(open(&whole).state, IndexState::SetAside { why: Damage::MarkUnreadable, .. }));
}

#[test]
fn a_second_damaged_index_takes_the_place_of_the_first_one_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    for _ in 0..2 {
        small_index(&index);
        fs::write(index.join("mark"), b"").unwrap();
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
    assert!(matches!(Index::open(&index, other), Err(IndexError::WrongKey)));
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
    store.apply(batch, 0).unwrap();
}

/// What `get` says of the first call, and what the check says of the index, after its row was replaced by `value`.
fn with_row(value: impl FnOnce(&[u8]) -> Vec<u8>) -> (Damage, Vec<IndexFinding>) {
    let dir = tempfile::tempdir().unwrap();
    small_index(dir.path());
    overwrite(dir.path(), &schema::entry_key(call(0, 1)), Some(value(&schema::entry_key(call(0, 1)))));
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
fn a_listing_of_all_tells_of_rows_that_are_missing_from_either_end() {
    let dir = tempfile::tempdir().unwrap();
    let entries = small_index(dir.path());
    overwrite(dir.path(), &schema::entry_key(call(5, 2)), None);
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
    // What was put meanwhile cannot be told from what is missing.
    let mut rows = index.newest_last(None, None);
    index.put(&entries[..1]).unwrap();
    assert_eq!((rows.next().unwrap().unwrap(), rows.next().is_none()), (entries[0].clone(), true));
}

#[test]
fn each_way_a_row_can_be_wrong_has_its_name() {
    let row = |damage| IndexFinding::Entry { call: call(0, 1), damage };
    let dangling = IndexFinding::SipCallIdDangling { call: call(0, 1) };
    let of_version_2 = |row_key: &[u8]| {
        let mut value = vec![2];
        value.extend(crc32c::crc32c_append(crc32c::crc32c(&[2]), row_key).to_le_bytes());
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
        (Box::new(of_version_2), Damage::RowVersion { found: 2, known: 1 }),
        (Box::new(old_schema), Damage::EntrySchema { found: 0 }),
        (Box::new(schema::bare), Damage::RowSeal),
        (Box::new(|k| schema::seal(&key(), k, &[1, 2])), Damage::RowContent),
        (Box::new(|k| schema::seal(&key(), k, &entry(call(5, 2), &[]).to_bytes())), Damage::RowMisplaced),
    ];
    for (value, damage) in wrong {
        assert_eq!(with_row(value), (damage, vec![row(damage), dangling, IndexFinding::Content]));
    }
    assert_eq!(
        IndexError::from(Damage::EntrySchema { found: 0 }).to_string(),
        "index: a row holds an entry of schema 0, which this program does not read; \
         rebuild it with `earwitness index rebuild`"
    );
}

#[test]
fn the_check_finds_rows_that_do_not_agree() {
    let hash = SipCallIdHash::new(&key());
    let dir = tempfile::tempdir().unwrap();
    small_index(dir.path());
    let stranger = schema::sip_call_id_key(hash.of("nobody@pc33"), call(0, 1));
    overwrite(dir.path(), &stranger, Some(schema::bare(&stranger)));
    overwrite(dir.path(), &schema::sip_call_id_key(hash.of("b@pc33"), call(5, 2)), None);
    overwrite(dir.path(), b"\x09", Some(vec![]));
    let mut found = open(dir.path()).index.check();
    found.sort_by_key(|finding| format!("{finding:?}"));
    assert_eq!(
        found,
        [
            IndexFinding::SipCallIdDangling { call: call(0, 1) },
            IndexFinding::SipCallIdMissing { call: call(5, 2) },
            IndexFinding::UnknownRow,
        ]
    );
    overwrite(dir.path(), &schema::entry_key(call(5, 2)), None);
    assert!(open(dir.path()).index.check().contains(&IndexFinding::Count { expected: 2, found: 1 }));
}
