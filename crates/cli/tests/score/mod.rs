//! What the score is made of.

pub(crate) mod known;
pub(crate) mod tally;
pub(crate) mod truth;
pub(crate) mod unsignalled;
