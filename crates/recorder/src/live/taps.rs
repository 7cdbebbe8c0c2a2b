//! The interfaces of one capture thread, and the clock that stamps their frames: how frames, idle time and steps of the
//! clock come to the engine, or to the shard of it that listens on this thread.

use std::time::{Duration, Instant};

use earwitness_capture::{Feed, LinkEvent, Losses, Polled};
use earwitness_engine::{Engine, MediaShard};
use earwitness_model::{PacketTime, RawFrame, WallTime};

use super::{
    clock::{ClockStep, ClockSteps, ClockWatch},
    packet_time,
    tap::Tap,
};
use crate::health::InterfaceHealth;

/// How long a thread waits for a frame before it looks at anything else.
pub(super) const IDLE: Duration = Duration::from_millis(20);
/// The engine's clock on an idle link stays this far behind: the kernel hands blocks of frames over up to so much later.
const LAG_NANOS: i64 = 250_000_000;

/// Who takes the frames. What each verb means is told at [`Engine`]'s.
pub(super) trait Listener {
    fn capture_time(&self) -> PacketTime;
    fn handle_tap(&mut self, place: usize);
    fn handle_frame(&mut self, frame: &RawFrame<'_>);
    fn handle_time(&mut self, now: PacketTime);
    fn handle_clock_step(&mut self, nanos: i64);
}

impl Listener for Engine {
    #[inline]
    fn capture_time(&self) -> PacketTime {
        Self::capture_time(self)
    }

    fn handle_tap(&mut self, place: usize) {
        Self::handle_tap(self, place);
    }

    #[inline]
    fn handle_frame(&mut self, frame: &RawFrame<'_>) {
        Self::handle_frame(self, frame);
    }

    fn handle_time(&mut self, now: PacketTime) {
        Self::handle_time(self, now);
    }

    fn handle_clock_step(&mut self, nanos: i64) {
        Self::handle_clock_step(self, nanos);
    }
}

impl Listener for MediaShard {
    #[inline]
    fn capture_time(&self) -> PacketTime {
        self.now()
    }

    fn handle_tap(&mut self, place: usize) {
        Self::handle_tap(self, place);
    }

    #[inline]
    fn handle_frame(&mut self, frame: &RawFrame<'_>) {
        Self::handle_frame(self, frame);
    }

    fn handle_time(&mut self, now: PacketTime) {
        Self::handle_time(self, now);
    }

    fn handle_clock_step(&mut self, nanos: i64) {
        Self::handle_clock_step(self, nanos);
    }
}

/// Whether any interface had a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Frames,
    Nothing,
}

/// The interfaces.
pub(super) struct Taps<'a, C> {
    each: Vec<Tap>,
    clock: &'a C,
    watch: ClockWatch,
    steps: ClockSteps,
}

impl<'a, C: Fn() -> WallTime> Taps<'a, C> {
    pub(super) fn new(sources: Vec<Feed>, clock: &'a C) -> Self {
        Self {
            each: sources.into_iter().map(Tap::new).collect(),
            clock,
            watch: ClockWatch::new(clock(), Instant::now()),
            steps: ClockSteps::default(),
        }
    }

    /// One batch of each interface.
    pub(super) fn poll(&mut self, listener: &mut impl Listener) -> Heard {
        let Self { each, clock, watch, steps } = self;
        let mut heard = Heard::Nothing;
        for (place, tap) in each.iter_mut().enumerate() {
            listener.handle_tap(place);
            let polled = tap.poll(&mut |frame| {
                if let Some(step) = watch.look_at_frame(frame.time, listener.capture_time(), *clock) {
                    listener.handle_clock_step(step.by_nanos);
                    steps.add(step);
                }
                listener.handle_frame(frame);
            });
            // What ails an interface comes as an event.
            if matches!(polled, Ok(Polled::Frames)) {
                heard = Heard::Frames;
            }
        }
        heard
    }

    /// Waits a little for a frame, and moves the listener's clock on.
    pub(super) fn wait(&mut self, listener: &mut impl Listener) {
        let sources: Vec<&Feed> = self.each.iter().map(|tap| &tap.source).collect();
        Feed::wait(&sources, IDLE);
        let now = (self.clock)();
        self.look_at_clock(now, listener);
        listener.handle_time(packet_time(now).plus_nanos(-LAG_NANOS));
    }

    /// The wall clock shows `now`: was it set?
    pub(super) fn look_at_clock(&mut self, now: WallTime, listener: &mut impl Listener) {
        if let Some(step) = self.watch.look(now, Instant::now()) {
            listener.handle_clock_step(step.by_nanos);
            self.steps.add(step);
        }
    }

    /// How the wall clock was set since the last call.
    pub(super) fn take_steps(&mut self) -> Vec<ClockStep> {
        self.steps.take()
    }

    /// What happened to the interfaces since the last call, each with its name.
    pub(super) fn take_events(&mut self) -> Vec<(String, LinkEvent)> {
        let mut events = Vec::new();
        for tap in &mut self.each {
            while let Some(event) = tap.poll_event() {
                events.push((tap.health().name.clone(), event));
            }
        }
        events
    }

    /// Each interface, with what it lost since the last call.
    pub(super) fn take_losses(&mut self) -> Vec<(InterfaceHealth, Losses)> {
        let each = self.each.iter_mut();
        each.map(|tap| {
            let losses = tap.take_losses();
            (tap.health().clone(), losses)
        })
        .collect()
    }

    /// Frames that kernel and interfaces dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.each.iter().map(|tap| tap.health().kernel_drops + tap.health().interface_drops).sum()
    }
}
