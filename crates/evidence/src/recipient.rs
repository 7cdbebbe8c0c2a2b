//! Whom a bundle was made for.

use earwitness_model::CopyId;
use serde::{Deserialize, Serialize};

/// The schema of [`Recipient`].
const SCHEMA: u8 = 1;

/// Whom a bundle was made for, and why: what `recipient.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    schema: u8,
    /// The copy.
    #[serde(with = "as_text")]
    pub copy: CopyId,
    /// Who gets it.
    pub recipient: String,
    /// What for.
    pub purpose: String,
    /// The request that it answers, by the office's number.
    pub request: Option<String>,
    /// When it was made, RFC 3339 in the office's zone.
    pub made: String,
    /// By which account.
    pub made_by: String,
    /// The call.
    pub call: String,
    /// The recording.
    pub recording: String,
    /// The last day on which the office itself keeps the recording.
    pub kept_until: String,
    /// What the recipient has to know, in Korean.
    pub note_ko: String,
    /// The same in English.
    pub note_en: String,
}

/// What is known of a recipient before the call is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The copy.
    pub copy: CopyId,
    /// Who gets it.
    pub recipient: String,
    /// What for.
    pub purpose: String,
    /// The request that it answers.
    pub request: Option<String>,
    /// By which account it is made.
    pub made_by: String,
}

impl Recipient {
    /// Of a copy that is made at `made` of `recording`, a recording of `call`, which is kept until `kept_until`.
    pub(crate) fn new(
        given: &Given,
        made: String,
        (call, recording, kept_until): (String, String, String),
    ) -> Self {
        let Given { copy, recipient, purpose, request, made_by } = given.clone();
        Self {
            schema: SCHEMA,
            copy,
            recipient,
            purpose,
            request,
            made,
            made_by,
            call,
            recording,
            note_ko: format!(
                "이 사본은 적힌 수신자에게 적힌 목적으로만 제공되었습니다. 사본마다 번호가 다르고 파일의 해시가 기관의 원장에 기록되어 있어, \
                 제공된 파일 그대로 유출되면 어느 사본인지 확인됩니다. 꺼낸 소리나 패킷에는 사본을 구별하는 표시가 없습니다. 목적을 마치면 \
                 파기하십시오. 기관은 원본을 {kept_until}까지 보관합니다."
            ),
            note_en: format!(
                "This copy was given to the recipient named, for the purpose named and no other. Every copy has a number of its \
                 own, and the hash of its file stands in the office's ledger: a file that leaks as it was given tells whose it was. \
                 The sound and the packets, taken out of it, are the same in every copy and tell nothing. Destroy it when its \
                 purpose is served. The office itself keeps the recording until {kept_until}."
            ),
            kept_until,
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    pub(crate) fn from_json(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok().filter(|read: &Self| read.schema == SCHEMA)
    }
}

mod as_text {
    use earwitness_model::CopyId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(copy: &CopyId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(copy)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<CopyId, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
