//! Rows of a day's file, byte by byte.
//!
//! ```text
//! magic "\nrow" (4) | length of the value (4, LE) | call id (16, big-endian) | batch (8, LE) | rows in the batch (4, LE)
//! kind (4, LE)      | CRC-32C of all before it (4, LE) | value
//! ```
//!
//! The value is framed and sealed as the page of `schema` says, to the call, the batch and the kind. The batch and how many
//! rows it has stand in each of its rows, so that a batch that was torn is told from one that is whole, in whatever days its
//! calls began.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use earwitness_model::CallId;

const MAGIC: [u8; 4] = *b"\nrow";
/// Bytes before the value.
pub(super) const HEAD: usize = 44;
const CRC_AT: usize = HEAD - 4;
/// A longer value is none: the largest entry, sealed and framed, and some more.
const MAX_VALUE: usize = super::schema::MAX_ENTRY + 256;
/// Bytes that are read at once.
const WINDOW: usize = 256 << 10;

/// What a row does to its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The call was not listed.
    New = 0,
    /// It stands in place of an earlier row of the same call.
    Replaces = 1,
    /// The call is not listed any more.
    Gone = 2,
}

impl Kind {
    pub(super) const fn from_code(code: u32) -> Option<Self> {
        match code {
            0 => Some(Self::New),
            1 => Some(Self::Replaces),
            2 => Some(Self::Gone),
            _ => None,
        }
    }
}

/// What stands before a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowHead {
    /// Bytes of the value.
    pub(super) length: u32,
    pub(super) call: CallId,
    /// The number of the batch it was put in.
    pub(super) batch: u64,
    /// How many rows were put in that batch.
    pub(super) of: u32,
    pub(super) kind: Kind,
}

impl RowHead {
    pub(super) fn to_bytes(self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..24].copy_from_slice(&self.call.to_bytes());
        bytes[24..32].copy_from_slice(&self.batch.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.of.to_le_bytes());
        bytes[36..CRC_AT].copy_from_slice(&(self.kind as u32).to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; HEAD]) -> Option<Self> {
        let u32_at = |at: usize| bytes[at..].first_chunk().map_or(0, |four| u32::from_le_bytes(*four));
        let is_head = bytes[..4] == MAGIC && crc32c::crc32c(&bytes[..CRC_AT]) == u32_at(CRC_AT);
        let head = Self {
            length: u32_at(4),
            call: CallId::from_bytes(*bytes[8..].first_chunk()?),
            batch: u64::from_le_bytes(*bytes[24..].first_chunk()?),
            of: u32_at(32),
            kind: Kind::from_code(u32_at(36))?,
        };
        (is_head && head.length as usize <= MAX_VALUE).then_some(head)
    }

    /// Bytes of the row.
    pub(super) const fn size(&self) -> u64 {
        HEAD as u64 + self.length as u64
    }
}

/// A row and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) at: u64,
    pub(super) head: RowHead,
    pub(super) value: Vec<u8>,
}

/// One thing found in a file, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A row with a whole head. Its value is whole as far as its own checksum says.
    Row(Row),
    /// Bytes that are no row, up to the next one or the end.
    Damaged {
        /// Where they begin.
        at: u64,
    },
}

/// Reads rows from one place of a file to another.
pub(super) struct Walk<'f> {
    file: &'f File,
    at: u64,
    end: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<'f> Walk<'f> {
    pub(super) const fn new(file: &'f File, from: u64, end: u64) -> Self {
        Self { file, at: from, end, window: Vec::new(), window_at: 0 }
    }

    fn step(&mut self) -> io::Result<Step> {
        let at = self.at;
        if let Some(row) = self.row(at)? {
            self.at = at + row.head.size();
            return Ok(Step::Row(row));
        }
        self.at = self.next_row(at + 1)?;
        Ok(Step::Damaged { at })
    }

    fn row(&mut self, at: u64) -> io::Result<Option<Row>> {
        let Some(head) =
            self.bytes(at, HEAD)?.and_then(|bytes| bytes.first_chunk()).and_then(RowHead::from_bytes)
        else {
            return Ok(None);
        };
        let value = self.bytes(at + HEAD as u64, head.length as usize)?;
        Ok(value.map(|value| Row { at, head, value: value.to_vec() }))
    }

    fn next_row(&mut self, mut from: u64) -> io::Result<u64> {
        while from + HEAD as u64 <= self.end {
            let length = usize::try_from(self.end - from).map_or(WINDOW, |rest| rest.min(WINDOW));
            let Some(bytes) = self.bytes(from, length)? else { break };
            match bytes.windows(MAGIC.len()).position(|four| four == MAGIC) {
                Some(place) => {
                    from += place as u64;
                    if self.row(from)?.is_some() {
                        return Ok(from);
                    }
                    from += 1;
                }
                // The magic may straddle two windows.
                None => from += (length - (MAGIC.len() - 1)) as u64,
            }
        }
        Ok(self.end)
    }

    /// `length` bytes at `at`; `None` where there are not so many before the end.
    fn bytes(&mut self, at: u64, length: usize) -> io::Result<Option<&[u8]>> {
        if at.checked_add(length as u64).is_none_or(|end| end > self.end) {
            return Ok(None);
        }
        if at < self.window_at || at + length as u64 > self.window_at + self.window.len() as u64 {
            let rest = usize::try_from(self.end - at).map_or(WINDOW, |rest| rest.min(WINDOW));
            self.window.resize(length.max(rest), 0);
            self.window_at = at;
            let read = read_up_to(self.file, &mut self.window, at)?;
            self.window.truncate(read);
        }
        let start = usize::try_from(at - self.window_at).unwrap_or(usize::MAX);
        Ok(self.window.get(start..).and_then(|bytes| bytes.get(..length)))
    }
}

impl Iterator for Walk<'_> {
    type Item = io::Result<Step>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let step = self.step();
        if step.is_err() {
            self.at = self.end;
        }
        Some(step)
    }
}

/// Reads into `buffer` and says how much there was: less than asked only at the end of the file.
pub(super) fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], at + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(done)
}
