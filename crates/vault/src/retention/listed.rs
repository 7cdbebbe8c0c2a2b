//! What the listing says of what is in force. It only says so: the ledger decides.

use chrono::NaiveDate;
use earwitness_model::WallTime;

use super::{
    hold::subject,
    rows::{ActId, Subject},
    standing::Standing,
};
use crate::{entry::Entry, error::VaultError, vault::Parts};

impl Parts {
    /// Tells the listing what is in force for these calls since `act`.
    pub(super) fn list_standing(
        &self,
        act: ActId,
        subjects: &[Subject],
        now: WallTime,
    ) -> Result<(), VaultError> {
        let listed = self.list_again(subjects, self.civil_day(now));
        listed.map_err(|cause| VaultError::NotListed { act, cause: Box::new(cause) })
    }

    fn list_again(&self, subjects: &[Subject], today: NaiveDate) -> Result<(), VaultError> {
        // A disposal that takes one of them meanwhile would be undone in the listing.
        let retention = self.retention();
        let mut changed = Vec::new();
        for call in subjects.iter().filter_map(|subject| subject.call) {
            let Some(mut entry) = self.index.get(call)? else { continue };
            if retention.standing.mark(&mut entry, today) {
                changed.push(entry);
            }
        }
        self.index.put_all(&changed)?;
        drop(retention);
        Ok(())
    }

    /// Learns what was in force by the last row of the ledger, on whose day it is then marked: for a listing that is made
    /// again.
    pub(crate) fn learn_standing(&self) -> Result<NaiveDate, VaultError> {
        let mut retention = self.retention();
        let (reader, last) = {
            let ledger = self.ledger();
            (ledger.reader(), ledger.last_row())
        };
        retention.standing.catch_up(&reader)?;
        Ok(self.civil_day(last.unwrap_or(WallTime::from_nanos(0))))
    }

    /// Makes of what was signed what the listing may say: it tells of another last day when two persons changed it.
    pub(crate) fn as_listed(&self, signed: &mut Entry, listed: &Entry) -> Result<(), VaultError> {
        let until = |entry: &Entry| entry.recording.as_ref().map(|recording| recording.retention_until);
        if until(signed) != until(listed) {
            let today = self.learn_standing()?;
            self.mark_standing(signed, today);
        }
        Ok(())
    }

    /// Marks an entry with what was learnt.
    pub(crate) fn mark_standing(&self, entry: &mut Entry, today: NaiveDate) {
        self.retention().standing.mark(entry, today);
    }
}

impl Standing {
    /// Says of an entry whether it is held, and until when it is kept if two persons changed that; whether it said otherwise.
    pub(super) fn mark(&self, entry: &mut Entry, today: NaiveDate) -> bool {
        let Ok(of) = subject(entry) else { return false };
        let Some(recording) = &mut entry.recording else { return false };
        let hold = self.is_held(&of, today);
        let until = self.changed(of.call, of.recording).unwrap_or(recording.retention_until);
        let is_news = (entry.hold, recording.retention_until) != (hold, until);
        (entry.hold, recording.retention_until) = (hold, until);
        is_news
    }
}
