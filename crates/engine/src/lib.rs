//! Frames in, calls and audio out.
//!
//! The engine is a pure function of its frames: it reads no clock, opens no file or socket, spawns no thread and logs
//! nothing. Time is the frames' own ([`PacketTime`](earwitness_model::PacketTime)); [`Engine::handle_time`] moves it on
//! when the link is idle, and it goes on when the clock of the capture is set. Nothing borrowed outlives [`Engine::handle_frame`]: an RTP payload is
//! copied once, into its call's ring; a SIP message leaves facts, and one copy of its datagram.
//!
//! ```text
//!   handle_frame ─► wire::decode ─► Signalling ──Order──► Media ─► rings ─► Segment ┐
//!   handle_time  ─► deadlines    ─►      ▲ ◄────Report──── ┘                        ├─► poll_output
//!   handle_end                           └── Opened, Running, Ended ───────────────┘
//! ```
//!
//! The replay law: the same frames give the same outputs per call, under any batching, a constant shift of time, or
//! unrelated traffic between; leaving frames out only adds gaps or removes audio.
#![forbid(unsafe_code)]

mod clock;
mod counts;
mod engine;
mod halves;
mod limits;
mod live;
mod media;
mod order;
mod output;
mod pool;
mod presses;
mod pressure;
mod secured;
mod shard;
mod signalling;
mod timer;

pub use counts::{Counts, MediaCounts};
pub use engine::Engine;
pub use limits::Limits;
pub use live::{CallCounts, LiveCall, LiveLeg, LiveState};
pub use output::{Opened, Output, Returned, Stream};
pub use pool::RING_BYTES;
pub use pressure::Pressure;
pub use shard::{MediaShard, ShardOrder, ShardPlace, ShardReport, SignallingShard};
pub use timer::Timer;
