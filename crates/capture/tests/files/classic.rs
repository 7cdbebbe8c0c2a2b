//! Classic pcap, on literal bytes.

use earwitness_capture::{CaptureEnd, CaptureError, Damage};
use earwitness_model::LinkType;

use crate::{Seen, error, frames, read};

/// Two frames, at 1 s 2 units of "abc" and at 4 s 5 units of "de" cut from 9 bytes, in either byte order.
fn file(magic: u32, big: bool) -> Vec<u8> {
    let words = |words: &[u32]| -> Vec<u8> {
        words.iter().flat_map(|word| if big { word.to_be_bytes() } else { word.to_le_bytes() }).collect()
    };
    let version = if big { [0, 2, 0, 4] } else { [2, 0, 4, 0] };
    let more: &[u8] = if magic == 0xa1b2_cd34 { &[0; 8] } else { &[] };
    [
        &words(&[magic])[..],
        &version,
        &words(&[0, 0, 1, 276, 1, 2, 3, 3]),
        more,
        b"abc",
        &words(&[4, 5, 2, 9]),
        more,
        b"de",
    ]
    .concat()
}

fn expected(unit: i64) -> Vec<Seen> {
    let second = 1_000_000_000;
    vec![
        (1, second + 2 * unit, LinkType::LinuxSll2, 3, b"abc".to_vec()),
        (2, 4 * second + 5 * unit, LinkType::LinuxSll2, 9, b"de".to_vec()),
    ]
}

#[test]
fn every_magic_in_both_byte_orders_is_read() {
    for (magic, unit) in [(0xa1b2_c3d4, 1_000), (0xa1b2_3c4d, 1), (0xa1b2_cd34, 1_000)] {
        for big in [false, true] {
            assert_eq!(frames(&file(magic, big)), expected(unit), "{magic:x} big {big}");
        }
    }
}

#[test]
fn the_bytes_of_a_little_endian_file_are_these() {
    let literal = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0\
                    \x80\x1f\x11\x65\x40\xe2\x01\0\x01\0\0\0\x01\0\0\0\x45";
    let time = 0x6511_1f80_i64 * 1_000_000_000 + 123_456_000;
    assert_eq!(frames(literal), [(1, time, LinkType::Ethernet, 1, vec![0x45])]);
}

#[test]
fn a_snap_length_is_not_believed() {
    // The header of `file` says 1 byte, its frames have 3 and 2.
    assert_eq!(frames(&file(0xa1b2_c3d4, false)).len(), 2);
}

#[test]
fn lengths_of_old_versions_are_put_in_order() {
    for (version, lengths) in [([2, 0, 3, 0], [9_u32, 2]), ([2, 0, 3, 0], [2, 9]), ([2, 0, 2, 0], [9, 2])] {
        let mut bytes = file(0xa1b2_c3d4, false);
        bytes[4..8].copy_from_slice(&version);
        let at = bytes.len() - 10;
        bytes[at..at + 4].copy_from_slice(&lengths[0].to_le_bytes());
        bytes[at + 4..at + 8].copy_from_slice(&lengths[1].to_le_bytes());
        assert_eq!(frames(&bytes), expected(1_000), "version {version:?}");
    }
}

#[test]
fn a_link_type_is_the_lower_half_of_its_word() {
    let mut bytes = file(0xa1b2_c3d4, false);
    bytes[20..24].copy_from_slice(&[1, 0, 0, 0x24]);
    assert_eq!(frames(&bytes)[0].2, LinkType::Ethernet);
    bytes[20..24].copy_from_slice(&[147, 0, 0, 0]);
    assert_eq!(frames(&bytes)[0].2, LinkType::Other(147), "an unknown link type is no error");
}

#[test]
fn times_out_of_range_are_added_up() {
    let mut bytes = file(0xa1b2_c3d4, false);
    bytes[24..32].fill(0xff);
    let most = i64::from(u32::MAX);
    assert_eq!(frames(&bytes)[0].1, most * 1_000_000_000 + most * 1_000);
}

#[test]
fn an_original_length_below_the_captured_one_is_raised_to_it() {
    let mut bytes = file(0xa1b2_c3d4, false);
    bytes[36] = 1;
    assert_eq!((frames(&bytes)[0].3, frames(&bytes)[0].4.len()), (3, 3));
}

#[test]
fn a_frame_of_more_than_16_mib_is_damage_and_names_its_place() {
    let mut bytes = file(0xa1b2_c3d4, false);
    let at = bytes.len() - 10;
    bytes[at..at + 4].copy_from_slice(&(16_777_217_u32).to_le_bytes());
    let (seen, end) = read(&bytes);
    assert_eq!(seen, expected(1_000)[..1]);
    let CaptureError::Damaged { file, frame, at_byte, damage } = end.unwrap_err() else { panic!("damage") };
    assert_eq!((file.as_str(), frame, at_byte), ("test", 2, 43));
    assert_eq!(damage, Damage::FrameTooLong(16_777_217));
    assert_eq!(
        error(&bytes).to_string(),
        "test: damaged at frame 2 (byte 43): a frame of 16777217 bytes; copy the file from its source again; the frames before it were read"
    );
}

#[test]
fn a_frame_of_16_mib_is_read() {
    let mut bytes = file(0xa1b2_c3d4, false)[..24].to_vec();
    for length in [16_777_216_u32, 3] {
        bytes.extend([0; 8]);
        bytes.extend(length.to_le_bytes());
        bytes.extend(length.to_le_bytes());
        bytes.resize(bytes.len() + length as usize, 7);
    }
    let lengths: Vec<usize> = frames(&bytes).iter().map(|seen| seen.4.len()).collect();
    assert_eq!(lengths, [16_777_216, 3]);
}

#[test]
fn a_header_without_frames_is_complete() {
    assert_eq!(read(&file(0xa1b2_c3d4, true)[..24]).1.unwrap(), CaptureEnd::Complete);
}
