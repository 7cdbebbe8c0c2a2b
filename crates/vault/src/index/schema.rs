//! The rows of the index, byte by byte.
//!
//! One sled tree; the first byte of a key says what the row is, so that one batch changes them together:
//!
//! ```text
//! key                                              value
//! 00                                               the tally: how many rows, which, after which batch
//! 01 | call id (16, big-endian)                    the call's entry
//! 02 | hash of a SIP Call-ID (16) | call id (16)   nothing: the key says it all
//!
//! every value:  version (1) | CRC-32C over version, key and the rest (4, LE) | the rest
//! the rest:     sealed postcard under the metadata key, with the key's bytes as associated bytes; empty for 02
//! ```
//!
//! Call ids begin with the call's start in ms, so the order of keys is the order of calls. A new way to search is a new
//! first byte and a new file `by_<key>.rs`; a change of what stands here is a new [`VERSION`].

use earwitness_model::{CallId, PacketTime};
use serde::{Deserialize, Serialize};

use super::error::Damage;
use crate::{
    entry::{Entry, EntryError},
    metadata_key::MetadataKey,
};

/// The version byte of every value.
pub(super) const VERSION: u8 = 1;

/// A row's limit in bytes before sealing: sled would move a larger one out into files of its own, which its flush does
/// not cover. An entry takes about 1 KiB.
pub(crate) const MAX_ENTRY: usize = 256 << 10;

/// The key of the tally.
pub(super) const TALLY_KEY: [u8; 1] = [0];

/// Where entries end.
const ENTRIES_END: [u8; 1] = [ENTRY + 1];
/// After every possible key.
pub(super) const ROWS_END: [u8; 64] = [0xff; 64];

/// The first byte of the key of an entry.
const ENTRY: u8 = 1;
/// The first byte of the key of a SIP Call-ID.
const SIP_CALL_ID: u8 = 2;

/// Version and checksum.
const PREFIX: usize = 5;

/// The index's own count of its rows: changed in the same batch as the rows, so that a store that lost some is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Batches so far.
    pub(super) batch: u64,
    /// Calls.
    pub(super) calls: u64,
    /// The sum, modulo 2¹²⁸, of a hash of each call's row: which rows, in whatever order they came.
    pub(super) digest: u128,
    /// Made, and not yet filled: see [`super::Index::finish_rebuild`].
    pub(super) rebuilding: bool,
}

impl Tally {
    /// With one more call.
    pub(super) fn count(&mut self, key: &[u8], value: &[u8]) {
        self.calls = self.calls.wrapping_add(1);
        self.digest = self.digest.wrapping_add(row_hash(key, value));
    }

    /// With one call less.
    pub(super) fn discount(&mut self, key: &[u8], value: &[u8]) {
        self.calls = self.calls.wrapping_sub(1);
        self.digest = self.digest.wrapping_sub(row_hash(key, value));
    }
}

fn row_hash(key: &[u8], value: &[u8]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key).update(value);
    let hash = hasher.finalize();
    let (head, _) = hash.as_bytes().split_first_chunk::<16>().expect("a BLAKE3 hash has 32 bytes");
    u128::from_le_bytes(*head)
}

/// What a row is, by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowKind {
    /// The tally.
    Tally,
    /// A call's entry.
    Entry(CallId),
    /// A SIP Call-ID of a call.
    SipCallId {
        /// The keyed hash of the SIP Call-ID.
        hash: [u8; 16],
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
        Some((0, [])) => Some(RowKind::Tally),
        Some((&ENTRY, id)) => call(id).map(RowKind::Entry),
        Some((&SIP_CALL_ID, rest)) => rest
            .split_first_chunk::<16>()
            .and_then(|(hash, id)| Some(RowKind::SipCallId { hash: *hash, call: call(id)? })),
        _ => None,
    };
    kind.unwrap_or(RowKind::Unknown)
}

/// The key of a call's entry.
pub(super) fn entry_key(call: CallId) -> [u8; 17] {
    let mut key = [ENTRY; 17];
    key[1..].copy_from_slice(&call.to_bytes());
    key
}

/// The first key, and the one after the last, of calls that began at or after `since` and before `until`, both rounded
/// outwards to the whole ms that ids begin with.
pub(super) fn entries_between(since: Option<PacketTime>, until: Option<PacketTime>) -> ([u8; 17], Vec<u8>) {
    const MS: i64 = 1_000_000;
    let from = since.map_or(CallId::from_bytes([0; 16]), |t| CallId::new(t.nanos().div_euclid(MS), 0));
    let until = until.map(|t| t.nanos().div_euclid(MS) + i64::from(t.nanos().rem_euclid(MS) != 0));
    let to = until.map_or_else(|| ENTRIES_END.to_vec(), |ms| entry_key(CallId::new(ms, 0)).to_vec());
    (entry_key(from), to)
}

/// The key of a SIP Call-ID of a call.
pub(super) fn sip_call_id_key(hash: [u8; 16], call: CallId) -> [u8; 33] {
    let mut key = [SIP_CALL_ID; 33];
    key[1..17].copy_from_slice(&hash);
    key[17..].copy_from_slice(&call.to_bytes());
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

/// The entry in the row of `call`.
pub(super) fn open_entry(metadata: &MetadataKey, call: CallId, value: &[u8]) -> Result<Entry, Damage> {
    let plain = open(metadata, &entry_key(call), value)?;
    let entry = Entry::from_bytes(&plain).map_err(|error| match error {
        EntryError::Schema { found } => Damage::EntrySchema { found },
        EntryError::Malformed => Damage::RowContent,
    })?;
    if entry.summary.id == call { Ok(entry) } else { Err(Damage::RowMisplaced) }
}

/// The tally in its row.
pub(super) fn open_tally(metadata: &MetadataKey, value: &[u8]) -> Result<Tally, Damage> {
    postcard::from_bytes(&open(metadata, &TALLY_KEY, value)?).map_err(|_| Damage::RowContent)
}

/// The value of the tally's row.
pub(super) fn seal_tally(metadata: &MetadataKey, tally: &Tally) -> Vec<u8> {
    let plain = postcard::to_stdvec(tally).expect("four numbers can always be encoded");
    seal(metadata, &TALLY_KEY, &plain)
}
