//! The head of a volume. Drawn in the module's page.

use chrono::{Datelike, NaiveDate};

use crate::{cipher::CipherSuite, layout::Shelf};

/// The version of the vault's settings and key files that this program writes and reads.
pub const FORMAT_VERSION: u16 = 1;
/// The version of the volumes that this program writes. It reads those from 1 on.
pub const VOLUME_VERSION: u16 = 2;
/// Bytes of a volume's head.
pub(crate) const VOLUME_HEAD: usize = 64;

const MAGIC: [u8; 8] = *b"EWVOLUME";

/// The head of a volume, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeHead {
    /// From 1 to [`VOLUME_VERSION`]: which kinds of blocks it may hold.
    pub version: u16,
    /// The suite of its segments.
    pub suite: CipherSuite,
    /// Its number among the volumes of its class and day.
    pub number: u32,
    /// The civil day that its calls began on.
    pub day: NaiveDate,
    /// The vault that it belongs to.
    pub vault: [u8; 16],
    /// The first half of BLAKE3 over the class's name.
    pub class: [u8; 16],
}

/// Why bytes are not the head of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HeadDamage {
    /// Fewer bytes than a head has.
    #[error("the file ends within the volume's head")]
    Cut,
    /// No volume begins here.
    #[error("not a volume")]
    Magic,
    /// Another version of the format.
    #[error(
        "a volume of format {0}, this program reads 1 to {VOLUME_VERSION}: open it with the version that wrote it"
    )]
    Version(u16),
    /// The checksum does not fit, or a field makes no sense.
    #[error("the volume's head is damaged")]
    Damaged,
}

impl VolumeHead {
    /// How a class's name stands in a head.
    #[must_use]
    pub fn class_hash(class: &str) -> [u8; 16] {
        let [half @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            *blake3::hash(class.as_bytes()).as_bytes();
        half
    }

    /// The head of a new volume of a vault with this identity and suite.
    pub(crate) fn of((vault, suite): ([u8; 16], CipherSuite), shelf: &Shelf, number: u32) -> Self {
        let class = Self::class_hash(&shelf.class);
        Self { version: VOLUME_VERSION, suite, number, day: shelf.day, vault, class }
    }

    /// Whether it is the head of this volume of this vault, in whatever version.
    pub(crate) fn is_of(&self, owner: ([u8; 16], CipherSuite), shelf: &Shelf, number: u32) -> bool {
        *self == Self { version: self.version, ..Self::of(owner, shelf, number) }
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; VOLUME_HEAD] {
        let mut head = [0; VOLUME_HEAD];
        head[..8].copy_from_slice(&MAGIC);
        head[8..10].copy_from_slice(&self.version.to_le_bytes());
        head[10] = self.suite.code();
        head[12..16].copy_from_slice(&self.number.to_le_bytes());
        head[16..20].copy_from_slice(&self.day.num_days_from_ce().to_le_bytes());
        head[20..36].copy_from_slice(&self.vault);
        head[36..52].copy_from_slice(&self.class);
        let crc = crc32c::crc32c(&head[..60]);
        head[60..].copy_from_slice(&crc.to_le_bytes());
        head
    }

    /// The inverse of [`Self::to_bytes`].
    ///
    /// # Errors
    /// Says what is wrong with the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HeadDamage> {
        let head = bytes.first_chunk::<VOLUME_HEAD>().ok_or(HeadDamage::Cut)?;
        if head[..8] != MAGIC {
            return Err(HeadDamage::Magic);
        }
        let long = |at: usize| [head[at], head[at + 1], head[at + 2], head[at + 3]];
        if crc32c::crc32c(&head[..60]) != u32::from_le_bytes(long(60)) {
            return Err(HeadDamage::Damaged);
        }
        let version = u16::from_le_bytes([head[8], head[9]]);
        if !(1..=VOLUME_VERSION).contains(&version) {
            return Err(HeadDamage::Version(version));
        }
        let half = |at: usize| std::array::from_fn(|i| head[at + i]);
        Ok(Self {
            version,
            suite: CipherSuite::from_code(head[10]).ok_or(HeadDamage::Damaged)?,
            number: u32::from_le_bytes(long(12)),
            day: NaiveDate::from_num_days_from_ce_opt(i32::from_le_bytes(long(16)))
                .ok_or(HeadDamage::Damaged)?,
            vault: half(20),
            class: half(36),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> VolumeHead {
        VolumeHead {
            version: VOLUME_VERSION,
            suite: CipherSuite::Aria256Gcm,
            number: 7,
            day: NaiveDate::from_ymd_opt(2026, 11, 21).unwrap(),
            vault: [9; 16],
            class: VolumeHead::class_hash("citizen-90d"),
        }
    }

    #[test]
    fn a_volume_head_reads_back() {
        let bytes = head().to_bytes();
        assert_eq!(&bytes[..16], b"EWVOLUME\x02\0\x02\0\x07\0\0\0");
        assert_eq!(VolumeHead::from_bytes(&bytes), Ok(head()));
    }

    #[test]
    fn a_volume_of_the_version_before_reads_back() {
        let before = VolumeHead { version: 1, ..head() };
        assert_eq!(VolumeHead::from_bytes(&before.to_bytes()), Ok(before));
    }

    #[test]
    fn every_flipped_or_missing_byte_of_a_volume_head_is_noticed() {
        let bytes = head().to_bytes();
        for at in 0..VOLUME_HEAD {
            let mut flipped = bytes;
            flipped[at] ^= 0x10;
            let expected = if at < 8 { HeadDamage::Magic } else { HeadDamage::Damaged };
            assert_eq!(VolumeHead::from_bytes(&flipped), Err(expected), "byte {at}");
            assert_eq!(VolumeHead::from_bytes(&bytes[..at]), Err(HeadDamage::Cut));
        }
    }

    #[test]
    fn another_version_is_told_from_damage() {
        for version in [0, 3, u16::MAX] {
            let bytes = VolumeHead { version, ..head() }.to_bytes();
            assert_eq!(VolumeHead::from_bytes(&bytes), Err(HeadDamage::Version(version)));
        }
    }
}
