//! What the ledger says of an act upon a recording: that it was listened to, or that it left.
//!
//! ```text
//!   recording, 16 bytes | words, UTF-8             `wav by uid 1000 (kim)`
//!   recording, 16 bytes | 1 | CopyGiven, postcard  an evidence bundle, made for somebody
//! ```
//!
//! Words begin with a letter, so that a byte below the letters is a schema.

use earwitness_model::{CopyId, RecordingId};
use serde::{Deserialize, Serialize};

const COPY: u8 = 1;

/// An evidence bundle, as the ledger tells of it before it leaves: of a copy that leaks the hash says whose it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyGiven {
    /// The copy.
    pub copy: CopyId,
    /// BLAKE3 of the file that left; of a folder, of its signed list.
    pub blake3: [u8; 32],
    /// Whom it was made for.
    pub recipient: String,
    /// What for.
    pub purpose: String,
    /// The request that it answers.
    pub request: Option<String>,
    /// The account that made it.
    pub by: String,
}

/// What a row of kind `Listened` or `Exported` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// An act in words: what it was, and who did it.
    Words {
        /// The recording.
        recording: RecordingId,
        /// `wav by uid 1000 (kim)`
        words: String,
    },
    /// A copy that was made for somebody.
    Copy {
        /// The recording.
        recording: RecordingId,
        /// Whose copy it is.
        given: CopyGiven,
    },
}

impl Act {
    /// The row's payload.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Words { recording, words } => [&recording.to_bytes(), words.as_bytes()].concat(),
            Self::Copy { recording, given } => {
                let bytes = [&recording.to_bytes()[..], &[COPY]].concat();
                postcard::to_extend(given, bytes).expect("texts and arrays always serialise")
            }
        }
    }

    /// The inverse of [`Self::to_bytes`]; `None` when it is none, or one of a later version.
    #[must_use]
    pub fn from_bytes(payload: &[u8]) -> Option<Self> {
        let (recording, rest) = payload.split_first_chunk::<16>()?;
        let recording = RecordingId::from_bytes(*recording);
        match rest {
            [COPY, given @ ..] => Some(Self::Copy { recording, given: postcard::from_bytes(given).ok()? }),
            [0..0x20, ..] => None,
            words => Some(Self::Words { recording, words: String::from_utf8(words.to_vec()).ok()? }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_earlier_versions_wrote_and_copies_read_back() {
        let recording = RecordingId::from_bytes([7; 16]);
        let words = Act::Words { recording, words: "wav by uid 1000 (kim)".to_owned() };
        assert_eq!(words.to_bytes(), [&[7; 16][..], b"wav by uid 1000 (kim)"].concat());
        let given = CopyGiven {
            copy: CopyId::from_bytes([3; 16]),
            blake3: [9; 32],
            recipient: "감사관실".to_owned(),
            purpose: "민원 조사".to_owned(),
            request: Some("2026-17".to_owned()),
            by: "uid 0 (root)".to_owned(),
        };
        for act in [words, Act::Copy { recording, given }] {
            assert_eq!(Act::from_bytes(&act.to_bytes()), Some(act));
        }
        assert_eq!(Act::from_bytes(&[7; 15]), None);
        assert_eq!(Act::from_bytes(&[&[7; 16][..], &[2, 1, 1]].concat()), None, "of a later version");
    }
}
