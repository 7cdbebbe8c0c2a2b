//! Columns: what can be asked of the calls of a day, side by side, so that a million calls are looked through at the speed
//! of the cipher and the entries of those that are not meant are not opened.
//!
//! They stand in a file beside the day's rows, a block for some thousand calls, and are made from rows alone:
//!
//! ```text
//! block:   rows begin at (8) | rows end at (8) | CRC-32C of both (4) | bytes (4) | sealed columns
//! columns: for each row: call id (16, big-endian) | bytes of the value (4) | kind (1) | traits (34: the page of `traits`)
//! ```
//!
//! A block is sealed to its day and its two places. What is not covered by whole blocks, or by blocks that were damaged, is
//! read from the rows themselves: columns are never missed, only slower to be had.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use earwitness_model::CallId;

use super::{
    row::{HEAD, Kind, RowHead, read_up_to},
    schema,
    traits::{TRAITS, Traits},
};
use crate::metadata_key::MetadataKey;

const BLOCK_HEAD: usize = 24;
/// Bytes of a call's columns.
pub(super) const COLUMNS: usize = 16 + 4 + 1 + TRAITS;
/// Where the kind is among them.
const KIND_AT: usize = 20;
/// Columns of so many calls are written as one block.
pub(super) const BLOCK_CALLS: usize = 1024;

/// The columns of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) call: CallId,
    /// Bytes of the value.
    pub(super) length: u32,
    pub(super) kind: Kind,
    pub(super) traits: Traits,
}

impl Columns {
    pub(super) fn of(head: &RowHead, traits: Traits) -> Self {
        Self { call: head.call, length: head.length, kind: head.kind, traits }
    }

    pub(super) fn to_bytes(self) -> [u8; COLUMNS] {
        let mut bytes = [0; COLUMNS];
        bytes[..16].copy_from_slice(&self.call.to_bytes());
        bytes[16..20].copy_from_slice(&self.length.to_le_bytes());
        bytes[KIND_AT] = self.kind as u8;
        bytes[21..].copy_from_slice(&self.traits.to_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; COLUMNS]) -> Option<Self> {
        let [call @ .., _, _, _, _] = bytes.first_chunk::<20>()?;
        Some(Self {
            call: CallId::from_bytes(*call),
            length: u32::from_le_bytes(*bytes[16..].first_chunk()?),
            kind: Kind::from_code(u32::from(bytes[KIND_AT]))?,
            traits: Traits::from_bytes(bytes[21..].first_chunk()?),
        })
    }

    /// Bytes of the row that they are of.
    pub(super) const fn row_size(&self) -> u64 {
        HEAD as u64 + self.length as u64
    }
}

/// The columns of a day, one after the other, from its first row on.
#[derive(Debug, Default, Clone)]
pub(super) struct Read {
    /// [`COLUMNS`] bytes for each row.
    pub(super) bytes: Vec<u8>,
    /// Where the rows end that they are of.
    pub(super) covered: u64,
    /// Where the last whole block ends in the file.
    pub(super) end: u64,
    /// There is more in the file, and it is not what was written.
    pub(super) damaged: bool,
}

impl Read {
    /// What the file at `path` tells of the first `rows_end` bytes of the rows of `day`.
    pub(super) fn of_file(path: &Path, day: u32, rows_end: u64, key: &MetadataKey) -> io::Result<Self> {
        let mut read = Self::default();
        let file = match File::open(path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(read),
            opened => opened?,
        };
        let mut whole =
            vec![0; usize::try_from(file.metadata()?.len()).map_err(|_| io::ErrorKind::FileTooLarge)?];
        let found = read_up_to(&file, &mut whole, 0)?;
        let mut rest = &whole[..found];
        read.bytes.reserve(found);
        while read.covered < rows_end && !rest.is_empty() {
            let Some((columns, to, size)) = block(rest, (day, read.covered), key) else {
                read.damaged = true;
                break;
            };
            // A block that was written after the day was looked at is not looked at.
            if to > rows_end {
                break;
            }
            read.bytes.extend_from_slice(&columns);
            read.covered = to;
            read.end += size as u64;
            rest = &rest[size..];
        }
        Ok(read)
    }

    /// Whether any row takes the place of another, or takes one away.
    pub(super) fn has_changes(&self) -> bool {
        let columns: &[[u8; COLUMNS]] = self.bytes.as_chunks().0;
        columns.iter().any(|columns| columns[KIND_AT] != Kind::New as u8)
    }

    /// The columns with the places of their rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u64, Columns)> {
        let mut at = 0;
        self.bytes.as_chunks().0.iter().filter_map(Columns::from_bytes).map(move |columns| {
            let here = at;
            at += columns.row_size();
            (here, columns)
        })
    }
}

/// The columns in the block at the beginning of `bytes`, where the rows end that it covers, and its size; `None` when it is
/// not a block of the rows of `day` from `from` on.
fn block(bytes: &[u8], (day, from): (u32, u64), key: &MetadataKey) -> Option<(Vec<u8>, u64, usize)> {
    let head = bytes.first_chunk::<BLOCK_HEAD>()?;
    let to = u64::from_le_bytes(*head[8..].first_chunk()?);
    let size = u32::from_le_bytes(*head[20..].first_chunk()?) as usize;
    if *head != block_head((from, to), size) {
        return None;
    }
    let sealed = bytes.get(BLOCK_HEAD..)?.get(..size)?;
    let columns = key.open(&place(day, from, to), sealed).ok()?;
    let rows: Option<u64> = columns.as_chunks().0.iter().map(row_size).sum();
    (rows == Some(to - from)).then_some((columns, to, BLOCK_HEAD + size))
}

/// Bytes of the row that these columns are of.
fn row_size(columns: &[u8; COLUMNS]) -> Option<u64> {
    Kind::from_code(u32::from(columns[KIND_AT]))?;
    Some(HEAD as u64 + u64::from(u32::from_le_bytes(*columns[16..].first_chunk()?)))
}

fn block_head((from, to): (u64, u64), size: usize) -> [u8; BLOCK_HEAD] {
    let mut head = [0; BLOCK_HEAD];
    head[..8].copy_from_slice(&from.to_le_bytes());
    head[8..16].copy_from_slice(&to.to_le_bytes());
    let crc = crc32c::crc32c(&head[..16]);
    head[16..20].copy_from_slice(&crc.to_le_bytes());
    head[20..].copy_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
    head
}

fn place(day: u32, from: u64, to: u64) -> [u8; 27] {
    let mut place = *b"columns\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    place[7..11].copy_from_slice(&day.to_le_bytes());
    place[11..19].copy_from_slice(&from.to_le_bytes());
    place[19..].copy_from_slice(&to.to_le_bytes());
    place
}

/// Writes `columns` as a block at `at` of the file, the end of what is whole in it, and says where the block ends. It need
/// not be durable: what is lost of it is made from the rows again.
pub(super) fn write(
    (path, at): (&Path, u64),
    (day, from, to): (u32, u64, u64),
    columns: &[u8],
    key: &MetadataKey,
) -> io::Result<u64> {
    let sealed = key.seal(&place(day, from, to), columns);
    let mut bytes = Vec::with_capacity(BLOCK_HEAD + sealed.len());
    bytes.extend_from_slice(&block_head((from, to), sealed.len()));
    bytes.extend_from_slice(&sealed);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    if file.metadata()?.len() > at {
        file.set_len(at)?;
    }
    file.write_all_at(&bytes, at)?;
    Ok(at + bytes.len() as u64)
}

/// The traits in a row's value; of one that cannot be read, those that always pass.
pub(super) fn traits_in(key: &MetadataKey, head: &RowHead, value: &[u8]) -> Traits {
    match head.kind {
        Kind::Gone => Traits::UNREADABLE,
        Kind::New | Kind::Replaces => {
            schema::open_entry(key, head, value).map_or(Traits::UNREADABLE, |entry| Traits::of(&entry))
        }
    }
}
