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
mod hold;
mod intent;
mod rows;
mod run;
mod standing;

use std::sync::{MutexGuard, PoisonError};

use earwitness_model::{RecordingId, WallTime};
use rand::{RngCore, thread_rng};

pub(crate) use self::rows::from_bytes;
pub use self::{
    certificate::{Certificate, DisposedRecording, EndedDay, HeldRecording, NotCertified, StaleKeyBackup},
    change::NewProposal,
    clock::Leap,
    due::{Due, Told},
    hold::{NewHold, Standing as StandingHold},
    rows::{ActId, Change, Day, DisposalRun, Disposed, Hold, Proposal, Release, Subject},
};
use self::{
    due::{Earliest, contents, today},
    intent::{Doomed, Intent},
    standing::Standing,
};
use crate::{
    error::VaultError,
    ledger::LedgerKind,
    vault::{Parts, Vault},
};

/// What is known of retention: learnt from the ledger when it is first needed, and kept.
#[derive(Debug, Default)]
pub(crate) struct Retention {
    standing: Standing,
    earliest: Earliest,
}

/// Why the clock is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockTrust {
    /// It only stands on the wall: after a leap nothing is destroyed.
    Alone,
    /// Others keep it right (NTP).
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
        let mut retention = parts.retention();
        let Retention { standing, earliest } = &mut *retention;
        standing.catch_up(&parts.ledger().reader())?;
        let day = today(parts, by);
        let mut planned = Vec::new();
        for shelf in earliest.candidates(parts, standing, day)? {
            let due = contents(parts, standing, &shelf)?.kept.into_iter().filter(|due| due.until < day);
            planned.extend(due.map(|due| {
                let hold = standing.holds_of(due.subject.call, due.subject.recording, day).next();
                Planned { hold: hold.map(|hold| hold.id), due }
            }));
        }
        Ok(Plan { planned, leap: standing.clock.leap(now), damage: standing.damage })
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
        retention.standing.catch_up(&self.ledger().reader())?;
        let today = today(self, now);
        let shelves = {
            let Retention { standing, earliest } = &mut *retention;
            earliest.candidates(self, standing, today)?
        };
        let mut doomed = Vec::new();
        for shelf in shelves {
            doomed.extend(doomed_in(self, &retention.standing, (&shelf, today))?);
        }
        if doomed.is_empty() {
            return Ok(None);
        }
        self.may_dispose(&mut retention.standing, now, order)?;
        let intent =
            Intent { run: act_id(now), at: now.nanos(), by: order.by.clone(), doomed, ending: Vec::new() };
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
        if standing.damage > 0 && order.past_damage == PastDamage::Refuse {
            return Err(VaultError::LedgerDamaged { places: standing.damage });
        }
        let Some(Leap { from, to }) = standing.clock.leap(now) else { return Ok(()) };
        match order.clock {
            ClockTrust::Alone => Err(VaultError::ClockLeapt { from, to }),
            ClockTrust::Synchronised => Ok(()),
            ClockTrust::Confirmed => {
                let mut ledger = self.ledger();
                ledger.append(LedgerKind::ClockConfirmed, now, &rows::to_bytes(&order.by))?;
                standing.catch_up_with(&mut ledger)
            }
        }
    }
}

/// What is to be destroyed of a shelf. Of an open volume it is not known what in it is running.
fn doomed_in(
    parts: &Parts,
    standing: &Standing,
    (shelf, today): (&crate::layout::Shelf, chrono::NaiveDate),
) -> Result<Vec<Doomed>, VaultError> {
    let found = contents(parts, standing, shelf)?;
    let is_doomed = |due: &Due| {
        let may_run = found.is_open && due.told.is_none();
        let subject = &due.subject;
        due.until < today
            && !may_run
            && standing.holds_of(subject.call, subject.recording, today).next().is_none()
    };
    let doomed: Vec<&Due> = found.kept.iter().filter(|due| is_doomed(due)).collect();
    // What has no key any more goes with the last that has one.
    let is_all = doomed.len() == found.kept.len();
    let goes = |due: &&&Due| due.key.is_some() || is_all;
    Ok(doomed.iter().filter(goes).map(|due| Doomed::of(due)).collect())
}

/// A new name for something that is done.
fn act_id(now: WallTime) -> ActId {
    let mut random = thread_rng();
    RecordingId::new(
        now.nanos() / 1_000_000,
        u128::from(random.next_u64()) << 64 | u128::from(random.next_u64()),
    )
}
