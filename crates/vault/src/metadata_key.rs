//! The key of what the recorder must read itself to list and rebuild: facts of calls, never audio.
//!
//! ```text
//!   0                24                              n-16            n
//!   +----------------+-------------------------------+---------------+
//!   | salt, random   | sealed bytes                  | tag           |
//!   +----------------+-------------------------------+---------------+
//! ```
//!
//! Each message has a key of its own: BLAKE3 of the salt, keyed with the metadata key. With 192 random bits no two
//! messages share one, so the GCM nonce can be zero and the number of messages has no limit that a recorder reaches.

use rand::{RngCore, rngs::OsRng, thread_rng};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::cipher::{Aead, CipherSuite, NotAuthentic, TAG};

const SALT: usize = 24;

/// Seals and opens metadata: index values, ledger payloads, opened rows, manifests.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MetadataKey {
    #[zeroize(skip)]
    suite: CipherSuite,
    key: [u8; 32],
}

impl MetadataKey {
    /// Bytes that sealing adds.
    pub const OVERHEAD: usize = SALT + TAG;

    /// From its 32 bytes.
    #[must_use]
    pub const fn new(suite: CipherSuite, key: [u8; 32]) -> Self {
        Self { suite, key }
    }

    /// A random one.
    #[must_use]
    pub fn random(suite: CipherSuite) -> Self {
        let mut key = [0; 32];
        OsRng.fill_bytes(&mut key);
        Self { suite, key }
    }

    /// Its 32 bytes, for the key file.
    pub(crate) const fn bytes(&self) -> &[u8; 32] {
        &self.key
    }

    /// Another key, derived from this one for `purpose` (a keyed hash of SIP Call-IDs, say).
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        *blake3::keyed_hash(&self.key, &[b"earwitness derive ", purpose.as_bytes()].concat()).as_bytes()
    }

    /// The key of the metadata in one day's volumes. With the day's salt it goes, though this one stays.
    pub(crate) fn of_day(&self, salt: &[u8; 32]) -> Self {
        let key = Zeroizing::new([&b"earwitness day "[..], salt].concat());
        Self { suite: self.suite, key: *blake3::keyed_hash(&self.key, &key).as_bytes() }
    }

    /// `bytes` sealed to the place that `aad` names.
    #[must_use]
    pub fn seal(&self, aad: &[u8], bytes: &[u8]) -> Vec<u8> {
        let mut sealed = vec![0; SALT + bytes.len() + TAG];
        // Salts stand in the clear: that no two are the same is all they have to do.
        thread_rng().fill_bytes(&mut sealed[..SALT]);
        let aead = Aead::new(self.suite, &self.key_of(&sealed[..SALT]));
        let (content, tag) = sealed[SALT..].split_at_mut(bytes.len());
        content.copy_from_slice(bytes);
        tag.copy_from_slice(&aead.seal(&[0; 12], aad, content));
        sealed
    }

    /// What [`Self::seal`] sealed under the same `aad`.
    ///
    /// # Errors
    /// [`NotAuthentic`] for anything else.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, NotAuthentic> {
        let key = self.message_key(sealed).ok_or(NotAuthentic)?;
        open_with(self.suite, &key, aad, sealed)
    }

    /// The key of this one message, which opens nothing else.
    pub(crate) fn message_key(&self, sealed: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        sealed.get(..SALT).map(|salt| self.key_of(salt))
    }

    /// How messages are sealed.
    pub(crate) const fn suite(&self) -> CipherSuite {
        self.suite
    }

    fn key_of(&self, salt: &[u8]) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*blake3::keyed_hash(&self.key, salt).as_bytes())
    }
}

/// What was sealed under the same `aad` in the message whose own key this is.
///
/// # Errors
/// [`NotAuthentic`] for anything else.
pub(crate) fn open_with(
    suite: CipherSuite,
    message_key: &[u8; 32],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, NotAuthentic> {
    let (_salt, rest) = sealed.split_at_checked(SALT).ok_or(NotAuthentic)?;
    let (content, tag) = rest.split_last_chunk::<TAG>().ok_or(NotAuthentic)?;
    Aead::new(suite, message_key).open(&[0; 12], aad, content.to_vec(), tag)
}

impl std::fmt::Debug for MetadataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MetadataKey({:?})", self.suite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_opens_in_its_place_only() {
        let key = MetadataKey::random(CipherSuite::Aes256Gcm);
        let sealed = key.seal(b"row 1", b"who called");
        assert_eq!(sealed.len(), 10 + MetadataKey::OVERHEAD);
        assert_eq!(key.open(b"row 1", &sealed).as_deref(), Ok(&b"who called"[..]));
        assert_eq!(key.open(b"row 2", &sealed), Err(NotAuthentic));
        assert_eq!(MetadataKey::random(CipherSuite::Aes256Gcm).open(b"row 1", &sealed), Err(NotAuthentic));
        assert_ne!(key.seal(b"row 1", b"who called"), sealed);
    }

    #[test]
    fn any_changed_or_missing_byte_is_noticed() {
        let key = MetadataKey::new(CipherSuite::Aria256Gcm, [3; 32]);
        let sealed = key.seal(b"", b"x");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open(b"", &changed), Err(NotAuthentic), "byte {at}");
            assert_eq!(key.open(b"", &sealed[..at]), Err(NotAuthentic), "cut at {at}");
        }
    }

    #[test]
    fn derived_keys_differ_by_purpose_and_key() {
        let (one, two) = (
            MetadataKey::new(CipherSuite::Aes256Gcm, [1; 32]),
            MetadataKey::new(CipherSuite::Aes256Gcm, [2; 32]),
        );
        assert_eq!(one.derive("a"), one.derive("a"));
        assert_ne!(one.derive("a"), one.derive("b"));
        assert_ne!(one.derive("a"), two.derive("a"));
    }
}
