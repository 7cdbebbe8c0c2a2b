//! Crypto suites: a cipher, its key sizes, its tag.

/// A crypto suite of SDES (RFC 4568, 6.2; RFC 6188, 4; RFC 7714, 14.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`
    AesCm128Tag80,
    /// `AES_CM_128_HMAC_SHA1_32`
    AesCm128Tag32,
    /// `AES_192_CM_HMAC_SHA1_80`
    AesCm192Tag80,
    /// `AES_192_CM_HMAC_SHA1_32`
    AesCm192Tag32,
    /// `AES_256_CM_HMAC_SHA1_80`
    AesCm256Tag80,
    /// `AES_256_CM_HMAC_SHA1_32`
    AesCm256Tag32,
    /// `AEAD_AES_128_GCM`
    Gcm128,
    /// `AEAD_AES_256_GCM`
    Gcm256,
}

/// What a suite authenticates with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authentication {
    /// HMAC-SHA1 over packet and rollover counter, cut to so many bytes.
    Hmac(usize),
    /// The cipher itself.
    Aead,
}

impl Suite {
    /// The suite with this name in an `a=crypto` line. Names of the drafts that phones still send are taken as well.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        const NAMES: [(&[u8], Suite); 14] = [
            (b"AES_CM_128_HMAC_SHA1_80", Suite::AesCm128Tag80),
            (b"AES_CM_128_HMAC_SHA1_32", Suite::AesCm128Tag32),
            (b"AES_192_CM_HMAC_SHA1_80", Suite::AesCm192Tag80),
            (b"AES_192_CM_HMAC_SHA1_32", Suite::AesCm192Tag32),
            (b"AES_256_CM_HMAC_SHA1_80", Suite::AesCm256Tag80),
            (b"AES_256_CM_HMAC_SHA1_32", Suite::AesCm256Tag32),
            (b"AES_CM_192_HMAC_SHA1_80", Suite::AesCm192Tag80),
            (b"AES_CM_192_HMAC_SHA1_32", Suite::AesCm192Tag32),
            (b"AES_CM_256_HMAC_SHA1_80", Suite::AesCm256Tag80),
            (b"AES_CM_256_HMAC_SHA1_32", Suite::AesCm256Tag32),
            (b"AEAD_AES_128_GCM", Suite::Gcm128),
            (b"AEAD_AES_256_GCM", Suite::Gcm256),
            (b"AES_128_GCM", Suite::Gcm128),
            (b"AES_256_GCM", Suite::Gcm256),
        ];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, suite)| *suite)
    }

    /// Bytes of its master key, and of the key that encrypts.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::AesCm128Tag80 | Self::AesCm128Tag32 | Self::Gcm128 => 16,
            Self::AesCm192Tag80 | Self::AesCm192Tag32 => 24,
            Self::AesCm256Tag80 | Self::AesCm256Tag32 | Self::Gcm256 => 32,
        }
    }

    /// Bytes of its master salt, and of the salt of packets.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self.authentication() {
            Authentication::Hmac(_) => 14,
            Authentication::Aead => 12,
        }
    }

    pub(crate) const fn authentication(self) -> Authentication {
        match self {
            Self::AesCm128Tag80 | Self::AesCm192Tag80 | Self::AesCm256Tag80 => Authentication::Hmac(10),
            Self::AesCm128Tag32 | Self::AesCm192Tag32 | Self::AesCm256Tag32 => Authentication::Hmac(4),
            Self::Gcm128 | Self::Gcm256 => Authentication::Aead,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_key_salt_and_tag() {
        let sizes = |name: &[u8]| {
            let suite = Suite::from_name(name)?;
            Some((suite.key_len(), suite.salt_len(), suite.authentication()))
        };
        assert_eq!(sizes(b"AES_CM_128_HMAC_SHA1_80"), Some((16, 14, Authentication::Hmac(10))));
        assert_eq!(sizes(b"aes_cm_128_hmac_sha1_32"), Some((16, 14, Authentication::Hmac(4))));
        assert_eq!(sizes(b"AES_192_CM_HMAC_SHA1_80"), Some((24, 14, Authentication::Hmac(10))));
        assert_eq!(sizes(b"AES_256_CM_HMAC_SHA1_32"), Some((32, 14, Authentication::Hmac(4))));
        assert_eq!(sizes(b"AES_CM_256_HMAC_SHA1_80"), Some((32, 14, Authentication::Hmac(10))));
        assert_eq!(sizes(b"AEAD_AES_128_GCM"), Some((16, 12, Authentication::Aead)));
        assert_eq!(sizes(b"AEAD_AES_256_GCM"), Some((32, 12, Authentication::Aead)));
        assert_eq!(sizes(b"F8_128_HMAC_SHA1_80"), None);
        assert_eq!(sizes(b""), None);
    }
}
