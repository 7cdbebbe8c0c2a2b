//! Keeping for exactly the time that was said: what falls due, what holds keep, and its destruction.
//!
//! Invariants:
//! 1. A recording's time is fixed when it begins, by its class, and stands with its key and in its signed manifest; the later
//!    of the two counts. Two persons can change it, and nothing else can.
//! 2. Nothing is destroyed before its last day is over, whatever the disk is short of, and nothing by a clock that leapt.
//! 3. What a hold keeps is not destroyed: a hold and a disposal are rows of one ledger, and who destroys has it in hand.
//! 4. What was destroyed is told by the ledger and by a signed certificate, and its key is on the medium nowhere that the vault
//!    writes.

mod apart;
mod certificate;
mod change;
mod clock;
mod due;
mod erase;
mod going;
mod hold;
mod intent;
mod listed;
mod nameless;
mod note;
mod rows;
mod run;
mod standing;
mod whole;
mod work;

use std::sync::{MutexGuard, PoisonError};

use earwitness_model::WallTime;

pub(crate) use self::rows::from_bytes;
pub use self::{
    certificate::{Certificate, DisposedRecording, EndedDay, HeldRecording, NotCertified, StaleKeyBackup},
    change::NewProposal,
    clock::Leap,
    due::{Due, Told},
    hold::{NewHold, Standing as StandingHold},
    note::RetentionNote,
    rows::{ActId, Change, Day, DisposalRun, Disposed, Hold, Proposal, Release, Subject},
};
use self::{
    due::{Earliest, contents},
    intent::Intent,
    standing::Standing,
    work::{AtRest, Work},
};
use crate::{
    error::VaultError,
    ledger::LedgerKind,
    sealer::draw_id,
    vault::{Parts, Vault},
};

/// What is known of retention: learnt from the ledger when it is first needed, and kept.
#[derive(Debug, Default)]
pub(crate) struct Retention {
    standing: Standing,
    earliest: Earliest,
    at_rest: AtRest,
}

/// Why the clock is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockTrust {
    /// It only stands on the wall: after a leap nothing is destroyed.
    Alone,
    /// Others keep it right (NTP); the ledger is told.
    Synchronised,
    /// Somebody says that it is right; the ledger is told.
    Confirmed,
}

/// Whether places of the ledger that cannot be read may be passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PastDamage {
    /// A hold may have stood there: nothing is destroyed.
    Refuse,
    /// Somebody has looked.
    Accept,
}

/// How a disposal shall run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisposalOrder {
    /// Who has it run.
    pub by: String,
    /// Why the clock is believed.
    pub clock: ClockTrust,
    /// What of damage in the ledger.
    pub past_damage: PastDamage,
}

/// A recording of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The recording.
    pub due: Due,
    /// The hold that keeps it.
    pub hold: Option<ActId>,
}

/// What falls due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What is due by then, by class and day.
    pub planned: Vec<Planned>,
    /// A leap of the clock that nobody confirmed.
    pub leap: Option<Leap>,
    /// Places of the ledger that cannot be read.
    pub damage: u64,
}

impl Vault {
    /// What falls due before the end of the day of `by`, and what holds keep of it. Nothing is changed.
    ///
    /// # Errors
    /// What disk and ledger say.
    pub fn dispose_plan(&self, now: WallTime, by: WallTime) -> Result<Plan, VaultError> {
        let parts = &*self.parts;
        let mut retention = parts.caught_up()?;
        let Retention { standing, earliest, .. } = &mut *retention;
        let day = parts.civil_day(by);
        let mut planned = Vec::new();
        for shelf in earliest.candidates(parts, standing, day)? {
            let due = contents(parts, standing, &shelf)?.kept.into_iter().filter(|due| due.until < day);
            planned.extend(due.map(|due| {
                let hold = standing.holds_of(&due.subject, day).next();
                Planned { hold: hold.map(|hold| hold.id), due }
            }));
        }
        Ok(Plan { planned, leap: standing.clock.leap(now), damage: standing.damage() })
    }

    /// Destroys what was to be kept until a day before that of `now`, unless a hold keeps it: the page of `run` says how.
    /// `None` when nothing is due.
    ///
    /// # Errors
    /// [`VaultError::ClockLeapt`], [`VaultError::LedgerDamaged`]; what disk, ledger and index say: then the next call, or
    /// whoever opens the vault, goes on.
    pub fn dispose_due(
        &self,
        now: WallTime,
        order: &DisposalOrder,
    ) -> Result<Option<Certificate>, VaultError> {
        self.parts.dispose_due(now, order)
    }

    /// The names of the certificates of all disposals, oldest first.
    ///
    /// # Errors
    /// What the disk says.
    pub fn certificates(&self) -> Result<Vec<String>, VaultError> {
        Certificate::names(&self.parts)
    }

    /// The text of a certificate, as it was signed.
    ///
    /// # Errors
    /// [`VaultError::NoSuchAct`]; what the disk says.
    pub fn certificate(&self, run: &str) -> Result<String, VaultError> {
        Certificate::text(&self.parts, run)
    }
}

impl Parts {
    /// A panic under this lock can only be a defect of ours; what is known is learnt from the ledger row by row.
    fn retention(&self) -> MutexGuard<'_, Retention> {
        self.retention.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// With all that the ledger says.
    fn caught_up(&self) -> Result<MutexGuard<'_, Retention>, VaultError> {
        let mut retention = self.retention();
        retention.standing.catch_up(&self.ledger().reader())?;
        Ok(retention)
    }

    /// Asks something that a disposal would change while it runs.
    pub(crate) fn when_no_disposal_runs<T>(&self, ask: impl FnOnce() -> T) -> T {
        let _none_runs = self.retention();
        ask()
    }

    /// Goes on with a disposal that did not end.
    pub(crate) fn resume_disposal(&self) -> Result<(), VaultError> {
        match Intent::read(self)? {
            Some(intent) => run::finish(self, &mut self.retention(), intent).map(drop),
            None => Ok(()),
        }
    }

    fn dispose_due(&self, now: WallTime, order: &DisposalOrder) -> Result<Option<Certificate>, VaultError> {
        let mut retention = self.retention();
        if let Some(intent) = Intent::read(self)? {
            run::finish(self, &mut retention, intent)?;
        }
        let today = self.civil_day(now);
        let work = Work::find(self, &mut retention, today)?;
        if !work.is_destruction() && !work.set_held_apart(self, &retention.standing, today)? {
            work.rest(&mut retention.at_rest);
            return Ok(None);
        }
        self.may_dispose(&mut retention.standing, now, order)?;
        let Work { doomed, over, .. } = work;
        let intent =
            Intent { run: draw_id(now), at: now.nanos(), by: order.by.clone(), doomed, ending: over };
        intent.write(self)?;
        run::finish(self, &mut retention, intent).map(Some)
    }

    /// Whether clock and ledger can be believed.
    fn may_dispose(
        &self,
        standing: &mut Standing,
        now: WallTime,
        order: &DisposalOrder,
    ) -> Result<(), VaultError> {
        standing.catch_up_with(&mut self.ledger())?;
        if standing.damage() > 0 && order.past_damage == PastDamage::Refuse {
            return Err(VaultError::LedgerDamaged { places: standing.damage() });
        }
        let Some(Leap { from, to }) = standing.clock.leap(now) else { return Ok(()) };
        match order.clock {
            ClockTrust::Alone => Err(VaultError::ClockLeapt { from, to }),
            ClockTrust::Synchronised | ClockTrust::Confirmed => {
                let mut ledger = self.ledger();
                ledger.append(LedgerKind::ClockConfirmed, now, &rows::to_bytes(&order.by))?;
                standing.catch_up_with(&mut ledger)
            }
        }
    }
}
