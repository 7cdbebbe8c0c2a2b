//! A disposal, step by step. Each step is durable before the next begins, and each can be done again:
//!
//! 1. what is about to be destroyed is written down (`intent`): class, day, place of each wrapped key;
//! 2. with the ledger in hand, so that no hold can come in between: what no hold keeps has its wrapped key overwritten, its
//!    key file synced and read back;
//! 3. a row of the ledger for each recording, synced; only then is the ledger given away;
//! 4. the index forgets the calls: their rows and columns are overwritten;
//! 5. of a class and day of which no key is left, the day's private key, its salt and its key file are overwritten and removed,
//!    and then its volumes, after the intent was made to say so; of others, what a hold keeps is set apart (`apart`), and volumes
//!    go that hold nothing but destroyed recordings. A day that has a volume open ends when that was closed (`work`);
//! 6. the certificate, and a row of the ledger with its hash;
//! 7. the intent goes.
//!
//! A crash before 1 leaves everything as it was. A crash after it leaves the intent: whoever opens the vault goes on from 2, as of
//! the time of the intent, and asks for holds again.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::NaiveDate;
use earwitness_model::{CallId, RecordingId, WallTime};

use super::{
    Retention,
    apart::set_apart,
    certificate::{Certificate, EndedDay, HeldRecording, StaleKeyBackup, shown},
    due::{Contents, contents},
    erase, going,
    intent::{Doomed, Intent},
    rows::{Day, DisposalRun, Disposed, Subject, to_bytes},
    standing::Standing,
};
use crate::{
    disk::if_there,
    disposed::destroyed_among,
    entry::Entry,
    error::{VaultError, failed},
    key_backup::{DestroyedKey, StaleBackup},
    keys::KeyState,
    layout::Shelf,
    ledger::LedgerKind,
    reading::key_files,
    rebuild::shelf_entries,
    shelves::volumes,
    vault::Parts,
    writer,
};

/// Goes on with a disposal from step 2, to its end.
pub(super) fn finish(
    parts: &Parts,
    retention: &mut Retention,
    mut intent: Intent,
) -> Result<Certificate, VaultError> {
    let today = parts.civil_day(intent.now());
    let disposed = destroy(parts, &mut retention.standing, &intent, today)?;
    let ending = intent.ending.iter().map(|(class, day)| Shelf { class: class.clone(), day: day.0 });
    let shelves: BTreeSet<Shelf> =
        disposed.iter().map(|doomed| doomed.subject.shelf()).chain(ending).collect();
    shelves.iter().for_each(|shelf| retention.earliest.forget(shelf));
    let mut certificate = Certificate::new(parts, &intent, &disposed);
    certificate.stale_key_backups = stale_backups(parts, &disposed)?;
    forget_calls(parts, (&retention.standing, today), (&shelves, &disposed))?;
    let left_of = |standing: &Standing, shelf: &Shelf| {
        let mut left = contents(parts, standing, shelf)?;
        // What had no key any more is gone all the same.
        left.kept.retain(|due| !disposed.iter().any(|one| one.subject.recording == due.subject.recording));
        Ok::<Contents, VaultError>(left)
    };
    for shelf in &shelves {
        let mut left = left_of(&retention.standing, shelf)?;
        if end_day(parts, &left, (&mut intent, today))? {
            certificate.ended_days.push(EndedDay { class: shelf.class.clone(), day: shelf.day.to_string() });
            continue;
        }
        let overdue: Vec<RecordingId> =
            held(&retention.standing, &left, today).map(|(recording, _)| recording).collect();
        if !set_apart(parts, &left, &overdue)?.is_empty() {
            left = left_of(&retention.standing, shelf)?;
        }
        remove_volumes(parts, &left)?;
        certificate.held.extend(held(&retention.standing, &left, today).map(|(_, told)| told));
    }
    let Retention { standing, earliest, .. } = &mut *retention;
    for shelf in earliest.candidates(parts, standing, today)? {
        if !shelves.contains(&shelf) {
            let left = contents(parts, standing, &shelf)?;
            certificate.held.extend(held(standing, &left, today).map(|(_, told)| told));
        }
    }
    // What the ledger told of is what was signed then.
    if retention.standing.has_ended(intent.run) {
        let certificate = Certificate::read(parts, &intent.run.to_string())?;
        Intent::remove(parts)?;
        return Ok(certificate);
    }
    let text = certificate.signed(&parts.keys.signing);
    Certificate::write(&text, &certificate.run, parts)?;
    tell_of_end(parts, &intent, (&disposed, &text))?;
    Intent::remove(parts)?;
    Ok(certificate)
}

/// The backups of keys that still hold one of these: asked while the key files of their days are there.
fn stale_backups(parts: &Parts, disposed: &[Doomed]) -> Result<Vec<StaleKeyBackup>, VaultError> {
    let destroyed: Vec<_> = disposed.iter().map(destroyed_key).collect();
    let zone = parts.settings.zone.0;
    let told = |stale: StaleBackup| StaleKeyBackup {
        id: stale.id.to_string(),
        label: stale.label,
        taken: shown(zone, stale.taken),
        keys: stale.keys,
    };
    Ok(parts.stale_key_backups(&destroyed)?.into_iter().map(told).collect())
}

/// A recording's name tells when it began.
fn destroyed_key(doomed: &Doomed) -> DestroyedKey {
    let Subject { recording, class, day, .. } = &doomed.subject;
    let ms = recording.to_bytes()[..6].iter().fold(0, |ms, byte| ms << 8 | i64::from(*byte));
    let begun = WallTime::from_nanos(ms.saturating_mul(1_000_000));
    DestroyedKey { recording: *recording, class: class.clone(), day: *day, begun }
}

/// The end of step 6.
fn tell_of_end(
    parts: &Parts,
    intent: &Intent,
    (disposed, certificate): (&[Doomed], &str),
) -> Result<(), VaultError> {
    let row = DisposalRun {
        run: intent.run,
        recordings: disposed.len() as u64,
        certificate: *blake3::hash(certificate.as_bytes()).as_bytes(),
        by: intent.by.clone(),
    };
    let mut ledger = parts.ledger();
    ledger.append(LedgerKind::DisposalRun, intent.now(), &to_bytes(&row))?;
    Ok(ledger.sync()?)
}

/// Steps 2 and 3: gives what was destroyed.
fn destroy(
    parts: &Parts,
    standing: &mut Standing,
    intent: &Intent,
    today: NaiveDate,
) -> Result<Vec<Doomed>, VaultError> {
    standing.catch_up(&parts.ledger().reader())?;
    let mut ledger = parts.ledger();
    standing.catch_up_with(&mut ledger)?;
    let mut doomed: Vec<&Doomed> = Vec::new();
    for one in &intent.doomed {
        let subject = &one.subject;
        let is_held = standing.is_held(subject, today);
        // What is destroyed already is told of, whatever was said since.
        if !is_held || going::key_state(parts, subject)? == Some(KeyState::Destroyed) {
            doomed.push(one);
        }
    }
    let mut by_shelf: BTreeMap<Shelf, Vec<&Doomed>> = BTreeMap::new();
    for &one in &doomed {
        by_shelf.entry(one.subject.shelf()).or_default().push(one);
    }
    let erased = by_shelf.iter().try_for_each(|(shelf, doomed)| erase::keys(parts, shelf, doomed));
    // Whatever comes of the rest: who keeps keys in memory looks for them again.
    parts.tell_of_disposal();
    erased?;
    for one in &doomed {
        if !standing.told_by(intent.run, one.subject.recording) {
            let row = Disposed { run: intent.run, subject: one.subject.clone(), until: one.until };
            ledger.append(LedgerKind::Disposed, intent.now(), &to_bytes(&row))?;
        }
    }
    ledger.sync()?;
    Ok(doomed.into_iter().cloned().collect())
}

/// Step 4. A call that has another recording, which stays, is listed with that.
fn forget_calls(
    parts: &Parts,
    (standing, today): (&Standing, NaiveDate),
    (shelves, disposed): (&BTreeSet<Shelf>, &[Doomed]),
) -> Result<(), VaultError> {
    let gone: HashSet<RecordingId> = disposed.iter().map(|doomed| doomed.subject.recording).collect();
    let mut calls: BTreeSet<CallId> = BTreeSet::new();
    for call in disposed.iter().filter_map(|doomed| doomed.subject.call) {
        let listed = parts.index.get(call)?;
        if listed.is_none_or(|entry| entry.recording.is_some_and(|listed| gone.contains(&listed.id))) {
            calls.insert(call);
        }
    }
    parts.index.purge(&calls)?;
    let waiting: Vec<RecordingId> = gone.iter().copied().collect();
    parts.take_out(&waiting)?;
    for shelf in shelves {
        let mut others = Vec::new();
        shelf_entries(parts, shelf, |entry| {
            if calls.contains(&entry.summary.id) {
                others.push(entry);
            }
        })?;
        let of = |entry: &Entry| entry.recording.as_ref().map(|recording| recording.id);
        // An earlier disposal's, too.
        let mut destroyed = destroyed_among(parts, shelf, others.iter().filter_map(of))?;
        destroyed.extend(&gone);
        others.retain(|entry| of(entry).is_some_and(|recording| !destroyed.contains(&recording)));
        for entry in &mut others {
            standing.mark(entry, today);
        }
        if !others.is_empty() {
            writer::list(parts, &mut others)?;
        }
    }
    Ok(())
}

/// What a hold keeps of a shelf beyond its time.
fn held<'l>(
    standing: &'l Standing,
    left: &'l Contents,
    today: NaiveDate,
) -> impl Iterator<Item = (RecordingId, HeldRecording)> + 'l {
    left.overdue(today).filter_map(move |due| {
        let hold = standing.holds_of(&due.subject, today).next()?;
        let told = HeldRecording {
            recording: due.subject.recording.to_string(),
            kept_until: due.until.to_string(),
            hold: hold.id.to_string(),
            hold_until: hold.until.map(|day| day.0.to_string()),
            apart: due.is_apart(),
        };
        Some((due.subject.recording, told))
    })
}

/// Step 5, of a shelf of which nothing is left.
fn end_day(
    parts: &Parts,
    left: &Contents,
    (intent, today): (&mut Intent, NaiveDate),
) -> Result<bool, VaultError> {
    let shelf = &left.shelf;
    let files = key_files(parts, shelf)?;
    // Of a day that is ending, too: something may have come into it since.
    if left.is_open || !erase::is_empty(&files) || shelf.day >= today {
        return Ok(false);
    }
    if !intent.is_ending(shelf) {
        // Where no key file is, it was not a disposal that took it.
        if !left.kept.is_empty() || files.is_empty() {
            return Ok(false);
        }
        intent.ending.push((shelf.class.clone(), Day(shelf.day)));
        intent.write(parts)?;
    }
    erase::day(parts, shelf)?;
    for volume in volumes(&*parts.disk, &parts.layout, shelf)? {
        remove(parts, shelf, volume)?;
    }
    for dir in [parts.layout.shelf(shelf), parts.layout.held(shelf)] {
        parts.disk.sync_dir(&dir).or_else(none_there).map_err(failed("sync", &dir))?;
        // What others put into it keeps it.
        parts.disk.remove_dir(&dir).or_else(not_empty).map_err(failed("remove", &dir))?;
    }
    Ok(true)
}

/// Step 5, of a shelf of which something is left: volumes in which nothing is that can be opened.
pub(super) fn remove_volumes(parts: &Parts, left: &Contents) -> Result<(), VaultError> {
    let shelf = &left.shelf;
    for volume in left.volumes_to_remove(parts)? {
        remove(parts, shelf, volume)?;
    }
    for dir in [parts.layout.shelf(shelf), parts.layout.held(shelf)] {
        parts.disk.sync_dir(&dir).or_else(none_there).map_err(failed("sync", dir))?;
    }
    Ok(())
}

fn remove(parts: &Parts, shelf: &Shelf, volume: u32) -> Result<(), VaultError> {
    let path = parts.layout.volume(shelf, volume);
    if_there(parts.disk.remove(&path)).map_err(failed("remove", path))?;
    Ok(())
}

fn not_empty(cause: std::io::Error) -> std::io::Result<()> {
    if cause.kind() == std::io::ErrorKind::DirectoryNotEmpty { Ok(()) } else { none_there(cause) }
}

fn none_there(cause: std::io::Error) -> std::io::Result<()> {
    if cause.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(cause) }
}
