//! Gzip (RFC 1952) under a capture: members one after the other, and the difference between cut and broken.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::GzDecoder;

use crate::Damage;

/// The first two bytes of a gzip member (RFC 1952, 2.3.1).
pub(crate) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Compressed bytes that are read at once.
const CHUNK: usize = 256 * 1024;

/// The file as it is stored: the bytes that were looked at, then the rest.
pub(crate) struct Stored {
    head: Cursor<Vec<u8>>,
    rest: Box<dyn Read + Send>,
    rest_bytes: u64,
}

impl Stored {
    pub(crate) fn new(head: Vec<u8>, rest: Box<dyn Read + Send>) -> Self {
        Self { head: Cursor::new(head), rest, rest_bytes: 0 }
    }

    /// Bytes read so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.head.position() + self.rest_bytes
    }
}

impl Read for Stored {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.head.read(buffer)?;
        if length > 0 || buffer.is_empty() {
            return Ok(length);
        }
        let length = self.rest.read(buffer)?;
        self.rest_bytes += length as u64;
        Ok(length)
    }
}

/// Why there are no more bytes.
#[derive(Debug)]
pub(crate) enum NoMore {
    /// The file ends here, as far as its packing can tell.
    End,
    /// The file ends here, in the middle of a gzip member.
    Cut,
    /// The packing does not make sense.
    Damaged(Damage),
    /// The operating system would not give them.
    Unreadable(io::Error),
}

/// The bytes of a capture, out of whatever it is stored in.
pub(crate) enum Unpacked {
    /// Stored as they are.
    Plain(Stored),
    /// Stored in gzip members: the one that is being read.
    Gzip(Box<GzDecoder<BufReader<Stored>>>),
    /// After the last gzip member: how many bytes were stored.
    Finished(u64),
}

impl Unpacked {
    pub(crate) fn gzip(stored: Stored) -> Self {
        Self::Gzip(Box::new(GzDecoder::new(BufReader::with_capacity(CHUNK, stored))))
    }

    /// Bytes read so far from the file as it is stored.
    pub(crate) fn stored_bytes(&self) -> u64 {
        match self {
            Self::Plain(stored) => stored.bytes(),
            Self::Gzip(member) => member.get_ref().get_ref().bytes(),
            Self::Finished(bytes) => *bytes,
        }
    }

    /// At least one more byte into `buffer`, which is not empty, or why not.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, NoMore> {
        loop {
            let read = match self {
                Self::Plain(stored) => stored.read(buffer),
                Self::Gzip(member) => member.read(buffer),
                Self::Finished(_) => return Err(NoMore::End),
            };
            match read {
                Ok(0) => self.next_member()?,
                Ok(length) => return Ok(length),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.cause(error)),
            }
        }
    }

    /// From the end of one gzip member to the next.
    fn next_member(&mut self) -> Result<(), NoMore> {
        match std::mem::replace(self, Self::Finished(0)) {
            Self::Gzip(member) => {
                let mut rest = member.into_inner();
                let after = after_member(&mut rest);
                *self = match after {
                    Ok(()) => Self::Gzip(Box::new(GzDecoder::new(rest))),
                    Err(_) => Self::Finished(rest.get_ref().bytes()),
                };
                after
            }
            ended @ (Self::Plain(_) | Self::Finished(_)) => {
                *self = ended;
                Err(NoMore::End)
            }
        }
    }

    /// The decoder speaks in `io::Error`s of its own kinds; the operating system's errors carry a number.
    fn cause(&self, error: io::Error) -> NoMore {
        match (self, error.kind()) {
            (Self::Gzip(_), io::ErrorKind::UnexpectedEof) => NoMore::Cut,
            (Self::Gzip(_), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)
                if error.raw_os_error().is_none() =>
            {
                NoMore::Damaged(Damage::Gzip)
            }
            (Self::Gzip(_) | Self::Plain(_) | Self::Finished(_), _) => NoMore::Unreadable(error),
        }
    }
}

/// Whether another member follows. Zeros after the last one are padding, as tapes and block devices leave it.
fn after_member(rest: &mut BufReader<Stored>) -> Result<(), NoMore> {
    let mut padding = false;
    loop {
        let bytes = match rest.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(NoMore::Unreadable(error)),
        };
        let length = bytes.len();
        match *bytes {
            [] => return Err(NoMore::End),
            [first, ..] if first == MAGIC[0] && !padding => return Ok(()),
            _ if bytes.iter().all(|byte| *byte == 0) => padding = true,
            _ => return Err(NoMore::Damaged(Damage::AfterGzip)),
        }
        rest.consume(length);
    }
}
