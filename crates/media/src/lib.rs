//! Audio of a finished call: the timeline of its packets, decoding, mixing, and the export formats.
//!
//! Pure: this crate never reads a clock, a file or a socket, never spawns a thread and never logs. Packets come in as
//! [`Segment`](earwitness_model::Segment)s, what leaves goes into an `impl Write`. It never changes a payload: what
//! [`export::payload()`] and [`export::pcapng()`] write is what was captured, byte for byte. No input makes it panic, and a
//! timeline beyond [`MAX_HOURS`] is refused instead of written.
//!
//! ```text
//!  Segment ─► Builder ─► CallAudio ─┬─► timeline ─► codec ─► resample ─► channel ─► export::wav, export::flac
//!                                   ├─► export::payload
//!                                   └─► export::pcapng
//! ```
//!
//! Decoded are G.711, G.722, GSM full rate, G.726 in both packings, L16 and Opus, and what RFC 2198 packs of them; the
//! samples are those of the standard's decoder. An export has the highest rate of what is in it, and audio of a lower rate
//! is raised to that: a call that changes from G.711 to Opus is one file, at 48 kHz. What a decoder remembers, and when it
//! forgets, stands in `codec/mod.rs`. Comfort noise (RFC 3389) is silence of its length, because
//! what a phone made of it was never sent, and so is audio of any other encoding, which the export says.
#![forbid(unsafe_code)]

mod audio;
mod channel;
mod codec;
mod conceal;
mod copies;
mod digits;
pub mod export;
mod red;
mod reread;
mod resample;
mod sound;
mod stage;
mod timeline;
mod voicing;
mod wave;

pub use audio::{Builder, CallAudio, LeftOut, Stream, TrackAudio};
pub use digits::Digits;
pub use reread::{Reread, RereadError, reread};
pub use sound::{Echo, Sound, sound};
pub use timeline::MAX_HOURS;
pub use wave::{Wave, wave};
