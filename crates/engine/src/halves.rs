//! The two halves side by side on one thread, and the mail between them.

use std::collections::VecDeque;

use earwitness_model::{CallId, PacketTime, SipTransport, Tunnel};
use earwitness_rules::RuleSet;
use earwitness_wire::{
    Datagram, Protocol, TcpSegment,
    stream::{StreamLimits, StreamMessage, Streams},
};

use crate::{
    clock::BEFORE,
    limits::Limits,
    media::{Came, Media, MediaDatagram, Told},
    order::{Order, Report},
    output::Output,
    signalling::{Signalling, SipDatagram},
    timer::NEVER,
};

/// Signalling and the streams that some of it comes in, media, and the halves' mail.
#[derive(Debug)]
pub(crate) struct Halves {
    pub(crate) streams: Streams,
    pub(crate) signalling: Signalling,
    pub(crate) media: Media,
    pub(crate) mail: Mail,
    pub(crate) rtcp: u64,
    pub(crate) other: u64,
}

/// What the halves send each other, and what leaves the engine.
#[derive(Default)]
pub(crate) struct Mail {
    pub(crate) orders: VecDeque<Order>,
    reports: VecDeque<Report>,
    pub(crate) outputs: VecDeque<Output>,
}

impl Mail {
    /// What is said of the end of `call` and was not fetched yet.
    pub(crate) fn ended(&mut self, call: CallId) -> impl Iterator<Item = Told<'_>> {
        self.outputs.iter_mut().filter_map(move |output| {
            let Output::Ended(summary) = output else { return None };
            (summary.id == call).then(|| Told::of(summary))
        })
    }
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("outputs", &self.outputs.len()).finish_non_exhaustive()
    }
}

impl Halves {
    pub(crate) fn new(rules: RuleSet, limits: Limits) -> Self {
        let signalling = Signalling::new(rules, limits);
        let mut mail = Mail::default();
        mail.orders.push_back(Order::Networks(signalling.stream_networks()));
        let mut halves = Self {
            streams: Streams::new(StreamLimits::default()),
            signalling,
            media: Media::new(limits),
            mail,
            rtcp: 0,
            other: 0,
        };
        halves.deliver(BEFORE);
        halves
    }

    /// Calls that begin from now on are decided by `rules`.
    pub(crate) fn handle_rules(&mut self, rules: RuleSet, now: PacketTime) {
        self.signalling.handle_rules(rules);
        self.mail.orders.push_back(Order::Networks(self.signalling.stream_networks()));
        self.deliver(now);
    }

    #[cold]
    pub(crate) fn handle_base(&mut self, base: i64) {
        self.signalling.handle_base(base);
        self.media.handle_base(base);
    }

    #[inline]
    pub(crate) fn handle_datagram(&mut self, datagram: &Datagram<'_>, time: PacketTime, now: PacketTime) {
        let (flow, payload) = (&datagram.flow, datagram.payload);
        match Protocol::of(payload) {
            Protocol::Rtp => {
                let media = MediaDatagram { flow, payload, cut: datagram.cut, time, came: Came::Now };
                self.media.handle_datagram(&media, now, &mut self.mail.outputs);
                if self.media.has_stray() {
                    self.take_stray(now);
                }
            }
            Protocol::Sip => {
                let (transport, tunnel) = (SipTransport::Udp, datagram.tunnel);
                let sip = SipDatagram { flow: *flow, transport, tunnel, bytes: payload, time };
                self.signalling.handle_datagram(&sip, &mut self.mail.orders, &mut self.mail.outputs);
                self.deliver(now);
            }
            Protocol::Rtcp => {
                self.rtcp += 1;
                self.media.handle_control(flow, payload, time);
            }
            Protocol::Zrtp(kind) => {
                self.media.handle_zrtp((flow, kind), now, &mut self.mail.outputs);
                self.other += 1;
            }
            Protocol::Other => self.other += 1,
        }
    }

    /// Takes a segment; each message that it completes goes where one in a datagram does.
    #[inline]
    pub(crate) fn handle_segment(&mut self, segment: &TcpSegment<'_>, time: PacketTime, now: PacketTime) {
        self.streams.handle_segment(segment, time);
        self.take_messages(segment.tunnel, now);
    }

    /// Takes keys of TLS; what was held for them goes where messages in datagrams do.
    pub(crate) fn handle_key_log(&mut self, (text, ports): (&[u8], &[u16]), now: PacketTime) {
        self.streams.handle_keys(text, ports);
        self.take_messages(None, now);
    }

    /// No more segments come: what is there of messages is taken.
    pub(crate) fn handle_streams_end(&mut self, now: PacketTime) {
        self.streams.handle_end();
        self.take_messages(None, now);
    }

    /// Takes messages that ended in what came in `tunnel`, or that were waited for long enough.
    #[inline]
    fn take_messages(&mut self, tunnel: Option<Tunnel>, now: PacketTime) {
        while let Some(StreamMessage { flow, transport, time, bytes }) = self.streams.poll_message() {
            let sip = SipDatagram { flow, transport, tunnel, bytes: &bytes, time };
            self.signalling.handle_datagram(&sip, &mut self.mail.orders, &mut self.mail.outputs);
            self.deliver(now);
        }
    }

    #[cold]
    fn take_stray(&mut self, now: PacketTime) {
        self.mail.reports.extend(self.media.take_stray().map(Report::Stray));
        self.deliver(now);
    }

    pub(crate) fn handle_time(&mut self, now: PacketTime) {
        self.streams.handle_time(now);
        self.take_messages(None, now);
        self.media.handle_time(now, &mut self.mail.reports, &mut self.mail.outputs);
        self.mail.reports.extend(self.media.asked().reports.drain(..));
        self.signalling.handle_time(now, &mut self.mail.orders);
        self.deliver(now);
    }

    /// Hands orders and reports over until both halves are quiet.
    pub(crate) fn deliver(&mut self, now: PacketTime) {
        loop {
            if let Some(order) = self.mail.orders.pop_front() {
                self.media.handle_order(order, now, &mut self.mail.reports, &mut self.mail.outputs);
            } else if let Some(report) = self.mail.reports.pop_front() {
                self.signalling.handle_report(report, &mut self.mail.orders, &mut self.mail.outputs);
            } else {
                return;
            }
        }
    }

    #[inline]
    pub(crate) fn next_deadline(&self) -> PacketTime {
        let halves = self.media.next_deadline().min(self.signalling.next_deadline());
        halves.min(self.streams.next_deadline().unwrap_or(NEVER))
    }
}
