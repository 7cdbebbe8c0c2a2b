//! The ledger's files, byte by byte, and one file read from its beginning.
//!
//! ```text
//! file:    magic "EWLEDGER" (8) | version (1) | number of the first row (8) | chain before it (32) | CRC-32C of these (4)
//!          row | row | …
//! row:     magic "row\n" (4) | sealed length (4) | number (8) | kind (1) | time, ns since the epoch (8)
//!          chain (32) | sealed payload | CRC-32C of all before it (4)
//! ```
//!
//! Numbers are little-endian. Rows are numbered from 0 through all files. `chain` is BLAKE3 over the chain of the row
//! before, this row's length, number, kind and time, and its sealed payload; before the first row of all it is zeros. The
//! payload is sealed to number, kind and time. The magic lets a reader find the next row after damage.

use std::io;

use super::merkle::{self, TreeHash};
use crate::disk::DiskFile;

/// The version byte of every file.
pub(super) const VERSION: u8 = 1;
/// A payload's limit in bytes: the longest is an entry, which the index limits to half of it.
pub(super) const MAX_PAYLOAD: usize = 512 << 10;

const FILE_MAGIC: &[u8; 8] = b"EWLEDGER";
/// Bytes of a file's header.
pub(super) const FILE_HEADER: usize = 8 + 1 + 8 + 32 + 4;
const ROW_MAGIC: &[u8; 4] = b"row\n";
const ROW_HEAD: usize = 4 + 4 + 8 + 1 + 8 + 32;
const CHAIN_AT: usize = ROW_HEAD - 32;
const CRC: usize = 4;
/// Sealing adds some; a longer row is none.
const MAX_SEALED: usize = MAX_PAYLOAD + 256;
/// Bytes of a row at most.
pub(super) const LONGEST_ROW: usize = ROW_HEAD + MAX_SEALED + CRC;
/// Bytes that are read at once.
const WINDOW: usize = 64 << 10;

/// The hash that a row continues.
pub(super) type Chain = [u8; 32];

/// Where in the chain something stands: the number and the hash that the next row continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    /// The next row's number.
    pub(super) number: u64,
    /// The last row's chain.
    pub(super) chain: Chain,
}

/// A row as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredRow {
    pub(super) number: u64,
    pub(super) kind: u8,
    pub(super) time: i64,
    pub(super) chain: Chain,
    pub(super) sealed: Vec<u8>,
}

impl StoredRow {
    /// The row after `before`; the chain follows from the rest.
    pub(super) fn after(before: Place, kind: u8, time: i64, sealed: Vec<u8>) -> Self {
        let mut row = Self { number: before.number, kind, time, chain: [0; 32], sealed };
        row.chain = row.chain_after(&before.chain);
        row
    }

    /// What its chain must be when it continues `before`.
    pub(super) fn chain_after(&self, before: &Chain) -> Chain {
        let mut hasher = blake3::Hasher::new();
        hasher.update(before).update(&self.head()[ROW_MAGIC.len()..CHAIN_AT]).update(&self.sealed);
        *hasher.finalize().as_bytes()
    }

    /// What its payload is sealed to.
    pub(super) fn seal_place(number: u64, kind: u8, time: i64) -> [u8; 17] {
        let mut place = [kind; 17];
        place[..8].copy_from_slice(&number.to_le_bytes());
        place[9..].copy_from_slice(&time.to_le_bytes());
        place
    }

    /// Where the next row belongs.
    pub(super) fn next(&self) -> Place {
        Place { number: self.number.wrapping_add(1), chain: self.chain }
    }

    /// Bytes in the file.
    pub(super) fn size(&self) -> u64 {
        (ROW_HEAD + self.sealed.len() + CRC) as u64
    }

    /// Adds the row to `out`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let head = self.head();
        let crc = crc32c::crc32c_append(crc32c::crc32c(&head), &self.sealed);
        out.extend_from_slice(&head);
        out.extend_from_slice(&self.sealed);
        out.extend_from_slice(&crc.to_le_bytes());
    }

    /// What it is in the tree: its bytes as they stand in the file, without the CRC.
    pub(super) fn leaf(&self) -> TreeHash {
        merkle::leaf_hash(&[&self.head(), &self.sealed])
    }

    /// The bytes of [`Self::leaf`].
    pub(super) fn leaf_bytes(&self) -> Vec<u8> {
        [self.head().as_slice(), &self.sealed].concat()
    }

    /// The row whose [`Self::leaf_bytes`] these are.
    pub(super) fn of_leaf(bytes: &[u8]) -> Option<Self> {
        let (head, sealed) = bytes.split_first_chunk::<ROW_HEAD>()?;
        let is_whole = head.starts_with(ROW_MAGIC)
            && sealed.len() <= MAX_SEALED
            && usize::try_from(u32_at(head, 4)) == Ok(sealed.len());
        is_whole.then(|| Self::of(head, sealed))
    }

    fn of(head: &[u8], sealed: &[u8]) -> Self {
        let mut chain = [0; 32];
        chain.copy_from_slice(&head[CHAIN_AT..ROW_HEAD]);
        let (number, time) = (u64_at(head, 8), u64_at(head, 17).cast_signed());
        Self { number, kind: head[16], time, chain, sealed: sealed.to_vec() }
    }

    fn head(&self) -> [u8; ROW_HEAD] {
        let mut head = [0; ROW_HEAD];
        head[..4].copy_from_slice(ROW_MAGIC);
        head[4..8].copy_from_slice(&u32::try_from(self.sealed.len()).unwrap_or(u32::MAX).to_le_bytes());
        head[8..16].copy_from_slice(&self.number.to_le_bytes());
        head[16] = self.kind;
        head[17..CHAIN_AT].copy_from_slice(&self.time.to_le_bytes());
        head[CHAIN_AT..].copy_from_slice(&self.chain);
        head
    }
}

/// Whether these bytes behind a file's last row, which are no row, were one: all that their length says is there, or they are a row
/// again when magic and length are put right. Of a row that was never acknowledged a crash leaves less, or zeros at its end.
pub(super) fn was_row(bytes: &[u8]) -> bool {
    let Some(sealed) = bytes.len().checked_sub(ROW_HEAD + CRC) else { return false };
    let says = usize::try_from(u32_at(bytes, 4)).unwrap_or(usize::MAX);
    if bytes.starts_with(ROW_MAGIC) && says <= sealed {
        return bytes[ROW_HEAD + says..][..CRC] != [0; CRC];
    }
    let mut mended = bytes.to_vec();
    mended[..4].copy_from_slice(ROW_MAGIC);
    mended[4..8].copy_from_slice(&u32::try_from(sealed).unwrap_or(u32::MAX).to_le_bytes());
    let (body, crc) = mended.split_at(ROW_HEAD + sealed);
    crc32c::crc32c(body).to_le_bytes() == crc
}

/// The header of a file whose first row belongs at `place`.
pub(super) fn file_header(place: Place) -> [u8; FILE_HEADER] {
    let mut header = [VERSION; FILE_HEADER];
    header[..8].copy_from_slice(FILE_MAGIC);
    header[9..17].copy_from_slice(&place.number.to_le_bytes());
    header[17..49].copy_from_slice(&place.chain);
    let crc = crc32c::crc32c(&header[..49]);
    header[49..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// What a file's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// Where the file's first row belongs.
    Begins(Place),
    /// Whole, and of another version.
    Version(u8),
    /// Not a header.
    Damaged,
}

/// Something found in a file, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A whole row. Whether it belongs here is not told.
    Row(StoredRow),
    /// Bytes that are no row, up to the next row.
    Damaged {
        /// How many.
        bytes: u64,
    },
    /// Bytes that are no row, up to the end of the file.
    Torn {
        /// How many.
        bytes: u64,
    },
}

/// Reads one file, a window at a time.
pub(super) struct Walk {
    file: Box<dyn DiskFile>,
    size: u64,
    window: Vec<u8>,
    window_at: u64,
    at: u64,
}

impl Walk {
    /// Begins after the header.
    pub(super) fn new(file: Box<dyn DiskFile>) -> io::Result<Self> {
        let size = file.size()?;
        Ok(Self { file, size, window: Vec::new(), window_at: 0, at: (FILE_HEADER as u64).min(size) })
    }

    /// Goes on at a row's end.
    pub(super) const fn go_on_at(&mut self, offset: u64) {
        self.at = offset;
    }

    /// Goes on with the first whole row of the last `bytes` bytes, if there are more and there is one.
    pub(super) fn skip_to_last(&mut self, bytes: u64) -> io::Result<bool> {
        let from = self.size.saturating_sub(bytes);
        if from <= self.at {
            return Ok(false);
        }
        let row = self.next_row(from)?;
        let is_there = row < self.size;
        if is_there {
            self.at = row;
        }
        Ok(is_there)
    }

    /// What the file's header says.
    pub(super) fn header(&mut self) -> io::Result<Header> {
        let Some(header) = self.bytes(0, FILE_HEADER)? else { return Ok(Header::Damaged) };
        let (body, crc) = header.split_at(FILE_HEADER - CRC);
        if &body[..8] != FILE_MAGIC || crc32c::crc32c(body).to_le_bytes() != crc {
            return Ok(Header::Damaged);
        }
        if body[8] != VERSION {
            return Ok(Header::Version(body[8]));
        }
        let mut chain = [0; 32];
        chain.copy_from_slice(&body[17..]);
        Ok(Header::Begins(Place { number: u64_at(body, 9), chain }))
    }

    /// The next thing and its offset; `None` at the end.
    pub(super) fn step(&mut self) -> io::Result<Option<(u64, Step)>> {
        let from = self.at;
        if from >= self.size {
            return Ok(None);
        }
        if let Some(row) = self.row(from)? {
            self.at = from + row.size();
            return Ok(Some((from, Step::Row(row))));
        }
        self.at = self.next_row(from + 1)?;
        let bytes = self.at - from;
        let step = if self.at == self.size { Step::Torn { bytes } } else { Step::Damaged { bytes } };
        Ok(Some((from, step)))
    }

    /// The whole row at `at`, if there is one.
    fn row(&mut self, at: u64) -> io::Result<Option<StoredRow>> {
        let Some(head) = self.bytes(at, ROW_HEAD)? else { return Ok(None) };
        let length = usize::try_from(u32_at(head, 4)).unwrap_or(usize::MAX);
        if &head[..4] != ROW_MAGIC || length > MAX_SEALED {
            return Ok(None);
        }
        let Some(row) = self.bytes(at, ROW_HEAD + length + CRC)? else { return Ok(None) };
        let (body, crc) = row.split_at(ROW_HEAD + length);
        if crc32c::crc32c(body).to_le_bytes() != crc {
            return Ok(None);
        }
        let (head, sealed) = body.split_at(ROW_HEAD);
        Ok(Some(StoredRow::of(head, sealed)))
    }

    /// The offset of the next whole row at or after `from`, else the end of the file.
    fn next_row(&mut self, mut from: u64) -> io::Result<u64> {
        while from + (ROW_HEAD + CRC) as u64 <= self.size {
            let length = usize::try_from(self.size - from).map_or(WINDOW, |rest| rest.min(WINDOW));
            let Some(bytes) = self.bytes(from, length)? else { break };
            match bytes.windows(ROW_MAGIC.len()).position(|found| found == ROW_MAGIC) {
                Some(offset) => {
                    from += offset as u64;
                    if self.row(from)?.is_some() {
                        return Ok(from);
                    }
                    from += 1;
                }
                // The magic may straddle two windows.
                None => from += (length - (ROW_MAGIC.len() - 1)) as u64,
            }
        }
        Ok(self.size)
    }

    /// `length` bytes at `at`; `None` when the file ends before.
    fn bytes(&mut self, at: u64, length: usize) -> io::Result<Option<&[u8]>> {
        if at.checked_add(length as u64).is_none_or(|end| end > self.size) {
            return Ok(None);
        }
        let window_end = self.window_at + self.window.len() as u64;
        if at < self.window_at || at + length as u64 > window_end {
            self.window.resize(length.max(WINDOW), 0);
            self.window_at = at;
            let read = self.file.read_at(at, &mut self.window)?;
            self.window.truncate(read);
        }
        let start = usize::try_from(at - self.window_at).unwrap_or(usize::MAX);
        Ok(self.window.get(start..).and_then(|bytes| bytes.get(..length)))
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b))
}
