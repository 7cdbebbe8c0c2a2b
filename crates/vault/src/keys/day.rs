//! Day keys: made at the first use of a class and day, and from then on known by their public half only.

use std::{
    collections::HashMap,
    io,
    path::Path,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use age::{
    secrecy::ExposeSecret,
    x25519::{Identity, Recipient},
};

use rand::{RngCore, rngs::OsRng};

use super::{
    key_file::{KeyFile, KeyFileHead, Salt},
    key_text::{KeyKind, write_key},
};
use crate::{
    disk::{Disk, if_there, read_all, replace},
    error::{VaultError, failed},
    layout::{Layout, Shelf},
};

/// Generations that a day's key may have: one, and one more for each head of a key file that was damaged, or private key that is gone.
pub(crate) const MAX_GENERATION: u32 = 64;
/// Days whose public halves are kept in memory.
const MAX_CACHED: usize = 1024;

/// A day's public key, and which of the day's key files it belongs to.
#[derive(Clone)]
pub(crate) struct DayKey {
    pub(crate) recipient: Recipient,
    pub(crate) generation: u32,
    /// `None` on a day of a vault of the first version.
    pub(crate) salt: Option<Salt>,
}

/// The day keys of a vault, as the recorder has them.
pub(crate) struct DayKeys {
    disk: Arc<dyn Disk>,
    layout: Layout,
    known: Mutex<Known>,
}

/// The days in use, and to whom new ones are wrapped.
struct Known {
    days: HashMap<Shelf, DayKey>,
    officers: Officers,
}

/// To whom day keys are wrapped.
#[derive(Clone)]
pub(crate) struct Officers {
    pub(crate) officer: Recipient,
    /// While a rotation is underway: who will be. New days are then wrapped to both.
    pub(crate) next: Option<Recipient>,
}

impl DayKeys {
    pub(crate) fn new(disk: Arc<dyn Disk>, layout: Layout, officer: Recipient) -> Self {
        let officers = Officers { officer, next: None };
        Self { disk, layout, known: Mutex::new(Known { days: HashMap::new(), officers }) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To whom new days are wrapped.
    pub(crate) fn officer(&self) -> Recipient {
        self.known().officers.officer.clone()
    }

    /// Does `work` while no new day is made.
    pub(crate) fn alone<T>(&self, work: impl FnOnce(&mut Officers) -> T) -> T {
        work(&mut self.known().officers)
    }

    /// The key of a class and day. When it is new, both its files are on the medium before this returns: nothing is
    /// ever wrapped to a key that a crash could take.
    pub(crate) fn of(&self, shelf: &Shelf) -> Result<DayKey, VaultError> {
        let mut known = self.known();
        if let Some(key) = known.days.get(shelf) {
            return Ok(key.clone());
        }
        let key = self.find_or_make(shelf, &known.officers)?;
        if known.days.len() >= MAX_CACHED {
            known.days.clear();
        }
        known.days.insert(shelf.clone(), key.clone());
        Ok(key)
    }

    fn find_or_make(&self, shelf: &Shelf, officers: &Officers) -> Result<DayKey, VaultError> {
        for generation in 1..=MAX_GENERATION {
            let path = self.layout.key_file(shelf, generation);
            let Some(bytes) = if_there(read_all(&*self.disk, &path)).map_err(failed("read", &path))? else {
                return self.make((shelf, generation), officers);
            };
            let key = KeyFile::read_head(&bytes).and_then(|head| {
                let recipient = Recipient::from_str(&head.recipient).ok()?;
                Some(DayKey { recipient, generation, salt: head.salt })
            });
            if let Some(key) = key.filter(|_| self.may_have_identity(shelf, generation)) {
                return Ok(key);
            }
        }
        Err(VaultError::KeyDamaged { path: self.layout.key_file(shelf, MAX_GENERATION) })
    }

    /// Whether somebody can open what is wrapped to a day's key: a disposal that could not end may have taken the private one already,
    /// or it was lost. What cannot be read now may be read later.
    fn may_have_identity(&self, shelf: &Shelf, generation: u32) -> bool {
        match if_there(read_all(&*self.disk, &self.layout.day_identity(shelf, generation))) {
            Ok(wrapped) => wrapped.is_some_and(|wrapped| wrapped.iter().any(|byte| *byte != 0)),
            Err(_cause) => true,
        }
    }

    /// The day's keys were destroyed: they are not known any more.
    pub(crate) fn forget(&self, shelf: &Shelf) {
        self.known().days.remove(shelf);
    }

    fn make(&self, (shelf, generation): (&Shelf, u32), officers: &Officers) -> Result<DayKey, VaultError> {
        let (key_file, wrapped_at) =
            (self.layout.key_file(shelf, generation), self.layout.day_identity(shelf, generation));
        for path in [&key_file, &wrapped_at] {
            let dir = path.parent().expect("a key lies in a directory");
            self.disk.make_dir(dir).map_err(failed("make", dir))?;
            // The directory's own name must outlive a crash as the file in it does.
            let above = self.layout.keys();
            self.disk.sync_dir(&above).map_err(failed("sync", above))?;
        }
        let identity = Identity::generate();
        let recipient = identity.to_public();
        // The officer's last: whoever finds it finds the other one too.
        if let Some(next) = &officers.next {
            wrap(&*self.disk, &identity, (next, &Layout::next_of(&wrapped_at)))?;
        }
        wrap(&*self.disk, &identity, (&officers.officer, &wrapped_at))?;
        let mut salt = [0; 32];
        OsRng.fill_bytes(&mut salt);
        write_key(&*self.disk, &self.layout.day_salt(shelf, generation), KeyKind::Salt, &salt)?;
        let head = KeyFileHead { day: shelf.day, recipient: recipient.to_string(), salt: Some(salt) };
        replace(&*self.disk, &key_file, &head.to_bytes()).map_err(failed("write", &key_file))?;
        Ok(DayKey { recipient, generation, salt: Some(salt) })
    }
}

/// Puts a day's private key, wrapped to an officer, in its place.
pub(crate) fn wrap(
    disk: &dyn Disk,
    day: &Identity,
    (officer, place): (&Recipient, &Path),
) -> Result<(), VaultError> {
    let wrapped = age::encrypt(officer, day.to_string().expose_secret().as_bytes())
        .map_err(|cause| failed("wrap the key of", place)(io::Error::other(cause)))?;
    replace(disk, place, &wrapped).map_err(failed("write", place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{disk::RealDisk, keys::open_identity};

    #[test]
    fn a_day_has_one_key_and_only_the_officer_opens_it() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout { dir: dir.path().into() };
        let officer = Identity::generate();
        let shelf = Shelf { class: "citizen".into(), day: "2026-11-21".parse().unwrap() };
        let keys = || DayKeys::new(Arc::new(RealDisk), layout.clone(), officer.to_public());
        let made = keys().of(&shelf).unwrap();
        assert_eq!(keys().of(&shelf).unwrap().recipient.to_string(), made.recipient.to_string());
        let wrapped = std::fs::read(layout.day_identity(&shelf, 1)).unwrap();
        assert_eq!(
            open_identity(&officer, &wrapped).unwrap().to_public().to_string(),
            made.recipient.to_string()
        );
        assert!(open_identity(&Identity::generate(), &wrapped).is_none());
    }

    #[test]
    fn a_private_key_that_is_gone_or_zeros_makes_a_second_key() {
        for gone in [None, Some([0; 200])] {
            let dir = tempfile::tempdir().unwrap();
            let layout = Layout { dir: dir.path().into() };
            let officer = Identity::generate().to_public();
            let shelf = Shelf { class: "citizen".into(), day: "2026-11-21".parse().unwrap() };
            let keys = || DayKeys::new(Arc::new(RealDisk), layout.clone(), officer.clone());
            assert_eq!(keys().of(&shelf).unwrap().generation, 1);
            let path = layout.day_identity(&shelf, 1);
            match gone {
                None => std::fs::remove_file(path).unwrap(),
                Some(zeros) => std::fs::write(path, zeros).unwrap(),
            }
            assert_eq!(keys().of(&shelf).unwrap().generation, 2);
        }
    }

    #[test]
    fn a_damaged_head_makes_a_second_key_and_leaves_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout { dir: dir.path().into() };
        let officer = Identity::generate().to_public();
        let shelf = Shelf { class: "citizen".into(), day: "2026-11-21".parse().unwrap() };
        let keys = || DayKeys::new(Arc::new(RealDisk), layout.clone(), officer.clone());
        let first = keys().of(&shelf).unwrap();
        let path = layout.key_file(&shelf, 1);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let second = keys().of(&shelf).unwrap();
        assert_eq!((first.generation, second.generation), (1, 2));
        assert_ne!(first.recipient.to_string(), second.recipient.to_string());
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}
