//! Holds: what must not be destroyed, why, until when, and who said so.

use chrono::NaiveDate;
use earwitness_model::WallTime;

use super::{
    going,
    rows::{ActId, Day, Hold, Release, Subject, to_bytes},
    whole,
};
use crate::{
    entry::Entry,
    error::VaultError,
    ledger::LedgerKind,
    sealer::draw_id,
    vault::{Parts, Vault},
};

/// A hold that shall be laid.
#[derive(Debug, Clone, Copy)]
pub struct NewHold<'a> {
    /// The calls whose recordings it keeps, with all parts into which a restart cut them.
    pub entries: &'a [Entry],
    /// Why.
    pub reason: &'a str,
    /// The last civil day on which it is in force; `None`: until it is released.
    pub until: Option<NaiveDate>,
    /// Who lays it.
    pub by: &'a str,
}

/// A hold that was not released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The hold.
    pub hold: Hold,
    /// Its last day is over: it keeps nothing any more.
    pub has_lapsed: bool,
}

impl Vault {
    /// Lays a hold. It is in force when this returns: it is in the ledger, and on the medium.
    ///
    /// # Errors
    /// [`VaultError::NoRecording`] when one of the calls has none; [`VaultError::Destroyed`] when a disposal has taken it
    /// meanwhile; [`VaultError::NotListed`] when it is in force all the same; what the ledger says.
    pub fn hold(&self, now: WallTime, new: NewHold<'_>) -> Result<Hold, VaultError> {
        let subjects = subjects(&self.parts, new.entries)?;
        let hold = Hold {
            id: draw_id(now),
            subjects,
            reason: new.reason.to_owned(),
            until: new.until.map(Day),
            by: new.by.to_owned(),
        };
        let parts = &*self.parts;
        let mut retention = parts.retention();
        let intent = going::intent(parts)?;
        for subject in &hold.subjects {
            // What a disposal names and has not taken yet it asks holds of once more.
            going::is_there(parts, intent.as_ref(), subject)?;
        }
        let mut ledger = parts.ledger();
        ledger.append(LedgerKind::Held, now, &to_bytes(&hold))?;
        retention.standing.catch_up_with(&mut ledger)?;
        drop((ledger, retention));
        parts.list_standing(hold.id, &hold.subjects, now)?;
        Ok(hold)
    }

    /// Lifts a hold: what is due then falls due at once.
    ///
    /// # Errors
    /// [`VaultError::NoSuchAct`]; [`VaultError::NotListed`] when it is lifted all the same; what the ledger says.
    pub fn release(&self, now: WallTime, release: &Release) -> Result<Hold, VaultError> {
        let parts = &*self.parts;
        let mut retention = parts.retention();
        let mut ledger = parts.ledger();
        retention.standing.catch_up_with(&mut ledger)?;
        let Some(hold) = retention.standing.holds.get(&release.hold).cloned() else {
            return Err(VaultError::NoSuchAct { what: "hold", hint: "`earwitness hold list` lists them" });
        };
        ledger.append(LedgerKind::Released, now, &to_bytes(release))?;
        retention.standing.catch_up_with(&mut ledger)?;
        drop((ledger, retention));
        parts.list_standing(hold.id, &hold.subjects, now)?;
        Ok(hold)
    }

    /// The holds that were not released, oldest first.
    ///
    /// # Errors
    /// What the ledger says.
    pub fn holds(&self, now: WallTime) -> Result<Vec<Standing>, VaultError> {
        let retention = self.parts.caught_up()?;
        let today = self.parts.civil_day(now);
        let shown = |hold: &Hold| Standing {
            has_lapsed: hold.until.is_some_and(|until| until.0 < today),
            hold: hold.clone(),
        };
        Ok(retention.standing.holds.values().map(shown).collect())
    }
}

/// What is meant by these calls.
pub(super) fn subjects(parts: &Parts, entries: &[Entry]) -> Result<Vec<Subject>, VaultError> {
    whole::whole(parts, entries)?.iter().map(subject).collect()
}

/// What a hold is of.
pub(super) fn subject(entry: &Entry) -> Result<Subject, VaultError> {
    let recording = entry.recording.as_ref().ok_or(VaultError::NoRecording)?;
    Ok(Subject {
        call: Some(entry.summary.id),
        recording: recording.id,
        class: recording.class.clone(),
        day: recording.day,
    })
}

/// The hold of this name among those that were not released: its whole name, or the beginning of it.
pub(super) fn named<'h>(names: impl Iterator<Item = &'h ActId>, name: &str) -> Option<ActId> {
    let name = name.to_ascii_uppercase();
    let mut found = names.filter(|id| !name.is_empty() && id.to_string().starts_with(&name));
    let first = found.next().copied();
    if found.next().is_some() { None } else { first }
}
