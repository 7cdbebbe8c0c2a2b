//! A zip of which every byte is decided (APPNOTE 6.3.10, sections 4.3.7, 4.3.12, 4.3.16): files are stored and not compressed,
//! one behind the other without anything between, their headers have no fields of choice, and behind them stands the
//! directory that follows from them.
//!
//! It is read by being written again: what is there must be, to the byte, what [`write()`] makes of the names and sizes that it
//! says. So nothing hides in it and nothing in it has two readings; and as nothing is compressed, nothing grows when it is read.

use std::collections::HashSet;

use secrecy::SecretString;

use super::{
    Lock, Named,
    aes::{self, Closed},
};
use crate::name::{MOST_FILES, is_name};

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const LOCAL_HEADER: usize = 30;
/// Made on Unix, by a program that knows AES.
const MADE_BY: u16 = 3 << 8 | 51;
/// A file that its owner reads and writes.
const ATTRIBUTES: u32 = 0o100_600 << 16;
const ENCRYPTED: u16 = 1;
const STORED: u16 = 0;
const AES: u16 = 99;
/// The field that says how a file is locked: AE-2, AES-256, stored.
const AES_FIELD: [u8; 11] = [0x01, 0x99, 7, 0, 2, 0, b'A', b'E', 3, 0, 0];

/// When the files were made: the clock on the wall, to two seconds, as DOS has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    date: u16,
    time: u16,
}

impl Stamp {
    /// Of year, month, day and hour, minute, second. Years before 1980 and after 2107 are these.
    #[must_use]
    pub fn new((year, month, day): (i32, u32, u32), (hour, minute, second): (u32, u32, u32)) -> Self {
        let year = (year.clamp(1980, 2107) - 1980) as u16;
        let few = |value: u32, most: u32| value.min(most) as u16;
        Self {
            date: year << 9 | few(month, 12) << 5 | few(day, 31),
            time: few(hour, 23) << 11 | few(minute, 59) << 5 | (few(second, 59) / 2),
        }
    }
}

/// Why bytes are no zip of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ZipFault {
    /// It ends too early.
    #[error("the zip is cut off after {at} bytes")]
    Cut {
        /// Where what is missing would begin.
        at: usize,
    },
    /// It is not as it was made.
    #[error(
        "the zip is not as it was made, from byte {at} on; if somebody packed the files anew, unpack them and check the folder"
    )]
    Strange {
        /// Where.
        at: usize,
    },
    /// A name that no file of a bundle has.
    #[error("the zip has a file at byte {at} whose name leads elsewhere")]
    Name {
        /// Where.
        at: usize,
    },
    /// Two files have one name.
    #[error("the zip has two files of one name, the second at byte {at}")]
    Twice {
        /// Where the second is.
        at: usize,
    },
    /// More files than a bundle has.
    #[error("the zip has more files than a bundle")]
    TooMany,
    /// There is something behind its end.
    #[error("behind the end of the zip there is something else, from byte {at} on")]
    Behind {
        /// Where.
        at: usize,
    },
    /// It is locked.
    #[error("the zip is locked: its passphrase is needed")]
    PassphraseNeeded,
    /// The passphrase is another.
    #[error("the passphrase is not that of the zip")]
    WrongPassphrase,
    /// What was locked is not what is there.
    #[error("the file at byte {at} of the zip is not what was locked")]
    Changed {
        /// Where.
        at: usize,
    },
}

/// A file, as headers tell it.
struct Member {
    name: String,
    crc: u32,
    /// Of the content.
    size: u32,
    /// Where its header begins.
    at: u32,
    is_locked: bool,
}

impl Member {
    /// Bytes that it takes behind its header.
    const fn stored(&self) -> usize {
        self.size as usize + if self.is_locked { aes::AROUND } else { 0 }
    }

    const fn field(&self) -> &'static [u8] {
        if self.is_locked { &AES_FIELD } else { &[] }
    }

    /// What both headers have: from the version that is needed to the length of the extra field.
    fn facts(&self, stamp: Stamp) -> Vec<u8> {
        let (version, flags, method) =
            if self.is_locked { (51, ENCRYPTED, AES) } else { (20_u16, 0, STORED) };
        let mut facts = Vec::new();
        for half in [version, flags, method, stamp.time, stamp.date] {
            facts.extend_from_slice(&half.to_le_bytes());
        }
        for word in [self.crc, self.stored() as u32, self.size] {
            facts.extend_from_slice(&word.to_le_bytes());
        }
        for half in [self.name.len() as u16, self.field().len() as u16] {
            facts.extend_from_slice(&half.to_le_bytes());
        }
        facts
    }

    fn local(&self, stamp: Stamp) -> Vec<u8> {
        [&LOCAL[..], &self.facts(stamp), self.name.as_bytes(), self.field()].concat()
    }

    fn central(&self, stamp: Stamp) -> Vec<u8> {
        let mut header = [&CENTRAL[..], &MADE_BY.to_le_bytes(), &self.facts(stamp)].concat();
        // No comment, on the first disk, no text.
        header.extend_from_slice(&[0; 6]);
        header.extend_from_slice(&ATTRIBUTES.to_le_bytes());
        header.extend_from_slice(&self.at.to_le_bytes());
        header.extend_from_slice(self.name.as_bytes());
        header.extend_from_slice(self.field());
        header
    }
}

/// What stands behind the files, which end at `at`.
fn directory(members: &[Member], stamp: Stamp, at: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = members.iter().flat_map(|member| member.central(stamp)).collect();
    let size = bytes.len() as u32;
    let count = (members.len() as u16).to_le_bytes();
    bytes.extend_from_slice(&END);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&count);
    bytes.extend_from_slice(&count);
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend_from_slice(&(at as u32).to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes
}

/// The files in a zip. A bundle is far below the 4 GiB that its fields hold.
pub(super) fn write(
    files: &[Named],
    stamp: Stamp,
    (lock, mut salts): (&Lock, impl FnMut() -> [u8; 16]),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut members = Vec::with_capacity(files.len());
    for (name, content) in files {
        let at = bytes.len() as u32;
        let member =
            |crc, is_locked| Member { name: name.clone(), crc, size: content.len() as u32, at, is_locked };
        let (member, locked) = match lock {
            Lock::None => (member(crc32fast::hash(content), false), None),
            // In AE-2 the tag stands for the checksum.
            Lock::Passphrase(passphrase) => (member(0, true), Some(aes::lock(passphrase, salts(), content))),
        };
        bytes.extend(member.local(stamp));
        bytes.extend_from_slice(locked.as_deref().unwrap_or(content));
        members.push(member);
    }
    let directory = directory(&members, stamp, bytes.len());
    bytes.extend(directory);
    bytes
}

/// Whether the first file is locked.
pub(super) fn is_locked(bytes: &[u8]) -> bool {
    half(bytes, 6).is_some_and(|flags| flags & ENCRYPTED != 0)
}

/// The inverse of [`write()`].
pub(super) fn read(bytes: &[u8], passphrase: Option<&SecretString>) -> Result<(Stamp, Vec<Named>), ZipFault> {
    let cut = ZipFault::Cut { at: bytes.len() };
    let (time, date) = (half(bytes, 10).ok_or(cut)?, half(bytes, 12).ok_or(cut)?);
    let stamp = Stamp { date, time };
    let (mut files, mut members, mut names, mut at) = (Vec::new(), Vec::new(), HashSet::new(), 0);
    while bytes.get(at..).is_some_and(|rest| rest.starts_with(&LOCAL)) {
        let member = member_at(bytes, at)?;
        let header = member.local(stamp);
        differs(&bytes[at..], &header).map_or(Ok(()), |byte| Err(ZipFault::Strange { at: at + byte }))?;
        if !is_name(&member.name) {
            return Err(ZipFault::Name { at });
        }
        if !names.insert(member.name.clone()) {
            return Err(ZipFault::Twice { at });
        }
        if members.len() == MOST_FILES {
            return Err(ZipFault::TooMany);
        }
        let begin = at + header.len();
        let stored = bytes.get(begin..begin + member.stored()).ok_or(cut)?;
        files.push((member.name.clone(), content_of(&member, stored, passphrase)?));
        at = begin + stored.len();
        members.push(member);
    }
    let directory = directory(&members, stamp, at);
    let rest = bytes.get(at..).unwrap_or_default();
    match differs(rest, &directory) {
        Some(_) if directory.starts_with(rest) => Err(cut),
        Some(byte) => Err(ZipFault::Strange { at: at + byte }),
        None if rest.len() > directory.len() => Err(ZipFault::Behind { at: at + directory.len() }),
        None => Ok((stamp, files)),
    }
}

/// The first byte of `expected` that `bytes` do not begin with.
fn differs(bytes: &[u8], expected: &[u8]) -> Option<usize> {
    let equal = bytes.iter().zip(expected).take_while(|(one, other)| one == other).count();
    (equal < expected.len()).then_some(equal)
}

/// What the header at `at` says, as far as it may choose.
fn member_at(bytes: &[u8], at: usize) -> Result<Member, ZipFault> {
    let cut = ZipFault::Cut { at: bytes.len() };
    let header = bytes.get(at..).unwrap_or_default();
    let name = header.get(LOCAL_HEADER..LOCAL_HEADER + usize::from(half(header, 26).ok_or(cut)?));
    let name = std::str::from_utf8(name.ok_or(cut)?).map_err(|_| ZipFault::Name { at })?.to_owned();
    let is_locked = half(header, 6).ok_or(cut)? & ENCRYPTED != 0;
    let (crc, size) = (word(header, 14).ok_or(cut)?, word(header, 22).ok_or(cut)?);
    let at_or_strange = u32::try_from(at).map_err(|_| ZipFault::Strange { at })?;
    Ok(Member { name, crc, size, at: at_or_strange, is_locked })
}

fn content_of(
    member: &Member,
    stored: &[u8],
    passphrase: Option<&SecretString>,
) -> Result<Vec<u8>, ZipFault> {
    let at = member.at as usize;
    if !member.is_locked {
        let is_whole = crc32fast::hash(stored) == member.crc;
        return if is_whole { Ok(stored.to_vec()) } else { Err(ZipFault::Changed { at }) };
    }
    if member.crc != 0 {
        return Err(ZipFault::Strange { at: at + 14 });
    }
    let passphrase = passphrase.ok_or(ZipFault::PassphraseNeeded)?;
    aes::unlock(passphrase, stored).map_err(|closed| match closed {
        // The first file tells the passphrase; behind it, it is known.
        Closed::WrongPassphrase if at == 0 => ZipFault::WrongPassphrase,
        Closed::WrongPassphrase | Closed::Changed => ZipFault::Changed { at },
    })
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<Named> {
        [("a.txt", &b"one"[..]), ("b/c.bin", &[7; 300]), ("empty", b"")]
            .map(|(name, content)| (name.to_owned(), content.to_vec()))
            .to_vec()
    }

    fn locked() -> (Vec<u8>, SecretString) {
        let passphrase = SecretString::from("correct horse");
        let mut n = 0;
        let salts = || {
            n += 1;
            [n; 16]
        };
        (write(&files(), stamp(), (&Lock::Passphrase(passphrase.clone()), salts)), passphrase)
    }

    fn open() -> Vec<u8> {
        write(&files(), stamp(), (&Lock::None, || unreachable!("nothing is locked")))
    }

    fn stamp() -> Stamp {
        Stamp::new((2026, 11, 22), (17, 25, 5))
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(read(&open(), None), Ok((stamp(), files())));
        let (bytes, passphrase) = locked();
        assert_eq!(read(&bytes, Some(&passphrase)), Ok((stamp(), files())));
        assert_eq!(read(&bytes, None), Err(ZipFault::PassphraseNeeded));
        assert_eq!(read(&bytes, Some(&"other".into())), Err(ZipFault::WrongPassphrase));
        assert!(is_locked(&bytes) && !is_locked(&open()));
        assert!(!bytes.windows(3).any(|part| part == b"one"));
    }

    #[test]
    fn every_changed_cut_or_added_byte_is_noticed() {
        let (locked, passphrase) = locked();
        for (whole, passphrase) in [(open(), None), (locked, Some(&passphrase))] {
            // Making the keys of a passphrase takes its time.
            let apart = if passphrase.is_some() { 11 } else { 1 };
            for at in 0..whole.len() {
                let mut changed = whole.clone();
                changed[at] ^= 1 << (at % 8);
                assert!(read(&changed, passphrase).is_err(), "byte {at}");
            }
            for at in (0..whole.len()).step_by(apart) {
                assert!(read(&whole[..at], passphrase).is_err(), "cut at {at}");
                let mut more = whole.clone();
                more.insert(at, whole[at] ^ 1);
                assert!(read(&more, passphrase).is_err(), "one more at {at}");
            }
            let behind = [&whole[..], b"!"].concat();
            assert_eq!(read(&behind, passphrase), Err(ZipFault::Behind { at: whole.len() }));
        }
    }

    #[test]
    fn names_that_lead_elsewhere_or_come_twice_are_refused() {
        let zip = |names: &[&str]| {
            let files: Vec<Named> = names.iter().map(|name| ((*name).to_owned(), vec![1])).collect();
            read(&write(&files, stamp(), (&Lock::None, || [0; 16])), None).unwrap_err()
        };
        assert_eq!(zip(&["../a"]), ZipFault::Name { at: 0 });
        assert_eq!(zip(&["a", "a"]), ZipFault::Twice { at: 32 });
        let many: Vec<String> = (0..=MOST_FILES).map(|n| n.to_string()).collect();
        assert_eq!(zip(&many.iter().map(String::as_str).collect::<Vec<_>>()), ZipFault::TooMany);
    }

    #[test]
    fn a_link_in_the_directory_is_no_file() {
        let mut bytes = open();
        let directory = bytes.windows(4).position(|part| part == CENTRAL).unwrap();
        bytes[directory + 41] = 0o120_000_u32.to_le_bytes()[1];
        assert_eq!(read(&bytes, None), Err(ZipFault::Strange { at: directory + 41 }));
    }
}
