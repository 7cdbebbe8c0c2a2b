//! Records under AES-CBC with HMAC (RFC 5246, 6.2.3.2; RFC 7366).
//!
//! ```text
//!  MAC, then encryption:  IV 16 | encrypted: text | MAC | padding | its length
//!  encryption, then MAC:  IV 16 | encrypted: text | padding | its length | MAC
//! ```

use aes::{
    Aes128, Aes256, Block,
    cipher::{BlockDecrypt, KeyInit},
};
use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use crate::{
    hello::MacOrder,
    suite::{Mac, Seal},
};

const BLOCK: usize = 16;

/// The keys of one direction.
pub(crate) struct Cbc {
    aes: Aes,
    mac: Keyed,
    order: MacOrder,
}

enum Aes {
    Bits128(Box<Aes128>),
    Bits256(Box<Aes256>),
}

enum Keyed {
    Sha1(Box<Hmac<Sha1>>),
    Sha256(Box<Hmac<Sha256>>),
    Sha384(Box<Hmac<Sha384>>),
}

impl Cbc {
    /// From the keys that `seal` asks for; `None`, when they are not of its lengths.
    pub(crate) fn new(seal: Seal, key: &[u8], mac_key: &[u8], order: MacOrder) -> Option<Self> {
        let (aes, mac) = match seal {
            Seal::Aes128Cbc(mac) => (Aes::Bits128(Box::new(Aes128::new_from_slice(key).ok()?)), mac),
            Seal::Aes256Cbc(mac) => (Aes::Bits256(Box::new(Aes256::new_from_slice(key).ok()?)), mac),
            Seal::Aes128Gcm
            | Seal::Aes256Gcm
            | Seal::Aria128Gcm
            | Seal::Aria256Gcm
            | Seal::ChaCha20Poly1305 => return None,
        };
        let mac = match mac {
            Mac::Sha1 => Keyed::Sha1(Box::new(<Hmac<Sha1> as KeyInit>::new_from_slice(mac_key).ok()?)),
            Mac::Sha256 => Keyed::Sha256(Box::new(<Hmac<Sha256> as KeyInit>::new_from_slice(mac_key).ok()?)),
            Mac::Sha384 => Keyed::Sha384(Box::new(<Hmac<Sha384> as KeyInit>::new_from_slice(mac_key).ok()?)),
        };
        Some(Self { aes, mac, order })
    }

    /// Appends to `plain` what is in `body`, a record's of this kind and version, if it has this number.
    pub(crate) fn open(
        &self,
        sequence: u64,
        kind_and_version: [u8; 3],
        body: &[u8],
        plain: &mut Vec<u8>,
    ) -> Option<()> {
        let before = plain.len();
        let opened = self.open_into(sequence, kind_and_version, body, plain);
        if opened.is_none() {
            plain.truncate(before);
        }
        opened
    }

    fn open_into(
        &self,
        sequence: u64,
        kind_and_version: [u8; 3],
        body: &[u8],
        plain: &mut Vec<u8>,
    ) -> Option<()> {
        let before = plain.len();
        let pseudo = |len: usize| {
            let len = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
            let mut header = [0; 13];
            let (number, rest) = header.split_at_mut(8);
            number.copy_from_slice(&sequence.to_be_bytes());
            rest.iter_mut().zip(kind_and_version.iter().chain(&len)).for_each(|(to, from)| *to = *from);
            header
        };
        let sealed = match self.order {
            MacOrder::EncryptThenMac => {
                let (sealed, tag) = body.split_at_checked(body.len().checked_sub(self.mac.len())?)?;
                self.mac.is_right(&[&pseudo(sealed.len()), sealed], tag).then_some(sealed)?
            }
            MacOrder::MacThenEncrypt => body,
        };
        self.decrypt(sealed, plain)?;
        let padding = usize::from(*plain.last()?);
        let text = plain.len().checked_sub(before + padding + 1)?;
        let is_padded = plain.get(before + text..)?.iter().all(|byte| usize::from(*byte) == padding);
        match self.order {
            MacOrder::EncryptThenMac => plain.truncate(before + text),
            MacOrder::MacThenEncrypt => {
                let text = text.checked_sub(self.mac.len())?;
                let (text, tag) = plain.get(before..)?.split_at_checked(text)?;
                let (len, tag) = (text.len(), tag.get(..self.mac.len())?);
                self.mac.is_right(&[&pseudo(len), text], tag).then_some(())?;
                plain.truncate(before + len);
            }
        }
        is_padded.then_some(())
    }

    fn decrypt(&self, sealed: &[u8], plain: &mut Vec<u8>) -> Option<()> {
        let (iv, blocks) = sealed.split_first_chunk::<BLOCK>()?;
        if blocks.is_empty() || !blocks.len().is_multiple_of(BLOCK) {
            return None;
        }
        let mut before = iv.as_slice();
        for sealed in blocks.chunks_exact(BLOCK) {
            let mut block = Block::clone_from_slice(sealed);
            match &self.aes {
                Aes::Bits128(aes) => aes.decrypt_block(&mut block),
                Aes::Bits256(aes) => aes.decrypt_block(&mut block),
            }
            plain.extend(block.iter().zip(before).map(|(byte, mask)| byte ^ mask));
            before = sealed;
        }
        Some(())
    }
}

impl Keyed {
    const fn len(&self) -> usize {
        match self {
            Self::Sha1(_) => Mac::Sha1.len(),
            Self::Sha256(_) => Mac::Sha256.len(),
            Self::Sha384(_) => Mac::Sha384.len(),
        }
    }

    fn is_right(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        macro_rules! verify {
            ($keyed:expr) => {{
                let mut mac = (**$keyed).clone();
                parts.iter().for_each(|part| mac.update(part));
                mac.verify_slice(tag).is_ok()
            }};
        }
        match self {
            Self::Sha1(keyed) => verify!(keyed),
            Self::Sha256(keyed) => verify!(keyed),
            Self::Sha384(keyed) => verify!(keyed),
        }
    }
}
