//! The keys of a vault, from the officer's down to a recording's.
//!
//! ```text
//!   officer's key     age identity beside the vault; under a passphrase in a governed one   never in the vault
//!     └ day key       age identity per class and day, wrapped to the officer's public key   keys/day/*.age
//!         └ data key  32 random bytes per recording, wrapped to the day's public key        keys/<class>/*.keys
//!                     through a batch key, which recordings share that begin together and which is in each one's row
//!   metadata key      opened rows, stream rows, manifests, index, ledger                    keys/index.key, or elsewhere
//!   recorder's pair   signs manifests                                                       keys/recorder.*
//! ```
//!
//! Going down needs public halves only; that is all a [`crate::Sealer`] has. Going up needs the officer's key.

mod batch;
mod day;
mod key_file;
mod key_text;
mod officer;

pub(crate) use batch::{BATCH_NANOS, Batch, LastBatch};
pub(crate) use day::{DayKey, DayKeys, MAX_GENERATION, wrap};
pub(crate) use key_file::{KeyFile, KeyFileHead, KeyRow, KeyState};
pub(crate) use key_text::{KeyKind, read_key, write_key};
pub use key_text::{verifying_key_in, verifying_key_text};
pub(crate) use officer::{is_under_passphrase, officer_file, open_identity, open_officer_key};

use earwitness_model::RecordingId;
use zeroize::Zeroizing;

/// What is wrapped for a recording: its name, so that no key can pass for another's, and its data key.
pub(crate) fn wrapped_content(recording: RecordingId, key: &[u8; 32]) -> Zeroizing<[u8; 48]> {
    let mut content = Zeroizing::new([0; 48]);
    content[..16].copy_from_slice(&recording.to_bytes());
    content[16..].copy_from_slice(key);
    content
}

/// The inverse of [`wrapped_content`]; `None` when it is another recording's.
pub(crate) fn data_key(recording: RecordingId, content: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let (id, key) = content.split_first_chunk::<16>()?;
    let key: [u8; 32] = key.try_into().ok()?;
    (*id == recording.to_bytes()).then(|| Zeroizing::new(key))
}
