//! One thing said: its length in four bytes, least first, and the thing in postcard.

use std::io::{self, Read};

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

/// More than a request may be: a command line.
pub(super) const MAX_REQUEST: usize = 64 << 10;
/// More than a reply may be: the text of all rules, or the names of all files of keys.
pub(super) const MAX_REPLY: usize = 16 << 20;
/// More than the recorder says at once: pieces of a result, and the health of the recorder.
pub(super) const MAX_SAID: usize = 1 << 20;
/// A result is said in pieces of so many bytes.
pub(super) const PIECE: usize = 32 << 10;

/// `thing` as it is sent. It may hold a key: the bytes are wiped when they are dropped, and are never moved before, for what
/// a vector leaves behind when it grows is not wiped.
pub(super) fn pack(thing: &impl Serialize) -> io::Result<Zeroizing<Vec<u8>>> {
    let size = postcard::experimental::serialized_size(thing).map_err(io::Error::other)?;
    let length = u32::try_from(size).map_err(io::Error::other)?.to_le_bytes();
    let mut bytes = Zeroizing::new(vec![0; length.len() + size]);
    let (front, rest) = bytes.split_at_mut(length.len());
    front.copy_from_slice(&length);
    postcard::to_slice(thing, rest).map_err(io::Error::other)?;
    Ok(bytes)
}

/// Reads one thing of at most `most` bytes.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] when the other side is gone, [`io::ErrorKind::InvalidData`] when it says nothing that is
/// understood, and what `from` says.
pub(super) fn unpack<T: DeserializeOwned>(from: &mut impl Read, most: usize) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it says more than it may"));
    }
    let mut bytes = Zeroizing::new(vec![0; length]);
    from.read_exact(&mut bytes)?;
    let (thing, rest) = postcard::take_from_bytes(&bytes)
        .map_err(|_cause| io::Error::new(io::ErrorKind::InvalidData, "it is not understood"))?;
    if rest.is_empty() {
        return Ok(thing);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "more than one thing is said at once"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::SecretString;

    use super::{
        super::protocol::{Errand, RawText, Reply, Request, Said},
        *,
    };

    #[test]
    fn what_is_said_arrives() {
        let said = Said::Errand(Errand::Bytes(vec![7; 300]));
        let bytes = pack(&said).unwrap();
        assert_eq!(unpack::<Said>(&mut bytes.as_slice(), MAX_SAID).unwrap(), said);
        let short = unpack::<Said>(&mut &bytes[..bytes.len() - 1], MAX_SAID).unwrap_err();
        assert_eq!(short.kind(), io::ErrorKind::UnexpectedEof);
        let small = unpack::<Said>(&mut bytes.as_slice(), 100).unwrap_err();
        assert_eq!(small.to_string(), "it says more than it may");
    }

    #[test]
    fn a_key_is_said_once_and_never_printed() {
        let path = RawText::from(std::path::Path::new("/k"));
        let reply = Reply::Key { path, secret: SecretString::from("AGE-SECRET-KEY-1QQ").into() };
        assert!(!format!("{reply:?}").contains("AGE-SECRET"), "{reply:?}");
        let bytes = pack(&reply).unwrap();
        assert_eq!(bytes.capacity(), bytes.len(), "what grows leaves a copy behind that nobody wipes");
        let Reply::Key { secret, .. } = unpack(&mut bytes.as_slice(), MAX_REPLY).unwrap() else { panic!() };
        assert_eq!(secret.expose(), "AGE-SECRET-KEY-1QQ");
    }

    proptest! {
        #[test]
        fn any_bytes_are_understood_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
            let whole = [&length, bytes.as_slice()].concat();
            for bytes in [bytes.as_slice(), &whole] {
                let request = unpack::<Request>(&mut &*bytes, MAX_REQUEST).map(|request| pack(&request).unwrap());
                // What is understood is what was said, but for numbers that were written longer than they need.
                prop_assert!(request.is_err() || request.unwrap().len() <= bytes.len());
                let reply = unpack::<Reply>(&mut &*bytes, MAX_REPLY).map(|reply| pack(&reply).unwrap());
                prop_assert!(reply.is_err() || reply.unwrap().len() <= bytes.len());
            }
        }
    }
}
