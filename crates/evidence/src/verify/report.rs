//! What was checked and found, for people.

use std::fmt;

use super::Fault;
use crate::recipient::Recipient;

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Check {
    /// Whose key it is.
    Key,
    /// The list's signature.
    List,
    /// What holds the files together.
    Container,
    /// The files against the list.
    Files,
    /// The manifest's signature.
    Manifest,
    /// The sealed blocks against the manifest.
    Sealed,
    /// The packets against the hashes in the manifest.
    Payload,
    /// The packets against what the sealed blocks open to.
    Opened,
    /// The sound against the packets.
    Audio,
    /// The rules against their hash in the manifest.
    Rules,
    /// The ledger's proof and its signed head.
    Ledger,
    /// Whom it was made for.
    Recipient,
}

impl Check {
    const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Key => ("공개 열쇠", "public key"),
            Self::List => ("목록의 서명", "signature of the list"),
            Self::Container => ("묶음", "container"),
            Self::Files => ("파일", "files"),
            Self::Manifest => ("명세의 서명", "signature of the manifest"),
            Self::Sealed => ("봉인 블록", "sealed blocks"),
            Self::Payload => ("패킷의 음성", "audio in the packets"),
            Self::Opened => ("봉인을 푼 내용", "what was sealed"),
            Self::Audio => ("소리", "sound"),
            Self::Rules => ("규칙", "rules"),
            Self::Ledger => ("원장", "ledger"),
            Self::Recipient => ("수신자", "recipient"),
        }
    }
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It holds for so many.
    Counted(u64),
    /// It holds with the key inside the bundle, and nobody said whose that is.
    KeyUntold,
    /// Somebody unpacked it: there is nothing to compare.
    Unpacked,
    /// It holds for so many streams, and of others the recorder signed no hash.
    PartlyTold {
        /// Streams that were compared.
        compared: u64,
        /// Streams without a hash.
        untold: u64,
    },
    /// The ledger's row with this number tells of it, of so many rows that the signed head has.
    Row(u64, u64),
    /// There is no proof of the ledger in it.
    NoProof,
    /// The recording's key is not in it: bundles of the first versions have none.
    NoSealedKey,
    /// The vault had not kept the text of the rules.
    NoRules,
    /// It does not hold.
    Broken(Fault),
}

/// A check and what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What was checked.
    pub check: Check,
    /// What it came to.
    pub verdict: Verdict,
}

/// All checks of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// One line for each.
    pub lines: Vec<Line>,
    /// Whom the bundle says that it was made for; to be believed when [`Self::is_whole`].
    pub recipient: Option<Recipient>,
}

impl Report {
    pub(super) fn line(&mut self, check: Check, checked: Result<Verdict, Fault>) {
        self.lines.push(Line { check, verdict: checked.unwrap_or_else(Verdict::Broken) });
    }

    /// Whether everything that was checked holds.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.lines.is_empty() && self.faults().next().is_none()
    }

    /// What does not hold.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.lines.iter().filter_map(|line| match &line.verdict {
            Verdict::Broken(fault) => Some(fault),
            Verdict::Holds
            | Verdict::Counted(_)
            | Verdict::KeyUntold
            | Verdict::Unpacked
            | Verdict::PartlyTold { .. }
            | Verdict::Row(..)
            | Verdict::NoProof
            | Verdict::NoSealedKey
            | Verdict::NoRules => None,
        })
    }

    fn is_key_told(&self) -> bool {
        !self.lines.iter().any(|line| line.verdict == Verdict::KeyUntold)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ko, en) = self.check.name();
        let counted = |ko_unit: &str, en_unit: &str, count: u64| {
            (format!("{count}{ko_unit}"), format!("{count} {en_unit}"))
        };
        let (sign, (said_ko, said_en)) = match (&self.verdict, self.check) {
            (Verdict::Holds, _) => ("✔", ("맞음".to_owned(), "holds".to_owned())),
            (Verdict::Counted(count), Check::Sealed) => ("✔", counted("개", "blocks", *count)),
            (Verdict::Counted(count), Check::Payload) => ("✔", counted("개 흐름", "streams", *count)),
            (Verdict::Counted(count), Check::Opened) => {
                ("✔", counted("개 패킷과 메시지", "packets and messages", *count))
            }
            (Verdict::Counted(count), Check::Audio) => ("✔", counted("개 표본", "samples", *count)),
            (
                Verdict::Counted(count),
                Check::Key | Check::List | Check::Container | Check::Files | Check::Manifest | Check::Rules
                | Check::Recipient | Check::Ledger,
            ) => ("✔", counted("개 파일", "files", *count)),
            (Verdict::KeyUntold, _) => (
                "?",
                (
                    "묶음 안의 열쇠로만 확인함: 서로 맞지만 누구의 것인지는 모름 (--key로 기관의 공개 열쇠를 주십시오)".to_owned(),
                    "checked with the key inside only: consistent, but not whose (give the office's with --key)".to_owned(),
                ),
            ),
            (Verdict::Unpacked, _) => ("✔", ("풀린 폴더".to_owned(), "an unpacked folder".to_owned())),
            (Verdict::PartlyTold { compared, untold }, _) => (
                "✔",
                (
                    format!("{compared}개 흐름 맞음, {untold}개 흐름은 녹취 때 서명된 해시가 없음"),
                    format!("{compared} streams; {untold} have no hash that was signed when they were recorded"),
                ),
            ),
            (Verdict::Row(row, of), _) => (
                "✔",
                (format!("전체 {of}줄 가운데 {row}번 줄"), format!("row {row} of {of}, proven by the signed head")),
            ),
            (Verdict::NoProof, _) => (
                "?",
                ("묶음에 원장의 증명이 없음".to_owned(), "the bundle has no proof of the ledger".to_owned()),
            ),
            (Verdict::NoSealedKey, _) => (
                "?",
                (
                    "묶음에 녹취의 열쇠가 없음: SIP와 시각은 목록의 서명으로만 확인됨".to_owned(),
                    "the bundle has no key of the recording: SIP and times rest on the list's signature alone".to_owned(),
                ),
            ),
            (Verdict::NoRules, _) => (
                "?",
                (
                    "묶음에 규칙의 원문이 없음: 명세에 해시만 있음".to_owned(),
                    "the bundle has no text of the rules: only their hash, in the manifest".to_owned(),
                ),
            ),
            (Verdict::Broken(fault), _) => ("✘", (fault.ko(), fault.to_string())),
        };
        write!(f, "{sign} {ko} · {en}: {said_ko} · {said_en}")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        if let Some(recipient) = self.recipient.as_ref().filter(|_| self.is_whole()) {
            let shown = |text: &str| {
                text.chars().map(|it| if it.is_control() { '?' } else { it }).collect::<String>()
            };
            writeln!(f, "  사본 · copy: {}", recipient.copy)?;
            writeln!(f, "  받은 사람 · recipient: {}", shown(&recipient.recipient))?;
            writeln!(f, "  목적 · purpose: {}", shown(&recipient.purpose))?;
            writeln!(f, "  만든 때 · made: {}", shown(&recipient.made))?;
            writeln!(f, "  통화 · call: {}", shown(&recipient.call))?;
        }
        match (self.is_whole(), self.is_key_told()) {
            (true, true) => writeln!(f, "✔ 온전하며 변경되지 않았습니다 · whole and unaltered"),
            (true, false) => writeln!(
                f,
                "✔ 내용이 서로 맞습니다. 누구의 것인지는 확인하지 않았습니다 · consistent; whose it is was not checked"
            ),
            (false, _) => writeln!(f, "✘ 온전하지 않습니다 · not whole, or altered"),
        }
    }
}
