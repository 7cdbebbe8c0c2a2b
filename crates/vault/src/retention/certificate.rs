//! The certificate of a disposal: what was destroyed, when and by which rule, signed by the recorder.
//!
//! ```text
//! {"certificate": {…}, "key": "<recorder's public key, hex>", "signature": "<Ed25519, hex>"}
//! ```
//!
//! Signed is [`SIGNED_AS`] followed by the bytes of the certificate's own JSON, as they stand in the file. It names no person
//! and no number: recordings are told by their ids.

use std::io;

use aws_lc_rs::signature::Ed25519KeyPair;
use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;
use earwitness_model::WallTime;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    intent::{Doomed, Intent},
    rows::{ActId, Day, Disposed, Subject},
};
use crate::{
    disk::{if_there, read_all, replace},
    error::{VaultError, failed},
    vault::Parts,
};

/// What stands before a certificate's bytes when they are signed, so that the signature says nothing else.
const SIGNED_AS: &[u8] = b"earwitness certificate 1\n";

/// What was destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// 1.
    pub schema: u8,
    /// The vault's id, in hexadecimal digits.
    pub vault: String,
    /// The disposal's name.
    pub run: String,
    /// When, in the office's zone (RFC 3339).
    pub at: String,
    /// The office's zone.
    pub zone: String,
    /// Who had it run.
    pub by: String,
    /// Each recording whose key was destroyed.
    pub recordings: Vec<DisposedRecording>,
    /// Classes and days of which nothing is left: their own keys were destroyed too, and their volumes removed.
    pub ended_days: Vec<EndedDay>,
    /// Recordings whose time is over and that a hold keeps.
    pub held: Vec<HeldRecording>,
    /// Backups of keys that still hold keys which are destroyed here, until they are refreshed.
    pub stale_key_backups: Vec<StaleKeyBackup>,
}

/// A recording that was destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisposedRecording {
    /// Its name.
    pub recording: String,
    /// Its call's, where its manifest could be read.
    pub call: Option<String>,
    /// Its retention class.
    pub class: String,
    /// The civil day of the call's start.
    pub day: String,
    /// The last day on which it was kept.
    pub kept_until: String,
    /// The rule that admitted the call.
    pub rule: Option<String>,
    /// The rules that were in force, by their hash.
    pub rule_set: Option<String>,
    /// Bytes of sealed audio and signalling.
    pub sealed_bytes: u64,
    /// The hash over them that its manifest had.
    pub sealed_blake3: Option<String>,
    /// Whether there was a key to destroy; one that was lost or damaged before is told by `false`.
    pub key_was_there: bool,
}

/// A class and day of which nothing is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedDay {
    /// The retention class.
    pub class: String,
    /// The civil day.
    pub day: String,
}

/// A recording that a hold keeps beyond its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRecording {
    /// Its name.
    pub recording: String,
    /// The last day that its class gave it.
    pub kept_until: String,
    /// The hold.
    pub hold: String,
    /// The last day on which the hold is in force.
    pub hold_until: Option<String>,
    /// Whether it lies apart from what is kept for its time.
    pub apart: bool,
}

/// A backup of keys that still holds what was destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleKeyBackup {
    /// Its name.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// When it was last refreshed (RFC 3339).
    pub taken: String,
    /// How many of the keys destroyed here it holds.
    pub keys: u64,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Envelope {
    certificate: Box<RawValue>,
    key: String,
    signature: String,
}

impl Certificate {
    pub(super) fn new(parts: &Parts, intent: &Intent, disposed: &[Doomed]) -> Self {
        let zone = parts.settings.zone.0;
        Self {
            schema: 1,
            vault: format!("{:032x}", u128::from_be_bytes(parts.settings.id)),
            run: intent.run.to_string(),
            at: shown(zone, intent.now()),
            zone: zone.name().to_owned(),
            by: intent.by.clone(),
            recordings: disposed.iter().map(DisposedRecording::of).collect(),
            ended_days: Vec::new(),
            held: Vec::new(),
            stale_key_backups: Vec::new(),
        }
    }

    /// The file's text.
    pub(super) fn signed(&self, key: &Ed25519KeyPair) -> String {
        use aws_lc_rs::signature::KeyPair as _;
        let own = serde_json::to_string_pretty(self).expect("a certificate has text and numbers only");
        let signature = key.sign(&[SIGNED_AS, own.as_bytes()].concat());
        let envelope = Envelope {
            certificate: RawValue::from_string(own).expect("it was just written"),
            key: hex::encode(key.public_key().as_ref()),
            signature: hex::encode(signature.as_ref()),
        };
        let mut text = serde_json::to_string_pretty(&envelope).expect("it has text only");
        text.push('\n');
        text
    }

    /// Reads a certificate's file and checks its signature with the recorder's public key.
    ///
    /// # Errors
    /// [`NotCertified`].
    pub fn verified(text: &str, key: &VerifyingKey) -> Result<Self, NotCertified> {
        let envelope: Envelope = serde_json::from_str(text).map_err(|_cause| NotCertified::Malformed)?;
        let signed = [SIGNED_AS, envelope.certificate.get().as_bytes()].concat();
        let mut signature = [0; 64];
        hex::decode_to_slice(&envelope.signature, &mut signature)
            .map_err(|_cause| NotCertified::Malformed)?;
        if envelope.key != hex::encode(key.as_bytes()) {
            return Err(NotCertified::OtherKey);
        }
        key.verify_strict(&signed, &Signature::from_bytes(&signature))
            .map_err(|_cause| NotCertified::Signature)?;
        serde_json::from_str(envelope.certificate.get()).map_err(|_cause| NotCertified::Malformed)
    }

    /// The rows by which a ledger tells of what it says: of a ledger that is older than the certificate they are missing.
    ///
    /// # Errors
    /// [`NotCertified::Malformed`].
    pub(crate) fn rows(&self) -> Result<Vec<Disposed>, NotCertified> {
        let run = self.run.parse().map_err(|_cause| NotCertified::Malformed)?;
        self.recordings.iter().map(|one| one.row(run).ok_or(NotCertified::Malformed)).collect()
    }

    pub(super) fn write(text: &str, run: &str, parts: &Parts) -> Result<(), VaultError> {
        let dir = parts.layout.certificates();
        parts.disk.make_dir(&dir).map_err(failed("make", &dir))?;
        parts.disk.sync_dir(&parts.layout.dir).map_err(failed("sync", &parts.layout.dir))?;
        let path = dir.join(format!("{run}.json"));
        replace(&*parts.disk, &path, text.as_bytes()).map_err(failed("write", path))
    }

    /// The names of all certificates, oldest first.
    pub(super) fn names(parts: &Parts) -> Result<Vec<String>, VaultError> {
        let dir = parts.layout.certificates();
        let files = parts.disk.list(&dir).map_err(failed("list", dir))?;
        let name =
            |path: &std::path::PathBuf| Some(path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned());
        Ok(files.iter().filter_map(name).collect())
    }

    /// One that was written.
    pub(super) fn read(parts: &Parts, run: &str) -> Result<Self, VaultError> {
        let text = Self::text(parts, run)?;
        Self::verified(&text, &parts.verifying).map_err(|cause| {
            let path = parts.layout.certificates().join(format!("{run}.json"));
            failed("read", path)(io::Error::new(io::ErrorKind::InvalidData, cause))
        })
    }

    /// The text of one.
    pub(super) fn text(parts: &Parts, run: &str) -> Result<String, VaultError> {
        let is_name = run.len() == 26 && run.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let none = VaultError::NoSuchAct {
            what: "certificate",
            hint: "`earwitness dispose certificate` lists them",
        };
        if !is_name {
            return Err(none);
        }
        let path = parts.layout.certificates().join(format!("{run}.json"));
        let bytes = if_there(read_all(&*parts.disk, &path)).map_err(failed("read", &path))?.ok_or(none)?;
        let text = String::from_utf8(bytes).map_err(|_cause| io::ErrorKind::InvalidData.into());
        text.map_err(failed("read", path))
    }
}

impl DisposedRecording {
    fn of(doomed: &Doomed) -> Self {
        let subject = &doomed.subject;
        Self {
            recording: subject.recording.to_string(),
            call: subject.call.map(|call| call.to_string()),
            class: subject.class.clone(),
            day: subject.day.to_string(),
            kept_until: doomed.until.0.to_string(),
            rule: doomed.rule.clone(),
            rule_set: doomed.rule_set().map(|hash| hash.to_string()),
            sealed_bytes: doomed.sealed_bytes,
            sealed_blake3: doomed.sealed_blake3.map(hex::encode),
            key_was_there: doomed.key.is_some(),
        }
    }

    /// What a ledger's row says of it.
    fn row(&self, run: ActId) -> Option<Disposed> {
        let call = match &self.call {
            Some(call) => Some(call.parse().ok()?),
            None => None,
        };
        let recording = self.recording.parse().ok()?;
        let (class, day) = (self.class.clone(), self.day.parse().ok()?);
        let until = Day(self.kept_until.parse().ok()?);
        Some(Disposed { run, subject: Subject { call, recording, class, day }, until })
    }
}

/// Why a text is not a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCertified {
    /// It cannot be read.
    #[error("this is not a disposal certificate of earwitness")]
    Malformed,
    /// Another recorder's.
    #[error("it names another recorder's key")]
    OtherKey,
    /// Its signature is not that of what it says.
    #[error("its signature does not fit what it says")]
    Signature,
}

/// A time in the office's zone, to the second.
pub(super) fn shown(zone: Tz, at: WallTime) -> String {
    DateTime::from_timestamp_nanos(at.nanos()).with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Secs, true)
}
