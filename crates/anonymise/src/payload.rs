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
    while let Some([v0, v1, t0, t1, l0, l1]) = sheet.chunk::<HEADER>(at) {
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        if len < HEADER {
            break;
        }
        sheet.keep(at, HEADER);
        let value = sheet.old(at + HEADER, len - HEADER);
        let kind = if [v0, v1] == [0, 0] { u16::from_be_bytes([t0, t1]) } else { 0 };
        let new = match kind {
            // Family, protocol, ports, seconds and microseconds, content, agent.
            1 | 2 | 7..=11 => value.to_vec(),
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
