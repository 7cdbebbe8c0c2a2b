//! The officer's key in several hands: any `threshold` of its shares make it, fewer tell nothing of it.
//!
//! Shamir's scheme over GF(256), by `blahaj`. What is shared is the 32 bytes of the age identity. A share, as bytes:
//!
//! ```text
//!   0   1           2       3       4        8          14        46      50
//!   +---+-----------+-------+-------+--------+----------+---------+-------+
//!   | 1 | threshold | count | place | split  | officer  | value   | check |
//!   +---+-----------+-------+-------+--------+----------+---------+-------+
//!   split    random, the same in all shares of one splitting      value    the polynomials at `place`
//!   officer  BLAKE3 of the officer's public key, its beginning    check    BLAKE3 of all before it, its beginning
//! ```
//!
//! How it is printed and typed is told in [`text`]. A share of threshold 1 is the key itself: a recovery sheet.

mod text;

use age::x25519::Identity;
use bech32::{Bech32Writer, ToBase32, Variant};
use blahaj::Sharks;
use rand::{RngCore, rngs::OsRng};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub use self::text::ShareLines;
use crate::officer_key::OfficerKey;

const VERSION: u8 = 1;
/// Bytes of a share.
const SIZE: usize = 50;
const OFFICER: usize = 6;
const CHECK: usize = 4;
/// Shares that are made at most: as many as can be kept apart.
pub const MOST_SHARES: u8 = 30;

/// One share of the officer's key.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Share {
    threshold: u8,
    count: u8,
    place: u8,
    split: [u8; 4],
    officer: [u8; OFFICER],
    value: [u8; 32],
}

/// Why a key cannot be split, or shares cannot be read or joined. Lines and places count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShareFault {
    /// Neither the lines of a share nor its code is there.
    #[error(
        "no share: the lines S1 to S5 of its sheet are missing, and so is the code that its picture holds"
    )]
    NoShare,
    /// A line does not have its checksum.
    #[error("line S{line} is not as it is printed: compare it with the sheet, letter by letter")]
    Line {
        /// Which one.
        line: u8,
    },
    /// A line is not there.
    #[error("line S{line} is missing")]
    MissingLine {
        /// Which one.
        line: u8,
    },
    /// A line is there twice.
    #[error("line S{line} is there twice, with two contents: a file holds one share")]
    LineTwice {
        /// Which one.
        line: u8,
    },
    /// The lines are right, and are not those of one share.
    #[error("the lines are not those of one share")]
    Mixed,
    /// Another version of the program made it.
    #[error("a share of version {found}, and this program reads version {VERSION}: use the newer earwitness")]
    Version {
        /// The version.
        found: u8,
    },
    /// So many shares cannot be made.
    #[error(
        "{count} shares of which {threshold} are needed cannot be made: 2 to {MOST_SHARES} shares, at least 2 needed, not more than there are"
    )]
    Counts {
        /// How many were asked for.
        count: u8,
        /// How many shall be needed.
        threshold: u8,
    },
    /// The key's bytes cannot be read.
    #[error("the officer's key is not an X25519 identity of age")]
    NotAnIdentity,
    /// A share is of another splitting of the key.
    #[error("share {nth} is of another splitting than share 1: shares of two splittings do not fit together")]
    OtherSplit {
        /// Which of those given.
        nth: usize,
    },
    /// A share is of another key.
    #[error("share {nth} is of another officer's key than share 1")]
    OtherKey {
        /// Which of those given.
        nth: usize,
    },
    /// The same share twice.
    #[error("share {nth} is there twice: it counts once")]
    Twice {
        /// The second of those given.
        nth: usize,
    },
    /// Too few.
    #[error("{given} shares, and {needed} are needed")]
    TooFew {
        /// How many there are.
        given: usize,
        /// How many are needed.
        needed: u8,
    },
    /// What the shares make is not the key that they say they are of: one was forged.
    #[error("the shares make another key than they say: one of them is forged or was made of another key")]
    Forged,
}

impl Share {
    /// The key itself, for a recovery sheet.
    ///
    /// # Errors
    /// [`ShareFault::NotAnIdentity`].
    pub fn whole(key: &OfficerKey) -> Result<Self, ShareFault> {
        let value = *secret_of(key)?;
        let mut share = Self {
            threshold: 1,
            count: 1,
            place: 1,
            split: [0; 4],
            officer: officer_of(&key.identity),
            value,
        };
        OsRng.fill_bytes(&mut share.split);
        Ok(share)
    }

    /// Which one it is, from 1.
    #[must_use]
    pub const fn place(&self) -> u8 {
        self.place
    }

    /// How many were made.
    #[must_use]
    pub const fn count(&self) -> u8 {
        self.count
    }

    /// How many make the key.
    #[must_use]
    pub const fn threshold(&self) -> u8 {
        self.threshold
    }

    fn to_bytes(&self) -> Zeroizing<[u8; SIZE]> {
        let mut bytes = Zeroizing::new([0; SIZE]);
        bytes[..4].copy_from_slice(&[VERSION, self.threshold, self.count, self.place]);
        bytes[4..8].copy_from_slice(&self.split);
        bytes[8..14].copy_from_slice(&self.officer);
        bytes[14..46].copy_from_slice(&self.value);
        let check = check_of(&bytes[..SIZE - CHECK]);
        bytes[SIZE - CHECK..].copy_from_slice(&check);
        bytes
    }

    fn from_bytes(bytes: &[u8; SIZE]) -> Result<Self, ShareFault> {
        let (content, check) = bytes.split_at(SIZE - CHECK);
        if check_of(content) != check {
            return Err(ShareFault::Mixed);
        }
        let [version, threshold, count, place] = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if version != VERSION {
            return Err(ShareFault::Version { found: version });
        }
        if !(1..=count).contains(&place) || !(1..=count).contains(&threshold) || count > MOST_SHARES {
            return Err(ShareFault::Mixed);
        }
        let part = |from: usize| std::array::from_fn(|i| bytes[from + i]);
        let (split, value) = (std::array::from_fn(|i| bytes[4 + i]), std::array::from_fn(|i| bytes[14 + i]));
        Ok(Self { threshold, count, place, split, officer: part(8), value })
    }
}

/// Splits the officer's key into `count` shares, of which any `threshold` make it.
///
/// # Errors
/// [`ShareFault::Counts`], [`ShareFault::NotAnIdentity`].
pub fn split_key(key: &OfficerKey, count: u8, threshold: u8) -> Result<Vec<Share>, ShareFault> {
    if !(2..=MOST_SHARES).contains(&count) || !(2..=count).contains(&threshold) {
        return Err(ShareFault::Counts { count, threshold });
    }
    let secret = secret_of(key)?;
    let mut split = [0; 4];
    OsRng.fill_bytes(&mut split);
    let officer = officer_of(&key.identity);
    let share = |share: blahaj::Share| {
        let bytes = Zeroizing::new(Vec::from(&share));
        let (&place, value) = bytes.split_first().expect("a share begins with its place");
        let value = value.try_into().expect("a share is as long as its secret");
        Share { threshold, count, place, split, officer, value }
    };
    Ok(Sharks(threshold).dealer(&*secret).take(usize::from(count)).map(share).collect())
}

/// The officer's key, of enough of its shares.
///
/// # Errors
/// What is wrong with which of them, counted from 1.
pub fn join_shares(shares: &[Share]) -> Result<OfficerKey, ShareFault> {
    let first = shares.first().ok_or(ShareFault::NoShare)?;
    for (nth, share) in (1..).zip(shares) {
        if share.officer != first.officer {
            return Err(ShareFault::OtherKey { nth });
        }
        if (share.split, share.threshold, share.count) != (first.split, first.threshold, first.count) {
            return Err(ShareFault::OtherSplit { nth });
        }
        if shares[..nth - 1].iter().any(|before| before.place == share.place) {
            return Err(ShareFault::Twice { nth });
        }
    }
    if shares.len() < usize::from(first.threshold) {
        return Err(ShareFault::TooFew { given: shares.len(), needed: first.threshold });
    }
    let secret =
        if first.threshold == 1 { Zeroizing::new(first.value.to_vec()) } else { interpolated(shares)? };
    let identity = identity_of(&secret).ok_or(ShareFault::Forged)?;
    if officer_of(&identity) != first.officer {
        return Err(ShareFault::Forged);
    }
    Ok(OfficerKey::joined(identity))
}

fn interpolated(shares: &[Share]) -> Result<Zeroizing<Vec<u8>>, ShareFault> {
    let needed = shares[0].threshold;
    let point = |share: &Share| {
        let bytes = Zeroizing::new([&[share.place][..], &share.value].concat());
        blahaj::Share::try_from(bytes.as_slice()).expect("33 bytes are a share")
    };
    // More than are needed would make the same, or show that one is forged: all are used.
    let points: Vec<_> = shares.iter().map(point).collect();
    let given = shares.len();
    let secret = Sharks(needed).recover(&points).map_err(|_| ShareFault::TooFew { given, needed })?;
    Ok(Zeroizing::new(secret))
}

/// The name before the digits of an age identity, and how many digits are a checksum.
const HUMAN_PART: &str = "age-secret-key-";
const CHECKSUM: usize = 6;
/// Digits by value (BIP 173).
const DIGITS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// The 32 bytes of an age identity, out of its text (BIP 173). What is read is written into what is returned and nowhere else,
/// so that nothing is left in memory that nobody wipes.
fn secret_of(key: &OfficerKey) -> Result<Zeroizing<[u8; 32]>, ShareFault> {
    use age::secrecy::ExposeSecret;
    let text = key.to_secret();
    let (_, digits) = text.expose_secret().rsplit_once('1').ok_or(ShareFault::NotAnIdentity)?;
    let digits = digits.len().checked_sub(CHECKSUM).and_then(|end| digits.get(..end));
    let mut secret = Zeroizing::new([0; 32]);
    let (mut place, mut bits, mut waiting) = (0, Zeroizing::new(0_u32), 0);
    for digit in digits.ok_or(ShareFault::NotAnIdentity)?.bytes() {
        let value = DIGITS.iter().position(|known| *known == digit.to_ascii_lowercase());
        *bits = (*bits << 5 | value.ok_or(ShareFault::NotAnIdentity)? as u32) & 0xfff;
        waiting += 5;
        if waiting >= 8 {
            waiting -= 8;
            *secret.get_mut(place).ok_or(ShareFault::NotAnIdentity)? = (*bits >> waiting) as u8;
            place += 1;
        }
    }
    // Also holds the checksum: a text that says another key is none.
    let is_it = identity_of(&*secret)
        .is_some_and(|again| again.to_public().to_string() == key.identity.to_public().to_string());
    if is_it { Ok(secret) } else { Err(ShareFault::NotAnIdentity) }
}

fn identity_of(secret: &[u8]) -> Option<Identity> {
    // Long enough that it is never moved.
    let mut text = Zeroizing::new(String::with_capacity(128));
    let mut writer = Bech32Writer::new(HUMAN_PART, Variant::Bech32, &mut *text).ok()?;
    secret.write_base32(&mut writer).ok()?;
    writer.finalize().ok()?;
    text.make_ascii_uppercase();
    text.parse().ok()
}

fn officer_of(identity: &Identity) -> [u8; OFFICER] {
    let hash = blake3::hash(identity.to_public().to_string().as_bytes());
    std::array::from_fn(|i| hash.as_bytes()[i])
}

fn check_of(content: &[u8]) -> [u8; CHECK] {
    let hash = blake3::derive_key("earwitness 2026 share of an officer's key", content);
    std::array::from_fn(|i| hash[i])
}

/// What it holds is not printed.
impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Share({} of {}, {} needed)", self.place, self.count, self.threshold)
    }
}

#[cfg(test)]
mod tests;
