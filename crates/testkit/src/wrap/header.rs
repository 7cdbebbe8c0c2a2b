//! The headers that wraps are made of.

use crate::datagram::{fold, sum};

/// Whose addresses a tunnel has.
const SRC: [u8; 4] = [198, 51, 100, 1];
const DST: [u8; 4] = [198, 51, 100, 2];

pub(super) fn ethernet(ether_type: [u8; 2], payload: &[u8]) -> Vec<u8> {
    [&[2, 0, 198, 51, 100, 2, 2, 0, 198, 51, 100, 1], &ether_type[..], payload].concat()
}

pub(super) fn tagged(frame: &[u8], tag: &[u8]) -> Vec<u8> {
    [&frame[..12], tag, &frame[12..]].concat()
}

pub(super) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = [0x45, 0, 0, 0, 0, 0, 0, 0, 60, protocol, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    header[2..4].copy_from_slice(&((20 + payload.len()) as u16).to_be_bytes());
    header[12..16].copy_from_slice(&SRC);
    header[16..20].copy_from_slice(&DST);
    checksummed(&mut header);
    ethernet([0x08, 0x00], &[&header, payload].concat())
}

pub(super) fn checksummed(header: &mut [u8]) {
    header[10..12].fill(0);
    let checksum = fold(sum(header));
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
}

pub(super) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let address = |last: u8| [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let length = (payload.len() as u16).to_be_bytes();
    let header = [&[0x60, 0, 0, 0], &length[..], &[next, 60], &address(1), &address(2)].concat();
    ethernet([0x86, 0xdd], &[&header, payload].concat())
}

/// Without a checksum, as tunnels are.
pub(super) fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16 + 8).to_be_bytes();
    [&[0xc0, 0x01], &port.to_be_bytes()[..], &length, &[0, 0], payload].concat()
}

pub(super) fn udp4(port: u16, payload: &[u8]) -> Vec<u8> {
    ipv4(17, &datagram(port, payload))
}

pub(super) fn gre(flags: &[u8; 2], kind: [u8; 2], fields: &[u8], payload: &[u8]) -> Vec<u8> {
    ipv4(47, &[&flags[..], &kind, fields, payload].concat())
}

/// Twelve bytes of ERSPAN type III; the last bit says that eight of the platform follow.
pub(super) fn erspan_iii(platform: u8) -> [u8; 12] {
    [0x20, 0x64, 0, 7, 0, 0, 0, 9, 0, 5, 0x80, platform]
}

pub(super) fn gtp(flags: u8, options: &[u8], packet: &[u8]) -> Vec<u8> {
    let length = ((options.len() + packet.len()) as u16).to_be_bytes();
    [&[flags, 255], &length[..], &[0, 0, 0, 9], options, packet].concat()
}

pub(super) fn esp(next: u8, payload: &[u8], check: usize) -> Vec<u8> {
    let padding = (4 - (payload.len() + 2) % 4) % 4;
    let mut packet = [&[0, 0, 0x10, 1, 0, 0, 0, 1], payload].concat();
    packet.extend((1..).take(padding));
    packet.extend([padding as u8, next]);
    packet.extend((0..check).map(|at| (at * 37 + 11) as u8));
    packet
}
