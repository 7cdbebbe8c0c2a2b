//! A key file: the wrapped data keys of one class and day.
//!
//! ```text
//!    0         8      10  12     16              78  80        112     124    128
//!    +---------+------+---+------+---------------+---+---------+-------+------+----  rows …
//!    | EWKEYS  | ver. | 0 | day  | recipient     | 0 | salt    | 0     | crc  |
//!    +---------+------+---+------+---------------+---+---------+-------+------+----
//!    ver.       2; version 1 has zeros for a salt, and rows of the states 1 to 3
//!    recipient  the day's public key, as age writes it: 62 characters
//!    salt       what the metadata of the day's volumes is sealed with besides the metadata key
//!
//!    0      4     5    6       8               24                24+n   28+n
//!    +------+-----+----+-------+---------------+-----------------+------+
//!    | EWKY |state| 0  | n     | recording     | wrapped key     | crc  |
//!    +------+-----+----+-------+---------------+-----------------+------+
//!    state  1 wrapped, 2 destroyed (n zeros), 3 wrapped in a batch; 4 and 5 are 1 and 3 with a day before them
//!    crc    CRC-32C of all before it in the row
//! ```
//!
//! The wrapped key of state 1, of a recording that began alone, is an age file to the day's recipient; its content is the
//! recording's id and its data key. That of state 3 is drawn in `batch.rs`. The day of states 4 and 5 is the last one on which
//! the recording is kept (days since 1 January of the year 1, `i32`): what falls due is told by the keys themselves.

use std::ops::Range;

use chrono::{Datelike, NaiveDate};
use earwitness_model::RecordingId;

const HEAD: usize = 128;
const MAGIC: [u8; 8] = *b"EWKEYS\0\0";
const FIRST_VERSION: u16 = 1;
const VERSION: u16 = 2;
const RECIPIENT: Range<usize> = 16..78;
const SALT: Range<usize> = 80..112;
const ROW_MAGIC: [u8; 4] = *b"EWKY";
const ROW_HEAD: usize = 24;
const CRC: usize = 4;

/// The head of a key file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyFileHead {
    pub(crate) day: NaiveDate,
    pub(crate) recipient: String,
    /// `None` in files of version 1.
    pub(crate) salt: Option<Salt>,
}

/// What makes the metadata key of one day's volumes out of the vault's.
pub(crate) type Salt = [u8; 32];

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
    /// The last day on which it is kept, when the row says so; a destroyed key has none.
    pub(crate) until: Option<NaiveDate>,
    pub(crate) wrapped: Vec<u8>,
}

/// A row and the bytes of the file that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlacedRow {
    pub(crate) row: KeyRow,
    pub(crate) at: u64,
    pub(crate) length: u64,
}

/// A key file, read: what is whole in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyFile {
    /// `None`: damaged. The rows stand for themselves.
    pub(crate) head: Option<KeyFileHead>,
    pub(crate) rows: Vec<PlacedRow>,
    /// Bytes that are no row, the torn tail among them.
    pub(crate) damaged: u64,
    /// Where the last whole row ends: the next one is appended here.
    pub(crate) end: u64,
    /// Bytes of the file.
    pub(crate) size: u64,
}

impl KeyFileHead {
    pub(crate) fn to_bytes(&self) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[..8].copy_from_slice(&MAGIC);
        let version = if self.salt.is_some() { VERSION } else { FIRST_VERSION };
        head[8..10].copy_from_slice(&version.to_le_bytes());
        head[12..16].copy_from_slice(&self.day.num_days_from_ce().to_le_bytes());
        head[RECIPIENT].copy_from_slice(self.recipient.as_bytes());
        head[SALT].copy_from_slice(&self.salt.unwrap_or_default());
        let crc = crc32c::crc32c(&head[..HEAD - CRC]);
        head[HEAD - CRC..].copy_from_slice(&crc.to_le_bytes());
        head
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let head = bytes.first_chunk::<HEAD>()?;
        let (content, crc) = head.split_last_chunk::<CRC>()?;
        let whole = head[..8] == MAGIC && crc32c::crc32c(content) == u32::from_le_bytes(*crc);
        whole.then_some(())?;
        let salt = match u16::from_le_bytes([head[8], head[9]]) {
            FIRST_VERSION => None,
            VERSION => Some(std::array::from_fn(|i| head[SALT.start + i])),
            _ => return None,
        };
        let day = i32::from_le_bytes([head[12], head[13], head[14], head[15]]);
        Some(Self {
            day: NaiveDate::from_num_days_from_ce_opt(day)?,
            recipient: std::str::from_utf8(&head[RECIPIENT]).ok()?.to_owned(),
            salt,
        })
    }
}

impl KeyRow {
    /// A wrapped key; `None` when it is longer than a row can hold, which no wrapped key of 32 bytes is.
    pub(crate) fn to_bytes(&self) -> Option<Vec<u8>> {
        let until = self.until.map(|day| day.num_days_from_ce().to_le_bytes());
        let until = until.as_ref().map_or(&[][..], |day| day);
        let length = u16::try_from(until.len() + self.wrapped.len()).ok()?;
        let state = match (self.state, self.until) {
            (KeyState::Wrapped, None) => 1,
            (KeyState::Destroyed, _) => 2,
            (KeyState::WrappedInBatch, None) => 3,
            (KeyState::Wrapped, Some(_)) => 4,
            (KeyState::WrappedInBatch, Some(_)) => 5,
        };
        let mut row = Vec::with_capacity(ROW_HEAD + until.len() + self.wrapped.len() + CRC);
        row.extend_from_slice(&ROW_MAGIC);
        row.extend_from_slice(&[state, 0]);
        row.extend_from_slice(&length.to_le_bytes());
        row.extend_from_slice(&self.recording.to_bytes());
        row.extend_from_slice(until);
        row.extend_from_slice(&self.wrapped);
        row.extend_from_slice(&crc32c::crc32c(&row).to_le_bytes());
        Some(row)
    }

    /// A row of so many bytes that says that the recording's key was destroyed.
    pub(crate) fn destroyed(recording: RecordingId, length: u64) -> Vec<u8> {
        let most = ROW_HEAD + usize::from(u16::MAX) + CRC;
        let length = usize::try_from(length).map_or(most, |length| length.clamp(ROW_HEAD + CRC, most));
        let wrapped = vec![0; length - ROW_HEAD - CRC];
        let row = Self { state: KeyState::Destroyed, recording, until: None, wrapped };
        row.to_bytes().expect("it is no longer than a row can be")
    }

    /// The row that `bytes` begin with, and its length.
    fn first_of(bytes: &[u8]) -> Option<(Self, usize)> {
        let head = bytes.first_chunk::<ROW_HEAD>()?;
        let length = usize::from(u16::from_le_bytes([head[6], head[7]]));
        let (state, is_dated) = match (head[4], head[5]) {
            (1, 0) => (KeyState::Wrapped, false),
            (2, 0) => (KeyState::Destroyed, false),
            (3, 0) => (KeyState::WrappedInBatch, false),
            (4, 0) => (KeyState::Wrapped, true),
            (5, 0) => (KeyState::WrappedInBatch, true),
            _ => return None,
        };
        let row = bytes.get(..ROW_HEAD + length + CRC)?;
        let (content, crc) = row.split_last_chunk::<CRC>()?;
        if head[..4] != ROW_MAGIC || crc32c::crc32c(content) != u32::from_le_bytes(*crc) {
            return None;
        }
        let recording = RecordingId::from_bytes(std::array::from_fn(|i| head[8 + i]));
        let (until, wrapped) = if is_dated {
            let (day, wrapped) = content[ROW_HEAD..].split_first_chunk()?;
            (Some(NaiveDate::from_num_days_from_ce_opt(i32::from_le_bytes(*day))?), wrapped)
        } else {
            (None, &content[ROW_HEAD..])
        };
        Some((Self { state, recording, until, wrapped: wrapped.to_vec() }, row.len()))
    }
}

impl PlacedRow {
    /// What stands in its place when its key is destroyed: as long, and zeros for the key.
    pub(crate) fn destroyed(&self) -> Vec<u8> {
        KeyRow::destroyed(self.row.recording, self.length)
    }
}

impl KeyFile {
    /// The head alone, of a file's first bytes.
    pub(crate) fn read_head(bytes: &[u8]) -> Option<KeyFileHead> {
        KeyFileHead::from_bytes(bytes)
    }

    /// Bytes of a head.
    pub(crate) const HEAD: usize = HEAD;

    pub(crate) fn read(bytes: &[u8]) -> Self {
        let (mut rows, mut damaged, mut at) = (Vec::new(), 0, HEAD.min(bytes.len()));
        let mut end = at;
        while at < bytes.len() {
            if let Some((row, length)) = KeyRow::first_of(&bytes[at..]) {
                rows.push(PlacedRow { row, at: at as u64, length: length as u64 });
                at += length;
                end = at;
            } else {
                damaged += 1;
                at += 1;
            }
        }
        Self {
            head: KeyFileHead::from_bytes(bytes),
            rows,
            damaged,
            end: end as u64,
            size: bytes.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (Vec<u8>, Vec<PlacedRow>) {
        let recipient = age::x25519::Identity::generate().to_public().to_string();
        let day = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
        let head = KeyFileHead { day, recipient, salt: Some([9; 32]) };
        let states = [
            (KeyState::Wrapped, None),
            (KeyState::Destroyed, None),
            (KeyState::WrappedInBatch, None),
            (KeyState::Wrapped, Some(day)),
            (KeyState::WrappedInBatch, Some(day)),
        ];
        let rows = (0..).zip(states).map(|(n, (state, until))| KeyRow {
            state,
            recording: RecordingId::new(1_763_683_200_000, n),
            until,
            wrapped: vec![n as u8; if until.is_some() { 236 } else { 240 }],
        });
        let mut bytes = head.to_bytes().to_vec();
        let placed = rows.map(|row| {
            let at = bytes.len() as u64;
            bytes.extend(row.to_bytes().unwrap());
            PlacedRow { row, at, length: bytes.len() as u64 - at }
        });
        let rows = placed.collect();
        (bytes, rows)
    }

    #[test]
    fn a_destroyed_row_is_as_long_as_it_was_and_has_nothing_of_the_key() {
        let (mut bytes, rows) = file();
        for (place, placed) in rows.iter().enumerate() {
            let gone = placed.destroyed();
            assert_eq!(gone.len() as u64, placed.length);
            let at = placed.at as usize;
            bytes[at..at + gone.len()].copy_from_slice(&gone);
            let read = KeyFile::read(&bytes);
            let row = &read.rows[place].row;
            assert_eq!((row.state, row.recording), (KeyState::Destroyed, placed.row.recording));
            assert!(row.wrapped.iter().all(|&byte| byte == 0));
            assert_eq!((read.rows.len(), read.damaged), (rows.len(), 0));
        }
    }

    #[test]
    fn a_file_of_the_first_version_is_read_without_a_salt() {
        let (bytes, _) = file();
        let head = KeyFileHead { salt: None, ..KeyFile::read(&bytes).head.unwrap() };
        assert_eq!(head.to_bytes()[8..10], [1, 0]);
        assert_eq!(KeyFile::read_head(&head.to_bytes()), Some(head));
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
            assert_eq!((read.rows, read.end), (rows[..4].to_vec(), bytes.len() as u64 - 268), "cut at {cut}");
        }
    }
}
