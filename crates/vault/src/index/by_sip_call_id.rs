//! Finding calls by SIP Call-ID, without the disk naming anybody.
//!
//! A Call-ID often carries the host, and some phones put the number into it. What stands in the rows is therefore a keyed
//! hash, and sealed: who has the disk and not the metadata key can neither read Call-IDs nor test a guessed one, nor count
//! how often one came.

use std::collections::BTreeSet;

use earwitness_model::CallId;

use super::{error::Damage, schema};
use crate::{entry::Entry, metadata_key::MetadataKey};

/// Says what the derived key is for (BLAKE3's key derivation context).
const CONTEXT: &str = "earwitness 2026 index: keyed hash of SIP Call-IDs";

/// Bytes of a keyed hash. What it leads to is compared: a collision only adds a call to that.
pub(super) const HASH: usize = 5;
/// Bytes of a [`LookUp`].
pub(super) const LOOK_UP: usize = HASH + 16;

/// A row has so many at most, so that rewriting one is cheap, and the seventeen that sled keeps in a node before it parts them
/// fit a segment of its log: what does not becomes a file of its own.
pub(super) const MOST_IN_ROW: usize = 256;

/// One SIP Call-ID of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LookUp {
    pub(super) hash: [u8; HASH],
    pub(super) call: CallId,
}

impl LookUp {
    fn to_bytes(self) -> [u8; LOOK_UP] {
        let mut bytes = [0; LOOK_UP];
        bytes[..HASH].copy_from_slice(&self.hash);
        bytes[HASH..].copy_from_slice(&self.call.to_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; LOOK_UP]) -> Self {
        let [hash @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *bytes;
        let [_, _, _, _, _, call @ ..] = *bytes;
        Self { hash, call: CallId::from_bytes(call) }
    }
}

/// The value of the row with this key.
pub(super) fn seal_row(metadata: &MetadataKey, key: &[u8], look_ups: &[LookUp]) -> Vec<u8> {
    let plain: Vec<u8> = look_ups.iter().flat_map(|look_up| look_up.to_bytes()).collect();
    schema::seal(metadata, key, &plain)
}

/// What [`seal_row`] sealed.
pub(super) fn open_row(metadata: &MetadataKey, key: &[u8], value: &[u8]) -> Result<Vec<LookUp>, Damage> {
    let plain = schema::open(metadata, key, value)?;
    let (look_ups, rest) = plain.as_chunks();
    let look_ups: Vec<LookUp> = look_ups.iter().map(LookUp::from_bytes).collect();
    let is_in_order = look_ups.is_sorted_by(|one, next| one < next);
    if rest.is_empty() && is_in_order { Ok(look_ups) } else { Err(Damage::RowContent) }
}

/// The key of the hash.
pub(super) struct SipCallIdHash([u8; 32]);

impl SipCallIdHash {
    /// Derived from the metadata key: the same vault finds its rows again.
    pub(super) fn new(metadata: &MetadataKey) -> Self {
        Self(metadata.derive(CONTEXT))
    }

    pub(super) fn of(&self, sip_call_id: &str) -> [u8; HASH] {
        let hash = blake3::keyed_hash(&self.0, sip_call_id.as_bytes());
        *hash.as_bytes().first_chunk().expect("a BLAKE3 hash has 32 bytes")
    }

    /// What the call of `entry` is found by.
    pub(super) fn look_ups(&self, entry: &Entry) -> BTreeSet<LookUp> {
        let (ids, call) = (&entry.summary.sip_call_ids, entry.summary.id);
        ids.iter().map(|id| LookUp { hash: self.of(id.expose()), call }).collect()
    }
}

impl Drop for SipCallIdHash {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}
