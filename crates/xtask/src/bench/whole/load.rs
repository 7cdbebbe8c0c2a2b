//! What is recorded: the loads, and the words that generate them.

use super::report::Subject;

/// Calls that come and go: so many, so long, within so many seconds.
const CHURN: (u32, f64, f64) = (20_000, 3.0, 60.0);
/// Calls without audio, within so many seconds.
const SIP_ONLY: (u32, f64) = (20_000, 2.0);

/// A capture.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Load {
    /// Calls that begin within two seconds and talk at once.
    Steady {
        /// How many.
        calls: u32,
        /// How long each talks.
        seconds: f64,
    },
    /// Short calls, one after the other.
    Churn,
    /// Signalling alone.
    SipOnly,
}

impl Load {
    /// A word for folders.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Steady { calls, .. } => format!("steady-{calls}"),
            Self::Churn => "churn".to_owned(),
            Self::SipOnly => "sip-only".to_owned(),
        }
    }

    /// A line for people.
    pub(super) fn about(&self) -> String {
        match self {
            Self::Steady { calls, seconds } => format!("{calls} calls at once, {seconds} s each"),
            Self::Churn => format!("{} calls of {} s within {} s", CHURN.0, CHURN.1, CHURN.2),
            Self::SipOnly => format!("{} calls without audio within {} s", SIP_ONLY.0, SIP_ONLY.1),
        }
    }

    /// How many calls.
    pub(super) const fn calls(&self) -> u32 {
        match self {
            Self::Steady { calls, .. } => *calls,
            Self::Churn => CHURN.0,
            Self::SipOnly => SIP_ONLY.0,
        }
    }

    /// Whether all calls are there at once.
    pub(super) const fn is_steady(&self) -> bool {
        match self {
            Self::Steady { .. } => true,
            Self::Churn | Self::SipOnly => false,
        }
    }

    /// The arguments of testkit's `generate`.
    pub(super) fn words(&self) -> Vec<String> {
        let (seconds, spread) = match self {
            Self::Steady { seconds, .. } => (*seconds, 2.0),
            Self::Churn => (CHURN.1, CHURN.2),
            Self::SipOnly => (4.0, SIP_ONLY.1),
        };
        let words = format!("--calls {} --seconds {seconds} --spread {spread}", self.calls());
        let silent = match self {
            Self::SipOnly => Some("--no-rtp".to_owned()),
            Self::Steady { .. } | Self::Churn => None,
        };
        words.split(' ').map(str::to_owned).chain(silent).collect()
    }

    /// The floors that say something about it: of signalling, only that it was read.
    pub(super) const fn subjects(&self) -> &[Subject] {
        match self {
            Self::Steady { .. } | Self::Churn => &Subject::FLOORS,
            Self::SipOnly => &[Subject::Walk, Subject::Libpcap, Subject::ReadEngine],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_load_is_told_to_the_generator() {
        let words = |load: &Load| load.words().join(" ");
        let steady = Load::Steady { calls: 1_000, seconds: 60.0 };
        assert_eq!(words(&steady), "--calls 1000 --seconds 60 --spread 2");
        assert_eq!(words(&Load::Churn), "--calls 20000 --seconds 3 --spread 60");
        assert_eq!(words(&Load::SipOnly), "--calls 20000 --seconds 4 --spread 2 --no-rtp");
    }
}
