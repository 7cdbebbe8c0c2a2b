//! Keeping a recording longer or shorter than its class says: one person proposes it, and another one approves.

use chrono::NaiveDate;
use earwitness_model::{CallId, RecordingId, WallTime};

use super::{
    going, hold,
    rows::{ActId, Change, Day, Proposal, to_bytes},
};
use crate::{entry::Entry, error::VaultError, ledger::LedgerKind, sealer::draw_id, vault::Vault};

/// What somebody proposes.
#[derive(Debug, Clone, Copy)]
pub struct NewProposal<'a> {
    /// The calls whose recordings are meant, with all parts into which a restart cut them.
    pub entries: &'a [Entry],
    /// The last civil day on which they shall be kept.
    pub until: NaiveDate,
    /// Why.
    pub reason: &'a str,
    /// Who proposes it.
    pub by: &'a str,
}

impl Vault {
    /// Proposes another last day for recordings. Nothing is changed by it.
    ///
    /// # Errors
    /// [`VaultError::NoRecording`]; what the ledger says.
    pub fn propose_retention(&self, now: WallTime, new: NewProposal<'_>) -> Result<Proposal, VaultError> {
        let subjects = hold::subjects(&self.parts, new.entries)?;
        let proposal = Proposal {
            id: draw_id(now),
            subjects,
            until: Day(new.until),
            reason: new.reason.to_owned(),
            by: new.by.to_owned(),
        };
        let mut retention = self.parts.retention();
        let mut ledger = self.parts.ledger();
        ledger.append(LedgerKind::RetentionProposed, now, &to_bytes(&proposal))?;
        retention.standing.catch_up_with(&mut ledger)?;
        Ok(proposal)
    }

    /// Approves a proposal: from now on its day is the last one of those recordings.
    ///
    /// # Errors
    /// [`VaultError::NoSuchAct`]; [`VaultError::SamePerson`]; [`VaultError::Destroyed`] when a disposal has taken one of them
    /// meanwhile; [`VaultError::NotListed`] when it is in force all the same; what the ledger says.
    pub fn approve_retention(&self, now: WallTime, id: ActId, by: &str) -> Result<Change, VaultError> {
        let mut retention = self.parts.retention();
        let mut ledger = self.parts.ledger();
        retention.standing.catch_up_with(&mut ledger)?;
        let Some(proposal) = retention.standing.proposals.get(&id).cloned() else {
            return Err(VaultError::NoSuchAct {
                what: "proposal",
                hint: "`earwitness dispose approve` without a name lists them",
            });
        };
        if proposal.by == by {
            return Err(VaultError::SamePerson);
        }
        let intent = going::intent(&self.parts)?;
        proposal
            .subjects
            .iter()
            .try_for_each(|subject| going::stays(&self.parts, intent.as_ref(), subject))?;
        let change = Change { proposal, approved_by: by.to_owned() };
        ledger.append(LedgerKind::RetentionChanged, now, &to_bytes(&change))?;
        retention.standing.catch_up_with(&mut ledger)?;
        drop((ledger, retention));
        self.parts.list_standing(id, &change.proposal.subjects, now)?;
        Ok(change)
    }

    /// What was proposed and not approved.
    ///
    /// # Errors
    /// What the ledger says.
    pub fn proposals(&self) -> Result<Vec<Proposal>, VaultError> {
        let retention = self.parts.caught_up()?;
        Ok(retention.standing.proposals.values().cloned().collect())
    }

    /// The last day of a recording of a call, when two persons changed it, as the ledger has it.
    ///
    /// # Errors
    /// What the ledger says.
    pub fn changed_retention(
        &self,
        call: Option<CallId>,
        recording: RecordingId,
    ) -> Result<Option<NaiveDate>, VaultError> {
        let retention = self.parts.caught_up()?;
        Ok(retention.standing.changed(call, recording))
    }

    /// The hold or proposal of this name, or of a name that begins so and of which there is one.
    ///
    /// # Errors
    /// [`VaultError::NoSuchAct`]; what the ledger says.
    pub fn find_act(&self, name: &str) -> Result<ActId, VaultError> {
        let retention = self.parts.caught_up()?;
        let standing = &retention.standing;
        hold::named(standing.holds.keys().chain(standing.proposals.keys()), name).ok_or(
            VaultError::NoSuchAct {
                what: "hold or proposal",
                hint: "`earwitness hold list` and `earwitness dispose approve` list them",
            },
        )
    }
}
