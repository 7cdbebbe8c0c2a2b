//! The keys of a direction whose records are sealed.

use crate::{
    half::Role,
    handshake::Agreed,
    key_log::{KeyLog, Label},
    opener::Opener,
    record::{Kind, Record},
    stages::Stages,
    suite::Version,
};

/// What two hellos and the key log make of a direction.
pub(crate) struct Sealed {
    agreed: Agreed,
    keys: Keys,
}

enum Keys {
    V12(Box<Opener>),
    V13(Stages),
}

/// A record that is to be opened.
#[derive(Clone, Copy)]
pub(crate) struct Trial<'t, 'b> {
    pub(crate) record: &'t Record<'b>,
    /// So many numbers are tried for it, from the next on.
    pub(crate) tries: u16,
    pub(crate) role: Role,
    pub(crate) log: &'t KeyLog,
}

/// What became of a sealed record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tried {
    Opened(Kind),
    /// There is no key yet that could have been tried.
    Waiting,
    /// The keys that are there do not open it, and others may come.
    MoreKeys,
    /// It is sealed under nothing, and says nothing.
    Passed,
    Failed,
    /// Too many others did.
    Never,
}

impl Sealed {
    /// Before the first sealed record of the role of `trial`.
    pub(crate) fn beginning(agreed: Agreed, trial: &Trial<'_, '_>) -> Result<Self, Tried> {
        let keys = match agreed.version() {
            Version::V13 => Keys::V13(Stages::beginning(trial.role, &agreed.client, trial.log)),
            Version::V12 => {
                let master = trial.log.secret(&agreed.client, Label::Master).ok_or(Tried::Waiting)?;
                let opener = Opener::of_master(master, &agreed.chosen, &agreed.client, trial.role);
                Keys::V12(Box::new(opener.ok_or(Tried::Failed)?))
            }
        };
        Ok(Self { agreed, keys })
    }

    pub(crate) const fn version(&self) -> Version {
        self.agreed.version()
    }

    /// Appends to `plain` what is in the record of `trial`, if its keys open it.
    pub(crate) fn open(&mut self, trial: &Trial<'_, '_>, plain: &mut Vec<u8>) -> Tried {
        match &mut self.keys {
            Keys::V12(opener) => {
                opener.open(trial.record, trial.tries, plain).map_or(Tried::Failed, Tried::Opened)
            }
            Keys::V13(stages) => stages.open(trial, &self.agreed, plain),
        }
    }

    /// Whether the keys of now open the record of `trial`: then it is the next one.
    pub(crate) fn seek(&mut self, trial: &Trial<'_, '_>) -> bool {
        match &mut self.keys {
            Keys::V12(opener) => opener.seek(trial.record, trial.tries),
            Keys::V13(stages) => stages.seek(trial.record, trial.tries),
        }
    }
}
