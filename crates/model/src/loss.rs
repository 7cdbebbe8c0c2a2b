//! No loss is silent: what a part of the recorder had to leave out, counted by cause.

use serde::{Deserialize, Serialize};

/// Why something was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Loss {
    /// The ring pool's budget was used up.
    RingPoolEmpty,
    /// The queue to the sealing pool was full.
    QueueFull,
    /// A table of calls, dialogs or streams had reached its bound.
    TableFull,
    /// RTP that came before its SDP and was not claimed in time.
    Unclaimed,
    /// A signalling message beyond the bound kept of one call.
    SignallingBound,
}
