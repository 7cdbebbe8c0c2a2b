//! One frame, one pass: decode, tell SIP from media, hand it to its half, run what is due.

use earwitness_model::{CallId, PacketTime, RawFrame, RunningCall, Segment, SegmentContent};
use earwitness_rules::RuleSet;
use earwitness_wire::{Carried, Reassembled, Reassembler, ReassemblyLimits};

use crate::{
    clock::{BEFORE, Clock, SetBack},
    counts::Counts,
    halves::{Halves, Mail},
    limits::Limits,
    media::{Refused, ahead::AHEAD},
    output::{Output, Returned},
    pressure::Pressure,
    timer::NEVER,
};

/// The engine: both halves on one thread, their messages handed over inline.
#[derive(Debug)]
pub struct Engine {
    pub(crate) halves: Halves,
    reassembler: Reassembler,
    counts: Counts,
    clock: Clock,
    now: PacketTime,
    next_deadline: PacketTime,
}

impl Engine {
    /// An engine that decides by `rules` and stays within `limits`.
    #[must_use]
    pub fn new(rules: RuleSet, limits: Limits) -> Self {
        Self::with_clock(rules, limits, SetBack::Shown)
    }

    /// [`Self::new`] for a live link, where [`Self::handle_clock_step`] says when the clock is set back, before the first
    /// frame from after that. An earlier frame was then only read late: it waited in the ring of another interface.
    #[must_use]
    pub fn live(rules: RuleSet, limits: Limits) -> Self {
        Self::with_clock(rules, limits, SetBack::Announced)
    }

    fn with_clock(rules: RuleSet, limits: Limits, set_back: SetBack) -> Self {
        Self {
            halves: Halves::new(rules, limits),
            reassembler: Reassembler::new(ReassemblyLimits::default()),
            counts: Counts::default(),
            clock: Clock::new(set_back),
            now: BEFORE,
            next_deadline: NEVER,
        }
    }

    /// Takes frames that lie in memory together. It comes to the same as [`Self::handle_frame`] of each, and is faster with many
    /// calls: what they lead to is fetched in advance (`media/ahead.rs`).
    pub fn handle_frames(&mut self, frames: &[RawFrame<'_>]) {
        for batch in frames.chunks(AHEAD) {
            if self.halves.media.looks_ahead() {
                self.halves.media.look_ahead(batch);
            }
            for frame in batch {
                self.handle_frame(frame);
            }
        }
    }

    /// Takes one frame. What comes of it is fetched by [`Self::poll_output`].
    #[inline]
    pub fn handle_frame(&mut self, frame: &RawFrame<'_>) {
        let base = self.clock.base();
        let time = self.clock.handle_frame(frame.time, self.now);
        self.move_on(time, base);
        self.counts.frames += 1;
        self.counts.bytes += frame.bytes.len() as u64;
        // Looked at where it lies, not moved: see `MediaDatagram`.
        match &earwitness_wire::decode(frame) {
            Ok(Carried::Udp(datagram)) => {
                self.counts.count_tunnel(datagram.tunnel.as_ref());
                self.halves.handle_datagram(datagram, time, self.now);
            }
            Ok(Carried::Fragment(fragment)) => {
                self.counts.fragments += 1;
                match self.reassembler.handle_fragment(fragment, self.now) {
                    Reassembled::Pending | Reassembled::Refused(_) => {}
                    Reassembled::Whole(Carried::Udp(datagram)) => {
                        self.counts.count_tunnel(datagram.tunnel.as_ref());
                        self.halves.handle_datagram(&datagram, time, self.now);
                    }
                    Reassembled::Whole(Carried::Tcp(segment)) => {
                        self.counts.segments += 1;
                        self.counts.count_tunnel(segment.tunnel.as_ref());
                        self.halves.handle_segment(&segment, time, self.now);
                    }
                    Reassembled::Whole(_) => self.counts.not_udp += 1,
                }
            }
            Ok(Carried::Tcp(segment)) => {
                self.counts.segments += 1;
                self.counts.count_tunnel(segment.tunnel.as_ref());
                self.halves.handle_segment(segment, time, self.now);
            }
            Ok(Carried::Icmp | Carried::OtherIp(_) | Carried::NotIp(_)) => self.counts.not_udp += 1,
            Err(error) => *self.counts.unreadable.entry((error.layer, error.cause)).or_default() += 1,
        }
        self.next_deadline = self.halves.next_deadline();
    }

    /// The frames that follow are those of the tap at `place`: of so many interfaces or files that may show the same packets.
    pub fn handle_tap(&mut self, place: usize) {
        self.halves.media.handle_tap(place);
    }

    /// Moves the clock on to `now`, in capture time, also when no frame comes. An earlier `now` changes nothing, unless
    /// [`Self::handle_clock_step`] announced it.
    #[inline]
    pub fn handle_time(&mut self, now: PacketTime) {
        let base = self.clock.base();
        let now = self.clock.handle_time(now, self.now);
        self.move_on(now, base);
    }

    /// The clock that stamps the frames was set by `nanos`, forward or back: running calls go on without the step, and calls
    /// that begin under the new setting are told by it. Who watches that clock says so before it hands in a time or a frame
    /// that leaps forward by so much, because a leap that nobody announced is time that passed; frames from before the step
    /// may still come. A step back shows in the frames too, and may be announced after them, but to [`Self::live`].
    pub fn handle_clock_step(&mut self, nanos: i64) {
        if self.now > BEFORE {
            self.clock.handle_step(nanos);
            self.halves.handle_base(self.clock.base());
        }
    }

    /// The capture is over: running calls end here, and everything that is still in a ring comes out.
    pub fn handle_end(&mut self) {
        self.halves.handle_streams_end(self.now);
        self.halves.signalling.handle_end(&mut self.halves.mail.orders);
        self.halves.deliver(self.now);
        self.halves.media.handle_end();
        self.reassembler.handle_time(NEVER);
    }

    /// Calls that begin from now on are decided by `rules`; those that run keep their verdict.
    pub fn handle_rules(&mut self, rules: RuleSet) {
        self.halves.handle_rules(rules, self.now);
    }

    /// Takes whole lines of a key log (`SSLKEYLOGFILE`), which open SIP in TLS, and ports on which TLS is taken for SIP beside
    /// those of SIP. From the first time on, connections to these ports are held for their keys for a while; what was held is
    /// read as of the time when it came. The secrets are kept in memory, bounded, and wiped when they go.
    pub fn handle_key_log(&mut self, text: &[u8], ports: &[u16]) {
        self.halves.handle_key_log((text, ports), self.now);
        self.next_deadline = self.halves.next_deadline();
    }

    /// Goes on, at `at` in capture time, with a call that ran when another engine stopped: its media is expected where it
    /// was, and a BYE ends it. It is a call of its own, flagged [`Flag::Resumed`](earwitness_model::Flag::Resumed), with the
    /// facts and the verdict of the one before. Its name; `None` when a call with its Call-ID runs, or the table is full.
    pub fn handle_resumed(&mut self, running: RunningCall, at: PacketTime) -> Option<CallId> {
        self.handle_time(at);
        let Mail { orders, outputs, .. } = &mut self.halves.mail;
        let id = self.halves.signalling.handle_resumed(running, self.now, orders, outputs);
        self.halves.deliver(self.now);
        self.next_deadline = self.halves.next_deadline();
        id
    }

    /// What comes out cannot be taken away as fast as it comes, or can again.
    pub const fn handle_pressure(&mut self, pressure: Pressure) {
        self.halves.signalling.handle_pressure(pressure);
    }

    /// A segment's buffer comes back for the next call.
    pub fn handle_returned(&mut self, returned: impl Into<Returned>) {
        self.halves.media.handle_returned(returned.into());
    }

    /// Nobody can take `segment`: what it holds is lost, its call says so, and its buffer comes back for the next call. It is
    /// said before the next output is fetched, because the call's end may wait there with these packets in it.
    #[cold]
    pub fn handle_refused(&mut self, segment: Segment) {
        match segment.content {
            SegmentContent::Media => {
                if self.halves.media.handle_refused(&segment) == Refused::Released {
                    self.halves.mail.ended(segment.call).for_each(|told| told.without(&segment));
                }
                self.halves.media.handle_returned(segment.into());
            }
            SegmentContent::Signalling => {
                self.counts.messages_not_kept += segment.signalling().count() as u64
            }
        }
    }

    /// The capture lost frames between `from` and `to`, in its own time: the kernel's queue was full, the interface dropped
    /// them, or the mirror did and said so. What is missing from running calls then is a gap of
    /// [`GapCause::Capture`](earwitness_model::GapCause::Capture). Frames from after `to` may have been handed in before, but
    /// a call that is released by then is not told any more: within [`Timer::Linger`](crate::Timer::Linger) is early enough,
    /// and before [`Self::handle_end`].
    #[cold]
    pub fn handle_losses(&mut self, from: PacketTime, to: PacketTime) {
        let [from, to] = [from, to].map(|at| self.clock.nearest(at, self.now));
        self.halves.media.handle_losses(from, to);
    }

    /// The next output, in the order in which they came about.
    #[inline]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.halves.mail.outputs.pop_front()
    }

    /// Outputs that wait to be fetched.
    #[must_use]
    pub fn pending_outputs(&self) -> usize {
        self.halves.mail.outputs.len()
    }

    /// What was seen and what was left out.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let signalling = self.halves.signalling.counts;
        Counts {
            fragments_refused: self.reassembler.losses().total(),
            streams: *self.halves.streams.losses(),
            tls: self.halves.streams.tls(),
            messages: signalling.messages,
            messages_malformed: signalling.malformed,
            messages_refused: signalling.refused,
            messages_not_kept: signalling.not_kept + self.counts.messages_not_kept,
            calls_refused: signalling.calls_refused,
            streams_refused: signalling.streams_refused,
            streams_claimed: signalling.streams_claimed,
            clock_steps: self.clock.steps(),
            rtcp: self.halves.rtcp,
            other: self.halves.other,
            media: self.halves.media.counts(),
            ..self.counts.clone()
        }
    }

    /// Frames handed in so far.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.counts.frames
    }

    /// Calls that are followed now, with those that ended a few seconds ago.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.halves.signalling.len()
    }

    /// Bytes of ring buffers in use.
    #[must_use]
    pub const fn ring_bytes(&self) -> usize {
        self.halves.media.ring_bytes()
    }

    /// The engine's clock, in capture time: the latest that a frame or [`Self::handle_time`] said.
    #[must_use]
    pub const fn capture_time(&self) -> PacketTime {
        self.clock.told(self.now)
    }

    /// The engine's clock stands at `now`, in engine time; before that its base was `base`.
    #[inline]
    fn move_on(&mut self, now: PacketTime, base: i64) {
        if base != self.clock.base() {
            self.halves.handle_base(self.clock.base());
        }
        if now > self.now {
            if now >= self.next_deadline {
                self.run_due(now);
            }
            self.now = now;
        }
    }

    /// Runs what is due, one deadline after the other and each at its own time: what follows from one is then due in
    /// its turn, and a clock that makes one leap sees what one that ticks sees.
    #[cold]
    fn run_due(&mut self, now: PacketTime) {
        self.reassembler.handle_time(now);
        while self.next_deadline <= now && self.next_deadline < NEVER {
            self.now = self.now.max(self.next_deadline);
            self.halves.handle_time(self.now);
            self.next_deadline = self.halves.next_deadline();
        }
    }
}
