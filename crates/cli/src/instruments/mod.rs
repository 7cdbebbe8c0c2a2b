//! What a running recorder shows of itself: to `status` and `top` through its socket, to programs that scrape it, to the log,
//! and to whoever wants to hear of alarms. All of it is made from one [`earwitness_recorder::Health`], outside the capture
//! thread.

mod beside;
mod changes;
mod damper;
mod day_hook;
mod event;
mod exposition;
mod footprint;
mod hooks;
mod http;
mod log;
mod look;
mod metrics;
mod moment;
mod probe;
mod refusal;
#[cfg(test)]
pub(crate) mod sample;
mod unheard;
mod vitals;

use chrono_tz::Tz;
use earwitness_recorder::Watch;

use self::changes::Changes;
#[cfg(test)]
pub(crate) use self::look::CallState;
pub(crate) use self::{
    beside::{Shown, shown_beside},
    day_hook::follow_days,
    event::{Event, Sum},
    footprint::{Footprint, MemoryVitals, resident_bytes},
    hooks::AlarmHooks,
    http::Scraped,
    log::{Log, LogForm},
    look::{CallLine, LegLine, Look, Verdict, look},
    moment::Moment,
    refusal::RulesRefusal,
    unheard::Unheard,
    vitals::{HepVitals, InterfaceVitals, LinkWord, State, Vitals},
};
use crate::exit::{Exit, Failure};

/// What `status` is told of the recorder that `watch` watches, as JSON.
///
/// # Errors
/// In its first second.
pub(crate) fn vitals(watch: &Watch, zone: Tz, memory: Option<&Footprint>) -> Result<String, Failure> {
    let health = watch
        .health()
        .ok_or_else(|| Failure::new(Exit::Failed, "the recorder begins: ask again in a second"))?;
    let vitals = Vitals::new(&health, zone).beside(memory.and_then(|memory| memory.vitals(&health)));
    serde_json::to_string(&vitals).map_err(|cause| Failure::new(Exit::Failed, cause))
}
