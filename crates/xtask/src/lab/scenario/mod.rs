//! The scenarios, a file each. A scenario fills the table; an error means that it could not be carried out.

mod calls;
mod churn;
mod drops;
mod flood;
mod full;
mod kill;
mod load;
mod shapes;
mod soak;
mod speech;
mod sweep;
mod talk;

use anyhow::{Result, bail};

use super::{Lab, table::Table};

/// What can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scenario {
    /// Phones that call each other.
    Plain,
    /// Phones that call by way of a telephone system.
    Calls,
    /// A thousand generated calls.
    Load,
    /// A recorder that stands still.
    Drops,
    /// A recorder that is killed.
    Kill,
    /// A disk that fills up.
    Full,
    /// What nobody wants to see on a mirror.
    Flood,
    /// Calls that come and go for long.
    Churn,
    /// A day of calls in minutes.
    Soak,
    /// Softphones that speak.
    Speech,
    /// Calls of every shape.
    Shapes,
    /// Faster and faster.
    Sweep,
}

/// A program and its package.
type Needed = (&'static str, &'static str);

const SIPP: Needed = ("sipp", "sip-tester");
const EXCHANGE: [Needed; 3] = [SIPP, ("kamailio", "kamailio"), ("rtpengine", "rtpengine-daemon")];

const SOFTPHONES: [Needed; 5] = [
    ("kamailio", "kamailio"),
    ("rtpengine", "rtpengine-daemon"),
    ("baresip", "baresip-core"),
    ("espeak-ng", "espeak-ng"),
    ("sox", "sox"),
];

const EVERY_PHONE: [Needed; 7] = [
    SIPP,
    ("kamailio", "kamailio"),
    ("rtpengine", "rtpengine-daemon"),
    ("baresip", "baresip-core"),
    ("linphone-daemon", "linphone-cli"),
    ("espeak-ng", "espeak-ng"),
    ("sox", "sox"),
];

impl Scenario {
    /// All of them, the shortest first.
    pub(super) const ALL: [Self; 12] = [
        Self::Plain,
        Self::Speech,
        Self::Shapes,
        Self::Drops,
        Self::Full,
        Self::Calls,
        Self::Load,
        Self::Flood,
        Self::Kill,
        Self::Sweep,
        Self::Soak,
        Self::Churn,
    ];

    /// Its name on the command line.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Calls => "calls",
            Self::Load => "load",
            Self::Drops => "drops",
            Self::Kill => "kill",
            Self::Full => "full",
            Self::Flood => "flood",
            Self::Churn => "churn",
            Self::Soak => "soak",
            Self::Speech => "speech",
            Self::Shapes => "shapes",
            Self::Sweep => "sweep",
        }
    }

    /// What it shows.
    pub(super) const fn about(self) -> &'static str {
        match self {
            Self::Plain => "sipp calls sipp; every byte that was said is kept",
            Self::Calls => "the same by way of kamailio and rtpengine, on both sides of them",
            Self::Load => "a thousand generated calls at once, no frame lost, every payload's hash as sent",
            Self::Drops => {
                "a small ring and a recorder that stands still for 3 s: every lost frame is counted"
            }
            Self::Kill => "kill -9 of the recorder twenty times while calls run, and a new one each time",
            Self::Full => "the vault's disk fills up while calls run, and gets room again",
            Self::Flood => "garbage, INVITEs, a scanner and stray RTP beside calls that must be exact",
            Self::Churn => "fifty new calls a second for ten minutes: memory stays",
            Self::Soak => "ninety thousand calls in a day of packet time: memory stays",
            Self::Speech => "two softphones speak to each other: each is heard on its own side",
            Self::Shapes => {
                "transfers, hold, early media, forks, TCP, IPv6, SRTP and keys by real programs, one after the other"
            }
            Self::Sweep => "faster and faster, beside a bare ring reader on the same traffic",
        }
    }

    /// The programs that it takes beside the room's own.
    pub(super) const fn programs(self) -> &'static [Needed] {
        match self {
            Self::Plain | Self::Drops | Self::Kill | Self::Full | Self::Flood => &[SIPP],
            Self::Calls => &EXCHANGE,
            Self::Load | Self::Churn | Self::Soak | Self::Sweep => &[],
            Self::Speech => &SOFTPHONES,
            Self::Shapes => &EVERY_PHONE,
        }
    }

    /// Reads its name.
    pub(super) fn parse(word: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|scenario| scenario.name() == word) {
            Some(scenario) => Ok(scenario),
            None => bail!("no scenario {word:?}, nor an option; `cargo xtask lab --help` lists them"),
        }
    }

    /// Carries it out.
    pub(super) fn run(self, lab: &Lab, table: &mut Table) -> Result<()> {
        match self {
            Self::Plain => calls::plain(lab, table),
            Self::Calls => calls::through_exchange(lab, table),
            Self::Load => load::run(lab, table),
            Self::Drops => drops::run(lab, table),
            Self::Kill => kill::run(lab, table),
            Self::Full => full::run(lab, table),
            Self::Flood => flood::run(lab, table),
            Self::Churn => churn::run(lab, table),
            Self::Soak => soak::run(lab, table),
            Self::Speech => speech::run(lab, table),
            Self::Shapes => shapes::run(lab, table),
            Self::Sweep => sweep::run(lab, table),
        }
    }
}
