//! The cipher suites: a closed set, named in `vault.toml` and in the head of every volume.
//!
//! AES is AWS-LC's, which seals ten times faster here than the Rust cipher, and is what everything recorded goes through.
//! It keeps an expanded key in one allocation of its own, and its `OPENSSL_free` overwrites every allocation before it gives it
//! up: keys leave memory with the [`Aead`] that has them. ARIA, which AWS-LC has not, is the Rust cipher in the same mode.

use aes_gcm::{
    AesGcm, KeyInit, Nonce, Tag,
    aead::{AeadInPlace, consts::U12},
};
use aria::Aria256;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce as AesNonce, UnboundKey};
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
    Aes(LessSafeKey),
    Aria(Box<AesGcm<Aria256, U12>>),
}

impl Aead {
    pub(crate) fn new(suite: CipherSuite, key: &[u8; 32]) -> Self {
        match suite {
            CipherSuite::Aes256Gcm => {
                Self::Aes(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("32 bytes")))
            }
            CipherSuite::Aria256Gcm => Self::Aria(Box::new(AesGcm::new_from_slice(key).expect("32 bytes"))),
        }
    }

    /// Encrypts `content` where it lies and gives its tag. A `(key, nonce)` pair must never seal twice.
    pub(crate) fn seal(&self, nonce: &[u8; 12], aad: &[u8], content: &mut [u8]) -> [u8; TAG] {
        const FITS: &str = "blocks are far below GCM's 64 GiB";
        match self {
            Self::Aes(key) => {
                let nonce = AesNonce::assume_unique_for_key(*nonce);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), content).expect(FITS);
                tag.as_ref().try_into().expect("a GCM tag is 16 bytes")
            }
            Self::Aria(aead) => {
                let nonce = Nonce::from_slice(nonce);
                aead.encrypt_in_place_detached(nonce, aad, content).expect(FITS).into()
            }
        }
    }

    /// Decrypts `content` where it lies. What is not authentic nobody gets to see: it goes with its buffer. Tags are compared
    /// in constant time.
    pub(crate) fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        mut content: Vec<u8>,
        tag: &[u8; TAG],
    ) -> Result<Vec<u8>, NotAuthentic> {
        match self {
            Self::Aes(key) => {
                let nonce = AesNonce::assume_unique_for_key(*nonce);
                key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, &mut content)
                    .map_err(|_opaque| NotAuthentic)?;
            }
            Self::Aria(aead) => {
                let (nonce, tag) = (Nonce::from_slice(nonce), Tag::from_slice(tag));
                aead.decrypt_in_place_detached(nonce, aad, &mut content, tag)
                    .map_err(|_opaque| NotAuthentic)?;
            }
        }
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_suites_open_what_they_sealed_and_nothing_else() {
        for suite in [CipherSuite::Aes256Gcm, CipherSuite::Aria256Gcm] {
            let aead = Aead::new(suite, &[7; 32]);
            let mut content = *b"a voice";
            let tag = aead.seal(&[1; 12], b"place", &mut content);
            assert_ne!(&content, b"a voice");
            let open =
                |nonce, aad: &[u8], content: &[u8], tag| aead.open(&[nonce; 12], aad, content.to_vec(), &tag);
            assert_eq!(open(1, b"elsewhere", &content, tag), Err(NotAuthentic));
            assert_eq!(open(2, b"place", &content, tag), Err(NotAuthentic));
            for bit in 0..TAG * 8 {
                let mut changed = tag;
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(open(1, b"place", &content, changed), Err(NotAuthentic), "tag, bit {bit}");
            }
            for bit in 0..content.len() * 8 {
                let mut changed = content;
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(open(1, b"place", &changed, tag), Err(NotAuthentic), "content, bit {bit}");
            }
            assert_eq!(open(1, b"place", &content, tag).as_deref(), Ok(&b"a voice"[..]));
            assert_eq!(CipherSuite::from_code(suite.code()), Some(suite));
        }
        assert_eq!(CipherSuite::from_code(0), None);
    }

    /// Hexadecimal digits as bytes.
    fn hex(digits: &str) -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        (0..digits.len()).step_by(2).map(digit).collect()
    }

    #[test]
    fn aes_256_gcm_is_that_of_the_modes_test_vectors() {
        // McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test cases 13 to 16.
        let key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
        let text = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
                    1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255";
        let sealed = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
                      8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad";
        let aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
        let (zeros, nonce) = ("0".repeat(64), "cafebabefacedbaddecaf888");
        let none = "0".repeat(24);
        for (key, nonce, aad, text, sealed, tag) in [
            (&*zeros, &*none, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
            (
                &*zeros,
                &*none,
                "",
                &zeros[..32],
                "cea7403d4d606b6e074ec5d3baf39d18",
                "d0d1c8a799996bf0265b98b5d48ab919",
            ),
            (key, nonce, "", text, sealed, "b094dac5d93471bdec1a502270e3cc6c"),
            (key, nonce, aad, &text[..120], &sealed[..120], "76fc6ece0f4e1768cddf8853bb2d551b"),
        ] {
            let aead = Aead::new(CipherSuite::Aes256Gcm, &hex(key).try_into().unwrap());
            let (nonce, mut content) = (hex(nonce).try_into().unwrap(), hex(text));
            let made = aead.seal(&nonce, &hex(aad), &mut content);
            assert_eq!((&content, made.to_vec()), (&hex(sealed), hex(tag)));
            assert_eq!(aead.open(&nonce, &hex(aad), content, &made), Ok(hex(text)));
        }
    }

    proptest! {
        #[test]
        fn aes_seals_as_the_rust_cipher_does(
            key: [u8; 32],
            nonce: [u8; 12],
            aad in prop::collection::vec(any::<u8>(), 0..64),
            text in prop::collection::vec(any::<u8>(), 0..3000),
        ) {
            let aead = Aead::new(CipherSuite::Aes256Gcm, &key);
            let oracle = aes_gcm::Aes256Gcm::new_from_slice(&key).unwrap();
            let (mut content, mut expected) = (text.clone(), text.clone());
            let tag = aead.seal(&nonce, &aad, &mut content);
            let nonce_of_oracle = Nonce::from_slice(&nonce);
            let expected_tag = oracle.encrypt_in_place_detached(nonce_of_oracle, &aad, &mut expected).unwrap();
            prop_assert_eq!(&content, &expected);
            prop_assert_eq!(tag, <[u8; TAG]>::from(expected_tag));
            prop_assert_eq!(aead.open(&nonce, &aad, content, &tag), Ok(text));
        }
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
