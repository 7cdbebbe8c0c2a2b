//! Capture rules: who is recorded, how, for how long, with what notice.
//!
//! Text in, values out. This crate opens no file, reads no clock, spawns no thread and logs nothing: whoever calls it
//! reads the directory and hands over [`SourceText`]s. It never half-accepts: a rule set with one problem in it is not
//! a rule set, and every problem is reported at once. What no rule names is never recorded.
//!
//! The way through: `document` and `draft` read one file's TOML (`keys` is the list of what may stand in it), `load` joins the
//! files and looks for contradictions (`tie`), `weigh` finds the rules that speak of a call, and `decide` and `explain`
//! say what follows. The reference for those who write rules is `capture-rules/README.md`.
#![forbid(unsafe_code)]

mod canonical;
mod decide;
mod diff;
mod document;
mod draft;
mod example;
mod explain;
mod keypad;
mod keys;
mod load;
mod number;
mod pattern;
mod period;
mod problem;
mod reader;
mod rule;
mod spelling;
mod streams;
mod tie;
mod weigh;

pub use decide::facts_for;
pub use diff::Change;
pub use example::EXAMPLE;
pub use explain::{Beaten, Explanation, LostBy, Unknown};
pub use load::RuleSet;
pub use number::{Number, NumberPlan};
pub use pattern::{NumberRange, Pattern};
pub use period::parse as parse_period;
pub use problem::{Place, Problem, ProblemCode, SourceText};
pub use rule::{
    CalendarDay, Covers, InternalCalls, Notice, NoticeAudio, PauseKeys, Rule, StartFrom, StartKeys,
};
pub use streams::{Network, StreamEnds, StreamRule};
