//! What falls due, and what keeps it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use earwitness_model::{CallId, Decision, Period, RecordingId, RuleSetHash};

use super::{erase, nameless, rows::Subject, standing::Standing};
use crate::{
    civil,
    container::{BlockKind, Manifests, Scanned, VOLUME_HEAD},
    error::{VaultError, failed},
    keys::{KeyFile, KeyState},
    layout::{HELD_FROM, Shelf},
    manifest::Manifest,
    reading::{key_bytes, key_files, manifest_in, open_volume, shelf_metadata, shelf_of},
    shelves::{key_shelves, marked, volumes},
    vault::Parts,
};

/// A recording and when it falls due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// What is kept.
    pub subject: Subject,
    /// The last civil day on which it is kept.
    pub until: NaiveDate,
    /// What its manifest tells; `None` when it has none.
    pub told: Option<Told>,
    pub(super) key: Option<Place>,
}

/// What a manifest tells that a certificate needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The rule that admitted the call.
    pub rule: Option<String>,
    /// The rules that were in force.
    pub rule_set: RuleSetHash,
    /// Bytes of sealed media and signalling.
    pub sealed_bytes: u64,
    /// The recording in one number.
    pub sealed_blake3: [u8; 32],
    pub(super) call: CallId,
    pub(super) until: NaiveDate,
    pub(super) keep: Option<Period>,
    pub(super) volume: u32,
}

/// Where a wrapped key lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) generation: u32,
    pub(super) at: u64,
    pub(super) length: u64,
}

/// One class and day, as far as its keys are told of.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) shelf: Shelf,
    /// Every recording that has a key, and every one that has a manifest and none.
    pub(super) kept: Vec<Due>,
    /// A volume of it is being written, or was when a recorder was killed.
    pub(super) is_open: bool,
    /// Its volumes in which a manifest is.
    pub(super) volumes: BTreeSet<u32>,
    /// Every key that its key files had was destroyed.
    is_spent: bool,
    /// Its key files have bytes that are no row: keys that a backup may have.
    pub(super) is_damaged: bool,
}

impl Contents {
    /// Whether nothing is left of it but what ends with its day: what a disposal left behind that found a volume open.
    pub(super) fn is_over(&self, today: NaiveDate) -> bool {
        let is_spent = self.is_spent && !self.is_damaged;
        is_spent && self.kept.is_empty() && !self.is_open && self.shelf.day < today
    }

    /// Its volumes in which nothing is that can be opened.
    pub(super) fn volumes_to_remove(&self, parts: &Parts) -> Result<BTreeSet<u32>, VaultError> {
        let nameless = self.kept.iter().any(|due| due.told.is_none());
        if self.is_open || nameless {
            return Ok(BTreeSet::new());
        }
        let mut needed: BTreeSet<u32> =
            self.kept.iter().filter_map(|due| Some(due.told.as_ref()?.volume)).collect();
        // A copy that was made and that nothing leads to yet takes the place of nothing.
        for call in self.kept.iter().filter_map(|due| due.subject.call) {
            let listed = parts.index.get(call)?.and_then(|entry| entry.recording);
            needed.extend(listed.filter(|listed| shelf_of(listed) == self.shelf).map(|listed| listed.volume));
        }
        Ok(self.volumes.difference(&needed).copied().collect())
    }

    /// What is kept beyond its time.
    pub(super) fn overdue(&self, today: NaiveDate) -> impl Iterator<Item = &Due> {
        self.kept.iter().filter(move |due| due.until < today)
    }
}

impl Due {
    /// It lies apart from what is kept for its time.
    pub(super) fn is_apart(&self) -> bool {
        self.told.as_ref().is_some_and(|told| told.volume >= HELD_FROM)
    }
}

/// Reads what there is of a shelf.
pub(super) fn contents(parts: &Parts, standing: &Standing, shelf: &Shelf) -> Result<Contents, VaultError> {
    let files = key_files(parts, shelf)?;
    let is_spent = files.iter().any(|file| !file.rows.is_empty()) && erase::is_empty(&files);
    let is_damaged = files.iter().any(|file| file.damaged > 0);
    let (told, volumes) = manifests(parts, shelf)?;
    let is_open = !marked(&*parts.disk, &parts.layout, shelf)?.is_empty();
    let calls = calls(parts, shelf, (&files, &told, is_open))?;
    let mut kept: BTreeMap<RecordingId, Due> = BTreeMap::new();
    let mut destroyed = HashSet::new();
    for (generation, file) in (1..).zip(&files) {
        for placed in &file.rows {
            let row = &placed.row;
            if row.state == KeyState::Destroyed {
                destroyed.insert(row.recording);
                continue;
            }
            let told = told.get(&row.recording);
            let call = calls.get(&row.recording).copied();
            let until = until((parts, standing), (call, row.recording), (row.until, told));
            let Some(until) = until else { continue };
            let key = Some(Place { generation, at: placed.at, length: placed.length });
            kept.insert(row.recording, due(shelf, (call, row.recording), (until, told, key)));
        }
    }
    for (recording, told) in &told {
        if kept.contains_key(recording) || destroyed.contains(recording) {
            continue;
        }
        let named = (Some(told.call), *recording);
        if let Some(until) = until((parts, standing), named, (None, Some(told))) {
            kept.insert(*recording, due(shelf, named, (until, Some(told), None)));
        }
    }
    let kept = kept.into_values().collect();
    Ok(Contents { shelf: shelf.clone(), kept, is_open, volumes, is_spent, is_damaged })
}

/// The calls of recordings that have a key. Of an open volume it is not known what in it is running.
fn calls(
    parts: &Parts,
    shelf: &Shelf,
    (files, told, is_open): (&[KeyFile], &HashMap<RecordingId, Told>, bool),
) -> Result<HashMap<RecordingId, CallId>, VaultError> {
    let rows = files.iter().flat_map(|file| &file.rows).map(|placed| &placed.row);
    let live = rows.filter(|row| row.state != KeyState::Destroyed).map(|row| row.recording);
    let nameless = live.filter(|recording| !is_open && !told.contains_key(recording)).collect();
    let mut calls = nameless::calls(parts, shelf, &nameless)?;
    calls.extend(told.iter().map(|(recording, told)| (*recording, told.call)));
    Ok(calls)
}

fn due(
    shelf: &Shelf,
    (call, recording): (Option<CallId>, RecordingId),
    (until, told, key): (NaiveDate, Option<&Told>, Option<Place>),
) -> Due {
    let subject = Subject { call, recording, class: shelf.class.clone(), day: shelf.day };
    Due { subject, until, told: told.cloned(), key }
}

/// The last day on which a recording is kept: what two persons said, else the later one of what its key and its manifest
/// say. `None` when nothing says it.
fn until(
    (parts, standing): (&Parts, &Standing),
    (call, recording): (Option<CallId>, RecordingId),
    (key, told): (Option<NaiveDate>, Option<&Told>),
) -> Option<NaiveDate> {
    if let Some(changed) = standing.changed(call, recording) {
        return Some(changed);
    }
    let said = key.max(told.map(|told| told.until))?;
    let really = standing.recorded_after(recording).zip(told.and_then(|told| told.keep));
    let really = really.map(|(after, keep)| civil::retention_until(parts.civil_day(after), keep));
    Some(really.map_or(said, |really| said.max(really)))
}

/// The earliest last day of the keys of each shelf, remembered for as long as its files do not grow.
#[derive(Debug, Default)]
pub(super) struct Earliest(HashMap<Shelf, (u64, NaiveDate)>);

impl Earliest {
    /// Every shelf that may have something due before `today`.
    pub(super) fn candidates(
        &mut self,
        parts: &Parts,
        standing: &Standing,
        today: NaiveDate,
    ) -> Result<Vec<Shelf>, VaultError> {
        let mut found = Vec::new();
        for (shelf, generations) in key_shelves(&*parts.disk, &parts.layout)? {
            let is_changed =
                standing.changes().any(|(subject, until)| until < today && subject.shelf() == shelf);
            if is_changed || self.of(parts, (&shelf, generations))? < today {
                found.push(shelf);
            }
        }
        Ok(found)
    }

    /// Where no key is left, it is the day itself: what is over then is to be ended.
    fn of(&mut self, parts: &Parts, (shelf, generations): (&Shelf, u32)) -> Result<NaiveDate, VaultError> {
        let size = key_bytes(parts, shelf, generations)?;
        if let Some((known, until)) = self.0.get(shelf)
            && *known == size
        {
            return Ok(*until);
        }
        let until = earliest(&key_files(parts, shelf)?).unwrap_or(shelf.day);
        self.0.insert(shelf.clone(), (size, until));
        Ok(until)
    }

    /// The keys of a shelf have changed.
    pub(super) fn forget(&mut self, shelf: &Shelf) {
        self.0.remove(shelf);
    }
}

/// `None` when no key is left.
fn earliest(files: &[KeyFile]) -> Option<NaiveDate> {
    let rows = files.iter().flat_map(|file| &file.rows).map(|placed| &placed.row);
    let live = rows.filter(|row| row.state != KeyState::Destroyed);
    // What has no day must be looked up.
    live.map(|row| row.until.unwrap_or(NaiveDate::MIN)).min()
}

type Manifested = (HashMap<RecordingId, Told>, BTreeSet<u32>);

/// What the manifests of a shelf tell, and in which of its volumes any is.
fn manifests(parts: &Parts, shelf: &Shelf) -> Result<Manifested, VaultError> {
    let metadata = shelf_metadata(parts, shelf)?;
    let (mut told, mut manifested) = (HashMap::new(), BTreeSet::new());
    for volume in volumes(&*parts.disk, &parts.layout, shelf)? {
        let path = parts.layout.volume(shelf, volume);
        let file = open_volume(parts, &path)?;
        let size = file.size().map_err(failed("read", &path))?;
        for step in Manifests::new(&*file, VOLUME_HEAD as u64, size).map_err(failed("read", &path))? {
            let Scanned::Block(block) = step.map_err(failed("read", &path))? else { continue };
            if block.head.kind != BlockKind::Manifest {
                continue;
            }
            if let Some(manifest) = manifest_in((parts, &metadata), &block) {
                told.insert(manifest.recording, Told::of(&manifest, volume));
                manifested.insert(volume);
            }
        }
    }
    Ok((told, manifested))
}

impl Told {
    fn of(manifest: &Manifest, volume: u32) -> Self {
        let verdict = &manifest.summary.verdict;
        let keep = match &verdict.decision {
            Decision::Admit(keep) => Some(keep.retention.keep),
            Decision::Refuse(_) => None,
        };
        Self {
            rule: verdict.rule.clone(),
            rule_set: verdict.rule_set,
            sealed_bytes: manifest.sealed_bytes,
            sealed_blake3: manifest.sealed_blake3,
            call: manifest.summary.id,
            until: manifest.retention_until,
            keep,
            volume,
        }
    }
}
