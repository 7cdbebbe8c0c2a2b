//! What a person may look at while calls run.

use earwitness_model::{CallId, Codec, Mode, PacketTime, Pii, Refusal};

use crate::engine::Engine;

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LiveState {
    /// Not answered yet.
    Ringing,
    /// Answered.
    Answered,
    /// Answered, and a party put it on hold.
    Held,
    /// Over: what is in flight still belongs to it.
    Ending,
}

/// A call that is followed now.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveCall {
    /// Its name.
    pub id: CallId,
    /// The user in From.
    pub from: Option<Pii<String>>,
    /// The user in To.
    pub to: Option<Pii<String>>,
    /// The department of the rule that decided.
    pub department: Option<String>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Its mode.
    pub mode: Option<Mode>,
    /// Why the call is not kept; `None` when it is.
    pub refusal: Option<Refusal>,
    /// Where it stands.
    pub state: LiveState,
    /// When it began, in capture time.
    pub start: PacketTime,
    /// When it was answered, in capture time; when it was first seen, of a call that was up already.
    pub answered: Option<PacketTime>,
    /// The caller's voice and the callee's, where it was heard.
    pub legs: [Option<LiveLeg>; 2],
}

/// One party's voice so far: its latest source, and what all its sources lost. Of a call that is not kept, nothing is counted.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveLeg {
    /// Packets that were kept.
    pub packets: u64,
    /// Packets that did not come, or could not be kept.
    pub lost: u64,
    /// Interarrival jitter of its latest source, in ms (RFC 3550, 6.4.1).
    pub jitter_ms: Option<f64>,
    /// The encoding of its latest source, when it is known.
    pub codec: Option<Codec>,
    /// Its last packet, in capture time.
    pub last: PacketTime,
}

/// How many calls there were since the engine began. Each only grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Calls that are or were followed, those taken up after a restart among them.
    pub begun: u64,
    /// Of them, answered ones.
    pub answered: u64,
    /// Of them, those that are over and forgotten.
    pub ended: u64,
    /// Of them, those that the rules do not keep.
    pub not_admitted: u64,
    /// Of them, those taken up after a restart.
    pub resumed: u64,
}

impl CallCounts {
    /// Adds what another engine counted.
    pub fn add(&mut self, other: &Self) {
        self.begun += other.begun;
        self.answered += other.answered;
        self.ended += other.ended;
        self.not_admitted += other.not_admitted;
        self.resumed += other.resumed;
    }
}

impl Engine {
    /// The newest calls, at most `most`, newest first. It allocates, and looks at every call: for a few times a second.
    #[must_use]
    pub fn live_calls(&self, most: usize) -> Vec<LiveCall> {
        let newest = self.halves.signalling.newest(most);
        newest
            .into_iter()
            .filter_map(|slot| {
                let legs = self.halves.media.live_legs(slot);
                self.halves.signalling.live_call(slot, legs)
            })
            .collect()
    }

    /// How many calls there were.
    #[must_use]
    pub const fn call_counts(&self) -> CallCounts {
        self.halves.signalling.counts.calls
    }
}
