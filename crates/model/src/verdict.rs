//! What the capture rules say of a call.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Pii;

/// Which way a call went, seen from the office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// From outside to one of our extensions or representative numbers.
    Inbound,
    /// From one of our extensions to outside.
    Outbound,
    /// Between two of our extensions.
    Internal,
    /// Neither party is in the number plan.
    Unknown,
}

/// How a rule records (Osan's rule, articles 2(3) and 2(4)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// Every call, from the answer on (전수녹취).
    Blanket,
    /// From the moment a party presses the key (선택녹취).
    Selective,
    /// Not at all, whatever other rules say.
    Never,
}

/// What happens to audio that comes before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EarlyMedia {
    /// It is not kept.
    Drop,
    /// It is kept with the call.
    Keep,
}

/// What happens to digits that are tones in the audio, and not signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum InbandDigits {
    /// Nobody listens for them.
    #[default]
    Ignore,
    /// They are listed with the digits that are signalled.
    List,
}

/// A calendar span, ISO 8601: `P90D`, `P3Y`, `P1Y6M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Period {
    /// Whole months; a year is twelve.
    pub months: u32,
    /// Days beyond the months; a week is seven.
    pub days: u32,
}

/// How long recordings of a class are kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RetentionClass {
    /// Its name in `retention.toml`: lower case letters, digits and hyphens, safe as a directory name.
    pub name: String,
    /// From the day of the call's start.
    pub keep: Period,
}

/// BLAKE3 over the rule set's canonical form: which rules were in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct RuleSetHash(pub [u8; 32]);

impl fmt::Display for RuleSetHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// How an admitted call is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// For how long.
    pub retention: RetentionClass,
    /// The notice that callers of this rule hear, by its name in `notice.toml`.
    pub notice: String,
    /// What happens to audio before the answer.
    pub early_media: EarlyMedia,
    /// What happens to digits that are sounded instead of signalled. It is of use while the call is recorded, and not kept.
    #[serde(skip)]
    pub inband_digits: InbandDigits,
}

/// Why a call is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Refusal {
    /// No rule names a party's extension.
    NoRule,
    /// A rule of mode `never` names it.
    Never,
    /// Both parties are our extensions, and the rule excludes such calls.
    InternalCall,
    /// The rule covers the other direction only.
    Direction,
    /// The rule is selective and nobody pressed the key.
    SelectiveNotStarted,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRule => "no rule names this extension",
            Self::Never => "the rule's mode is never",
            Self::InternalCall => "an internal call, and the rule excludes those",
            Self::Direction => "the rule covers the other direction only",
            Self::SelectiveNotStarted => "selective: recording by key is not available in this version",
        })
    }
}

/// Keep or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// The call is kept.
    Admit(Keep),
    /// The call is not kept: its audio never leaves memory.
    Refuse(Refusal),
}

/// What the rules say of one call. Fixed when the call begins; a later change of rules touches later calls only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Keep or not.
    pub decision: Decision,
    /// The mode of the rule that decided; `None` when no rule did.
    pub mode: Option<Mode>,
    /// The name of the rule that decided.
    pub rule: Option<String>,
    /// Which way the call goes.
    pub direction: Direction,
    /// Our extension in the call.
    pub extension: Option<Pii<String>>,
    /// The department of the rule that decided.
    pub department: Option<String>,
    /// Which rules were in force.
    pub rule_set: RuleSetHash,
}
