//! How the program ends: a code for scripts, a sentence for people.

use std::{fmt, process::ExitCode};

/// The exit codes of every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// It could not be done.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// What was asked for is not there.
    NotFound = 3,
    /// A rule or a role forbids it.
    Refused = 4,
    /// Something is not as it was sealed.
    Broken = 5,
    /// More was lost in capture than is allowed.
    Loss = 6,
    /// Some of it was done.
    Part = 7,
    /// Of two builds one does worse.
    Worse = 8,
}

impl Exit {
    /// The code as a number.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    /// The exit with this code; what no command ends with is a failure.
    pub(crate) fn from_code(code: u8) -> Self {
        let all = [
            Self::Done,
            Self::Failed,
            Self::Usage,
            Self::NotFound,
            Self::Refused,
            Self::Broken,
            Self::Loss,
            Self::Part,
            Self::Worse,
        ];
        all.into_iter().find(|exit| exit.code() == code).unwrap_or(Self::Failed)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command ends early, and with which code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    cause: anyhow::Error,
}

/// What a command comes to.
pub(crate) type Outcome = Result<Exit, Failure>;

impl Failure {
    /// A failure that the user can read.
    pub(crate) fn new(exit: Exit, cause: impl fmt::Display) -> Self {
        Self { exit, cause: anyhow::anyhow!("{cause}") }
    }

    /// Nobody reads any more: `earwitness list | head` is no failure.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.io_kind() == Some(std::io::ErrorKind::BrokenPipe)
    }

    /// What the system said, when it was the system.
    pub(crate) fn io_kind(&self) -> Option<std::io::ErrorKind> {
        self.cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause)
    }
}

impl From<std::io::Error> for Failure {
    fn from(cause: std::io::Error) -> Self {
        Self { exit: Exit::Failed, cause: cause.into() }
    }
}

impl From<earwitness_vault::VaultError> for Failure {
    fn from(cause: earwitness_vault::VaultError) -> Self {
        use earwitness_vault::VaultError as E;
        let exit = match &cause {
            _ if cause.is_damage() => Exit::Broken,
            E::NotAVault { .. }
            | E::OfficerKeyMissing { .. }
            | E::KeyGone { .. }
            | E::NoSuchAct { .. }
            | E::Destroyed { .. }
            | E::NoRecording => Exit::NotFound,
            E::WrongPassphrase { .. }
            | E::OtherOfficer { .. }
            | E::PassphraseNeeded
            | E::ClockLeapt { .. }
            | E::SamePerson
            | E::Refused => Exit::Refused,
            E::Keys(cause) => of_keys(cause),
            E::AlreadyThere { .. }
            | E::RestoreUnderway { .. }
            | E::Format { .. }
            | E::Settings { .. }
            | E::InUse { .. }
            | E::WriterTaken
            | E::Io { .. }
            | E::NoRoom { .. }
            | E::MustReopen
            | E::NotErased { .. }
            | E::NotListed { .. }
            | E::Intent { .. }
            | E::LedgerDamaged { .. }
            | E::NotAKey { .. }
            | E::ClassName { .. }
            | E::NotOpened { .. }
            | E::KeyDamaged { .. }
            | E::RulesDamaged { .. }
            | E::Stamp(_)
            | E::Volume { .. }
            | E::Block { .. }
            | E::BlockMissing { .. }
            | E::Sealed { .. }
            | E::Manifest { .. }
            | E::Backup(_)
            | E::Index(_)
            | E::Ledger(_) => Exit::Failed,
        };
        if cause.is_full() {
            return Self::new(
                exit,
                format_args!("{cause}; make room on the disk, then do it again: nothing kept is lost"),
            );
        }
        Self { exit, cause: cause.into() }
    }
}

fn of_keys(cause: &earwitness_vault::KeysError) -> Exit {
    use earwitness_vault::KeysError as K;
    match cause {
        K::NoSuchBackup { .. } | K::IndexKeyMissing { .. } => Exit::NotFound,
        K::OtherVault { .. }
        | K::OtherIndexKey { .. }
        | K::FormerOfficer { .. }
        | K::RotationUnderway { .. }
        | K::SameOfficer => Exit::Refused,
        K::BackupLabel | K::NotARecipient | K::Recipients { .. } => Exit::Usage,
        K::BackupDiffers { .. } => Exit::Broken,
        K::TooManyFiles { .. } => Exit::Failed,
    }
}

impl From<earwitness_vault::IndexError> for Failure {
    fn from(cause: earwitness_vault::IndexError) -> Self {
        Self::from(earwitness_vault::VaultError::from(cause))
    }
}

impl From<earwitness_recorder::RecordError> for Failure {
    fn from(cause: earwitness_recorder::RecordError) -> Self {
        use earwitness_recorder::RecordError as E;
        match cause {
            E::Vault(cause) => cause.into(),
            E::Panicked { .. } => Self { exit: Exit::Failed, cause: cause.into() },
        }
    }
}
