//! AES-256 in a zip as WinZip defined it (AE-2, <https://www.winzip.com/en/support/aes-encryption/>): keys of a passphrase by
//! PBKDF2, counter mode with a counter that begins at 1 and counts in little-endian order, and half of an HMAC-SHA1 behind it.

use ctr::{
    Ctr128LE,
    cipher::{KeyIvInit, StreamCipher},
};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use zeroize::Zeroizing;

pub(super) const SALT: usize = 16;
/// Bytes of keys that tell a wrong passphrase at once, most of the time.
const CHECK: usize = 2;
const TAG: usize = 10;
/// What stands around the content.
pub(super) const AROUND: usize = SALT + CHECK + TAG;
/// As the format has it.
const ROUNDS: u32 = 1_000;

/// Why it does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// The passphrase is another.
    WrongPassphrase,
    /// What was locked is not what is there.
    Changed,
}

/// Salt, check, locked content, tag.
pub(super) fn lock(passphrase: &SecretString, salt: [u8; SALT], content: &[u8]) -> Vec<u8> {
    let keys = Keys::of(passphrase, &salt);
    let mut locked = Vec::with_capacity(content.len() + AROUND);
    locked.extend_from_slice(&salt);
    locked.extend_from_slice(keys.check());
    locked.extend_from_slice(content);
    keys.cipher().apply_keystream(&mut locked[SALT + CHECK..]);
    let tag = keys.tag(&locked[SALT + CHECK..]);
    locked.extend_from_slice(&tag);
    locked
}

/// The inverse of [`lock`].
pub(super) fn unlock(passphrase: &SecretString, locked: &[u8]) -> Result<Vec<u8>, Closed> {
    let (salt, rest) = locked.split_first_chunk::<SALT>().ok_or(Closed::Changed)?;
    let (check, rest) = rest.split_first_chunk::<CHECK>().ok_or(Closed::Changed)?;
    let (content, tag) = rest.split_last_chunk::<TAG>().ok_or(Closed::Changed)?;
    let keys = Keys::of(passphrase, salt);
    if keys.check() != check {
        return Err(Closed::WrongPassphrase);
    }
    if keys.tag(content) != *tag {
        return Err(Closed::Changed);
    }
    let mut content = content.to_vec();
    keys.cipher().apply_keystream(&mut content);
    Ok(content)
}

/// 32 bytes for the cipher, 32 for the tag, 2 for the check.
struct Keys(Zeroizing<[u8; 66]>);

impl Keys {
    fn of(passphrase: &SecretString, salt: &[u8; SALT]) -> Self {
        let mut keys = Zeroizing::new([0; 66]);
        pbkdf2::pbkdf2_hmac::<Sha1>(passphrase.expose_secret().as_bytes(), salt, ROUNDS, &mut *keys);
        Self(keys)
    }

    fn check(&self) -> &[u8] {
        &self.0[64..]
    }

    fn cipher(&self) -> Ctr128LE<::aes::Aes256> {
        let first = 1_u128.to_le_bytes();
        Ctr128LE::new_from_slices(&self.0[..32], &first).expect("a key of 32 bytes and a block of 16")
    }

    fn tag(&self, content: &[u8]) -> [u8; TAG] {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0[32..64]).expect("a key of any length");
        mac.update(content);
        let whole = mac.finalize().into_bytes();
        std::array::from_fn(|at| whole[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_locked_opens_with_its_passphrase_and_unchanged_only() {
        let (right, wrong) = (SecretString::from("여섯 글자의 암호"), SecretString::from("다른 암호"));
        let content: Vec<u8> = (0..100).collect();
        let locked = lock(&right, [9; SALT], &content);
        assert_eq!(locked.len(), content.len() + AROUND);
        assert_eq!(unlock(&right, &locked).as_ref(), Ok(&content));
        assert_eq!(unlock(&wrong, &locked), Err(Closed::WrongPassphrase));
        for at in 0..locked.len() {
            let mut changed = locked.clone();
            changed[at] ^= 0x10;
            assert!(unlock(&right, &changed).is_err(), "byte {at}");
        }
        for cut in 0..AROUND {
            assert_eq!(unlock(&right, &locked[..cut]), Err(Closed::Changed));
        }
    }
}
