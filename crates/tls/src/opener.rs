//! The keys of one direction, and what they do with a record.

use aes_gcm::{AeadInPlace, Aes128Gcm, Aes256Gcm, AesGcm, KeyInit, Tag, aead::consts::U12};
use aria::{Aria128, Aria256};
use chacha20poly1305::ChaCha20Poly1305;
use zeroize::Zeroizing;

use crate::{
    cbc::Cbc,
    half::Role,
    hello::Chosen,
    key_log::Random,
    record::{Kind, Record},
    schedule::Hash,
    suite::{Seal, Suite},
};

/// Bytes of a nonce.
const NONCE: usize = 12;
/// Bytes of the tag of every AEAD that is read.
const TAG: usize = 16;
/// Bytes of a nonce that a record of TLS 1.2 under GCM begins with (RFC 5288, 3).
const EXPLICIT: usize = 8;

/// Keys that are ready for records. A secret: wiped when it is dropped, and not printed.
pub(crate) struct Opener {
    keys: Keys,
    form: Form,
    /// The number of the next record.
    next: u64,
}

enum Keys {
    Gcm128(Box<Aes128Gcm>),
    Gcm256(Box<Aes256Gcm>),
    Aria128(Box<AesGcm<Aria128, U12>>),
    Aria256(Box<AesGcm<Aria256, U12>>),
    ChaCha(Box<ChaCha20Poly1305>),
    Cbc(Box<Cbc>),
}

/// How a record of a version is sealed.
enum Form {
    /// TLS 1.2 under GCM, of AES or ARIA: the nonce begins with the salt, and the record has the rest.
    Explicit(Zeroizing<[u8; 4]>),
    /// TLS 1.2 under ChaCha20-Poly1305: the nonce is the IV, mixed with the number.
    Mixed(Zeroizing<[u8; NONCE]>),
    /// TLS 1.2 under CBC.
    Cbc,
    /// TLS 1.3: mixed, and what a record carries is said at its end. The secret is that of the next keys.
    V13 { iv: Zeroizing<[u8; NONCE]>, secret: Zeroizing<Vec<u8>>, suite: Suite },
}

impl Opener {
    /// The keys of TLS 1.2 for what `role` says (RFC 5246, 6.3); `None` only when the suite is none of its.
    pub(crate) fn of_master(master: &[u8], chosen: &Chosen, client: &Random, role: Role) -> Option<Self> {
        let seal = chosen.suite.seal;
        let lengths = [seal.mac_len(), seal.key_len(), seal.fixed_iv_len()];
        let block_len = 2 * lengths.iter().sum::<usize>();
        let block = chosen.suite.hash.prf(master, b"key expansion", &[&chosen.random, client], block_len);
        let mut rest = block.as_slice();
        let [mac_key, key, iv] = lengths.map(|len| {
            let (of_client, after) = rest.split_at_checked(len)?;
            let (of_server, after) = after.split_at_checked(len)?;
            rest = after;
            Some(match role {
                Role::Client => of_client,
                Role::Server => of_server,
            })
        });
        let (mac_key, key, iv) = (mac_key?, key?, iv?);
        let (keys, form) = match seal {
            Seal::Aes128Cbc(_) | Seal::Aes256Cbc(_) => {
                (Keys::Cbc(Box::new(Cbc::new(seal, key, mac_key, chosen.order)?)), Form::Cbc)
            }
            Seal::ChaCha20Poly1305 => (Keys::of(seal, key)?, Form::Mixed(first(iv))),
            Seal::Aes128Gcm | Seal::Aes256Gcm | Seal::Aria128Gcm | Seal::Aria256Gcm => {
                (Keys::of(seal, key)?, Form::Explicit(first(iv)))
            }
        };
        Some(Self { keys, form, next: 0 })
    }

    /// The keys of TLS 1.3 that come of a traffic secret (RFC 8446, 7.3); `None` only when the suite is none of its.
    pub(crate) fn of_traffic(secret: &[u8], suite: Suite) -> Option<Self> {
        let Suite { hash, seal, .. } = suite;
        let keys = Keys::of(seal, &hash.expand(secret, b"key", seal.key_len()))?;
        let iv = first(&hash.expand(secret, b"iv", NONCE));
        Some(Self { keys, form: Form::V13 { iv, secret: after_update(hash, secret), suite }, next: 0 })
    }

    /// The keys after a key update (RFC 8446, 7.2); `None` in TLS 1.2, which has none.
    pub(crate) fn updated(&self) -> Option<Self> {
        match &self.form {
            Form::V13 { secret, suite, .. } => Self::of_traffic(secret, *suite),
            Form::Explicit(_) | Form::Mixed(_) | Form::Cbc => None,
        }
    }

    /// Appends to `plain` what is in the record, if it is the next, or one of so many from the next on. What it carries.
    pub(crate) fn open(&mut self, record: &Record<'_>, tries: u16, plain: &mut Vec<u8>) -> Option<Kind> {
        let (number, kind) = self.find(record, tries, plain)?;
        self.next = number + 1;
        Some(kind)
    }

    /// Whether the record is the next, or one of so many from the next on: then it is the next.
    pub(crate) fn seek(&mut self, record: &Record<'_>, tries: u16) -> bool {
        let mut plain = Zeroizing::new(Vec::new());
        let found = self.find(record, tries, &mut plain);
        self.next = found.map_or(self.next, |(number, _)| number);
        found.is_some()
    }

    fn find(&self, record: &Record<'_>, tries: u16, plain: &mut Vec<u8>) -> Option<(u64, Kind)> {
        let last = self.next.saturating_add(tries.into());
        (self.next..last).find_map(|number| Some((number, self.open_as(number, record, plain)?)))
    }

    fn open_as(&self, number: u64, record: &Record<'_>, plain: &mut Vec<u8>) -> Option<Kind> {
        let (number_bytes, [kind, v0, v1, _, _]) = (number.to_be_bytes(), record.header);
        // Number, kind, version and the length of the text (RFC 5246, 6.2.3.3).
        let pseudo = |text: usize| {
            let [l0, l1] = u16::try_from(text).unwrap_or(u16::MAX).to_be_bytes();
            let [a, b, c, d, e, f, g, h] = number_bytes;
            [a, b, c, d, e, f, g, h, kind, v0, v1, l0, l1]
        };
        let before = plain.len();
        match (&self.form, &self.keys) {
            (Form::Cbc, Keys::Cbc(cbc)) => {
                cbc.open(number, [kind, v0, v1], record.body, plain)?;
                Some(record.kind)
            }
            (Form::Explicit(salt), keys) => {
                let (explicit, sealed) = record.body.split_first_chunk::<EXPLICIT>()?;
                let mut nonce = [0; NONCE];
                nonce.iter_mut().zip(salt.iter().chain(explicit)).for_each(|(to, from)| *to = *from);
                let text = sealed.len().checked_sub(TAG)?;
                keys.open(nonce, &pseudo(text), sealed, plain)?;
                Some(record.kind)
            }
            (Form::Mixed(iv), keys) => {
                let text = record.body.len().checked_sub(TAG)?;
                keys.open(mixed(iv, number), &pseudo(text), record.body, plain)?;
                Some(record.kind)
            }
            (Form::V13 { iv, .. }, keys) => {
                keys.open(mixed(iv, number), &record.header, record.body, plain)?;
                // Text, what it is, and zeros as padding (RFC 8446, 5.4).
                let added = plain.get(before..).unwrap_or_default();
                let end = added.iter().rposition(|byte| *byte != 0);
                let kind = end.and_then(|end| added.get(end)).copied().and_then(Kind::from_code);
                plain.truncate(before + end.unwrap_or(0));
                kind
            }
            (Form::Cbc, _) => None,
        }
    }
}

impl Keys {
    /// Those of an AEAD; `None` of another seal.
    fn of(seal: Seal, key: &[u8]) -> Option<Self> {
        Some(match seal {
            Seal::Aes128Gcm => Self::Gcm128(Box::new(Aes128Gcm::new_from_slice(key).ok()?)),
            Seal::Aes256Gcm => Self::Gcm256(Box::new(Aes256Gcm::new_from_slice(key).ok()?)),
            Seal::Aria128Gcm => Self::Aria128(Box::new(AesGcm::new_from_slice(key).ok()?)),
            Seal::Aria256Gcm => Self::Aria256(Box::new(AesGcm::new_from_slice(key).ok()?)),
            Seal::ChaCha20Poly1305 => Self::ChaCha(Box::new(ChaCha20Poly1305::new_from_slice(key).ok()?)),
            Seal::Aes128Cbc(_) | Seal::Aes256Cbc(_) => return None,
        })
    }

    /// Appends to `plain` what is in `sealed`, if it is authentic.
    fn open(&self, nonce: [u8; NONCE], beside: &[u8], sealed: &[u8], plain: &mut Vec<u8>) -> Option<()> {
        let (sealed, tag) = sealed.split_last_chunk::<TAG>()?;
        let (nonce, tag, before) = ((&nonce).into(), Tag::from_slice(tag), plain.len());
        plain.extend_from_slice(sealed);
        let text = plain.get_mut(before..)?;
        let opened = match self {
            Self::Gcm128(aead) => aead.decrypt_in_place_detached(nonce, beside, text, tag).is_ok(),
            Self::Gcm256(aead) => aead.decrypt_in_place_detached(nonce, beside, text, tag).is_ok(),
            Self::Aria128(aead) => aead.decrypt_in_place_detached(nonce, beside, text, tag).is_ok(),
            Self::Aria256(aead) => aead.decrypt_in_place_detached(nonce, beside, text, tag).is_ok(),
            Self::ChaCha(aead) => aead.decrypt_in_place_detached(nonce, beside, text, tag).is_ok(),
            Self::Cbc(_) => false,
        };
        if !opened {
            plain.truncate(before);
        }
        opened.then_some(())
    }
}

fn after_update(hash: Hash, secret: &[u8]) -> Zeroizing<Vec<u8>> {
    hash.expand(secret, b"traffic upd", hash.len())
}

/// The IV with the number in its last bytes mixed in (RFC 8446, 5.3; RFC 7905, 2).
fn mixed(iv: &[u8; NONCE], number: u64) -> [u8; NONCE] {
    let mut nonce = *iv;
    nonce.iter_mut().rev().zip(number.to_le_bytes()).for_each(|(byte, mask)| *byte ^= mask);
    nonce
}

fn first<const N: usize>(bytes: &[u8]) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}
