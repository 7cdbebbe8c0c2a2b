//! `keys/backups.toml`: which backups of the keys there are, and what each holds.
//!
//! ```text
//! # Backups of the keys of this vault. Written by earwitness; CRC-32C of what follows: 89abcdef
//! [[backup]]
//! id = "0011223344556677"
//! label = "safe, second floor"
//! taken = 1795219200000000000       nanoseconds since 1970
//! ledger = 12                       the row that told of it; absent while it is not finished
//! officer = "age1…"                 who opens the day keys in it
//!
//! [[backup.held]]                   a key file that was copied
//! class = "citizen-90d"
//! day = "2026-11-21"
//! generation = 1
//! rows = 57
//! destroyed = [[0, 3], [7, 8]]      places of rows that were destroyed when it was copied: from, and one behind the last
//! ```

use std::fmt;

use chrono::NaiveDate;
use earwitness_model::WallTime;
use serde::{Deserialize, Serialize};

use crate::{
    disk::{Disk, if_there, read_all, replace},
    error::{VaultError, failed},
    layout::Layout,
};

const FIRST_LINE: &str =
    "# Backups of the keys of this vault. Written by earwitness; CRC-32C of what follows: ";
/// A longer file is none of ours: ten backups of thirty years of ten classes.
const MOST_BYTES: usize = 64 << 20;

/// A backup's name: eight random bytes, printed as sixteen hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupId(pub [u8; 8]);

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl std::str::FromStr for BackupId {
    type Err = NotABackupId;

    fn from_str(text: &str) -> Result<Self, NotABackupId> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| digits).ok_or(NotABackupId)?;
        Ok(Self(number.to_be_bytes()))
    }
}

/// A text that is no backup's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the 16 hexadecimal digits of a backup")]
pub struct NotABackupId;

impl TryFrom<String> for BackupId {
    type Error = NotABackupId;

    fn try_from(text: String) -> Result<Self, NotABackupId> {
        text.parse()
    }
}

impl From<BackupId> for String {
    fn from(id: BackupId) -> Self {
        id.to_string()
    }
}

/// What a copy of a key file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldKeys {
    pub(super) class: String,
    #[serde(with = "day")]
    pub(super) day: NaiveDate,
    pub(super) generation: u32,
    pub(super) rows: u32,
    /// Places of destroyed rows, in order: from, and one behind the last.
    pub(super) destroyed: Vec<(u32, u32)>,
}

/// The rows of a key file, without its name.
pub(super) struct Kept {
    pub(super) rows: u32,
    pub(super) destroyed: Vec<(u32, u32)>,
}

impl HeldKeys {
    /// Keys of recordings in it.
    #[must_use]
    pub fn keys(&self) -> u64 {
        let destroyed: u64 =
            self.destroyed.iter().map(|(from, behind)| u64::from(behind.saturating_sub(*from))).sum();
        u64::from(self.rows).saturating_sub(destroyed)
    }

    /// Whether the row at this place was destroyed when it was copied.
    pub(super) fn is_destroyed(&self, at: usize) -> bool {
        self.destroyed.iter().any(|(from, behind)| (*from as usize..*behind as usize).contains(&at))
    }
}

/// One backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Registered {
    pub(super) id: BackupId,
    pub(super) label: String,
    #[serde(with = "nanos")]
    pub(super) taken: WallTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ledger: Option<u64>,
    /// The public key of the officer who opens the day keys in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) officer: Option<String>,
    #[serde(default)]
    pub(super) held: Vec<HeldKeys>,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Registry {
    #[serde(default, rename = "backup")]
    pub(super) backups: Vec<Registered>,
}

impl Registry {
    /// Those of a vault; none where there is no file.
    pub(super) fn read(disk: &dyn Disk, layout: &Layout) -> Result<Self, VaultError> {
        let path = layout.key("backups.toml");
        match if_there(read_all(disk, &path)).map_err(failed("read", &path))? {
            Some(bytes) => Self::from_bytes(&bytes).ok_or(VaultError::KeyDamaged { path }),
            None => Ok(Self::default()),
        }
    }

    /// Puts them in the file's place.
    pub(super) fn write(&self, disk: &dyn Disk, layout: &Layout) -> Result<(), VaultError> {
        let path = layout.key("backups.toml");
        replace(disk, &path, self.to_text().as_bytes()).map_err(failed("write", &path))
    }

    pub(super) fn to_text(&self) -> String {
        let text = toml::to_string(self).expect("numbers and texts are TOML");
        format!("{FIRST_LINE}{:08x}\n{text}", crc32c::crc32c(text.as_bytes()))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MOST_BYTES)?;
        let (first, rest) = text.split_once('\n')?;
        let crc = first.strip_prefix(FIRST_LINE)?;
        (format!("{:08x}", crc32c::crc32c(rest.as_bytes())) == crc).then_some(())?;
        toml::from_str(rest).ok()
    }
}

mod day {
    use chrono::NaiveDate;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(day: &NaiveDate, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(day)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<NaiveDate, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

mod nanos {
    use earwitness_model::WallTime;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(at: &WallTime, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(at.nanos())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<WallTime, D::Error> {
        i64::deserialize(from).map(WallTime::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> Registry {
        let day = "2026-11-21".parse().unwrap();
        let held =
            HeldKeys { class: "a".into(), day, generation: 1, rows: 9, destroyed: vec![(0, 2), (8, 9)] };
        let taken = WallTime::from_nanos(5);
        let label = "금고 \"2\"".to_owned();
        let one = Registered {
            id: BackupId([0xab; 8]),
            label,
            taken,
            ledger: Some(3),
            officer: Some("age1".into()),
            held: vec![held],
        };
        let begun = Registered { id: BackupId([1; 8]), ledger: None, held: vec![], ..one.clone() };
        Registry { backups: vec![one, begun] }
    }

    #[test]
    fn the_list_reads_back_and_any_changed_or_missing_byte_is_noticed() {
        for written in [registry(), Registry::default()] {
            let bytes = written.to_text().into_bytes();
            assert_eq!(Registry::from_bytes(&bytes), Some(written));
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 0x01;
                assert_eq!(Registry::from_bytes(&changed), None, "byte {at}");
                assert_eq!(Registry::from_bytes(&bytes[..at]), None, "cut at {at}");
            }
        }
    }

    #[test]
    fn keys_are_the_rows_that_were_not_destroyed() {
        let held = &registry().backups[0].held[0];
        assert_eq!(held.keys(), 6);
        let destroyed: Vec<_> = (0..9).filter(|at| held.is_destroyed(*at)).collect();
        assert_eq!(destroyed, [0, 1, 8]);
    }

    #[test]
    fn a_backups_name_is_sixteen_digits() {
        let id = BackupId([0, 1, 2, 3, 4, 5, 6, 0xff]);
        assert_eq!((id.to_string().as_str(), id.to_string().parse()), ("00010203040506ff", Ok(id)));
        for text in ["", "1", "+0010203040506ff", "00010203040506fg", "00010203040506fff"] {
            assert_eq!(text.parse::<BackupId>(), Err(NotABackupId), "{text}");
        }
    }
}
