//! What `top` is told: the health of the recorder, and the calls that run.

use chrono_tz::Tz;
use earwitness_engine::{LiveCall, LiveLeg, LiveState};
use earwitness_model::{PacketTime, Pii, Refusal, WallTime};
use earwitness_recorder::Watch;
use serde::{Deserialize, Serialize};

use super::{Footprint, Moment, Vitals};
use crate::{
    exit::{Exit, Failure},
    view::{Arrived, mos},
};

/// One look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Look {
    pub(crate) vitals: Vitals,
    /// Newest first.
    pub(crate) calls: Vec<CallLine>,
}

/// A call that runs. Its numbers are shown to whoever may list calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CallLine {
    pub(crate) id: String,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) rule: Option<String>,
    pub(crate) verdict: Verdict,
    /// Why it is not kept.
    pub(crate) why_not: Option<String>,
    pub(crate) state: CallState,
    pub(crate) start: Moment,
    pub(crate) answered: Option<Moment>,
    /// The caller's voice and the callee's.
    pub(crate) legs: [Option<LegLine>; 2],
}

/// Whether it is kept, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Verdict {
    Kept,
    NoRule,
    Never,
    Internal,
    Direction,
    Selective,
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum CallState {
    Ringing,
    Answered,
    Held,
    Ending,
}

/// A party's voice so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LegLine {
    pub(crate) codec: Option<String>,
    pub(crate) packets: u64,
    pub(crate) lost: u64,
    pub(crate) jitter_ms: Option<f64>,
    pub(crate) mos: Option<f64>,
}

/// A look at the recorder that `watch` watches, with at most `most` calls, as JSON.
///
/// # Errors
/// In its first second, and when it hangs.
pub(crate) fn look(
    watch: &Watch,
    zone: Tz,
    (most, memory): (usize, Option<&Footprint>),
) -> Result<String, Failure> {
    let failed = |cause: &dyn std::fmt::Display| Failure::new(Exit::Failed, cause);
    let health = watch.health().ok_or_else(|| failed(&"the recorder begins: ask again in a second"))?;
    let calls = watch.calls(most).map_err(|no_answer| failed(&no_answer))?;
    let calls = calls.iter().map(|call| CallLine::new(call, zone)).collect();
    let vitals = Vitals::new(&health, zone).beside(memory.and_then(|memory| memory.vitals(&health)));
    serde_json::to_string(&Look { vitals, calls }).map_err(|cause| failed(&cause))
}

impl CallLine {
    fn new(call: &LiveCall, zone: Tz) -> Self {
        let user = |user: &Option<Pii<String>>| user.as_ref().map(|user| user.expose().clone());
        let moment = |at: PacketTime| Moment::new(WallTime::from_nanos(at.nanos()), zone);
        Self {
            id: call.id.to_string(),
            from: user(&call.from),
            to: user(&call.to),
            department: call.department.clone(),
            rule: call.rule.clone(),
            verdict: Verdict::of(call.refusal),
            why_not: call.refusal.map(|refusal| refusal.to_string()),
            state: call.state.into(),
            start: moment(call.start),
            answered: call.answered.map(moment),
            legs: [0, 1].map(|leg: usize| call.legs[leg].as_ref().map(LegLine::from)),
        }
    }

    /// Percent of the packets of both voices that did not come, by the worse one; `None` where nothing is counted.
    pub(crate) fn worst_loss(&self) -> Option<f64> {
        self.legs.iter().flatten().map(LegLine::lost_percent).reduce(f64::max)
    }
}

impl Verdict {
    fn of(refusal: Option<Refusal>) -> Self {
        match refusal {
            None => Self::Kept,
            Some(Refusal::NoRule) => Self::NoRule,
            Some(Refusal::Never) => Self::Never,
            Some(Refusal::InternalCall) => Self::Internal,
            Some(Refusal::Direction) => Self::Direction,
            Some(Refusal::SelectiveNotStarted) => Self::Selective,
        }
    }

    /// For a table.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::NoRule => "no rule",
            Self::Never => "never",
            Self::Internal => "internal",
            Self::Direction => "direction",
            Self::Selective => "selective",
        }
    }
}

impl CallState {
    /// For a table.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Answered => "talking",
            Self::Held => "held",
            Self::Ending => "ending",
        }
    }
}

impl From<LiveState> for CallState {
    fn from(state: LiveState) -> Self {
        match state {
            LiveState::Ringing => Self::Ringing,
            LiveState::Answered => Self::Answered,
            LiveState::Held => Self::Held,
            LiveState::Ending => Self::Ending,
        }
    }
}

impl LegLine {
    /// Percent of the packets that did not come.
    pub(crate) fn lost_percent(&self) -> f64 {
        self.arrived().lost_percent()
    }

    const fn arrived(&self) -> Arrived {
        Arrived { packets: self.packets, lost: self.lost, runs: 0, jitter_ms: self.jitter_ms }
    }
}

impl From<&LiveLeg> for LegLine {
    fn from(leg: &LiveLeg) -> Self {
        let arrived = Arrived { packets: leg.packets, lost: leg.lost, runs: 0, jitter_ms: leg.jitter_ms };
        Self {
            codec: leg.codec.as_ref().map(ToString::to_string),
            packets: leg.packets,
            lost: leg.lost,
            jitter_ms: leg.jitter_ms,
            mos: mos(leg.codec.as_ref(), arrived),
        }
    }
}
