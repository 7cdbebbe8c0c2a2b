//! The cipher suites: a closed set, named in `vault.toml` and in the head of every volume.

use aes_gcm::{
    Aes256Gcm, AesGcm, Key, KeyInit, Nonce, Tag,
    aead::{AeadInPlace, consts::U12},
};
use aria::Aria256;
use serde::{Deserialize, Serialize};

/// Bytes of an authentication tag, the same in every suite.
pub(crate) const TAG: usize = 16;

/// How content is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CipherSuite {
    /// AES-256-GCM (NIST SP 800-38D), the default.
    #[serde(rename = "aes-256-gcm")]
    Aes256Gcm,
    /// ARIA-256 (RFC 5794) in the same mode. The algorithm is on the Korean list; this module is not validated.
    #[serde(rename = "aria-256-gcm")]
    Aria256Gcm,
}

impl CipherSuite {
    /// Its code on disk.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Aes256Gcm => 1,
            Self::Aria256Gcm => 2,
        }
    }

    /// The inverse of [`Self::code`].
    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Aes256Gcm,
            2 => Self::Aria256Gcm,
            _ => return None,
        })
    }
}

/// Sealed bytes that do not open: another key, another place, or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes do not open: they were changed, moved, or sealed under another key")]
pub struct NotAuthentic;

/// One expanded key of a suite.
pub(crate) enum Aead {
    Aes(Box<Aes256Gcm>),
    Aria(Box<AesGcm<Aria256, U12>>),
}

impl Aead {
    pub(crate) fn new(suite: CipherSuite, key: &[u8; 32]) -> Self {
        match suite {
            CipherSuite::Aes256Gcm => Self::Aes(Box::new(Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key)))),
            CipherSuite::Aria256Gcm => Self::Aria(Box::new(AesGcm::new_from_slice(key).expect("32 bytes"))),
        }
    }

    /// Encrypts `content` where it lies and gives its tag. A `(key, nonce)` pair must never seal twice.
    pub(crate) fn seal(&self, nonce: &[u8; 12], aad: &[u8], content: &mut [u8]) -> [u8; TAG] {
        let nonce = Nonce::from_slice(nonce);
        let tag = match self {
            Self::Aes(aead) => aead.encrypt_in_place_detached(nonce, aad, content),
            Self::Aria(aead) => aead.encrypt_in_place_detached(nonce, aad, content),
        };
        tag.expect("blocks are far below GCM's 64 GiB").into()
    }

    /// Decrypts `content` where it lies; it stays as it was when it is not authentic.
    pub(crate) fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        content: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<(), NotAuthentic> {
        let (nonce, tag) = (Nonce::from_slice(nonce), Tag::from_slice(tag));
        match self {
            Self::Aes(aead) => aead.decrypt_in_place_detached(nonce, aad, content, tag),
            Self::Aria(aead) => aead.decrypt_in_place_detached(nonce, aad, content, tag),
        }
        .map_err(|_opaque| NotAuthentic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_suites_open_what_they_sealed_and_nothing_else() {
        for suite in [CipherSuite::Aes256Gcm, CipherSuite::Aria256Gcm] {
            let aead = Aead::new(suite, &[7; 32]);
            let mut content = *b"a voice";
            let tag = aead.seal(&[1; 12], b"place", &mut content);
            assert_ne!(&content, b"a voice");
            let sealed = content;
            assert_eq!(aead.open(&[1; 12], b"elsewhere", &mut content, &tag), Err(NotAuthentic));
            assert_eq!(aead.open(&[2; 12], b"place", &mut content, &tag), Err(NotAuthentic));
            assert_eq!(content, sealed);
            assert_eq!(aead.open(&[1; 12], b"place", &mut content, &tag), Ok(()));
            assert_eq!(&content, b"a voice");
            assert_eq!(CipherSuite::from_code(suite.code()), Some(suite));
        }
        assert_eq!(CipherSuite::from_code(0), None);
    }

    #[test]
    fn aria_is_the_cipher_of_rfc_5794_in_gcm() {
        // NIST SP 800-38D with ARIA: the hash subkey and first counter block are one ARIA-256 call each; RFC 5794,
        // appendix A.3 fixes that call.
        use aria::cipher::{BlockEncrypt, KeyInit as _};
        let key: Vec<u8> = (0..32).collect();
        let mut block = aes_gcm::aead::generic_array::GenericArray::clone_from_slice(&[
            0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
        ]);
        Aria256::new_from_slice(&key).unwrap().encrypt_block(&mut block);
        let expected =
            [0xf9, 0x2b, 0xd7, 0xc7, 0x9f, 0xb7, 0x2e, 0x2f, 0x2b, 0x8f, 0x80, 0xc1, 0x97, 0x2d, 0x24, 0xfc];
        assert_eq!(block.as_slice(), expected);
    }
}
