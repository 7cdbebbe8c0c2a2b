//! The running system: frames from a source through the engine into the vault.
//!
//! ```text
//!   Source ─► Engine ──Work──► sealing pool (a call always on the same thread) ──Written──► Writer ─► vault
//!   └── capture thread ──┘ ◄────────── ring buffers ───────────┘              └── group commit ──┘
//! ```
//!
//! Every queue is bounded and declared in [`queue`]. When the source is a file a full queue makes the capture thread
//! wait: a file can wait. This crate never decides who is recorded, never opens what it sealed, and never reads the wall
//! clock: the time of day is a function it is given.
#![forbid(unsafe_code)]

mod error;
mod pool;
pub mod queue;
mod run;
mod writer;

pub use error::RecordError;
pub use run::{CutFile, Finished, Input, Progress, Recorder};
