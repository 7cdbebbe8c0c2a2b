//! HEP packets: literal bytes, and what is said of those that are none.

use earwitness_model::PacketTime;
use earwitness_wire::{
    Cause, Layer, WireError,
    hep::{Content, Packet, looks_like},
};
use proptest::prelude::*;

/// A chunk of a vendor, 0 for the general ones.
fn chunk(vendor: u16, kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(6 + value.len()).expect("a chunk of this test");
    [&vendor.to_be_bytes(), &kind.to_be_bytes(), &length.to_be_bytes(), value].concat()
}

fn packet(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    let length = u16::try_from(6 + body.len()).expect("a packet of this test");
    [b"HEP3", &length.to_be_bytes()[..], &body].concat()
}

/// What an agent tells of a message between 10.1.0.5:5060 and 10.1.0.9:5061.
fn chunks() -> Vec<Vec<u8>> {
    vec![
        chunk(0, 1, &[2]),
        chunk(0, 2, &[17]),
        chunk(0, 3, &[10, 1, 0, 5]),
        chunk(0, 4, &[10, 1, 0, 9]),
        chunk(0, 7, &5060_u16.to_be_bytes()),
        chunk(0, 8, &5061_u16.to_be_bytes()),
        chunk(0, 9, &1_795_219_200_u32.to_be_bytes()),
        chunk(0, 10, &250_000_u32.to_be_bytes()),
        chunk(0, 11, &[1]),
        chunk(0, 12, &[0, 0, 7, 0xd1]),
        chunk(0, 15, b"hello"),
    ]
}

fn error(bytes: &[u8]) -> (u32, Cause) {
    let WireError { layer, offset, cause } = Packet::parse(bytes).expect_err("it is broken");
    assert_eq!(layer, Layer::Hep);
    (offset, cause)
}

#[test]
fn a_packet_says_who_sent_what_to_whom_and_when() {
    let bytes = packet(&chunks());
    let seen = Packet::parse(&bytes).unwrap();
    assert_eq!(
        (seen.flow.src.to_string(), seen.flow.dst.to_string()),
        ("10.1.0.5:5060".into(), "10.1.0.9:5061".into())
    );
    assert_eq!((seen.transport, seen.content, seen.payload, seen.cut), (17, Content::Sip, &b"hello"[..], 0));
    assert_eq!(seen.time, Some(PacketTime::from_nanos(1_795_219_200_250_000_000)));
    assert!(looks_like(&bytes));
}

#[test]
fn addresses_may_be_of_ipv6_but_not_of_both() {
    let mut chunks = chunks();
    chunks[2] = chunk(0, 5, &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
    let length = packet(&chunks).len() as u32;
    assert_eq!(error(&packet(&chunks)), (length, Cause::Missing));
    chunks[3] = chunk(0, 6, &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    let bytes = packet(&chunks);
    assert_eq!(Packet::parse(&bytes).unwrap().flow.src.to_string(), "[2001:db8::5]:5060");
}

#[test]
fn what_is_missing_is_said_and_what_is_not_needed_is_not() {
    for left_out in [0, 6, 7, 9] {
        let mut chunks = chunks();
        chunks.remove(left_out);
        assert_eq!(Packet::parse(&packet(&chunks)).unwrap().payload, b"hello", "{left_out}");
    }
    for left_out in [1, 2, 3, 4, 5, 8, 10] {
        let mut chunks = chunks();
        chunks.remove(left_out);
        assert_eq!(error(&packet(&chunks)).1, Cause::Missing, "{left_out}");
    }
}

#[test]
fn chunks_of_vendors_and_unknown_ones_are_stepped_over() {
    let mut chunks = chunks();
    chunks.push(chunk(1, 15, b"a vendor's"));
    chunks.push(chunk(0, 17, b"a correlation"));
    assert_eq!(Packet::parse(&packet(&chunks)).unwrap().payload, b"hello");
}

#[test]
fn types_are_told_apart() {
    for (number, protocol) in
        [(1, Content::Sip), (4, Content::Rtp), (5, Content::Rtcp), (100, Content::Other(100))]
    {
        let mut chunks = chunks();
        chunks[8] = chunk(0, 11, &[number]);
        assert_eq!(Packet::parse(&packet(&chunks)).unwrap().content, protocol);
    }
}

#[test]
fn a_payload_that_was_cut_is_kept_as_far_as_it_goes() {
    let bytes = packet(&chunks());
    for missing in 1..=5 {
        let seen = Packet::parse(&bytes[..bytes.len() - missing]).unwrap();
        assert_eq!((seen.payload, seen.cut as usize), (&b"hello"[..5 - missing], missing));
    }
    // Then nothing says that there was one.
    let before = bytes.len() - 11;
    assert_eq!(error(&bytes[..bytes.len() - 6]), (before as u32, Cause::Truncated));
}

#[test]
fn what_is_no_hep_says_why() {
    let mut short = packet(&chunks());
    short[10] = 0;
    short[11] = 5;
    assert_eq!(error(&short), (6, Cause::BadLength));
    let mut long = packet(&chunks());
    long[10] = 0xff;
    assert_eq!(error(&long), (6, Cause::BadLength));
    assert_eq!(error(b"HEP2\x00\x10"), (0, Cause::BadSyntax));
    assert_eq!(error(b"HEP3\x00"), (0, Cause::Truncated));
    assert_eq!(error(b""), (0, Cause::BadSyntax));
    let many = packet(&vec![chunk(0, 1, &[2]); 65]);
    assert_eq!(error(&many), (6 + 64 * 7, Cause::TooDeep));
}

#[test]
fn what_is_printed_holds_no_address_and_no_payload() {
    let bytes = packet(&chunks());
    let printed = format!("{:?}", Packet::parse(&bytes).unwrap());
    assert_eq!(printed, "Packet { content: Sip, payload_len: 5, cut: 0, .. }");
}

proptest! {
    #[test]
    fn any_change_of_a_packet_is_read_within_its_bytes_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        kept in any::<prop::sample::Index>(),
    ) {
        let mut bytes = packet(&chunks());
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(kept.index(bytes.len() + 1));
        match Packet::parse(&bytes) {
            Ok(seen) => prop_assert!(seen.payload.is_empty() || bytes.as_ptr_range().contains(&seen.payload.as_ptr())),
            Err(error) => prop_assert!(error.offset as usize <= 6 + 64 * 0xffff),
        }
    }
}
