//! Packets one after the other in a stream, told apart by their lengths.

const MAGIC: [u8; 4] = *b"HEP3";
/// Magic and length.
const HEADER: usize = 6;

/// What came is no HEP version 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotHep;

/// Puts packets together that come in a stream. It holds less than one packet, which is at most 65,535 bytes long.
#[derive(Debug, Default)]
pub struct HepFraming {
    partial: Vec<u8>,
    /// That is whole, and was handed over.
    is_taken: bool,
}

/// The length of the packet that `bytes` begin; `None` while its header is not there.
///
/// # Errors
/// When no packet begins so.
pub(super) fn length_of(bytes: &[u8]) -> Result<Option<usize>, NotHep> {
    let known = bytes.len().min(MAGIC.len());
    if bytes.get(..known) != MAGIC.get(..known) {
        return Err(NotHep);
    }
    let Some(&[.., l0, l1]) = bytes.first_chunk::<HEADER>() else { return Ok(None) };
    match usize::from(u16::from_be_bytes([l0, l1])) {
        ..HEADER => Err(NotHep),
        length => Ok(Some(length)),
    }
}

impl HepFraming {
    /// Takes what came next, and hands each packet that is whole then to `take`.
    ///
    /// # Errors
    /// When what comes next is no packet: nobody can say any more where one begins. Those before it were handed over.
    pub fn handle_bytes(&mut self, mut bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), NotHep> {
        while let Some(packet) = self.next_packet(&mut bytes)? {
            take(packet);
        }
        Ok(())
    }

    /// The next packet that is whole with what is first in `bytes`, which has only what follows it then. `None` when all of it
    /// was taken, and is less than a packet.
    ///
    /// # Errors
    /// When what comes next is no packet.
    pub(super) fn next_packet<'a, 'b: 'a>(
        &'a mut self,
        bytes: &mut &'b [u8],
    ) -> Result<Option<&'a [u8]>, NotHep> {
        if std::mem::take(&mut self.is_taken) {
            self.partial.clear();
        }
        if self.partial.is_empty() {
            if let Some(whole) = length_of(bytes)?.filter(|whole| *whole <= bytes.len()) {
                let (packet, rest) = bytes.split_at(whole);
                *bytes = rest;
                return Ok(Some(packet));
            }
            self.partial.extend_from_slice(std::mem::take(bytes));
            return Ok(None);
        }
        loop {
            let whole = length_of(&self.partial)?.unwrap_or(HEADER);
            let (now, rest) = bytes.split_at(bytes.len().min(whole - self.partial.len()));
            self.partial.extend_from_slice(now);
            *bytes = rest;
            if length_of(&self.partial)? == Some(self.partial.len()) {
                self.is_taken = true;
                return Ok(Some(&self.partial));
            }
            if bytes.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Bytes of a packet that is not whole yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        if self.is_taken { 0 } else { self.partial.len() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(body: &[u8]) -> Vec<u8> {
        [&MAGIC[..], &(HEADER as u16 + body.len() as u16).to_be_bytes(), body].concat()
    }

    /// What comes out of a stream that comes in pieces.
    fn taken(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Result<(), NotHep>, usize) {
        let (mut framing, mut packets) = (HepFraming::default(), Vec::new());
        let ended = pieces
            .iter()
            .try_for_each(|piece| framing.handle_bytes(piece, |packet| packets.push(packet.to_vec())));
        (packets, ended, framing.waiting())
    }

    #[test]
    fn what_is_no_packet_ends_the_stream_at_its_first_byte() {
        for wrong in [&b"GET / HTTP/1.1\r\n"[..], b"X", b"HEP2\0\x10", b"HEP3\0\x05", b"\0"] {
            let first = packet(b"one");
            assert_eq!(taken(&[&first, wrong]), (vec![first.clone()], Err(NotHep), 0), "{wrong:?}");
            let both = [&first, wrong].concat();
            assert_eq!(taken(&[&both]).0, [first]);
        }
        assert_eq!(taken(&[b"HE", b"P4"]).1, Err(NotHep));
    }

    #[test]
    fn the_shortest_and_the_longest_packet_pass() {
        let (short, long) = (packet(b""), packet(&vec![7; 65_529]));
        let stream = [&short[..], &long, &short].concat();
        assert_eq!(taken(&[&stream]).0, [short.clone(), long, short]);
    }

    proptest! {
        #[test]
        fn however_a_stream_is_cut_its_packets_are_those_that_were_sent(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
            missing in 0usize..10,
        ) {
            let sent: Vec<Vec<u8>> = bodies.iter().map(|body| packet(body)).collect();
            let mut stream = sent.concat();
            let whole = stream.len();
            stream.extend(packet(b"not all of it").iter().take(missing));
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            places.extend([0, stream.len()]);
            places.sort_unstable();
            let pieces: Vec<&[u8]> = places.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            prop_assert_eq!(taken(&pieces), (sent, Ok(()), stream.len() - whole));
        }
    }
}
