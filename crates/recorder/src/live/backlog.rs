//! What the engine gave and no queue took: it waits here, in order, and the engine learns when it is too much.
//!
//! When storage stands still, calls that are not begun yet and copies of SIP messages are given up first, both at once
//! ([`Pressure::NoNewCalls`]), and audio of running calls last: when the ring budget is used up. What ended is never given
//! up, nor is what was sealed.

use std::collections::VecDeque;

use earwitness_engine::{Output, Pressure};

use crate::{
    health::QueueHealth,
    pipeline::{Pool, Stopped},
    queue::BACKLOG,
};

/// One line for each sealing thread, so that a call's outputs stay in order.
pub(super) struct Backlog {
    lines: Vec<VecDeque<Output>>,
    length: usize,
    high_water: usize,
    refused: u64,
    pressure: Pressure,
    told: Pressure,
}

impl Backlog {
    pub(super) fn new(pool: &Pool) -> Self {
        Self {
            lines: (0..pool.places()).map(|_| VecDeque::new()).collect(),
            length: 0,
            high_water: 0,
            refused: 0,
            pressure: Pressure::None,
            told: Pressure::None,
        }
    }

    /// Hands over what waits and what the engine has `next`, as far as there is room. Never waits.
    pub(super) fn drain(
        &mut self,
        pool: &Pool,
        mut next: impl FnMut() -> Option<Output>,
    ) -> Result<(), Stopped> {
        while let Some(output) = next() {
            self.lines[pool.take_in(&output)].push_back(output);
            self.length += 1;
        }
        if self.length > 0 {
            for (place, line) in self.lines.iter_mut().enumerate() {
                pool.offer_all(place, line)?;
            }
            self.length = self.lines.iter().map(VecDeque::len).sum();
        }
        self.high_water = self.high_water.max(self.length);
        self.press();
        Ok(())
    }

    /// Hands over everything, waiting where a queue is full.
    pub(super) fn finish(
        &mut self,
        pool: &Pool,
        next: impl FnMut() -> Option<Output>,
    ) -> Result<(), Stopped> {
        for (place, line) in self.lines.iter_mut().enumerate() {
            pool.send_all(place, line)?;
        }
        self.length = 0;
        pool.finish(next)
    }

    pub(super) const fn health(&self) -> QueueHealth {
        QueueHealth {
            name: "backlog",
            capacity: BACKLOG,
            length: self.length,
            high_water: self.high_water,
            refused: self.refused,
        }
    }

    /// Whether nothing waits.
    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// What the engine has to be told, if it changed.
    pub(super) fn pressure(&mut self) -> Option<Pressure> {
        (self.pressure != self.told).then(|| {
            self.told = self.pressure;
            self.pressure
        })
    }

    fn press(&mut self) {
        self.pressure = match self.pressure {
            Pressure::None if self.length > BACKLOG => {
                self.refused += 1;
                Pressure::NoNewCalls
            }
            Pressure::NoNewCalls if self.length < BACKLOG / 2 => Pressure::None,
            unchanged @ (Pressure::None | Pressure::NoNewCalls) => unchanged,
        };
    }
}
