//! The recorder's public key, in the two forms that people have it.

use base64ct::{Base64, Encoding};
use earwitness_vault::{verifying_key_in, verifying_key_text};
use ed25519_dalek::VerifyingKey;

/// What stands before the 32 bytes in a SubjectPublicKeyInfo of Ed25519 (RFC 8410, section 4).
const BEFORE: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----\n";
const END: &str = "\n-----END PUBLIC KEY-----\n";

/// The key in a `recorder.pub` or a `recorder.pem`; `None` when it is neither.
#[must_use]
pub fn public_key_in(text: &[u8]) -> Option<VerifyingKey> {
    verifying_key_in(text).or_else(|| from_pem(text))
}

/// As the vault keeps it, and as other programs read it.
pub(crate) fn texts(key: &VerifyingKey) -> [String; 2] {
    let der = [&BEFORE[..], key.as_bytes()].concat();
    [verifying_key_text(key), format!("{BEGIN}{}{END}", Base64::encode_string(&der))]
}

fn from_pem(text: &[u8]) -> Option<VerifyingKey> {
    let text = std::str::from_utf8(text).ok()?.replace("\r\n", "\n");
    let base64 = text.trim().strip_prefix(BEGIN)?.strip_suffix(END.trim_end())?;
    let der = Base64::decode_vec(base64).ok()?;
    VerifyingKey::from_bytes(der.strip_prefix(&BEFORE)?.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_from_both_forms() {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
        let [line, pem] = texts(&key);
        assert_eq!((public_key_in(line.as_bytes()), public_key_in(pem.as_bytes())), (Some(key), Some(key)));
        assert_eq!(public_key_in(pem.replace('\n', "\r\n").as_bytes()), Some(key));
        assert_eq!(public_key_in(b""), None);
        assert_eq!(public_key_in(pem.replace('A', "B").as_bytes()), None);
    }
}
