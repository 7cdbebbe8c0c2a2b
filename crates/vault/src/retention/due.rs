//! What falls due, and what keeps it.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use earwitness_model::{CallId, Decision, Period, RecordingId, RuleSetHash, WallTime};

use super::{rows::Subject, standing::Standing};
use crate::{
    civil,
    container::{BlockKind, Manifests, Scanned, VOLUME_HEAD},
    error::{VaultError, failed},
    keys::{KeyFile, KeyState},
    layout::Shelf,
    manifest::Manifest,
    reading::{key_bytes, key_files, manifest_in, open_volume, shelf_metadata},
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
}

/// Reads what there is of a shelf.
pub(super) fn contents(parts: &Parts, standing: &Standing, shelf: &Shelf) -> Result<Contents, VaultError> {
    let files = key_files(parts, shelf)?;
    let (told, is_open) = manifests(parts, shelf)?;
    let mut kept: BTreeMap<RecordingId, Due> = BTreeMap::new();
    let mut destroyed = std::collections::HashSet::new();
    for (generation, file) in (1..).zip(&files) {
        for placed in &file.rows {
            let row = &placed.row;
            if row.state == KeyState::Destroyed {
                destroyed.insert(row.recording);
                continue;
            }
            let told = told.get(&row.recording);
            let Some(until) = until(parts, standing, row.recording, (row.until, told)) else { continue };
            let key = Some(Place { generation, at: placed.at, length: placed.length });
            kept.insert(row.recording, due(shelf, row.recording, (until, told, key)));
        }
    }
    for (recording, told) in &told {
        if kept.contains_key(recording) || destroyed.contains(recording) {
            continue;
        }
        if let Some(until) = until(parts, standing, *recording, (None, Some(told))) {
            kept.insert(*recording, due(shelf, *recording, (until, Some(told), None)));
        }
    }
    let kept = kept.into_values().collect();
    Ok(Contents { shelf: shelf.clone(), kept, is_open })
}

fn due(
    shelf: &Shelf,
    recording: RecordingId,
    (until, told, key): (NaiveDate, Option<&Told>, Option<Place>),
) -> Due {
    let call = told.map(|told| told.call);
    let subject = Subject { call, recording, class: shelf.class.clone(), day: shelf.day };
    Due { subject, until, told: told.cloned(), key }
}

/// The last day on which a recording is kept: what two persons said, else the later one of what its key and its manifest
/// say. `None` when nothing says it.
fn until(
    parts: &Parts,
    standing: &Standing,
    recording: RecordingId,
    (key, told): (Option<NaiveDate>, Option<&Told>),
) -> Option<NaiveDate> {
    if let Some(changed) = standing.changed(recording) {
        return Some(changed);
    }
    let said = key.max(told.map(|told| told.until))?;
    let really = standing.recorded_after(recording).zip(told.and_then(|told| told.keep));
    let really = really.map(|(after, keep)| civil::retention_until(today(parts, after), keep));
    Some(really.map_or(said, |really| said.max(really)))
}

/// The civil day of the vault's zone.
pub(super) fn today(parts: &Parts, now: WallTime) -> NaiveDate {
    civil::day_of(parts.settings.zone.0, earwitness_model::PacketTime::from_nanos(now.nanos()))
}

/// The earliest last day of the keys of each shelf, remembered for as long as its files do not grow.
#[derive(Debug, Default)]
pub(super) struct Earliest(HashMap<Shelf, (u64, Option<NaiveDate>)>);

impl Earliest {
    /// Every shelf that may have something due before `today`.
    pub(super) fn candidates(
        &mut self,
        parts: &Parts,
        standing: &Standing,
        today: NaiveDate,
    ) -> Result<Vec<Shelf>, VaultError> {
        let mut found = Vec::new();
        for shelf in key_shelves(&*parts.disk, &parts.layout)? {
            let is_changed =
                standing.changes().any(|(subject, until)| until < today && subject.shelf() == shelf);
            if is_changed || self.of(parts, &shelf)?.is_some_and(|until| until < today) {
                found.push(shelf);
            }
        }
        Ok(found)
    }

    /// `None` when no key is left.
    fn of(&mut self, parts: &Parts, shelf: &Shelf) -> Result<Option<NaiveDate>, VaultError> {
        let size = key_bytes(parts, shelf)?;
        if let Some((known, until)) = self.0.get(shelf)
            && *known == size
        {
            return Ok(*until);
        }
        let until = earliest(&key_files(parts, shelf)?);
        self.0.insert(shelf.clone(), (size, until));
        Ok(until)
    }

    /// The keys of a shelf have changed.
    pub(super) fn forget(&mut self, shelf: &Shelf) {
        self.0.remove(shelf);
    }
}

fn earliest(files: &[KeyFile]) -> Option<NaiveDate> {
    let rows = files.iter().flat_map(|file| &file.rows).map(|placed| &placed.row);
    let live = rows.filter(|row| row.state != KeyState::Destroyed);
    // What has no day must be looked up.
    live.map(|row| row.until.unwrap_or(NaiveDate::MIN)).min()
}

/// What the manifests of a shelf tell, and whether any of its volumes is open.
fn manifests(parts: &Parts, shelf: &Shelf) -> Result<(HashMap<RecordingId, Told>, bool), VaultError> {
    let metadata = shelf_metadata(parts, shelf)?;
    let mut told = HashMap::new();
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
            }
        }
    }
    let is_open = !marked(&*parts.disk, &parts.layout, shelf)?.is_empty();
    Ok((told, is_open))
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
