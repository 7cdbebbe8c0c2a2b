//! `rtp` and `dtmf` lines: runs of packets.

use std::net::SocketAddr;

use earwitness_model::{Flow, Leg};

use super::{
    Stage,
    control::Reporting,
    line::{Line, address, number, seconds},
    signal::party,
};
use crate::{
    Random,
    audio::{Voice, note},
    rtp::{Header, telephone_event},
    sip::Encoding,
    srtp,
};

/// Packets that a leg sends without a pause.
#[derive(Debug, Clone)]
pub(super) struct Run {
    label: String,
    leg: Leg,
    pub(super) flow: Flow,
    pub(super) vlans: Vec<u16>,
    /// How often each packet is seen.
    pub(super) times: u32,
    pub(super) from: i64,
    pub(super) to: i64,
    ptime_ms: u32,
    encoding: Encoding,
    voice: Voice,
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    timestamp: u32,
    pub(super) lost: Vec<usize>,
    /// These do not come as far as the mirror, nor to the receiver.
    pub(super) gone: Vec<usize>,
    /// These are lost behind the mirror.
    pub(super) beyond: Vec<usize>,
    /// How both ends report on the run.
    pub(super) reports: Option<Reporting>,
    late: Vec<usize>,
    /// Somebody changes a byte of these on their way.
    forged: Vec<usize>,
    secured: Option<Secured>,
    keys: Vec<Key>,
}

/// What a run is protected with.
#[derive(Debug, Clone)]
struct Secured {
    key: srtp::Key,
    /// How often the sequence came round before the run.
    roc: u32,
}

/// A key that is pressed in a run: its packets take the place of the voice's.
#[derive(Debug, Clone)]
struct Key {
    at: i64,
    digit: char,
    nanos: i64,
    payload_type: u8,
}

/// A packet and when it passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) nanos: i64,
    pub(super) bytes: Vec<u8>,
}

const MILLISECOND: i64 = 1_000_000;
/// A packet that comes late comes so long after its successor.
const LATE: i64 = MILLISECOND / 10;
/// How often the last packet of an event is sent (RFC 4733, 2.5.1.4).
const EVENT_ENDS: usize = 3;

impl Stage {
    /// `rtp CALL caller|callee from=SECONDS to=SECONDS …`.
    pub(super) fn rtp(&mut self, mut line: Line<'_>) -> Result<(), String> {
        let label = line.word("the call")?.to_owned();
        let leg = party(line.word("`caller` or `callee`")?)?;
        let encoding = self.encoding(&mut line, &label, leg)?;
        let flow = self.media_flow(&mut line, &label, leg)?;
        let chosen = Random::keyed(&[u64::from(leg == Leg::Callee), key(&label)]).bits();
        let (from, to) = (required(&mut line, "from")?, required(&mut line, "to")?);
        let ssrc = line.value("ssrc", number)?.unwrap_or(chosen as u32 | 1);
        let ptime_ms = line.value("ptime", number::<u32>)?.unwrap_or(20);
        if to < from || !(1..=200).contains(&ptime_ms) || (to - from) / MILLISECOND > 24 * 3_600_000 {
            return Err(
                "a run goes from a time to a later one within a day, in packets of 1 to 200 ms".to_owned()
            );
        }
        let (sequence, timestamp) = self
            .continued(&label, leg, (ssrc, from))
            .unwrap_or(((chosen >> 32) as u16, (chosen >> 16) as u32));
        let run = Run {
            leg,
            flow,
            vlans: self.vlans.clone(),
            times: if line.flag("twice") { 2 } else { 1 },
            from,
            to,
            ptime_ms,
            encoding,
            voice: voice(&mut line)?,
            ssrc,
            sequence: line.value("seq", number)?.unwrap_or(sequence),
            timestamp: line.value("ts", number)?.unwrap_or(timestamp),
            lost: line.value("lost", indices)?.unwrap_or_default(),
            gone: line.value("gone", indices)?.unwrap_or_default(),
            beyond: line.value("beyond", indices)?.unwrap_or_default(),
            reports: Reporting::read(&mut line)?,
            late: line.value("late", indices)?.unwrap_or_default(),
            forged: line.value("forged", indices)?.unwrap_or_default(),
            secured: match line.value("srtp", srtp::Key::read)? {
                Some(key) => Some(Secured { key, roc: line.value("roc", number)?.unwrap_or(0) }),
                None => None,
            },
            keys: Vec::new(),
            label,
        };
        line.end()?;
        self.runs.push(run);
        Ok(())
    }

    /// `dtmf CALL caller|callee at=SECONDS digit=KEY [ms=160] [pt=101]`: within the party's last run.
    pub(super) fn dtmf(&mut self, mut line: Line<'_>) -> Result<(), String> {
        let label = line.word("the call")?;
        let leg = party(line.word("`caller` or `callee`")?)?;
        let at = required(&mut line, "at")?;
        let digit = line.text("digit").and_then(|text| text.parse().ok());
        let digit = digit.filter(|digit| telephone_event(*digit, false, 0).is_some());
        let press = Key {
            at,
            digit: digit.ok_or("digit= is a key: 0-9, *, #, A-D")?,
            nanos: line.value("ms", number::<u16>)?.map_or(160, i64::from) * MILLISECOND,
            payload_type: line.value("pt", number)?.unwrap_or(101),
        };
        line.end()?;
        let run = self.runs.iter_mut().rev().find(|run| run.label == label && run.leg == leg);
        match run {
            Some(run) if run.from <= at && at.saturating_add(press.nanos) <= run.to => run.keys.push(press),
            _ => return Err("a key is pressed within the party's last `rtp` line".to_owned()),
        }
        Ok(())
    }

    /// `codec=`, or the first encoding of the leg's own SDP, or PCMA; `pt=` overrides its number.
    fn encoding(&mut self, line: &mut Line<'_>, label: &str, leg: Leg) -> Result<Encoding, String> {
        let named =
            |name: &str| Encoding::named(name).ok_or_else(|| format!("`{name}` is not a known encoding"));
        let signalled =
            self.dialogs.get_mut(label).and_then(|dialog| dialog.side(leg).encodings.first().cloned());
        let mut encoding = match (line.value("codec", named)?, signalled) {
            (Some(encoding), _) | (None, Some(encoding)) => encoding,
            (None, None) => named("PCMA")?,
        };
        if let Some(number) = line.value("pt", number)? {
            encoding.payload_type = number;
        }
        Ok(encoding)
    }

    /// `src=` and `dst=`, or what the SDP above the line says.
    fn media_flow(&mut self, line: &mut Line<'_>, label: &str, leg: Leg) -> Result<Flow, String> {
        let mut end = |given: Option<SocketAddr>, leg| {
            let signalled = || self.dialogs.get_mut(label)?.side(leg).media;
            given.or_else(signalled).ok_or_else(|| {
                format!("no SDP above this line says where `{label}` has its audio: src= and dst= are needed")
            })
        };
        let src = end(line.value("src", address)?, leg)?;
        let dst = end(line.value("dst", address)?, leg.other())?;
        Ok(Flow { src, dst })
    }

    /// Where the sequence and the timestamps of the same source left off.
    fn continued(&self, label: &str, leg: Leg, (ssrc, from): (u32, i64)) -> Option<(u16, u32)> {
        let before = |run: &&Run| run.label == label && run.leg == leg && run.ssrc == ssrc;
        let run = self.runs.iter().rev().find(before)?;
        let elapsed = (from - run.from).max(0) / MILLISECOND;
        let units = (elapsed as u32).wrapping_mul(run.clock_rate() / 1_000);
        Some((run.sequence.wrapping_add(run.packet_count() as u16), run.timestamp.wrapping_add(units)))
    }
}

impl Run {
    /// Every packet in the order of the sequence, without those that are lost.
    pub(super) fn packets(&self) -> Vec<Packet> {
        let mut packets = self.sent();
        for (index, packet) in packets.iter_mut().enumerate() {
            self.protect(index, packet);
        }
        for late in &self.late {
            if let Some(after) = packets.get(late + 1).map(|next| next.nanos + LATE) {
                packets[*late].nanos = after;
            }
        }
        let mut index = 0;
        packets.retain(|_| {
            index += 1;
            !self.lost.contains(&(index - 1)) && !self.gone.contains(&(index - 1))
        });
        packets
    }

    /// The packet as it travels.
    fn protect(&self, index: usize, packet: &mut Packet) {
        if let Some(Secured { key, roc }) = &self.secured {
            let rounds = (usize::from(self.sequence) + index) >> 16;
            packet.bytes = key.protect(&packet.bytes, roc.wrapping_add(rounds as u32));
        }
        if self.forged.contains(&index)
            && let Some(last) = packet.bytes.last_mut()
        {
            *last ^= 1;
        }
    }

    /// Every packet that is sent, whatever becomes of it.
    pub(super) fn sent(&self) -> Vec<Packet> {
        let step = self.ptime_ms * (self.clock_rate() / 1_000);
        let mut packets = Vec::new();
        for slot in 0..self.slots() {
            let nanos = self.from + i64::from(slot) * self.slot_nanos();
            let timestamp = self.timestamp.wrapping_add(slot * step);
            match self.key_at(nanos) {
                None => {
                    let header = self.header(packets.len(), timestamp);
                    packets.push(Packet { nanos, bytes: header.packet(&self.payload(slot)) });
                }
                Some(key) => {
                    for _ in 0..self.packets_in(slot) {
                        let bytes = self.press(key, nanos, self.header(packets.len(), timestamp));
                        packets.push(Packet { nanos, bytes });
                    }
                }
            }
        }
        packets
    }

    /// A packet of a key: duration grows, the timestamp stays where the key went down.
    fn press(&self, key: &Key, nanos: i64, header: Header) -> Vec<u8> {
        let (since, slot) = (nanos - key.at, self.slot_nanos());
        let units = |nanos: i64| (nanos / MILLISECOND) as u32 * (self.clock_rate() / 1_000);
        let duration = units((since + slot).min(key.nanos)).min(u32::from(u16::MAX)) as u16;
        let event = telephone_event(key.digit, self.is_end(key, nanos), duration);
        let header = Header {
            payload_type: key.payload_type,
            marker: since < slot,
            timestamp: header.timestamp.wrapping_sub(units(since)),
            ..header
        };
        header.packet(&event.expect("a key was looked at when its line was read"))
    }

    fn key_at(&self, nanos: i64) -> Option<&Key> {
        self.keys.iter().find(|key| (key.at..key.at + key.nanos).contains(&nanos))
    }

    fn header(&self, index: usize, timestamp: u32) -> Header {
        Header {
            payload_type: self.encoding.payload_type,
            marker: index == 0,
            sequence: self.sequence.wrapping_add(index as u16),
            timestamp,
            ssrc: self.ssrc,
        }
    }

    fn slots(&self) -> u32 {
        ((self.to - self.from) as u64).div_ceil(self.slot_nanos() as u64) as u32
    }

    /// Slots, and what the ends of keys add to them.
    fn packet_count(&self) -> usize {
        (0..self.slots()).map(|slot| self.packets_in(slot)).sum()
    }

    fn packets_in(&self, slot: u32) -> usize {
        let nanos = self.from + i64::from(slot) * self.slot_nanos();
        self.key_at(nanos).map_or(1, |key| if self.is_end(key, nanos) { EVENT_ENDS } else { 1 })
    }

    /// Whether the packet at `nanos` is the last one of `key`.
    fn is_end(&self, key: &Key, nanos: i64) -> bool {
        nanos + self.slot_nanos() >= key.at + key.nanos
    }

    fn slot_nanos(&self) -> i64 {
        i64::from(self.ptime_ms) * MILLISECOND
    }

    fn clock_rate(&self) -> u32 {
        let rate = self.encoding.map.split('/').nth(1);
        rate.and_then(|rate| rate.parse().ok()).unwrap_or(8_000)
    }

    /// G.711 is heard; of other encodings only the length is right.
    fn payload(&self, slot: u32) -> Vec<u8> {
        let ms = self.ptime_ms;
        let law = match self.encoding.map.as_str() {
            "PCMA/8000" => g711::Law::A,
            "PCMU/8000" => g711::Law::Mu,
            other => {
                let length = match other {
                    "G722/8000" => ms * 8,
                    "G729/8000" => ms,
                    "GSM/8000" => ms * 33 / 20,
                    "CN/8000" => 1,
                    _ => ms * 3,
                };
                let mut bytes = vec![0; length as usize];
                Random::keyed(&[u64::from(self.ssrc), u64::from(slot)]).fill(&mut bytes);
                return bytes;
            }
        };
        let samples = self.voice.samples(slot * ms * 8, ms * 8);
        samples.into_iter().map(|sample| g711::encode_sample(law, sample)).collect()
    }
}

/// One of `tone=`, `speech-seed=`, `noise-seed=`, `melody=`; silence without any.
fn voice(line: &mut Line<'_>) -> Result<Voice, String> {
    let notes = |text: &str| {
        let read = |name| note(name).ok_or_else(|| format!("`{name}` is not a note"));
        text.split(',').map(read).collect::<Result<Vec<_>, _>>()
    };
    let voices = [
        line.value("tone", number::<u32>)?.map(|hertz| Voice::Tone(f64::from(hertz))),
        line.value("speech-seed", number)?.map(Voice::Speech),
        line.value("noise-seed", number)?.map(Voice::Noise),
        line.value("melody", notes)?.map(Voice::Melody),
    ];
    let mut given = voices.into_iter().flatten();
    match (given.next(), given.next()) {
        (voice, None) => Ok(voice.unwrap_or(Voice::Silence)),
        (_, Some(_)) => Err("a leg has one voice".to_owned()),
    }
}

/// `5`, `5-7`, `5-7,9`: places in the run, from 0.
pub(super) fn indices(text: &str) -> Result<Vec<usize>, String> {
    let mut all = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (number(first)?, number(last)?);
        if last < first || last > 100_000 {
            return Err(format!("`{part}` is not a range below 100,000"));
        }
        all.extend(first..=last);
    }
    Ok(all)
}

fn required(line: &mut Line<'_>, name: &str) -> Result<i64, String> {
    line.value(name, seconds)?.ok_or_else(|| format!("{name}= is missing"))
}

/// A number that stands for a label.
fn key(label: &str) -> u64 {
    label.bytes().fold(0, |key, byte| Random::keyed(&[key, u64::from(byte)]).bits())
}
