//! Gzip by magic number, members one after the other, and files that are no captures.

use std::{
    fs,
    io::{Cursor, Write},
};

use earwitness_capture::{CaptureEnd, CaptureError, Damage, FileSource, Inside, Looks, Polled, Source};
use earwitness_model::{LinkType, PacketTime};
use earwitness_testkit::pcap::{PcapWriter, Precision};
use flate2::{Compression, write::GzEncoder};

use crate::{drain, error, frames, gzipped, read};

fn capture() -> Vec<u8> {
    let mut writer = PcapWriter::new(Vec::new(), LinkType::Ethernet, Precision::Micro).unwrap();
    for number in 0..1_000_u32 {
        let time = PacketTime::from_nanos(i64::from(number) * 1_000);
        writer.write(time, &number.to_be_bytes().repeat(number as usize % 50)).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn compressed_and_plain_give_the_same_frames() {
    let plain = capture();
    let expected = frames(&plain);
    assert_eq!(expected.len(), 1_000);
    assert_eq!(frames(&gzipped(&plain)), expected);
}

#[test]
fn members_follow_one_another_wherever_they_are_parted() {
    let plain = capture();
    let expected = frames(&plain);
    for at in [1, 3, 24, 41, plain.len() / 2, plain.len() - 1] {
        let members = [gzipped(&plain[..at]), gzipped(b""), gzipped(&plain[at..])].concat();
        assert_eq!(frames(&members), expected, "parted at {at}");
    }
}

#[test]
fn zeros_after_the_last_member_are_padding_and_other_bytes_are_not() {
    let packed = gzipped(&capture());
    assert_eq!(frames(&[&packed[..], &[0; 5_000]].concat()).len(), 1_000);
    let (seen, end) = read(&[&packed[..], b"garbage"].concat());
    assert_eq!(seen.len(), 1_000);
    assert!(matches!(end, Err(CaptureError::Damaged { damage: Damage::AfterGzip, frame: 1_001, .. })));
}

#[test]
fn a_wrong_checksum_is_damage_after_the_frames() {
    let mut packed = gzipped(&capture());
    let at = packed.len() - 8;
    packed[at] ^= 1;
    let (seen, end) = read(&packed);
    assert_eq!(seen.len(), 1_000);
    assert!(matches!(end, Err(CaptureError::Damaged { damage: Damage::Gzip, .. })), "{end:?}");
}

#[test]
fn what_is_not_a_capture_is_named() {
    let cases: [(Vec<u8>, Looks); 6] = [
        (b"From: <sip:4001@10.1.0.9>\r\n".to_vec(), Looks::Text),
        (b"<html>".to_vec(), Looks::Html),
        (gzipped(b"just text"), Looks::Gzipped(Inside::Text)),
        (gzipped(b""), Looks::Gzipped(Inside::Nothing)),
        (gzipped(&gzipped(&capture())), Looks::Gzipped(Inside::Gzip)),
        (gzipped(&capture())[..6].to_vec(), Looks::CutGzip),
    ];
    for (bytes, expected) in cases {
        let CaptureError::NotACapture { looks, .. } = error(&bytes) else { panic!("not a capture") };
        assert_eq!(looks, expected);
    }
    let message = error(b"PK\x03\x04rest").to_string();
    assert_eq!(message, "test: not a capture, it is a ZIP archive; unpack it first");
}

#[test]
fn a_file_is_opened_by_its_content_and_tells_its_progress() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gzip-by-content.pcap");
    let packed = gzipped(&capture());
    fs::File::create(&path).unwrap().write_all(&packed).unwrap();
    let mut source = FileSource::open(&path).unwrap();
    assert_eq!(source.progress().total_bytes, Some(packed.len() as u64));
    assert!(source.progress().read_bytes <= packed.len() as u64);
    let (seen, end) = drain(&mut source);
    assert_eq!((seen.len(), end.unwrap()), (1_000, CaptureEnd::Complete));
    assert_eq!(source.progress().read_bytes, packed.len() as u64);
}

#[test]
fn a_directory_and_a_missing_file_are_errors_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let error = FileSource::open(directory.path()).unwrap_err();
    assert!(matches!(error, CaptureError::NotACapture { looks: Looks::Directory, .. }));
    let missing = directory.path().join("missing.pcap");
    let error = FileSource::open(&missing).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: cannot be opened: ", missing.display())), "{error}");
}

#[test]
fn a_batch_is_at_most_256_frames() {
    let mut source = FileSource::from_reader(Box::new(Cursor::new(capture())), "test").unwrap();
    let mut batches = Vec::new();
    loop {
        let mut frames = 0;
        let polled = source.poll(&mut |_| frames += 1).unwrap();
        batches.push(frames);
        if let Polled::End(_) = polled {
            break;
        }
    }
    // The end is found by reading on, which no poll does that lent something.
    assert_eq!(batches, [256, 256, 256, 232, 0]);
    assert_eq!(source.progress().total_bytes, None);
}

/// Bytes that this process had in memory at most (`VmHWM` of proc(5)), in KiB.
fn most_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn what_unpacks_to_a_thousand_times_its_size_is_read_a_window_at_a_time() {
    const FRAMES: u32 = 16;
    const LENGTH: usize = FileSource::MAX_FRAME as usize;
    let mut writer = PcapWriter::new(
        GzEncoder::new(Vec::new(), Compression::fast()),
        LinkType::Ethernet,
        Precision::Micro,
    )
    .unwrap();
    let zeros = vec![0; LENGTH];
    (0..FRAMES).for_each(|_| writer.write(PacketTime::EPOCH, &zeros).unwrap());
    let packed = writer.finish().unwrap().finish().unwrap();
    drop(zeros);
    assert!(packed.len() * 100 < FRAMES as usize * LENGTH, "{} bytes", packed.len());
    let before = most_kib();
    let mut source = FileSource::from_reader(Box::new(Cursor::new(packed)), "bomb").unwrap();
    let mut seen = 0;
    let end = loop {
        match source.poll(&mut |frame| seen += u32::from(frame.bytes.len() == LENGTH)) {
            Ok(Polled::Frames) => {}
            other => break other,
        }
    };
    assert!(matches!(end, Ok(Polled::End(CaptureEnd::Complete))), "{end:?}");
    assert_eq!(seen, FRAMES);
    // One frame of the greatest length, what is read ahead of it, and what the other tests of this program need.
    let grown = most_kib().saturating_sub(before);
    assert!(grown < 4 * LENGTH as u64 / 1024, "{grown} KiB");
}
