//! A small language in which a call is told line by line; `fixtures/README.md` is its reference.
//!
//! ```text
//! at 0.000 10.1.0.5:5060 > 10.1.0.9:5060 INVITE call-1 from=0312221111 to=4001 sdp=10.1.0.5:4000/PCMA
//! at 0.900 10.1.0.9:5060 > 10.1.0.5:5060 200 call-1 sdp=10.1.0.9:4002/PCMA
//! at 0.950 10.1.0.5:5060 > 10.1.0.9:5060 ACK call-1
//! rtp call-1 caller from=1.0 to=5.0 ssrc=0x11 tone=440
//! at 5.100 10.1.0.5:5060 > 10.1.0.9:5060 BYE call-1
//! ```

mod control;
mod dialog;
mod line;
mod media;
mod signal;

use std::collections::HashMap;

use earwitness_model::{Flow, PacketTime, SipTransport};

use self::{control::Heard, dialog::Dialog, line::Line, media::Run};
use crate::{
    Carriage, Frame, MORNING, Opening, SegmentOrder,
    datagram::Datagram,
    stream::{Connections, Sending},
};

/// A script that makes sense.
#[derive(Debug, Clone)]
pub struct Script {
    frames: Vec<Frame>,
    key_log: String,
}

/// What in a script does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ScriptError {
    /// From 1.
    pub line: usize,
    /// In words for the author of the script.
    pub what: String,
}

/// Reads a script.
///
/// # Errors
///
/// [`ScriptError`] at the first line that does not make sense: an unknown word or key, a number that is none, a call that
/// did not begin, a leg without an address.
pub fn parse(text: &str) -> Result<Script, ScriptError> {
    read(text, Stage::new())
}

fn read(text: &str, mut stage: Stage) -> Result<Script, ScriptError> {
    for (index, text) in text.lines().enumerate() {
        let place = |what| ScriptError { line: index + 1, what };
        if let Some(line) = Line::read(text).map_err(place)? {
            stage.play(line).map_err(place)?;
        }
    }
    let (frames, key_log) = stage.finish();
    Ok(Script { frames, key_log })
}

/// Reads a script, and carries its messages as `carriage` says, but those in fragments. Bytes that are no message stay in
/// datagrams, and what the capture missed was never sent.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_over(text: &str, carriage: Carriage) -> Result<Script, ScriptError> {
    read(text, Stage { over: Some(carriage), ..Stage::new() })
}

impl Script {
    /// The capture, in the order of time; frames of one instant in the order of the script.
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        self.frames.clone()
    }

    /// What the ends of its connections in TLS wrote down of their keys, as a key log.
    #[must_use]
    pub fn key_log(&self) -> &str {
        &self.key_log
    }
}

/// The state of the script at a line: what earlier lines said.
struct Stage {
    start: PacketTime,
    vlans: Vec<u16>,
    /// How the messages of the lines below are carried; `None`: over UDP.
    carriage: Option<Carriage>,
    /// How messages are carried instead.
    over: Option<Carriage>,
    letters: Vec<Letter>,
    dialogs: HashMap<String, Dialog>,
    runs: Vec<Run>,
    frames: Vec<Frame>,
    identification: u16,
}

/// A message that goes in a connection.
#[derive(Debug)]
struct Letter {
    time: PacketTime,
    flow: Flow,
    message: Vec<u8>,
    vlans: Vec<u16>,
    passage: Passage,
    carriage: Carriage,
}

/// How a datagram comes into the capture.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Passage {
    /// How many times it is seen; 0: it was sent, and the capture missed it.
    times: u32,
    /// Bytes of UDP per IP fragment; `None`: it is whole.
    fragment: Option<usize>,
    /// Over TCP: which of its segments the capture missed.
    lost: Vec<usize>,
    /// Over TCP: it goes in one segment with the next message of its direction.
    is_held: bool,
}

impl Stage {
    fn new() -> Self {
        Self {
            start: MORNING,
            vlans: Vec::new(),
            carriage: None,
            over: None,
            letters: Vec::new(),
            dialogs: HashMap::new(),
            runs: Vec::new(),
            frames: Vec::new(),
            identification: 0,
        }
    }

    fn play(&mut self, line: Line<'_>) -> Result<(), String> {
        match line.verb() {
            "epoch" => self.epoch(line),
            "vlan" => self.vlan(line),
            "transport" => self.transport(line),
            "at" => self.signal(line),
            "rtp" => self.rtp(line),
            "dtmf" => self.dtmf(line),
            other => Err(format!("`{other}` is not one of: at, rtp, dtmf, vlan, transport, epoch")),
        }
    }

    /// `epoch SECONDS`: what time 0 of the script is.
    fn epoch(&mut self, mut line: Line<'_>) -> Result<(), String> {
        self.start = PacketTime::from_nanos(line::seconds(line.word("the Unix time of the script's 0")?)?);
        line.end()
    }

    /// `vlan 100` or `vlan 200 100`: the tags of the frames that follow.
    fn vlan(&mut self, mut line: Line<'_>) -> Result<(), String> {
        self.vlans.clear();
        while let Some(word) = line.next_word() {
            let vlan = line::number(word)?;
            self.vlans.push(vlan);
        }
        line.end()
    }

    /// `transport tcp|ws|tls|wss|udp [cut=N] [running]`: what carries the messages of the lines that follow.
    fn transport(&mut self, mut line: Line<'_>) -> Result<(), String> {
        let transport = match line.word("udp, tcp, ws, tls or wss")? {
            "udp" => SipTransport::Udp,
            "tcp" => SipTransport::Tcp,
            "ws" => SipTransport::Ws,
            "tls" => SipTransport::Tls,
            "wss" => SipTransport::Wss,
            other => return Err(format!("`{other}` is not one of: udp, tcp, ws, tls, wss")),
        };
        let largest = line.value("cut", line::number)?.unwrap_or(1460_usize);
        let opening = if line.flag("running") { Opening::Before } else { Opening::Seen };
        self.carriage = (transport != SipTransport::Udp).then_some(Carriage {
            transport,
            largest,
            order: SegmentOrder::AsSent,
            opening,
        });
        line.end()
    }

    /// What carries the messages of this line.
    fn carried_by(&self) -> SipTransport {
        self.over.or(self.carriage).map_or(SipTransport::Udp, |carriage| carriage.transport)
    }

    /// Sends a message: as [`Self::send`], or in the connection of its ends.
    fn send_message(&mut self, time: PacketTime, flow: Flow, payload: &[u8], passage: Passage) {
        let Some(carriage) = self.over.or(self.carriage).filter(|_| passage.fragment.is_none()) else {
            self.send(time, flow, payload, passage);
            return;
        };
        if self.over.is_some() && passage.times == 0 {
            return;
        }
        let (message, vlans) = (payload.to_vec(), self.vlans.clone());
        self.letters.push(Letter { time, flow, message, vlans, passage, carriage });
    }

    /// Sends what goes in connections: in the order of time, which need not be that of the lines.
    fn send_letters(&mut self) -> String {
        let mut letters = std::mem::take(&mut self.letters);
        letters.sort_by_key(|letter| letter.time);
        let mut connections = Connections::default();
        for Letter { time, flow, message, vlans, passage, carriage } in letters {
            let all: Vec<usize> = (0..message.len() * 2).collect();
            let lost = if passage.times == 0 { &all[..] } else { &passage.lost[..] };
            let sending = Sending { flow, vlans: &vlans, message: &message, lost, is_held: passage.is_held };
            for bytes in connections.send(carriage, &sending) {
                for _ in 0..passage.times.max(1) {
                    self.frames.push(Frame { time, bytes: bytes.clone() });
                }
            }
        }
        connections.into_key_log()
    }

    fn time(&self, nanos: i64) -> PacketTime {
        self.start.plus_nanos(nanos)
    }

    fn send(&mut self, time: PacketTime, flow: Flow, payload: &[u8], passage: Passage) {
        self.identification = self.identification.wrapping_add(1);
        let datagram = Datagram { flow, vlans: &self.vlans, identification: self.identification, payload };
        let frames = match passage.fragment {
            None => vec![datagram.frame()],
            Some(room) => datagram.fragments(room),
        };
        for bytes in frames {
            for _ in 0..passage.times {
                self.frames.push(Frame { time, bytes: bytes.clone() });
            }
        }
    }

    fn finish(mut self) -> (Vec<Frame>, String) {
        let key_log = self.send_letters();
        let mut heard = Heard::default();
        for run in std::mem::take(&mut self.runs) {
            self.vlans.clone_from(&run.vlans);
            for packet in run.packets() {
                let passage = Passage { times: run.times, fragment: None, lost: Vec::new(), is_held: false };
                self.send(self.time(packet.nanos), run.flow, &packet.bytes, passage);
            }
            for report in heard.reports(&run) {
                let passage = Passage { times: run.times, fragment: None, lost: Vec::new(), is_held: false };
                self.send(self.time(report.nanos), report.flow, &report.bytes, passage);
            }
        }
        self.frames.sort_by_key(|frame| frame.time);
        (self.frames, key_log)
    }
}
