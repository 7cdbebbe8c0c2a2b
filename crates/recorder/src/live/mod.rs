//! The capture thread on a wire: it never waits for anybody behind it.
//!
//! Each turn: orders and questions, one batch of frames of each interface, what the engine gave, buffers back; once a
//! second losses, health and alarms; and when no interface had a frame, a short wait and a tick of the engine's clock.

mod backlog;
mod chronicle;
mod clock;
mod lapse;
mod looks;
mod notes;
mod shard;
pub(crate) mod sharded;
mod signalling;
mod tap;
mod taps;

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use earwitness_capture::{Feed, kernel_clock};
use earwitness_engine::Engine;
use earwitness_model::{PacketTime, WallTime};
use earwitness_vault::Watching;

use self::{
    backlog::Backlog,
    chronicle::{Chronicle, Missing, Sight},
    taps::{Heard, Taps},
};
use crate::{
    health::{RingHealth, ThreadHealth},
    pipeline::{Pool, Stopped},
    run::Finished,
    watch::{Ask, Order, Post},
};

/// Between two looks at losses and health.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the rings are read on after the order to stop.
const LAST_READING: Duration = Duration::from_millis(200);

/// What the capture thread is given.
pub(crate) struct Capture<'a, C> {
    pub(crate) engine: Engine,
    pub(crate) sources: Vec<Feed>,
    pub(crate) watching: Watching,
    pub(crate) clock: &'a C,
    pub(crate) post: Post,
    pub(crate) ring_budget: usize,
}

/// The capture thread.
pub(crate) struct Live<'a, C> {
    engine: Engine,
    taps: Taps<'a, C>,
    pool: Pool,
    backlog: Backlog,
    clock: &'a C,
    post: Post,
    chronicle: Chronicle,
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
        let Capture { engine, sources, watching, clock, post, ring_budget } = capture;
        Self {
            engine,
            taps: Taps::new(sources, clock),
            backlog: Backlog::new(&pool),
            pool,
            clock,
            post,
            chronicle: Chronicle::new(watching, clock()),
            rings: RingHealth { budget: ring_budget, ..RingHealth::default() },
            look_due: Instant::now(),
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
        Finished { counts: self.engine.counts(), dropped: self.taps.dropped(), ..Finished::default() }
    }

    fn capture(&mut self) -> Result<(), Stopped> {
        loop {
            match self.take_orders() {
                Turn::GoOn => {}
                Turn::Stop => return Ok(()),
            }
            self.answer_asks();
            if self.poll()? == Heard::Nothing {
                self.taps.wait(&mut self.engine);
                self.drain()?;
            }
            self.tell_steps();
            self.pool.take_back(|segment| self.engine.handle_returned(segment));
            if Instant::now() >= self.look_due {
                self.look()?;
            }
        }
    }

    /// One batch of each interface, and what comes of it.
    fn poll(&mut self) -> Result<Heard, Stopped> {
        let heard = self.taps.poll(&mut self.engine);
        self.drain()?;
        self.rings.bytes = self.engine.ring_bytes();
        self.rings.high_water = self.rings.high_water.max(self.rings.bytes);
        Ok(heard)
    }

    fn drain(&mut self) -> Result<(), Stopped> {
        self.backlog.drain(&self.pool, || self.engine.poll_output())?;
        if let Some(pressure) = self.backlog.pressure() {
            self.engine.handle_pressure(pressure);
        }
        Ok(())
    }

    fn take_orders(&mut self) -> Turn {
        while let Ok(order) = self.post.orders.try_recv() {
            match order {
                Order::Stop => return Turn::Stop,
                Order::Rules(rules) => {
                    self.chronicle.rules((self.clock)(), rules.hash());
                    self.engine.handle_rules(*rules);
                }
                Order::RulesRefused => self.chronicle.rules_refused((self.clock)()),
                Order::Disposal { has_failed } => self.chronicle.disposal(has_failed),
                Order::KeyLog(lines) => self.engine.handle_key_log(&lines.text, &lines.ports),
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

    fn tell_steps(&mut self) {
        for step in self.taps.take_steps() {
            self.chronicle.clock_stepped(step);
        }
    }

    /// Once a second: losses, what happened to the interfaces, health.
    fn look(&mut self) -> Result<(), Stopped> {
        self.look_due = Instant::now() + LOOK_EVERY;
        let now = (self.clock)();
        self.taps.look_at_clock(now, &mut self.engine);
        self.tell_steps();
        for (interface, event) in self.taps.take_events() {
            self.chronicle.link_changed(now, &event, &interface);
        }
        let window = self.chronicle.since_look(now);
        let mut interfaces = Vec::new();
        for (interface, losses) in self.taps.take_losses() {
            if self.chronicle.lost(window, &interface, losses) == Missing::Frames {
                self.engine.handle_losses(packet_time(window.0), packet_time(window.1));
            }
            interfaces.push(interface);
        }
        let sight = Sight {
            threads: vec![ThreadHealth { name: "capture".to_owned(), alive: Some(now) }],
            interfaces,
            queues: vec![self.backlog.health()],
            rings: self.rings,
            counts: self.engine.counts(),
            calls: self.engine.calls(),
            call_counts: self.engine.call_counts(),
        };
        self.chronicle.clock_status(now, kernel_clock());
        let health = self.chronicle.look(now, sight, &self.pool)?;
        self.post.publish(health);
        Ok(())
    }

    /// Reads what is in the rings, ends the calls that run, hands everything over.
    fn finish(&mut self) -> Result<(), Stopped> {
        let until = Instant::now() + LAST_READING;
        while self.poll()? == Heard::Frames && Instant::now() < until {
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
