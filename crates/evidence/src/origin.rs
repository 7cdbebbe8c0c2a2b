//! How a call came to be known: it decides what may be said of it.

use earwitness_model::{CallSummary, Flag};

/// See the module's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Its signalling and its audio were seen on the network.
    Signalled,
    /// Only its audio was seen.
    AudioAlone,
    /// It comes from another recorder's file: nothing of it was seen.
    Imported,
}

impl Origin {
    pub(crate) fn of(summary: &CallSummary) -> Self {
        if summary.flags.contains(&Flag::Imported) {
            Self::Imported
        } else if summary.flags.contains(&Flag::NoSignalling) {
            Self::AudioAlone
        } else {
            Self::Signalled
        }
    }
}
