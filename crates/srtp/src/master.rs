//! Master keys as `a=crypto` lines say them (RFC 4568, 6.1).
//!
//! ```text
//!  a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:4 KDR=0
//!           │ │                       │      │                                        │    │   └ session parameters
//!           │ │                       │      key and salt, base64                     │    MKI and its length
//!         tag suite                   method                            lifetime, packets
//! ```
//!
//! The lifetime is not enforced: a sender that goes on after it is still heard, and what it says is still authentic.

use base64ct::{Base64Unpadded, Encoding};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{mki::Mki, suite::Suite};

/// Keys that are read from one line (RFC 4568, 6.1: several, told apart by their MKI).
const MOST_KEYS: usize = 8;
/// Bytes of the longest master key, and of the longest salt.
const MOST_KEY: usize = 32;
const MOST_SALT: usize = 14;

/// A master key and its salt: a secret. It is wiped when it is dropped, and does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    pub(crate) suite: Suite,
    secret: Secret,
    pub(crate) mki: Option<Mki>,
    pub(crate) encryption: Encryption,
}

/// Key and salt, side by side, and zeros behind them.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
struct Secret([u8; MOST_KEY + MOST_SALT]);

/// Whether payloads are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// They are.
    On,
    /// They are authenticated only (`UNENCRYPTED_SRTP`, RFC 4568, 6.3.2).
    Off,
}

/// Why a crypto line gives no key. `Copy`, because it is counted, not printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyError {
    /// A suite that is not read.
    Suite,
    /// Another method than `inline:`.
    Method,
    /// No base64, or not as many bytes as the suite asks for.
    Length,
    /// An identifier of the key that is none.
    Mki,
    /// A key derivation rate other than 0, or packets that are not authenticated.
    Parameter,
}

impl std::fmt::Display for KeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Suite => "a crypto suite that is not read",
            Self::Method => "a key method other than inline",
            Self::Length => "a key of another length than its suite asks for",
            Self::Mki => "a key identifier that is none",
            Self::Parameter => "a key derivation rate, or packets without authentication",
        })
    }
}

impl std::error::Error for KeyError {}

impl MasterKey {
    /// The keys of one line: its suite, its key parameters, its session parameters. There is at least one.
    ///
    /// # Errors
    ///
    /// [`KeyError`] by the first parameter that gives no key.
    pub fn read(suite: &[u8], key_params: &[u8], session_params: &[u8]) -> Result<Vec<Self>, KeyError> {
        let suite = Suite::from_name(suite).ok_or(KeyError::Suite)?;
        let encryption = encryption(suite, session_params)?;
        key_params
            .split(|&byte| byte == b';')
            .take(MOST_KEYS)
            .map(|param| {
                let inline = strip_method(param).ok_or(KeyError::Method)?;
                Self::read_inline(suite, inline, encryption)
            })
            .collect()
    }

    /// From a key and a salt of the lengths that `suite` asks for; `None` of others.
    #[must_use]
    pub fn new(suite: Suite, key: &[u8], salt: &[u8]) -> Option<Self> {
        if (key.len(), salt.len()) != (suite.key_len(), suite.salt_len()) {
            return None;
        }
        let mut secret = Secret([0; MOST_KEY + MOST_SALT]);
        secret.0.iter_mut().zip(key.iter().chain(salt)).for_each(|(to, from)| *to = *from);
        Some(Self { suite, secret, mki: None, encryption: Encryption::On })
    }

    /// The suite that it is for.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// `<key and salt>[|lifetime][|MKI:length]`
    fn read_inline(suite: Suite, inline: &[u8], encryption: Encryption) -> Result<Self, KeyError> {
        let mut fields = inline.split(|&byte| byte == b'|');
        let text = fields.next().unwrap_or_default().trim_ascii();
        // Not all phones pad, and some pad what needs none.
        let padding = text.iter().rev().take_while(|&&byte| byte == b'=').count();
        let text = &text[..text.len() - padding];
        let mut bytes = Zeroizing::new([0; MOST_KEY + MOST_SALT]);
        let length = suite.key_len() + suite.salt_len();
        let decoded = Base64Unpadded::decode(text, &mut bytes[..]).map_err(|_| KeyError::Length)?;
        let (key, salt) = decoded.split_at_checked(suite.key_len()).ok_or(KeyError::Length)?;
        debug_assert!(key.len() + salt.len() <= MOST_KEY + MOST_SALT && length <= MOST_KEY + MOST_SALT);
        let mut master = Self::new(suite, key, salt).ok_or(KeyError::Length)?;
        master.encryption = encryption;
        if let Some(text) = fields.find(|field| field.contains(&b':')) {
            master.mki = Some(Mki::parse(text.trim_ascii()).ok_or(KeyError::Mki)?);
        }
        Ok(master)
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.secret.0[..self.suite.key_len()]
    }

    /// The salt, with zeros behind it where the suite has a shorter one (RFC 7714, 11).
    pub(crate) fn salt(&self) -> [u8; MOST_SALT] {
        let mut salt = [0; MOST_SALT];
        let from = &self.secret.0[self.suite.key_len()..][..self.suite.salt_len()];
        salt[..from.len()].copy_from_slice(from);
        salt
    }
}

/// Neither key nor salt, nor how long they are.
impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterKey").field("suite", &self.suite).finish_non_exhaustive()
    }
}

fn strip_method(param: &[u8]) -> Option<&[u8]> {
    const INLINE: &[u8] = b"inline:";
    let (method, rest) = param.trim_ascii().split_at_checked(INLINE.len())?;
    method.eq_ignore_ascii_case(INLINE).then_some(rest)
}

/// What the session parameters ask for (RFC 4568, 6.3). Those that do not change how a packet is read (a window's size, the
/// order of error correction) and those that nobody knows are passed over: whether the key is right shows in the packets.
fn encryption(suite: Suite, session_params: &[u8]) -> Result<Encryption, KeyError> {
    let mut encryption = Encryption::On;
    for param in session_params.split(u8::is_ascii_whitespace).filter(|param| !param.is_empty()) {
        if let Some(rate) = param.strip_prefix(b"KDR=") {
            if rate.iter().any(|&digit| digit != b'0') {
                return Err(KeyError::Parameter);
            }
        } else if param == b"UNAUTHENTICATED_SRTP" {
            return Err(KeyError::Parameter);
        } else if param == b"UNENCRYPTED_SRTP" {
            encryption = Encryption::Off;
        }
    }
    let is_aead = matches!(suite, Suite::Gcm128 | Suite::Gcm256);
    match encryption {
        Encryption::Off if is_aead => Err(KeyError::Parameter),
        Encryption::On | Encryption::Off => Ok(encryption),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";

    fn read(suite: &str, key_params: &str, session_params: &str) -> Result<Vec<MasterKey>, KeyError> {
        MasterKey::read(suite.as_bytes(), key_params.as_bytes(), session_params.as_bytes())
    }

    #[test]
    fn key_salt_lifetime_and_identifier_are_read() {
        let keys = read("AES_CM_128_HMAC_SHA1_80", &format!("{KEY}|2^20|1:4"), "").unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].key(), b"=-n@%^x!Bjufr9)?");
        assert_eq!(&keys[0].salt(), b",#5h\\`=&]{qiPQ");
        assert_eq!(keys[0].mki, Mki::parse(b"1:4"));
        let plain = read("AES_CM_128_HMAC_SHA1_32", &format!("{KEY}|1048576"), "WSH=64").unwrap();
        assert_eq!((plain[0].mki, plain[0].suite), (None, Suite::AesCm128Tag32));
        let alone = read("AES_CM_128_HMAC_SHA1_80", &format!("{KEY}|66:2"), "KDR=0 -X").unwrap();
        assert_eq!(alone[0].mki, Mki::parse(b"66:2"));
    }

    #[test]
    fn several_keys_of_a_line_are_told_apart_by_their_identifiers() {
        let two = format!("{KEY}|2^20|1:4;INLINE:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk|2^20|2:4");
        let keys = read("AES_CM_128_HMAC_SHA1_80", &two, "").unwrap();
        let identifiers: Vec<_> = keys.iter().map(|key| key.mki).collect();
        assert_eq!(identifiers, [Mki::parse(b"1:4"), Mki::parse(b"2:4")]);
        assert_eq!(keys[1].key(), b"ABCDEFGHIJKLMNOP");
        let many = vec![KEY; 100].join(";");
        assert_eq!(read("AES_CM_128_HMAC_SHA1_80", &many, "").unwrap().len(), MOST_KEYS);
    }

    #[test]
    fn padding_may_be_missing_or_too_much() {
        for padded in ["AAECAwQFBgcICQoLDA0OD6ChoqOkpaanqKmqqw==", "AAECAwQFBgcICQoLDA0OD6ChoqOkpaanqKmqqw"] {
            let keys = read("AEAD_AES_128_GCM", &format!("inline:{padded}"), "").unwrap();
            assert_eq!(keys[0].key(), (0..16).collect::<Vec<u8>>());
            assert_eq!(
                keys[0].salt(),
                [0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0, 0]
            );
        }
    }

    #[test]
    fn what_gives_no_key_says_why() {
        let why = |suite, key: &str, params| read(suite, key, params).map(|_| ()).unwrap_err();
        let suite = "AES_CM_128_HMAC_SHA1_80";
        assert_eq!(why("F8_128_HMAC_SHA1_80", KEY, ""), KeyError::Suite);
        assert_eq!(why(suite, "uri:http://x", ""), KeyError::Method);
        assert_eq!(why(suite, "inline:", ""), KeyError::Length);
        assert_eq!(why(suite, "inline:c2hvcnQ=", ""), KeyError::Length);
        assert_eq!(why(suite, "inline:not*base64", ""), KeyError::Length);
        assert_eq!(why(suite, &format!("{KEY}{}", "A".repeat(200)), ""), KeyError::Length);
        assert_eq!(why("AES_256_CM_HMAC_SHA1_80", KEY, ""), KeyError::Length);
        assert_eq!(why(suite, &format!("{KEY}|2^20|x:4"), ""), KeyError::Mki);
        assert_eq!(why(suite, KEY, "KDR=10"), KeyError::Parameter);
        assert_eq!(why(suite, KEY, "WSH=64 UNAUTHENTICATED_SRTP"), KeyError::Parameter);
        assert_eq!(why("AEAD_AES_128_GCM", KEY, "UNENCRYPTED_SRTP"), KeyError::Parameter);
    }

    #[test]
    fn a_key_does_not_print() {
        let keys = read("AES_CM_128_HMAC_SHA1_80", KEY, "").unwrap();
        assert_eq!(format!("{:?}", keys[0]), "MasterKey { suite: AesCm128Tag80, .. }");
    }
}
