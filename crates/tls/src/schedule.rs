//! From secrets to keys: the PRF of TLS 1.2 (RFC 5246, 5) and HKDF-Expand-Label of TLS 1.3 (RFC 8446, 7.1).

use hmac::{Hmac, Mac};
use sha2::{Sha256, Sha384};
use zeroize::Zeroizing;

/// The hash of a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
}

/// What a hash gives, wiped when it is dropped.
type Digest = Zeroizing<Vec<u8>>;

impl Hash {
    /// Bytes of what it gives.
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Digest {
        const ANY: &str = "HMAC takes keys of any length";
        match self {
            Self::Sha256 => {
                let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect(ANY);
                parts.iter().for_each(|part| hmac.update(part));
                Zeroizing::new(hmac.finalize().into_bytes().to_vec())
            }
            Self::Sha384 => {
                let mut hmac = Hmac::<Sha384>::new_from_slice(key).expect(ANY);
                parts.iter().for_each(|part| hmac.update(part));
                Zeroizing::new(hmac.finalize().into_bytes().to_vec())
            }
        }
    }

    /// `PRF(secret, label, seed)`, the first `len` bytes of it.
    pub(crate) fn prf(self, secret: &[u8], label: &[u8], seed: &[&[u8]], len: usize) -> Digest {
        let mut seeds = vec![label];
        seeds.extend(seed);
        let mut a = self.hmac(secret, &seeds);
        let mut out = Zeroizing::new(Vec::with_capacity(len + self.len()));
        while out.len() < len {
            let mut parts: Vec<&[u8]> = vec![&a];
            parts.extend(&seeds);
            out.extend_from_slice(&self.hmac(secret, &parts));
            a = self.hmac(secret, &[&a]);
        }
        out.truncate(len);
        out
    }

    /// `HKDF-Expand-Label(secret, label, "", len)`. Nothing in TLS 1.3 asks for more than one hash gives, so the first block
    /// of HKDF-Expand (RFC 5869, 2.3) is all of it.
    pub(crate) fn expand(self, secret: &[u8], label: &[u8], len: usize) -> Digest {
        let len = len.min(self.len());
        let (low, name_len) =
            (u8::try_from(len).unwrap_or(u8::MAX), u8::try_from(6 + label.len()).unwrap_or(u8::MAX));
        let mut out = self.hmac(secret, &[&[0, low, name_len], b"tls13 ", label, &[0, 1]]);
        out.truncate(len);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    #[test]
    fn keys_of_tls_1_3_are_those_of_rfc_8448_3() {
        // "server handshake traffic secret" and the write key and IV that come of it.
        let secret = hex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
        assert_eq!(*Hash::Sha256.expand(&secret, b"key", 16), hex("3fce516009c21727d0f2e4e86ee403bc"));
        assert_eq!(*Hash::Sha256.expand(&secret, b"iv", 12), hex("5d313eb2671276ee13000b30"));
    }

    #[test]
    fn the_prf_of_tls_1_2_is_that_of_the_published_vectors() {
        // Vectors of P_SHA256 and P_SHA384 sent to the TLS working group's list in 2008.
        let (secret, seed) =
            (hex("9bbe436ba940f017b17652849a71db35"), hex("a0ba9f936cda311827a6f796ffd5198c"));
        let expected = "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af\
                        0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701\
                        87347b66";
        assert_eq!(*Hash::Sha256.prf(&secret, b"test label", &[&seed], 100), hex(expected));
        let (secret, seed) =
            (hex("b80b733d6ceefcdc71566ea48e5567df"), hex("cd665cf6a8447dd6ff8b27555edb7465"));
        let expected = "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0\
                        e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d9184259b\
                        5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703d73\
                        e56f";
        assert_eq!(*Hash::Sha384.prf(&secret, b"test label", &[&seed], 148), hex(expected));
    }
}
