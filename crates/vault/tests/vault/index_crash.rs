//! The index writes to the disk by itself, and sled in it: a process that rebuilds it, or forgets in it what was disposed of, is
//! watched from outside, and cut off after everything that it told the disk.

use std::{collections::HashSet, path::Path};

use earwitness_model::WallTime;
use earwitness_vault::{Fault, Finding, NewProposal, Unlock, Vault};

use crate::{
    disposal::{DUE, Keeping, check_interrupted, files, order, when_told},
    support::{
        NOW, Office, entries, entry,
        image::{Crash, Image, Images, Told},
        office_with, record, summary,
        trace::{WATCHED, watched},
    },
};

const CRASHES: [Crash; 3] = [Crash::Kill, Crash::Forget, Crash::Zeros];

/// More would take too long.
const MOST_IMAGES: usize = 300;

/// The vault of a process that is watched; none in one that is not.
fn watched_vault() -> Option<Vault> {
    Some(Vault::open(std::env::var_os(WATCHED)?.as_ref()).unwrap())
}

#[test]
#[ignore = "is run, and watched, by a_rebuild_that_is_cut_off_anywhere_is_made_again_and_lists_the_same"]
fn a_rebuild() {
    if let Some(vault) = watched_vault() {
        vault.rebuild_index().unwrap();
    }
}

#[test]
#[ignore = "is run, and watched, by a_disposal_that_is_cut_off_in_the_index_forgets_the_calls_all_the_same"]
fn a_disposal() {
    if let Some(vault) = watched_vault() {
        vault.dispose_due(DUE, &order()).unwrap().unwrap();
    }
}

/// What a crash left.
struct Left<'l> {
    dir: &'l Path,
    crash: Crash,
    /// After which operation.
    place: usize,
    at: &'l str,
}

/// Gives what each crash after each operation leaves, and a kill in the middle of each write, but for what was left alike before.
fn each_image(
    procedure: &str,
    office: &Office,
    (mut image, told): (Image, &[Told]),
    each: impl Fn(&Left<'_>),
) -> usize {
    let (mut seen, mut images) = (HashSet::new(), Images::default());
    for (place, told) in told.iter().enumerate() {
        let torn = told.half().map(|half| {
            let mut torn = image.clone();
            torn.apply(&half);
            torn
        });
        image.apply(told);
        let torn = torn.iter().map(|torn| (Crash::Kill, torn, "half of "));
        for (crash, image, half) in torn.chain(CRASHES.map(|crash| (crash, &image, ""))) {
            if !seen.insert(image.digest(crash, &office.dir())) {
                continue;
            }
            let root = tempfile::tempdir().unwrap();
            let dir = root.path().join("vault");
            image.leave(crash, &office.dir(), &dir);
            let at: String = format!("{crash} after {half}{place}, {told:?}").chars().take(200).collect();
            each(&Left { dir: &dir, crash, place, at: &at });
            images.count(crash);
        }
    }
    images.tell(procedure);
    images.all()
}

/// Four calls, one of them without a recording, in several batches; and one that was disposed of.
fn office_that_disposed() -> Office {
    let office = office_with([1]);
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    for n in [2, 3] {
        record(&sealer, &mut writer, n).unwrap();
        writer.commit(NOW).unwrap();
    }
    writer.exclude(&summary(4));
    writer.close(NOW).unwrap();
    let (entries, until) = (&[entry(&vault, 2)][..], "2026-11-22".parse().unwrap());
    let proposal = NewProposal { entries, until, reason: "x", by: "uid 7" };
    let proposal = vault.propose_retention(NOW, proposal).unwrap();
    vault.approve_retention(NOW, proposal.id, "uid 8").unwrap();
    let soon = WallTime::from_nanos(NOW.nanos() + 2 * 86_400_000_000_000);
    assert_eq!(vault.dispose_due(soon, &order()).unwrap().unwrap().recordings.len(), 1);
    office
}

#[test]
fn a_rebuild_that_is_cut_off_anywhere_is_made_again_and_lists_the_same() {
    let office = office_that_disposed();
    let before = entries(&office.open());
    assert_eq!(before.len(), 3);
    let (image, told) = watched("index_crash::a_rebuild", &office.dir());
    let is_index = |path: &Path| path.starts_with(office.dir().join("index"));
    let written = told.iter().filter(|told| matches!(told, Told::Overwrite(path, ..) if is_index(path)));
    assert!(written.count() > 5, "what the index writes is seen");
    let images = each_image("rebuild of the index", &office, (image, &told), |Left { dir, at, .. }| {
        let vault = Vault::open(dir).unwrap_or_else(|error| panic!("{at}: {error}"));
        let opener = vault.opener(Unlock::KeyFile(office.key())).unwrap();
        assert_eq!(entries(&vault), before, "{at}: {:?}", vault.recovery().index);
        assert_eq!(vault.check_index(), [], "{at}");
        for entry in before.iter().filter(|entry| entry.recording.is_some()) {
            assert_eq!(vault.verify(entry, Some(&opener)), Vec::<Finding>::new(), "{at}");
        }
        assert_eq!(vault.ledger().verify(), [], "{at}");
        drop((vault, opener));
        let again = Vault::open(dir).unwrap_or_else(|error| panic!("{at}: {error}"));
        assert!(again.recovery().is_clean(), "{at}: {:?}", again.recovery());
        assert_eq!(entries(&again), before, "{at}");
        assert!(!dir.join("index.set-aside").exists(), "{at}");
    });
    assert!((40..=MOST_IMAGES).contains(&images), "{images}");
}

#[test]
fn a_disposal_that_is_cut_off_in_the_index_forgets_the_calls_all_the_same() {
    let keeping = Keeping::One;
    let office = keeping.office();
    let before = entries(&office.open());
    let said = pieces(&office.dir());
    assert!(said.len() > 100, "{}", said.len());
    let (image, told) = watched("index_crash::a_disposal", &office.dir());
    let acknowledged = when_told(&told);
    // Heads of rows stay, with the ids of the calls, and the row of the one that is held.
    let stays = pieces(&office.dir());
    assert!(stays.intersection(&said).count() < said.len() / 2, "{} of {}", stays.len(), said.len());
    let images = each_image("disposal with its index", &office, (image, &told), |left| {
        let (listed, found) = check_interrupted((&office, &before), keeping, left.dir, left.at);
        check_cured(left, &found);
        if left.place > acknowledged && left.crash == Crash::Kill {
            assert_eq!(listed, 1, "{}: what was told was done", left.at);
        }
        if listed == 1 {
            let still = pieces(left.dir);
            let left_over = still.intersection(&said).filter(|piece| !stays.contains(*piece)).count();
            assert_eq!(left_over, 0, "{}: pieces of rows that were to be overwritten", left.at);
        }
    });
    assert!((40..=MOST_IMAGES).contains(&images), "{images}");
}

/// Columns repeat what rows say, and are not synced: where a crash tore them rows are read, `index check` says so, and a rebuild makes
/// them again. There is nothing else to find.
fn check_cured(Left { dir, at, .. }: &Left<'_>, found: &[Finding]) {
    let is_torn =
        |found: &Finding| matches!(&found.fault, Fault::Index(why) if why.contains("the columns of"));
    assert!(found.iter().all(is_torn), "{at}: {found:?}");
    if !found.is_empty() {
        let vault = Vault::open(dir).unwrap();
        let listed = entries(&vault);
        vault.rebuild_index().unwrap();
        assert_eq!((vault.check_index(), entries(&vault)), (vec![], listed), "{at}");
    }
}

/// What the index's rows and columns say, in pieces of which none occurs twice by chance.
fn pieces(vault: &Path) -> HashSet<Vec<u8>> {
    let all = ["index", "index.set-aside"].iter().flat_map(|dir| files(&vault.join(dir)));
    let said = all.filter(|path| path.extension().is_some_and(|e| e == "rows" || e == "columns"));
    said.flat_map(|path| {
        std::fs::read(path).unwrap().chunks_exact(16).map(<[u8]>::to_vec).collect::<Vec<_>>()
    })
    .collect()
}
