//! One interface: its source, and what is told of it.

use earwitness_capture::{CaptureError, LinkEvent, LinkState, LiveSource, Losses, Polled, Source};
use earwitness_model::{RawFrame, WallTime};

use crate::health::{InterfaceHealth, Link};

/// An interface and its counters.
pub(super) struct Tap {
    pub(super) source: LiveSource,
    health: InterfaceHealth,
}

impl Tap {
    pub(super) fn new(source: LiveSource) -> Self {
        let health = InterfaceHealth {
            name: source.name().to_owned(),
            link: link(source.link()),
            frames: 0,
            bytes: 0,
            kernel_drops: 0,
            interface_drops: 0,
            last_frame: None,
        };
        Self { source, health }
    }

    /// Hands over what the ring has now.
    pub(super) fn poll(&mut self, visit: &mut dyn FnMut(&RawFrame<'_>)) -> Result<Polled, CaptureError> {
        let (mut frames, mut bytes, mut last) = (0, 0, None);
        let polled = self.source.poll(&mut |frame| {
            (frames, bytes, last) = (frames + 1, bytes + u64::from(frame.wire_len), Some(frame.time));
            visit(frame);
        });
        self.health.frames += frames;
        self.health.bytes += bytes;
        self.health.last_frame =
            last.map(|time| WallTime::from_nanos(time.nanos())).or(self.health.last_frame);
        polled
    }

    /// What was lost since the last call.
    pub(super) fn take_losses(&mut self) -> Losses {
        let losses = self.source.take_losses();
        self.health.kernel_drops += losses.kernel;
        self.health.interface_drops += losses.interface;
        losses
    }

    /// What happened to the interface, if anything.
    pub(super) fn poll_event(&mut self) -> Option<LinkEvent> {
        let event = self.source.poll_event();
        self.health.link = link(self.source.link());
        if event.is_some() {
            self.source.name().clone_into(&mut self.health.name);
        }
        event
    }

    pub(super) const fn health(&self) -> &InterfaceHealth {
        &self.health
    }
}

const fn link(state: LinkState) -> Link {
    match state {
        LinkState::Up => Link::Up,
        LinkState::Down => Link::Down,
        LinkState::Gone => Link::Gone,
    }
}
