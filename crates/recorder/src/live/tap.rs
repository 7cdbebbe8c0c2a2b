//! One interface, or port of capture agents: its source, and what is told of it.

use std::time::Instant;

use earwitness_capture::{CaptureError, Feed, LinkEvent, LinkState, Losses, Polled, Source};
use earwitness_model::{RawFrame, WallTime};

use crate::health::{InterfaceHealth, Link};

/// An interface and its counters.
pub(super) struct Tap {
    pub(super) source: Feed,
    health: InterfaceHealth,
    /// When it was last looked at, and the frames and bytes until then.
    before: (Instant, u64, u64),
}

impl Tap {
    pub(super) fn new(source: Feed) -> Self {
        let health = InterfaceHealth {
            name: source.name().to_owned(),
            link: link(source.link()),
            frames: 0,
            bytes: 0,
            frames_per_second: 0.0,
            bytes_per_second: 0.0,
            kernel_drops: 0,
            interface_drops: 0,
            last_frame: None,
            hep: source.hep(),
        };
        Self { source, health, before: (Instant::now(), 0, 0) }
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

    /// What was lost since the last call; the rates are told anew.
    pub(super) fn take_losses(&mut self) -> Losses {
        let (at, frames, bytes) =
            std::mem::replace(&mut self.before, (Instant::now(), self.health.frames, self.health.bytes));
        let seconds = self.before.0.saturating_duration_since(at).as_secs_f64();
        if seconds > 0.0 {
            self.health.frames_per_second = (self.health.frames - frames) as f64 / seconds;
            self.health.bytes_per_second = (self.health.bytes - bytes) as f64 / seconds;
        }
        let losses = self.source.take_losses();
        self.health.kernel_drops += losses.kernel;
        self.health.interface_drops += losses.interface;
        self.health.hep = self.source.hep();
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
