//! Where things are in a vault's directory. No name here tells who called.
//!
//! ```text
//! VAULT/  vault.toml                            format version, cipher, access, zone
//!         lock                                  held by the one process that has the vault; its id
//!         volumes/<class>/<YYYY-MM-DD>/<n>.vol  sealed blocks
//!         held/<class>/<YYYY-MM-DD>/<n>.vol     the same of recordings that a hold keeps beyond their time
//!         volumes/<class>/<YYYY-MM-DD>/<n>.open stands there while volume n is written, and after a crash
//!         keys/<class>/<YYYY-MM-DD>.keys        data keys wrapped to the day's public key
//!         keys/day/<class>-<YYYY-MM-DD>.age     the day's private key, wrapped to the officer's public key
//!         keys/day/<class>-<YYYY-MM-DD>.salt    the second copy of the salt in the head of the day's key file
//!         keys/day/….age.next  officer.next     while the vault gets another officer: DURABILITY.md, "Rotate"
//!         keys/officer.pub                      the officer's public key (an age recipient)
//!         keys/officer.past                     those of the officers before
//!         keys/backups.toml                     which backups of the keys there are
//!         keys/recorder.key  keys/recorder.pub  the Ed25519 pair that signs manifests
//!         keys/index.key                        the metadata key, unless it was put elsewhere
//!         keys/index.check                      tells whether a key is that one
//!         ledger/<YYYY-MM>.log  index/
//!         ledger/heads/<YYYY-MM-DD>.txt         the signed head that closed the day; <day>.<n>.txt: made for a proof
//!         disposing                             what a disposal that runs is about to destroy, sealed
//!         certificates/<id>.json                what was destroyed, when and by which rule, signed
//!         ledger/rules/<hash>                   the text of a rule set, sealed
//!         waiting                               calls that ran when a recorder went, sealed, until they are taken up
//! ```
//!
//! When a key file's head is damaged, or the day's private key is gone, the day goes on under a second key: `<YYYY-MM-DD>.2.keys` and
//! `<class>-<YYYY-MM-DD>.2.age`.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use crate::disk::beside;

/// A retention class and a civil day: one directory of volumes, one key file, one day key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Shelf {
    pub(crate) class: String,
    pub(crate) day: NaiveDate,
}

/// Volumes of what a hold keeps beyond its time have numbers from here on, and a folder of their own.
pub(crate) const HELD_FROM: u32 = 1 << 30;

/// The paths of one vault.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) dir: PathBuf,
}

impl Layout {
    pub(crate) fn settings(&self) -> PathBuf {
        self.dir.join("vault.toml")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.dir.join("index")
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.dir.join("ledger")
    }

    pub(crate) fn heads(&self) -> PathBuf {
        self.ledger().join("heads")
    }

    pub(crate) fn rules(&self) -> PathBuf {
        self.ledger().join("rules")
    }

    pub(crate) fn waiting(&self) -> PathBuf {
        self.dir.join("waiting")
    }

    pub(crate) fn disposing(&self) -> PathBuf {
        self.dir.join("disposing")
    }

    pub(crate) fn certificates(&self) -> PathBuf {
        self.dir.join("certificates")
    }

    pub(crate) fn volumes(&self) -> PathBuf {
        self.dir.join("volumes")
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.dir.join("keys")
    }

    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.keys().join(name)
    }

    /// Where a day's private key waits, wrapped to the officer of a rotation that is underway.
    pub(crate) fn next_of(day_identity: &Path) -> PathBuf {
        beside(day_identity, ".next")
    }

    /// A file of keys by its name below [`Self::keys`].
    pub(crate) fn key_path(&self, name: &Path) -> PathBuf {
        self.keys().join(name)
    }

    pub(crate) fn shelf(&self, shelf: &Shelf) -> PathBuf {
        self.volumes().join(&shelf.class).join(shelf.day.to_string())
    }

    /// The folder of what a hold keeps of it beyond its time.
    pub(crate) fn held(&self, shelf: &Shelf) -> PathBuf {
        self.all_held().join(&shelf.class).join(shelf.day.to_string())
    }

    pub(crate) fn all_held(&self) -> PathBuf {
        self.dir.join("held")
    }

    pub(crate) fn volume(&self, shelf: &Shelf, number: u32) -> PathBuf {
        let dir = if number < HELD_FROM { self.shelf(shelf) } else { self.held(shelf) };
        dir.join(format!("{number}.vol"))
    }

    pub(crate) fn open_mark(&self, shelf: &Shelf, number: u32) -> PathBuf {
        self.shelf(shelf).join(format!("{number}.open"))
    }

    pub(crate) fn key_file(&self, shelf: &Shelf, generation: u32) -> PathBuf {
        self.keys().join(&shelf.class).join(format!("{}{}.keys", shelf.day, suffix(generation)))
    }

    pub(crate) fn day_identity(&self, shelf: &Shelf, generation: u32) -> PathBuf {
        self.of_day(shelf, generation, "age")
    }

    pub(crate) fn day_salt(&self, shelf: &Shelf, generation: u32) -> PathBuf {
        self.of_day(shelf, generation, "salt")
    }

    fn of_day(&self, shelf: &Shelf, generation: u32, kind: &str) -> PathBuf {
        let name = format!("{}-{}{}.{kind}", shelf.class, shelf.day, suffix(generation));
        self.keys().join("day").join(name)
    }

    /// Where the officer's key is unless another place was chosen: beside the vault, never in it.
    pub(crate) fn officer_key(&self, extension: &str) -> PathBuf {
        let mut name = self.dir.file_name().unwrap_or_default().to_owned();
        name.push(extension);
        self.dir.with_file_name(name)
    }
}

/// The shelf and generation of a key file, by its name below `keys/`.
pub(crate) fn key_file_of(name: &Path) -> Option<(Shelf, u32)> {
    let class = name.parent()?.to_str().filter(|class| is_class_name(class))?;
    let stem = name.file_name()?.to_str()?.strip_suffix(".keys")?;
    let (day, generation) = match stem.split_once('.') {
        Some((day, generation)) => (day, generation.parse().ok().filter(|&number: &u32| number > 1)?),
        None => (stem, 1),
    };
    let shelf = Shelf { class: class.to_owned(), day: day.parse().ok()? };
    // A name that does not print back as itself is nothing of ours.
    let whole = format!("{}{}.keys", shelf.day, suffix(generation)) == name.file_name()?.to_str()?;
    whole.then_some((shelf, generation))
}

fn suffix(generation: u32) -> String {
    if generation <= 1 { String::new() } else { format!(".{generation}") }
}

/// The number of a volume, or of an open mark, by its file name.
pub(crate) fn number_of(path: &Path, extension: &str) -> Option<u32> {
    let text = path.file_name()?.to_str()?.strip_suffix(extension)?;
    text.parse().ok().filter(|number: &u32| number.to_string() == text)
}

/// Whether a class's name can be a directory's.
pub(crate) fn is_class_name(class: &str) -> bool {
    (1..=64).contains(&class.len())
        && class.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_contract() {
        let layout = Layout { dir: "/v/office".into() };
        let shelf = Shelf { class: "citizen-90d".into(), day: "2026-11-21".parse().unwrap() };
        for (path, expected) in [
            (layout.volume(&shelf, 3), "/v/office/volumes/citizen-90d/2026-11-21/3.vol"),
            (layout.key_file(&shelf, 1), "/v/office/keys/citizen-90d/2026-11-21.keys"),
            (layout.key_file(&shelf, 2), "/v/office/keys/citizen-90d/2026-11-21.2.keys"),
            (layout.day_identity(&shelf, 1), "/v/office/keys/day/citizen-90d-2026-11-21.age"),
            (layout.day_salt(&shelf, 1), "/v/office/keys/day/citizen-90d-2026-11-21.salt"),
            (layout.officer_key(".key"), "/v/office.key"),
            (layout.officer_key(".officer.age"), "/v/office.officer.age"),
        ] {
            assert_eq!(path, Path::new(expected));
        }
    }

    #[test]
    fn only_our_own_file_names_have_numbers() {
        assert_eq!(number_of(Path::new("/a/12.vol"), ".vol"), Some(12));
        for name in ["012.vol", "12.open", "x.vol", ".vol", "+1.vol"] {
            assert_eq!(number_of(Path::new(name), ".vol"), None, "{name}");
        }
    }

    #[test]
    fn a_key_file_tells_its_shelf_and_generation() {
        let layout = Layout { dir: "/v".into() };
        let shelf = Shelf { class: "citizen-90d".into(), day: "2026-11-21".parse().unwrap() };
        for generation in [1, 2, 12] {
            let path = layout.key_file(&shelf, generation);
            let name = path.strip_prefix(layout.keys()).unwrap();
            assert_eq!(key_file_of(name), Some((shelf.clone(), generation)));
        }
        for name in ["a/2026-11-21.1.keys", "a/2026-1-21.keys", "index.key", "day/a.age", "A/2026-11-21.keys"]
        {
            assert_eq!(key_file_of(Path::new(name)), None, "{name}");
        }
    }

    #[test]
    fn a_class_cannot_climb_out_of_its_directory() {
        assert!(is_class_name("citizen-90d"));
        for class in ["", "..", "a/b", "A", "민원", &"a".repeat(65)] {
            assert!(!is_class_name(class), "{class}");
        }
    }
}
