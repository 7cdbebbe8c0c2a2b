//! The encapsulating security payload without encryption (RFC 4303; RFC 2410).
//!
//! Nothing in a packet says that it is not encrypted, nor how long its check value is: both were agreed on elsewhere. So it
//! is tried, and believed only when all of it fits at once: the trailer, the lengths inside, and a checksum where there is
//! one. The weakest of these, IPv6 in tunnel mode, is met by chance by one in 2³⁷ encrypted packets.

use std::net::IpAddr;

use super::{Span, transport::IpEnds};

/// The IP protocol number.
pub(crate) const PROTOCOL: u8 = 50;

/// Next headers that are believed.
const IPV4: u8 = 4;
const TCP: u8 = 6;
const UDP: u8 = 17;
const IPV6: u8 = 41;

/// Initialisation vector and check value in bytes, by what is in use: HMAC-SHA-1-96 (RFC 2404), HMAC-SHA-256, -384 and -512
/// (RFC 4868), AES-GMAC (RFC 4543), none.
const SIZES: [(usize, usize); 6] = [(0, 12), (0, 16), (0, 24), (0, 32), (8, 16), (0, 0)];

/// ```text
///  0             4             8
///  +-------------+-------------+----------------+-----------+---------+------+-------------+
///  | parameters  |  sequence   | (IV) payload … | 1, 2, 3 … | padding | next | check value |
///  |    index    |   number    |                |  padding  | length  |header|             |
///  +-------------+-------------+----------------+-----------+---------+------+-------------+
/// ```
///
/// The next header and what it is the header of; `None` where no reading fits, or the end was not captured.
pub(crate) fn inside(ends: IpEnds, packet: Span<'_>) -> Option<(u8, Span<'_>)> {
    if packet.cut != 0 {
        return None;
    }
    SIZES.iter().find_map(|&(vector, check)| {
        let body = packet.checked_after(8 + vector)?;
        let end = body.bytes.len().checked_sub(check)?;
        let (next, payload) = without_trailer(body.limited(end))?;
        fits(next, ends, payload.bytes).then_some((next, payload))
    })
}

/// The payload before the padding, which is 1, 2, 3 … (RFC 4303, section 2.4) and ends, with its length and the next header,
/// at a multiple of four bytes.
fn without_trailer(body: Span<'_>) -> Option<(u8, Span<'_>)> {
    let (before, &[padding, next]) = body.bytes.split_last_chunk::<2>()?;
    let len = before.len().checked_sub(usize::from(padding))?;
    let is_padded = before.get(len..)?.iter().zip(1_u8..).all(|(byte, count)| *byte == count);
    (is_padded && body.bytes.len().is_multiple_of(4)).then(|| (next, body.limited(len)))
}

/// Whether `bytes` are all of one packet of the protocol `next`.
fn fits(next: u8, ends: IpEnds, bytes: &[u8]) -> bool {
    let half = |at: usize| bytes.get(at..)?.first_chunk().map(|half| usize::from(u16::from_be_bytes(*half)));
    match next {
        IPV4 => {
            let header = bytes.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
            bytes.first().is_some_and(|first| first >> 4 == 4)
                && header >= 20
                && half(2) == Some(bytes.len())
                && bytes.get(..header).is_some_and(|header| folded(sum(header)) == 0xffff)
        }
        IPV6 => {
            bytes.first().is_some_and(|first| first >> 4 == 6)
                && half(4).is_some_and(|len| len + 40 == bytes.len())
                && bytes.get(6).is_some_and(|next| {
                    matches!(next, 0 | 4 | 6 | 17 | 41 | 43 | 44 | 47 | 50 | 51 | 58 | 60)
                })
        }
        UDP => {
            half(4) == Some(bytes.len())
                && bytes.len() >= 8
                && (half(6) == Some(0) || holds(next, ends, bytes))
        }
        TCP => {
            // A header of five words or more, four reserved bits, and an urgent pointer, which nobody sets any more.
            let header = half(12).filter(|offset| offset & 0x0f00 == 0).map_or(0, |offset| offset >> 12) * 4;
            header >= 20 && header <= bytes.len() && half(18) == Some(0) && holds(next, ends, bytes)
        }
        _ => false,
    }
}

/// Whether the checksum over `bytes` and the addresses holds (RFC 768; RFC 9293, section 3.1; RFC 8200, section 8.1).
fn holds(protocol: u8, ends: IpEnds, bytes: &[u8]) -> bool {
    let address = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => sum(&ip.octets()),
        IpAddr::V6(ip) => sum(&ip.octets()),
    };
    let pseudo = address(ends.src) + address(ends.dst) + u64::from(protocol) + bytes.len() as u64;
    folded(pseudo + sum(bytes)) == 0xffff
}

/// The sum of the 16-bit words (RFC 1071), to be folded.
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<2>();
    let last = rest.first().map_or(0, |byte| u64::from(*byte) << 8);
    words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum::<u64>() + last
}

const fn folded(mut sum: u64) -> u64 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum
}
