//! A capture that stops short gives every whole frame before the cut, and says where it is.

use std::io::{self, Cursor, Read};

use earwitness_capture::{CaptureEnd, CaptureError, FileSource, Looks, Polled, Source};
use earwitness_model::{LinkType, PacketTime};
use earwitness_testkit::pcap::{Order, PcapWriter, Pcapng, Precision};

use crate::{drain, gzipped, read};

const FRAMES: [&[u8]; 3] = [b"first", b"", b"the third frame"];

fn classic() -> Vec<u8> {
    let mut writer = PcapWriter::new(Vec::new(), LinkType::Ethernet, Precision::Nano).unwrap();
    FRAMES.iter().for_each(|frame| writer.write(PacketTime::from_nanos(5), frame).unwrap());
    writer.finish().unwrap()
}

fn pcapng() -> Vec<u8> {
    let mut file = Pcapng::new();
    file.section(Order::Little).interface(LinkType::Ethernet, 0, &[]);
    for frame in FRAMES {
        file.packet(0, 5, frame).block(77, b"other");
    }
    file.bytes().to_vec()
}

#[test]
fn a_pcap_file_cut_at_any_byte_gives_the_frames_before_the_cut() {
    let whole = classic();
    // Where the header and each frame end, and so where a cut is none.
    let ends = [24, 45, 61, 92];
    for cut in 4..whole.len() {
        let (seen, end) = read(&whole[..cut]);
        let frames = ends[1..].iter().filter(|end| **end <= cut).count();
        assert_eq!(seen.len(), frames, "cut at {cut}");
        let end = end.unwrap();
        if ends.contains(&cut) {
            assert_eq!(end, CaptureEnd::Complete, "cut at {cut}");
        } else {
            let CaptureEnd::Cut { frame, at_byte, missing } = end else { panic!("cut at {cut}: {end:?}") };
            assert_eq!((frame, at_byte), (frames as u64 + 1, cut as u64));
            let next = ends.iter().find(|end| **end > cut).unwrap();
            assert!((1..=next - cut).contains(&(missing as usize)), "cut at {cut}: {missing}");
        }
    }
}

#[test]
fn a_pcapng_file_cut_at_any_byte_gives_the_frames_before_the_cut() {
    let whole = pcapng();
    let mut ends = vec![28, 48];
    for frame in FRAMES {
        ends.push(ends.last().unwrap() + 32 + frame.len().next_multiple_of(4));
        ends.push(ends.last().unwrap() + 20);
    }
    assert_eq!(*ends.last().unwrap(), whole.len());
    for cut in 4..whole.len() {
        let (seen, end) = read(&whole[..cut]);
        let frames = ends[2..].iter().step_by(2).filter(|end| **end <= cut).count();
        assert_eq!(seen.len(), frames, "cut at {cut}");
        let end = end.unwrap();
        if ends.contains(&cut) {
            assert_eq!(end, CaptureEnd::Complete, "cut at {cut}");
        } else {
            let CaptureEnd::Cut { frame, at_byte, missing } = end else { panic!("cut at {cut}: {end:?}") };
            assert_eq!((frame, at_byte), (frames as u64 + 1, cut as u64));
            let next = ends.iter().find(|end| **end > cut).unwrap();
            assert!((1..=next - cut).contains(&(missing as usize)), "cut at {cut}: {missing}");
        }
    }
}

#[test]
fn a_gzip_file_cut_at_any_byte_is_cut_and_never_complete() {
    for whole in [gzipped(&classic()), gzipped(&pcapng())] {
        let mut most = 0;
        for cut in 2..whole.len() {
            let (seen, end) = read(&whole[..cut]);
            assert!(seen.len() >= most, "a later cut gives no fewer frames");
            most = seen.len();
            match end {
                Ok(CaptureEnd::Cut { frame, .. }) => assert_eq!(frame, most as u64 + 1),
                Err(CaptureError::NotACapture { looks, .. }) => {
                    assert!(matches!(looks, Looks::CutGzip | Looks::Gzipped(_)) && most == 0, "{looks}");
                }
                other => panic!("cut at {cut}: {other:?}"),
            }
        }
        assert_eq!(most, 3, "only the checksum is missing at the last cut");
        assert_eq!(read(&whole).1.unwrap(), CaptureEnd::Complete);
    }
}

#[test]
fn the_first_bytes_alone_are_too_short() {
    for (cut, looks) in [(0, Looks::Empty), (1, Looks::TooShort), (3, Looks::TooShort)] {
        let error = read(&classic()[..cut]).1.unwrap_err();
        assert!(matches!(error, CaptureError::NotACapture { looks: found, .. } if found == looks), "{error}");
    }
}

#[test]
fn a_source_may_go_to_another_thread() {
    let mut source = FileSource::from_reader(Box::new(Cursor::new(classic())), "test").unwrap();
    let seen = std::thread::spawn(move || drain(&mut source).0.len()).join().unwrap();
    assert_eq!(seen, FRAMES.len());
}

#[test]
fn an_end_stays_the_end() {
    let whole = classic();
    let mut source = FileSource::from_reader(Box::new(Cursor::new(whole[..90].to_vec())), "test").unwrap();
    let (_, end) = drain(&mut source);
    let end = end.unwrap();
    assert_eq!(end, CaptureEnd::Cut { frame: 3, at_byte: 90, missing: 2 });
    for _ in 0..3 {
        let mut visits = 0;
        assert_eq!(source.poll(&mut |_| visits += 1).unwrap(), Polled::End(end));
        assert_eq!(visits, 0);
    }
}

/// Gives bytes one by one, interrupted before each, and then fails as a disk does.
struct Failing {
    bytes: Cursor<Vec<u8>>,
    interrupted: bool,
}

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match self.bytes.read(&mut buffer[..1])? {
            0 => Err(io::Error::from_raw_os_error(5)),
            one => Ok(one),
        }
    }
}

#[test]
fn a_disk_that_fails_is_an_error_after_the_frames_before_it() {
    for whole in [classic(), gzipped(&classic())] {
        let reader = Failing { bytes: Cursor::new(whole), interrupted: false };
        let mut source = FileSource::from_reader(Box::new(reader), "sda").unwrap();
        let (seen, end) = drain(&mut source);
        assert_eq!(seen.len(), 3);
        let CaptureError::Unreadable { file, frame, at_byte, source: cause } = end.unwrap_err() else {
            panic!("unreadable")
        };
        assert_eq!((file.as_str(), frame, at_byte, cause.raw_os_error()), ("sda", 4, 92, Some(5)));
        let after = source.poll(&mut |_| {}).unwrap();
        assert_eq!(after, Polled::End(CaptureEnd::Cut { frame: 4, at_byte: 92, missing: 0 }));
    }
}
