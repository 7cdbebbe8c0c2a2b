//! Packets that came in pieces: put together, replaced, and cut where they were cut before.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::IpAddr,
};

use earwitness_model::{LinkType, PacketTime, RawFrame};
use earwitness_wire::Fragment;

use crate::{
    Dropped, Fate,
    frame::{self, Carries},
    masks::Masks,
    payload,
    sketch::Sketch,
};

/// Packets that are held at a time, those remembered to know their copies included.
const MAX_PACKETS: usize = 1024;
/// How long pieces wait for others: as long as the recorder has them wait.
const LIFETIME_NS: i64 = 30_000_000_000;

/// Packets of which pieces came.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    table: HashMap<Key, Packet>,
    /// The keys of the table, the oldest first.
    order: VecDeque<Key>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    id: u32,
}

#[derive(Debug)]
struct Packet {
    since: PacketTime,
    /// What came, by its place.
    parts: BTreeMap<usize, Vec<u8>>,
    end: Option<usize>,
    protocol: u8,
    waiting: Vec<Waiting>,
    state: State,
}

#[derive(Debug)]
enum State {
    Open,
    /// All of it, replaced.
    Whole(Vec<u8>),
    Refused,
}

/// A frame with a piece.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    slot: u64,
    offset: usize,
    len: usize,
}

impl Pieces {
    /// Takes the piece that the frame under a number carries.
    pub(crate) fn handle_piece(
        &mut self,
        masks: &mut Masks,
        (piece, slot, now): (&Fragment<'_>, u64, PacketTime),
        fates: &mut Vec<Fate>,
    ) {
        let protocol = if piece.src.is_ipv4() { piece.protocol } else { 0 };
        let key = Key { src: piece.src, dst: piece.dst, protocol, id: piece.id };
        let offset = usize::from(piece.offset);
        let is_other = self.table.get(&key).is_some_and(|packet| packet.contradicts(offset, piece.bytes));
        if piece.cut > 0 || is_other {
            self.forget(&key, fates);
        }
        if piece.cut > 0 {
            fates.push(Fate::Drop(slot, Dropped::Incomplete));
            return;
        }
        if !self.table.contains_key(&key) {
            if self.order.len() >= MAX_PACKETS
                && let Some(oldest) = self.order.front().copied()
            {
                self.forget(&oldest, fates);
            }
            self.order.push_back(key);
        }
        let packet = self.table.entry(key).or_insert_with(|| Packet {
            since: now,
            parts: BTreeMap::new(),
            end: None,
            protocol: 0,
            waiting: Vec::new(),
            state: State::Open,
        });
        packet.waiting.push(Waiting { slot, offset, len: piece.bytes.len() });
        packet.parts.entry(offset).or_insert_with(|| piece.bytes.to_vec());
        if !piece.more {
            packet.end = Some(offset + piece.bytes.len());
        }
        if offset == 0 {
            packet.protocol = piece.protocol;
        }
        if let State::Open = packet.state
            && let Some(whole) = packet.whole()
        {
            let replaced = replaced(masks, (piece.src, piece.dst), packet.protocol, &whole);
            packet.state = replaced.map_or(State::Refused, State::Whole);
        }
        packet.settle(fates);
    }

    /// Gives up what is too old.
    pub(crate) fn handle_time(&mut self, now: PacketTime, fates: &mut Vec<Fate>) {
        while let Some(key) = self.order.front().copied() {
            if self.table.get(&key).is_some_and(|packet| now.since(packet.since) <= LIFETIME_NS) {
                break;
            }
            self.forget(&key, fates);
        }
    }

    /// Gives up everything.
    pub(crate) fn give_up(&mut self, fates: &mut Vec<Fate>) {
        while let Some(key) = self.order.front().copied() {
            self.forget(&key, fates);
        }
    }

    fn forget(&mut self, key: &Key, fates: &mut Vec<Fate>) {
        self.order.retain(|other| other != key);
        if let Some(packet) = self.table.remove(key) {
            fates.extend(packet.waiting.iter().map(|waiting| Fate::Drop(waiting.slot, Dropped::Incomplete)));
        }
    }
}

impl Packet {
    /// Whether other bytes came in the same place before.
    fn contradicts(&self, offset: usize, bytes: &[u8]) -> bool {
        self.parts.get(&offset).is_some_and(|part| part != bytes)
    }

    /// All of it, if nothing is missing and nothing came twice.
    fn whole(&self) -> Option<Vec<u8>> {
        let mut whole = Vec::with_capacity(self.end?);
        for (offset, part) in &self.parts {
            if *offset != whole.len() {
                return None;
            }
            whole.extend_from_slice(part);
        }
        (Some(whole.len()) == self.end).then_some(whole)
    }

    fn settle(&mut self, fates: &mut Vec<Fate>) {
        let whole = match &self.state {
            State::Open => return,
            State::Whole(whole) => Some(whole),
            State::Refused => None,
        };
        for Waiting { slot, offset, len } in self.waiting.drain(..) {
            fates.push(match whole.and_then(|whole| whole.get(offset..offset + len)) {
                Some(bytes) => Fate::Fill(slot, bytes.to_vec()),
                None => Fate::Drop(slot, Dropped::Incomplete),
            });
        }
    }
}

/// What a whole packet carries, replaced: as a frame of its own.
fn replaced(masks: &mut Masks, ends: (IpAddr, IpAddr), protocol: u8, whole: &[u8]) -> Option<Vec<u8>> {
    let header = match ends {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let len = u16::try_from(20 + whole.len()).ok()?.to_be_bytes();
            let fixed = [&[0x45, 0][..], &len, &[0, 0, 0, 0, 64, protocol, 0, 0]].concat();
            [&fixed[..], &src.octets(), &dst.octets()].concat()
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let len = u16::try_from(whole.len()).ok()?.to_be_bytes();
            let fixed = [&[0x60, 0, 0, 0][..], &len, &[protocol, 64]].concat();
            [&fixed[..], &src.octets(), &dst.octets()].concat()
        }
        _ => return None,
    };
    let bytes = [&header[..], whole].concat();
    let wire_len = u32::try_from(bytes.len()).ok()?;
    let frame =
        RawFrame { time: PacketTime::EPOCH, number: 0, link: LinkType::RawIp, wire_len, bytes: &bytes };
    let headers = frame::headers(masks, &frame).ok()?;
    let Carries::Datagram(ports) = headers.carries else { return None };
    let old = headers.sheet.old(headers.payload.at, headers.payload.len());
    let new = payload::datagram(masks, ports, old).ok()?;
    let done = Sketch::of(&frame, headers).filled(&new)?;
    done.bytes.get(header.len()..).map(<[u8]>::to_vec)
}
