//! Another officer: every day key wrapped anew, by steps of which any may be the last.
//!
//! Numbered in DURABILITY.md, "Keys". In short: beside each `<day>.age`, wrapped to the officer before, `<day>.age.next` is
//! written, wrapped to the officer after. Then `officer.pub` is replaced, and that moment is the rotation: until it the officer
//! before opens everything, from it on the officer after. What follows needs no key and is done by whoever opens the vault next:
//! each old file is overwritten where it lies, while it still has its name, and the new one takes its place.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use age::x25519::Recipient;
use earwitness_model::WallTime;

use crate::{
    disk::{Disk, if_there, overwrite_with_zeros, read_all, replace, wipe},
    error::{VaultError, failed},
    keys::{open_identity, wrap},
    keys_error::KeysError,
    layout::Layout,
    ledger::{KeysRotated, LedgerKind, LedgerNote},
    officer_key::{OfficerKey, OfficerRecipient},
    vault::{Parts, Vault},
};

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// Day keys that the officer after opens now.
    pub days: u64,
    /// Day keys that the officer before could not open: damaged ones, which nobody opens.
    pub unopened: Vec<PathBuf>,
}

/// What became of a rotation that was to be given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abandoned {
    /// None was underway.
    Nothing,
    /// The officer is who it was.
    GivenUp,
    /// Its moment had come: the vault has the officer after, and what was left to do is done.
    Ended,
}

/// A rotation that was begun.
struct Begun {
    to: Recipient,
    at: WallTime,
    by: String,
}

impl Vault {
    /// Gives the vault another officer. `key` is the officer's before; the one after need not be at hand.
    ///
    /// A rotation to the same officer that did not end is ended.
    ///
    /// # Errors
    /// [`VaultError::OtherOfficer`] and [`KeysError::FormerOfficer`] for another key; [`KeysError::SameOfficer`];
    /// [`KeysError::RotationUnderway`] when one to somebody else was begun; what the disk and the ledger say. What failed can
    /// be done again.
    pub fn rotate_officer(
        &self,
        key: &OfficerKey,
        to: &OfficerRecipient,
        (now, by): (WallTime, &str),
    ) -> Result<Rotated, VaultError> {
        let parts = &*self.parts;
        let _alone = parts.keys_change();
        parts.is_officer(key)?;
        if is_same(&to.0, &parts.keys.days.officer()) {
            return Err(KeysError::SameOfficer.into());
        }
        begin(parts, &Begun { to: to.0.clone(), at: now, by: by.to_owned() })?;
        let days = &parts.keys.days;
        days.alone(|officers| officers.next = Some(to.0.clone()));
        let rotated = wrap_all(parts, key, &to.0)?;
        let path = parts.layout.key("officer.pub");
        days.alone(|officers| {
            write_recipient(&*parts.disk, &path, &to.0)?;
            (officers.officer, officers.next) = (to.0.clone(), None);
            Ok::<(), VaultError>(())
        })?;
        finish(parts)?;
        Ok(rotated)
    }

    /// Gives up a rotation that was begun and did not come to its moment; one that did is ended.
    ///
    /// # Errors
    /// What the disk and the ledger say; it can be done again.
    pub fn abandon_rotation(&self) -> Result<Abandoned, VaultError> {
        let parts = &*self.parts;
        let _alone = parts.keys_change();
        let Some(begun) = begun(&*parts.disk, &parts.layout)? else { return Ok(Abandoned::Nothing) };
        // What this process knows may be older: a replacement that failed at its end has replaced the file all the same, and
        // what waits is then all that opens the days.
        let officer = read_recipient(&*parts.disk, &parts.layout.key("officer.pub"))?;
        let has_come = is_same(&begun.to, &officer);
        parts.keys.days.alone(|officers| (officers.officer, officers.next) = (officer, None));
        if has_come {
            finish(parts)?;
            return Ok(Abandoned::Ended);
        }
        for path in waiting(parts)? {
            wipe(&*parts.disk, &path).map_err(failed("overwrite", &path))?;
        }
        end(parts)?;
        Ok(Abandoned::GivenUp)
    }
}

impl Parts {
    /// Whether this is the officer's key now.
    ///
    /// # Errors
    /// Whose it is otherwise.
    pub(crate) fn is_officer(&self, key: &OfficerKey) -> Result<(), VaultError> {
        let (own, officer) = (key.identity.to_public().to_string(), self.keys.days.officer().to_string());
        if own == officer {
            return Ok(());
        }
        let path = key.path().to_owned();
        if past(&*self.disk, &self.layout)?.contains(&own) {
            return Err(KeysError::FormerOfficer { path, now: officer }.into());
        }
        Err(VaultError::OtherOfficer { path })
    }
}

/// What opening a vault does about a rotation that did not end: one that came to its moment is ended; one that did not is gone
/// on with, in that new days are wrapped to both officers.
pub(crate) fn recover(parts: &Parts) -> Result<(), VaultError> {
    let Some(begun) = begun(&*parts.disk, &parts.layout)? else { return Ok(()) };
    if is_same(&begun.to, &parts.keys.days.officer()) {
        return finish(parts);
    }
    parts.keys.days.alone(|officers| officers.next = Some(begun.to));
    Ok(())
}

/// Writes down who is the officer now, as one of those before, and who will be.
fn begin(parts: &Parts, rotation: &Begun) -> Result<(), VaultError> {
    let (disk, layout) = (&*parts.disk, &parts.layout);
    if let Some(other) = begun(disk, layout)?.filter(|other| !is_same(&other.to, &rotation.to)) {
        return Err(KeysError::RotationUnderway { to: other.to.to_string() }.into());
    }
    let mut before = past(disk, layout)?;
    let officer = parts.keys.days.officer().to_string();
    if before.last() != Some(&officer) {
        before.push(officer);
        let path = layout.key("officer.past");
        let text: String = before.iter().map(|line| format!("{line}\n")).collect();
        replace(disk, &path, text.as_bytes()).map_err(failed("write", &path))?;
    }
    let path = layout.key("officer.next");
    let text = format!("{}\n# begun {} by {}\n", rotation.to, rotation.at.nanos(), rotation.by);
    replace(disk, &path, text.as_bytes()).map_err(failed("write", &path))
}

/// Puts beside each day key the same one wrapped to the officer after.
fn wrap_all(parts: &Parts, key: &OfficerKey, to: &Recipient) -> Result<Rotated, VaultError> {
    let (disk, dir) = (&*parts.disk, parts.layout.key("day"));
    let mut rotated = Rotated { days: 0, unopened: Vec::new() };
    for path in disk.list(&dir).map_err(failed("list", &dir))? {
        if path.extension().is_none_or(|extension| extension != "age") {
            continue;
        }
        // No day is made, and wrapped to both, while this one is.
        match parts.keys.days.alone(|_| wrap_anew(disk, &path, (key, to)))? {
            Wrapped::Anew => rotated.days += 1,
            Wrapped::Unopened => rotated.unopened.push(path),
            Wrapped::Gone => {}
        }
    }
    Ok(rotated)
}

/// What became of a day key.
enum Wrapped {
    Anew,
    /// The officer before does not open it.
    Unopened,
    /// It was destroyed since the folder was read.
    Gone,
}

fn wrap_anew(
    disk: &dyn Disk,
    path: &Path,
    (key, to): (&OfficerKey, &Recipient),
) -> Result<Wrapped, VaultError> {
    let Some(bytes) = if_there(read_all(disk, path)).map_err(failed("read", path))? else {
        return Ok(Wrapped::Gone);
    };
    let Some(day) = open_identity(&key.identity, &bytes) else { return Ok(Wrapped::Unopened) };
    wrap(disk, &day, (to, &Layout::next_of(path)))?;
    Ok(Wrapped::Anew)
}

/// All that follows the moment: it needs no key, and may be done any number of times.
fn finish(parts: &Parts) -> Result<(), VaultError> {
    let (disk, dir, keys) = (&*parts.disk, parts.layout.key("day"), parts.layout.keys());
    // Whoever named the officer after may have failed before the name was durable.
    disk.sync_dir(&keys).map_err(failed("sync", keys))?;
    for next in waiting(parts)? {
        parts.keys.days.alone(|_| take_place(disk, &next))?;
        disk.sync_dir(&dir).map_err(failed("sync", &dir))?;
    }
    tell(parts)?;
    end(parts)
}

/// Puts what waits into the place of what the officer before opened, when that is zeros.
fn take_place(disk: &dyn Disk, next: &Path) -> Result<(), VaultError> {
    let path = next.with_extension("");
    match if_there(overwrite_with_zeros(disk, &path)).map_err(failed("overwrite", &path))? {
        Some(()) => disk.rename(next, &path).map_err(failed("rename", next)),
        // The day was destroyed meanwhile: so is this.
        None => wipe(disk, next).map_err(failed("overwrite", next)),
    }
}

/// Tells the ledger, once.
fn tell(parts: &Parts) -> Result<(), VaultError> {
    let Some(begun) = begun(&*parts.disk, &parts.layout)? else { return Ok(()) };
    let mut ledger = parts.ledger();
    let last = ledger.rows().flatten().filter(|row| row.kind == LedgerKind::KeysRotated).last();
    if let Some(LedgerNote::KeysRotated(told)) = last.as_ref().and_then(LedgerNote::of)
        && told.to == begun.to.to_string()
    {
        return Ok(());
    }
    let all = parts.layout.key("day");
    let days = parts.disk.list(&all).map_err(failed("list", &all))?;
    let days = days.iter().filter(|path| path.extension().is_some_and(|of| of == "age")).count() as u64;
    let from = past(&*parts.disk, &parts.layout)?.pop().unwrap_or_default();
    let note = LedgerNote::KeysRotated(KeysRotated { from, to: begun.to.to_string(), days, by: begun.by });
    ledger.append(note.kind(), begun.at, &note.to_bytes())?;
    Ok(ledger.sync()?)
}

/// Nothing is underway any more.
fn end(parts: &Parts) -> Result<(), VaultError> {
    for path in ending_in(parts, ".age.next.new")? {
        wipe(&*parts.disk, &path).map_err(failed("overwrite", &path))?;
    }
    let (disk, dir, path) = (&*parts.disk, parts.layout.keys(), parts.layout.key("officer.next"));
    if_there(disk.remove(&path)).map_err(failed("remove", &path))?;
    disk.sync_dir(&dir).map_err(failed("sync", dir))
}

/// Day keys that wait beside those of the officer before.
fn waiting(parts: &Parts) -> Result<Vec<PathBuf>, VaultError> {
    ending_in(parts, ".age.next")
}

/// Files beside the day keys whose names end like this.
fn ending_in(parts: &Parts, end: &str) -> Result<Vec<PathBuf>, VaultError> {
    let dir = parts.layout.key("day");
    let mut all = parts.disk.list(&dir).map_err(failed("list", &dir))?;
    all.retain(|path| path.to_str().is_some_and(|path| path.ends_with(end)));
    Ok(all)
}

/// The rotation that was begun and did not end.
fn begun(disk: &dyn Disk, layout: &Layout) -> Result<Option<Begun>, VaultError> {
    let path = layout.key("officer.next");
    let Some(text) = if_there(read_all(disk, &path)).map_err(failed("read", &path))? else {
        return Ok(None);
    };
    parsed(&text).map(Some).ok_or(VaultError::KeyDamaged { path })
}

fn parsed(text: &[u8]) -> Option<Begun> {
    let mut lines = std::str::from_utf8(text).ok()?.lines();
    let to = Recipient::from_str(lines.next()?).ok()?;
    let (at, by) = lines.next()?.strip_prefix("# begun ")?.split_once(" by ")?;
    Some(Begun { to, at: WallTime::from_nanos(at.parse().ok()?), by: by.to_owned() })
}

/// The public keys of earlier officers, the last one last.
fn past(disk: &dyn Disk, layout: &Layout) -> Result<Vec<String>, VaultError> {
    let path = layout.key("officer.past");
    let text = if_there(read_all(disk, &path)).map_err(failed("read", &path))?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&text).lines().map(str::to_owned).collect())
}

/// The officer's public key.
pub(crate) fn read_recipient(disk: &dyn Disk, path: &Path) -> Result<Recipient, VaultError> {
    let text = read_all(disk, path).map_err(failed("read", path))?;
    let officer = std::str::from_utf8(&text).ok().and_then(|text| Recipient::from_str(text.trim()).ok());
    officer.ok_or_else(|| VaultError::KeyDamaged { path: path.to_owned() })
}

pub(crate) fn write_recipient(disk: &dyn Disk, path: &Path, officer: &Recipient) -> Result<(), VaultError> {
    replace(disk, path, format!("{officer}\n").as_bytes()).map_err(failed("write", path))
}

fn is_same(one: &Recipient, other: &Recipient) -> bool {
    one.to_string() == other.to_string()
}
