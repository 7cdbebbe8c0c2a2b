//! The thread for the signalling half of the engine, beside capture threads that have a part of the frames each: what they
//! report it makes calls of, and what they have to know it tells them.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use earwitness_capture::kernel_clock;
use earwitness_engine::{Counts, LiveCall, SignallingShard};
use earwitness_model::{CallId, WallTime};

use super::{
    LOOK_EVERY,
    backlog::Backlog,
    chronicle::{Chronicle, Missing, Sight},
    looks::Looks,
    shard::{FromShard, ShardLook, ToShard},
    taps::IDLE,
};
use crate::{
    health::{RingHealth, ThreadHealth},
    pipeline::{Pool, Stopped},
    pulse::Pulse,
    run::Finished,
    watch::{Ask, Order, Post},
};

/// Between two tries to give an order to a thread whose queue is full.
const FULL_AGAIN: Duration = Duration::from_millis(1);
/// How long a thread may take to say what it hears of calls.
const SOON: Duration = Duration::from_millis(100);
/// How long running calls may take to be finished when capturing has ended.
const PATIENCE_AT_END: Duration = Duration::from_secs(30);

/// The thread.
pub(super) struct SignallingThread<'a, C> {
    pub(super) signalling: SignallingShard,
    pub(super) shards: Vec<Sender<ToShard>>,
    pub(super) news: Receiver<FromShard>,
    /// What came while an order found a thread's queue full.
    pub(super) held: VecDeque<FromShard>,
    pub(super) pool: Pool,
    pub(super) backlog: Backlog,
    pub(super) clock: &'a C,
    pub(super) post: Post,
    pub(super) chronicle: Chronicle,
    pub(super) looks: Looks,
    /// The capture threads' signs of life.
    pub(super) pulses: Vec<Arc<Pulse>>,
    pub(super) rings: RingHealth,
    pub(super) done: usize,
    pub(super) look_due: Instant,
}

impl<C: Fn() -> WallTime> SignallingThread<'_, C> {
    /// Follows calls until it is told to stop, then has the capture threads end, and finishes what runs.
    pub(super) fn run(mut self) -> Finished {
        let captured = self.capture();
        self.pool.gauge.ending.store(true, Ordering::Relaxed);
        if captured.is_ok() {
            self.finish().unwrap_or(());
        }
        Finished { counts: self.counts(), dropped: self.looks.dropped(), ..Finished::default() }
    }

    fn capture(&mut self) -> Result<(), Stopped> {
        loop {
            while let Ok(order) = self.post.orders.try_recv() {
                match order {
                    Order::Stop => return self.tell_all(|| ToShard::Stop),
                    Order::Rules(rules) => {
                        self.chronicle.rules((self.clock)(), rules.hash());
                        self.signalling.handle_rules(*rules);
                    }
                    Order::RulesRefused => self.chronicle.rules_refused((self.clock)()),
                    Order::Disposal { has_failed } => self.chronicle.disposal(has_failed),
                    Order::KeyLog(lines) => self.tell_all(|| ToShard::KeyLog(Arc::clone(&lines)))?,
                }
            }
            while let Ok(Ask::Calls { most, reply }) = self.post.asks.try_recv() {
                // Who asked may be gone by now.
                reply.try_send(self.live_calls(most)?).unwrap_or_default();
            }
            self.take_news(IDLE)?;
            if Instant::now() >= self.look_due {
                self.look()?;
            }
        }
    }

    /// Calls as the signalling knows them, with what each thread hears of them; a thread that does not answer soon is left
    /// out.
    fn live_calls(&mut self, most: usize) -> Result<Vec<LiveCall>, Stopped> {
        let mut calls = self.signalling.live_calls(most);
        let ids: Arc<[CallId]> = calls.iter().map(|call| call.id).collect();
        let (reply, answers) = bounded(self.shards.len());
        self.tell_all(|| ToShard::Legs(Arc::clone(&ids), reply.clone()))?;
        for _ in 0..self.shards.len() {
            let Ok(legs) = answers.recv_timeout(SOON) else { break };
            calls.iter_mut().zip(legs).for_each(|(call, legs)| call.hear(legs));
        }
        Ok(calls)
    }

    /// Takes what the shards say, waiting for it a little, and hands on what comes of it.
    fn take_news(&mut self, wait: Duration) -> Result<(), Stopped> {
        if self.held.is_empty() {
            match self.news.recv_timeout(wait) {
                Ok(news) => self.handle(news)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Stopped),
            }
        }
        for _ in 0..self.held.len() + self.news.len() {
            if let Some(news) = self.held.pop_front().or_else(|| self.news.try_recv().ok()) {
                self.handle(news)?;
            }
        }
        self.backlog.drain(&self.pool, || self.signalling.poll_output())?;
        if let Some(pressure) = self.backlog.pressure() {
            self.signalling.handle_pressure(pressure);
        }
        if self.backlog.is_empty() {
            self.send_orders()?;
        }
        Ok(())
    }

    fn handle(&mut self, news: FromShard) -> Result<(), Stopped> {
        match news {
            FromShard::Report(report) => self.signalling.handle_report(report),
            FromShard::Done => self.done += 1,
            FromShard::Look(look) => self.handle_look(look)?,
            FromShard::Ended(shard, counts) => self.looks.put_counts(shard, &counts),
        }
        Ok(())
    }

    fn handle_look(&mut self, mut look: Box<ShardLook>) -> Result<(), Stopped> {
        let now = (self.clock)();
        // Every thread sees what happens to an interface, and when the clock is set: it is told once.
        if look.shard == 0 {
            for (interface, event) in look.events.drain(..) {
                self.chronicle.link_changed(now, &event, &interface);
            }
            look.steps.drain(..).for_each(|step| self.chronicle.clock_stepped(step));
        }
        for (health, losses) in &look.interfaces {
            if self.chronicle.lost(look.window, health, *losses) == Missing::Frames {
                self.tell_all(|| ToShard::Losses(look.window.0, look.window.1))?;
            }
        }
        self.looks.put(look);
        Ok(())
    }

    fn look(&mut self) -> Result<(), Stopped> {
        self.look_due = Instant::now() + LOOK_EVERY;
        let now = (self.clock)();
        self.rings.bytes = self.looks.ring_bytes();
        self.rings.high_water = self.rings.high_water.max(self.rings.bytes);
        let sight = Sight {
            threads: self.threads(now),
            interfaces: self.looks.interfaces(),
            queues: self.looks.backlogs().chain([self.backlog.health()]).collect(),
            rings: self.rings,
            counts: self.counts(),
            calls: self.signalling.calls(),
            call_counts: self.signalling.call_counts(),
        };
        self.chronicle.clock_status(now, kernel_clock());
        let health = self.chronicle.look(now, sight, &self.pool)?;
        self.post.publish(health);
        Ok(())
    }

    /// This thread, which is alive, and the capture threads with their last signs.
    fn threads(&self, now: WallTime) -> Vec<ThreadHealth> {
        let capture = self.pulses.iter().enumerate();
        let capture = capture
            .map(|(place, pulse)| ThreadHealth { name: format!("capture {place}"), alive: pulse.last() });
        let own = ThreadHealth { name: "signalling".to_owned(), alive: Some(now) };
        [own].into_iter().chain(capture).collect()
    }

    fn counts(&self) -> Counts {
        let mut counts = self.signalling.counts();
        self.looks.add_to(&mut counts);
        counts
    }

    /// All frames, then all reports, then the end of the calls, and what the threads say of it.
    fn finish(&mut self) -> Result<(), Stopped> {
        let until = Instant::now() + PATIENCE_AT_END;
        while self.done < self.shards.len() && Instant::now() < until {
            self.take_news(IDLE)?;
        }
        self.signalling.handle_end();
        self.backlog.finish(&self.pool, || self.signalling.poll_output())?;
        self.send_orders()?;
        while self.signalling.unfinished() > 0 && Instant::now() < until {
            self.take_news(IDLE)?;
        }
        self.look()?;
        self.chronicle.finish((self.clock)(), &self.pool)?;
        self.backlog.finish(&self.pool, || self.signalling.poll_output())?;
        self.tell_all(|| ToShard::End)?;
        // Until the last thread has let go of its end.
        while let Some(news) = self.held.pop_front().or_else(|| self.news.recv_deadline(until).ok()) {
            self.handle(news)?;
        }
        Ok(())
    }

    fn send_orders(&mut self) -> Result<(), Stopped> {
        while let Some(order) = self.signalling.poll_order() {
            self.tell_all(|| ToShard::Order(order.clone()))?;
        }
        Ok(())
    }

    /// Tells every thread. One whose queue is full may itself wait for this one to take what it says: that is held meanwhile.
    fn tell_all(&mut self, told: impl Fn() -> ToShard) -> Result<(), Stopped> {
        for shard in &self.shards {
            let mut next = told();
            while let Err(refused) = shard.try_send(next) {
                next = match refused {
                    TrySendError::Full(next) => next,
                    TrySendError::Disconnected(_) => return Err(Stopped),
                };
                self.held.extend(self.news.try_iter());
                thread::sleep(FULL_AGAIN);
            }
        }
        Ok(())
    }
}
