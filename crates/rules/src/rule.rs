//! A rule and what it refers to, once it is known to make sense.

use std::fmt;

use earwitness_model::{EarlyMedia, InbandDigits, Mode};

use crate::pattern::Pattern;
use crate::problem::Place;

/// Which calls of its extensions a rule covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Covers {
    /// Calls to the extension.
    Inbound,
    /// Calls from the extension.
    Outbound,
    /// Both.
    Both,
}

impl Covers {
    /// Whether some call is covered by both.
    pub(crate) const fn overlaps(self, other: Self) -> bool {
        !matches!((self, other), (Self::Inbound, Self::Outbound) | (Self::Outbound, Self::Inbound))
    }

    /// As it is written in a rule.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Both => "both",
        }
    }
}

/// What happens to calls between two of our extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InternalCalls {
    /// They are not kept: Osan's rule is about calls with citizens (article 2(1)).
    Exclude,
    /// They are kept too.
    Record,
}

impl InternalCalls {
    /// As it is written in a rule.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Exclude => "exclude",
            Self::Record => "record",
        }
    }
}

/// From where on a selective recording keeps audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StartFrom {
    /// From the key press: what was said before was not agreed to.
    Keypress,
    /// From the answer, where the law allows it.
    Answer,
}

impl StartFrom {
    /// As it is written in a rule.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Keypress => "keypress",
            Self::Answer => "answer",
        }
    }
}

/// The keys that start a selective recording (선택녹취).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StartKeys {
    /// 0-9, *, #, A-D.
    pub keys: String,
    /// From where on audio is kept.
    pub from: StartFrom,
}

/// The keys that pause a recording and let it go on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PauseKeys {
    /// Pause.
    pub keys: String,
    /// Go on.
    pub resume: String,
}

/// One `[[rule]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Unique in the rule set.
    pub name: String,
    /// How it records.
    pub mode: Mode,
    /// Whose calls, in normalised spelling, sorted, each once.
    pub extensions: Vec<Pattern>,
    /// Shown, filtered and reported by.
    pub department: Option<String>,
    /// Which of their calls.
    pub direction: Covers,
    /// Calls between two of ours.
    pub internal: InternalCalls,
    /// Audio before the answer.
    pub early_media: EarlyMedia,
    /// Digits that are sounded instead of signalled.
    pub inband_digits: InbandDigits,
    /// Selective rules have it, no other does.
    pub start: Option<StartKeys>,
    /// Pause and resume, where the office has them.
    pub pause: Option<PauseKeys>,
    /// The retention class's name; a `never` rule may have none.
    pub retention: Option<String>,
    /// The notice's name; a `never` rule may have none.
    pub notice: Option<String>,
    /// Where it stands: its name's place.
    pub place: Place,
}

/// A day of the calendar, in the office's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalendarDay {
    /// Four digits.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl fmt::Display for CalendarDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// The approved announcement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeAudio {
    /// `"none"`: another proof of notice is filed.
    None,
    /// A path relative to the rule directory; whether it is there is for whoever reads directories to say.
    File(String),
}

/// One `[notice.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its name.
    pub name: String,
    /// What callers hear.
    pub audio: NoticeAudio,
    /// Approved from this day on.
    pub from: Option<CalendarDay>,
    /// Whether a call without it is a fault that is reported.
    pub required: bool,
}

/// As it is written in a rule, which is also how people say it.
pub(crate) const fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Blanket => "blanket",
        Mode::Selective => "selective",
        Mode::Never => "never",
    }
}

/// As it is written in a rule.
pub(crate) const fn early_media_word(early_media: EarlyMedia) -> &'static str {
    match early_media {
        EarlyMedia::Drop => "drop",
        EarlyMedia::Keep => "keep",
    }
}
