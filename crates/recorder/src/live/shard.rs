//! One of several capture threads: its part of every interface's frames, and its media half of the engine.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError};
use earwitness_capture::{LinkEvent, Losses};
use earwitness_engine::{Counts, LiveLeg, MediaShard, ShardOrder, ShardReport};
use earwitness_model::{CallId, WallTime};

use super::{
    LAST_READING, LOOK_EVERY,
    backlog::Backlog,
    clock::ClockStep,
    packet_time,
    taps::{Heard, Taps},
};
use crate::{
    health::{InterfaceHealth, QueueHealth},
    pipeline::{Pool, Stopped},
    pulse::Pulse,
    watch::KeyLogLines,
};

/// What a shard hears of a call.
pub(super) type Legs = [Option<LiveLeg>; 2];

/// What the signalling thread tells a capture thread.
pub(super) enum ToShard {
    /// From its half of the engine.
    Order(ShardOrder),
    /// Some thread lost frames.
    Losses(WallTime, WallTime),
    /// What is heard of these calls?
    Legs(Arc<[CallId]>, Sender<Vec<Legs>>),
    /// Keys of TLS.
    KeyLog(Arc<KeyLogLines>),
    /// No more frames: read what is in the rings, and go on with orders.
    Stop,
    /// No more orders.
    End,
}

/// What a capture thread tells the signalling thread.
pub(super) enum FromShard {
    /// From its half of the engine.
    Report(ShardReport),
    /// Once a second.
    Look(Box<ShardLook>),
    /// Everything of the capture was reported.
    Done,
    /// All calls are over: what a shard, by its number, counted in the end.
    Ended(usize, Box<Counts>),
}

/// What a capture thread shows once a second; losses, events and steps are those since the last time.
pub(super) struct ShardLook {
    pub(super) shard: usize,
    /// From the look before to this one.
    pub(super) window: (WallTime, WallTime),
    pub(super) interfaces: Vec<(InterfaceHealth, Losses)>,
    pub(super) events: Vec<(String, LinkEvent)>,
    pub(super) steps: Vec<ClockStep>,
    pub(super) backlog: QueueHealth,
    pub(super) ring_bytes: usize,
    pub(super) counts: Counts,
}

/// The thread.
pub(super) struct ShardThread<'a, C> {
    pub(super) number: usize,
    pub(super) shard: MediaShard,
    pub(super) taps: Taps<'a, C>,
    pub(super) pool: Pool,
    pub(super) backlog: Backlog,
    pub(super) clock: &'a C,
    pub(super) orders: Receiver<ToShard>,
    pub(super) news: Sender<FromShard>,
    /// What goes before the next report: it found the queue full, or is a look.
    pub(super) unsent: VecDeque<FromShard>,
    /// Written at every look.
    pub(super) pulse: Arc<Pulse>,
    pub(super) looked: WallTime,
    pub(super) look_due: Instant,
}

/// What the orders came to.
#[derive(PartialEq, Eq)]
enum Turn {
    GoOn,
    Stop,
    End,
}

impl<C: Fn() -> WallTime> ShardThread<'_, C> {
    /// Captures until it is told to stop, answers orders until it is told to end.
    pub(super) fn run(mut self) -> Result<(), Stopped> {
        while self.take_orders() == Turn::GoOn {
            if self.taps.poll(&mut self.shard) == Heard::Nothing {
                self.taps.wait(&mut self.shard);
            }
            self.hand_over()?;
            self.pool.take_back(|segment| self.shard.handle_returned(segment));
            if Instant::now() >= self.look_due {
                self.look();
            }
        }
        let until = Instant::now() + LAST_READING;
        while self.taps.poll(&mut self.shard) == Heard::Frames && Instant::now() < until {
            self.hand_over()?;
            self.pool.take_back(|segment| self.shard.handle_returned(segment));
        }
        self.shard.handle_last_frame();
        // A look that waits keeps the last one from being taken.
        self.finish_reports()?;
        self.look();
        self.finish_reports()?;
        self.send(FromShard::Done)?;
        loop {
            let Ok(told) = self.orders.recv() else { return Ok(()) };
            if self.handle(told) == Turn::End {
                break;
            }
            self.finish_reports()?;
        }
        self.shard.handle_end();
        self.finish_reports()?;
        self.send(FromShard::Ended(self.number, Box::new(self.shard.counts())))
    }

    fn take_orders(&mut self) -> Turn {
        loop {
            let turn = match self.orders.try_recv() {
                Ok(told) => self.handle(told),
                Err(TryRecvError::Empty) => return Turn::GoOn,
                Err(TryRecvError::Disconnected) => return Turn::Stop,
            };
            if turn != Turn::GoOn {
                return turn;
            }
        }
    }

    fn handle(&mut self, told: ToShard) -> Turn {
        match told {
            ToShard::Order(order) => self.shard.handle_order(order),
            ToShard::Losses(from, to) => self.shard.handle_losses(packet_time(from), packet_time(to)),
            ToShard::Legs(calls, reply) => {
                // Who asked may not wait any more.
                let legs = calls.iter().map(|&call| self.shard.live_legs(call)).collect();
                reply.try_send(legs).unwrap_or_default();
            }
            ToShard::KeyLog(lines) => self.shard.handle_key_log(&lines.text, &lines.ports),
            ToShard::Stop => return Turn::Stop,
            ToShard::End => return Turn::End,
        }
        Turn::GoOn
    }

    /// Outputs first, reports when all of them were handed over: a call must not end before its last segment came.
    fn hand_over(&mut self) -> Result<(), Stopped> {
        self.backlog.drain(&self.pool, || self.shard.poll_output())?;
        while self.backlog.is_empty() {
            let next = self.unsent.pop_front().or_else(|| self.shard.poll_report().map(FromShard::Report));
            let Some(next) = next else { break };
            match self.news.try_send(next) {
                Ok(()) => {}
                Err(TrySendError::Full(unsent)) => {
                    self.unsent.push_front(unsent);
                    break;
                }
                Err(TrySendError::Disconnected(_)) => return Err(Stopped),
            }
        }
        Ok(())
    }

    /// [`Self::hand_over`], waiting where a queue is full: there are no frames to be late for.
    fn finish_reports(&mut self) -> Result<(), Stopped> {
        self.backlog.finish(&self.pool, || self.shard.poll_output())?;
        while let Some(unsent) = self.unsent.pop_front() {
            self.send(unsent)?;
        }
        while let Some(report) = self.shard.poll_report() {
            self.send(FromShard::Report(report))?;
        }
        self.pool.take_back(|segment| self.shard.handle_returned(segment));
        Ok(())
    }

    /// One look waits at most: what a later one would tell, it tells.
    fn look(&mut self) {
        self.look_due = Instant::now() + LOOK_EVERY;
        let now = (self.clock)();
        self.pulse.beat(now);
        if self.unsent.iter().any(|unsent| matches!(unsent, FromShard::Look(_))) {
            return;
        }
        let window = (self.looked.min(now), now);
        self.looked = now;
        let look = ShardLook {
            shard: self.number,
            window,
            events: self.taps.take_events(),
            interfaces: self.taps.take_losses(),
            steps: self.taps.take_steps(),
            backlog: self.backlog.health(),
            ring_bytes: self.shard.ring_bytes(),
            counts: self.shard.counts(),
        };
        self.unsent.push_back(FromShard::Look(Box::new(look)));
    }

    fn send(&self, news: FromShard) -> Result<(), Stopped> {
        self.news.send(news).map_err(|_gone| Stopped)
    }
}
