//! How a bundle is made: of what was recorded, and whom it is for.

use chrono::{DateTime, NaiveDate, SecondsFormat};
use chrono_tz::Tz;
use earwitness_media::{
    CallAudio,
    export::{ExportError, WavOptions, placed_pcapng, wav},
    wave,
};
use earwitness_model::{CallSummary, SignallingMessage, WallTime};
use earwitness_vault::{Block, Manifest, RowProof};
use ed25519_dalek::VerifyingKey;
use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    container::{Lock, Named, pack},
    list::{List, Listed},
    name::{self, MOST_BYTES},
    picture::{COLUMNS, Mark, timeline},
    public_key::texts,
    readme,
    recipient::{Given, Recipient},
    told::Circumstances,
};

/// How what the office wrote begins in a kept text of rules.
const WRITTEN: &str = "# ----";

/// The bytes of the list's signature.
const SIGNATURE: u64 = 64;
/// Both channels at the lowest rate, 16 bits each.
const SOUND_OF_A_SECOND: u64 = 2 * 2 * 8_000;

/// Everything that a bundle is made of.
pub struct Contents<'c> {
    /// The manifest with its signature, as it was sealed.
    pub signed_manifest: Vec<u8>,
    /// The sealed blocks of the recording, in their order.
    pub blocks: &'c [Block],
    /// The last day on which the office keeps the recording, as far as anybody knows now.
    pub kept_until: NaiveDate,
    /// The key that opens them.
    pub recording_key: &'c [u8; 32],
    /// The call's audio, opened.
    pub audio: &'c CallAudio,
    /// The call's messages.
    pub messages: Vec<SignallingMessage<'c>>,
    /// What happened in the call.
    pub marks: &'c [Mark],
    /// The call as `show --json` prints it.
    pub call: Value,
    /// The recorder's public key.
    pub key: VerifyingKey,
    /// That the ledger tells of the recording.
    pub proof: Option<RowProof>,
    /// The text of the rules that applied, as the vault has it.
    pub rules: Option<String>,
    /// What is known of the clock.
    pub circumstances: Circumstances,
    /// The office's zone.
    pub zone: Tz,
}

/// Why there is no bundle.
#[derive(Debug, Error)]
pub enum ComposeError {
    /// The manifest is not one that this key signed.
    #[error("the recording's manifest is not signed by the recorder's key")]
    Manifest,
    /// The audio or the packets.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The recorder's key did not sign the list.
    #[error("the list of files could not be signed")]
    NotSigned,
    /// It would be larger than a bundle may be.
    #[error(
        "a bundle of this call has {bytes} bytes, and {MOST_BYTES} are the most: export its wav and pcapng instead"
    )]
    TooLarge {
        /// How many.
        bytes: u64,
    },
    /// The name of a file of rules.
    #[error("a file of the rules has a name that no file of a bundle can have")]
    Name,
}

/// A bundle: its files, in their order, the signed list last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    files: Vec<Named>,
    list: List,
}

impl Bundle {
    /// Puts together what a copy for `given`, made at `now`, holds; `sign` signs the list of it.
    ///
    /// # Errors
    /// Those of [`ComposeError`].
    pub fn compose(
        contents: Contents<'_>,
        (given, now): (&Given, WallTime),
        sign: impl FnOnce(&[u8]) -> Option<[u8; 64]>,
    ) -> Result<Self, ComposeError> {
        let manifest =
            Manifest::verified(&contents.signed_manifest, &contents.key).ok_or(ComposeError::Manifest)?;
        let made = DateTime::from_timestamp_nanos(now.nanos()).with_timezone(&contents.zone).fixed_offset();
        let recipient = Recipient::new(
            given,
            made.to_rfc3339_opts(SecondsFormat::Secs, false),
            (
                manifest.summary.id.to_string(),
                manifest.recording.to_string(),
                contents.kept_until.to_string(),
            ),
        );
        let recording = manifest.recording;
        let mut files = files(contents, &manifest, &recipient)?;
        if files.iter().any(|(name, _)| !name::is_name(name)) {
            return Err(ComposeError::Name);
        }
        let sums = List::sums(&files.iter().map(Listed::of).collect::<Vec<_>>());
        files.push((name::SUMS.to_owned(), sums.into_bytes()));
        let listed: Vec<Listed> = files.iter().map(Listed::of).collect();
        let in_all: u64 = listed.iter().map(|file| file.bytes).sum();
        let list = List { copy: given.copy, recording, made, files: listed };
        let bytes = list.to_bytes();
        fits(in_all + bytes.len() as u64 + SIGNATURE)?;
        let signature = sign(&bytes).ok_or(ComposeError::NotSigned)?;
        files.push((name::LIST.to_owned(), bytes));
        files.push((name::LIST_SIGNATURE.to_owned(), signature.to_vec()));
        Ok(Self { files, list })
    }

    /// Its files, for a folder.
    #[must_use]
    pub fn files(&self) -> &[Named] {
        &self.files
    }

    /// BLAKE3 of the signed list, which is the bundle in one number, whatever it is packed in.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.list.to_bytes()).as_bytes()
    }

    /// The bundle as one zip. `salts` gives 16 random bytes each time.
    #[must_use]
    pub fn to_zip(&self, lock: &Lock, salts: impl FnMut() -> [u8; 16]) -> Vec<u8> {
        pack(&self.files, self.list.stamp(), (lock, salts))
    }
}

/// Refuses what no container is read of.
const fn fits(bytes: u64) -> Result<(), ComposeError> {
    if bytes > MOST_BYTES { Err(ComposeError::TooLarge { bytes }) } else { Ok(()) }
}

/// Refuses a call of which a bundle would be too large whatever else is in it, before anything of it is read: `sealed_bytes` lie
/// in it sealed and as packets, and each second of sound is `SOUND_OF_A_SECOND` at least.
///
/// # Errors
/// [`ComposeError::TooLarge`].
pub fn may_fit(summary: &CallSummary, sealed_bytes: u64) -> Result<(), ComposeError> {
    let first = summary.streams.iter().map(|stream| stream.first).min();
    let last = summary.streams.iter().map(|stream| stream.last).max();
    let seconds = first.zip(last).map_or(0, |(first, last)| last.since(first).max(0) / 1_000_000_000);
    fits(sealed_bytes.saturating_mul(2).saturating_add(seconds.unsigned_abs() * SOUND_OF_A_SECOND))
}

/// All files but the sums and the list.
fn files(
    contents: Contents<'_>,
    manifest: &Manifest,
    recipient: &Recipient,
) -> Result<Vec<Named>, ComposeError> {
    let Contents {
        signed_manifest,
        blocks,
        kept_until: _,
        recording_key,
        audio,
        messages,
        marks,
        call,
        key,
        proof,
        rules,
        circumstances,
        zone,
    } = contents;
    let picture = timeline(&manifest.summary, &wave(audio, COLUMNS)?, marks, zone);
    let (mut sound, mut packets) = (Vec::new(), Vec::new());
    wav(audio, WavOptions::default(), &mut sound)?;
    placed_pcapng(audio, messages.into_iter(), &mut packets)?;
    let [line, pem] = texts(&key);
    let sealed: Vec<u8> = blocks.iter().flat_map(Block::to_bytes).collect();
    let mut files = vec![
        (name::AUDIO, sound),
        (name::PCAPNG, packets),
        (name::MANIFEST, signed_manifest),
        (name::MANIFEST_TEXT, pretty(&manifest_object(manifest, call))),
        (name::RECIPIENT, recipient.to_json().into_bytes()),
        (name::KEY, line.into_bytes()),
        (name::KEY_PEM, pem.into_bytes()),
        (name::SEALED, sealed),
        (name::SEALED_KEY, (hex::encode(recording_key) + "\n").into_bytes()),
    ];
    if let Some(proof) = proof {
        files.push((name::PROOF, crate::proof::to_json(&proof)));
        files.push((name::CHECKPOINT, proof.head.into_bytes()));
    }
    let rules = rules.map(|text| told_rules(&text, manifest.summary.verdict.rule_set.0)).unwrap_or_default();
    files.extend(rules);
    let optional = [name::PROOF, name::CHECKPOINT, name::RULES, name::RULES_WRITTEN];
    let is_absent = |name: &&str| !files.iter().any(|(there, _)| there == name);
    let absent: Vec<&str> = optional.into_iter().filter(is_absent).collect();
    let place = (zone, &circumstances);
    let html = readme::html((manifest, recipient), (&picture, &absent), place);
    let text = readme::text((manifest, recipient), place);
    let first = [(name::README_HTML, html), (name::README_TEXT, text), (name::TIMELINE, picture)];
    let first = first.map(|(name, text)| (name, text.into_bytes()));
    let files = first.into_iter().chain(files);
    Ok(files.map(|(name, content)| (name.to_owned(), content)).collect())
}

/// A kept text of rules is their canonical form, whose hash is known, and behind it what the office wrote.
fn told_rules(text: &str, hash: [u8; 32]) -> Vec<(&'static str, Vec<u8>)> {
    let ends = text.match_indices('\n').map(|(at, _)| at).flat_map(|at| [at, at + 1]).chain([text.len()]);
    let mut ends = ends.filter(|end| {
        text.get(*end..).is_some_and(|rest| rest.is_empty() || rest.trim_start().starts_with(WRITTEN))
    });
    match ends.find(|end| *blake3::hash(&text.as_bytes()[..*end]).as_bytes() == hash) {
        Some(end) if end == text.len() => vec![(name::RULES, text.into())],
        Some(end) => vec![(name::RULES, text[..end].into()), (name::RULES_WRITTEN, text[end..].into())],
        None => vec![(name::RULES_WRITTEN, text.into())],
    }
}

/// What the signed manifest says; `call` has what is known of the call itself.
fn manifest_object(manifest: &Manifest, call: Value) -> Value {
    let hashes = manifest.payload_hashes.iter().map(|hash| {
        json!({ "track": hash.track.0, "payload_type": hash.payload_type, "blake3": hash.blake3.map(hex::encode) })
    });
    json!({
        "schema": manifest.schema,
        "vault": hex::encode(manifest.vault),
        "recording": manifest.recording.to_string(),
        "continues": manifest.continues.map(|before| before.to_string()),
        "class": manifest.class,
        "day": manifest.day.to_string(),
        "retention_until": manifest.retention_until.to_string(),
        "cipher": manifest.cipher,
        "begun_ns": manifest.begun.nanos(),
        "interrupted": manifest.interrupted,
        "manifest_blake3": hex::encode(manifest.hash()),
        "sealed_blake3": hex::encode(manifest.sealed_blake3),
        "sealed_bytes": manifest.sealed_bytes,
        "payload_hashes": hashes.collect::<Vec<_>>(),
        "blocks": manifest.blocks.iter().map(hex::encode).collect::<Vec<_>>(),
        "call": call,
    })
}

fn pretty(value: &Value) -> Vec<u8> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").unwrap_or_default().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_as_large_as_a_folder_that_is_read_and_no_larger() {
        assert!(fits(MOST_BYTES).is_ok());
        assert!(
            matches!(fits(MOST_BYTES + 1), Err(ComposeError::TooLarge { bytes }) if bytes == MOST_BYTES + 1)
        );
    }

    #[test]
    fn the_canonical_form_of_rules_is_told_by_its_hash() {
        let canonical = "[a]\nb = 1\n";
        let hash = *blake3::hash(canonical.as_bytes()).as_bytes();
        let written = "\n# ---- office.toml ----\n\n[a] # ours\nb=1\n";
        let both = format!("{canonical}{written}");
        assert_eq!(told_rules(canonical, hash), [(name::RULES, canonical.into())]);
        let expected = [(name::RULES, canonical.into()), (name::RULES_WRITTEN, written.into())];
        assert_eq!(told_rules(&both, hash), expected);
        assert_eq!(told_rules(&both, [0; 32]), [(name::RULES_WRITTEN, both.clone().into_bytes())]);
    }
}
