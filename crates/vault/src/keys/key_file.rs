//! A key file: the wrapped data keys of one class and day.
//!
//! ```text
//!    0         8      10  12     16              78      124    128
//!    +---------+------+---+------+---------------+-------+------+----  rows …
//!    | EWKEYS  | ver. | 0 | day  | recipient     | 0     | crc  |
//!    +---------+------+---+------+---------------+-------+------+----
//!    recipient  the day's public key, as age writes it: 62 characters
//!
//!    0      4     5    6       8               24                24+n   28+n
//!    +------+-----+----+-------+---------------+-----------------+------+
//!    | EWKY |state| 0  | n     | recording     | wrapped key     | crc  |
//!    +------+-----+----+-------+---------------+-----------------+------+
//!    state  1 wrapped, 2 destroyed (n zeros), 3 wrapped in a batch       crc  CRC-32C of all before it in the row
//! ```
//!
//! The wrapped key of state 1, of a recording that began alone, is an age file to the day's recipient; its content is the
//! recording's id and its data key. That of state 3 is drawn in `batch.rs`.

use chrono::{Datelike, NaiveDate};
use earwitness_model::RecordingId;

use crate::container::FORMAT_VERSION;

const HEAD: usize = 128;
const MAGIC: [u8; 8] = *b"EWKEYS\0\0";
const RECIPIENT: std::ops::Range<usize> = 16..78;
const ROW_MAGIC: [u8; 4] = *b"EWKY";
const ROW_HEAD: usize = 24;
const CRC: usize = 4;

/// The head of a key file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyFileHead {
    pub(crate) day: NaiveDate,
    pub(crate) recipient: String,
}

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyState {
    Wrapped,
    Destroyed,
    WrappedInBatch,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRow {
    pub(crate) state: KeyState,
    pub(crate) recording: RecordingId,
    pub(crate) wrapped: Vec<u8>,
}

/// A key file, read: what is whole in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyFile {
    /// `None`: damaged. The rows stand for themselves.
    pub(crate) head: Option<KeyFileHead>,
    pub(crate) rows: Vec<KeyRow>,
    /// Bytes that are no row, the torn tail among them.
    pub(crate) damaged: u64,
    /// Where the last whole row ends: the next one is appended here.
    pub(crate) end: u64,
}

impl KeyFileHead {
    pub(crate) fn to_bytes(&self) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[..8].copy_from_slice(&MAGIC);
        head[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        head[12..16].copy_from_slice(&self.day.num_days_from_ce().to_le_bytes());
        head[RECIPIENT].copy_from_slice(self.recipient.as_bytes());
        let crc = crc32c::crc32c(&head[..HEAD - CRC]);
        head[HEAD - CRC..].copy_from_slice(&crc.to_le_bytes());
        head
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let head = bytes.first_chunk::<HEAD>()?;
        let (content, crc) = head.split_last_chunk::<CRC>()?;
        let whole = head[..8] == MAGIC
            && crc32c::crc32c(content) == u32::from_le_bytes(*crc)
            && u16::from_le_bytes([head[8], head[9]]) == FORMAT_VERSION;
        let day = i32::from_le_bytes([head[12], head[13], head[14], head[15]]);
        whole.then_some(())?;
        Some(Self {
            day: NaiveDate::from_num_days_from_ce_opt(day)?,
            recipient: std::str::from_utf8(&head[RECIPIENT]).ok()?.to_owned(),
        })
    }
}

impl KeyRow {
    /// A wrapped key; `None` when it is longer than a row can hold, which no wrapped key of 32 bytes is.
    pub(crate) fn to_bytes(&self) -> Option<Vec<u8>> {
        let length = u16::try_from(self.wrapped.len()).ok()?;
        let state = match self.state {
            KeyState::Wrapped => 1,
            KeyState::Destroyed => 2,
            KeyState::WrappedInBatch => 3,
        };
        let mut row = Vec::with_capacity(ROW_HEAD + self.wrapped.len() + CRC);
        row.extend_from_slice(&ROW_MAGIC);
        row.extend_from_slice(&[state, 0]);
        row.extend_from_slice(&length.to_le_bytes());
        row.extend_from_slice(&self.recording.to_bytes());
        row.extend_from_slice(&self.wrapped);
        row.extend_from_slice(&crc32c::crc32c(&row).to_le_bytes());
        Some(row)
    }

    /// The row that `bytes` begin with, and its length.
    fn first_of(bytes: &[u8]) -> Option<(Self, usize)> {
        let head = bytes.first_chunk::<ROW_HEAD>()?;
        let length = usize::from(u16::from_le_bytes([head[6], head[7]]));
        let state = match (head[4], head[5]) {
            (1, 0) => KeyState::Wrapped,
            (2, 0) => KeyState::Destroyed,
            (3, 0) => KeyState::WrappedInBatch,
            _ => return None,
        };
        let row = bytes.get(..ROW_HEAD + length + CRC)?;
        let (content, crc) = row.split_last_chunk::<CRC>()?;
        if head[..4] != ROW_MAGIC || crc32c::crc32c(content) != u32::from_le_bytes(*crc) {
            return None;
        }
        let recording = RecordingId::from_bytes(std::array::from_fn(|i| head[8 + i]));
        Some((Self { state, recording, wrapped: content[ROW_HEAD..].to_vec() }, row.len()))
    }
}

impl KeyFile {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let (mut rows, mut damaged, mut at) = (Vec::new(), 0, HEAD.min(bytes.len()));
        let mut end = at;
        while at < bytes.len() {
            if let Some((row, length)) = KeyRow::first_of(&bytes[at..]) {
                rows.push(row);
                at += length;
                end = at;
            } else {
                damaged += 1;
                at += 1;
            }
        }
        Self { head: KeyFileHead::from_bytes(bytes), rows, damaged, end: end as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (Vec<u8>, Vec<KeyRow>) {
        let recipient = age::x25519::Identity::generate().to_public().to_string();
        let head = KeyFileHead { day: NaiveDate::from_ymd_opt(2026, 11, 21).unwrap(), recipient };
        let rows: Vec<_> = (0..3)
            .map(|n| KeyRow {
                state: [KeyState::Wrapped, KeyState::Destroyed, KeyState::WrappedInBatch][n as usize],
                recording: RecordingId::new(1_763_683_200_000, n),
                wrapped: vec![n as u8; 240],
            })
            .collect();
        let bytes = rows.iter().fold(head.to_bytes().to_vec(), |mut bytes, row| {
            bytes.extend(row.to_bytes().unwrap());
            bytes
        });
        (bytes, rows)
    }

    #[test]
    fn a_key_file_reads_back() {
        let (bytes, rows) = file();
        let read = KeyFile::read(&bytes);
        assert_eq!((read.rows, read.damaged, read.end), (rows, 0, bytes.len() as u64));
        assert_eq!(read.head.unwrap().to_bytes(), bytes[..HEAD]);
    }

    #[test]
    fn a_changed_byte_costs_its_row_or_the_head_and_is_noticed() {
        let (bytes, rows) = file();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x20;
            let read = KeyFile::read(&changed);
            match at.checked_sub(HEAD) {
                None => assert_eq!((read.head, read.rows), (None, rows.clone()), "byte {at}"),
                Some(place) => {
                    let mut expected = rows.clone();
                    expected.remove(place / 268);
                    assert_eq!((read.rows, read.damaged), (expected, 268), "byte {at}");
                }
            }
        }
    }

    #[test]
    fn a_torn_row_is_cut_at_the_end_of_the_last_whole_one() {
        let (bytes, rows) = file();
        for cut in bytes.len() - 268..bytes.len() {
            let read = KeyFile::read(&bytes[..cut]);
            assert_eq!((read.rows, read.end), (rows[..2].to_vec(), bytes.len() as u64 - 268), "cut at {cut}");
        }
    }
}
