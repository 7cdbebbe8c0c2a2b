//! The manifest: the signed end of a recording.
//!
//! ```text
//!   signature (Ed25519, 64 bytes) | the manifest, postcard
//! ```
//!
//! Signed is [`SIGNED_AS`] followed by the manifest's bytes: by AWS-LC, and verified by ed25519-dalek, strictly. In the vault the whole is sealed under the metadata key.

use aws_lc_rs::signature::Ed25519KeyPair;
use chrono::NaiveDate;
use earwitness_model::{CallId, CallSummary, RecordingId, WallTime};
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::{
    cipher::CipherSuite,
    civil,
    entry::{Entry, RecordingEntry, StreamHash},
    sections,
};

/// What stands before a manifest's bytes when they are signed, so that the signature says nothing else.
pub(crate) const SIGNED_AS: &[u8] = b"earwitness manifest 1\n";
/// The schema of [`Manifest`]. Earlier ones are read too, and keep their bytes.
pub const MANIFEST_SCHEMA: u8 = sections::SCHEMA;
const SIGNATURE: usize = 64;
/// Bytes that a manifest usually has at most beside the hashes of its blocks: it is written without being moved.
const USUAL: usize = 4096;

/// Everything that a recording is, signed by the recorder that made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_SCHEMA`] of the program that wrote it.
    pub schema: u8,
    /// The vault it was made in.
    pub vault: [u8; 16],
    /// The recording.
    pub recording: RecordingId,
    /// The recording of the same call that this one goes on from.
    pub continues: Option<RecordingId>,
    /// Its retention class.
    pub class: String,
    /// The civil day of the call's start in the vault's zone.
    #[serde(with = "civil::as_days")]
    pub day: NaiveDate,
    /// The last civil day on which it is kept.
    #[serde(with = "civil::as_days")]
    pub retention_until: NaiveDate,
    /// How its segments are sealed.
    pub cipher: CipherSuite,
    /// What the office's clock said when it began.
    pub begun: WallTime,
    /// The recorder stopped in mid-call; written when the vault was opened again.
    pub interrupted: bool,
    /// The call, the rules that admitted it and their hash.
    pub summary: CallSummary,
    /// Payload hashes of its audio streams.
    pub payload_hashes: Vec<StreamHash>,
    /// Bytes of sealed media and signalling.
    pub sealed_bytes: u64,
    /// A hash of every block before this one, in order of their counters: BLAKE3 over the bound part of the block's
    /// head and the BLAKE3 of its sealed bytes, which is what anyone can check without a key.
    pub blocks: Vec<[u8; 32]>,
    /// BLAKE3 over `blocks`: the recording in one number.
    pub sealed_blake3: [u8; 32],
}

impl Manifest {
    /// The row of the index that belongs to it when it lies at `manifest_at` of `volume`.
    #[must_use]
    pub fn entry(&self, volume: u32, manifest_at: u64) -> Entry {
        self.clone().into_entry(volume, manifest_at)
    }

    /// [`Self::entry`], of a manifest that is not needed any more.
    pub(crate) fn into_entry(self, volume: u32, manifest_at: u64) -> Entry {
        let recording = RecordingEntry {
            id: self.recording,
            class: self.class,
            day: self.day,
            volume,
            manifest_at,
            retention_until: self.retention_until,
            sealed_bytes: self.sealed_bytes,
            payload_hashes: self.payload_hashes,
            interrupted: self.interrupted,
            continues: self.continues,
        };
        Entry::new(self.summary, Some(recording))
    }

    /// Its hash, as the ledger tells it: BLAKE3 over its bytes.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.to_bytes()).as_bytes()
    }

    /// Signed bytes, and the hash of those that were signed: [`Self::hash`].
    pub(crate) fn sign(&self, key: &Ed25519KeyPair) -> (Vec<u8>, [u8; 32]) {
        // What is signed stands where the signature ends, and the signature takes the place of what stands before it.
        let mut signed = Vec::with_capacity(USUAL + self.blocks.len() * 32);
        signed.resize(SIGNATURE - SIGNED_AS.len(), 0);
        signed.extend_from_slice(SIGNED_AS);
        let mut signed = self.append_to(signed);
        let signature = key.sign(&signed[SIGNATURE - SIGNED_AS.len()..]);
        signed[..SIGNATURE].copy_from_slice(signature.as_ref());
        let hash = *blake3::hash(&signed[SIGNATURE..]).as_bytes();
        (signed, hash)
    }

    /// The manifest in signed bytes; `None` when they are none, or not signed by `key`.
    #[must_use]
    pub fn verified(signed: &[u8], key: &VerifyingKey) -> Option<Self> {
        Self::told_or_verified(signed, key, |_, _| false).map(|(manifest, _)| manifest)
    }

    /// The manifest in signed bytes, and its hash ([`Self::hash`]). Where `is_told` knows that this recorder has told of
    /// that hash, its signature says nothing more, and takes most of the time; else it must be signed by `key`.
    pub(crate) fn told_or_verified(
        signed: &[u8],
        key: &VerifyingKey,
        is_told: impl FnOnce(RecordingId, &[u8; 32]) -> bool,
    ) -> Option<(Self, [u8; 32])> {
        let (signature, bytes) = signed.split_first_chunk::<SIGNATURE>()?;
        let hash = *blake3::hash(bytes).as_bytes();
        let (mut manifest, rest): (Self, _) = postcard::take_from_bytes(bytes).ok()?;
        sections::read(manifest.schema, &mut manifest.summary, rest)?;
        if !is_told(manifest.recording, &hash) {
            let content = [SIGNED_AS, bytes].concat();
            key.verify_strict(&content, &Signature::from_bytes(signature)).ok()?;
        }
        Some((manifest, hash))
    }

    /// The recording in one number.
    pub(crate) fn hash_of_blocks(blocks: &[[u8; 32]]) -> [u8; 32] {
        *blake3::hash(blocks.as_flattened()).as_bytes()
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.append_to(Vec::new())
    }

    /// Postcard, then what the summary says beyond its own bytes, behind what is in `bytes`.
    fn append_to(&self, bytes: Vec<u8>) -> Vec<u8> {
        let mut bytes = postcard::to_extend(self, bytes)
            .expect("a manifest has no map and no sequence of unknown length");
        sections::write(self.schema, &self.summary, &mut bytes);
        bytes
    }
}

/// What the ledger says of a finished recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRow {
    /// The call's id, 16 bytes.
    pub call: CallId,
    /// The recording.
    pub recording: RecordingId,
    /// [`Manifest::hash`].
    pub manifest: [u8; 32],
    /// The recorder stopped in mid-call.
    pub interrupted: bool,
    /// The recording of the same call that this one goes on from; rows of an earlier program do not tell.
    pub continues: Option<RecordingId>,
}

impl RecordedRow {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        Self::hashed(manifest, manifest.hash())
    }

    /// Of a manifest whose hash is known.
    pub(crate) const fn hashed(manifest: &Manifest, hash: [u8; 32]) -> Self {
        Self {
            call: manifest.summary.id,
            recording: manifest.recording,
            manifest: hash,
            interrupted: manifest.interrupted,
            continues: manifest.continues,
        }
    }

    /// The payload of a row of the ledger that says `Recorded`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("arrays always serialise")
    }

    /// From the payload of a row of the ledger that says `Recorded`.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if let Ok(row) = postcard::from_bytes(bytes) {
            return Some(row);
        }
        // Of a program that did not tell what goes on from what.
        let ((call, recording, manifest, interrupted), rest) = postcard::take_from_bytes(bytes).ok()?;
        rest.is_empty().then_some(Self { call, recording, manifest, interrupted, continues: None })
    }
}
