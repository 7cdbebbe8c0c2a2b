//! HEP as it comes over TCP, in pieces, and what the packets hold.
//!
//! Laws: however the stream is cut, the same packets come out; each begins with the magic and is as long as it says; less than
//! a packet waits; the payload of what is read lies within its packet, and is what a frame of it carries.
#![no_main]

use earwitness_capture::{HepFraming, NotHep};
use earwitness_model::{LinkType, PacketTime, RawFrame};
use earwitness_wire::{
    Carried, decode,
    hep::{Content, Packet},
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&step, stream)) = bytes.split_first() else { return };
    let (whole, ended) = packets(stream, stream.len().max(1));
    let (cut, also_ended) = packets(stream, usize::from(step).max(1));
    assert_eq!((&whole, ended), (&cut, also_ended));
    for packet in &whole {
        assert!(packet.starts_with(b"HEP3"));
        assert_eq!(usize::from(u16::from_be_bytes([packet[4], packet[5]])), packet.len());
        check(packet);
    }
    check(stream);
});

/// What comes out of a stream in pieces of `step` bytes.
fn packets(stream: &[u8], step: usize) -> (Vec<Vec<u8>>, Result<(), NotHep>) {
    let (mut framing, mut packets) = (HepFraming::default(), Vec::new());
    let ended = stream.chunks(step).try_for_each(|piece| {
        let ended = framing.handle_bytes(piece, |packet| packets.push(packet.to_vec()));
        assert!(framing.waiting() < 65_535);
        ended
    });
    (packets, ended)
}

fn check(packet: &[u8]) {
    let frame = RawFrame {
        time: PacketTime::EPOCH,
        number: 1,
        link: LinkType::Hep,
        wire_len: packet.len() as u32,
        bytes: packet,
    };
    match (Packet::parse(packet), decode(&frame)) {
        (Ok(read), Ok(Carried::Udp(datagram))) => {
            assert!(read.payload.is_empty() || packet.as_ptr_range().contains(&read.payload.as_ptr()));
            assert_eq!((read.payload, read.flow, read.cut), (datagram.payload, datagram.flow, datagram.cut));
        }
        (Ok(read), Ok(_)) => assert!(matches!(read.content, Content::Other(_))),
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("read one way and not the other"),
        (Err(why), Err(same)) => assert_eq!(why, same),
    }
}
