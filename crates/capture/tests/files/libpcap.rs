//! libpcap reads the same frames from the same files.

use std::{
    env, fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use earwitness_capture::{CaptureError, FileSource};
use earwitness_model::LinkType;
use flate2::read::MultiGzDecoder;
use pcap::{Capture, Precision};

use crate::{Seen, drain};

/// Time in ns, length on the wire, bytes.
type Frame = (i64, u32, Vec<u8>);

/// What libpcap reads of a file, and how it stopped when not at the end.
fn by_libpcap(path: &Path) -> Result<(i32, Vec<Frame>, Option<String>), pcap::Error> {
    let mut capture = Capture::from_file_with_precision(path, Precision::Nano)?;
    let mut frames = Vec::new();
    loop {
        match capture.next_packet() {
            Ok(packet) => {
                let time = packet.header.ts.tv_sec * 1_000_000_000 + packet.header.ts.tv_usec;
                let wire_len = packet.header.len.max(packet.header.caplen);
                frames.push((time, wire_len, packet.data.to_vec()));
            }
            Err(pcap::Error::NoMorePackets) => return Ok((capture.get_datalink().0, frames, None)),
            Err(error) => return Ok((capture.get_datalink().0, frames, Some(error.to_string()))),
        }
    }
}

fn without_number((_, time, _, wire_len, bytes): Seen) -> Frame {
    (time, wire_len, bytes)
}

/// libpcap does not unpack: a gzipped file goes to it as what is in it.
fn plain(path: &Path, scratch: &Path) -> PathBuf {
    let mut bytes = fs::read(path).unwrap();
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return path.to_owned();
    }
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(&bytes[..]).read_to_end(&mut unpacked).unwrap();
    bytes = unpacked;
    let path = scratch.join("unpacked");
    fs::File::create(&path).unwrap().write_all(&bytes).unwrap();
    path
}

fn files(under: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(under).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// What came of one file.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    NoCapture,
    Same(usize),
    /// libpcap reads one link type per file, and stopped where another interface came.
    Refused(String),
}

fn compare(path: &Path, scratch: &Path) -> Outcome {
    let mut source = match FileSource::open(path) {
        Ok(source) => source,
        Err(CaptureError::NotACapture { .. }) => {
            assert!(by_libpcap(path).is_err(), "{}: libpcap reads it", path.display());
            return Outcome::NoCapture;
        }
        Err(error) => panic!("{error}"),
    };
    let (seen, end) = drain(&mut source);
    let links: Vec<LinkType> = seen.iter().map(|frame| frame.2).collect();
    let ours: Vec<Frame> = seen.into_iter().map(without_number).collect();
    let (link, theirs, stopped) = match by_libpcap(&plain(path, scratch)) {
        Ok(read) => read,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    let name = path.display();
    assert_eq!(ours[..theirs.len().min(ours.len())], theirs, "{name}");
    if let Some(error) = stopped {
        let multiple = error.contains("interface") || error.contains("link-layer");
        assert!(multiple || !matches!(end, Ok(earwitness_capture::CaptureEnd::Complete)), "{name}: {error}");
        if multiple {
            return Outcome::Refused(error);
        }
    }
    assert_eq!(ours.len(), theirs.len(), "{name}: {end:?}");
    // libpcap's own numbers differ from the registry's for bare IP: both are 101 there.
    let known =
        u16::try_from(link).map(|number| LinkType::from_number(if number == 12 { 101 } else { number }));
    assert!(links.iter().all(|found| Ok(*found) == known), "{name}: {link}");
    Outcome::Same(ours.len())
}

#[test]
fn every_capture_of_the_corpus_reads_as_libpcap_reads_it() {
    let Some(corpus) = env::var_os("EARWITNESS_CORPUS") else {
        println!("left out: EARWITNESS_CORPUS names no directory of captures");
        return;
    };
    let mut paths = Vec::new();
    files(corpus.as_ref(), &mut paths);
    paths.sort();
    let scratch = tempfile::tempdir().unwrap();
    let (mut captures, mut frames, mut others) = (0, 0, 0);
    for path in &paths {
        match compare(path, scratch.path()) {
            Outcome::Same(count) => {
                captures += 1;
                frames += count;
            }
            Outcome::NoCapture => others += 1,
            Outcome::Refused(why) => println!("{}: libpcap refuses: {why}", path.display()),
        }
    }
    println!("{captures} captures with {frames} frames are the same, {others} other files");
    assert!(captures > 0, "no capture under EARWITNESS_CORPUS");
}

#[test]
fn a_generated_capture_reads_as_libpcap_reads_it() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("load.pcap");
    let load = earwitness_testkit::Load { calls: 3, seconds: 2.0, jitter_ms: 5, ..Default::default() };
    earwitness_testkit::pcap::write_all(fs::File::create(&path).unwrap(), load.frames()).unwrap();
    assert_eq!(compare(&path, scratch.path()), Outcome::Same(load.truth().frames as usize));
}
