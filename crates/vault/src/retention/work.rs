//! What a disposal finds to do.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use earwitness_model::RecordingId;

use super::{
    Retention,
    apart::set_apart,
    due::{Contents, Due, contents},
    intent::Doomed,
    rows::{ActId, Day},
    run::remove_volumes,
    standing::Standing,
};
use crate::{error::VaultError, layout::Shelf, reading::key_bytes, shelves::newest_generation, vault::Parts};

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// What is to be destroyed.
    pub(super) doomed: Vec<Doomed>,
    /// Classes and days of which nothing is left, and which did not end with the last of it: a volume was open then.
    pub(super) over: Vec<(String, Day)>,
    /// Those in which a hold keeps something beyond its time and nothing is to be destroyed.
    held: Vec<Contents>,
    /// Those that need not be read again if that is all, with the bytes of their key files.
    rest: Vec<(Shelf, u64)>,
}

/// Classes and days that may have something due and had nothing to be done: what is held, or kept longer. Their volumes are read
/// again on another day, or when what is in force has changed, or their keys.
#[derive(Debug, Default)]
pub(super) struct AtRest {
    as_of: Option<AsOf>,
    shelves: HashMap<Shelf, u64>,
}

/// What decides besides what lies in a shelf.
#[derive(Debug, PartialEq, Eq)]
struct AsOf {
    today: NaiveDate,
    holds: Vec<ActId>,
    changes: BTreeMap<RecordingId, NaiveDate>,
}

impl AtRest {
    /// Forgets what was found when something else decided.
    fn look(&mut self, standing: &Standing, today: NaiveDate) {
        let changes = standing.changes().map(|(subject, until)| (subject.recording, until)).collect();
        let now = Some(AsOf { today, holds: standing.holds.keys().copied().collect(), changes });
        if self.as_of != now {
            *self = Self { as_of: now, shelves: HashMap::new() };
        }
    }
}

impl Work {
    /// Looks for it, as of a ledger that says nothing else of dates while volumes are read.
    pub(super) fn find(
        parts: &Parts,
        retention: &mut Retention,
        today: NaiveDate,
    ) -> Result<Self, VaultError> {
        retention.standing.catch_up(&parts.ledger().reader())?;
        loop {
            let misdated = retention.standing.misdated();
            let work = Self::look(parts, retention, today)?;
            retention.standing.catch_up(&parts.ledger().reader())?;
            if work.doomed.is_empty() || retention.standing.misdated() == misdated {
                return Ok(work);
            }
        }
    }

    fn look(parts: &Parts, retention: &mut Retention, today: NaiveDate) -> Result<Self, VaultError> {
        let Retention { standing, earliest, at_rest } = retention;
        let mut work = Self::default();
        at_rest.look(standing, today);
        for shelf in earliest.candidates(parts, standing, today)? {
            let bytes = key_bytes(parts, &shelf, newest_generation(&*parts.disk, &parts.layout, &shelf)?)?;
            if at_rest.shelves.get(&shelf) == Some(&bytes) {
                continue;
            }
            let found = contents(parts, standing, &shelf)?;
            let doomed = doomed_in((parts, standing), &found, today)?;
            if !doomed.is_empty() {
                work.doomed.extend(doomed);
            } else if found.is_over(today) {
                work.over.push((shelf.class, Day(shelf.day)));
            } else if !found.is_open {
                work.rest.push((shelf, bytes));
                if !found.is_damaged && found.overdue(today).next().is_some() {
                    work.held.push(found);
                }
            }
        }
        Ok(work)
    }

    /// Whether there is something to be destroyed.
    pub(super) const fn is_destruction(&self) -> bool {
        !self.doomed.is_empty() || !self.over.is_empty()
    }

    /// There is nothing to be done.
    pub(super) fn rest(self, at_rest: &mut AtRest) {
        at_rest.shelves.extend(self.rest);
    }

    /// Sets apart what is held, and not yet apart, where nothing is to be destroyed; says whether there was something.
    pub(super) fn set_held_apart(
        &self,
        parts: &Parts,
        standing: &Standing,
        today: NaiveDate,
    ) -> Result<bool, VaultError> {
        let mut moved = false;
        for found in &self.held {
            let is_held = |due: &&Due| standing.is_held(&due.subject, today) && !due.is_apart();
            let held: Vec<_> =
                found.overdue(today).filter(is_held).map(|due| due.subject.recording).collect();
            let apart = set_apart(parts, found, &held)?;
            moved |= !apart.is_empty();
            let left = contents(parts, standing, &found.shelf)?;
            // It may be what an earlier attempt left.
            if !left.volumes_to_remove(parts)?.is_empty() {
                remove_volumes(parts, &left)?;
            }
        }
        Ok(moved)
    }
}

/// What is to be destroyed of a shelf. Of an open volume it is not known what in it is running, nor of which recording the ledger
/// is about to be told when it was made.
fn doomed_in(
    (parts, standing): (&Parts, &Standing),
    found: &Contents,
    today: NaiveDate,
) -> Result<Vec<Doomed>, VaultError> {
    let mut doomed: Vec<&Due> = Vec::new();
    for due in found.overdue(today).filter(|due| !standing.is_held(&due.subject, today)) {
        if !found.is_open || is_listed(parts, due)? {
            doomed.push(due);
        }
    }
    // What has no key any more goes with the last that has one.
    let is_all = doomed.len() == found.kept.len();
    let goes = |due: &&&Due| due.key.is_some() || is_all;
    Ok(doomed.iter().filter(goes).map(|due| Doomed::of(due)).collect())
}

/// Whether its call is listed, of which the ledger was told before.
fn is_listed(parts: &Parts, due: &Due) -> Result<bool, VaultError> {
    let listed = due.subject.call.map(|call| parts.index.get(call)).transpose()?;
    Ok(listed.flatten().is_some())
}
