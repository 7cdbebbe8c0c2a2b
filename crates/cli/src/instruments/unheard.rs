//! Why somebody was not told of an alarm. It says nothing of whom: a URL may have a token in it, and a command a password.

use std::{fmt, io, process::ExitStatus};

/// Why an alarm was not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unheard {
    /// Too many alarms wait to be told already.
    TooMany,
    /// The recorder stops, and earlier alarms took the time that was left.
    Stopping,
    /// The command could not be started or waited for.
    NotRun(io::ErrorKind),
    /// The command ended like this.
    Ended(ExitStatus),
    /// The command took too long.
    Killed,
    /// The answer to the POST.
    Status(u16),
    /// The URL's host has no address.
    NoHost,
    /// Nobody answered in time.
    TimedOut,
    /// The connection was refused or lost.
    NotReached(io::ErrorKind),
    /// What answered does not speak HTTP as it should.
    NotUnderstood,
}

impl From<&ureq::Error> for Unheard {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's list is an open one")]
    fn from(cause: &ureq::Error) -> Self {
        match cause {
            ureq::Error::StatusCode(status) => Self::Status(*status),
            ureq::Error::HostNotFound => Self::NoHost,
            ureq::Error::Timeout(_) => Self::TimedOut,
            ureq::Error::Io(cause) => Self::NotReached(cause.kind()),
            _ => Self::NotUnderstood,
        }
    }
}

impl fmt::Display for Unheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => f.write_str("too many wait already"),
            Self::Stopping => f.write_str("the recorder stops, and earlier ones took the time that was left"),
            Self::NotRun(kind) => write!(f, "it could not be run ({kind})"),
            Self::Ended(status) => write!(f, "it ended with {status}"),
            Self::Killed => f.write_str("it took too long and was killed"),
            Self::Status(status) => write!(f, "it was answered with {status}"),
            Self::NoHost => f.write_str("its host has no address"),
            Self::TimedOut => f.write_str("it was not answered in time"),
            Self::NotReached(kind) => write!(f, "it could not be reached ({kind})"),
            Self::NotUnderstood => f.write_str("its answer was not understood"),
        }
    }
}
