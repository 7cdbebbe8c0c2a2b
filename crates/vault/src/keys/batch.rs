//! Keys for recordings that begin together. To wrap a key to the day's public key costs two multiplications on Curve25519, which
//! a busy hour has no time for at every call: the first recording's data key is wrapped like that, and those of the recordings
//! that begin within [`BATCH_NANOS`] of it are wrapped by a *batch key*, and that to the day.
//!
//! ```text
//!   0       4                36         52               n
//!   +-------+----------------+----------+----------------+
//!   | place | data key,      | tag      | batch key,     |
//!   | u32   | sealed         |          | wrapped        |
//!   +-------+----------------+----------+----------------+
//!   sealed    in the vault's suite under the batch key, bound to the recording's id; the nonce is the place in the batch
//!   wrapped   an age file to the day's recipient; its content is [`LABEL`] and the batch key
//! ```
//!
//! What holds for keys that are wrapped one by one holds for these:
//!
//! - Each data key is random and its recording's own. The batch key seals nothing else, and no nonce twice: it counts.
//! - Each row opens by itself with the day's private key, for it has its own copy of the wrapped batch key. No row needs
//!   another, so a crash cannot come between them, and a row that is destroyed takes its recording and no other: what is
//!   left has the batch key, and nowhere that data key.
//! - When the day key goes, nothing opens any batch key.
//! - Whoever seals has the batch key for as long as the batch is open, in which all its recordings have only just begun and
//!   their data keys are in memory anyway. Then it is wiped, and what opens them is the day's private key alone.

use age::x25519::{Identity, Recipient};
use earwitness_model::RecordingId;
use rand::{RngCore, rngs::OsRng};
use zeroize::Zeroizing;

use super::{data_key, wrapped_content};
use crate::cipher::{Aead, CipherSuite, TAG};

/// How long after its first recording a batch takes more.
pub(crate) const BATCH_NANOS: i64 = 500_000_000;
/// Recordings of one batch.
const MOST: u32 = 256;
/// What stands where a data key has its recording's id, so that neither passes for the other.
const LABEL: RecordingId = RecordingId::from_bytes(*b"earwitness batch");
/// What is before the wrapped batch key.
const OWN: usize = 4 + 32 + TAG;

/// A batch that takes more recordings. Its key goes with it.
pub(crate) struct Batch {
    key: Aead,
    wrapped: Vec<u8>,
    count: u32,
}

impl Batch {
    /// A new one, to be opened by whoever has the private half of `day`.
    pub(crate) fn new(suite: CipherSuite, day: &Recipient) -> Result<Self, age::EncryptError> {
        let mut key = Zeroizing::new([0; 32]);
        OsRng.fill_bytes(&mut *key);
        let wrapped = age::encrypt(day, &*wrapped_content(LABEL, &key))?;
        Ok(Self { key: Aead::new(suite, &key), wrapped, count: 0 })
    }

    /// Whether it takes another recording.
    pub(crate) const fn has_room(&self) -> bool {
        self.count < MOST
    }

    /// What a key file keeps of a recording's data key.
    pub(crate) fn wrap(&mut self, recording: RecordingId, key: &[u8; 32]) -> Vec<u8> {
        let mut row = Vec::with_capacity(OWN + self.wrapped.len());
        row.extend_from_slice(&self.count.to_be_bytes());
        row.extend_from_slice(key);
        // It is sealed where it lies: the plain key is nowhere else.
        let tag = self.key.seal(&nonce(self.count), &recording.to_bytes(), &mut row[4..]);
        row.extend_from_slice(&tag);
        row.extend_from_slice(&self.wrapped);
        self.count += 1;
        row
    }
}

/// The last batch key that was opened: recordings of one batch stand beside each other.
#[derive(Default)]
pub(crate) struct LastBatch(Option<(Vec<u8>, Aead)>);

impl LastBatch {
    /// The inverse of [`Batch::wrap`]; `None` when it is another recording's, another day's, or damaged.
    pub(crate) fn open(
        &mut self,
        (suite, day): (CipherSuite, &Identity),
        recording: RecordingId,
        row: &[u8],
    ) -> Option<Zeroizing<[u8; 32]>> {
        let (place, rest) = row.split_first_chunk::<4>()?;
        let (sealed, rest) = rest.split_first_chunk::<32>()?;
        let (tag, wrapped) = rest.split_first_chunk::<TAG>()?;
        if self.0.as_ref().is_none_or(|(last, _)| last != wrapped) {
            let content = Zeroizing::new(age::decrypt(day, wrapped).ok()?);
            let key = Aead::new(suite, &*data_key(LABEL, &content)?);
            self.0 = Some((wrapped.to_vec(), key));
        }
        let (_, batch) = self.0.as_ref()?;
        let nonce = nonce(u32::from_be_bytes(*place));
        let key = batch.open(&nonce, &recording.to_bytes(), sealed.to_vec(), tag).ok().map(Zeroizing::new)?;
        Some(Zeroizing::new(key.as_slice().try_into().ok()?))
    }
}

/// Of the recording at `place` of its batch.
fn nonce(place: u32) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[8..].copy_from_slice(&place.to_be_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUITE: CipherSuite = CipherSuite::Aes256Gcm;

    fn recording(n: u8) -> RecordingId {
        RecordingId::from_bytes([n; 16])
    }

    /// With a fresh eye, as after a restart.
    fn opened(day: &Identity, n: u8, row: &[u8]) -> Option<[u8; 32]> {
        LastBatch::default().open((SUITE, day), recording(n), row).map(|key| *key)
    }

    #[test]
    fn each_row_opens_by_itself_for_its_recording_and_its_day() {
        let day = Identity::generate();
        let mut batch = Batch::new(SUITE, &day.to_public()).unwrap();
        let rows: Vec<_> = (0..5).map(|n| batch.wrap(recording(n), &[n; 32])).collect();
        let mut together = LastBatch::default();
        for (n, row) in (0..).zip(&rows) {
            assert_eq!(opened(&day, n, row), Some([n; 32]));
            assert_eq!(together.open((SUITE, &day), recording(n), row).map(|key| *key), Some([n; 32]));
            assert_eq!(opened(&day, n + 1, row), None, "another recording's");
            assert_eq!(opened(&Identity::generate(), n, row), None, "another day's");
            assert!(!row.windows(32).any(|part| part == [n; 32]), "the key itself is not there");
        }
        let first = &rows[0];
        for at in 0..OWN {
            let mut changed = first.clone();
            changed[at] ^= 1;
            assert_eq!(opened(&day, 0, &changed), None, "byte {at}");
        }
        for cut in 0..first.len() {
            assert_eq!(opened(&day, 0, &first[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_left_of_a_batch_does_not_open_a_key_that_was_destroyed() {
        let day = Identity::generate();
        let mut batch = Batch::new(SUITE, &day.to_public()).unwrap();
        let (kept, gone) = (batch.wrap(recording(1), &[1; 32]), batch.wrap(recording(2), &[2; 32]));
        let mut forged = kept.clone();
        forged[..4].copy_from_slice(&gone[..4]);
        assert_eq!(opened(&day, 2, &forged), None);
        assert_eq!(opened(&day, 2, &kept), None);
        assert_eq!(opened(&day, 1, &kept), Some([1; 32]), "the other stays");
    }

    #[test]
    fn a_data_key_and_a_batch_key_do_not_pass_for_each_other() {
        let day = Identity::generate();
        let own = age::encrypt(&day.to_public(), &*wrapped_content(recording(1), &[1; 32])).unwrap();
        let mut batch = Batch::new(SUITE, &day.to_public()).unwrap();
        let row = batch.wrap(recording(1), &[1; 32]);
        assert_eq!(opened(&day, 1, &[&row[..OWN], &own].concat()), None);
        let content = age::decrypt(&day, &row[OWN..]).unwrap();
        assert!(data_key(recording(1), &content).is_none());
    }

    #[test]
    fn no_nonce_of_a_batch_seals_twice() {
        let mut batch = Batch::new(SUITE, &Identity::generate().to_public()).unwrap();
        let rows: std::collections::HashSet<_> =
            (0..MOST).map(|n| batch.wrap(recording(n as u8), &[0; 32])[..4 + 32].to_vec()).collect();
        assert_eq!((rows.len(), batch.has_room()), (256, false));
    }
}
