//! `vault.toml`: what a vault is, written once when it is made.

use std::{fmt, path::Path};

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::{
    cipher::CipherSuite,
    container::FORMAT_VERSION,
    disk::{Disk, if_there, read_all, replace},
    error::{VaultError, failed},
};

/// Who can open what the vault seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Whoever has the key file that stands beside the vault.
    Open,
    /// Whoever has the officer's key file and its passphrase.
    Governed,
}

/// What a vault is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    format: u32,
    #[serde(with = "hex::serde")]
    pub(crate) id: [u8; 16],
    pub(crate) cipher: CipherSuite,
    pub(crate) access: Access,
    pub(crate) zone: Zone,
}

/// A time zone by its IANA name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Zone(pub(crate) Tz);

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
            .map(Self)
            .map_err(|_cause| format!("`{name}` is not an IANA time zone, as Asia/Seoul is"))
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.0.name().to_owned()
    }
}

/// The one field that every version of the file has.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl Settings {
    /// What the heads of its volumes say of it.
    pub(crate) fn identity(&self) -> ([u8; 16], CipherSuite) {
        (self.id, self.cipher)
    }

    pub(crate) fn new(id: [u8; 16], cipher: CipherSuite, access: Access, zone: Tz) -> Self {
        Self { format: u32::from(FORMAT_VERSION), id, cipher, access, zone: Zone(zone) }
    }

    pub(crate) fn write(&self, disk: &dyn Disk, path: &Path) -> Result<(), VaultError> {
        replace(disk, path, self.to_string().as_bytes()).map_err(failed("write", path))
    }

    pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<Self, VaultError> {
        let Some(bytes) = if_there(read_all(disk, path)).map_err(failed("read", path))? else {
            return Err(VaultError::NotAVault { dir: path.parent().unwrap_or(path).into() });
        };
        let text = String::from_utf8_lossy(&bytes);
        let wrong = |cause| VaultError::Settings { path: path.into(), cause: Box::new(cause) };
        let FormatOnly { format } = toml::from_str(&text).map_err(wrong)?;
        if format != u32::from(FORMAT_VERSION) {
            return Err(VaultError::Format { path: path.into(), found: format });
        }
        toml::from_str(&text).map_err(wrong)
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# An earwitness vault. Written once, when it was made; nothing here may be changed.")?;
        f.write_str(&toml::to_string(self).map_err(|_cause| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    fn settings() -> Settings {
        Settings::new([0x0f; 16], CipherSuite::Aria256Gcm, Access::Governed, chrono_tz::Asia::Seoul)
    }

    fn read(text: &str) -> Result<Settings, VaultError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault.toml");
        std::fs::write(&path, text).unwrap();
        Settings::read(&RealDisk, &path)
    }

    #[test]
    fn settings_read_back() {
        let text = settings().to_string();
        assert!(
            text.contains("cipher = \"aria-256-gcm\"\naccess = \"governed\"\nzone = \"Asia/Seoul\"\n"),
            "{text}"
        );
        assert_eq!(read(&text).unwrap(), settings());
    }

    #[test]
    fn another_format_is_named_even_when_the_rest_is_strange() {
        let error = read("format = 2\nwhatever = true\n").unwrap_err();
        assert!(matches!(error, VaultError::Format { found: 2, .. }));
        assert!(error.to_string().ends_with("use the newer earwitness that wrote it"), "{error}");
    }

    #[test]
    fn unknown_keys_and_values_are_errors_with_their_line() {
        let text = settings().to_string();
        for (from, to, says) in [
            ("Asia/Seoul", "Asia/Soul", "not an IANA time zone"),
            ("aria-256-gcm", "rot13", "unknown variant"),
            ("zone =", "zone_name =", "unknown field"),
            ("id = \"0f", "id = \"xf", "Invalid character 'x'"),
        ] {
            let error = read(&text.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("line"), "{error}");
        }
    }
}
