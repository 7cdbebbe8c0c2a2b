//! A capture file walked as barely as can be: classic pcap, little-endian, nanoseconds, Ethernet, as the generator writes it.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use earwitness_model::{LinkType, PacketTime, RawFrame};

/// Bytes that are read at once.
const WINDOW: usize = 1 << 20;
/// The header of the file, and that of each frame.
const FILE_HEAD: usize = 24;
const FRAME_HEAD: usize = 16;
/// The first four bytes of such a file.
const MAGIC: [u8; 4] = 0xa1b2_3c4d_u32.to_le_bytes();

/// Hands every frame of the file to `visit`.
///
/// # Errors
/// When it cannot be read, is of another kind, or ends within a frame.
pub fn walk(path: &Path, mut visit: impl FnMut(&RawFrame<'_>)) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut head = [0; FILE_HEAD];
    file.read_exact(&mut head)?;
    if head[..4] != MAGIC {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not the generator's kind of capture"));
    }
    let mut window = vec![0; WINDOW];
    let (mut begin, mut end, mut number) = (0, 0, 0);
    loop {
        while let Some((frame, after)) = next(&window[begin..end], number + 1) {
            visit(&frame);
            number += 1;
            begin += after;
        }
        window.copy_within(begin..end, 0);
        (begin, end) = (0, end - begin);
        match file.read(&mut window[end..])? {
            0 if end == 0 => return Ok(()),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => end += more,
        }
    }
}

/// The frame at the beginning of `bytes`, and where the next one begins.
#[inline]
fn next(bytes: &[u8], number: u64) -> Option<(RawFrame<'_>, usize)> {
    let (head, rest) = bytes.split_first_chunk::<FRAME_HEAD>()?;
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let length = word(8) as usize;
    let time = PacketTime::from_nanos(i64::from(word(0)) * 1_000_000_000 + i64::from(word(4)));
    let frame =
        RawFrame { time, number, link: LinkType::Ethernet, wire_len: word(12), bytes: rest.get(..length)? };
    Some((frame, FRAME_HEAD + length))
}

#[cfg(test)]
mod tests {
    use earwitness_load::{
        Load,
        pcap::{PcapWriter, Precision},
    };

    use super::*;

    #[test]
    fn every_frame_of_a_capture_is_visited_with_its_time_and_a_torn_end_is_told() {
        let load = Load { calls: 40, seconds: 4.0, ..Load::default() };
        let mut writer = PcapWriter::new(Vec::new(), LinkType::Ethernet, Precision::Nano).unwrap();
        let frames: Vec<_> = load.frames().collect();
        frames.iter().for_each(|frame| writer.write(frame.time, &frame.bytes).unwrap());
        let bytes = writer.finish().unwrap();
        assert!(bytes.len() > 2 * WINDOW, "frames lie across windows");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("load.pcap");
        std::fs::write(&path, &bytes).unwrap();
        let mut seen = Vec::new();
        walk(&path, |frame| seen.push((frame.time, frame.number, frame.bytes.to_vec()))).unwrap();
        assert!(seen.into_iter().eq((1..).zip(&frames).map(|(n, frame)| (
            frame.time,
            n,
            frame.bytes.clone()
        ))));
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(walk(&path, |_| ()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
