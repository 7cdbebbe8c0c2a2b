//! The running system: frames from a source through the engine into the vault.
//!
//! ```text
//!   Source ─► Engine ──Work──► sealing pool (a call always on the same thread) ──Written──► Writer ─► vault
//!   └── capture thread ──┘ ◄────────── ring buffers ───────────┘              └── group commit ──┘
//! ```
//!
//! Every queue is bounded and declared in [`queue`]. When the source is a file a full queue makes the capture thread
//! wait: a file can wait. A wire cannot: what finds a queue full waits in the engine's rings, and when their budget is used
//! up it becomes a gap that is counted and told. This crate never decides who is recorded, never opens what it sealed, and never reads the wall
//! clock: the time of day is a function it is given.
#![forbid(unsafe_code)]

mod alarm;
mod cadence;
mod closing;
mod disk;
mod error;
mod gauge;
mod health;
mod lag;
mod live;
mod merged;
mod pipeline;
mod pool;
mod pulse;
pub mod queue;
mod run;
mod watch;
mod way_back;
mod writer;

pub use alarm::{Alarm, AlarmCode};
pub use closing::DayEnd;
pub use error::RecordError;
pub use health::{
    DiskHealth, Health, InterfaceHealth, Link, QueueHealth, RingHealth, RulesHealth, ThreadHealth,
    WaitingHealth, WriterHealth,
};
pub use lag::LagHealth;
pub use run::{CutFile, Finished, Input, Progress, Recorder};
pub use watch::{KeyLogLines, NoAnswer, Post, Watch, watch};
