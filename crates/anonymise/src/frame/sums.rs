//! Checksums over what was written anew.

use std::net::IpAddr;

/// A checksum to be made when all that it covers is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sum {
    /// Where it stands.
    pub(crate) at: usize,
    /// Where what it covers begins.
    pub(crate) from: usize,
    /// How much that is; 0 for all there is.
    pub(crate) len: usize,
    pub(crate) protects: Protects,
}

/// What a checksum covers beside the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protects {
    /// Nothing.
    Bytes,
    /// Addresses, protocol and length (RFC 768; RFC 8200, section 8.1).
    Datagram { src: IpAddr, dst: IpAddr, protocol: u8 },
}

impl Protects {
    /// The same of another protocol between the same addresses.
    pub(crate) const fn of_protocol(self, protocol: u8) -> Self {
        match self {
            Self::Bytes => self,
            Self::Datagram { src, dst, .. } => Self::Datagram { src, dst, protocol },
        }
    }
}

impl Sum {
    /// Writes it into `frame`. What was not captured whole has none: 0.
    pub(crate) fn write(&self, frame: &mut [u8]) {
        let len = if self.len == 0 { frame.len().saturating_sub(self.from) } else { self.len };
        let Some(covered) = frame.get(self.from..self.from.saturating_add(len)) else {
            put(frame, self.at, 0);
            return;
        };
        let mut covered = covered.to_vec();
        put(&mut covered, self.at.saturating_sub(self.from), 0);
        let sum = match self.protects {
            Protects::Bytes => checksum(0, &[&covered]),
            Protects::Datagram { src, dst, protocol } => {
                let (src, dst) = (octets(src), octets(dst));
                let sum = checksum(u64::from(protocol) + len as u64, &[&src, &dst, &covered]);
                // Of a datagram 0 says that there is none.
                if sum == 0 && protocol == 17 { 0xffff } else { sum }
            }
        };
        put(frame, self.at, sum);
    }
}

fn put(bytes: &mut [u8], at: usize, sum: u16) {
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = sum.to_be_bytes();
    }
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// The checksum of the Internet (RFC 1071) over `parts`, each of which begins at an even place, upon `sum`.
pub(crate) fn checksum(sum: u64, parts: &[&[u8]]) -> u16 {
    let words = |part: &[u8]| {
        let (words, rest) = part.as_chunks::<2>();
        let last = rest.first().map_or(0, |byte| u64::from(*byte) << 8);
        words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum::<u64>() + last
    };
    let mut sum = parts.iter().fold(sum, |sum, part| sum + words(part));
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_of_rfc_1071_sums_to_what_it_should() {
        let header =
            [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7];
        assert_eq!(checksum(0, &[&header]), 0xb861);
    }

    #[test]
    fn a_datagram_that_is_not_whole_has_none() {
        let mut frame = [0, 1, 0, 2, 0, 12, 9, 9, 1, 2];
        let protects =
            Protects::Datagram { src: [10, 0, 0, 1].into(), dst: [10, 0, 0, 2].into(), protocol: 17 };
        Sum { at: 6, from: 0, len: 12, protects }.write(&mut frame);
        assert_eq!(frame[6..8], [0, 0]);
        Sum { at: 6, from: 0, len: 10, protects }.write(&mut frame);
        let sum = u16::from_be_bytes([frame[6], frame[7]]);
        assert_eq!(checksum(17 + 10, &[&[10, 0, 0, 1, 10, 0, 0, 2], &frame]), 0, "{sum:x}");
    }
}
