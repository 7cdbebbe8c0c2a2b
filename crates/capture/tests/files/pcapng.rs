//! pcapng, block by block.

use earwitness_capture::{CaptureError, Damage, FileSource, Polled, Source};
use earwitness_model::LinkType;
use earwitness_testkit::pcap::{Order, Pcapng};

use crate::{error, frames, read};

const SECOND: i64 = 1_000_000_000;
const RESOLUTION: u16 = 9;
const OFFSET: u16 = 14;

#[test]
fn both_byte_orders_in_one_file_and_interfaces_begin_anew() {
    let mut file = Pcapng::new();
    file.section(Order::Big).interface(LinkType::Ethernet, 0, &[]).packet(0, 1_000_001, b"big");
    file.section(Order::Little).interface(LinkType::LinuxSll, 0, &[]).packet(0, 2_000_002, b"small");
    let expected = [
        (1, SECOND + 1_000, LinkType::Ethernet, 3, b"big".to_vec()),
        (2, 2 * SECOND + 2_000, LinkType::LinuxSll, 5, b"small".to_vec()),
    ];
    assert_eq!(frames(file.bytes()), expected);
}

#[test]
fn each_interface_has_its_own_clock_and_link_type() {
    for order in [Order::Little, Order::Big] {
        let three = 3_i64;
        let offset = if order == Order::Big { three.to_be_bytes() } else { three.to_le_bytes() };
        let mut file = Pcapng::new();
        file.section(order)
            .interface(LinkType::Ethernet, 0, &[(2, b"eth0"), (RESOLUTION, &[9])])
            .interface(LinkType::RawIp, 0, &[(RESOLUTION, &[0x80 | 10]), (OFFSET, &offset)])
            .interface(LinkType::Null, 0, &[(RESOLUTION, &[3])])
            .packet(1, 512, b"b")
            .packet(2, 7, b"c")
            .packet(0, 7, b"a");
        let seen: Vec<_> = frames(file.bytes()).into_iter().map(|(_, time, link, ..)| (time, link)).collect();
        let expected = [
            (3 * SECOND + SECOND / 2, LinkType::RawIp),
            (7_000_000, LinkType::Null),
            (7, LinkType::Ethernet),
        ];
        assert_eq!(seen, expected);
    }
}

#[test]
fn a_negative_offset_and_the_end_of_time_saturate() {
    let mut file = Pcapng::new();
    file.section(Order::Little)
        .interface(LinkType::Ethernet, 0, &[(OFFSET, &(-1_i64).to_le_bytes())])
        .interface(LinkType::Ethernet, 0, &[(OFFSET, &i64::MAX.to_le_bytes())])
        .packet(0, 0, b"")
        .packet(1, u64::MAX, b"");
    let times: Vec<i64> = frames(file.bytes()).iter().map(|seen| seen.1).collect();
    assert_eq!(times, [-SECOND, i64::MAX]);
}

#[test]
fn simple_and_obsolete_packet_blocks_are_read() {
    let mut file = Pcapng::new();
    file.section(Order::Little)
        .interface(LinkType::Ethernet, 4, &[])
        .simple_packet(3, b"abc")
        .simple_packet(9, b"abcd")
        .obsolete_packet(0, 5_000_000, b"old");
    let expected = [
        (1, 0, LinkType::Ethernet, 3, b"abc".to_vec()),
        (2, 0, LinkType::Ethernet, 9, b"abcd".to_vec()),
        (3, 5 * SECOND, LinkType::Ethernet, 3, b"old".to_vec()),
    ];
    assert_eq!(frames(file.bytes()), expected);
}

#[test]
fn blocks_of_no_interest_are_passed_however_long() {
    let mut file = Pcapng::new();
    file.section(Order::Little)
        .block(4, b"name resolution.")
        .interface(LinkType::Ethernet, 0, &[])
        .block(0x0bad, &vec![1; 20 << 20])
        .packet(0, 1, b"after")
        .block(5, &[0; 16]);
    assert_eq!(frames(file.bytes()), [(1, 1_000, LinkType::Ethernet, 5, b"after".to_vec())]);
}

#[test]
fn options_that_make_no_sense_leave_the_defaults() {
    let mut file = Pcapng::new();
    let mut body = vec![1, 0, 0, 0, 0, 0, 0, 0];
    body.extend([9, 0, 200, 0, 9]);
    file.section(Order::Little).block(1, &body).packet(0, 1, b"x");
    assert_eq!(frames(file.bytes())[0].1, 1_000);
}

/// What the damage is, and after how many frames.
fn damage(file: &Pcapng) -> (usize, Damage) {
    let (seen, end) = read(file.bytes());
    match end {
        Err(CaptureError::Damaged { damage, frame, .. }) => {
            assert_eq!(frame, seen.len() as u64 + 1);
            (seen.len(), damage)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn damage_is_named_after_the_frames_before_it() {
    let begun = || {
        let mut file = Pcapng::new();
        file.section(Order::Little).interface(LinkType::Ethernet, 0, &[]).packet(0, 1, b"good");
        file
    };
    let mut file = begun();
    file.packet(1, 1, b"whose");
    assert_eq!(damage(&file), (1, Damage::UnknownInterface(1)));

    let mut file = begun();
    let mut body = [0; 24];
    body[12] = 5;
    file.block(6, &body);
    assert_eq!(damage(&file), (1, Damage::FrameOverrunsBlock { frame: 5, room: 4 }));

    let mut file = begun();
    file.block(6, &[0; 16]);
    assert_eq!(damage(&file), (1, Damage::BlockLength(28)));

    let mut file = begun();
    file.block(0x0a0d_0d0a, &[0; 16]);
    assert_eq!(damage(&file), (1, Damage::ByteOrder(0)));

    let mut file = begun();
    file.block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(damage(&file), (1, Damage::Version(2)));
}

#[test]
fn lengths_of_a_block_must_agree() {
    let mut file = Pcapng::new();
    file.section(Order::Little).interface(LinkType::Ethernet, 0, &[]).packet(0, 1, b"good");
    let mut bytes = file.bytes().to_vec();
    let last = bytes.len() - 4;
    bytes[last] = 40;
    let CaptureError::Damaged { damage, at_byte, .. } = error(&bytes) else { panic!("damage") };
    assert_eq!((damage, at_byte), (Damage::BlockEnd { begins: 36, ends: 40 }, 48));

    bytes[48 + 4..48 + 8].copy_from_slice(&35_u32.to_le_bytes());
    assert!(matches!(error(&bytes), CaptureError::Damaged { damage: Damage::BlockLength(35), .. }));
    bytes[48 + 4..48 + 8].copy_from_slice(&8_u32.to_le_bytes());
    assert!(matches!(error(&bytes), CaptureError::Damaged { damage: Damage::BlockLength(8), .. }));
}

#[test]
fn interfaces_are_bounded() {
    let mut file = Pcapng::new();
    file.section(Order::Little);
    for _ in 0..65_537 {
        file.interface(LinkType::Ethernet, 0, &[]);
    }
    assert_eq!(damage(&file), (0, Damage::TooManyInterfaces(65_536)));
}

#[test]
fn a_key_log_in_the_capture_is_there_before_the_frames_behind_it() {
    let secrets = |order: Order, kind: u32, text: &[u8], more: u32| {
        let word = |value: u32| if order == Order::Big { value.to_be_bytes() } else { value.to_le_bytes() };
        let mut body = [&word(kind)[..], &word(text.len() as u32 + more), text].concat();
        body.resize(body.len().next_multiple_of(4), 0);
        body
    };
    for order in [Order::Little, Order::Big] {
        let mut file = Pcapng::new();
        file.section(order)
            .interface(LinkType::Ethernet, 0, &[])
            .packet(0, 1, b"a")
            .block(10, &secrets(order, 0x544c_534b, b"CLIENT_RANDOM 1 2\n", 0))
            .block(10, &secrets(order, 0x5747_4b4c, b"of WireGuard", 0))
            // It says that it is longer than its block.
            .block(10, &secrets(order, 0x544c_534b, b"short", 9))
            .packet(0, 2, b"b");
        let mut source =
            FileSource::from_reader(Box::new(std::io::Cursor::new(file.bytes().to_vec())), "it").unwrap();
        source.add_key_log(b"given\n".to_vec().into());
        assert_eq!(source.poll_key_log().unwrap().as_slice(), b"given\n");
        let (mut seen, mut ended) = (Vec::new(), false);
        while !ended {
            seen.extend(source.poll_key_log().map(|text| text.to_vec()));
            ended =
                matches!(source.poll(&mut |frame| seen.push(frame.bytes.to_vec())).unwrap(), Polled::End(_));
        }
        assert_eq!(seen, [&b"a"[..], b"CLIENT_RANDOM 1 2\n", b"b"]);
        assert_eq!(source.secrets_unread(), 1);
    }
}
