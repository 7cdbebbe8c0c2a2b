//! The keys derived from one master key, and what they do with a packet.

use aes::{
    Aes128, Aes192, Aes256,
    cipher::{InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper},
};
use aes_gcm::{AeadInPlace, Aes128Gcm, Aes256Gcm};
use ctr::{CtrCore, flavors::Ctr128BE};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use zeroize::Zeroizing;

use crate::{
    derive::{Label, derive},
    layout::{Header, Layout},
    master::{Encryption, MasterKey},
    suite::{Authentication, Suite},
};

/// Bytes of the key of HMAC-SHA1 (RFC 3711, 8.2).
const AUTHENTICATION_KEY: usize = 20;

/// Keys that are ready for packets. A secret: wiped when it is dropped, and not printed.
pub struct Cipher {
    master: MasterKey,
    transform: Transform,
}

enum Transform {
    Cm { aes: Aes, salt: Zeroizing<[u8; 14]>, hmac: Box<Hmac<Sha1>>, tag: usize },
    Gcm { gcm: Gcm, salt: Zeroizing<[u8; 12]> },
}

enum Aes {
    Bits128(Box<Aes128>),
    Bits192(Box<Aes192>),
    Bits256(Box<Aes256>),
}

enum Gcm {
    Bits128(Box<Aes128Gcm>),
    Bits256(Box<Aes256Gcm>),
}

impl Cipher {
    /// Derives the keys.
    #[must_use]
    pub fn new(master: MasterKey) -> Self {
        let suite = master.suite;
        let key = derive(&master, Label::Encryption);
        let (key, derived_salt) = (&key[..suite.key_len()], derive(&master, Label::Salt));
        let fits = "a suite's key is as long as its cipher asks for";
        let transform = match suite.authentication() {
            Authentication::Hmac(tag) => {
                let authentication = derive(&master, Label::Authentication);
                let hmac = <Hmac<Sha1> as KeyInit>::new_from_slice(&authentication[..AUTHENTICATION_KEY]);
                let aes = match suite {
                    Suite::AesCm192Tag80 | Suite::AesCm192Tag32 => {
                        Aes::Bits192(Box::new(Aes192::new_from_slice(key).expect(fits)))
                    }
                    Suite::AesCm256Tag80 | Suite::AesCm256Tag32 | Suite::Gcm256 => {
                        Aes::Bits256(Box::new(Aes256::new_from_slice(key).expect(fits)))
                    }
                    Suite::AesCm128Tag80 | Suite::AesCm128Tag32 | Suite::Gcm128 => {
                        Aes::Bits128(Box::new(Aes128::new_from_slice(key).expect(fits)))
                    }
                };
                let hmac = Box::new(hmac.expect("HMAC takes keys of any length"));
                Transform::Cm { aes, salt: first(&derived_salt[..]), hmac, tag }
            }
            Authentication::Aead => {
                let gcm = match suite {
                    Suite::Gcm256 => Gcm::Bits256(Box::new(Aes256Gcm::new_from_slice(key).expect(fits))),
                    Suite::AesCm128Tag80
                    | Suite::AesCm128Tag32
                    | Suite::AesCm192Tag80
                    | Suite::AesCm192Tag32
                    | Suite::AesCm256Tag80
                    | Suite::AesCm256Tag32
                    | Suite::Gcm128 => Gcm::Bits128(Box::new(Aes128Gcm::new_from_slice(key).expect(fits))),
                };
                Transform::Gcm { gcm, salt: first(&derived_salt[..]) }
            }
        };
        Self { master, transform }
    }

    /// The suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.master.suite
    }

    /// Whether both come from the same master key, salt, suite and identifier.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.master == other.master
    }

    /// Opens `packet` under the first of the rollover counters `rocs` with which it is authentic, and says which one that
    /// was. `plain` is then the packet as it was before it was protected; otherwise it is empty.
    pub(crate) fn open(
        &self,
        (packet, header): (&[u8], Header),
        rocs: impl Iterator<Item = u32>,
        plain: &mut Vec<u8>,
    ) -> Option<u32> {
        plain.clear();
        let mki = self.master.mki;
        let mki_len = mki.map_or(0, |mki| mki.len());
        match &self.transform {
            Transform::Cm { aes, salt, hmac, tag } => {
                let layout = Layout::with_hmac(packet, header, *tag, mki_len)?;
                mki.is_none_or(|mki| mki.is(layout.mki)).then_some(())?;
                let roc = authentic(hmac, &layout, rocs)?;
                plain.extend_from_slice(layout.header);
                plain.extend_from_slice(layout.body);
                match self.master.encryption {
                    Encryption::On => aes.apply(&counter(salt, header, roc), &mut plain[header.len..]),
                    Encryption::Off => {}
                }
                Some(roc)
            }
            Transform::Gcm { gcm, salt } => {
                let layout = Layout::with_aead(packet, header, mki_len)?;
                mki.is_none_or(|mki| mki.is(layout.mki)).then_some(())?;
                plain.extend_from_slice(layout.header);
                plain.extend_from_slice(layout.body);
                let (_, body) = plain.split_at_mut(header.len);
                let mut rocs = rocs;
                let roc = rocs.find(|&roc| gcm.open(&nonce(salt, header, roc), &layout, body));
                if roc.is_none() {
                    plain.clear();
                }
                roc
            }
        }
    }
}

/// No key; the suite is no secret.
impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cipher").field("suite", &self.suite()).finish_non_exhaustive()
    }
}

impl Aes {
    /// AES in counter mode (RFC 3711, 4.1.1). A packet has fewer than 2¹⁶ blocks, so the counter stays in its last two bytes.
    fn apply(&self, iv: &[u8; 16], body: &mut [u8]) {
        match self {
            Self::Bits128(aes) => in_counter_mode(Aes128::clone(aes), iv, body),
            Self::Bits192(aes) => in_counter_mode(Aes192::clone(aes), iv, body),
            Self::Bits256(aes) => in_counter_mode(Aes256::clone(aes), iv, body),
        }
    }
}

fn in_counter_mode<C>(aes: C, iv: &[u8; 16], body: &mut [u8])
where
    CtrCore<C, Ctr128BE>: InnerIvInit<Inner = C, IvSize = aes::cipher::consts::U16>,
    StreamCipherCoreWrapper<CtrCore<C, Ctr128BE>>: StreamCipher,
    C: aes::cipher::BlockEncryptMut
        + aes::cipher::BlockCipher
        + aes::cipher::BlockSizeUser<BlockSize = aes::cipher::consts::U16>,
{
    let core = CtrCore::<C, Ctr128BE>::inner_iv_init(aes, iv.into());
    StreamCipherCoreWrapper::from_core(core).apply_keystream(body);
}

impl Gcm {
    /// Whether `body` is authentic; only then it is decrypted.
    fn open(&self, nonce: &[u8; 12], layout: &Layout<'_>, body: &mut [u8]) -> bool {
        let (nonce, tag) = (nonce.into(), aes_gcm::Tag::from_slice(layout.tag));
        match self {
            Self::Bits128(gcm) => gcm.decrypt_in_place_detached(nonce, layout.header, body, tag),
            Self::Bits256(gcm) => gcm.decrypt_in_place_detached(nonce, layout.header, body, tag),
        }
        .is_ok()
    }
}

/// The first counter with which the tag is right (RFC 3711, 4.2). The packet is hashed once, whatever their number.
fn authentic(hmac: &Hmac<Sha1>, layout: &Layout<'_>, mut rocs: impl Iterator<Item = u32>) -> Option<u32> {
    let mut packet = hmac.clone();
    packet.update(layout.header);
    packet.update(layout.body);
    rocs.find(|roc| {
        let mut whole = packet.clone();
        whole.update(&roc.to_be_bytes());
        whole.verify_truncated_left(layout.tag).is_ok()
    })
}

/// `salt·2¹⁶ ⊕ SSRC·2⁶⁴ ⊕ index·2¹⁶` (RFC 3711, 4.1.1).
fn counter(salt: &[u8; 14], header: Header, roc: u32) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    mix(&mut iv[4..8], &header.ssrc);
    mix(&mut iv[8..12], &roc.to_be_bytes());
    mix(&mut iv[12..14], &header.sequence.to_be_bytes());
    iv
}

/// `00 00 ‖ SSRC ‖ rollover counter ‖ sequence number`, mixed with the salt (RFC 7714, 8.1).
fn nonce(salt: &[u8; 12], header: Header, roc: u32) -> [u8; 12] {
    let mut nonce = *salt;
    mix(&mut nonce[2..6], &header.ssrc);
    mix(&mut nonce[6..10], &roc.to_be_bytes());
    mix(&mut nonce[10..12], &header.sequence.to_be_bytes());
    nonce
}

fn mix(to: &mut [u8], with: &[u8]) {
    to.iter_mut().zip(with).for_each(|(to, with)| *to ^= with);
}

fn first<const N: usize>(bytes: &[u8]) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    #[test]
    fn the_key_stream_is_that_of_rfc_3711_b_2() {
        // Session key and salt, SSRC 0 and index 0: the counter begins at the salt.
        let salt: [u8; 14] = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().unwrap();
        let header = Header { len: 12, sequence: 0, ssrc: [0; 4] };
        let aes = Aes128::new_from_slice(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
        let iv = counter(&salt, header, 0);
        assert_eq!(iv.to_vec(), hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000"));
        let mut stream = vec![0; 0xff02 * 16];
        Aes::Bits128(Box::new(aes)).apply(&iv, &mut stream);
        let expected = [
            (0, "E03EAD0935C95E80E166B16DD92B4EB4"),
            (1, "D23513162B02D0F72A43A2FE4A5F97AB"),
            (2, "41E95B3BB0A2E8DD477901E4FCA894C0"),
            (0xfeff, "EC8CDF7398607CB0F2D21675EA9EA1E4"),
            (0xff00, "362B7C3C6773516318A077D7FC5073AE"),
            (0xff01, "6A2CC3787889374FBEB4C81B17BA6C44"),
        ];
        for (block, expected) in expected {
            assert_eq!(stream[block * 16..][..16], hex(expected), "block {block:#x}");
        }
    }

    #[test]
    fn packets_under_gcm_are_those_of_rfc_7714_16() {
        let header = "8040f17b 8041f8d3 5501a0b2";
        let text = "47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573";
        let salt: [u8; 12] = hex("51756964 2070726f 2071756f").try_into().unwrap();
        let check = |gcm: Gcm, protected: &str| {
            let packet = hex(&[header, protected].concat());
            let parsed = Header::parse(&packet).unwrap();
            let layout = Layout::with_aead(&packet, parsed, 0).unwrap();
            let mut body = layout.body.to_vec();
            assert_eq!(nonce(&salt, parsed, 0).to_vec(), hex("51753c65 80c2726f 20718414"));
            assert!(gcm.open(&nonce(&salt, parsed, 0), &layout, &mut body));
            assert_eq!(body, hex(text));
            let mut body = layout.body.to_vec();
            assert!(!gcm.open(&nonce(&salt, parsed, 1), &layout, &mut body));
            assert_eq!(body, layout.body, "what is not authentic is not decrypted");
        };
        let key: Vec<u8> = (0..32).collect();
        check(
            Gcm::Bits128(Box::new(Aes128Gcm::new_from_slice(&key[..16]).unwrap())),
            "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833 \
             899d7f27 beb16a91 52cf765e e4390cce",
        );
        check(
            Gcm::Bits256(Box::new(Aes256Gcm::new_from_slice(&key).unwrap())),
            "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b \
             7aa3db36 dfffd6b0 f9bb7878 d7a76c13",
        );
    }

    #[test]
    fn keys_do_not_print() {
        let master = MasterKey::new(Suite::Gcm128, &[7; 16], &[9; 12]).unwrap();
        assert_eq!(format!("{:?}", Cipher::new(master)), "Cipher { suite: Gcm128, .. }");
    }
}
