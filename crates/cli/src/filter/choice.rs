//! The closed sets that one can filter by, as they are typed.

use clap::ValueEnum;
use earwitness_model::{Mode, Outcome};

/// How a call attempt came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum OutcomeChoice {
    Answered,
    Busy,
    #[value(alias = "no-answer")]
    NoAnswer,
    Cancelled,
    Declined,
    Failed,
    #[value(alias = "in-progress")]
    InProgress,
}

/// The mode of the rule that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ModeChoice {
    Blanket,
    Selective,
    Never,
}

impl From<Outcome> for OutcomeChoice {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Answered => Self::Answered,
            Outcome::Busy => Self::Busy,
            Outcome::NoAnswer => Self::NoAnswer,
            Outcome::Cancelled => Self::Cancelled,
            Outcome::Declined => Self::Declined,
            Outcome::Failed => Self::Failed,
            Outcome::InProgress => Self::InProgress,
        }
    }
}

impl From<Mode> for ModeChoice {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Blanket => Self::Blanket,
            Mode::Selective => Self::Selective,
            Mode::Never => Self::Never,
        }
    }
}

impl From<OutcomeChoice> for Outcome {
    fn from(choice: OutcomeChoice) -> Self {
        match choice {
            OutcomeChoice::Answered => Self::Answered,
            OutcomeChoice::Busy => Self::Busy,
            OutcomeChoice::NoAnswer => Self::NoAnswer,
            OutcomeChoice::Cancelled => Self::Cancelled,
            OutcomeChoice::Declined => Self::Declined,
            OutcomeChoice::Failed => Self::Failed,
            OutcomeChoice::InProgress => Self::InProgress,
        }
    }
}

impl From<ModeChoice> for Mode {
    fn from(choice: ModeChoice) -> Self {
        match choice {
            ModeChoice::Blanket => Self::Blanket,
            ModeChoice::Selective => Self::Selective,
            ModeChoice::Never => Self::Never,
        }
    }
}
