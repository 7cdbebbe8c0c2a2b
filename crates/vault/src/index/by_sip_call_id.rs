//! Finding calls by SIP Call-ID, without the disk naming anybody.
//!
//! A Call-ID often carries the host, and some phones put the number into it. The key of the row is therefore a keyed
//! hash: who has the disk and not the metadata key can neither read Call-IDs nor test a guessed one.

use std::collections::BTreeSet;

use earwitness_model::CallId;

use super::schema::{self, HASH, LOOK_UP};
use crate::{entry::Entry, metadata_key::MetadataKey};

/// Says what the derived key is for (BLAKE3's key derivation context).
const CONTEXT: &str = "earwitness 2026 index: keyed hash of SIP Call-IDs";

/// The key of the hash.
pub(super) struct SipCallIdHash([u8; 32]);

impl SipCallIdHash {
    /// Derived from the metadata key: the same vault finds its rows again.
    pub(super) fn new(metadata: &MetadataKey) -> Self {
        Self(metadata.derive(CONTEXT))
    }

    /// 40 bits: a collision only adds a call to what is compared with its entry.
    pub(super) fn of(&self, sip_call_id: &str) -> [u8; HASH] {
        let hash = blake3::keyed_hash(&self.0, sip_call_id.as_bytes());
        *hash.as_bytes().first_chunk().expect("a BLAKE3 hash has 32 bytes")
    }

    /// The keys under which the call of `entry` is found.
    pub(super) fn keys(&self, entry: &Entry) -> BTreeSet<[u8; LOOK_UP]> {
        entry.summary.sip_call_ids.iter().map(|id| self.key(id.expose(), entry.summary.id)).collect()
    }

    fn key(&self, sip_call_id: &str, call: CallId) -> [u8; LOOK_UP] {
        schema::sip_call_id_key(self.of(sip_call_id), call)
    }
}

impl Drop for SipCallIdHash {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}
