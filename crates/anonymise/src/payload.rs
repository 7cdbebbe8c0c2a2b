//! What a datagram carries, replaced; what is no telephony is refused.

use earwitness_wire::{Protocol, hep};

use crate::{Dropped, masks::Masks, rtp, sheet::Sheet, sip as messages};

/// What to make of a datagram of these ports.
pub(crate) fn datagram(masks: &mut Masks, ports: [u16; 2], old: &[u8]) -> Result<Vec<u8>, Dropped> {
    if hep::looks_like(old) {
        return hep_packet(masks, old);
    }
    match Protocol::of(old) {
        // Below are the ports of services, whose first bytes may be anything; 4500 and 4433 are those of tunnels.
        Protocol::Rtp | Protocol::Rtcp
            if ports.iter().any(|port| *port < 1024 || matches!(port, 4500 | 4433)) =>
        {
            Err(Dropped::OtherUdp)
        }
        Protocol::Rtp => Ok(rtp::packet(masks, old)),
        Protocol::Rtcp => Ok(rtp::control(masks, old)),
        Protocol::Sip => Ok(messages::message(masks, old)),
        Protocol::Zrtp(_) => Ok(rtp::agreement(masks, old)),
        Protocol::Other if is_keep_alive(old) => Ok(old.to_vec()),
        Protocol::Other => Err(Dropped::OtherUdp),
    }
}

/// Line ends or NULs: nothing is in them.
fn is_keep_alive(old: &[u8]) -> bool {
    old.len() <= 8 && old.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

/// What an agent tells of what it saw: addresses replaced, ports and times kept, and the message as one that came bare. Other
/// chunks are zero, but for the name of the agent's conversation.
pub(crate) fn hep_packet(masks: &mut Masks, old: &[u8]) -> Result<Vec<u8>, Dropped> {
    const HEADER: usize = 6;
    let packet = hep::Packet::parse(old).map_err(|_| Dropped::Unreadable)?;
    let mut sheet = Sheet::blank(old);
    sheet.keep(0, HEADER);
    let mut at = HEADER;
    // What lies behind the packet's own length is none of it.
    let end = sheet.chunk::<HEADER>(0).map_or(0, |[.., l0, l1]| usize::from(u16::from_be_bytes([l0, l1])));
    while let Some([v0, v1, t0, t1, l0, l1]) = sheet.chunk::<HEADER>(at).filter(|_| at + HEADER <= end) {
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        if len < HEADER || at + len > end {
            break;
        }
        sheet.keep(at, HEADER);
        let value = sheet.old(at + HEADER, len - HEADER);
        let kind = if [v0, v1] == [0, 0] { u16::from_be_bytes([t0, t1]) } else { 0 };
        let new = match kind {
            // As much as each of them has: family, protocol and content; ports; seconds and microseconds.
            1 | 2 | 11 => value.iter().take(1).copied().collect(),
            7 | 8 => value.iter().take(2).copied().collect(),
            9 | 10 => value.iter().take(4).copied().collect(),
            3 | 4 => value.first_chunk::<4>().map_or_else(Vec::new, |ip| octets(masks, ip)),
            5 | 6 => value.first_chunk::<16>().map_or_else(Vec::new, |ip| octets16(masks, ip)),
            15 => content(masks, &packet, value)?,
            17 => masks.call_id(value),
            _ => Vec::new(),
        };
        sheet.replace(value, &new);
        at += len;
    }
    Ok(sheet.into_new())
}

fn octets(masks: &mut Masks, old: &[u8; 4]) -> Vec<u8> {
    match masks.ip((*old).into()) {
        std::net::IpAddr::V4(new) => new.octets().to_vec(),
        std::net::IpAddr::V6(_) => Vec::new(),
    }
}

fn octets16(masks: &mut Masks, old: &[u8; 16]) -> Vec<u8> {
    match masks.ip((*old).into()) {
        std::net::IpAddr::V6(new) => new.octets().to_vec(),
        std::net::IpAddr::V4(_) => Vec::new(),
    }
}

fn content(masks: &mut Masks, packet: &hep::Packet<'_>, old: &[u8]) -> Result<Vec<u8>, Dropped> {
    match packet.content {
        hep::Content::Sip => Ok(messages::message(masks, old)),
        hep::Content::Rtp => Ok(rtp::packet(masks, old)),
        hep::Content::Rtcp if earwitness_wire::rtcp::looks_like(old) => Ok(rtp::control(masks, old)),
        hep::Content::Rtcp => Ok(masks.filler(old)),
        hep::Content::Other(_) => Err(Dropped::OtherUdp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    fn chunk(vendor: u16, kind: u16, value: &[u8]) -> Vec<u8> {
        let len = (6 + value.len()) as u16;
        [&vendor.to_be_bytes()[..], &kind.to_be_bytes(), &len.to_be_bytes(), value].concat()
    }

    #[test]
    fn of_what_an_agent_tells_only_that_is_kept_which_is_read() {
        let secret = b"0312221111";
        let of = |first: &[u8]| [first, secret].concat();
        let message = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\n\r\n";
        let fields = [
            (1, of(&[2])),
            (2, of(&[17])),
            (3, of(&[10, 1, 0, 5])),
            (4, of(&[10, 1, 0, 9])),
            (7, of(&[0x13, 0xc4])),
            (8, of(&[0x13, 0xc4])),
            (9, of(&[0x5f, 1, 2, 3])),
            (10, of(&[0, 1, 2, 3])),
            (11, of(&[1])),
            (12, of(&[0, 0, 7, 0xd1])),
            (15, message.to_vec()),
        ];
        let chunks: Vec<u8> = fields.iter().flat_map(|(kind, value)| chunk(0, *kind, value)).collect();
        let len = (6 + chunks.len()) as u16;
        let behind = chunk(0, 9, b"7777");
        let old = [b"HEP3", &len.to_be_bytes()[..], &chunks, &behind].concat();
        let new = hep_packet(&mut Masks::new(Secret::seeded(1)), &old).unwrap();
        assert_eq!(new.len(), old.len());
        assert!(!new.windows(4).any(|window| secret.windows(4).any(|part| part == window)), "{new:x?}");
        assert!(!new.windows(4).any(|window| window == [0, 0, 7, 0xd1]));
        assert_eq!(new[usize::from(len)..], vec![0; behind.len()]);
        let (before, after) = (hep::Packet::parse(&old).unwrap(), hep::Packet::parse(&new).unwrap());
        assert_eq!(
            (after.transport, after.content, after.time),
            (before.transport, before.content, before.time)
        );
        assert_eq!((after.flow.src.port(), after.flow.dst.port()), (5060, 5060));
        assert_ne!(after.flow.src.ip(), before.flow.src.ip());
    }
}
