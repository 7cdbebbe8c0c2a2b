//! Is this mirror fit to record? Frames in, findings with their cures out.
//!
//! This crate reads no clock, opens no file or interface, spawns no thread and logs nothing; it keeps no payload, and no
//! number of a person longer than it takes to compare it with the rules. What cannot be seen in frames (the clock, the
//! kernel's ring, the disk) comes as [`Surroundings`] from whoever can look at it. Every table is bounded, and what did
//! not fit is counted in [`Seen::left_out`].
//!
//! A frame costs 0.37 µs of processor time, reading the file included (`earwitness doctor -r` on a
//! generated capture of 479,600 frames, 400 calls at once; 0.40 µs on one of 101,966 frames and 34 calls; release build, one
//! thread, 2026-11-22).
//!
//! [`Doctor`] routes; each file of `exam` looks for one defect and owns the state it needs for it. [`Code`] is the list
//! of what can be found, with the sentence and the cure of each.
#![forbid(unsafe_code)]

mod bounded;
mod calls;
mod code;
mod dialogue;
mod doctor;
mod exam;
mod pair;
mod report;
mod streams;
mod surroundings;

pub use code::{Code, Severity};
pub use doctor::{Doctor, ExtensionReport, Options};
pub use report::{Evidence, Finding, Report, Seen};
pub use surroundings::{ClockState, DiskSpeed, DiskTrial, RingLosses, Surroundings};
