//! Fragments in every order, copied, overlapping, missing and too many.

use std::net::IpAddr;

use earwitness_model::PacketTime;
use earwitness_wire::{
    Carried, Fragment, FragmentLoss, FragmentLosses, Reassembled, Reassembler, ReassemblyLimits,
};
use proptest::prelude::*;

/// A UDP datagram from port 5060 to port 5061 with `len` bytes of payload, all different from their neighbours.
fn udp(len: u16) -> Vec<u8> {
    let mut bytes = vec![0x13, 0xc4, 0x13, 0xc5];
    bytes.extend_from_slice(&(len + 8).to_be_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend((0..len).map(|n| (n % 251) as u8));
    bytes
}

fn fragment(bytes: &[u8], offset: u16, more: bool, id: u32) -> Fragment<'_> {
    Fragment {
        src: IpAddr::from([10, 1, 0, 5]),
        dst: IpAddr::from([10, 1, 0, 9]),
        protocol: 17,
        id,
        offset,
        more,
        bytes,
        cut: 0,
        hop_limit: 64,
        tunnel: None,
    }
}

/// `whole` in pieces of `size` bytes, a multiple of 8.
fn pieces(whole: &[u8], size: usize, id: u32) -> Vec<Fragment<'_>> {
    let last = whole.chunks(size).count() - 1;
    let offset = |index: usize| u16::try_from(index * size).expect("a datagram of this test");
    whole
        .chunks(size)
        .enumerate()
        .map(|(index, bytes)| fragment(bytes, offset(index), index != last, id))
        .collect()
}

fn at(seconds: i64) -> PacketTime {
    PacketTime::from_nanos(seconds * 1_000_000_000)
}

/// Hands `fragments` over and gives the payload of every whole datagram.
fn handle(reassembler: &mut Reassembler, fragments: &[Fragment<'_>]) -> Vec<Vec<u8>> {
    fragments.iter().filter_map(|fragment| whole(reassembler.handle_fragment(fragment, at(0)))).collect()
}

fn whole(reassembled: Reassembled<'_>) -> Option<Vec<u8>> {
    match reassembled {
        Reassembled::Whole(Carried::Udp(datagram)) => {
            assert_eq!((datagram.flow.src.port(), datagram.flow.dst.port()), (5060, 5061));
            assert_eq!((datagram.cut, datagram.hop_limit), (0, 64));
            Some(datagram.payload.to_vec())
        }
        Reassembled::Pending | Reassembled::Refused(_) => None,
        Reassembled::Whole(other) => panic!("{other:?}"),
    }
}

fn default() -> Reassembler {
    Reassembler::new(ReassemblyLimits::default())
}

fn lost(losses: &FragmentLosses) -> Vec<(FragmentLoss, u64)> {
    losses.iter().filter(|(_, count)| *count != 0).collect()
}

#[test]
fn fragments_in_order_are_whole_at_the_last() {
    let (bytes, mut reassembler) = (udp(3000), default());
    let pieces = pieces(&bytes, 1480, 7);
    assert_eq!(pieces.len(), 3);
    assert_eq!(reassembler.handle_fragment(&pieces[0], at(0)), Reassembled::Pending);
    assert_eq!(reassembler.handle_fragment(&pieces[1], at(0)), Reassembled::Pending);
    assert_eq!((reassembler.waiting(), reassembler.held_bytes()), (1, 2960));
    assert_eq!(whole(reassembler.handle_fragment(&pieces[2], at(0))), Some(bytes[8..].to_vec()));
    assert_eq!((reassembler.waiting(), reassembler.losses().total()), (0, 0));
}

#[test]
fn fragments_of_interleaved_datagrams_keep_apart() {
    let (one, two, mut reassembler) = (udp(40), udp(56), default());
    let (a, b) = (pieces(&one, 24, 1), pieces(&two, 32, 2));
    let mut other_protocol = a[1];
    other_protocol.protocol = 1;
    let order = [a[0], b[1], other_protocol, b[0], a[1]];
    assert_eq!(handle(&mut reassembler, &order), [two[8..].to_vec(), one[8..].to_vec()]);
    assert_eq!(reassembler.waiting(), 1);
}

#[test]
fn ipv6_fragments_may_differ_in_protocol_and_the_first_counts() {
    let inner = [&[17, 0, 1, 4, 0, 0, 0, 0], udp(16).as_slice()].concat();
    let mut reassembler = default();
    let mut parts = pieces(&inner, 16, 9);
    for part in &mut parts {
        (part.src, part.dst) = ("2001:db8::5".parse().unwrap(), "2001:db8::9".parse().unwrap());
        part.protocol = if part.offset == 0 { 60 } else { 6 };
    }
    assert_eq!(handle(&mut reassembler, &[parts[1], parts[0]]), [udp(16)[8..].to_vec()]);
}

#[test]
fn mirror_copies_of_fragments_change_nothing() {
    let bytes = udp(100);
    let [a, b, c] = pieces(&bytes, 40, 7)[..] else { panic!("108 bytes are three pieces") };
    let expected = [bytes[8..].to_vec()];
    for order in [vec![a, a, b, b, c, c], vec![a, b, c, a, b, c], vec![c, c, b, a, a, b]] {
        let mut reassembler = default();
        assert_eq!(handle(&mut reassembler, &order), expected);
        assert_eq!((reassembler.waiting(), reassembler.losses().total()), (0, 0));
    }
}

#[test]
fn an_identification_that_comes_round_again_is_a_new_datagram() {
    let (first, mut second) = (udp(100), udp(100));
    second[9] ^= 0xff;
    second[100] ^= 0xff;
    let mut reassembler = default();
    let order = [pieces(&first, 64, 7), pieces(&second, 64, 7)].concat();
    assert_eq!(handle(&mut reassembler, &order), [first[8..].to_vec(), second[8..].to_vec()]);
    assert_eq!(reassembler.tracked(), 1);
}

#[test]
fn overlaps_refuse_the_whole_datagram_and_count_once() {
    let bytes = udp(120);
    let mut forged = bytes[64..128].to_vec();
    forged[5] ^= 1;
    let first = fragment(&bytes[..64], 0, true, 7);
    let cases = [
        ("other bytes", first, fragment(&forged, 0, true, 7)),
        ("other bounds", first, fragment(&bytes[..56], 0, true, 7)),
        ("begins inside", first, fragment(&bytes[56..128], 56, false, 7)),
        ("ends inside", fragment(&bytes[64..], 64, false, 7), fragment(&bytes[..72], 0, true, 7)),
        ("encloses", fragment(&bytes[16..32], 16, true, 7), fragment(&bytes[..64], 0, true, 7)),
        ("lies within", first, fragment(&bytes[16..32], 16, true, 7)),
        ("beyond the end", fragment(&bytes[64..], 64, false, 7), fragment(&forged, 128, true, 7)),
        ("another end", fragment(&bytes[64..], 64, false, 7), fragment(&forged, 128, false, 7)),
        ("an end before others", fragment(&bytes[64..], 64, true, 7), fragment(&bytes[..8], 0, false, 7)),
        ("same, but the last", fragment(&bytes[..64], 0, true, 7), fragment(&bytes[..64], 0, false, 7)),
    ];
    for (name, one, other) in cases {
        let mut reassembler = default();
        let overlap = Reassembled::Refused(FragmentLoss::Overlap);
        assert_eq!(reassembler.handle_fragment(&one, at(0)), Reassembled::Pending, "{name}");
        assert_eq!(reassembler.handle_fragment(&other, at(0)), overlap, "{name}");
        assert_eq!(
            reassembler.handle_fragment(&fragment(&bytes[..64], 0, true, 7), at(0)),
            overlap,
            "{name}"
        );
        assert_eq!(
            reassembler.handle_fragment(&fragment(&bytes[64..], 64, false, 7), at(0)),
            overlap,
            "{name}"
        );
        assert_eq!(lost(reassembler.losses()), [(FragmentLoss::Overlap, 1)], "{name}");
        assert_eq!((reassembler.waiting(), reassembler.held_bytes()), (0, 0), "{name}");
    }
}

#[test]
fn fragments_that_cannot_be_are_refused_by_cause() {
    let bytes = udp(2000);
    let cut = Fragment { cut: 3, ..fragment(&bytes[..64], 0, true, 7) };
    let cases = [
        (FragmentLoss::BadLength, fragment(&bytes[..61], 0, true, 7)),
        (FragmentLoss::BadLength, fragment(&[], 64, false, 7)),
        (FragmentLoss::TooLong, fragment(&bytes[..64], 65_528, false, 7)),
        (FragmentLoss::Cut, cut),
    ];
    for (loss, fragment) in cases {
        let mut reassembler = default();
        assert_eq!(reassembler.handle_fragment(&fragment, at(0)), Reassembled::Refused(loss));
        assert_eq!(lost(reassembler.losses()), [(loss, 1)]);
    }
}

#[test]
fn the_largest_datagram_fits() {
    let bytes = udp(65_527);
    let mut reassembler = default();
    let parts = pieces(&bytes, 1480, 7);
    assert_eq!(handle(&mut reassembler, &parts), [bytes[8..].to_vec()]);
}

#[test]
fn the_129th_piece_is_one_too_many() {
    let bytes = udp(8 * 200);
    let mut reassembler = default();
    let answers: Vec<_> = pieces(&bytes, 8, 7)
        .iter()
        .map(|piece| matches!(reassembler.handle_fragment(piece, at(0)), Reassembled::Refused(_)))
        .collect();
    assert_eq!(answers.iter().position(|refused| *refused), Some(128));
    assert_eq!(lost(reassembler.losses()), [(FragmentLoss::TooMany, 1)]);
}

#[test]
fn what_was_put_together_and_makes_no_sense_is_unreadable() {
    let mut reassembler = default();
    let (a, b) = (fragment(&[0; 8], 0, true, 7), fragment(&[1; 8], 8, false, 7));
    let mut udp_of_7 = [0; 8];
    udp_of_7[5] = 7;
    let a = Fragment { bytes: &udp_of_7, ..a };
    assert_eq!(reassembler.handle_fragment(&a, at(0)), Reassembled::Pending);
    assert_eq!(reassembler.handle_fragment(&b, at(0)), Reassembled::Refused(FragmentLoss::Unreadable));
    assert_eq!(reassembler.handle_fragment(&b, at(0)), Reassembled::Refused(FragmentLoss::Unreadable));
    assert_eq!(lost(reassembler.losses()), [(FragmentLoss::Unreadable, 1)]);
}

#[test]
fn tcp_in_fragments_is_a_segment_when_it_is_whole() {
    let mut reassembler = default();
    // A header of 20 bytes (data offset 5), and its payload over both parts.
    let bytes: Vec<u8> = (0..40).map(|n| if n == 12 { 5 << 4 } else { n }).collect();
    let part = |offset: u16, len: usize, more| Fragment {
        protocol: 6,
        ..fragment(&bytes[offset.into()..][..len], offset, more, 7)
    };
    assert_eq!(reassembler.handle_fragment(&part(24, 16, false), at(0)), Reassembled::Pending);
    let first = part(0, 24, true);
    let Reassembled::Whole(Carried::Tcp(segment)) = reassembler.handle_fragment(&first, at(0)) else {
        panic!("the segment is whole");
    };
    assert_eq!((segment.sequence, segment.payload), (0x0405_0607, &bytes[20..]));
}

#[test]
fn a_datagram_expires_30_seconds_after_its_first_fragment() {
    let bytes = udp(100);
    let [a, b, c] = pieces(&bytes, 40, 7)[..] else { panic!("108 bytes are three pieces") };
    let mut reassembler = default();
    reassembler.handle_fragment(&a, at(100));
    reassembler.handle_fragment(&b, at(129));
    reassembler.handle_time(at(130));
    assert_eq!((reassembler.waiting(), reassembler.losses().total()), (1, 0));
    reassembler.handle_time(at(131));
    assert_eq!((reassembler.waiting(), reassembler.held_bytes()), (0, 0));
    assert_eq!(lost(reassembler.losses()), [(FragmentLoss::Expired, 1)]);
    assert_eq!(reassembler.handle_fragment(&c, at(131)), Reassembled::Pending);
}

#[test]
fn time_that_goes_back_expires_nothing() {
    let bytes = udp(100);
    let mut reassembler = default();
    let parts = pieces(&bytes, 64, 7);
    reassembler.handle_fragment(&parts[0], at(100));
    assert_eq!(whole(reassembler.handle_fragment(&parts[1], at(-100))), Some(bytes[8..].to_vec()));
}

#[test]
fn a_full_table_gives_up_the_oldest_that_waits_after_all_that_is_done() {
    let bytes = udp(100);
    let mut reassembler = Reassembler::new(ReassemblyLimits { datagrams: 2, ..ReassemblyLimits::default() });
    let start = |id| pieces(&bytes, 64, id)[0];
    handle(&mut reassembler, &pieces(&bytes, 64, 1));
    handle(&mut reassembler, &[start(2), start(3)]);
    assert_eq!((reassembler.waiting(), reassembler.losses().total()), (2, 0));
    handle(&mut reassembler, &[start(4)]);
    assert_eq!(lost(reassembler.losses()), [(FragmentLoss::TableFull, 1)]);
    assert_eq!(handle(&mut reassembler, &pieces(&bytes, 64, 3)[1..]), [bytes[8..].to_vec()]);
}

#[test]
fn bytes_are_bounded_by_what_came_in() {
    let bytes = udp(1000);
    let limits = ReassemblyLimits { bytes: 3 * 64, ..ReassemblyLimits::default() };
    let mut reassembler = Reassembler::new(limits);
    for id in 0..50 {
        reassembler.handle_fragment(&fragment(&bytes[..64], 65_000, true, id), at(0));
        assert!(reassembler.held_bytes() <= 3 * 64);
    }
    assert_eq!(reassembler.waiting(), 3);
    assert_eq!(lost(reassembler.losses()), [(FragmentLoss::TableFull, 47)]);
    let too_large = fragment(&bytes[..208], 0, true, 99);
    assert_eq!(reassembler.handle_fragment(&too_large, at(0)), Reassembled::Refused(FragmentLoss::TableFull));
}

proptest! {
    #[test]
    fn any_order_and_any_copies_give_the_datagram_once(
        len in 1_u16..4000,
        size in 1_usize..40,
        seed in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        copies in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let bytes = udp(len);
        let size = (size * 8).max(bytes.len().div_ceil(100).next_multiple_of(8));
        let mut parts = pieces(&bytes, size, 7);
        prop_assume!(parts.len() > 1);
        for (index, other) in seed.iter().enumerate() {
            let count = parts.len();
            parts.swap(index % count, other.index(count));
        }
        for copy in copies {
            let (from, to) = (copy.index(parts.len()), copy.index(parts.len() + 1));
            parts.insert(to, parts[from]);
        }
        let mut reassembler = default();
        prop_assert_eq!(handle(&mut reassembler, &parts), vec![bytes[8..].to_vec()]);
        prop_assert_eq!(reassembler.losses().total(), 0);
    }

    #[test]
    fn limits_hold_whatever_comes(
        fragments in prop::collection::vec(
            (0_u32..6, 0_u16..40, any::<bool>(), 0_usize..48, -5_i64..50), 0..200),
    ) {
        let limits = ReassemblyLimits { datagrams: 3, bytes: 150, lifetime_ns: 20_000_000_000 };
        let mut reassembler = Reassembler::new(limits);
        let bytes: Vec<u8> = (0..48).collect();
        for (id, place, more, len, seconds) in fragments {
            let fragment = fragment(&bytes[..len], place * 8, more, id);
            reassembler.handle_fragment(&fragment, at(seconds));
            prop_assert!(reassembler.tracked() <= 3 && reassembler.waiting() <= reassembler.tracked());
            prop_assert!(reassembler.held_bytes() <= 150);
        }
        reassembler.handle_time(at(1000));
        prop_assert_eq!((reassembler.tracked(), reassembler.waiting(), reassembler.held_bytes()), (0, 0, 0));
    }
}
