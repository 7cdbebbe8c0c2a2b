//! A row of the ledger, opened and proven to whoever has the recorder's public key and nothing else.
//!
//! The payload of a row is sealed under a key of its own, so that giving that key away opens this row and no other. The row
//! as it stands in the file is a leaf of the tree, the path leads from it to the root, and the root is what the head signs.

use earwitness_model::WallTime;
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};

use super::{
    Row,
    checkpoint::{Checkpoint, CheckpointFault},
    kind::LedgerKind,
    merkle::{self, TreeHash},
    row::StoredRow,
};
use crate::{
    cipher::{CipherSuite, NotAuthentic},
    metadata_key,
};

/// No tree that can be counted is deeper.
const MAX_PATH: usize = 64;

/// One row, with all that proves it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowProof {
    /// The row as it stands in the ledger's file, without its CRC: a leaf of the tree.
    #[serde(with = "hex::serde")]
    pub row: Vec<u8>,
    /// The key of this row's payload, and of nothing else.
    #[serde(with = "hex::serde")]
    pub key: [u8; 32],
    /// How the payload is sealed.
    pub suite: CipherSuite,
    /// How many rows the tree of the head has.
    pub tree_size: u64,
    /// From the leaf to the root: the hashes beside the way (RFC 9162 section 2.1.3).
    #[serde(with = "hex_list")]
    pub path: Vec<TreeHash>,
    /// The signed head: a tlog checkpoint.
    pub head: String,
}

/// Why a row is not proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    /// The head is none, or not signed by this key.
    #[error("the signed head: {0}")]
    Head(#[from] CheckpointFault),
    /// The head is of a tree of another size than the proof.
    #[error("the proof is of {proof} rows and the signed head of {head}")]
    TreeSize {
        /// What the proof says.
        proof: u64,
        /// What the head says.
        head: u64,
    },
    /// The row's bytes are not one row.
    #[error("the row is no whole row of a ledger")]
    Row,
    /// The path is not one from a leaf of this number to the root of a tree of this size.
    #[error("the path does not lead from row {number} to the root of {size} rows")]
    Path {
        /// The row's number.
        number: u64,
        /// How many rows there are.
        size: u64,
    },
    /// The path leads to another root than the one that was signed.
    #[error("row {number} is not in the ledger that was signed, or was changed")]
    OtherRoot {
        /// The row's number.
        number: u64,
    },
    /// The row is of a kind that this version does not know.
    #[error("row {number} is of unknown kind {code}: a later version wrote it")]
    UnknownKind {
        /// The row's number.
        number: u64,
        /// Its code.
        code: u8,
    },
    /// The key does not open the row.
    #[error("row {number} does not open with the key beside it")]
    Sealed {
        /// The row's number.
        number: u64,
    },
}

impl RowProof {
    /// The row, when all of it is proven: that the head is signed by `key`, that the row is in the tree of that head, and that
    /// it says what the row's key opens. [`Self::origin`] says of which vault.
    ///
    /// # Errors
    /// What is not proven.
    pub fn verify(&self, key: &VerifyingKey) -> Result<Row, ProofFault> {
        let head = Checkpoint::verified(&self.head, key)?;
        if head.size != self.tree_size {
            return Err(ProofFault::TreeSize { proof: self.tree_size, head: head.size });
        }
        let row = StoredRow::of_leaf(&self.row).ok_or(ProofFault::Row)?;
        let (number, size) = (row.number, head.size);
        let path = Some(&self.path).filter(|path| path.len() <= MAX_PATH);
        let leaf = merkle::leaf_hash(&[&self.row]);
        let root = path.and_then(|path| merkle::root_by_inclusion(number, size, leaf, path));
        if root.ok_or(ProofFault::Path { number, size })? != head.root {
            return Err(ProofFault::OtherRoot { number });
        }
        let place = StoredRow::seal_place(number, row.kind, row.time);
        let payload = metadata_key::open_with(self.suite, &self.key, &place, &row.sealed)
            .map_err(|NotAuthentic| ProofFault::Sealed { number })?;
        let kind =
            LedgerKind::from_code(row.kind).ok_or(ProofFault::UnknownKind { number, code: row.kind })?;
        Ok(Row { number, kind, at: WallTime::from_nanos(row.time), payload })
    }

    /// Of which log the head says it is: `earwitness/` and the vault's id. [`Self::verify`] says whether that is signed.
    #[must_use]
    pub fn origin(&self) -> Option<String> {
        Checkpoint::unverified(&self.head).ok().map(|head| head.origin)
    }
}

impl std::fmt::Debug for RowProof {
    /// The row's key opens what the row says: it is not shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowProof").field("tree_size", &self.tree_size).finish_non_exhaustive()
    }
}

mod hex_list {
    use hex::FromHex;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::TreeHash;

    pub(super) fn serialize<S: Serializer>(hashes: &[TreeHash], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(hashes.iter().map(hex::encode))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<TreeHash>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        texts.iter().map(TreeHash::from_hex).collect::<Result<_, _>>().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
