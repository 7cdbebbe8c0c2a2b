//! SIP out of TCP and WebSocket, and out of TLS where a key log opens it: messages as the recorder reads them, so that calls
//! over TCP are judged like others.

use earwitness_model::{Flow, PacketTime};
use earwitness_wire::{
    TcpSegment,
    stream::{StreamLimits, StreamMessage, Streams},
};

/// The connections.
#[derive(Debug)]
pub(crate) struct Dialogue {
    streams: Streams,
}

impl Dialogue {
    pub(crate) fn new() -> Self {
        Self { streams: Streams::new(StreamLimits::default()) }
    }

    /// Takes lines of a TLS key log.
    pub(crate) fn handle_keys(&mut self, lines: &[u8]) {
        self.streams.handle_keys(lines, &[]);
    }

    /// Time goes on: what is missing may have to be given up.
    pub(crate) fn handle_time(&mut self, now: PacketTime) {
        if self.streams.next_deadline().is_some_and(|due| due <= now) {
            self.streams.handle_time(now);
        }
    }

    /// Takes a segment.
    pub(crate) fn handle_segment(&mut self, segment: &TcpSegment<'_>, at: PacketTime) {
        self.streams.handle_segment(segment, at);
    }

    /// Nothing comes any more: what is there of messages is taken.
    pub(crate) fn handle_end(&mut self) {
        self.streams.handle_end();
    }

    /// The next message, and between whom it went.
    pub(crate) fn poll_message(&mut self) -> Option<(Flow, Box<[u8]>)> {
        self.streams.poll_message().map(|StreamMessage { flow, bytes, .. }| (flow, bytes))
    }
}
