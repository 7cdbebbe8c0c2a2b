//! SRTP as a sender makes it (RFC 3711, 4568, 6188, 7714). Written apart from what reads it in the product, from the block
//! cipher up, so that one mistake is not made twice.

use aes::{
    Aes128, Aes192, Aes256,
    cipher::{BlockEncrypt, KeyInit, generic_array::GenericArray},
};
use aes_gcm::{AeadInPlace, Aes128Gcm, Aes256Gcm};
use base64ct::{Base64, Encoding};
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// How packets are protected: what an `a=crypto` line says after its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    key: Vec<u8>,
    salt: Vec<u8>,
    /// Bytes of HMAC-SHA1's tag; `None`: AES-GCM.
    tag: Option<usize>,
    mki: Vec<u8>,
    line: String,
}

impl Key {
    /// From `SUITE inline:KEY[|LIFETIME][|MKI:LENGTH]`.
    ///
    /// # Errors
    ///
    /// In words for the author of a test, when a part is missing or has another length than the suite asks for.
    pub fn read(line: &str) -> Result<Self, String> {
        let (suite, inline) = line.split_once(" inline:").ok_or("`SUITE inline:KEY` is expected")?;
        let (length, tag) = match suite {
            "AES_CM_128_HMAC_SHA1_80" => (16, Some(10)),
            "AES_CM_128_HMAC_SHA1_32" => (16, Some(4)),
            "AES_192_CM_HMAC_SHA1_80" => (24, Some(10)),
            "AES_192_CM_HMAC_SHA1_32" => (24, Some(4)),
            "AES_256_CM_HMAC_SHA1_80" => (32, Some(10)),
            "AES_256_CM_HMAC_SHA1_32" => (32, Some(4)),
            "AEAD_AES_128_GCM" => (16, None),
            "AEAD_AES_256_GCM" => (32, None),
            other => return Err(format!("`{other}` is not a suite")),
        };
        let mut fields = inline.split('|');
        let text = fields.next().unwrap_or_default();
        let bytes = Base64::decode_vec(text).map_err(|_| "the key is not base64")?;
        if bytes.len() != length + if tag.is_some() { 14 } else { 12 } {
            return Err("the key has another length than its suite asks for".to_owned());
        }
        let mki = match fields.find_map(|field| field.split_once(':')) {
            None => Vec::new(),
            Some((value, length)) => {
                let value: u64 = value.parse().map_err(|_| "the MKI is not a number")?;
                let length: usize = length.parse().map_err(|_| "the MKI's length is not a number")?;
                if !(1..=8).contains(&length) {
                    return Err("an MKI has 1 to 8 bytes here".to_owned());
                }
                value.to_be_bytes()[8 - length..].to_vec()
            }
        };
        let (key, salt) = bytes.split_at(length);
        Ok(Self { key: key.to_vec(), salt: salt.to_vec(), tag, mki, line: line.to_owned() })
    }

    /// What follows the tag in an `a=crypto` line.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The RTP packet `plain` as it travels, in round `roc` of its sequence numbers. Its header is the first 12 bytes, without
    /// contributing sources and extension.
    #[must_use]
    pub fn protect(&self, plain: &[u8], roc: u32) -> Vec<u8> {
        self.protect_behind(12, plain, roc)
    }

    /// The same where the header has `header` bytes.
    #[must_use]
    pub fn protect_behind(&self, header: usize, plain: &[u8], roc: u32) -> Vec<u8> {
        let (head, body) = plain.split_at(header);
        match self.tag {
            Some(tag) => self.with_hmac(head, body, (roc, tag)),
            None => self.with_gcm(head, body, roc),
        }
    }

    fn with_hmac(&self, head: &[u8], body: &[u8], (roc, tag): (u32, usize)) -> Vec<u8> {
        let mut counter = [0; 16];
        counter[..14].copy_from_slice(&self.derived(2, 14));
        let index = [&head[8..12], &roc.to_be_bytes(), &head[2..4]].concat();
        counter[4..14].iter_mut().zip(index).for_each(|(to, from)| *to ^= from);
        let stream = key_stream(&self.derived(0, self.key.len()), counter, body.len());
        let mut packet = head.to_vec();
        packet.extend(body.iter().zip(stream).map(|(byte, key)| byte ^ key));
        let mut hmac = <Hmac<Sha1> as Mac>::new_from_slice(&self.derived(1, 20)).expect("HMAC takes any key");
        hmac.update(&packet);
        hmac.update(&roc.to_be_bytes());
        packet.extend_from_slice(&self.mki);
        packet.extend_from_slice(&hmac.finalize().into_bytes()[..tag]);
        packet
    }

    fn with_gcm(&self, head: &[u8], body: &[u8], roc: u32) -> Vec<u8> {
        let index = [&[0, 0][..], &head[8..12], &roc.to_be_bytes(), &head[2..4]].concat();
        let nonce: Vec<u8> =
            self.derived(2, 12).into_iter().zip(index).map(|(salt, byte)| salt ^ byte).collect();
        let (key, nonce) = (self.derived(0, self.key.len()), GenericArray::from_slice(&nonce));
        let mut body = body.to_vec();
        let tag = if key.len() == 16 {
            let gcm = Aes128Gcm::new_from_slice(&key).expect("16 bytes are a key");
            gcm.encrypt_in_place_detached(nonce, head, &mut body)
        } else {
            let gcm = Aes256Gcm::new_from_slice(&key).expect("32 bytes are a key");
            gcm.encrypt_in_place_detached(nonce, head, &mut body)
        };
        let tag = tag.expect("a packet is not too long for GCM");
        [head, &body, &tag, &self.mki].concat()
    }

    /// The first `length` bytes of a derived key (RFC 3711, 4.3.1); a shorter salt stands in front of zeros (RFC 7714, 11).
    fn derived(&self, label: u8, length: usize) -> Vec<u8> {
        let mut x = [0; 16];
        x[..self.salt.len()].copy_from_slice(&self.salt);
        x[7] ^= label;
        key_stream(&self.key, x, length)
    }
}

/// Blocks of the counter and the 65,535 that follow it, encrypted.
fn key_stream(key: &[u8], counter: [u8; 16], length: usize) -> Vec<u8> {
    let blocks = (0..length.div_ceil(16)).map(|block| {
        let mut counter = counter;
        counter[14..].copy_from_slice(&(block as u16).to_be_bytes());
        encrypted(key, counter)
    });
    let mut stream: Vec<u8> = blocks.flatten().collect();
    stream.truncate(length);
    stream
}

fn encrypted(key: &[u8], block: [u8; 16]) -> [u8; 16] {
    let mut block = GenericArray::from(block);
    match key.len() {
        16 => Aes128::new_from_slice(key).expect("16 bytes are a key").encrypt_block(&mut block),
        24 => Aes192::new_from_slice(key).expect("24 bytes are a key").encrypt_block(&mut block),
        _ => Aes256::new_from_slice(key)
            .expect("a suite's key has 16, 24 or 32 bytes")
            .encrypt_block(&mut block),
    }
    block.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 28] = [
        0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe, 0xab, 0xab, 0xab, 0xab, 0xab,
        0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab, 0xab,
    ];

    /// What the packet above becomes, behind its header. The expectations were made by libsrtp, and are in its own tests.
    fn check(suite: &str, secret: &[u8], expected: &[u8]) {
        let key = Key::read(&format!("{suite} inline:{}", Base64::encode_string(secret))).unwrap();
        assert_eq!(key.protect(&PLAIN, 0)[12..], *expected, "{suite}");
    }

    #[test]
    fn packets_are_those_of_libsrtp() {
        let secret = [
            0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0, 0xd6, 0x4f, 0xa3, 0x2c, 0x06, 0xde, 0x41, 0x39,
            0x0e, 0xc6, 0x75, 0xad, 0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6,
        ];
        let expected = [
            0x4e, 0x55, 0xdc, 0x4c, 0xe7, 0x99, 0x78, 0xd8, 0x8c, 0xa4, 0xd2, 0x15, 0x94, 0x9d, 0x24, 0x02,
            0xb7, 0x8d, 0x6a, 0xcc, 0x99, 0xea, 0x17, 0x9b, 0x8d, 0xbb,
        ];
        check("AES_CM_128_HMAC_SHA1_80", &secret, &expected);
        check("AES_CM_128_HMAC_SHA1_32", &secret, &expected[..20]);
        let secret = [
            0xf0, 0xf0, 0x49, 0x14, 0xb5, 0x13, 0xf2, 0x76, 0x3a, 0x1b, 0x1f, 0xa1, 0x30, 0xf1, 0x0e, 0x29,
            0x98, 0xf6, 0xf6, 0xe4, 0x3e, 0x43, 0x09, 0xd1, 0xe6, 0x22, 0xa0, 0xe3, 0x32, 0xb9, 0xf1, 0xb6,
            0x3b, 0x04, 0x80, 0x3d, 0xe5, 0x1e, 0xe7, 0xc9, 0x64, 0x23, 0xab, 0x5b, 0x78, 0xd2,
        ];
        let expected = [
            0xf1, 0xd9, 0xde, 0x17, 0xff, 0x25, 0x1f, 0xf1, 0xaa, 0x00, 0x77, 0x74, 0xb0, 0xb4, 0xb4, 0x0d,
            0xa0, 0x8d, 0x9d, 0x9a, 0x5b, 0x3a, 0x55, 0xd8, 0x87, 0x3b,
        ];
        check("AES_256_CM_HMAC_SHA1_80", &secret, &expected);
        let secret: Vec<u8> = (0..16).chain(0xa0..0xac).collect();
        let expected = [
            0xc5, 0x00, 0x2e, 0xde, 0x04, 0xcf, 0xdd, 0x2e, 0xb9, 0x11, 0x59, 0xe0, 0x88, 0x0a, 0xa0, 0x6e,
            0xd2, 0x97, 0x68, 0x26, 0xf7, 0x96, 0xb2, 0x01, 0xdf, 0x31, 0x31, 0xa1, 0x27, 0xe8, 0xa3, 0x92,
        ];
        check("AEAD_AES_128_GCM", &secret, &expected);
    }

    #[test]
    fn an_identifier_stands_before_the_tag_of_hmac_and_behind_that_of_gcm() {
        let hmac = "AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";
        let protect = |line: &str| Key::read(line).unwrap().protect(&PLAIN, 7);
        let (without, with) = (protect(hmac), protect(&format!("{hmac}|2^20|66051:4")));
        assert_eq!([&without[..28], &[0, 1, 2, 3], &without[28..]].concat(), with);
        let gcm = "AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0OD6ChoqOkpaanqKmqqw==";
        let (without, with) = (protect(gcm), protect(&format!("{gcm}|66051:4")));
        assert_eq!([&without[..], &[0, 1, 2, 3]].concat(), with);
        assert_ne!(protect(hmac)[12..], Key::read(hmac).unwrap().protect(&PLAIN, 8)[12..], "another round");
    }

    #[test]
    fn what_is_no_key_is_refused_in_words() {
        for line in [
            "AES_CM_128_HMAC_SHA1_80",
            "F8 inline:AAAA",
            "AES_CM_128_HMAC_SHA1_80 inline:AAAA",
            "AES_CM_128_HMAC_SHA1_80 inline:*",
        ] {
            assert!(Key::read(line).is_err(), "{line}");
        }
    }
}
