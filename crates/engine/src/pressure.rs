//! What the engine does without when what comes out of it is not taken away.

/// How hard it is to get rid of what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Pressure {
    /// Not at all.
    #[default]
    None,
    /// So hard that what runs is to be finished and nothing begun: new calls are not followed, which
    /// [`Counts::calls_refused`](crate::Counts::calls_refused) counts, and no copies of SIP messages are kept, which
    /// [`Counts::messages_not_kept`](crate::Counts::messages_not_kept) counts.
    NoNewCalls,
}
