//! That the office's ledger tells of the recording.

use earwitness_vault::{LedgerKind, Manifest, RecordedRow, RowProof, origin};
use ed25519_dalek::VerifyingKey;

use crate::verify::{Fault, Verdict};

/// The proof as it stands in a bundle.
pub(crate) fn to_json(proof: &RowProof) -> Vec<u8> {
    serde_json::to_string_pretty(proof).map(|text| text + "\n").unwrap_or_default().into_bytes()
}

/// The proof is of this recording in this vault's ledger, and leads to the head that stands beside it, which `key` signed.
pub(crate) fn check(
    proof: &[u8],
    checkpoint: &[u8],
    (manifest, key): (&Manifest, &VerifyingKey),
) -> Result<Verdict, Fault> {
    let proof: RowProof = serde_json::from_slice(proof).map_err(|_| Fault::NoProof)?;
    if proof.head.as_bytes() != checkpoint {
        return Err(Fault::Checkpoint);
    }
    let row = proof.verify(key).map_err(Fault::Proof)?;
    if proof.origin() != Some(origin(&manifest.vault)) {
        return Err(Fault::OtherProof);
    }
    let recorded = RecordedRow::from_bytes(&row.payload).filter(|_| row.kind == LedgerKind::Recorded);
    let is_its = recorded.is_some_and(|recorded| {
        recorded.recording == manifest.recording
            && recorded.call == manifest.summary.id
            && recorded.manifest == manifest.hash()
    });
    if is_its { Ok(Verdict::Row(row.number, proof.tree_size)) } else { Err(Fault::OtherProof) }
}
