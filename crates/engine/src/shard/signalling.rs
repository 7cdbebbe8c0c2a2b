//! The part of the engine that reads the signalling, for all shards.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroU16,
};

use earwitness_model::{CallId, PacketTime, RunningCall};
use earwitness_rules::RuleSet;

use super::{
    News, OwnedSip, ShardOrder, ShardReport,
    merge::{Looked, Releases},
    order_of_time::OrderOfTime,
    silence::Silences,
};
use crate::{
    counts::Counts,
    limits::{Limits, MAX_LISTED},
    live::CallCounts,
    media::Stray,
    order::{CallSlot, Order, Report},
    output::Output,
    pressure::Pressure,
    signalling::{Signalling, SipDatagram},
    timer::Timer,
};

/// The signalling half of the engine, for several [`MediaShard`](super::MediaShard)s. It has no frames and no clock of its
/// own: both come from the shards. Its outputs are [`Output::Opened`], signalling segments, [`Output::Running`] and
/// [`Output::Ended`].
pub struct SignallingShard {
    shards: u16,
    pub(super) signalling: Signalling,
    turns: OrderOfTime<Turn>,
    silences: Silences,
    looked: Looked,
    releases: Releases,
    /// What is needed to take calls up again of which it was not yet said that they are there.
    unsaid: HashMap<CallSlot, Box<RunningCall>>,
    now: PacketTime,
    base: i64,
    gaps_unlisted: u64,
    /// What the signalling half says, on its way into `orders`.
    said: VecDeque<Order>,
    orders: VecDeque<Order>,
    outputs: VecDeque<Output>,
}

/// What is taken in the order of time.
#[derive(Debug)]
enum Turn {
    Sip(OwnedSip),
    Silent { call: CallSlot, shard: u16, last: Option<PacketTime>, at: PacketTime },
    Heard { call: CallSlot, shard: u16, at: PacketTime },
    Stray(Stray),
}

impl std::fmt::Debug for SignallingShard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignallingShard")
            .field("shards", &self.shards)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl SignallingShard {
    /// For `shards` media shards with the same `limits`, which begin at `begun`. It decides by `rules`.
    #[must_use]
    pub fn new(rules: RuleSet, limits: Limits, shards: NonZeroU16, begun: PacketTime) -> Self {
        let mut signalling = Signalling::new(rules, limits);
        signalling.handle_base(begun.nanos());
        let networks = Order::Networks(signalling.stream_networks());
        Self {
            shards: shards.get(),
            signalling,
            turns: OrderOfTime::new(shards.get()),
            silences: Silences::default(),
            looked: Looked::default(),
            releases: Releases::default(),
            unsaid: HashMap::new(),
            // The shards' clocks run from zero at their beginning.
            now: PacketTime::EPOCH,
            base: begun.nanos(),
            gaps_unlisted: 0,
            said: VecDeque::new(),
            orders: VecDeque::from([networks]),
            outputs: VecDeque::new(),
        }
    }

    /// Takes what a media shard reports. What comes of it is fetched by [`Self::poll_output`] and [`Self::poll_order`].
    pub fn handle_report(&mut self, report: ShardReport) {
        let shard = report.from;
        match report.news {
            News::Reached(now) => self.turns.handle_reached(shard, now),
            News::Sip { now, datagram } => {
                self.turns.handle(shard, now, (datagram.bytes.len(), Turn::Sip(datagram)));
            }
            News::Media(Report::Silent { call, last, at }) => {
                self.turns.handle(shard, at, (0, Turn::Silent { call, shard, last, at }));
            }
            News::Media(Report::Heard { call, at }) => {
                self.turns.handle(shard, at, (0, Turn::Heard { call, shard, at }));
            }
            News::Media(Report::Stray(stray)) => {
                self.turns.handle(shard, stray.at, (0, Turn::Stray(stray)));
            }
            News::Media(report @ Report::Printed { .. }) => self.tell(report),
            News::Media(Report::Looked { call, heard }) => {
                if let Some(heard) = self.looked.handle_looked(call, self.shards, heard) {
                    self.tell(Report::Looked { call, heard });
                }
            }
            News::Media(Report::Released { call, id, media }) => {
                if let Some(mut media) = self.releases.handle_released(call, (shard, self.shards), *media) {
                    self.gaps_unlisted += media.gaps.len().saturating_sub(MAX_LISTED) as u64;
                    media.gaps.truncate(MAX_LISTED);
                    self.tell(Report::Released { call, id, media: Box::new(media) });
                }
            }
        }
        self.run();
    }

    /// The capture is over, and all shards have reported all of it: running calls end here. Their summaries come when the
    /// shards have answered the orders that follow.
    pub fn handle_end(&mut self) {
        while let Some(turn) = self.turns.take_any() {
            self.take(turn);
        }
        self.signalling.handle_end(&mut self.said);
        self.pass_on();
    }

    /// Calls that begin from now on are decided by `rules`; those that run keep their verdict.
    pub fn handle_rules(&mut self, rules: RuleSet) {
        self.signalling.handle_rules(rules);
        self.orders.push_back(Order::Networks(self.signalling.stream_networks()));
    }

    /// What comes out cannot be taken away as fast as it comes, or can again.
    pub const fn handle_pressure(&mut self, pressure: Pressure) {
        self.signalling.handle_pressure(pressure);
    }

    /// Goes on with a call that ran when another engine stopped: see
    /// [`Engine::handle_resumed`](crate::Engine::handle_resumed). It is taken up at the time that the shards have reached.
    pub fn handle_resumed(&mut self, running: RunningCall) -> Option<CallId> {
        let id = self.signalling.handle_resumed(running, self.now, &mut self.said, &mut self.outputs);
        self.pass_on();
        id
    }

    /// The next order, which is for every media shard. What [`Self::poll_output`] has is handed on before it.
    pub fn poll_order(&mut self) -> Option<ShardOrder> {
        self.orders.pop_front().map(ShardOrder)
    }

    /// The next output, in the order in which they came about.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Outputs that wait to be fetched.
    #[must_use]
    pub fn pending_outputs(&self) -> usize {
        self.outputs.len()
    }

    /// What was seen of the signalling, and what was left out; frames and media are counted by the media shards.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let signalling = self.signalling.counts;
        let mut counts = Counts {
            messages: signalling.messages,
            messages_malformed: signalling.malformed,
            messages_refused: signalling.refused,
            messages_not_kept: signalling.not_kept,
            calls_refused: signalling.calls_refused,
            streams_refused: signalling.streams_refused,
            streams_claimed: signalling.streams_claimed,
            ..Counts::default()
        };
        counts.media.gaps_unlisted = self.gaps_unlisted;
        counts
    }

    /// Calls that are followed now, with those that ended a few seconds ago.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.signalling.len()
    }

    /// Calls that were not told of to their end: those that are followed, and those of which the shards have not reported
    /// all media yet. Looks at every place of the table.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.signalling.unfinished()
    }

    /// How many calls there were.
    #[must_use]
    pub const fn call_counts(&self) -> CallCounts {
        self.signalling.counts.calls
    }

    /// Up to when the signalling was read, in capture time.
    #[must_use]
    pub const fn now(&self) -> PacketTime {
        self.now.plus_nanos(self.base)
    }
}

impl SignallingShard {
    /// Takes everything whose turn it is, and what is due between.
    fn run(&mut self) {
        loop {
            let (turn, due) = (self.turns.next_time(), self.signalling.next_deadline());
            let until = turn.unwrap_or_else(|| self.turns.reached());
            if due <= until {
                self.now = self.now.max(due);
                self.signalling.handle_time(self.now, &mut self.said);
                self.pass_on();
            } else if let Some(turn) = self.turns.take() {
                self.now = self.now.max(until);
                self.take(turn);
            } else {
                self.now = self.now.max(until);
                return;
            }
        }
    }

    fn take(&mut self, turn: Turn) {
        match turn {
            Turn::Sip(OwnedSip { flow, transport, tunnel, bytes, time, base }) => {
                if base != self.base {
                    self.base = base;
                    self.signalling.handle_base(base);
                }
                let datagram = SipDatagram { flow, transport, tunnel, bytes: &bytes, time };
                self.signalling.handle_datagram(&datagram, &mut self.said, &mut self.outputs);
                self.pass_on();
            }
            Turn::Silent { call, shard, last, at } => {
                let silence = self.silences.handle_silent(call, (shard, self.shards), last);
                if let Some(silence) = silence {
                    self.take_silence(call, silence.last, at);
                }
            }
            Turn::Stray(stray) => self.tell(Report::Stray(stray)),
            Turn::Heard { call, shard, at } => {
                self.silences.handle_heard(call, shard);
                self.tell(Report::Heard { call, at });
            }
        }
    }

    /// No shard hears the call since `last`, which was found out at `at`. One that was never heard is waited for longer.
    fn take_silence(&mut self, call: CallSlot, last: Option<PacketTime>, at: PacketTime) {
        let unseen = self.signalling.answered_at(call).map(|at| at.plus_nanos(Timer::Unseen.nanos()));
        match unseen.filter(|&until| last.is_none() && at < until) {
            Some(until) => self.orders.push_back(Order::Patience { call, until }),
            None => self.tell(Report::Silent { call, last, at }),
        }
    }

    fn tell(&mut self, report: Report) {
        self.signalling.handle_report(report, &mut self.said, &mut self.outputs);
        self.pass_on();
    }

    /// Hands the signalling half's orders on to the shards, except for what is done here for all of them.
    fn pass_on(&mut self) {
        while let Some(order) = self.said.pop_front() {
            match order {
                Order::Running { call, running } => {
                    if self.signalling.is_opened(call) {
                        self.outputs.push_back(Output::Running(running));
                    } else {
                        self.unsaid.insert(call, running);
                    }
                    continue;
                }
                Order::Opened { call } => {
                    self.outputs.extend(self.unsaid.remove(&call).map(Output::Running));
                }
                Order::Release { call } => {
                    self.signalling.let_go_of_names(call);
                    self.silences.forget(call);
                    self.looked.forget(call);
                    self.unsaid.remove(&call);
                }
                Order::Answered { call, .. } | Order::Over { call } => self.silences.forget(call),
                Order::Begin { .. }
                | Order::Expect { .. }
                | Order::ExpectControl { .. }
                | Order::Hold { .. }
                | Order::Patience { .. }
                | Order::Networks(_)
                | Order::Keeping { .. }
                | Order::Retried { .. }
                | Order::Look { .. } => {}
            }
            self.orders.push_back(order);
        }
    }
}
