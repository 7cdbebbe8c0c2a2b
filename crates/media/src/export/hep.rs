//! HEP version 3: the call's SIP as a capture agent would have sent it to a collector (Homer) over TCP.
//!
//! ```text
//!  +-------------+-------------+-------------+
//!  |  H      E   |   P      3  |   length    |   … of all, these six bytes included
//!  +-------------+-------------+-------------+
//!  |  vendor 0   |    type     |   length    |   a chunk; its length includes these six bytes
//!  +-------------+-------------+-------------+
//!  |                   …                     |
//! ```
//!
//! Each packet says how long it is, so that what is written is a stream as it stands. Addresses, ports, transport, time (to
//! the microsecond, which is all the format has) and message are those that were captured. Audio has no place in it.

use std::{io::Write, net::IpAddr};

use earwitness_model::{SignallingMessage, SipTransport};

use super::{Counted, ExportError, Exported, ethernet};

/// Address families as Linux numbers them, which is what agents send.
const IPV4: u8 = 2;
const IPV6: u8 = 10;
/// IP protocol numbers.
const TCP: u8 = 6;
const UDP: u8 = 17;
/// The protocol type of SIP.
const SIP: u8 = 1;
/// By what collectors tell their agents apart: one that has no number among them.
const NODE: u32 = 0;

/// Writes the call's messages ordered by capture time. `signalling` may come in any order.
///
/// # Errors
/// [`ExportError::Write`]. What is longer than a packet may be is left out and counted in [`Exported::oversized`].
pub fn hep<'s>(
    signalling: impl Iterator<Item = SignallingMessage<'s>>,
    out: impl Write,
) -> Result<Exported, ExportError> {
    let mut messages: Vec<SignallingMessage<'_>> = signalling.collect();
    messages.sort_by_key(|message| message.time);
    let mut out = Counted::new(out);
    let (mut exported, mut packet) = (Exported::default(), Vec::new());
    for message in &messages {
        fill(message, &mut packet);
        match u16::try_from(packet.len()) {
            Ok(length) => {
                packet[4..6].copy_from_slice(&length.to_be_bytes());
                out.put(&packet)?;
                exported.messages += 1;
            }
            Err(_) => exported.oversized += 1,
        }
    }
    Ok(Exported { bytes: out.finish()?, ..exported })
}

/// The packet, whose length is not in it yet.
fn fill(message: &SignallingMessage<'_>, packet: &mut Vec<u8>) {
    packet.clear();
    packet.extend_from_slice(b"HEP3\0\0");
    let (src, dst) = (message.flow.src, message.flow.dst);
    let transport = match message.transport {
        SipTransport::Udp => UDP,
        SipTransport::Tcp | SipTransport::Ws | SipTransport::Tls | SipTransport::Wss => TCP,
    };
    match (src.ip(), dst.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            chunk(1, &[IPV4], packet);
            chunk(3, &from.octets(), packet);
            chunk(4, &to.octets(), packet);
        }
        (from, to) => {
            chunk(1, &[IPV6], packet);
            chunk(5, &ethernet::in_ipv6(from).octets(), packet);
            chunk(6, &ethernet::in_ipv6(to).octets(), packet);
        }
    }
    // Times before 1970, and after 2106, have no place in the format.
    let micros = message.time.nanos().max(0) / 1_000;
    let seconds = u32::try_from(micros / 1_000_000).unwrap_or(u32::MAX);
    chunk(2, &[transport], packet);
    chunk(7, &src.port().to_be_bytes(), packet);
    chunk(8, &dst.port().to_be_bytes(), packet);
    chunk(9, &seconds.to_be_bytes(), packet);
    chunk(10, &((micros % 1_000_000) as u32).to_be_bytes(), packet);
    chunk(11, &[SIP], packet);
    chunk(12, &NODE.to_be_bytes(), packet);
    chunk(15, message.bytes, packet);
}

/// A chunk of the general vendor. One that is too long makes the packet too long, whatever length it says.
fn chunk(kind: u16, value: &[u8], packet: &mut Vec<u8>) {
    packet.extend_from_slice(&[0, 0]);
    packet.extend_from_slice(&kind.to_be_bytes());
    packet.extend_from_slice(&((6 + value.len()) as u16).to_be_bytes());
    packet.extend_from_slice(value);
}
