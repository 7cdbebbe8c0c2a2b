//! Laws that hold for any bytes.

use std::io::{self, Read};

use earwitness_capture::{CaptureEnd, FileSource};
use earwitness_model::{LinkType, PacketTime};
use earwitness_testkit::pcap::{Order, PcapWriter, Pcapng, Precision};
use proptest::{collection::vec, prelude::*};

use crate::{drain, frames, gzipped, read};

/// Gives bytes in pieces of the given lengths, over and over.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    lengths: Vec<usize>,
    turn: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = self.lengths[self.turn % self.lengths.len()];
        self.turn += 1;
        let length = wanted.min(buffer.len()).min(self.bytes.len() - self.at);
        buffer[..length].copy_from_slice(&self.bytes[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

/// Something like a capture: a good beginning, then blocks, frames and nonsense.
fn almost_a_capture() -> impl Strategy<Value = Vec<u8>> {
    let beginning = prop_oneof![
        Just(b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0".to_vec()),
        Just(b"\xa1\xb2\x3c\x4d\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\xff\xff\0\0\0\x01".to_vec()),
        any::<bool>().prop_map(|big| {
            let mut file = Pcapng::new();
            let order = if big { Order::Big } else { Order::Little };
            file.section(order).interface(LinkType::Ethernet, 64, &[(9, &[0x83])]);
            file.bytes().to_vec()
        }),
        Just(Vec::new()),
    ];
    let piece = prop_oneof![
        vec(any::<u8>(), 0..64),
        (0_u32..8, vec(any::<u8>(), 0..64)).prop_map(|(kind, body)| {
            let mut file = Pcapng::new();
            file.block(kind, &body);
            file.bytes().to_vec()
        }),
        (0_u8..40, vec(any::<u8>(), 0..40)).prop_map(|(length, body)| {
            [&[9, 9, 9, 9, 9, 9, 9, 9, length, 0, 0, 0, length, 0, 0, 0], &body[..]].concat()
        }),
    ];
    (beginning, vec(piece, 0..12)).prop_map(|(beginning, pieces)| [beginning, pieces.concat()].concat())
}

proptest! {
    #[test]
    fn any_bytes_end_and_no_frame_is_made_up(bytes in almost_a_capture(), packed in any::<bool>()) {
        let stored = if packed { gzipped(&bytes) } else { bytes.clone() };
        let (seen, end) = read(&stored);
        let handed_over: usize = seen.iter().map(|frame| frame.4.len()).sum();
        prop_assert!(handed_over <= bytes.len());
        prop_assert!(seen.iter().enumerate().all(|(index, frame)| frame.0 == index as u64 + 1));
        prop_assert!(seen.iter().all(|frame| frame.3 as usize >= frame.4.len()));
        if let Ok(CaptureEnd::Cut { frame, at_byte, .. }) = end {
            prop_assert_eq!((frame, at_byte), (seen.len() as u64 + 1, bytes.len() as u64));
        }
    }

    #[test]
    fn noise_after_a_gzip_header_ends(noise in vec(any::<u8>(), 0..512)) {
        let (seen, _) = read(&[&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &noise].concat());
        prop_assert!(seen.len() <= 512);
    }

    #[test]
    fn how_bytes_arrive_does_not_matter(
        bodies in vec(vec(any::<u8>(), 0..300), 0..40),
        lengths in vec(1_usize..100, 1..8),
        packed in any::<bool>(),
    ) {
        let mut writer = PcapWriter::new(Vec::new(), LinkType::Ethernet, Precision::Nano).unwrap();
        for (second, body) in bodies.iter().enumerate() {
            writer.write(PacketTime::from_nanos(second as i64 * 1_000_000_001), body).unwrap();
        }
        let plain = writer.finish().unwrap();
        let bytes = if packed { gzipped(&plain) } else { plain.clone() };
        let reader = Pieces { bytes, at: 0, lengths, turn: 0 };
        let mut source = FileSource::from_reader(Box::new(reader), "pieces").unwrap();
        let (seen, end) = drain(&mut source);
        prop_assert_eq!(end.unwrap(), CaptureEnd::Complete);
        prop_assert_eq!(&seen, &frames(&plain));
        let read_back: Vec<(i64, &[u8])> = seen.iter().map(|frame| (frame.1, &frame.4[..])).collect();
        let written: Vec<(i64, &[u8])> =
            bodies.iter().enumerate().map(|(n, body)| (n as i64 * 1_000_000_001, &body[..])).collect();
        prop_assert_eq!(read_back, written);
    }
}
