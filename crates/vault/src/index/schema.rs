//! The values of the index, byte by byte.
//!
//! Entries stand in files of their own, one for each day (UTC) on which calls began, which are only appended to (`row`), and
//! what can be asked of them beside them (`columns`). What they hold in all is told by the mark (`mark`). sled has what is
//! looked up by something else than the call's id, in one tree; the first byte of a key says what the row is:
//!
//! ```text
//! key                                                              value
//! 00                                                               the last batch of which there are rows here
//! 02 | last batch (8, BE) | first batch (8, BE) | part (4, BE)     SIP Call-IDs of the entries that these batches put
//!
//! every value:  version (1) | CRC-32C over version, key and the rest (4, LE) | the rest
//! the rest:     sealed under the metadata key, with the key's bytes as associated bytes:
//!               of 00 postcard; of 02 as often as there are any, in order: hash of a SIP Call-ID (5) | call id (16)
//! ```
//!
//! The rows of 02 follow each other without a gap: every batch up to that of 00 is one of those of exactly one row, of one
//! and its further parts when a single batch has more than a row takes, or of none when all of them are empty. So the row
//! of an entry is found by the entry's batch, as the first that does not end before it. When an entry goes, or another one
//! takes its place, what led to it leaves its row, and what leads to the new one stands in the row of the new one's batch.
//!
//! The key of an entry is `01`, its call's id, its batch and its kind. Call ids begin with the call's start in ms, so that
//! the order of ids is the order of calls. sled's rows are made of the entries: what it does not know yet when it is opened
//! it learns then. A new way to look up is a new first byte and a new file `by_<key>.rs`; a new way to search is a new
//! column; a change of what stands here is a new [`VERSION`].

use earwitness_model::{CallId, PacketTime};
use serde::{Deserialize, Serialize};

use super::{error::Damage, row::RowHead};
use crate::{
    entry::{Entry, EntryError},
    metadata_key::MetadataKey,
};

/// The version byte of every value.
pub(super) const VERSION: u8 = 3;

/// An entry's limit in bytes before sealing. One takes about 1 KiB.
pub(crate) const MAX_ENTRY: usize = 256 << 10;

/// The key of the number of the last batch.
pub(super) const BATCH_KEY: [u8; 1] = [0];

/// After every possible key.
pub(super) const ROWS_END: [u8; 64] = [0xff; 64];

/// Bytes of a key of SIP Call-IDs.
pub(super) const SIP_CALL_IDS_KEY: usize = 1 + 8 + 8 + 4;

/// The first byte of the key of an entry.
const ENTRY: u8 = 1;
/// The first byte of the key of SIP Call-IDs.
const SIP_CALL_IDS: u8 = 2;

/// Version and checksum.
const PREFIX: usize = 5;

/// The index's own count of its rows: an index that lost some is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Batches so far.
    pub(super) batch: u64,
    /// Calls.
    pub(super) calls: u64,
    /// The sum, modulo 2¹²⁸, of the tags that each call's row is sealed with: which rows, in whatever order they came.
    pub(super) digest: u128,
    /// Made, and not yet filled: see [`super::Index::finish_rebuild`].
    pub(super) rebuilding: bool,
}

impl Tally {
    /// With one more call, whose row's value ends like this.
    pub(super) fn count(&mut self, value: &[u8]) {
        self.calls = self.calls.wrapping_add(1);
        self.digest = self.digest.wrapping_add(tag_of(value));
    }

    /// With one call less.
    pub(super) fn discount(&mut self, value: &[u8]) {
        self.calls = self.calls.wrapping_sub(1);
        self.digest = self.digest.wrapping_sub(tag_of(value));
    }
}

/// Bytes at the end of a value that stand for all of it.
pub(super) const TAG: usize = 16;

fn tag_of(value: &[u8]) -> u128 {
    value.last_chunk::<TAG>().map_or(0, |tag| u128::from_le_bytes(*tag))
}

/// Batches that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Batches {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Batches {
    pub(super) const fn contain(&self, batch: u64) -> bool {
        self.first <= batch && batch <= self.last
    }
}

/// What a row of sled is, by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowKind {
    /// The number of the last batch.
    Batch,
    /// SIP Call-IDs of the entries that these batches put.
    SipCallIds(Batches),
    /// None of these.
    Unknown,
}

/// Reads a row's key.
pub(super) fn row_kind(key: &[u8]) -> RowKind {
    let kind = match key.split_first() {
        Some((0, [])) => Some(RowKind::Batch),
        Some((&SIP_CALL_IDS, rest)) => batches(rest).map(RowKind::SipCallIds),
        _ => None,
    };
    kind.unwrap_or(RowKind::Unknown)
}

fn batches(key: &[u8]) -> Option<Batches> {
    let (last, key) = key.split_first_chunk()?;
    let (first, part) = key.split_first_chunk()?;
    let batches = Batches { first: u64::from_be_bytes(*first), last: u64::from_be_bytes(*last) };
    (part.len() == 4 && batches.first <= batches.last).then_some(batches)
}

/// What an entry is sealed to: where it stands.
pub(super) fn entry_key(head: &RowHead) -> [u8; 26] {
    let mut key = [ENTRY; 26];
    key[1..17].copy_from_slice(&head.call.to_bytes());
    key[17..25].copy_from_slice(&head.batch.to_le_bytes());
    key[25] = head.kind as u8;
    key
}

/// The first id, and the one after the last, of calls that began at or after `since` and before `until`, both rounded
/// outwards to the whole ms that ids begin with.
pub(super) fn ids_between(since: Option<PacketTime>, until: Option<PacketTime>) -> (CallId, Option<CallId>) {
    const MS: i64 = 1_000_000;
    let from = since.map_or(CallId::from_bytes([0; 16]), |t| CallId::new(t.nanos().div_euclid(MS), 0));
    let until = until.map(|t| t.nanos().div_euclid(MS) + i64::from(t.nanos().rem_euclid(MS) != 0));
    (from, until.map(|ms| CallId::new(ms, 0)))
}

/// The key of SIP Call-IDs of the entries that these batches put.
pub(super) fn sip_call_ids_key(batches: Batches, part: u32) -> [u8; SIP_CALL_IDS_KEY] {
    let mut key = [SIP_CALL_IDS; SIP_CALL_IDS_KEY];
    key[1..9].copy_from_slice(&batches.last.to_be_bytes());
    key[9..17].copy_from_slice(&batches.first.to_be_bytes());
    key[17..].copy_from_slice(&part.to_be_bytes());
    key
}

/// Seals `plain` as the value of `key`.
pub(super) fn seal(metadata: &MetadataKey, key: &[u8], plain: &[u8]) -> Vec<u8> {
    frame(key, &metadata.seal(key, plain))
}

fn frame(key: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(PREFIX + rest.len());
    value.push(VERSION);
    value.extend_from_slice(&checksum(VERSION, key, rest).to_le_bytes());
    value.extend_from_slice(rest);
    value
}

fn checksum(version: u8, key: &[u8], rest: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(&[version]), key), rest)
}

/// The sealed rest of a value, when version and checksum are right.
///
/// The checksum is looked at first: another version is only believed of a value that is whole.
pub(super) fn unframe<'v>(key: &[u8], value: &'v [u8]) -> Result<&'v [u8], Damage> {
    let too_short = Damage::RowTooShort { bytes: value.len() };
    let (&version, rest) = value.split_first().ok_or(too_short)?;
    let (crc, rest) = rest.split_first_chunk::<4>().ok_or(too_short)?;
    if checksum(version, key, rest) != u32::from_le_bytes(*crc) {
        return Err(Damage::RowChecksum);
    }
    if version != VERSION {
        return Err(Damage::RowVersion { found: version, known: VERSION });
    }
    Ok(rest)
}

/// What [`seal`] sealed.
pub(super) fn open(metadata: &MetadataKey, key: &[u8], value: &[u8]) -> Result<Vec<u8>, Damage> {
    metadata.open(key, unframe(key, value)?).map_err(|_| Damage::RowSeal)
}

/// The entry in the row with this head.
pub(super) fn open_entry(metadata: &MetadataKey, head: &RowHead, value: &[u8]) -> Result<Entry, Damage> {
    let plain = open(metadata, &entry_key(head), value)?;
    let entry = Entry::from_bytes(&plain).map_err(|error| match error {
        EntryError::Schema { found } => Damage::EntrySchema { found },
        EntryError::Malformed => Damage::RowContent,
    })?;
    if entry.summary.id == head.call { Ok(entry) } else { Err(Damage::RowMisplaced) }
}

/// The number of the last batch in its row.
pub(super) fn open_batch(metadata: &MetadataKey, value: &[u8]) -> Result<u64, Damage> {
    postcard::from_bytes(&open(metadata, &BATCH_KEY, value)?).map_err(|_| Damage::RowContent)
}

/// The value of the row of the number of the last batch.
pub(super) fn seal_batch(metadata: &MetadataKey, batch: u64) -> Vec<u8> {
    let plain = postcard::to_stdvec(&batch).expect("a number can always be encoded");
    seal(metadata, &BATCH_KEY, &plain)
}
