//! The IP packet of a frame, and what wraps it that looks into it.

use super::header::{checksummed, esp, ethernet, udp4};
use crate::datagram::{fold, sum};

/// An IP packet out of a frame.
#[derive(Clone, Copy)]
pub(super) struct Ip<'a> {
    pub(super) bytes: &'a [u8],
}

/// The IP packet of a frame behind its tags, in `PPPoE` or not, without the padding after it.
pub(super) fn packet_of(frame: &[u8]) -> Option<Ip<'_>> {
    let mut at = 12;
    while let Some([0x81, 0x00] | [0x88, 0xa8] | [0x91, 0x00]) = frame.get(at..at + 2) {
        at += 4;
    }
    // What a line of an access network shows: the header of `PPPoE`, and the two bytes of PPP.
    let pppoe = if frame.get(at..at + 2)? == [0x88, 0x64] { 8 } else { 0 };
    let kind = match frame.get(at + pppoe..at + pppoe + 2)? {
        [0x00, 0x21] if pppoe > 0 => [0x08, 0x00],
        [0x00, 0x57] if pppoe > 0 => [0x86, 0xdd],
        other => [other[0], other[1]],
    };
    let bytes = frame.get(at + pppoe + 2..)?;
    let half = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let len = match kind {
        [0x08, 0x00] if bytes.len() >= 20 => half(2),
        [0x86, 0xdd] if bytes.len() >= 40 => half(4) + 40,
        _ => return None,
    };
    // A length of 0 is what segmentation offload leaves there.
    let is_said = len != 0 && len != 40;
    Some(Ip { bytes: bytes.get(..len).filter(|_| is_said).unwrap_or(bytes) })
}

impl Ip<'_> {
    pub(super) fn is_ipv4(self) -> bool {
        self.bytes[0] >> 4 == 4
    }

    pub(super) fn number(self) -> u8 {
        if self.is_ipv4() { 4 } else { 41 }
    }

    pub(super) fn ppp(self) -> [u8; 2] {
        if self.is_ipv4() { [0x00, 0x21] } else { [0x00, 0x57] }
    }

    pub(super) fn gpe(self) -> u8 {
        if self.is_ipv4() { 1 } else { 2 }
    }

    pub(super) fn ether_type(self) -> [u8; 2] {
        if self.is_ipv4() { [0x08, 0x00] } else { [0x86, 0xdd] }
    }

    pub(super) fn protocol(self) -> u8 {
        if self.is_ipv4() { self.bytes[9] } else { self.bytes[6] }
    }

    pub(super) fn header(self) -> usize {
        if self.is_ipv4() { usize::from(self.bytes[0] & 0x0f) * 4 } else { 40 }
    }

    /// The packet with a header checksum that holds: nobody encrypts a packet that is not finished.
    pub(super) fn finished(self) -> Vec<u8> {
        let mut bytes = self.bytes.to_vec();
        if self.is_ipv4() {
            checksummed(&mut bytes[..self.header()]);
        }
        bytes
    }

    /// A whole UDP or TCP packet with ESP between its header and the rest, whose checksum is made to hold. Others are left as
    /// they are.
    pub(super) fn in_esp_transport(self) -> Vec<u8> {
        let is_fragment = self.is_ipv4() && (self.bytes[6] & 0x3f, self.bytes[7]) != (0, 0);
        let (header, rest) = self.bytes.split_at(self.header());
        let says = rest.get(4..6).map(|len| usize::from(u16::from_be_bytes([len[0], len[1]])));
        let number = self.protocol();
        let at = match number {
            17 if !is_fragment && says == Some(rest.len()) => 6,
            6 if !is_fragment && rest.len() >= 20 => 16,
            _ => return ethernet(self.ether_type(), self.bytes),
        };
        let mut rest = rest.to_vec();
        rest[at..at + 2].fill(0);
        let addresses = if self.is_ipv4() { &header[12..20] } else { &header[8..40] };
        let total = sum(addresses) + u64::from(number) + rest.len() as u64 + sum(&rest);
        rest[at..at + 2].copy_from_slice(&match fold(total) {
            0 => [0xff, 0xff],
            checksum => checksum.to_be_bytes(),
        });
        let payload = esp(number, &rest, 16);
        let mut header = header.to_vec();
        let length = (payload.len() + if self.is_ipv4() { header.len() } else { 0 }) as u16;
        let (at, protocol) = if self.is_ipv4() { (2, 9) } else { (4, 6) };
        header[at..at + 2].copy_from_slice(&length.to_be_bytes());
        header[protocol] = 50;
        if self.is_ipv4() {
            checksummed(&mut header);
        }
        ethernet(self.ether_type(), &[header, payload].concat())
    }

    /// The SIP message of a whole UDP packet, as an agent tells of it.
    pub(super) fn in_hep(self) -> Option<Vec<u8>> {
        let is_fragment = self.is_ipv4() && (self.bytes[6] & 0x3f, self.bytes[7]) != (0, 0);
        let (header, datagram) = self.bytes.split_at(self.header());
        let payload = datagram.get(8..).filter(|_| self.protocol() == 17 && !is_fragment)?;
        if !payload.first()?.is_ascii_alphabetic() || !payload.windows(7).any(|part| part == b"SIP/2.0") {
            return None;
        }
        let (family, src, dst) = if self.is_ipv4() {
            (2, (3, &header[12..16]), (4, &header[16..20]))
        } else {
            (10, (5, &header[8..24]), (6, &header[24..40]))
        };
        let chunks: [(u16, &[u8]); 13] = [
            (1, &[family]),
            (2, &[17]),
            src,
            dst,
            (7, &datagram[0..2]),
            (8, &datagram[2..4]),
            (9, &[0x6a, 0xff, 0xff, 0xff]),
            (10, &[0, 0, 0, 1]),
            (11, &[1]),
            (12, &[0, 0, 0x07, 0xd1]),
            (14, b"key"),
            (15, payload),
            (17, b"correlation"),
        ];
        let mut body = Vec::new();
        for (kind, value) in chunks {
            body.extend([0, 0]);
            body.extend(kind.to_be_bytes());
            body.extend((value.len() as u16 + 6).to_be_bytes());
            body.extend(value);
        }
        let length = (body.len() as u16 + 6).to_be_bytes();
        Some(udp4(9060, &[b"HEP3", &length[..], &body].concat()))
    }
}
