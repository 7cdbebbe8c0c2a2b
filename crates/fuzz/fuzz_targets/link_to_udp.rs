//! Frames of any link type through `decode` and the reassembler.
//!
//! Laws: what comes out lies within the frame that went in (or, put together, within an IP packet's 65,535 bytes); a frame
//! cut shorter never gives more; the reassembler stays within its limits and is empty when time has passed.
#![no_main]

use earwitness_model::{LinkType, PacketTime, RawFrame};
use earwitness_wire::{Carried, Reassembled, Reassembler, ReassemblyLimits, decode};

const LIMITS: ReassemblyLimits = ReassemblyLimits { datagrams: 4, bytes: 512, lifetime_ns: 30_000_000_000 };

/// What the registry numbers that are read, and one that is not.
const LINKS: [u16; 9] = [0, 1, 101, 108, 113, 228, 229, 276, 147];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut reassembler = Reassembler::new(LIMITS);
    let mut number = 0;
    for frame in frames(bytes) {
        number += 1;
        handle(&RawFrame { number, ..frame }, &mut reassembler);
        assert!(reassembler.tracked() <= LIMITS.datagrams);
        assert!(reassembler.waiting() <= reassembler.tracked());
        assert!(reassembler.held_bytes() <= LIMITS.bytes);
    }
    reassembler.handle_time(PacketTime::from_nanos(i64::MAX));
    assert_eq!((reassembler.tracked(), reassembler.held_bytes()), (0, 0));
});

/// Each frame is a byte of link type, one of seconds, one of length, one of what the snap length cut, and its bytes.
fn frames(mut rest: &[u8]) -> impl Iterator<Item = RawFrame<'_>> {
    let mut seconds = 0;
    std::iter::from_fn(move || {
        let (&[link, step, len, cut], after) = rest.split_first_chunk::<4>()?;
        let (bytes, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        seconds += i64::from(step.cast_signed());
        Some(RawFrame {
            time: PacketTime::from_nanos(seconds * 1_000_000_000),
            number: 0,
            link: LinkType::from_number(LINKS[usize::from(link) % LINKS.len()]),
            wire_len: bytes.len() as u32 + u32::from(cut),
            bytes,
        })
    })
}

fn handle(frame: &RawFrame<'_>, reassembler: &mut Reassembler) {
    match decode(frame) {
        Ok(Carried::Udp(datagram)) => {
            assert_within(datagram.payload, frame.bytes);
            let shorter = &frame.bytes[..frame.bytes.len() - 1];
            // Where a tunnel's header is cut, what is left is the datagram that the tunnel is made of.
            if let Ok(Carried::Udp(cut)) = decode(&RawFrame { bytes: shorter, ..*frame })
                && cut.tunnel == datagram.tunnel
            {
                assert!(datagram.payload.starts_with(cut.payload));
            }
        }
        Ok(Carried::Fragment(fragment)) => {
            assert_within(fragment.bytes, frame.bytes);
            assert!(fragment.more || fragment.offset != 0);
            match reassembler.handle_fragment(&fragment, frame.time) {
                Reassembled::Whole(Carried::Udp(datagram)) => assert!(datagram.payload.len() <= 65_535 - 8),
                Reassembled::Whole(Carried::Fragment(_)) => {
                    panic!("a fragment was put together from fragments")
                }
                Reassembled::Whole(_) | Reassembled::Pending | Reassembled::Refused(_) => {}
            }
        }
        Ok(Carried::Tcp(segment)) => assert_within(segment.payload, frame.bytes),
        Ok(Carried::Icmp | Carried::OtherIp(_) | Carried::NotIp(_)) => {}
        Err(error) => assert!(error.offset as usize <= frame.bytes.len()),
    }
}

fn assert_within(part: &[u8], whole: &[u8]) {
    let (part_range, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    assert!(part.is_empty() || (whole.start <= part_range.start && part_range.end <= whole.end));
}
