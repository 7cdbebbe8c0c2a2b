//! What holds for every frame, good or bad.

use earwitness_model::{LinkType, PacketTime, RawFrame};
use earwitness_testkit::wrap::Wrap;
use earwitness_wire::{Carried, Tunnel, decode};
use proptest::prelude::*;

fn links() -> impl Strategy<Value = LinkType> {
    prop_oneof![
        Just(LinkType::Ethernet),
        Just(LinkType::LinuxSll),
        Just(LinkType::LinuxSll2),
        Just(LinkType::Null),
        Just(LinkType::Loop),
        Just(LinkType::RawIp),
        Just(LinkType::Ipv4),
        Just(LinkType::Ipv6),
        any::<u16>().prop_map(LinkType::from_number),
    ]
}

/// A frame with `hello` in UDP, with choices of what is around it: bytes of a link type that leads to them.
fn good_frame() -> impl Strategy<Value = (LinkType, Vec<u8>)> {
    let udp = [0x13, 0xc4, 0x13, 0xc5, 0, 13, 0, 0, b'h', b'e', b'l', b'l', b'o'];
    let ipv4 = [&[0x45, 0, 0, 33, 0, 1, 0, 0, 64, 17, 0, 0, 10, 1, 0, 5, 10, 1, 0, 9], &udp[..]].concat();
    let ipv6 = [&[0x60, 0, 0, 0, 0, 21, 0, 64], &[7; 32][..], &[17, 0, 1, 4, 0, 0, 0, 0], &udp].concat();
    (any::<bool>(), 0_usize..4, 0..4).prop_map(move |(is_ipv4, tags, link)| {
        let (ether_type, packet) = if is_ipv4 { ([8, 0], &ipv4) } else { ([0x86, 0xdd], &ipv6) };
        let tagged = [&[0x81, 0, 0, 5].repeat(tags), &ether_type[..], packet].concat();
        match link {
            0 => (LinkType::Ethernet, [&[2; 12], &tagged[..]].concat()),
            1 => (LinkType::LinuxSll, [&[0; 14], &tagged[..]].concat()),
            2 => (LinkType::Null, [&[if is_ipv4 { 2 } else { 30 }, 0, 0, 0], &packet[..]].concat()),
            _ => (LinkType::RawIp, packet.clone()),
        }
    })
}

/// A good Ethernet frame in up to four encapsulations.
fn wrapped_frame() -> impl Strategy<Value = Vec<u8>> {
    let wraps = prop::collection::vec(prop::sample::select(&Wrap::ALL[..]), 1..5);
    let ethernet = good_frame().prop_filter("Ethernet", |(link, _)| *link == LinkType::Ethernet);
    (ethernet, wraps)
        .prop_map(|((_, bytes), wraps)| wraps.iter().fold(bytes, |bytes, wrap| wrap.frame(&bytes)))
}

/// Where `part` lies in `whole`; an empty one lies anywhere.
fn lies_within(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    part.is_empty() || (whole.start <= part.start && part.end <= whole.end)
}

fn laws(frame: &RawFrame<'_>) -> Result<(), TestCaseError> {
    match decode(frame) {
        Ok(Carried::Udp(datagram)) => {
            prop_assert!(lies_within(datagram.payload, frame.bytes));
            prop_assert_eq!(datagram.flow.src.is_ipv4(), datagram.flow.dst.is_ipv4());
            prop_assert!(
                datagram.tunnel.is_none_or(|tunnel| (1..=Tunnel::MAX_LAYERS).contains(&tunnel.layers))
            );
        }
        Ok(Carried::Fragment(fragment)) => {
            prop_assert!(lies_within(fragment.bytes, frame.bytes));
            prop_assert!(fragment.more || fragment.offset != 0);
            prop_assert_eq!(fragment.src.is_ipv4(), fragment.dst.is_ipv4());
        }
        Ok(Carried::Tcp(segment)) => prop_assert!(lies_within(segment.payload, frame.bytes)),
        Ok(Carried::Icmp | Carried::OtherIp(_) | Carried::NotIp(_)) => {}
        Err(error) => prop_assert!(error.offset as usize <= frame.bytes.len()),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_on_any_link_never_panic_nor_yield_bytes_from_outside(
        link in links(),
        wire_len in any::<u32>(),
        bytes in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        laws(&RawFrame { time: PacketTime::EPOCH, number: 1, link, wire_len, bytes: &bytes })?;
    }

    #[test]
    fn a_good_frame_with_bytes_changed_keeps_the_laws(
        (link, mut bytes) in good_frame(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let wire_len = u32::try_from(bytes.len()).unwrap();
        laws(&RawFrame { time: PacketTime::EPOCH, number: 1, link, wire_len, bytes: &bytes })?;
    }

    #[test]
    fn a_wrapped_frame_with_bytes_changed_and_cut_keeps_the_laws(
        mut bytes in wrapped_frame(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let wire_len = u32::try_from(bytes.len()).unwrap();
        let kept = &bytes[..bytes.len() - cut.index(bytes.len())];
        laws(&RawFrame { time: PacketTime::EPOCH, number: 1, link: LinkType::Ethernet, wire_len, bytes: kept })?;
    }

    #[test]
    fn a_cut_frame_gives_the_start_of_the_payload_or_an_error((link, bytes) in good_frame(), cut in 0_usize..120) {
        let wire_len = u32::try_from(bytes.len()).unwrap();
        let kept = &bytes[..bytes.len().saturating_sub(cut)];
        let frame = RawFrame { time: PacketTime::EPOCH, number: 1, link, wire_len, bytes: kept };
        laws(&frame)?;
        match decode(&frame) {
            Ok(Carried::Udp(datagram)) => {
                prop_assert!(b"hello".starts_with(datagram.payload));
                prop_assert_eq!(datagram.payload.len() + datagram.cut as usize, 5);
                prop_assert_eq!(datagram.cut as usize, cut);
            }
            other => prop_assert!(other.is_err() && cut > 5, "{:?}", other),
        }
    }

    #[test]
    fn what_follows_the_packet_changes_nothing(
        (link, bytes) in good_frame(),
        trailer in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let padded = [&bytes[..], &trailer].concat();
        let wire_len = u32::try_from(padded.len()).unwrap();
        let frame = RawFrame { time: PacketTime::EPOCH, number: 1, link, wire_len, bytes: &padded };
        let Ok(Carried::Udp(datagram)) = decode(&frame) else {
            return Err(TestCaseError::fail("the datagram is gone"));
        };
        prop_assert_eq!((datagram.payload, datagram.cut), (&b"hello"[..], 0));
    }
}
