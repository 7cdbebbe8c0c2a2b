//! What the doctor says.

use std::fmt;

use earwitness_model::Flow;
use earwitness_wire::TunnelCounts;

use crate::{Code, Severity};

/// What was seen, and what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What passed the mirror.
    pub seen: Seen,
    /// Defects before notes, each code at most once.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether no defect was found; notes do no harm.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Note)
    }
}

/// What passed the mirror, counted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Seen {
    /// Frames.
    pub frames: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// How long was listened; in a file, from the earliest to the latest frame. In seconds.
    pub seconds: f64,
    /// SIP messages, over UDP and out of TCP.
    pub messages: u64,
    /// Calls: Call-IDs with an INVITE.
    pub calls: u64,
    /// Calls of them that were answered.
    pub answered: u64,
    /// RTP streams.
    pub streams: u64,
    /// RTP packets.
    pub packets: u64,
    /// Sequence numbers that never came.
    pub lost: u64,
    /// The share of one stream's packets that never came, in percent: of the stream that lost most. Streams of less
    /// than two seconds do not count.
    pub worst_loss_percent: f64,
    /// RTP bytes in the busiest second.
    pub busiest_second: u64,
    /// What the doctor's own bounded tables did not take: above 0 its counts are too small.
    pub left_out: u64,
    /// Datagrams and segments in tunnels that are read, by kind.
    pub tunnels: TunnelCounts,
}

/// One thing that is wrong or worth knowing.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What it is: stable.
    pub code: Code,
    /// How bad it is here.
    pub severity: Severity,
    /// What was found, in a sentence with its numbers.
    pub sentence: String,
    /// What it was found in.
    pub evidence: Evidence,
}

/// What a finding rests on.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// Counts by name, in a stable order.
    pub counts: Vec<(&'static str, u64)>,
    /// Frame numbers to look at, as Wireshark counts them; at most [`Evidence::EXAMPLES`].
    pub frames: Vec<u64>,
    /// Equipment between which it was seen, at most [`Evidence::EXAMPLES`]; a port of 0 stands for any. Addresses: for
    /// the terminal of whoever cures the mirror, never for a log.
    pub flows: Vec<Flow>,
    /// VLANs, ports, tunnels, ranges of extensions: where or of what kind.
    pub places: Vec<String>,
}

impl Evidence {
    /// Examples that are kept of each kind.
    pub const EXAMPLES: usize = 5;

    pub(crate) fn counted(counts: impl IntoIterator<Item = (&'static str, u64)>) -> Self {
        Self { counts: counts.into_iter().collect(), ..Self::default() }
    }

    pub(crate) fn at(mut self, frames: &Examples) -> Self {
        self.frames.extend_from_slice(&frames.0);
        self
    }

    pub(crate) fn between(mut self, flows: impl IntoIterator<Item = Flow>) -> Self {
        self.flows.extend(flows.into_iter().take(Self::EXAMPLES));
        self.flows.sort_unstable();
        self
    }

    pub(crate) fn of(mut self, places: impl IntoIterator<Item = String>) -> Self {
        self.places.extend(places);
        self
    }
}

/// The first few frames of a kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Examples(Vec<u64>);

impl Examples {
    pub(crate) fn add(&mut self, frame: u64) {
        if self.0.len() < Evidence::EXAMPLES {
            self.0.push(frame);
        }
    }
}

impl FromIterator<u64> for Examples {
    /// The smallest of `frames`.
    fn from_iter<I: IntoIterator<Item = u64>>(frames: I) -> Self {
        let mut all: Vec<u64> = frames.into_iter().collect();
        all.sort_unstable();
        all.truncate(Evidence::EXAMPLES);
        Self(all)
    }
}

/// `part` of `whole` in percent; 0 of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

/// Counts and frame numbers, and no address: those are personal.
impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence")
            .field("counts", &self.counts)
            .field("frames", &self.frames)
            .field("flows", &self.flows.len())
            .field("places", &self.places)
            .finish()
    }
}
