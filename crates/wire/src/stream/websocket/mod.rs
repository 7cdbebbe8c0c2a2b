//! SIP over WebSocket in clear (RFC 7118): the handshake, and the messages in the frames.

mod frame;
mod handshake;

pub(super) use frame::{FrameReading, FrameStep, begins_message};
pub(super) use handshake::{Handshake, is_handshake, judge};
