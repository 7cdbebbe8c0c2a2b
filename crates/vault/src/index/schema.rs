//! The values of the index, byte by byte.
//!
//! Entries stand in files of their own, one for each day (UTC) on which calls began, which are only appended to (`row`), and
//! what can be asked of them beside them (`columns`). What they hold in all is told by the mark (`mark`). sled has what is
//! looked up by a key that is not the call's id, in one tree; the first byte of a key says what the row is:
//!
//! ```text
//! key                                              value
//! 00                                               the last batch of which there are rows here
//! 02 | hash of a SIP Call-ID (5) | call id (16)    nothing: the key says it all
//!
//! every value:  version (1) | CRC-32C over version, key and the rest (4, LE) | the rest
//! the rest:     sealed postcard under the metadata key, with the key's bytes as associated bytes; empty for 02
//! ```
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
pub(super) const VERSION: u8 = 2;

/// An entry's limit in bytes before sealing. One takes about 1 KiB.
pub(crate) const MAX_ENTRY: usize = 256 << 10;

/// The key of the number of the last batch.
pub(super) const BATCH_KEY: [u8; 1] = [0];

/// After every possible key.
pub(super) const ROWS_END: [u8; 64] = [0xff; 64];

/// Bytes of a keyed hash that something is looked up by: with the id behind it, as many as sled keeps in a node without a
/// pointer for each. What it leads to is compared.
pub(super) const HASH: usize = 5;
/// Bytes of a key of what is looked up.
pub(super) const LOOK_UP: usize = 1 + HASH + 16;

/// The first byte of the key of an entry.
const ENTRY: u8 = 1;
/// The first byte of the key of a SIP Call-ID.
const SIP_CALL_ID: u8 = 2;

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

/// What a row of sled is, by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowKind {
    /// The number of the last batch.
    Batch,
    /// A SIP Call-ID of a call.
    SipCallId {
        /// The keyed hash of the SIP Call-ID.
        hash: [u8; HASH],
        /// The call.
        call: CallId,
    },
    /// None of these.
    Unknown,
}

/// Reads a row's key.
pub(super) fn row_kind(key: &[u8]) -> RowKind {
    let call = |bytes: &[u8]| bytes.try_into().ok().map(CallId::from_bytes);
    let kind = match key.split_first() {
        Some((0, [])) => Some(RowKind::Batch),
        Some((&SIP_CALL_ID, rest)) => rest
            .split_first_chunk::<HASH>()
            .and_then(|(hash, id)| Some(RowKind::SipCallId { hash: *hash, call: call(id)? })),
        _ => None,
    };
    kind.unwrap_or(RowKind::Unknown)
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

/// The key of a SIP Call-ID of a call.
pub(super) fn sip_call_id_key(hash: [u8; HASH], call: CallId) -> [u8; LOOK_UP] {
    let mut key = [SIP_CALL_ID; LOOK_UP];
    key[1..=HASH].copy_from_slice(&hash);
    key[1 + HASH..].copy_from_slice(&call.to_bytes());
    key
}

/// Seals `plain` as the value of `key`.
pub(super) fn seal(metadata: &MetadataKey, key: &[u8], plain: &[u8]) -> Vec<u8> {
    frame(key, &metadata.seal(key, plain))
}

/// The value of a row whose key says it all.
pub(super) fn bare(key: &[u8]) -> Vec<u8> {
    frame(key, &[])
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
