//! The capture thread on a wire: it never waits for anybody behind it.
//!
//! Each turn: orders and questions, one batch of frames of each interface, what the engine gave, buffers back; once a
//! second losses, health and alarms; and when no interface had a frame, a short wait and a tick of the engine's clock.

mod backlog;
mod chronicle;
mod clock;
mod lapse;
mod shard;
pub(crate) mod sharded;
mod tap;

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use earwitness_capture::{LiveSource, Polled};
use earwitness_engine::Engine;
use earwitness_model::{PacketTime, WallTime};
use earwitness_vault::{Vault, Watching};

use self::{
    backlog::Backlog,
    chronicle::{Chronicle, Missing, Sight},
    clock::ClockWatch,
    tap::Tap,
};
use crate::{
    health::RingHealth,
    pipeline::{Pool, Stopped},
    run::Finished,
    watch::{Ask, Order, Post},
};

/// How long the thread waits for a frame before it looks at anything else.
const IDLE: Duration = Duration::from_millis(20);
/// The engine's clock on an idle link stays this far behind: the kernel hands blocks of frames over up to so much later.
const LAG_NANOS: i64 = 250_000_000;
/// Between two looks at losses and health.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the rings are read on after the order to stop.
const LAST_READING: Duration = Duration::from_millis(200);

/// What the capture thread is given.
pub(crate) struct Capture<'a, C> {
    pub(crate) engine: Engine,
    pub(crate) sources: Vec<LiveSource>,
    pub(crate) vault: &'a Vault,
    pub(crate) watching: Watching,
    pub(crate) clock: &'a C,
    pub(crate) post: Post,
    pub(crate) ring_budget: usize,
}

/// The capture thread.
pub(crate) struct Live<'a, C> {
    engine: Engine,
    taps: Vec<Tap>,
    pool: Pool,
    backlog: Backlog,
    clock: &'a C,
    clocks: ClockWatch,
    post: Post,
    chronicle: Chronicle<'a>,
    rings: RingHealth,
    look_due: Instant,
}

/// Whether to go on.
enum Turn {
    GoOn,
    Stop,
}

impl<'a, C: Fn() -> WallTime> Live<'a, C> {
    pub(crate) fn new(capture: Capture<'a, C>, pool: Pool) -> Self {
        let Capture { engine, sources, vault, watching, clock, post, ring_budget } = capture;
        let (now, monotonic) = (clock(), Instant::now());
        Self {
            engine,
            taps: sources.into_iter().map(Tap::new).collect(),
            backlog: Backlog::new(&pool),
            pool,
            clock,
            clocks: ClockWatch::new(now, monotonic),
            post,
            chronicle: Chronicle::new(vault, watching, now),
            rings: RingHealth { budget: ring_budget, ..RingHealth::default() },
            look_due: monotonic,
        }
    }

    /// Captures until it is told to stop, then finishes what runs.
    pub(crate) fn run(mut self) -> Finished {
        // When storage stopped, the writer says why.
        let captured = self.capture();
        self.pool.gauge.ending.store(true, Ordering::Relaxed);
        if captured.is_ok() {
            self.finish().unwrap_or(());
        }
        let drops = |tap: &Tap| tap.health().kernel_drops + tap.health().interface_drops;
        let dropped = self.taps.iter().map(drops).sum();
        Finished { counts: self.engine.counts(), dropped, ..Finished::default() }
    }

    fn capture(&mut self) -> Result<(), Stopped> {
        loop {
            match self.take_orders() {
                Turn::GoOn => {}
                Turn::Stop => return Ok(()),
            }
            self.answer_asks();
            if !self.poll()? {
                self.wait();
                self.drain()?;
            }
            self.pool.take_back(|segment| self.engine.handle_returned(segment));
            if Instant::now() >= self.look_due {
                self.look()?;
            }
        }
    }

    /// One batch of each interface; whether there was any frame.
    fn poll(&mut self) -> Result<bool, Stopped> {
        let mut any = false;
        for tap in 0..self.taps.len() {
            let (engine, clocks, clock) = (&mut self.engine, &mut self.clocks, self.clock);
            let mut stepped = None;
            let polled = self.taps[tap].poll(&mut |frame| {
                if let Some(step) = clocks.look_at_frame(frame.time, engine.capture_time(), clock) {
                    engine.handle_clock_step(step);
                    stepped = Some(step);
                }
                engine.handle_frame(frame);
            });
            if let Some(step) = stepped {
                self.chronicle.clock_stepped((self.clock)(), step);
            }
            // What ails an interface comes as an event.
            any |= matches!(polled, Ok(Polled::Frames));
            self.drain()?;
        }
        self.rings.bytes = self.engine.ring_bytes();
        self.rings.high_water = self.rings.high_water.max(self.rings.bytes);
        Ok(any)
    }

    fn drain(&mut self) -> Result<(), Stopped> {
        self.backlog.drain(&self.pool, || self.engine.poll_output())?;
        if let Some(pressure) = self.backlog.pressure() {
            self.engine.handle_pressure(pressure);
        }
        Ok(())
    }

    fn wait(&mut self) {
        let sources: Vec<&LiveSource> = self.taps.iter().map(|tap| &tap.source).collect();
        earwitness_capture::wait(&sources, IDLE);
        let now = (self.clock)();
        self.look_at_clock(now);
        self.engine.handle_time(packet_time(now).plus_nanos(-LAG_NANOS));
    }

    fn take_orders(&mut self) -> Turn {
        while let Ok(order) = self.post.orders.try_recv() {
            match order {
                Order::Stop => return Turn::Stop,
                Order::Rules(rules) => {
                    self.chronicle.rules((self.clock)(), rules.hash());
                    self.engine.handle_rules(*rules);
                }
            }
        }
        Turn::GoOn
    }

    fn answer_asks(&mut self) {
        while let Ok(Ask::Calls { most, reply }) = self.post.asks.try_recv() {
            // Who asked may be gone by now.
            reply.try_send(self.engine.live_calls(most)).unwrap_or_default();
        }
    }

    /// Once a second: losses, what happened to the interfaces, health.
    fn look(&mut self) -> Result<(), Stopped> {
        self.look_due = Instant::now() + LOOK_EVERY;
        let now = (self.clock)();
        self.look_at_clock(now);
        for tap in &mut self.taps {
            while let Some(event) = tap.poll_event() {
                self.chronicle.link_changed(now, &event, &tap.health().name);
            }
            let losses = tap.take_losses();
            let window = self.chronicle.since_look(now);
            if self.chronicle.lost(window, tap.health(), losses) == Missing::Frames {
                self.engine.handle_losses(packet_time(window.0), packet_time(window.1));
            }
        }
        let sight = Sight {
            interfaces: self.taps.iter().map(|tap| tap.health().clone()).collect(),
            queues: vec![self.backlog.health()],
            rings: self.rings,
            counts: self.engine.counts(),
            calls: self.engine.calls(),
            call_counts: self.engine.call_counts(),
        };
        let health = self.chronicle.look(now, sight, &self.pool)?;
        self.post.publish(health);
        Ok(())
    }

    fn look_at_clock(&mut self, now: WallTime) {
        if let Some(step) = self.clocks.look(now, Instant::now()) {
            self.engine.handle_clock_step(step);
            self.chronicle.clock_stepped(now, step);
        }
    }

    /// Reads what is in the rings, ends the calls that run, hands everything over.
    fn finish(&mut self) -> Result<(), Stopped> {
        let until = Instant::now() + LAST_READING;
        while self.poll()? && Instant::now() < until {
            self.pool.take_back(|segment| self.engine.handle_returned(segment));
        }
        self.look()?;
        self.engine.handle_end();
        self.chronicle.finish((self.clock)(), &self.pool)?;
        self.backlog.finish(&self.pool, || self.engine.poll_output())
    }
}

/// Capture times are the wall clock's.
pub(crate) const fn packet_time(at: WallTime) -> PacketTime {
    PacketTime::from_nanos(at.nanos())
}
