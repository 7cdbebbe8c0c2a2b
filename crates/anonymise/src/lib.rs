//! Captures that may be given away: frames in, frames out, and of whoever is in them nothing.
//!
//! A frame that comes out has no byte in it that was merely let through. It begins as filler of the same length, and what is
//! written into it is either a field that was understood (a type, a length, a port, a time, a sequence number, a word of the
//! protocol) or made up in place of what stood there. What was not understood stays filler; what carries no telephony does
//! not come out at all, and is counted by its kind ([`Counts`]). So forgetting something here costs a shape, and not a secret.
//!
//! Replaced, always by the same for the same within a run and by others in the next:
//! - addresses: Ethernet, IPv4, IPv6, in headers of every tunnel and in text, of the same class and with as many digits;
//! - numbers, users, names of people, hosts, dialogs, branches, tags, keys, and every word that is none of the protocols';
//! - values of unknown headers, bodies that are no description of media, names and texts in reports: filler;
//! - audio: made-up noise that does not follow it. Digits that were pressed: one digit for all.
//!
//! Kept: when frames came and how long they were, ports, payload types and formats, sequence numbers and timestamps, methods,
//! codes, names of headers, directions, the course of every dialog, what receivers measured, VLANs and other numbers of networks, the first word
//! of a User-Agent, whether a number begins with 0 and how long it is, which packets hold the same sound.
//!
//! RTP has no mark of its own: a datagram between high ports that begins like it is taken for it, so that of one that is none
//! its first eight bytes come through (flags, type, sequence number and timestamp of RTP), and lengths.
//!
//! Nothing here reads a clock, a file or a source of randomness: the secret is an argument, and times are those of the frames.
#![forbid(unsafe_code)]

mod address;
mod audio;
mod counts;
mod frame;
mod masks;
mod payload;
mod pieces;
mod queue;
mod rtp;
mod secret;
mod sheet;
mod sip;
mod sketch;
mod stream;
mod text;

use std::net::IpAddr;

use earwitness_model::{LinkType, PacketTime, RawFrame};

pub use counts::{Counts, Dropped};
pub use secret::Secret;

use crate::{
    frame::Carries, masks::Masks, pieces::Pieces, queue::Queue, sketch::Sketch, stream::Connections,
};

/// A frame that may be given away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The number of the frame in whose place it is.
    pub number: u64,
    /// When that was captured.
    pub time: PacketTime,
    /// Its link type.
    pub link: LinkType,
    /// The length on the wire of the one in whose place it is.
    pub wire_len: u32,
    /// As many bytes as were captured.
    pub bytes: Vec<u8>,
}

/// What became of a frame that had to wait for others.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It carries these bytes.
    Fill(u64, Vec<u8>),
    Drop(u64, Dropped),
}

/// Replaces whoever is in a capture, frame by frame, and keeps the order of frames. One that is part of something larger (a
/// piece of a packet, a segment of a message) waits for the rest, and the frames after it with it: at most
/// [`Self::MAX_WAITING`] frames, and half a minute.
#[derive(Debug)]
pub struct Anonymiser {
    masks: Masks,
    queue: Queue,
    pieces: Pieces,
    connections: Connections,
    counts: Counts,
    link: Option<LinkType>,
}

impl Anonymiser {
    /// Frames that wait at a time.
    pub const MAX_WAITING: usize = queue::MAX_WAITING;

    /// One that replaces by `secret`.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        Self {
            masks: Masks::new(secret),
            queue: Queue::default(),
            pieces: Pieces::default(),
            connections: Connections::default(),
            counts: Counts::default(),
            link: None,
        }
    }

    /// One that also notes what users, numbers and addresses are replaced by: for whoever owns the capture, and nobody else.
    #[must_use]
    pub fn with_mapping(secret: Secret) -> Self {
        let mut own = Self::new(secret);
        own.masks.note_mapping();
        own
    }

    /// Takes the next frame of the capture.
    pub fn handle_frame(&mut self, frame: &RawFrame<'_>) {
        self.counts.frames += 1;
        let mut fates = Vec::new();
        self.connections.handle_time(&mut self.masks, frame.time, &mut fates);
        self.pieces.handle_time(frame.time, &mut fates);
        if let Err(dropped) = self.take(frame, &mut fates) {
            self.counts.count(dropped);
        }
        self.settle(fates);
        if self.queue.is_full() {
            self.give_up();
        }
    }

    /// The capture has ended: what waits comes out as it is.
    pub fn handle_end(&mut self) {
        self.give_up();
    }

    /// The next frame that is done.
    pub fn poll_frame(&mut self) -> Option<Frame> {
        let frame = self.queue.poll()?;
        self.counts.written += 1;
        Some(frame)
    }

    /// What came in and what did not come out.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The link type of what comes out: that of the first frame; others are dropped. `None` before it.
    #[must_use]
    pub const fn link(&self) -> Option<LinkType> {
        self.link
    }

    /// Users and numbers of up to 256 bytes that were replaced, and by what, a million of them at most; empty unless asked for.
    pub fn mapped_users(&self) -> impl Iterator<Item = (&str, &str)> {
        self.masks.mapped()
    }

    /// Addresses that were replaced, and by what, as many as are remembered; in no order.
    pub fn mapped_addresses(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> {
        self.masks.mapped_addresses()
    }

    fn take(&mut self, frame: &RawFrame<'_>, fates: &mut Vec<Fate>) -> Result<(), Dropped> {
        if *self.link.get_or_insert(frame.link) != frame.link {
            return Err(Dropped::LinkType);
        }
        let headers = frame::headers(&mut self.masks, frame)?;
        match headers.carries {
            Carries::Datagram(ports) => {
                let span = headers.payload;
                let old = headers.sheet.old(span.at, span.len());
                let new = payload::datagram(&mut self.masks, ports, old)?;
                match Sketch::of(frame, headers).filled(&new) {
                    Some(frame) => self.queue.push(frame),
                    None => return Err(Dropped::Unreadable),
                }
            }
            Carries::Segment(segment) => {
                let slot = self.queue.reserve(Sketch::of(frame, headers));
                self.connections.handle_segment(&mut self.masks, (&segment, slot, frame.time), fates);
            }
            Carries::Piece(piece) => {
                let slot = self.queue.reserve(Sketch::of(frame, headers));
                self.pieces.handle_piece(&mut self.masks, (&piece, slot, frame.time), fates);
            }
        }
        Ok(())
    }

    fn give_up(&mut self) {
        let mut fates = Vec::new();
        self.connections.give_up(&mut self.masks, &mut fates);
        self.pieces.give_up(&mut fates);
        self.settle(fates);
        for _ in 0..self.queue.abandon() {
            self.counts.count(Dropped::Incomplete);
        }
    }

    fn settle(&mut self, fates: Vec<Fate>) {
        for fate in fates {
            match fate {
                Fate::Fill(slot, bytes) => {
                    if !self.queue.fill(slot, &bytes) {
                        self.counts.count(Dropped::Unreadable);
                    }
                }
                Fate::Drop(slot, dropped) => {
                    self.queue.remove(slot);
                    self.counts.count(dropped);
                }
            }
        }
    }
}
