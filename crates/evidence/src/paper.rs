//! What an office hands out on one sheet: the certificate of a disposal, and the proof that its ledger has a row.
//!
//! Both are JSON: a certificate is `{"certificate": {…}, "key": …, "signature": …}`, signed by the recorder
//! ([`Certificate`]); a proof is a row, its key, its way to the root of the tree, and the signed head ([`RowProof`]).

use std::fmt::{self, Write as _};

use chrono::{DateTime, SecondsFormat};
use earwitness_vault::{
    Certificate, Entry, LedgerKind, NotCertified, ProofFault, RecordedRow, Row, RowProof, failed_call,
};
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, de::IgnoredAny};

/// No paper is longer: a certificate names every recording that a disposal destroyed.
const MOST: usize = 64 << 20;

/// A paper as it was given; nothing of it is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paper {
    /// The certificate of a disposal.
    Certificate(String),
    /// The proof that the ledger has a row.
    Proof(String),
}

/// Why a paper is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PaperFault {
    /// It is no certificate, or not this key's, or altered.
    #[error(transparent)]
    Certificate(#[from] NotCertified),
    /// It is no proof.
    #[error("it cannot be read as the proof of a row")]
    Malformed,
    /// Not proven.
    #[error(transparent)]
    Proof(ProofFault),
    /// It is signed by this key, and says what this program does not know.
    #[error("a later version of this program is needed to read it")]
    Later,
}

/// What a paper came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    name: &'static str,
    /// What it says, in lines.
    said: Result<String, PaperFault>,
}

/// By what each of them is known.
#[derive(Deserialize)]
struct Marks {
    certificate: Option<IgnoredAny>,
    tree_size: Option<IgnoredAny>,
}

impl Paper {
    /// The paper in a file's bytes; `None` when it is none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MOST)?;
        let marks: Marks = serde_json::from_str(text).ok()?;
        match marks {
            Marks { certificate: Some(_), .. } => Some(Self::Certificate(text.to_owned())),
            Marks { tree_size: Some(_), .. } => Some(Self::Proof(text.to_owned())),
            Marks { certificate: None, tree_size: None } => None,
        }
    }

    /// Checks it against the office's public key, without which it says nothing.
    #[must_use]
    pub fn check(&self, key: &VerifyingKey) -> Checked {
        match self {
            Self::Certificate(text) => {
                Checked { name: "파기 확인서 · certificate of disposal", said: certificate(text, key) }
            }
            Self::Proof(text) => {
                Checked { name: "원장의 증명 · proof of a row of the ledger", said: proof(text, key) }
            }
        }
    }
}

impl Checked {
    /// Whether it is what the office signed.
    ///
    /// # Errors
    /// Why not, or why that cannot be told.
    pub fn genuine(&self) -> Result<(), PaperFault> {
        self.said.as_ref().map(|_facts| ()).map_err(|fault| *fault)
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name;
        match &self.said {
            Ok(facts) => writeln!(
                f,
                "✔ {name}\n{facts}✔ 이 열쇠로 서명되었고 변경되지 않았습니다 · signed by this key, and unaltered"
            ),
            Err(PaperFault::Later) => {
                writeln!(f, "? {name}: 더 새로운 판이 필요합니다 · {}", PaperFault::Later)
            }
            Err(fault) => writeln!(
                f,
                "✘ {name}: {fault}\n✘ 이 열쇠의 것이 아니거나 변경되었습니다 · not this key's, or altered"
            ),
        }
    }
}

/// The schema of certificates that this program reads.
const SCHEMA: u8 = 1;

fn certificate(text: &str, key: &VerifyingKey) -> Result<String, PaperFault> {
    let said = Certificate::verified(text, key)?;
    if said.schema != SCHEMA {
        return Err(PaperFault::Later);
    }
    let mut facts = Facts::default();
    facts.say("확인서 번호 · certificate", &said.run);
    facts.say("보관소 · vault", &said.vault);
    facts.say("파기 일시 · destroyed at", &format!("{} ({})", said.at, said.zone));
    facts.say("처리자 · by", &said.by);
    facts.say("파기 건수 · recordings", &said.recordings.len().to_string());
    for one in &said.recordings {
        let key = if one.key_was_there { "" } else { " · 키 없음 · its key was lost before" };
        let rule = one.rule.as_deref().unwrap_or("-");
        let of = format!("{} {} → {} · {rule}", one.class, one.day, one.kept_until);
        facts.say("  녹취 · recording", &format!("{} · {of}{key}", one.recording));
    }
    for ended in &said.ended_days {
        facts.say("남은 것이 없는 날 · nothing is left of", &format!("{} {}", ended.class, ended.day));
    }
    for held in &said.held {
        let until = held.hold_until.as_deref().unwrap_or("해제 시 · released");
        facts.say("보존 조치 · kept by a hold", &format!("{} → {until}", held.recording));
    }
    for backup in &said.stale_key_backups {
        facts.say("키가 남은 백업 · keys are still in", &format!("{} ({})", backup.label, backup.id));
    }
    Ok(facts.0)
}

fn proof(text: &str, key: &VerifyingKey) -> Result<String, PaperFault> {
    let proof: RowProof = serde_json::from_str(text).map_err(|_cause| PaperFault::Malformed)?;
    let row = proof.verify(key).map_err(|fault| {
        if matches!(fault, ProofFault::UnknownKind { .. }) {
            PaperFault::Later
        } else {
            PaperFault::Proof(fault)
        }
    })?;
    let mut facts = Facts::default();
    facts.say("원장 · ledger", proof.origin().as_deref().unwrap_or("-"));
    facts.say("줄 · row", &format!("{} / {}", row.number, proof.tree_size));
    let at = DateTime::from_timestamp_nanos(row.at.nanos());
    facts.say("기록된 때 · told at", &at.to_rfc3339_opts(SecondsFormat::Secs, true));
    tell(&mut facts, &row);
    Ok(facts.0)
}

/// What the row of a call says: of one that was not kept, that it was not, and no more.
fn tell(facts: &mut Facts, row: &Row) {
    if row.kind == LedgerKind::Recorded
        && let Some(recorded) = RecordedRow::from_bytes(&row.payload)
    {
        facts.say("녹취됨 · recorded, call", &recorded.call.to_string());
        facts.say("녹취 번호 · recording", &recorded.recording.to_string());
        facts.say("명세의 해시 · BLAKE3 of its manifest", &hex::encode(recorded.manifest));
    } else if row.kind == LedgerKind::Excluded
        && let Ok(entry) = Entry::from_bytes(&row.payload)
    {
        facts.say("녹취하지 않음 · not recorded, call", &entry.summary.id.to_string());
    } else if let Some((call, _because)) = failed_call(row) {
        facts.say("녹취 실패 · failed to be recorded, call", &call.to_string());
    } else {
        facts.say("통화의 줄이 아님 · not of a call, kind", &row.kind.code().to_string());
    }
}

/// Lines of a name and a value; nothing that was typed into a paper steers a terminal.
#[derive(Default)]
struct Facts(String);

impl Facts {
    fn say(&mut self, name: &str, value: &str) {
        let shown: String = value.chars().map(|it| if is_shown(it) { it } else { '?' }).collect();
        writeln!(self.0, "  {name}: {shown}").expect("text takes everything");
    }
}

/// What turns the direction of writing could make a name look like another.
fn is_shown(letter: char) -> bool {
    !letter.is_control() && !matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paper_is_known_by_what_is_in_it() {
        for (text, paper) in [
            (r#"{"certificate": {}, "key": "", "signature": ""}"#, Some("certificate")),
            (r#"{"row": "", "tree_size": 7}"#, Some("proof")),
            (r#"{"call": 1}"#, None),
            ("[1]", None),
            ("no JSON", None),
        ] {
            let read = Paper::read(text.as_bytes());
            let name = read.as_ref().map(|paper| match paper {
                Paper::Certificate(_) => "certificate",
                Paper::Proof(_) => "proof",
            });
            assert_eq!(name, paper, "{text}");
            let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
            assert!(read.is_none_or(|paper| paper.check(&key).genuine().is_err()), "signed by nobody");
        }
        assert_eq!(Paper::read(&[0xff, b'{']), None);
    }

    #[test]
    fn what_was_typed_steers_no_terminal() {
        let mut facts = Facts::default();
        facts.say("by", "a\u{1b}[2J\n\u{202e}b");
        assert_eq!(facts.0, "  by: a?[2J??b\n");
    }
}
