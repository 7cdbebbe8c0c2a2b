//! The recorder's own keys: one line of text each, with a checksum, so that damage is named and not signed with.
//!
//! ```text
//! earwitness-<kind> <64 hexadecimal digits> <8 hexadecimal digits: CRC-32C of what stands before>
//! ```

use std::path::Path;

use ed25519_dalek::VerifyingKey;
use zeroize::Zeroizing;

use crate::{
    disk::{Disk, read_all, replace},
    error::{VaultError, failed},
};

/// Which key a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// The Ed25519 seed that signs manifests.
    Signing,
    /// The public half of it.
    Verifying,
    /// The metadata key.
    Metadata,
    /// The second copy of a day's salt.
    Salt,
    /// What tells whether a metadata key is the vault's.
    IndexCheck,
}

impl KeyKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Verifying => "verifying",
            Self::Metadata => "metadata",
            Self::Salt => "salt",
            Self::IndexCheck => "index-check",
        }
    }
}

pub(crate) fn write_key(
    disk: &dyn Disk,
    path: &Path,
    kind: KeyKind,
    key: &[u8; 32],
) -> Result<(), VaultError> {
    replace(disk, path, line(kind, key).as_bytes()).map_err(failed("write", path))
}

pub(crate) fn read_key(
    disk: &dyn Disk,
    path: &Path,
    kind: KeyKind,
) -> Result<Zeroizing<[u8; 32]>, VaultError> {
    let text = Zeroizing::new(read_all(disk, path).map_err(failed("read", path))?);
    parse(kind, &text).ok_or_else(|| VaultError::KeyDamaged { path: path.into() })
}

/// The public key in the line of a `recorder.pub`; `None` when it is none, or damaged.
#[must_use]
pub fn verifying_key_in(text: &[u8]) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(&*parse(KeyKind::Verifying, text)?).ok()
}

/// The line of a `recorder.pub`, the inverse of [`verifying_key_in`].
#[must_use]
pub fn verifying_key_text(key: &VerifyingKey) -> String {
    line(KeyKind::Verifying, key.as_bytes()).as_str().to_owned()
}

fn line(kind: KeyKind, key: &[u8; 32]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(128));
    text.push_str("earwitness-");
    text.push_str(kind.name());
    text.push(' ');
    for byte in key {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
    let crc = crc32c::crc32c(text.as_bytes());
    text.push_str(&format!(" {crc:08x}\n"));
    text
}

fn parse(kind: KeyKind, text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let digits = std::str::from_utf8(text).ok()?.split(' ').nth(1)?.as_bytes();
    let mut key = Zeroizing::new([0; 32]);
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    if pairs.len() != key.len() {
        return None;
    }
    for (byte, [high, low]) in key.iter_mut().zip(pairs) {
        let nibble = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(nibble(*high)? << 4 | nibble(*low)?).ok()?;
    }
    (line(kind, &key).as_bytes() == text).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_any_changed_byte_is_noticed() {
        let key = std::array::from_fn(|i| i as u8 * 7);
        let text = line(KeyKind::Signing, &key);
        assert_eq!(parse(KeyKind::Signing, text.as_bytes()).as_deref(), Some(&key));
        assert_eq!(parse(KeyKind::Metadata, text.as_bytes()), None);
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] ^= 0x01;
            assert_eq!(parse(KeyKind::Signing, &changed), None, "byte {at}");
            assert_eq!(parse(KeyKind::Signing, &text.as_bytes()[..at]), None, "cut at {at}");
        }
    }
}
