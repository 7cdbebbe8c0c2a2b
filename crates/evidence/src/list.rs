//! The list of a bundle's files, which the recorder signs.
//!
//! ```text
//! earwitness bundle 1
//! copy 01KAJ5V2Q0…
//! recording 01KAJ5V2Q0…
//! made 2026-11-22T17:25:04+09:00
//! file <bytes> <BLAKE3> <SHA-256> <name>
//! …
//! files 17
//! ```
//!
//! Signed (Ed25519) are its bytes, so that other programs can check the signature as it lies there. It is read by being
//! written again.

use std::fmt::Write;

use chrono::{DateTime, Datelike, FixedOffset, Timelike};
use earwitness_model::{CopyId, RecordingId};
use earwitness_vault::LIST_SIGNED_AS;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::{
    container::{Named, Stamp},
    name::{LIST, LIST_SIGNATURE, MOST_FILES, SUMS, is_name},
};

/// A file, by its hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) blake3: [u8; 32],
    pub(crate) sha256: [u8; 32],
}

impl Listed {
    pub(crate) fn of((name, content): &Named) -> Self {
        Self {
            name: name.clone(),
            bytes: content.len() as u64,
            blake3: *blake3::hash(content).as_bytes(),
            sha256: Sha256::digest(content).into(),
        }
    }
}

/// The list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) copy: CopyId,
    pub(crate) recording: RecordingId,
    pub(crate) made: DateTime<FixedOffset>,
    pub(crate) files: Vec<Listed>,
}

impl List {
    /// Its bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut text = String::from_utf8_lossy(LIST_SIGNED_AS).into_owned();
        let made = self.made.to_rfc3339_opts(chrono::SecondsFormat::Secs, false);
        put(&mut text, format_args!("copy {}\nrecording {}\nmade {made}\n", self.copy, self.recording));
        for file in &self.files {
            let (blake3, sha256) = (hex::encode(file.blake3), hex::encode(file.sha256));
            put(&mut text, format_args!("file {} {blake3} {sha256} {}\n", file.bytes, file.name));
        }
        put(&mut text, format_args!("files {}\n", self.files.len()));
        text.into_bytes()
    }

    /// The inverse of [`Self::to_bytes`].
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes.strip_prefix(LIST_SIGNED_AS)?).ok()?;
        let mut lines = text.lines();
        let copy = lines.next()?.strip_prefix("copy ")?.parse().ok()?;
        let recording = lines.next()?.strip_prefix("recording ")?.parse().ok()?;
        let made = DateTime::parse_from_rfc3339(lines.next()?.strip_prefix("made ")?).ok()?;
        let mut files = Vec::new();
        for line in lines.by_ref() {
            let Some(file) = line.strip_prefix("file ") else { break };
            let [bytes, blake3, sha256, name] = file.splitn(4, ' ').collect::<Vec<_>>()[..] else {
                return None;
            };
            let is_fit = is_name(name) && files.len() < MOST_FILES;
            files.push(Listed {
                name: Some(name).filter(|_| is_fit)?.to_owned(),
                bytes: bytes.parse().ok()?,
                blake3: unhex(blake3)?,
                sha256: unhex(sha256)?,
            });
        }
        let list = Self { copy, recording, made, files };
        (list.to_bytes() == bytes).then_some(list)
    }

    /// When its files were made, as a zip tells it.
    pub(crate) fn stamp(&self) -> Stamp {
        let made = self.made;
        Stamp::new((made.year(), made.month(), made.day()), (made.hour(), made.minute(), made.second()))
    }

    /// Lines as `sha256sum -c` reads them, of all files but that of these lines.
    pub(crate) fn sums(files: &[Listed]) -> String {
        let summed = files.iter().filter(|file| file.name != SUMS);
        summed.map(|file| format!("{}  {}\n", hex::encode(file.sha256), file.name)).collect()
    }
}

/// Whether the list's bytes were signed by `key`.
pub(crate) fn is_signed(list: &[u8], signature: &[u8], key: &VerifyingKey) -> bool {
    let signature: Option<[u8; 64]> = signature.try_into().ok();
    let is_ours = list.starts_with(LIST_SIGNED_AS);
    is_ours && signature.is_some_and(|it| key.verify_strict(list, &Signature::from_bytes(&it)).is_ok())
}

/// Whether a file is not in the list, because it is the list or its signature.
pub(crate) fn is_beside(name: &str) -> bool {
    name == LIST || name == LIST_SIGNATURE
}

/// Writing into a string does not fail.
pub(crate) fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).unwrap_or_default();
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_back_and_only_as_it_was_written() {
        let files: Vec<Named> = vec![("a.txt".into(), b"one".to_vec()), ("b/c".into(), vec![])];
        let list = List {
            copy: CopyId::from_bytes([1; 16]),
            recording: RecordingId::from_bytes([2; 16]),
            made: DateTime::parse_from_rfc3339("2026-11-22T17:25:04+09:00").unwrap(),
            files: files.iter().map(Listed::of).collect(),
        };
        let bytes = list.to_bytes();
        assert_eq!(List::from_bytes(&bytes).as_ref(), Some(&list));
        assert!(bytes.starts_with(b"earwitness bundle 1\ncopy 0"));
        for at in 0..bytes.len() {
            assert_eq!(List::from_bytes(&bytes[..at]), None, "cut at {at}");
            let mut changed = bytes.clone();
            changed[at] ^= 0x20;
            assert_ne!(List::from_bytes(&changed).as_ref(), Some(&list), "byte {at}");
        }
        let sums = List::sums(&list.files);
        assert!(
            sums.starts_with("7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed  a.txt\n"),
            "{sums}"
        );
    }
}
