//! Takes frames, and hands what is in them to the examinations.

use earwitness_model::{Flow, PacketTime, RawFrame};
use earwitness_rules::RuleSet;
use earwitness_wire::{
    Carried, Datagram, Reassembled, TcpSegment, decode, outline, rtp,
    sip::{self, Message},
};

use crate::{
    Finding, Report, Seen, Surroundings,
    calls::Calls,
    dialogue::Dialogue,
    exam::{
        Sight, clock,
        copies::Copies,
        cut::CutFrames,
        disk,
        encrypted::Encrypted,
        extensions::Extensions,
        fragments::Fragments,
        loss::Loss,
        media,
        others::{Other, Others},
        ports::Ports,
        presence::{self, Hidden},
        ring,
        signalling::SignallingSides,
        super_frames::SuperFrames,
        tags::TagSides,
        tunnels::Tunnels,
    },
    report::percent,
    streams::Streams,
};

/// Fewer packets have no share worth a word: two seconds of one party.
const FEWEST_TO_SHARE: u64 = 100;

/// What the doctor is to look for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The rules whose extensions should be seen; `None`: any will do.
    pub rules: Option<RuleSet>,
    /// Whether single extensions that were not seen are told.
    pub extensions: ExtensionReport,
}

/// When extensions that were not seen are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExtensionReport {
    /// After an hour, in which every phone has registered again.
    #[default]
    WhenLongEnough,
    /// However short the capture is.
    Always,
}

/// Looks at frames, and says in the end what is wrong with the mirror they came from.
#[derive(Debug)]
pub struct Doctor {
    options: ExtensionReport,
    frames: u64,
    bytes: u64,
    span: Option<(PacketTime, PacketTime)>,
    last: Option<Sight>,
    streams: Streams,
    calls: Calls,
    dialogue: Dialogue,
    times: clock::FrameTimes,
    copies: Copies,
    cut: CutFrames,
    encrypted: Encrypted,
    extensions: Extensions,
    fragments: Fragments,
    loss: Loss,
    others: Others,
    ports: Ports,
    signalling: SignallingSides,
    super_frames: SuperFrames,
    tags: TagSides,
    tunnels: Tunnels,
}

impl Doctor {
    /// A doctor who has seen nothing.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options: options.extensions,
            frames: 0,
            bytes: 0,
            span: None,
            last: None,
            streams: Streams::new(),
            calls: Calls::new(),
            dialogue: Dialogue::new(),
            times: clock::FrameTimes::default(),
            copies: Copies::new(),
            cut: CutFrames::default(),
            encrypted: Encrypted::new(),
            extensions: Extensions::new(options.rules),
            fragments: Fragments::new(),
            loss: Loss::default(),
            others: Others::new(),
            ports: Ports::new(),
            signalling: SignallingSides::new(),
            super_frames: SuperFrames::default(),
            tags: TagSides::new(),
            tunnels: Tunnels::default(),
        }
    }

    /// Takes lines of a TLS key log, which the recorder will have: SIP in TLS that it opens is no defect. They are secrets, and
    /// wiped with the doctor.
    pub fn handle_key_log(&mut self, lines: &[u8]) {
        self.encrypted.handle_key_log(lines);
        self.dialogue.handle_keys(lines);
    }

    /// Takes the next frame of the mirror, or of any of its interfaces.
    pub fn handle_frame(&mut self, frame: &RawFrame<'_>) {
        let outline = outline(frame);
        let at = Sight { time: frame.time, number: frame.number, tags: outline.tags };
        self.last = Some(at);
        self.frames += 1;
        self.bytes += u64::from(frame.wire_len);
        let (first, last) = self.span.unwrap_or((at.time, at.time));
        self.span = Some((first.min(at.time), last.max(at.time)));
        self.times.handle_frame(at);
        self.dialogue.handle_time(frame.time);
        self.take_messages(at);
        let carried = decode(frame);
        if let Ok(carried) = &carried {
            self.tunnels.handle_carried(carried, frame.bytes, at);
        }
        if let Some(ip) = &outline.ip {
            self.super_frames.handle_ip(frame, ip, at);
        }
        match (&carried, &outline.ip) {
            (Ok(Carried::Udp(datagram)), _) if datagram.tunnel.is_some() => {
                self.copies.handle_tunnelled(datagram, at);
            }
            (_, Some(ip)) => self.copies.handle_ip(ip, at),
            (_, None) => {}
        }
        match carried {
            Ok(Carried::Udp(datagram)) => {
                self.tags.handle_datagram(datagram.flow, at);
                self.handle_datagram(&datagram, frame, at);
            }
            Ok(Carried::Fragment(fragment)) => {
                self.cut.handle_datagram(fragment.cut, frame, at);
                // Taken out for the while, because what it lends is handed to everybody else.
                let mut fragments = std::mem::replace(&mut self.fragments, Fragments::new());
                if let Reassembled::Whole(Carried::Udp(datagram)) = fragments.handle_fragment(&fragment, at) {
                    self.handle_datagram(&datagram, frame, at);
                }
                self.fragments = fragments;
            }
            Ok(Carried::Tcp(segment)) => self.handle_segment(&segment, frame, at),
            Ok(Carried::Icmp | Carried::OtherIp(_) | Carried::NotIp(_)) => {}
            Err(_) => self.cut.handle_unreadable(frame, at),
        }
    }

    fn handle_datagram(&mut self, datagram: &Datagram<'_>, frame: &RawFrame<'_>, at: Sight) {
        let Datagram { flow, payload, cut, .. } = *datagram;
        self.tunnels.handle_tunnel(datagram.tunnel);
        if sip::looks_like(payload) {
            self.cut.handle_datagram(cut, frame, at);
            let Ok(message) = Message::parse(payload) else { return };
            self.ports.handle_datagram(flow, at);
            // Requests that are cut early no longer look like SIP, and their responses do.
            if cut == 0 {
                self.signalling.handle_message(&message, flow, at);
            }
            self.handle_message(&message, flow, at);
        } else if self.others.handle_datagram(flow, payload, at) == Other::Yes {
            // Some of it looks like RTP, and is none.
        } else if let Some(packet) =
            rtp::looks_like(payload).then(|| rtp::Packet::parse(payload).ok()).flatten()
        {
            self.cut.handle_datagram(cut, frame, at);
            let step = self.streams.handle_packet(flow, &packet, at);
            self.loss.handle_step(flow, step, at);
            self.times.handle_step(step, at);
        } else {
            self.tunnels.handle_stranger(datagram, at);
            self.encrypted.handle_payload(flow, payload, at);
        }
    }

    fn handle_segment(&mut self, segment: &TcpSegment<'_>, frame: &RawFrame<'_>, at: Sight) {
        let (flow, payload) = (segment.flow, segment.payload);
        self.tunnels.handle_tunnel(segment.tunnel);
        if sip::looks_like(payload) {
            self.cut.handle_datagram(segment.cut, frame, at);
        } else if self.others.handle_segment(flow, payload, at) == Other::No {
            self.encrypted.handle_payload(flow, payload, at);
        }
        self.dialogue.handle_segment(segment, at.time);
        self.take_messages(at);
    }

    /// Takes what came out of TCP.
    fn take_messages(&mut self, at: Sight) {
        while let Some((flow, bytes)) = self.dialogue.poll_message() {
            let Ok(message) = Message::parse(&bytes) else { continue };
            self.ports.handle_streamed(flow, at);
            self.signalling.handle_message(&message, flow, at);
            self.handle_message(&message, flow, at);
        }
    }

    /// A message, whatever carried it.
    fn handle_message(&mut self, message: &Message<'_>, flow: Flow, at: Sight) {
        self.extensions.handle_message(message);
        self.calls.handle_message(message, flow, at);
    }

    /// What was seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let (first, last) = self.span.unwrap_or_default();
        let mut seen = Seen {
            frames: self.frames,
            bytes: self.bytes,
            seconds: last.seconds_since(first),
            messages: self.ports.messages(),
            calls: self.calls.len(),
            answered: self.calls.iter().filter(|call| call.answered.is_some()).count() as u64,
            busiest_second: self.streams.busiest_second(),
            left_out: self.left_out(),
            tunnels: self.tunnels.read(),
            ..Seen::default()
        };
        for (_, stream) in self.streams.believed() {
            seen.streams += 1;
            seen.packets += stream.packets;
            seen.lost += stream.lost;
            let of = stream.packets + stream.lost;
            if of >= FEWEST_TO_SHARE {
                seen.worst_loss_percent = seen.worst_loss_percent.max(percent(stream.lost, of));
            }
        }
        seen
    }

    fn left_out(&self) -> u64 {
        self.streams.left_out()
            + self.calls.left_out()
            + self.extensions.left_out()
            + self.loss.left_out()
            + self.signalling.left_out()
            + self.tags.left_out()
            + self.ports.left_out()
            + self.others.left_out()
            + self.encrypted.left_out()
    }

    /// Judges. Frames that come later are judged by the next report.
    pub fn finish(&mut self, surroundings: &Surroundings) -> Report {
        self.loss.close();
        self.dialogue.handle_end();
        if let Some(at) = self.last {
            self.take_messages(at);
        }
        let mut seen = self.seen();
        seen.seconds = surroundings.listened.unwrap_or(seen.seconds);
        let mut findings: Vec<Finding> = self.examine(&seen, surroundings).into_iter().flatten().collect();
        findings.extend(self.others.finish(seen.messages));
        findings.sort_by_key(|finding| (finding.severity, finding.code));
        Report { seen, findings }
    }

    fn examine(&mut self, seen: &Seen, surroundings: &Surroundings) -> Vec<Option<Finding>> {
        let end = self.span.unwrap_or_default().1;
        let ends = self.streams.by_end();
        let tunnelled = self.tunnels.finish(seen.frames, seen.messages);
        let is_hidden = tunnelled.is_some()
            || self.encrypted.hides_signalling()
            || self.others.are_there()
            || self.cut.hides_headers();
        let none = if is_hidden { None } else { media::finish_none(&self.calls, &self.streams, &ends, end) };
        // All but the first of joined packets are missing, and nobody lost them.
        let is_joined = self.super_frames.hides_packets();
        vec![
            presence::finish_down(&surroundings.down),
            presence::finish(seen, if is_hidden { Hidden::Yes } else { Hidden::No }),
            none,
            self.signalling.finish(),
            if is_joined { None } else { media::finish_one_way(&self.calls, &ends) },
            self.copies.finish(),
            self.tags.finish_sides(),
            self.tags.finish_stacked(),
            self.cut.finish(),
            self.fragments.finish(end),
            self.super_frames.finish(),
            tunnelled,
            self.encrypted.finish_signalling(),
            self.encrypted.finish_media(&self.calls),
            self.ports.finish_tcp(),
            self.ports.finish_elsewhere(),
            if is_joined { None } else { self.loss.finish_mirror() },
            if is_joined { None } else { self.loss.finish_network(&self.streams) },
            self.extensions.finish(seen, self.options),
            clock::finish_state(surroundings.clock),
            self.times.finish_steps(),
            surroundings.ring.and_then(|ring| ring::finish(ring, seen.bytes / seen.frames.max(1))),
            surroundings.disk.and_then(|disk| disk::finish(disk, seen.busiest_second)),
        ]
    }
}
