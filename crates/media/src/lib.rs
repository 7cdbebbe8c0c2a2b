//! Audio of a finished call: the timeline of its packets, decoding, mixing, and the export formats.
//!
//! Pure: this crate never reads a clock, a file or a socket, never spawns a thread and never logs. Packets come in as
//! [`Segment`](earwitness_model::Segment)s, what leaves goes into an `impl Write`. It never changes a payload: what
//! [`export::payload()`] and [`export::pcapng()`] write is what was captured, byte for byte. No input makes it panic, and a
//! timeline beyond [`MAX_HOURS`] is refused instead of written.
//!
//! ```text
//!  Segment ─► Builder ─► CallAudio ─┬─► timeline ─► channel ─► export::wav
//!                                   ├─► export::payload
//!                                   └─► export::pcapng
//! ```
#![forbid(unsafe_code)]

mod audio;
mod channel;
mod codec;
mod conceal;
pub mod export;
mod timeline;

pub use audio::{Builder, CallAudio, LeftOut, Stream, TrackAudio};
pub use timeline::MAX_HOURS;
