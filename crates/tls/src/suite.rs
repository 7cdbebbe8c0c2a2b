//! The cipher suites that are read (registry "TLS Cipher Suites" at iana.org).

use crate::schedule::Hash;

/// A suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Suite {
    /// What secrets are derived with.
    pub(crate) hash: Hash,
    /// What records are sealed with.
    pub(crate) seal: Seal,
    pub(crate) version: Version,
}

/// The version that a suite belongs to: those of TLS 1.3 are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// RFC 5246.
    V12,
    /// RFC 8446.
    V13,
}

/// How a record is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seal {
    Aes128Gcm,
    Aes256Gcm,
    Aria128Gcm,
    Aria256Gcm,
    ChaCha20Poly1305,
    Aes128Cbc(Mac),
    Aes256Cbc(Mac),
}

/// What authenticates records under CBC: HMAC with this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mac {
    Sha1,
    Sha256,
    Sha384,
}

impl Mac {
    /// Bytes of its key and of what it gives.
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

impl Seal {
    /// Bytes of a key.
    pub(crate) const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aria128Gcm | Self::Aes128Cbc(_) => 16,
            Self::Aes256Gcm | Self::Aria256Gcm | Self::Aes256Cbc(_) | Self::ChaCha20Poly1305 => 32,
        }
    }

    /// Bytes of the key block of TLS 1.2 that begin each direction's nonces.
    pub(crate) const fn fixed_iv_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm | Self::Aria128Gcm | Self::Aria256Gcm => 4,
            Self::ChaCha20Poly1305 => 12,
            Self::Aes128Cbc(_) | Self::Aes256Cbc(_) => 0,
        }
    }

    /// Bytes of the key of the MAC.
    pub(crate) const fn mac_len(self) -> usize {
        match self {
            Self::Aes128Gcm
            | Self::Aes256Gcm
            | Self::Aria128Gcm
            | Self::Aria256Gcm
            | Self::ChaCha20Poly1305 => 0,
            Self::Aes128Cbc(mac) | Self::Aes256Cbc(mac) => mac.len(),
        }
    }
}

impl Suite {
    /// The suite that a ServerHello names. How the parties agree on the secret of TLS 1.2 (the first half of a suite's name)
    /// is nothing to whoever has it.
    pub(crate) const fn from_code(code: u16) -> Option<Self> {
        let (hash, seal, version) = match code {
            0x1301 => (Hash::Sha256, Seal::Aes128Gcm, Version::V13),
            0x1302 => (Hash::Sha384, Seal::Aes256Gcm, Version::V13),
            0x1303 => (Hash::Sha256, Seal::ChaCha20Poly1305, Version::V13),
            // RSA, DHE_RSA, ECDHE_ECDSA, ECDHE_RSA, as far as there are such.
            0x009c | 0x009e | 0xc02b | 0xc02f => (Hash::Sha256, Seal::Aes128Gcm, Version::V12),
            0x009d | 0x009f | 0xc02c | 0xc030 => (Hash::Sha384, Seal::Aes256Gcm, Version::V12),
            0xc050 | 0xc052 | 0xc05c | 0xc060 => (Hash::Sha256, Seal::Aria128Gcm, Version::V12),
            0xc051 | 0xc053 | 0xc05d | 0xc061 => (Hash::Sha384, Seal::Aria256Gcm, Version::V12),
            0xcca8..=0xccaa => (Hash::Sha256, Seal::ChaCha20Poly1305, Version::V12),
            0x002f | 0x0033 | 0xc009 | 0xc013 => (Hash::Sha256, Seal::Aes128Cbc(Mac::Sha1), Version::V12),
            0x0035 | 0x0039 | 0xc00a | 0xc014 => (Hash::Sha256, Seal::Aes256Cbc(Mac::Sha1), Version::V12),
            0x003c | 0x0067 | 0xc023 | 0xc027 => (Hash::Sha256, Seal::Aes128Cbc(Mac::Sha256), Version::V12),
            0x003d | 0x006b => (Hash::Sha256, Seal::Aes256Cbc(Mac::Sha256), Version::V12),
            0xc024 | 0xc028 => (Hash::Sha384, Seal::Aes256Cbc(Mac::Sha384), Version::V12),
            _ => return None,
        };
        Some(Self { hash, seal, version })
    }
}
