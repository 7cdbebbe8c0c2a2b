//! The part of a capture that is in memory: one reused buffer, and where it is in the capture.

use std::io;

use crate::{
    Damage,
    gzip::{NoMore, Unpacked},
};

/// How much is read at once.
const CHUNK: usize = 1 << 20;

/// Why a walk over a capture stops.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The capture ended between two frames or blocks.
    Complete,
    /// The capture ended elsewhere; at least so many bytes are missing.
    Cut { missing: u64 },
    /// The bytes do not make sense.
    Damaged(Damage),
    /// The operating system would not give them.
    Unreadable(io::Error),
}

impl From<Damage> for Stop {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

/// A capture's bytes from the first one not yet consumed.
pub(crate) struct Window {
    source: Unpacked,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where `start` is in the capture.
    at_byte: u64,
}

impl Window {
    pub(crate) fn new(source: Unpacked) -> Self {
        Self { source, buffer: vec![0; CHUNK], start: 0, end: 0, at_byte: 0 }
    }

    /// Where the window begins in the capture.
    pub(crate) const fn at_byte(&self) -> u64 {
        self.at_byte
    }

    /// Bytes read so far from the file as it is stored.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.source.stored_bytes()
    }

    /// What is in memory, without reading on.
    pub(crate) fn held(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The next `N` bytes, where the capture may well end instead: it is complete if it does.
    #[inline]
    pub(crate) fn begin<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        if self.end - self.start < N {
            match self.fill(N) {
                Ok(()) => {}
                Err(NoMore::End) if self.start == self.end => return Err(Stop::Complete),
                Err(NoMore::Cut) if self.start == self.end => return Err(Stop::Cut { missing: 0 }),
                Err(why) => return Err(self.stop(why, N)),
            }
        }
        self.array()
    }

    /// The next `length` bytes. Bounding `length` is the caller's part: the buffer grows to it.
    #[inline]
    pub(crate) fn need(&mut self, length: usize) -> Result<&[u8], Stop> {
        if self.end - self.start < length {
            self.fill(length).map_err(|why| self.stop(why, length))?;
        }
        Ok(&self.buffer[self.start..self.start + length])
    }

    /// The next `N` bytes as an array.
    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        self.need(N).map(|bytes| *bytes.first_chunk().expect("need gives N bytes"))
    }

    /// Moves past `length` bytes, which were needed before.
    #[inline]
    pub(crate) fn consume(&mut self, length: usize) {
        debug_assert!(length <= self.end - self.start, "only bytes in the window can be consumed");
        self.start += length;
        self.at_byte += length as u64;
    }

    /// Moves past `length` bytes that need not fit in memory.
    pub(crate) fn skip(&mut self, mut length: u64) -> Result<(), Stop> {
        while length > 0 {
            if self.start == self.end {
                self.fill(1).map_err(|why| match self.stop(why, 1) {
                    Stop::Cut { .. } => Stop::Cut { missing: length },
                    other @ (Stop::Complete | Stop::Damaged(_) | Stop::Unreadable(_)) => other,
                })?;
            }
            let step = (self.end - self.start).min(usize::try_from(length).unwrap_or(usize::MAX));
            self.consume(step);
            length -= step as u64;
        }
        Ok(())
    }

    fn stop(&self, why: NoMore, length: usize) -> Stop {
        match why {
            NoMore::End | NoMore::Cut => Stop::Cut { missing: (length - (self.end - self.start)) as u64 },
            NoMore::Damaged(damage) => Stop::Damaged(damage),
            NoMore::Unreadable(error) => Stop::Unreadable(error),
        }
    }

    #[cold]
    fn fill(&mut self, length: usize) -> Result<(), NoMore> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < length {
            self.buffer.resize(length.next_multiple_of(CHUNK), 0);
        }
        while self.end < length {
            self.end += self.source.read(&mut self.buffer[self.end..])?;
        }
        Ok(())
    }
}
