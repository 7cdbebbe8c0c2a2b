//! A signed head of the ledger: how many rows there are and the root of the tree over them, as a note that others' programs
//! read: a tlog checkpoint (<https://c2sp.org/tlog-checkpoint>) in a signed note (<https://c2sp.org/signed-note>).
//!
//! ```text
//! earwitness/<vault id, 32 hexadecimal digits>
//! <rows, decimal>
//! <root, base64>
//!
//! — earwitness/<vault id> <base64 of: key id (4) | Ed25519 signature (64)>
//! ```
//!
//! Signed are the lines above the empty one, each with its newline. The key id is the beginning of the SHA-256 of name,
//! newline, 0x01 and public key.

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::Ed25519KeyPair,
};
use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signature, VerifyingKey};

use super::merkle::TreeHash;

/// A note that is longer is none of ours, whatever it says. With many witnesses a note has a few KiB.
pub const MAX_CHECKPOINT: usize = 64 << 10;
/// Lines of signatures that are looked at.
const MAX_SIGNATURES: usize = 100;
/// The kind of an Ed25519 signature.
const ED25519: u8 = 0x01;
const DASH: &str = "\u{2014} ";

/// What a signed head says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose log it is: `earwitness/` and the vault's id.
    pub origin: String,
    /// How many rows the tree has.
    pub size: u64,
    /// Its root.
    pub root: TreeHash,
}

/// Why a note is no signed head of this log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointFault {
    /// It is longer than [`MAX_CHECKPOINT`].
    #[error("the note is longer than any checkpoint")]
    TooLong,
    /// It is not text in lines, or has no empty line before its signatures.
    #[error("this is no signed note")]
    NotANote,
    /// Its first line is no origin.
    #[error("the note's first line names no log")]
    Origin,
    /// Its second line is no number.
    #[error("the note's second line is no size of a log")]
    Size,
    /// Its third line is no root.
    #[error("the note's third line is no hash in base64")]
    Root,
    /// No line of its signatures is of this key.
    #[error("the note is not signed by this key")]
    OtherKey,
    /// The signature of this key is not of these lines.
    #[error("the note's signature is wrong: its lines were changed, or somebody else signed them")]
    Signature,
}

/// The name of a vault's log.
#[must_use]
pub fn origin(vault: &[u8; 16]) -> String {
    format!("earwitness/{:032x}", u128::from_be_bytes(*vault))
}

/// The public key as verifiers of signed notes take it: name, key id and key in one line.
#[must_use]
pub fn verifier_key(origin: &str, key: &VerifyingKey) -> String {
    let mut bytes = vec![ED25519];
    bytes.extend_from_slice(key.as_bytes());
    let id = u32::from_be_bytes(key_id(origin, key));
    format!("{origin}+{id:08x}+{}", Base64::encode_string(&bytes))
}

fn key_id(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let named = [name.as_bytes(), b"\n", &[ED25519], key.as_bytes()].concat();
    let hash = digest(&SHA256, &named);
    let mut id = [0; 4];
    id.copy_from_slice(&hash.as_ref()[..4]);
    id
}

impl Checkpoint {
    /// The lines that are signed.
    #[must_use]
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, Base64::encode_string(&self.root))
    }

    /// The note, signed.
    pub(crate) fn sign(&self, key: &Ed25519KeyPair, public: &VerifyingKey) -> String {
        let body = self.body();
        let mut signed = key_id(&self.origin, public).to_vec();
        signed.extend_from_slice(key.sign(body.as_bytes()).as_ref());
        format!("{body}\n{DASH}{} {}\n", self.origin, Base64::encode_string(&signed))
    }

    /// What a note says that `key` signed. Signatures of others beside it are theirs to check.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn verified(note: &str, key: &VerifyingKey) -> Result<Self, CheckpointFault> {
        let (checkpoint, body, signatures) = Self::parse(note)?;
        let id = key_id(&checkpoint.origin, key);
        let mut fault = CheckpointFault::OtherKey;
        for line in signatures.lines().take(MAX_SIGNATURES) {
            let line = line.strip_prefix(DASH).ok_or(CheckpointFault::NotANote)?;
            let (name, encoded) = line.split_once(' ').ok_or(CheckpointFault::NotANote)?;
            let signed = Base64::decode_vec(encoded).map_err(|_| CheckpointFault::NotANote)?;
            let Some((of, signature)) = signed.split_first_chunk::<4>() else {
                return Err(CheckpointFault::NotANote);
            };
            if name != checkpoint.origin || *of != id {
                continue;
            }
            fault = CheckpointFault::Signature;
            let Ok(signature) = Signature::from_slice(signature) else { continue };
            if key.verify_strict(body.as_bytes(), &signature).is_ok() {
                return Ok(checkpoint);
            }
        }
        Err(fault)
    }

    /// What a note says, whoever signed it: nobody may believe it before a signature was checked.
    ///
    /// # Errors
    /// What is wrong with its lines.
    pub fn unverified(note: &str) -> Result<Self, CheckpointFault> {
        Self::parse(note).map(|(checkpoint, ..)| checkpoint)
    }

    fn parse(note: &str) -> Result<(Self, &str, &str), CheckpointFault> {
        if note.len() > MAX_CHECKPOINT {
            return Err(CheckpointFault::TooLong);
        }
        let is_text = note.bytes().all(|byte| byte == b'\n' || (byte >= 0x20 && byte != 0x7f));
        // The last empty line ends what is signed: lines of it may be empty, too.
        let end = note.rfind("\n\n").filter(|_| is_text && note.ends_with('\n'));
        let (body, signatures) = note.split_at(end.ok_or(CheckpointFault::NotANote)? + 1);
        let signatures = &signatures[1..];
        let mut lines = body.split('\n');
        let name = lines.next().filter(|line| !line.is_empty() && !line.contains([' ', '+']));
        let origin = name.ok_or(CheckpointFault::Origin)?.to_owned();
        let size = lines.next().and_then(decimal).ok_or(CheckpointFault::Size)?;
        let mut root = [0; 32];
        let decoded = lines.next().and_then(|line| Base64::decode(line, &mut root).ok().map(<[u8]>::len));
        if decoded != Some(root.len()) {
            return Err(CheckpointFault::Root);
        }
        Ok((Self { origin, size, root }, body, signatures))
    }
}

/// A number as it is written in one way only.
fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

#[cfg(test)]
mod tests;
