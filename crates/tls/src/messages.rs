//! Handshake messages out of records (RFC 8446, 4 and 5.1): several in one, or one in several.

/// The longest hello that is read.
const MOST_HELLO: usize = 64 << 10;
const HEADER: usize = 4;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// What is there of a message that is not whole.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    held: Vec<u8>,
    /// Bytes of a message that nobody reads.
    skip: usize,
}

/// A message that somebody reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hello {
    Client(Vec<u8>),
    Server(Vec<u8>),
}

/// A hello says that it is longer than any is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Messages {
    /// Memory of it.
    pub(crate) const fn held(&self) -> usize {
        self.held.capacity()
    }

    /// Takes the body of a record. The hellos that it completes.
    pub(crate) fn handle_bytes(&mut self, bytes: &[u8]) -> Result<Vec<Hello>, TooLong> {
        let mut hellos = Vec::new();
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        self.held.extend_from_slice(bytes.get(skipped..).unwrap_or_default());
        let mut at = 0;
        while let Some((&[kind, high, middle, low], rest)) =
            self.held.get(at..).and_then(<[u8]>::split_first_chunk::<HEADER>)
        {
            let len = u32::from_be_bytes([0, high, middle, low]) as usize;
            let is_hello = matches!(kind, CLIENT_HELLO | SERVER_HELLO);
            if is_hello && len > MOST_HELLO {
                return Err(TooLong);
            }
            match rest.get(..len) {
                Some(body) if kind == CLIENT_HELLO => hellos.push(Hello::Client(body.to_vec())),
                Some(body) if kind == SERVER_HELLO => hellos.push(Hello::Server(body.to_vec())),
                Some(_) => {}
                None if is_hello => break,
                None => self.skip = len - rest.len(),
            }
            at = (at + HEADER + len).min(self.held.len());
        }
        self.held.drain(..at);
        if self.held.is_empty() {
            self.held = Vec::new();
        }
        Ok(hellos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hellos_are_read_however_they_are_cut_and_others_are_passed_over() {
        let stream =
            [&[1, 0, 0, 3, 7, 8, 9][..], &[11, 0, 1, 0], &[0; 256], &[14, 0, 0, 0], &[2, 0, 0, 1, 5]]
                .concat();
        let expected = [Hello::Client(vec![7, 8, 9]), Hello::Server(vec![5])];
        for size in 1..=stream.len() {
            let mut messages = Messages::default();
            let hellos: Vec<_> =
                stream.chunks(size).flat_map(|chunk| messages.handle_bytes(chunk).unwrap()).collect();
            assert_eq!(hellos, expected, "cut to {size}");
            assert!(messages.held.is_empty() && messages.held() <= 300);
        }
    }

    #[test]
    fn a_hello_that_is_too_long_is_refused_and_another_message_is_not_kept() {
        let mut messages = Messages::default();
        assert_eq!(messages.handle_bytes(&[1, 1, 0, 1]), Err(TooLong));
        let mut messages = Messages::default();
        for _ in 0..100 {
            assert_eq!(messages.handle_bytes(&[11, 0xff, 0xff, 0xff]), Ok(vec![]));
        }
        assert!(messages.held() < 1000);
    }
}
