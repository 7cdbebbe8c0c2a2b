//! One capture thread's part of the engine: it decodes frames, keeps media, and hands SIP on.

use std::collections::VecDeque;

use earwitness_model::{PacketTime, RawFrame, Segment, SegmentContent, SipTransport, Tunnel};
use earwitness_wire::{
    Carried, Datagram, Protocol, Reassembled, Reassembler, ReassemblyLimits, TcpSegment,
    stream::{StreamLimits, StreamMessage, Streams},
};

use super::{News, OwnedSip, ShardOrder, ShardPlace, ShardReport, looks::Looks};
use crate::{
    clock::{BEFORE, Clock, SetBack},
    counts::Counts,
    limits::Limits,
    media::{Asked, Came, Media, MediaDatagram, Refused, Told},
    order::Report,
    output::{Output, Returned},
    timer::NEVER,
};

/// Bytes of SIP that wait to be reported; more is not read.
const MOST_UNREAD: usize = 32 << 20;
/// Bytes that a datagram takes besides its own.
const OVERHEAD: usize = 128;

/// The media half of the engine for one part of the frames. Its outputs are [`Output::Stream`] and [`Output::Segment`].
pub struct MediaShard {
    place: ShardPlace,
    pub(super) media: Media,
    reassembler: Reassembler,
    /// The kernel deals both directions of a connection to one thread.
    streams: Streams,
    counts: Counts,
    clock: Clock,
    now: PacketTime,
    next_deadline: PacketTime,
    looks: Looks,
    news: VecDeque<News>,
    /// Bytes of SIP in `news`.
    unread: usize,
    /// What the media half says, on its way into `news`.
    reports: VecDeque<Report>,
    outputs: VecDeque<Output>,
    /// What was last said to be reached.
    told: PacketTime,
}

impl std::fmt::Debug for MediaShard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaShard")
            .field("place", &self.place)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl MediaShard {
    /// The shard at `place`. All shards have the same `limits`, and the same `begun`: the capture time at which they begin,
    /// from which their clocks run alike.
    #[must_use]
    pub fn new(limits: Limits, place: ShardPlace, begun: PacketTime) -> Self {
        let mut clock = Clock::new(SetBack::Announced);
        let now = clock.handle_frame(begun, BEFORE);
        let mut media = Media::in_shard(limits, place);
        media.handle_base(clock.base());
        Self {
            place,
            media,
            reassembler: Reassembler::new(ReassemblyLimits::default()),
            streams: Streams::new(StreamLimits {
                bytes: place.part_of(StreamLimits::default().bytes),
                ..StreamLimits::default()
            }),
            counts: Counts::default(),
            clock,
            now,
            next_deadline: NEVER,
            looks: Looks::default(),
            news: VecDeque::new(),
            unread: 0,
            reports: VecDeque::new(),
            outputs: VecDeque::new(),
            told: BEFORE,
        }
    }

    /// Takes one frame. What comes of it is fetched by [`Self::poll_output`] and [`Self::poll_report`].
    pub fn handle_frame(&mut self, frame: &RawFrame<'_>) {
        let base = self.clock.base();
        let time = self.clock.handle_frame(frame.time, self.now);
        self.move_on(time, base);
        self.counts.frames += 1;
        self.counts.bytes += frame.bytes.len() as u64;
        match &earwitness_wire::decode(frame) {
            Ok(Carried::Udp(datagram)) => {
                self.counts.count_tunnel(datagram.tunnel.as_ref());
                self.handle_datagram(datagram, time);
            }
            Ok(Carried::Fragment(fragment)) => {
                self.counts.fragments += 1;
                // Taken out, so that the datagram that lies in it can be looked at.
                let nothing = Reassembler::new(ReassemblyLimits::default());
                let mut reassembler = std::mem::replace(&mut self.reassembler, nothing);
                match reassembler.handle_fragment(fragment, self.now) {
                    Reassembled::Pending | Reassembled::Refused(_) => {}
                    Reassembled::Whole(Carried::Udp(datagram)) => {
                        self.counts.count_tunnel(datagram.tunnel.as_ref());
                        self.handle_datagram(&datagram, time);
                    }
                    Reassembled::Whole(Carried::Tcp(segment)) => {
                        self.counts.count_tunnel(segment.tunnel.as_ref());
                        self.handle_segment(&segment, time);
                    }
                    Reassembled::Whole(_) => self.counts.not_udp += 1,
                }
                self.reassembler = reassembler;
            }
            Ok(Carried::Tcp(segment)) => {
                self.counts.count_tunnel(segment.tunnel.as_ref());
                self.handle_segment(segment, time);
            }
            Ok(Carried::Icmp | Carried::OtherIp(_) | Carried::NotIp(_)) => self.counts.not_udp += 1,
            Err(error) => *self.counts.unreadable.entry((error.layer, error.cause)).or_default() += 1,
        }
        self.settle();
    }

    /// The frames that follow are those of the tap at `place`: see [`Engine::handle_tap`](crate::Engine::handle_tap).
    pub fn handle_tap(&mut self, place: usize) {
        self.media.handle_tap(place);
    }

    /// Moves the clock on to `now`, in capture time: see [`Engine::handle_time`](crate::Engine::handle_time). The other shards
    /// wait for this one: it is to be told the time while no frames come.
    pub fn handle_time(&mut self, now: PacketTime) {
        let base = self.clock.base();
        let now = self.clock.handle_time(now, self.now);
        self.move_on(now, base);
        self.settle();
    }

    /// The clock that stamps the frames was set: see [`Engine::handle_clock_step`](crate::Engine::handle_clock_step), and
    /// [`Engine::live`](crate::Engine::live).
    pub fn handle_clock_step(&mut self, nanos: i64) {
        self.clock.handle_step(nanos);
        self.media.handle_base(self.clock.base());
    }

    /// Takes whole lines of a key log: see [`Engine::handle_key_log`](crate::Engine::handle_key_log). Every shard is given all.
    pub fn handle_key_log(&mut self, text: &[u8], ports: &[u16]) {
        self.streams.handle_keys(text, ports);
        self.take_messages(None);
        self.settle();
    }

    /// Takes what the signalling shard says.
    pub fn handle_order(&mut self, order: ShardOrder) {
        self.media.handle_order(order.0, self.now, &mut self.reports, &mut self.outputs);
        self.settle();
    }

    /// No more frames come: what is there of messages that came over TCP is reported.
    pub fn handle_last_frame(&mut self) {
        self.streams.handle_end();
        self.take_messages(None);
    }

    /// The capture is over, and so is every call: nobody will claim what still waits.
    pub fn handle_end(&mut self) {
        self.media.handle_end();
        self.reassembler.handle_time(NEVER);
        self.settle();
    }

    /// A segment's buffer comes back for the next call.
    pub fn handle_returned(&mut self, returned: impl Into<Returned>) {
        self.media.handle_returned(returned.into());
    }

    /// Nobody can take `segment`, which this shard gave: see [`Engine::handle_refused`](crate::Engine::handle_refused). It is
    /// said before the next report is fetched.
    #[cold]
    pub fn handle_refused(&mut self, segment: Segment) {
        match segment.content {
            SegmentContent::Media => {
                if self.media.handle_refused(&segment) == Refused::Released {
                    self.released(&segment);
                }
                self.media.handle_returned(segment.into());
            }
            SegmentContent::Signalling => {
                self.counts.messages_not_kept += segment.signalling().count() as u64
            }
        }
    }

    /// The capture lost frames between `from` and `to`: see [`Engine::handle_losses`](crate::Engine::handle_losses). What one
    /// thread loses, every shard is told: the lost frames may have been anybody's.
    #[cold]
    pub fn handle_losses(&mut self, from: PacketTime, to: PacketTime) {
        let [from, to] = [from, to].map(|at| self.clock.nearest(at, self.now));
        self.media.handle_losses(from, to);
    }

    /// The next output, in the order in which they came about. All of them are handed on before the next report.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The next report for the signalling shard. The last one before `None` says how far this shard has come.
    pub fn poll_report(&mut self) -> Option<ShardReport> {
        let news = self.news.pop_front().or_else(|| {
            (self.told < self.now).then(|| {
                self.told = self.now;
                News::Reached(self.now)
            })
        })?;
        if let News::Sip { datagram, .. } = &news {
            self.unread -= datagram.bytes.len() + OVERHEAD;
        }
        Some(ShardReport { from: self.place.index(), news })
    }

    /// What this shard saw and left out; signalling is counted by the signalling shard.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            fragments_refused: self.reassembler.losses().total(),
            streams: *self.streams.losses(),
            tls: self.streams.tls(),
            clock_steps: self.clock.steps(),
            media: self.media.counts(),
            ..self.counts.clone()
        }
    }

    /// Frames handed in so far.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.counts.frames
    }

    /// Bytes of ring buffers in use.
    #[must_use]
    pub const fn ring_bytes(&self) -> usize {
        self.media.ring_bytes()
    }

    /// The shard's clock, in capture time.
    #[must_use]
    pub const fn now(&self) -> PacketTime {
        self.clock.told(self.now)
    }
}

impl MediaShard {
    fn handle_datagram(&mut self, datagram: &Datagram<'_>, time: PacketTime) {
        let (flow, payload) = (&datagram.flow, datagram.payload);
        match Protocol::of(payload) {
            Protocol::Rtp => {
                let media = MediaDatagram { flow, payload, cut: datagram.cut, time, came: Came::Now };
                self.media.handle_datagram(&media, self.now, &mut self.outputs);
            }
            Protocol::Sip if self.has_room_for(payload.len()) => {
                let (transport, tunnel, base) = (SipTransport::Udp, datagram.tunnel, self.clock.base());
                self.report(OwnedSip { flow: *flow, transport, tunnel, bytes: payload.into(), time, base });
            }
            Protocol::Sip => self.counts.messages_unread += 1,
            Protocol::Rtcp => {
                self.counts.rtcp += 1;
                self.media.handle_control(flow, payload, time);
            }
            Protocol::Zrtp(kind) => {
                self.media.handle_zrtp((flow, kind), self.now, &mut self.outputs);
                self.counts.other += 1;
            }
            Protocol::Other => self.counts.other += 1,
        }
    }

    fn handle_segment(&mut self, segment: &TcpSegment<'_>, time: PacketTime) {
        self.counts.segments += 1;
        self.streams.handle_segment(segment, time);
        self.take_messages(segment.tunnel);
    }

    /// Takes messages that ended in what came in `tunnel`, or that were waited for long enough.
    fn take_messages(&mut self, tunnel: Option<Tunnel>) {
        while let Some(StreamMessage { flow, transport, time, bytes }) = self.streams.poll_message() {
            if self.has_room_for(bytes.len()) {
                self.report(OwnedSip { flow, transport, tunnel, bytes, time, base: self.clock.base() });
            } else {
                self.counts.messages_unread += 1;
            }
        }
    }

    const fn has_room_for(&self, message: usize) -> bool {
        self.unread + message + OVERHEAD <= MOST_UNREAD
    }

    fn report(&mut self, datagram: OwnedSip) {
        self.unread += datagram.bytes.len() + OVERHEAD;
        self.news.push_back(News::Sip { now: self.now, datagram });
    }

    /// The segment of a call that was released is missing from what was not yet reported of it.
    fn released(&mut self, segment: &Segment) {
        for news in &mut self.news {
            if let News::Media(Report::Released { id, media, .. }) = news
                && *id == segment.call
            {
                Told::of_media(media).without(segment);
            }
        }
    }

    /// The shard's clock stands at `now`, in engine time; before that its base was `base`.
    fn move_on(&mut self, now: PacketTime, base: i64) {
        if base != self.clock.base() {
            self.media.handle_base(self.clock.base());
        }
        if now > self.now {
            if now >= self.next_deadline {
                self.run_due(now);
            }
            self.now = now;
        }
    }

    /// Runs what is due, each at its own time.
    #[cold]
    fn run_due(&mut self, now: PacketTime) {
        self.reassembler.handle_time(now);
        while self.next_deadline <= now && self.next_deadline < NEVER {
            self.now = self.now.max(self.next_deadline);
            self.streams.handle_time(self.now);
            self.take_messages(None);
            self.media.handle_time(self.now, &mut self.reports, &mut self.outputs);
            while let Some(endpoint) = self.looks.take_due(self.now) {
                self.media.look_again(endpoint, self.now, &mut self.outputs);
            }
            self.settle();
        }
    }

    /// Passes on what the media half asked for, and looks up what is due next.
    #[inline]
    fn settle(&mut self) {
        if !self.media.asked().is_empty() || !self.reports.is_empty() {
            self.pass_on();
        }
        if self.media.has_stray() {
            self.news.extend(self.media.take_stray().map(|stray| News::Media(Report::Stray(stray))));
        }
        let streams = self.streams.next_deadline().unwrap_or(NEVER);
        self.next_deadline = self.media.next_deadline().min(self.looks.next()).min(streams);
    }

    #[cold]
    fn pass_on(&mut self) {
        let Asked { reports, looks } = self.media.asked();
        for (at, endpoint) in looks.drain(..) {
            self.looks.add(at, endpoint);
        }
        self.news.extend(reports.drain(..).map(News::Media));
        self.news.extend(self.reports.drain(..).map(News::Media));
    }
}
